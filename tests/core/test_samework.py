"""Which events are work that was recorded before, by commit, by thing on GitHub, by row."""

from __future__ import annotations

from ledger.core.samework import Again, Work, alike, perhaps_again, recorded_again
from ledger.core.values import EventId

DAY = "2026-01-06T10:00:00.000Z"


def commit(
    name: str,
    title: str = "one",
    account: str = "ann",
    time: str = DAY,
    *,
    here: bool = True,
    kind: str = "commit_authored",
) -> Work:
    return Work(EventId(name), "git", kind, time, account, f"git:{name}", title, None, None, here)


def thing(name: str, repository: str, number: str = "7", *, account: str = "1", here: bool = True) -> Work:
    return Work(
        EventId(name), "github", "pr_merged", DAY, account, f"https://x/{name}", "Fix", number, repository, here
    )


def again(works: list[Work], gone: str = "") -> list[tuple[str, str]]:
    return [tuple(pair) for pair in recorded_again(works, lambda event_id: event_id not in gone.split())]


def test_a_rewritten_commit_is_the_work_of_the_one_that_is_gone() -> None:
    works = [commit("a", here=False), commit("b", "reworded")]
    assert again(works, "a") == [("b", "a")]
    assert again(works) == []  # two commits of one second, both there
    assert again([commit("a", here=False), commit("b", "reworded", here=False)], "a") == []  # not of this epoch
    assert again([commit("a"), commit("b", "reworded", time="2026-01-06T10:00:01.000Z")], "a") == []


def test_history_that_is_rewritten_twice_leads_to_the_first_event() -> None:
    works = [commit("a", here=False), commit("b", "x", here=False), commit("c", "y")]
    assert again(works, "a b") == [("c", "a")]
    assert again(works, "b") == [("c", "b")]


def test_each_commit_that_is_gone_stands_for_one_new_commit() -> None:
    works = [
        commit("a", "p", here=False),
        commit("b", "q", here=False),
        commit("c", "r"),
        commit("d", "s"),
        commit("e", "t"),
    ]
    assert again(works, "a b") == [("c", "a"), ("d", "b")]


def test_a_cherry_pick_is_the_same_work_and_a_changed_address_does_not_hide_it() -> None:
    assert again([commit("a", here=False), commit("b")]) == [("b", "a")]
    assert again([commit("a", here=False), commit("b", account="ann2")], "a") == [("b", "a")]
    assert again([commit("a", here=False), commit("b", account="ann2")]) == []
    assert again([commit("a", here=False), commit("b", "other", account="ann2")], "a") == []


def perhaps(new: list[Work], gone: list[Work], *, came: bool = True) -> list[tuple[str, str]]:
    return [tuple(pair) for pair in perhaps_again(new, gone, {work.id for work in new} if came else ())]


def test_a_commit_that_is_gone_stands_for_one_of_its_account_and_title_whatever_the_moment() -> None:
    later = "2026-02-01T10:00:00.000Z"
    gone = [commit("a", "wip"), commit("b", "wip"), commit("c", "other")]
    new = [commit(name, "wip", time=later) for name in "xyz"]
    assert perhaps(new, gone, came=False) == [("x", "a"), ("y", "b")]
    assert perhaps([commit("x", "wip", kind="commit_coauthored")], gone, came=False) == []
    assert perhaps([commit("x", "wip", account="ben")], gone, came=False) == []
    assert perhaps([commit("x", "new")], gone, came=False) == []


def test_with_a_rewriting_as_many_of_an_account_wait_as_are_gone() -> None:
    gone = [commit("a", "one"), commit("b", "two"), commit("c", "three", account="cat")]
    new = [commit("v", "x"), commit("w", "two"), commit("x", "y"), commit("y", "z"), commit("z", "three", account="d")]
    assert perhaps(new, gone) == [("w", "b"), ("z", "c"), ("v", "a")]
    untitled = [commit("a", "")]
    assert perhaps([commit("x", "", account="ben")], untitled) == []
    assert perhaps([commit("x", "one", account="ben", kind="commit_coauthored")], [commit("a", "one")]) == []


def test_things_of_a_repository_that_was_imported_anew_are_the_same_work() -> None:
    old = thing("old:7", "100", here=False)
    assert again([old, thing("new:7", "200")]) == [("new:7", "old:7")]
    assert again([old, thing("new:8", "200", "8")]) == []
    assert again([old, thing("new:7", "200", account="2")]) == []
    assert again([old, thing("other", "100")]) == []


def test_rows_that_repeat_another_in_all_but_the_id_are_alike() -> None:
    row = Work(EventId("file:w:a1"), "file", "governance", DAY, "ann", "https://x/1", None, None, None, False)
    works = [row, row._replace(id=EventId("file:w:b1"), here=True), row._replace(id=EventId("c"), artifact_url="y")]
    assert list(alike(works)) == [Again(EventId("file:w:b1"), EventId("file:w:a1"))]
