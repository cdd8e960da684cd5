"""What an approver is told: who stands out, who is new, what nobody claimed, what changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.flows import digest as flow
from ledger.flows.collect import collect
from ledger.flows.digest import Digest, digest
from ledger.flows.identity import bind
from ledger.flows.sign import finalize
from tests.nodes import at, make_node, sign_as

HEAD = "id,time,event_type,account,login,evidence,title\n"
WEEKS = ("2026-01-13", "2026-01-20", "2026-01-27")
PEOPLE = ("alice", "bob", "carol", "dan", "erin", "frank", "grace", "heidi", "ivan[bot]")


def rows(*weeks: dict[str, int]) -> str:
    """A file source's rows: each week's people with how many events of one unit each has."""
    lines = [
        f"w{week}-{place}-{number},2026-01-{6 + 7 * week:02d}T09:00:00Z,community,{name},{name},https://example.org/{number},Work\n"
        for week, people in enumerate(weeks)
        for place, (name, events) in enumerate(people.items())
        for number in range(events)
    ]
    return HEAD + "".join(lines)


def told(root: Path, text: str, *, weeks: int = 1, settings: str = "") -> Digest:
    """The digest of the last of so many epochs, in review; those before it are final."""
    make_node(root, rows=text)
    with (root / "scopes" / "default.yaml").open("a", encoding="utf-8") as file:
        file.write(settings)
    with at(root, "2026-01-05T00:00:00Z", "ann") as session:
        for name in PEOPLE:
            bind(session, "file", name, login=name, evidence="the minutes", actor="ann")
    for number, day in enumerate(WEEKS[:weeks], start=1):
        with at(root, f"{day}T06:00:00Z", "ann") as session:
            collect(session, "default")
            folder = session.folder("default", number)
            assert folder.state() == "review"
            if number == weeks:
                return digest(session, folder)
            sign_as(session, folder, "ann", "ben")
            finalize(session, folder)
    raise AssertionError("at least one week")


def test_whoever_gets_more_than_a_quarter_stands_out(tmp_path: Path) -> None:
    found = told(tmp_path / "n", rows({"alice": 3, "bob": 2, "carol": 2, "dan": 1, "erin": 1}))
    assert found.notices == (("alice", "gets 33 % of the epoch (more than 25 %)"),)


@pytest.mark.parametrize(("percent", "names"), [(34, []), (33, ["alice"]), (10, ["alice", "bob", "carol", "dan"])])
def test_how_much_stands_out_is_set_in_the_scope(tmp_path: Path, percent: int, names: list[str]) -> None:
    text = rows({"alice": 34, "bob": 23, "carol": 22, "dan": 12, "erin": 10})
    found = told(tmp_path / "n", text, settings=f"outlier_percent: {percent}\n")
    assert [name for name, _ in found.notices] == names


def test_a_newcomer_is_new_once_and_who_comes_back_is_not_new(tmp_path: Path) -> None:
    text = rows({"alice": 1, "bob": 1, "carol": 1, "dan": 1}, {"alice": 1, "bob": 1, "carol": 1, "erin": 1}, PAUSE)
    found = told(tmp_path / "n", text, weeks=3)
    assert {one.name: (one.new, one.before, one.change) for one in found.people} == {
        "alice": (False, 2500, -500),
        "bob": (False, 2500, -500),
        "dan": (False, 0, 2000),
        "erin": (False, 2500, -500),
        "frank": (True, 0, 2000),
    }
    assert found.notices == (("frank", "is new here and gets 2000 credits"),)
    assert found.left == (("carol", 2500),)


PAUSE = {"alice": 1, "bob": 1, "dan": 1, "erin": 1, "frank": 1}


def test_nobody_is_new_in_the_first_epoch(tmp_path: Path) -> None:
    found = told(tmp_path / "n", rows({"alice": 1, "bob": 1, "carol": 1, "dan": 1}))
    assert not any(one.new for one in found.people) and found.notices == ()


def test_of_many_newcomers_those_who_get_most_are_named(tmp_path: Path) -> None:
    new = {name: 10 - number for number, name in enumerate(PEOPLE[1:8])}
    found = told(tmp_path / "n", rows({"alice": 1}, {"alice": 10, **new}), weeks=2)
    named = [who for who, why in found.notices if why.startswith("is new here")]
    assert named == ["bob", "carol", "dan", "erin", "frank"]
    credits = {one.name: one.credits for one in found.people}
    rest = credits["grace"] + credits["heidi"]
    assert found.notices[-1] == ("2 more", f"are new here and get {rest} credits together")


def test_those_who_are_gone_are_listed_the_largest_first(tmp_path: Path) -> None:
    found = told(tmp_path / "n", rows({"alice": 1, "bob": 3, "carol": 6}, {"dan": 1}), weeks=2)
    assert found.left == (("carol", 6000), ("bob", 3000), ("alice", 1000))


def test_what_looks_automated_is_pointed_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "MANY_EVENTS", 4)
    found = told(tmp_path / "n", rows({"alice": 5, "bob": 4, "carol": 4, "dan": 4, "ivan[bot]": 4}))
    assert found.notices == (
        ("alice", "has 5 events in one epoch, which looks automated"),
        ("ivan[bot]", "has a name that looks automated"),
    )


def test_events_that_written_rules_left_out_are_counted_and_are_no_decision_of_a_person(tmp_path: Path) -> None:
    rule = "spam:\n  - source: file\n    most_per_day: 2\n"
    found = told(tmp_path / "n", rows({"alice": 4, "bob": 2, "carol": 2, "dan": 2, "erin": 2}), settings=rule)
    assert found.by_rule == 2
    assert found.notices == (("2 events", "are left out by the scope's written rules"),)
    assert [one.what for one in found.decisions] == ["records 10000 credits as"]


def test_what_nobody_claimed_is_shown_with_what_it_would_earn(tmp_path: Path) -> None:
    text = rows({"alice": 2, "bob": 1, "mallory": 1})
    (one,) = told(tmp_path / "n", text).unclaimed
    assert (one.account, one.login, one.events, one.units) == ("file:mallory", "mallory", 1, 2000)
    bound = told(tmp_path / "bound", text.replace("mallory", "carol"))
    assert one.credits == next(share.credits for share in bound.people if share.name == "carol")


def test_every_stream_says_how_complete_it_is(tmp_path: Path) -> None:
    (stream,) = told(tmp_path / "n", rows({"alice": 2})).streams
    assert stream.complete and stream.events_seen == 2 and stream.missing == ()
