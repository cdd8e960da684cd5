"""Work that comes again under another id is paid once, and people are told what to look at before they sign."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ledger.compute import settled
from ledger.compute.engine import Engine
from ledger.core.values import parse_time
from ledger.flows.collect import collect, remarks_after
from ledger.flows.decide import curate
from ledger.flows.digest import digest
from ledger.flows.drafting import preview
from ledger.flows.identity import bind
from ledger.flows.ingest import Ingest
from ledger.flows.review import review
from ledger.flows.session import Session
from ledger.flows.sign import finalize
from ledger.flows.start import NodePlan, SourcePlan, init_node
from ledger.flows.views import status
from ledger.store.epochfolder import EpochFolder
from tests.nodes import NODE_ID, WALLETS, at, make_node, sign_as, sign_sets
from tests.sources.gitworld import ANN, BEN, GitWorld


@pytest.fixture(autouse=True)
def _all_finalized_logs_are_indexed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settled, "SIZES", (1,))


def git_node(root: Path) -> Path:
    init_node(
        root,
        NodePlan(
            name="test node",
            start=parse_time("2026-01-05"),
            approvers=[("ann", WALLETS["ann"])],
            sources=[SourcePlan("git", "code", {"repository": "repo", "branch": "main"})],
            node_id=NODE_ID,
        ),
    )
    return root


def close(root: Path, day: str) -> None:
    with at(root, f"{day}T01:00:00Z", "ann") as session:
        folder = session.folder("default", None)
        review(session, folder, Ingest(session))
        sign_sets(session, "default", "ann")
        sign_as(session, folder, "ann")
        finalize(session, folder)


def included(session: Session) -> list[str]:
    derived = preview(session, session.folder("default", None))
    return sorted(event.id for event in derived.loaded.outcomes() if event.included)


def words(session: Session) -> str:
    return "\n".join(f"{about} {text}" for about, text in digest(session, session.folder("default", None)).notices)


def test_rewritten_history_is_paid_once_and_told_and_a_curator_can_include_it(tmp_path: Path) -> None:
    world = GitWorld(git_node(tmp_path) / "repo")
    first = world.commit("2026-01-06", "one (a secret)")
    world.commit("2026-01-07", "two\n\nCo-authored-by: Ben <ben@example.org>", first)
    world.write()
    with at(tmp_path, "2026-01-08", "ann") as session:
        for _, address in (ANN, BEN):
            bind(session, "git", address, actor="ann")
        collect(session)
    before = world.oids[first]
    close(tmp_path, "2026-01-12")
    again = world.commit("2026-01-06", "one")
    last = world.commit("2026-01-07", "two\n\nCo-authored-by: Ben <ben@example.org>\n", again)
    world.commit("2026-01-12T00:10:00Z", "three", last)
    tip = world.write()
    with at(tmp_path, "2026-01-13", "ann") as session:
        run = collect(session)
        assert run.reports[0].added == 4
        assert included(session) == [f"git:commit:{tip}"]
        folder = session.folder("default", None)
        line = next(each for each in folder.curation() if each.event_id == f"git:commit:{world.oids[again]}")
        assert (line.actor, line.action, line.note) == (
            "policy", "exclude", f"policy: the same work as git:commit:{before}",
        )  # fmt: skip
        assert "3 events left out: work that was recorded before" in words(session)
        assert remarks_after(session, run) == list(status(session)[-1].remarks)
        lines = folder.curation()
        collect(session)
        assert session.folder("default", None).curation() == lines
        curate(session, folder, "include", line.event_id, note="done twice indeed")
        collect(session)
        assert included(session) == sorted([line.event_id, f"git:commit:{tip}"])


def test_a_cherry_pick_counts_once_and_one_person_once_for_one_commit(tmp_path: Path) -> None:
    world = GitWorld(git_node(tmp_path) / "repo")
    base = world.commit("2026-01-05T10:00:00Z", "base")
    fix = world.commit("2026-01-06", "fix\n\nCo-authored-by: Ann <ann.work@example.org>", base)
    other = world.commit("2026-01-06T01:00:00Z", "other", base)
    picked = world.commit("2026-01-06", "fix", other)
    world.commit("2026-01-07", "merge", fix, picked)
    world.write()
    with at(tmp_path, "2026-01-08", "ann") as session:
        ann = bind(session, "git", ANN[1], actor="ann").user_id
        bind(session, "git", "ann.work@example.org", user_id=ann, actor="ann")
        collect(session)
        assert len(included(session)) == 4  # three commits, one co-author
    close(tmp_path, "2026-01-12")
    with at(tmp_path, "2026-01-12T02:00:00Z") as session:
        folder = session.node.epoch("default", 1)
        notes = [line.note or "" for line in folder.curation()]
        assert [note.partition(" git:")[0] for note in notes] == [
            "policy: the same work as", "policy: the same person is credited for this work already",
        ]  # fmt: skip


def test_what_comes_twice_goes_away_or_has_no_weight_is_told(tmp_path: Path) -> None:
    head = "id,time,event_type,account,evidence\n"
    row = "2026-01-06,{},ann,https://example.org/1\n"
    make_node(tmp_path, rows=head + "a1," + row.format("governance") + "a2," + row.format("goverance"))
    with at(tmp_path, "2026-01-07") as session:
        run = collect(session)
        assert [text for _, text in remarks_after(session, run)] == [
            "counted as 0: the weights do not name that kind; file:governance is like it and has one"
        ]
    (tmp_path / "work.csv").write_text(head + "b1," + row.format("governance"))
    with at(tmp_path, "2026-01-08") as session:
        run = collect(session)
        assert run.reports[0].gone == ["file:work:a1", "file:work:a2"]
        told = words(session)
        assert "file:work:b1 repeats file:work:a1 in all but the id" in told
        assert "file:work:a1, file:work:a2 no longer in the file" in told
        assert "1 event of kind file:goverance" in told
    with at(tmp_path, "2026-01-09", "ann") as session:
        curate(session, session.folder("default", None), "exclude", "file:work:b1", note="renamed")
        assert "repeats" not in words(session)


def test_machines_and_redirections_are_told(tmp_path: Path) -> None:
    world = GitWorld(git_node(tmp_path) / "repo")
    mailmap = "Ben <ben@example.org> <ann@example.org>\nBen <ben@example.org> <old@example.org>\n"
    first = world.commit("2026-01-06", "one", files={".mailmap": mailmap, "a": "1"})
    second = world.commit("2026-01-07", "two", first, author=("x", "old@example.org"))
    world.commit("2026-01-07", "three\n\nCo-authored-by: Claude <noreply@anthropic.com>", second, author=BEN)
    world.write()
    with at(tmp_path, "2026-01-08") as session:
        bind(session, "git", ANN[1], actor="ann")
        collect(session)
        told = words(session)
    assert "1 event kept with whom the ledger bound the account to" in told
    assert "1 event given to another account than the commit names" in told
    assert "Claude 1 left out as machines" in told


def redated(world: GitWorld, hour: str, *titles: str, base: int | None = None) -> str:
    """A branch of these commits by Ann, each at a moment of its own on the day; gives the tip."""
    last = base
    for number, title in enumerate(titles):
        last = world.commit(f"{hour}:{number:02}:00Z", title, *([last] if last else []))
    return world.write()


def holds(session: Session) -> dict[str, str]:
    """What waits for a person, by the title of the commit that is gone."""
    folder = session.folder("default", None)
    lines = [line for line in folder.curation() if (line.note or "").startswith("policy: perhaps the same work as ")]
    return {line.event_id: (line.note or "").rpartition(" ")[2] for line in lines}


def test_history_that_is_rewritten_with_new_author_dates_is_not_paid_again_before_somebody_decides(
    tmp_path: Path,
) -> None:
    world = GitWorld(git_node(tmp_path) / "repo")
    redated(world, "2026-01-06T10", "one", "two\n\nCo-authored-by: Ben <ben@example.org>", "three")
    old = dict(world.oids)
    with at(tmp_path, "2026-01-08", "ann") as session:
        for _, address in (ANN, BEN):
            bind(session, "git", address, actor="ann")
        collect(session)
    close(tmp_path, "2026-01-12")
    redated(world, "2026-01-12T00", "one", "two\n\nCo-authored-by: Ben <ben@example.org>", "three, reworded", "four")
    new = world.oids
    with at(tmp_path, "2026-01-13", "ann") as session:
        collect(session)
        assert holds(session) == {
            f"git:commit:{new[4]}": f"git:commit:{old[1]}",
            f"git:commit:{new[5]}": f"git:commit:{old[2]}",
            f"git:coauthor:{new[5]}:1": f"git:coauthor:{old[2]}:1",
            f"git:commit:{new[6]}": f"git:commit:{old[3]}",
        }
        assert included(session) == [f"git:commit:{new[7]}"]
        assert "4 events held back: a branch was rewritten" in words(session)
        lines = session.folder("default", None).curation()
        collect(session)
        assert session.folder("default", None).curation() == lines
        curate(session, session.folder("default", None), "include", f"git:commit:{new[6]}", note="other work indeed")
        assert included(session) == sorted([f"git:commit:{new[6]}", f"git:commit:{new[7]}"])
    close(tmp_path, "2026-01-19")
    redated(world, "2026-01-19T00", "one", "two", "three, reworded", "five")
    with at(tmp_path, "2026-01-20", "ann") as session:
        collect(session)
        kept = {world.oids[number]: name for number, name in zip((8, 9, 10, 11), ("one", "two", "3", "5"), strict=True)}
        assert {kept[each.split(":")[2]] for each in holds(session)} == {"one", "two", "3", "5"}
        assert included(session) == []  # "four" is gone without a trace: "five" may be it


def test_a_rewriting_that_is_seen_between_an_epochs_end_and_its_review_holds_back_what_it_brings_to_the_next(
    tmp_path: Path,
) -> None:
    world = GitWorld(git_node(tmp_path) / "repo")
    old = redated(world, "2026-01-06T10", "one")
    with at(tmp_path, "2026-01-08", "ann") as session:
        bind(session, "git", ANN[1], actor="ann")
        collect(session)
    new = redated(world, "2026-01-12T00", "one, reworded")
    close(tmp_path, "2026-01-12")  # looks again at the week that is over, and sees the branch
    with at(tmp_path, "2026-01-13", "ann") as session:
        collect(session)
        assert holds(session) == {f"git:commit:{new}": f"git:commit:{old}"}
        assert included(session) == []
    close(tmp_path, "2026-01-19")
    last = world.commit("2026-01-19T00:30:00Z", "two", 2)
    world.write(last)
    with at(tmp_path, "2026-01-20", "ann") as session:
        collect(session)
        assert included(session) == [f"git:commit:{world.oids[last]}"]  # it came with no rewriting


def test_what_was_recorded_of_a_repository_that_left_the_scope_is_not_gone(tmp_path: Path) -> None:
    world, other = GitWorld(git_node(tmp_path) / "repo"), GitWorld(tmp_path / "other")
    scope = tmp_path / "scopes/default.yaml"
    alone = scope.read_text("utf-8") + "      web: https://example.org/repo\n"
    entry = alone[alone.index('  - source: "git"') :]
    scope.write_text(
        alone + entry.replace("code", "other").replace('"repo"', '"other"').replace("org/repo", "org/other")
    )
    old = redated(world, "2026-01-06T10", "one")
    redated(other, "2026-01-06T12", "a", "b", "c")
    with at(tmp_path, "2026-01-08", "ann") as session:
        bind(session, "git", ANN[1], actor="ann")
        collect(session)
        assert len(included(session)) == 4
    close(tmp_path, "2026-01-12")
    scope.write_text(alone, "utf-8")
    redated(world, "2026-01-12T00", "reworded", "two", "three")
    with at(tmp_path, "2026-01-13", "ann") as session:
        collect(session)
        assert list(holds(session).values()) == [f"git:commit:{old}"]
        assert len(included(session)) == 2


def two_sources(root: Path) -> tuple[GitWorld, GitWorld]:
    """A node whose scope reads two repositories, `code` and `other`, and the two."""
    world, other = GitWorld(git_node(root) / "repo"), GitWorld(root / "other")
    scope = root / "scopes/default.yaml"
    text = scope.read_text("utf-8")
    entry = text[text.index('  - source: "git"') :]
    scope.write_text(text + entry.replace("code", "other").replace('"repo"', '"other"'), "utf-8")
    return world, other


@pytest.mark.parametrize("asked", [None, "code"])
def test_what_could_not_be_decided_while_a_repository_was_away_is_decided_once_it_is_back(
    tmp_path: Path, asked: str | None
) -> None:
    world, other = two_sources(tmp_path)
    redated(world, "2026-01-06T10", "one", "two")
    redated(other, "2026-01-06T12", "a")
    with at(tmp_path, "2026-01-08", "ann") as session:
        bind(session, "git", ANN[1], actor="ann")
        collect(session)
    close(tmp_path, "2026-01-12")
    redated(world, "2026-01-12T10", "reworded", "reworded too")
    away = other.path.rename(tmp_path / "away")
    with at(tmp_path, "2026-01-13", "ann") as session:
        run = collect(session, source=asked)
        assert [each.stream for each in run.reports if each.error is not None] == ([] if asked else ["other"])
        assert holds(session) == {}
    away.rename(other.path)
    with at(tmp_path, "2026-01-14", "ann") as session:
        assert [run.added for run in collect(session).reports] == [0, 0]
        assert len(holds(session)) == 2
        lines = session.folder("default", None).curation()
    other.path.rename(away)
    with at(tmp_path, "2026-01-19T01:00:00Z", "ann") as session:
        folder = session.node.epoch("default", 2)
        review(session, folder, Ingest(session), accepted_gaps=("other",))
        assert folder.curation() == lines
        assert [event.id for event in preview(session, folder).loaded.outcomes() if event.included] == []


def test_a_branch_that_is_rewritten_while_its_repository_moves_to_another_address_is_not_paid_again(
    tmp_path: Path,
) -> None:
    world = GitWorld(git_node(tmp_path) / "repo")
    scope = tmp_path / "scopes/default.yaml"
    text = scope.read_text("utf-8")
    scope.write_text(text + "      web: https://a.example/repo\n", "utf-8")
    redated(world, "2026-01-06T10", "one", "two")
    with at(tmp_path, "2026-01-08", "ann") as session:
        bind(session, "git", ANN[1], actor="ann")
        collect(session)
    close(tmp_path, "2026-01-12")
    scope.write_text(text + "      web: https://b.example/repo\n", "utf-8")
    redated(world, "2026-01-12T10", "reworded", "reworded too")
    with at(tmp_path, "2026-01-13", "ann") as session:
        collect(session)
        assert len(holds(session)) == 2
        assert included(session) == []


def test_a_reworded_commit_that_is_dated_weeks_ahead_waits_in_its_week_and_honest_work_of_that_week_does_not(
    tmp_path: Path,
) -> None:
    world = GitWorld(git_node(tmp_path) / "repo")
    base = world.commit("2026-01-05T10:00:00Z", "base")
    world.write(world.commit("2026-01-06T10:00:00Z", "feature", base))
    with at(tmp_path, "2026-01-08", "ann") as session:
        bind(session, "git", ANN[1], actor="ann")
        collect(session)
    old = world.oids[2]
    ahead = world.commit("2026-01-20T10:00:00Z", "reworded", base)  # two windows on
    world.write(ahead)
    with at(tmp_path, "2026-01-09", "ann") as session:
        collect(session)
    close(tmp_path, "2026-01-12")
    with at(tmp_path, "2026-01-13", "ann") as session:
        collect(session)
    close(tmp_path, "2026-01-19")
    honest = world.commit("2026-01-20T11:00:00Z", "honest", ahead)
    world.write(honest)
    with at(tmp_path, "2026-01-21", "ann") as session:
        collect(session)
        assert holds(session) == {f"git:commit:{world.oids[ahead]}": f"git:commit:{old}"}
        assert included(session) == [f"git:commit:{world.oids[honest]}"]


def test_long_after_a_rewriting_a_run_that_brings_nothing_reads_no_older_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = GitWorld(git_node(tmp_path) / "repo")
    redated(world, "2026-01-06T10", "one")
    with at(tmp_path, "2026-01-08", "ann") as session:
        collect(session)
    redated(world, "2026-01-08T12", "reworded")
    close(tmp_path, "2026-01-12")
    with at(tmp_path, "2026-01-13", "ann") as session:
        collect(session)
    close(tmp_path, "2026-01-19")
    redated(world, "2026-01-19T10", "one", "two")
    rows, cursors = Engine.rows, EpochFolder.cursors
    read = Counter[str]()

    def asking(engine: Engine, name: str, **values: Any) -> Any:
        read["logs"] += len(values["shards"]) if name == "commits" else 0
        return rows(engine, name, **values)

    def reading(folder: EpochFolder) -> Any:
        read["cursors"] += 1
        return cursors(folder)

    monkeypatch.setattr(Engine, "rows", asking)
    monkeypatch.setattr(EpochFolder, "cursors", reading)

    def run(time: str) -> dict[str, int]:
        read.clear()
        with at(tmp_path, time, "ann") as session:
            collect(session)
        return dict(read)

    assert run("2026-01-20T00:00:00Z") == {"cursors": 3, "logs": 2}, "it sees another rewriting; each log once"
    assert run("2026-01-20T02:00:00Z") == {"cursors": 2, "logs": 0}
    world.write(world.commit("2026-01-20T03:00:00Z", "three", 4))
    assert run("2026-01-20T04:00:00Z") == {"cursors": 2, "logs": 2}
    assert run("2026-01-26T00:30:00Z")["logs"] >= 2, "the week is over: what a killed run left is done"


def test_what_was_recorded_before_a_rewriting_and_work_of_others_does_not_wait(tmp_path: Path) -> None:
    world = GitWorld(git_node(tmp_path) / "repo")
    base = world.commit("2026-01-05T10:00:00Z", "base")
    world.commit("2026-01-06", "wip", base)
    world.write()
    with at(tmp_path, "2026-01-08T00:00:00Z", "ann") as session:
        collect(session)
    kept = world.commit("2026-01-08T01:00:00Z", "wip", base)
    world.write()
    with at(tmp_path, "2026-01-08T06:00:00Z", "ann") as session:
        collect(session)
        assert len(holds(session)) == 1  # "wip" is gone, and another "wip" came for it
        first = next(iter(holds(session)))
        curate(session, session.folder("default", None), "include", first, note="other work")
    world.commit("2026-01-08T07:00:00Z", "wip", kept, author=BEN)
    last = world.commit("2026-01-08T08:00:00Z", "wip", kept)
    world.write(last)
    with at(tmp_path, "2026-01-08T12:00:00Z", "ann") as session:
        collect(session)
        assert list(holds(session)) == [first]  # somebody said what became of the one that is gone


def test_a_commit_that_comes_back_later_under_another_date_waits_too(tmp_path: Path) -> None:
    world = GitWorld(git_node(tmp_path) / "repo")
    base = world.commit("2026-01-05T10:00:00Z", "base")
    world.commit("2026-01-06", "feature", base)
    world.write()
    with at(tmp_path, "2026-01-08", "ann") as session:
        collect(session)
    old = world.oids[2]
    close(tmp_path, "2026-01-12")
    world.write(base)
    with at(tmp_path, "2026-01-13", "ann") as session:
        collect(session)
        assert holds(session) == {}
    close(tmp_path, "2026-01-19")
    other = world.commit("2026-01-19T10:00:00Z", "other", base)
    world.commit("2026-01-19T11:00:00Z", "feature", other, author=BEN)
    back = world.commit("2026-01-19T12:00:00Z", "feature", other)
    world.write()
    with at(tmp_path, "2026-01-20", "ann") as session:
        collect(session)
        assert holds(session) == {f"git:commit:{world.oids[back]}": f"git:commit:{old}"}
