"""One stream of one source into one epoch: route, skip what is known, append, then the record and the cursor.

A source may be anybody's code: whatever goes wrong in it ends its own stream, is told without quoting what it read, and
stops no other. Holds ACTIVITY_IDEMPOTENT, PROVENANCE_REQUIRED and CURSOR_STATE_PERSISTED.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from ledger.core.bounds import SHARD_BYTES
from ledger.core.canonical import clean_text
from ledger.core.config import SourceSettings
from ledger.core.errors import FormatError, LedgerError, SourceError
from ledger.core.routing import Facets, scoped_id
from ledger.core.sealing import Dear, Provenance, seal
from ledger.core.values import MAX_AMOUNT, EventId, Timestamp
from ledger.core.windows import Window, gaps
from ledger.flows.cursors import advance
from ledger.flows.opening import first_window
from ledger.flows.runlog import RunLog
from ledger.flows.session import Session
from ledger.flows.taken import Known
from ledger.sources.port import Listed, Page, Ready, Source, SourceEvent, StreamCursor
from ledger.store.append import append_activity
from ledger.store.epochfolder import EpochFolder

FLUSH_BYTES = SHARD_BYTES
"""Bytes of events held in memory before they are written: as many as a file takes, so that few are written twice."""
KEEP_EVERY = 20
"""Pages after which what they brought, and where they stand, is written: bounds what a killed run repeats."""


ASK_AT_ONCE = 20_000
"""Events of a page that the node is asked about together: bounds memory."""
GONE_NAMED = 5
"""Events whose row is gone that a run's record names."""


@dataclass
class StreamReport:
    """What one stream of one source brought in this run."""

    source: str
    name: str
    stream: str
    seen: int = 0
    added: int = 0
    late: int = 0
    known: int = 0
    elsewhere: int = 0
    later: int = 0
    before_start: int = 0
    changed: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    error: LedgerError | None = None


class StreamRun:
    """One stream of one source into one epoch. `claimants` says which scopes claim an event with such facets."""

    def __init__(
        self,
        session: Session,
        folder: EpochFolder,
        entry: SourceSettings,
        stream: str,
        source: Source,
        known: Known,
        claimants: Callable[[Facets], Sequence[str]],
    ) -> None:
        self.session, self.folder, self.entry, self.stream = session, folder, entry, stream
        self.source, self.known, self.claimants = source, known, claimants
        self.scope_id = folder.scope_id
        self.epoch = folder.epoch()
        self.report = StreamReport(entry.source, entry.name, stream)
        self.buffer: list[bytes] = []
        self._held = 0
        self.facets: Facets | None = None
        self.claimed: Sequence[str] = ()
        self._writing = False
        self.whole: list[Ready] = []
        """What was ready of which every event was new, and is in the log now."""

    def read(self, log: RunLog, backfill: Window | None = None) -> StreamReport:
        """Fetch, append, then record what was covered; an interruption keeps what the finished pages brought."""
        window = window_of(self.session, self.folder, backfill)
        if window is None:
            return self.report
        before = StreamCursor()
        if backfill is None:
            before = log.cursor(self.entry.source, self.stream)
        after, kept, stated = before, before, None
        counts: dict[str, int | str] = {}
        try:
            for number, page in enumerate(self._pages(window, before), start=1):
                self._take(page, window.start, min(self.epoch.period_end, window.end))
                after = advance(after, page, window.end)
                stated = page.stated if page.stated is not None else stated
                counts.update(page.counts)
                self.report.gaps.extend(clean_text(gap) for gap in page.gaps)
                if number % KEEP_EVERY == 0 and backfill is None:
                    kept = self._keep(log, kept, after)
        except LedgerError as error:
            self.report.error = error
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            self.report.error = failure(error)  # a page or an event that has not the port's form
        except BaseException:
            if backfill is None and not self._writing:
                self._keep(log, kept, after)
            raise
        self._flush()
        if self.report.refused:
            counts["refused_by_routing"] = len(self.report.refused)
        if self.report.error is None:
            self._look_for_rows(counts)
        if backfill is not None or after != before or self.report.added or self.report.error or self.report.gaps:
            trouble = bool(self.report.error or self.report.gaps)
            log.record(
                self.entry.source,
                self.stream,
                window if backfill is not None else self._looked(after if trouble else before, window),
                seen=self.report.seen,
                stated=stated,
                counts=counts,
                gaps=self.report.gaps,
                error=self.report.error,
            )
        if backfill is None:
            self._keep(log, kept, after)
        return self.report

    def _look_for_rows(self, counts: dict[str, int | str]) -> None:
        """Note events of a file whose row is gone; what is collected stays, and somebody should know."""
        if not isinstance(self.source, Listed):
            return
        with suppress(LedgerError):
            self.report.gone = self.known.beyond(self.scope_id, self.source.begins, self.source.standing)
        if self.report.gone:
            counts["rows_gone"] = len(self.report.gone)
            counts["gone"] = ", ".join(self.report.gone[:GONE_NAMED]) + " …" * (len(self.report.gone) > GONE_NAMED)

    def accept(self, page: Page) -> StreamReport:
        """Append the events of one page that nobody fetched."""
        self._take(page, first_window(self.session, self.scope_id).start, self.epoch.period_end)
        self._flush()
        return self.report

    def _keep(self, log: RunLog, kept: StreamCursor, after: StreamCursor) -> StreamCursor:
        """Write the events so far, then where the stream stands; returns what is written now."""
        self._flush()
        if after != kept:
            log.advance(self.entry.source, self.stream, after)
        return after

    def _pages(self, window: Window, cursor: StreamCursor) -> Iterator[Page]:
        """The source's pages; what it raises that is no error of ours ends them as one."""
        try:
            yield from self.source.fetch(self.stream, window, cursor)
        except LedgerError:
            raise
        except Exception as error:
            raise failure(error) from None

    def _events(self, page: Page) -> Iterator[SourceEvent]:
        try:
            for raw in page.items:
                yield from self.source.parse(raw)
        except LedgerError:
            raise
        except Exception as error:
            raise failure(error) from None

    def _looked_up(self, page: Page) -> Iterator[SourceEvent]:
        """The page's events, each once the node was asked about it; what came before an error comes first."""
        events = self._events(page)
        error: LedgerError | None = None
        while error is None:
            some: list[SourceEvent] = []
            try:
                some.extend(islice(events, ASK_AT_ONCE))
            except LedgerError as raised:
                error = raised
            if not some:
                break
            self.known.look_up(self.scope_id, (event.id for event in some))
            yield from some
        if error is not None:
            raise error

    def _take(self, page: Page, start: Timestamp, end: Timestamp) -> None:
        provenance = Provenance(
            node_id=self.folder.node_id,
            scope_id=self.scope_id,
            producer=self.source.kind,
            producer_version=self.source.version,
            retrieved_at=page.retrieved_at,
            ingested_at=self.session.now,
        )
        known, report, mine = self.known, self.report, self.scope_id
        if page.ready is not None:
            self._take_ready(page.ready, self.claimants(page.facets), provenance)
        for event in self._looked_up(page):
            url, time, kind, event_id, metadata, login, account, source, facets, quantity = event
            if not start <= time < end:
                report.later += time >= end
                report.before_start += time < start
                continue
            order = self.claimed if facets is self.facets else self._claimants(event)
            if mine not in order:
                self._not_mine(event_id, order)
                continue
            report.seen += 1
            if "#" in event_id:
                raise FormatError(
                    f"the source made the id {event_id!r}; `#` is kept for events that several scopes claim",
                    hint="Rename the row or stream that it comes from.",
                )
            key = known.key(event_id, mine, order)
            if quantity > 1:
                self._require_bounded(event)
            sealed = seal(key, url, time, kind, metadata, login, account, source, provenance, quantity)
            self._add(*sealed, late=time < self.epoch.period_start)

    def _require_bounded(self, event: SourceEvent) -> None:
        """ALL_MATH_BIGINT for an event whose worth no total could hold: in the log it would stop the whole epoch."""
        weight = self.epoch.weight_config.get(f"{event.source}:{event.event_type}", 0)
        if event.quantity * weight > MAX_AMOUNT:
            raise Dear(EventId(event.id), event.quantity, weight).error()

    def _add(self, event_id: EventId, payload_hash: str, line: bytes, *, late: bool) -> None:
        """Put an event that is not known yet among those that the next flush writes."""
        before = self.known.get(event_id)
        if before is None:
            self.known.add(self.scope_id, event_id, payload_hash)
            self.report.late += late
            self._hold([line])
        else:
            self.report.known += 1
            if before != payload_hash:
                self.report.changed.append(event_id)

    def _take_ready(self, ready: Ready, order: Sequence[str], provenance: Provenance) -> None:
        """Take events that are written already, under the ids that this scope has them by."""
        mine = self.scope_id in order
        bounded, dear = ready.bounded(self.epoch.weight_config) if mine else (ready, None)
        late, at, new = bounded.before(self.epoch.period_start), 0, 0
        suffix = scoped_id("", self.scope_id, order) if mine else ""
        for some in bounded.sealed(provenance, suffix):
            keys, hashes, lines = zip(*some, strict=True)
            ids = [key.removesuffix(suffix) for key in keys] if suffix else keys
            if not mine:
                for event_id in ids:
                    self._not_mine(event_id, order)
                continue
            self.report.seen += len(ids)
            if self.known.none_of(self.scope_id, ids):
                self.known.add_all(self.scope_id, keys, hashes)
                self.report.late += min(max(late - at, 0), len(ids))
                self._hold(lines)
                new += len(ids)
            else:
                wanted = [self.known.key(each, self.scope_id, order) for each in ids]
                other = (
                    [] if wanted == list(keys) else self._others(bounded.part(at, at + len(ids)), suffix, provenance)
                )
                for place, key in enumerate(wanted):
                    event = some[place] if key == keys[place] else other[place]
                    self._add(*event, late=at + place < late)
            at += len(ids)
        if new == len(bounded) > 0:
            self.whole.append(bounded)
        if dear is not None:
            self.report.seen += 1
            raise dear.error()

    def _others(self, ready: Ready, suffix: str, provenance: Provenance) -> Sequence[tuple[EventId, str, bytes]]:
        """The same events as another scope's claim, or one that is gone, makes them: with `#` where they had none."""
        form = "" if suffix else f"#{self.scope_id}"
        return [event for some in ready.sealed(provenance, form) for event in some]

    def _hold(self, lines: Sequence[bytes]) -> None:
        self.buffer.extend(lines)
        self._held += sum(map(len, lines)) + len(lines)
        if self._held >= FLUSH_BYTES:
            self._flush(full=True)

    def _not_mine(self, event_id: str, order: Sequence[str]) -> None:
        if order:
            self.report.elsewhere += 1
        else:
            self.report.refused.append(event_id)

    def _claimants(self, event: SourceEvent) -> Sequence[str]:
        """Who claims the event; remembered for the last facets, since they repeat."""
        self.facets, self.claimed = event.facets, self.claimants(event.facets)
        return self.claimed

    def _flush(self, *, full: bool = False) -> None:
        """Write what is held; `full`: but for what the last file would have room after."""
        if not self.buffer:
            return
        self._writing = True  # an interruption from here on must not write the same events again
        rest = list(append_activity(self.folder, self.buffer, full=full))
        self.report.added += len(self.buffer) - len(rest)
        self.buffer = rest
        self._held = sum(map(len, rest)) + len(rest)
        self._writing = False
        self.session.tell(f"{self.scope_id}/{self.entry.name}: {self.report.added} events")

    def _looked(self, cursor: StreamCursor, asked: Window) -> Window:
        """The stretch that a run's line is about: from the first hole on, or the whole epoch where there is none.

        Without trouble, from the first hole that the run found, for it has read that. Where something could not be
        read, from the first hole that it left: the words stand until a later run has read that.
        """
        holes = gaps(asked, list(cursor.covered))
        start = min(self.epoch.period_start, asked.start)
        return Window(max(self.epoch.period_start, holes[0].start) if holes else start, asked.end)


def window_of(session: Session, folder: EpochFolder, backfill: Window | None = None) -> Window | None:
    """What a run looks at: from the scope's start to the epoch's end or now; of that a back-fill's part, if any."""
    start = first_window(session, folder.scope_id).start
    end = min(folder.epoch().period_end, session.now)
    if backfill is not None:
        start, end = max(start, backfill.start), min(end, backfill.end)
    return Window(start, end) if start < end else None


def failure(error: Exception) -> LedgerError:
    """A source's own mistake as an error to record: its kind and place, but never its words, which may quote a text."""
    if isinstance(error, LedgerError):
        return error
    where = traceback.extract_tb(error.__traceback__)[-1:]
    place = "".join(f" at {Path(frame.filename).name}:{frame.lineno}" for frame in where)
    return SourceError(
        f"the source failed on what it read ({type(error).__name__}{place})",
        hint="What was read before is kept. This is a mistake in the source; please report it.",
    )
