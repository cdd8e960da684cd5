"""What every collector must hold, as checks over a fixed world: import CHECKS and run each on a `World` of your own.

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_the_collector_conforms(check, world): check(world)

A world does not change during a check; `make()` gives a fresh source on it, as a new process would.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import Any

from ledger.core.sealing import Provenance, seal
from ledger.core.values import NAME_PATTERN, Timestamp, from_milliseconds, to_milliseconds
from ledger.core.windows import Window, merge
from ledger.sources.port import Page, Source, SourceEvent, StreamCursor


@dataclass(frozen=True)
class World:
    """A source over an unchanging outside: at least two events, all of them inside `window`, which ends by now.

    `secrets` are texts of that outside which may not appear in anything that could be kept or shown: bodies of
    messages, addresses, tokens. `told` collects what sources say (hand its `append` to their contexts).
    """

    make: Callable[[], Source]
    window: Window
    id_pattern: str
    secrets: tuple[str, ...]
    told: list[str] = field(default_factory=list)


@dataclass
class Taken:
    """What runs gave so far: events as they came, the cursors that the ledger would have stored, and all pages."""

    events: list[SourceEvent] = field(default_factory=list)
    cursors: dict[str, StreamCursor] = field(default_factory=dict)
    pages: list[Page] = field(default_factory=list)

    @property
    def by_id(self) -> dict[str, SourceEvent]:
        """The events by id; the same id always brings the same event."""
        found: dict[str, SourceEvent] = {}
        for event in self.events:
            assert found.setdefault(event.id, event) == event, f"{event.id} came with another payload"
        return found


def take(world: World, taken: Taken, window: Window | None = None, cut: int | None = None) -> Taken:
    """One run of a fresh source from the stored cursors: events first, then the cursor; `cut`: dies after pages."""
    source = world.make()
    for stream in source.streams():
        cursor = taken.cursors.get(stream, StreamCursor())
        for page in islice(source.fetch(stream, window or world.window, cursor), cut):
            taken.pages.append(page)
            for raw in page.items:
                taken.events += source.parse(json.loads(json.dumps(raw)))
            covered = [*cursor.covered, page.covered] if page.covered else cursor.covered
            cursor = StreamCursor(tuple(merge(list(covered))), cursor.state if page.state is None else page.state)
            taken.cursors[stream] = cursor
    return taken


def whole(world: World) -> Taken:
    """One undisturbed run."""
    taken = take(world, Taken())
    assert len(taken.by_id) >= 2, "the world is too small to show anything"
    assert all(event.event_time in world.window for event in taken.events), "the world has events outside its window"
    return taken


def same_world_same_pages(world: World) -> None:
    """Two fresh sources over one world give the same streams, pages and events, in the same order."""
    first, second = whole(world), whole(world)
    assert world.make().streams() == world.make().streams()
    assert first.events == second.events
    assert [list(page.items) for page in first.pages] == [list(page.items) for page in second.pages]
    assert first.cursors == second.cursors


def every_event_comes_once_in_a_run(world: World) -> None:
    """One run does not repeat itself, and origins are named."""
    taken = whole(world)
    assert len(taken.events) == len(taken.by_id)


def collecting_again_brings_nothing_new(world: World) -> None:
    """From the cursors of a finished run, another gives no event that was not there, and no other payload."""
    taken = whole(world)
    before = set(taken.by_id)
    again = take(world, taken)
    assert set(again.by_id) == before


def all_of_the_window_is_covered_in_the_end(world: World) -> None:
    """A run without gaps covers its whole window in every stream; one with gaps says so in words."""
    taken = whole(world)
    if not any(page.gaps for page in taken.pages):
        for stream, cursor in taken.cursors.items():
            assert world.window in cursor.covered, f"{stream} covers {cursor.covered}"


def a_run_cut_at_any_page_is_completed_by_the_next(world: World) -> None:
    """However many pages a run lived for, the next one brings what is missing (CURSOR_STATE_PERSISTED)."""
    complete = whole(world)
    for cut in range(len(complete.pages) + 1):
        assert take(world, take(world, Taken(), cut=cut)).by_id == complete.by_id, f"cut after {cut} pages"


def windows_one_by_one_miss_nothing(world: World) -> None:
    """Catching up over small windows gives what one large window gives, each event by its own window at the latest."""
    complete = whole(world)
    taken = Taken()
    for end in _edges(world, complete.events):
        window = Window(world.window.start, end)
        take(world, taken, window)
        missing = [event.id for event in complete.events if event.event_time in window and event.id not in taken.by_id]
        assert not missing, f"{missing} not there once {window} was read"
    assert taken.by_id == complete.by_id


def a_back_fill_gives_all_of_its_window(world: World) -> None:
    """An empty cursor and an explicit window give every event of that window; others are a harmless surplus."""
    complete = whole(world)
    edges = [world.window.start, *_edges(world, complete.events)]
    for start, end in pairwise(edges):
        got = take(world, Taken(), Window(start, end)).by_id
        wanted = {event.id for event in complete.events if start <= event.event_time < end}
        assert wanted <= set(got), f"[{start}, {end}) lacks {wanted - set(got)}"
        assert set(got) <= set(complete.by_id)


def parsing_is_pure(world: World) -> None:
    """The same raw item gives the same events twice and in another process, and stays as it was."""
    taken, one, other = whole(world), world.make(), world.make()
    for page in taken.pages:
        for raw in page.items:
            kept = copy.deepcopy(raw)
            first = list(one.parse(raw))
            assert first == list(one.parse(raw)) == list(other.parse(json.loads(json.dumps(raw))))
            assert raw == kept


def events_have_provenance_and_can_be_sealed(world: World) -> None:
    """Producer and version are named, and each event is stored as it is: clean, bounded, of one source."""
    source = world.make()
    assert re.fullmatch(NAME_PATTERN, source.kind) and source.version
    where = Provenance(
        node_id="00000000-0000-4000-8000-000000000001",
        scope_id="default",
        producer=source.kind,
        producer_version=source.version,
        retrieved_at=world.window.end,
        ingested_at=world.window.end,
    )
    for event in whole(world).events:
        assert event.source == source.kind
        assert re.fullmatch(world.id_pattern, event.id), f"{event.id} is not {world.id_pattern}"
        assert seal(event.id, *_payload(event)[1:], where).line


def no_secret_leaves_the_source(world: World) -> None:
    """Neither items, events, cursors, counts, gaps nor words to the operator hold a text that must not be stored."""
    taken = whole(world)
    kept = [
        *([dict(raw) for raw in page.items] for page in taken.pages),
        *([page.state, dict(page.counts), list(page.gaps)] for page in taken.pages),
        *(_payload(event) for event in taken.events),
        world.told,
    ]
    text = json.dumps(kept, ensure_ascii=False).casefold()
    for secret in world.secrets:
        assert secret.casefold() not in text, f"{secret!r} would be stored or shown"


CHECKS: Sequence[Callable[[World], None]] = (
    same_world_same_pages,
    every_event_comes_once_in_a_run,
    collecting_again_brings_nothing_new,
    all_of_the_window_is_covered_in_the_end,
    a_run_cut_at_any_page_is_completed_by_the_next,
    windows_one_by_one_miss_nothing,
    a_back_fill_gives_all_of_its_window,
    parsing_is_pure,
    events_have_provenance_and_can_be_sealed,
    no_secret_leaves_the_source,
)


def _payload(event: SourceEvent) -> list[Any]:
    return [
        event.id,
        event.artifact_url,
        event.event_time,
        event.event_type,
        dict(event.metadata),
        event.platform_login,
        event.platform_user_id,
        event.source,
    ]


def _edges(world: World, events: Iterable[SourceEvent]) -> list[Timestamp]:
    """Ends of windows that are hard: at an event's own millisecond and right after it, for a handful; then the end."""
    times = sorted({event.event_time for event in events})
    chosen = times[:: max(1, len(times) // 4)]
    after = {from_milliseconds(to_milliseconds(time) + 1) for time in chosen}
    inside = {time for time in {*chosen, *after} if world.window.start < time < world.window.end}
    return [*sorted(inside), world.window.end]
