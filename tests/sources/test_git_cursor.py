"""Nothing is lost: late pushes, dates ahead, rewritten branches and killed runs, over windows in any rhythm."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.core.values import Timestamp, from_milliseconds
from ledger.core.windows import HOUR, Window, merge
from ledger.sources import git as git_module
from ledger.sources.port import StreamCursor
from tests.sources.gitworld import GitWorld, at
from tests.sources.test_git import collect, source

START = 1_767_571_200_000
DAYS = 12


def day(number: int) -> Timestamp:
    return from_milliseconds(START + number * 24 * HOUR)


@dataclass(frozen=True)
class Push:
    """New commits, each on one that is there (by a number that wraps), and where the branch then points."""

    commits: tuple[tuple[int, int], ...]
    tip: int


@dataclass(frozen=True)
class Look:
    """One run: how many days the window reaches further, how many after its end the clock stands, where it dies."""

    further: int
    clock: int
    cut: int | None


PLACE = st.just(-1) | st.integers(0, 50)
"""Mostly the newest commit, so that most pushes are ordinary ones; otherwise any, which makes forks and rewrites."""
PUSH = st.builds(
    Push,
    st.lists(st.tuples(st.integers(-2, DAYS + 2), PLACE), max_size=4).map(tuple),
    PLACE,
)
LOOK = st.builds(Look, st.integers(0, 4), st.integers(-1, 3), st.none() | st.integers(0, 3))


class Story:
    """A repository that people push to and a ledger that looks at it now and then."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.world = GitWorld(root / "repo")
        self.made: dict[int, tuple[int, int | None]] = {}
        self.tip = self.add(0, None)
        self.world.write(self.tip)
        self.cursor = StreamCursor()
        self.end = 0
        self.delivered: set[str] = set()

    def add(self, offset: int, parent: int | None) -> int:
        text = f"commit {len(self.made)}"
        number = self.world.commit(START // 1000 + offset * 86_400, text, *([parent] if parent else []))
        self.made[number] = (offset, parent)
        return number

    def push(self, push: Push) -> None:
        for offset, place in push.commits:
            self.add(offset, list(self.made)[place % len(self.made)])
        self.tip = list(self.made)[push.tip % len(self.made)]
        self.world.write(self.tip)

    def wanted(self, upto: Timestamp) -> set[str]:
        """Ids of the commits behind the branch whose time a run up to `upto` must have given."""
        found, number = set(), self.tip
        while number is not None:
            offset, parent = self.made[number]
            if day(0) <= day(offset) < upto:
                found.add(f"git:commit:{self.world.oids[number]}")
            number = parent  # type: ignore[assignment]
        return found

    def look(self, look: Look) -> None:
        """One run of a fresh process, perhaps killed; a run that ends must have brought all that it could see."""
        self.end = min(self.end + look.further, DAYS)
        window, now = Window(day(0), day(self.end + 1)), day(max(self.end + 1 + look.clock, 1))
        reader = source(self.root, [], now)
        complete = look.cut is None
        for page in islice(reader.fetch("code", window, self.cursor), look.cut):
            events = [event for raw in page.items for event in reader.parse(raw)]
            assert len(page.items) <= git_module.PAGE_SIZE
            assert all(event.event_time in window and event.event_time < now for event in events)
            self.delivered |= {event.id for event in events}
            covered = [*self.cursor.covered, *([page.covered] if page.covered else [])]
            self.cursor = StreamCursor(tuple(merge(covered)), page.state or self.cursor.state)
            complete = complete or page.covered is not None
        if complete:
            assert self.wanted(min(window.end, now)) <= self.delivered
            again = source(self.root, [], now).fetch("code", window, self.cursor)
            assert [raw for page in again for raw in page.items] == []


@settings(max_examples=60)
@given(st.lists(st.tuples(PUSH, LOOK), min_size=2, max_size=5))
def test_every_commit_of_the_windows_arrives_in_the_first_whole_run_that_can_see_it(
    rounds: list[tuple[Push, Look]],
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(git_module, "PAGE_SIZE", 2)
        story = Story(Path(folder))
        for push, look in rounds:
            story.push(push)
            story.look(look)
        story.look(Look(DAYS, 3, None))


def test_a_commit_pushed_late_with_an_old_date_is_delivered_alone(tmp_path: Path) -> None:
    world = GitWorld(tmp_path / "repo")
    first = world.commit("2026-01-06")
    world.write()
    window = Window(at("2026-01-05"), at("2026-01-19"))
    page = collect(tmp_path, window).last
    assert page.covered is not None
    side = world.commit("2026-01-07", "on a branch for long", first)
    world.commit("2026-01-20", "merge", first, side)
    world.write()
    later = Window(window.start, at("2026-01-26"))
    run = collect(tmp_path, later, StreamCursor((page.covered,), page.state))
    assert run.ids == [f"git:commit:{world.oids[side]}"]
    assert run.last.counts == {"merges_left_out": 1}
    assert run.told == []


def test_a_commit_dated_ahead_arrives_in_its_week_although_more_was_pushed_meanwhile(tmp_path: Path) -> None:
    world = GitWorld(tmp_path / "repo")
    ahead = world.commit("2026-01-14", "dated ahead", world.commit("2026-01-06"))
    world.write()
    first = collect(tmp_path, Window(at("2026-01-05"), at("2026-01-12")))
    assert len(first.ids) == 1 and first.last.covered is not None
    new = world.commit("2026-01-07", "pushed late", ahead)
    world.write()
    second = collect(
        tmp_path, Window(at("2026-01-05"), at("2026-01-19")), StreamCursor((first.last.covered,), first.last.state)
    )
    assert second.ids == [f"git:commit:{world.oids[new]}", f"git:commit:{world.oids[ahead]}"]


def test_a_rewritten_branch_is_read_again_and_said_so(tmp_path: Path) -> None:
    world = GitWorld(tmp_path / "repo")
    first = world.commit("2026-01-06")
    world.commit("2026-01-07", "gone soon", first)
    world.write()
    window = Window(at("2026-01-05"), at("2026-01-19"))
    page = collect(tmp_path, window).last
    assert page.covered is not None
    other = world.commit("2026-01-08", "instead", first)
    world.write(other)
    run = collect(tmp_path, window, StreamCursor((page.covered,), page.state))
    assert run.ids == [f"git:commit:{world.oids[first]}", f"git:commit:{world.oids[other]}"]
    assert "rewritten" in run.told[-1]


@pytest.mark.parametrize("tip", ["0" * 40, "--all", "HEAD", "x; touch y", 7, None])
def test_a_tip_that_the_repository_does_not_know_stands_for_nothing(tmp_path: Path, tip: object) -> None:
    world = GitWorld(tmp_path / "repo")
    world.commit("2026-01-06")
    world.write()
    window = Window(at("2026-01-05"), at("2026-01-19"))
    assert len(collect(tmp_path, window, StreamCursor((window,), {"tip": tip})).ids) == 1  # type: ignore[dict-item]


def test_a_commit_dated_ahead_of_the_clock_waits_for_its_window_and_is_counted_once(tmp_path: Path) -> None:
    world = GitWorld(tmp_path / "repo")
    world.commit("2100-01-01", "far ahead", world.commit("2026-01-06"))
    world.write()
    first = collect(tmp_path, Window(at("2026-01-05"), at("2026-01-12")), now=at("2026-01-12"))
    assert (len(first.ids), first.last.counts) == (1, {"dated_ahead": 1})
    cursor = StreamCursor((Window(at("2026-01-05"), at("2026-01-12")),), first.last.state)
    second = collect(tmp_path, Window(at("2026-01-05"), at("2026-01-19")), cursor, now=at("2026-01-19"))
    assert (second.ids, second.last.counts) == ([], {})
    centuries = collect(tmp_path, Window(at("2026-01-05"), at("2101-01-01")), cursor, now=at("2101-01-01"))
    assert [event.event_time for event in centuries.events] == [at("2100-01-01")]


def test_commits_before_the_first_window_are_counted_and_never_delivered(tmp_path: Path) -> None:
    world = GitWorld(tmp_path / "repo")
    world.commit("2026-01-06", "b", world.commit(0, "in 1970"))
    world.write()
    run = collect(tmp_path, Window(at("2026-01-05"), at("2026-01-12")))
    assert (len(run.ids), run.last.counts) == (1, {"dated_before_start": 1})


def test_a_window_that_has_not_begun_gives_nothing(tmp_path: Path) -> None:
    GitWorld(tmp_path / "repo")
    assert collect(tmp_path, Window(at("2026-01-05"), at("2026-01-12")), now=at("2026-01-05")).pages == []
