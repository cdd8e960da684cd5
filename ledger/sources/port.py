"""The port that every collector implements: a thin `fetch` that reads the world and a pure `parse` that makes events.

A source knows its outside world and this file. It must not know the store, the epochs or other sources; it never
writes. Invariants it serves: ACTIVITY_IDEMPOTENT (deterministic ids), PROVENANCE_REQUIRED, CURSOR_STATE_PERSISTED.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

from ledger.core.blocks import Blocks
from ledger.core.config import Settings
from ledger.core.sealing import Dear, Provenance
from ledger.core.values import EventId, Timestamp
from ledger.core.windows import Window

EARLIEST = Timestamp("0001-01-01T00:00:00.000Z")
Raw = Mapping[str, Any]
"""One item as the source gave it, enough for `parse` to work on alone (replayable as JSON)."""
GOES_ON = "What was read is kept. Run collect again later: it goes on where it stopped."
"""What to do after a SourceError in the middle of a stream."""


class SourceEvent(NamedTuple):
    """The payload of an activity event, before node, scope and provenance are added.

    `id` follows the specification's table. `facets` say where it came from, for routing only, and are not stored:
    `repositories`, `paths`, `labels`, `channels`, each a tuple of text;
    `emoji`, `roles`, `tags` for kinds of one's own alone. `quantity`: how many of it, 1 for a single act.
    """

    artifact_url: str
    event_time: Timestamp
    event_type: str
    id: str
    metadata: Mapping[str, str | int | bool | None]
    platform_login: str | None
    platform_user_id: str
    source: str
    facets: Mapping[str, tuple[str, ...]] = {}
    quantity: int = 1


@dataclass(frozen=True, slots=True)
class StreamCursor:
    """What one stream has covered: sorted closed intervals, and the adapter's own flat note (its resume token).

    The flow stores it only after the events that it stands for (Airbyte, dlt: promote after the data is safe).
    """

    covered: tuple[Window, ...] = ()
    state: Mapping[str, str | int | bool | None] | None = None


class Ready(Protocol):
    """Events that need no `parse` any more: SQL judged the items of a whole file and writes them."""

    def __len__(self) -> int: ...

    def sealed(self, provenance: Provenance, suffix: str) -> Iterator[Sequence[tuple[EventId, str, bytes]]]:
        """The events in order of time, some thousands at a time, each with what `Sealed` has; their ids end so."""
        ...

    def part(self, first: int, end: int) -> Ready:
        """Some of the events, by their places."""
        ...

    def bounded(self, weights: Mapping[str, int]) -> tuple[Ready, Dear | None]:
        """The events before the first that these weights make worth too much, and that one, if any."""
        ...

    def before(self, time: Timestamp) -> int:
        """How many of the events lie before a time."""
        ...

    def kinds(self) -> Sequence[tuple[str, str, list[int]]]:
        """Source, type and hours of the events, each source and type once; hours as numbers, in rising order."""
        ...

    def apart(self) -> bool:
        """Whether no two of them have link, moment and kind in common; False where that is not known."""
        ...


class Plain(Protocol):
    """All rows of a file that SQL found plain (`SourceContext.plain`); an id stands in it once."""

    repeated: int
    """0."""

    @property
    def ids(self) -> Collection[str]:
        """The rows' own ids."""
        ...

    def within(self, window: Window) -> Ready:
        """The rows of `[start, end)`, in order of time, then id."""
        ...

    def ahead(self, now: Timestamp) -> tuple[int, Timestamp]:
        """How many rows lie at `now` or later, and the last time of any row."""
        ...


class Judge(Protocol):
    """Says whether the rows of a file are all plain (`ledger.compute.plainrows`)."""

    def __call__(
        self,
        blocks: Blocks,
        begins: str,
        start: Timestamp,
        constants: Mapping[str, str | int],
    ) -> Plain | None:
        """The rows of a table in blocks; None where one of them is to be read by the source's own rules."""
        ...


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a source: items to parse, and what is known once they are stored.

    `covered`: the stretch of time that has now been read in full (None: not yet known to be complete). Never over what
    a gap is about: a page with gaps covers nothing, and no later page of the run covers what they are about.
    `state`: replaces the cursor's note when not None. `stated`: how many events the source itself claims for the
    window, where it does; `counts`: further whole numbers for the run's record, totals so far (left out by a rule);
    `gaps`: what could not be read although it should have been, in words, without stopping the rest.
    `ready`: events in place of items, all of the same `facets`.
    """

    items: Sequence[Raw]
    retrieved_at: Timestamp
    covered: Window | None = None
    state: Mapping[str, str | int | bool | None] | None = None
    stated: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    gaps: tuple[str, ...] = ()
    ready: Ready | None = None
    facets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


Notes = Mapping[str, Mapping[str, str | int | bool | None]]
"""What sources noted about streams (a cursor's state), by the stream's name."""


@dataclass(frozen=True, slots=True)
class SourceContext:
    """What the caller lends a source: clock, secret, environment, who is bound, where to cache, whom to tell.

    `scope_start`: where the scope's first window begins; nothing earlier belongs to the ledger. `secret` keys the
    hashes of private ids and texts (None: not set; a source that needs it raises CredentialsError). `bound`: the
    accounts of this kind that are bound to a user now, each with the time since which it is. `notes` gives the
    newest note (cursor state) of each stream that the node's scopes ever had of this kind of source, for which every
    epoch is read: for what is asked once. `lately` gives those of the streams that the scope asked for since it last
    asked for the one that is named, in an epoch before its newest: for what is asked in each run. `boundary`: whether a
    window ends at a time, so that what is to be read as it is then can wait for it. `wait` pauses for so
    many seconds and is how a source obeys rate limits; tests replace it. `plain` lets SQL take a large file whose rows
    are all plain (None: every row is read by the source's own rules).
    """

    node_id: str
    scope_id: str
    node_root: str
    cache_dir: str
    now: Callable[[], Timestamp]
    environ: Mapping[str, str]
    scope_start: Timestamp = EARLIEST
    secret: bytes | None = None
    bound: Mapping[str, Timestamp] = field(default_factory=dict)
    notes: Callable[[], Notes] = dict
    lately: Callable[[str], Notes] = lambda _stream: {}
    boundary: Callable[[Timestamp], bool] = lambda _time: True
    tell: Callable[[str], None] = lambda _text: None
    wait: Callable[[float], None] = lambda _seconds: None
    plain: Judge | None = None


class Source(Protocol):
    """One configured collector. Constructed by `Source(name, options, context)` with validated options."""

    kind: ClassVar[str]
    """The adapter's name, `source` of its events."""
    version: ClassVar[str]
    """Provenance: changes whenever the same raw item would give another event."""
    Options: ClassVar[type[Settings]]
    """The strict model of the options in a scope's file."""

    def __init__(self, name: str, options: Any, context: SourceContext) -> None: ...

    @classmethod
    def origins(cls, options: Any) -> frozenset[str]:
        """What it reads, as comparable text (a repository, a guild, a file): routing asks which scopes claim it."""
        ...

    @classmethod
    def facets(cls, options: Any) -> frozenset[str]:
        """Which facets its events can have: a scope's routes may ask for these and no others."""
        ...

    def streams(self) -> Sequence[str]:
        """The independent parts, each with a cursor of its own, in a fixed order."""
        ...

    def fetch(self, stream: str, window: Window, cursor: StreamCursor) -> Iterator[Page]:
        """Read what `window` holds and the cursor has not covered, oldest first, page by page.

        `window.start` may lie far back (catch-up, look-back); items outside it are dropped by the caller, never by
        an error. A back-fill passes an empty cursor and an explicit window. Deterministic for an unchanged world.
        Raises SourceError (what was yielded before stays), CredentialsError.
        """
        ...

    def parse(self, raw: Raw) -> Iterable[SourceEvent]:
        """The events of one raw item: pure, deterministic, without clock or network; none for what rules exclude."""
        ...


@runtime_checkable
class Checked(Protocol):
    """A source whose input people write by hand: it can be judged before anything is read or written."""

    def check(self) -> None:
        """Raise InputError naming file, line and field of the first thing that is wrong."""
        ...


@runtime_checkable
class Closable(Protocol):
    """A source that holds something open between its pages."""

    def close(self) -> None:
        """Let it go; the next question opens it anew."""
        ...


@runtime_checkable
class Changeable(Protocol):
    """A source whose world may take back what it once showed: a branch that is rewritten, a file whose rows go."""

    def present(self, ids: Collection[str]) -> Collection[str]:
        """Those of these ids of its own events that its world still holds, as it was read for this run.

        Raises what `fetch` raises.
        """
        ...


@runtime_checkable
class Listed(Protocol):
    """A source that lists all its events in one place, so that what is gone from there shows: a `file`."""

    begins: str
    """How the ids of its events begin: `file:NAME:`."""

    def standing(self) -> Collection[str]:
        """The ids of all its events that the place holds, as it was read for this run. Raises what `fetch` raises."""
        ...


@runtime_checkable
class Restricted(Protocol):
    """A source whose platform has rules about its contents: what is gone there does not count, and some may not weigh.

    It is `Changeable` too, so that what is gone can be found.
    """

    @classmethod
    def forbids_weight(cls, options: Any) -> str | None:
        """The rule, by its name and in words, against weights of its events; None where the options answer for it."""
        ...


@runtime_checkable
class Named(Protocol):
    """A source that says what its kinds of events are called on pages; without, a kind is called by its own word."""

    @classmethod
    def kind_names(cls) -> Mapping[str, str]:
        """One of each kind in lower case, by its `event_type`: `{"talk_given": "talk"}`."""
        ...


@runtime_checkable
class Pushed(Protocol):
    """A source that can also be told what happened, instead of asking."""

    def webhook(self, payload: Mapping[str, Any]) -> Page | None:
        """The items of a payload, the very ones that `fetch` gives, and in `gaps` what is left to it.

        None: it is about nothing that this source reads. Covers nothing. Raises InputError for what is no payload.
        """
        ...
