"""What every collector must hold, ours and third parties': import CHECKS and run each on a `World` of your own.

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_the_collector_conforms(check, world): check(world)

Determinism, idempotence, resuming after a cut at every page, bounds of windows, provenance, no text kept. A world does
not change during a check; `make()` gives a fresh source on it, as a new process would. A check that fails raises
AssertionError, also under `python -O`.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ledger.core.config import KindName
from ledger.core.explain import explain
from ledger.core.records.epoch import KindKey
from ledger.core.routing import FACETS
from ledger.core.sealing import Provenance, seal
from ledger.core.values import NAME_PATTERN, EventId, Timestamp, from_milliseconds, to_milliseconds
from ledger.core.windows import Window, merge
from ledger.sources.kinds import KIND_FACETS
from ledger.sources.port import Named, Page, Source, SourceEvent, StreamCursor

_NAMES: TypeAdapter[dict[str, str]] = TypeAdapter(dict[KindKey, KindName])


@dataclass(frozen=True)
class World:
    """A source over an unchanging outside: at least two events, all of them inside `window`, which ends by now.

    Put hostile strings into it (control characters, bidi marks, markup, bad encodings), and small pages, many of them.

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
            _must(found.setdefault(event.id, event) == event, f"{event.id} came with another payload")
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
    _must(len(taken.by_id) >= 2, "the world is too small to show anything")
    _must(all(event.event_time in world.window for event in taken.events), "the world has events outside its window")
    return taken


def same_world_same_pages(world: World) -> None:
    """Two fresh sources over one world give the same streams, pages and events, in the same order."""
    first, second = whole(world), whole(world)
    _must(world.make().streams() == world.make().streams(), "the streams differ from one run to the next")
    _must(first.events == second.events, "the events differ from one run to the next")
    items = [[list(page.items) for page in run.pages] for run in (first, second)]
    _must(items[0] == items[1], "the items differ from one run to the next")
    _must(first.cursors == second.cursors, "the cursors differ from one run to the next")


def every_event_comes_once_in_a_run(world: World) -> None:
    """One run does not repeat itself."""
    taken = whole(world)
    _must(len(taken.events) == len(taken.by_id), "an event came twice in one run")


def collecting_again_brings_nothing_new(world: World) -> None:
    """From the cursors of a finished run, another gives no event that was not there, and no other payload."""
    taken = whole(world)
    before = set(taken.by_id)
    again = take(world, taken)
    _must(set(again.by_id) == before, f"collecting again brought {sorted(set(again.by_id) - before)}")


def all_of_the_window_is_covered_in_the_end(world: World) -> None:
    """A run without gaps covers its whole window in every stream; one with gaps says so in words."""
    taken = whole(world)
    if not any(page.gaps for page in taken.pages):
        for stream, cursor in taken.cursors.items():
            _must(world.window in cursor.covered, f"{stream} covers {cursor.covered}")


def a_run_cut_at_any_page_is_completed_by_the_next(world: World) -> None:
    """However many pages a run lived for, the next one brings what is missing (CURSOR_STATE_PERSISTED)."""
    complete = whole(world)
    for cut in range(len(complete.pages) + 1):
        resumed = take(world, take(world, Taken(), cut=cut))
        _must(resumed.by_id == complete.by_id, f"a run cut after {cut} pages was not completed by the next")


def windows_one_by_one_miss_nothing(world: World) -> None:
    """Catching up over small windows gives what one large window gives, each event by its own window at the latest."""
    complete = whole(world)
    taken = Taken()
    for end in _edges(world, complete.events):
        window = Window(world.window.start, end)
        take(world, taken, window)
        missing = [event.id for event in complete.events if event.event_time in window and event.id not in taken.by_id]
        _must(not missing, f"{missing} not there once {window} was read")
    _must(taken.by_id == complete.by_id, "small windows gave other events than one large window")


def a_back_fill_gives_all_of_its_window(world: World) -> None:
    """An empty cursor and an explicit window give every event of that window; others are a harmless surplus."""
    complete = whole(world)
    edges = [world.window.start, *_edges(world, complete.events)]
    for start, end in pairwise(edges):
        got = take(world, Taken(), Window(start, end)).by_id
        wanted = {event.id for event in complete.events if start <= event.event_time < end}
        _must(wanted <= set(got), f"[{start}, {end}) lacks {wanted - set(got)}")
        _must(set(got) <= set(complete.by_id), f"[{start}, {end}) gave events that the whole window has not")


def parsing_is_pure(world: World) -> None:
    """The same raw item gives the same events twice and in another process, and stays as it was."""
    taken, one, other = whole(world), world.make(), world.make()
    for page in taken.pages:
        for raw in page.items:
            kept = copy.deepcopy(raw)
            first = list(one.parse(raw))
            again, elsewhere = list(one.parse(raw)), list(other.parse(json.loads(json.dumps(raw))))
            _must(first == again == elsewhere, f"parsing {raw} twice gave different events")
            _must(raw == kept, f"parsing changed its item: {kept} became {raw}")


def events_have_provenance_and_can_be_sealed(world: World) -> None:
    """Producer and version are named, and each event is stored as it is: clean, bounded, of one source."""
    source = world.make()
    named = re.fullmatch(NAME_PATTERN, source.kind) is not None and bool(source.version)
    _must(named, f"kind {source.kind!r} or version {source.version!r} cannot be stored")
    where = Provenance(
        node_id="00000000-0000-4000-8000-000000000001",
        scope_id="default",
        producer=source.kind,
        producer_version=source.version,
        retrieved_at=world.window.end,
        ingested_at=world.window.end,
    )
    for event in whole(world).events:
        _must(event.source == source.kind, f"{event.id} says that it is of {event.source}")
        _must(re.fullmatch(world.id_pattern, event.id) is not None, f"{event.id} is not {world.id_pattern}")
        _must(
            set(event.facets) <= {*FACETS, *KIND_FACETS},
            f"{event.id} has facets that no route knows: {sorted(event.facets)}",
        )
        seal(
            EventId(event.id), event.artifact_url, event.event_time, event.event_type, event.metadata,
            event.platform_login, event.platform_user_id, event.source, where, event.quantity,
        )  # fmt: skip


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
        _must(secret.casefold() not in text, f"{secret!r} would be stored or shown")


def its_words_can_stand_on_pages(world: World) -> None:
    """What it calls its kinds of events are lines of 1 to 60 letters, none hidden; others would be passed over."""
    source = world.make()
    for event_type, words in source.kind_names().items() if isinstance(source, Named) else ():
        try:
            _NAMES.validate_python({f"{source.kind}:{event_type}": words})
        except ValidationError as error:
            _must(False, f"kind_names() gives {event_type!r} a name that no page shows: {explain(error)}")


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
    its_words_can_stand_on_pages,
)


def _must(holds: bool, problem: str) -> None:
    if not holds:
        raise AssertionError(problem)


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
