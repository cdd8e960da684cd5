"""One stream of one source into one epoch: route, skip what is known, append, then the record and the cursor.

A source may be anybody's code: whatever goes wrong in it ends its own stream, is told without quoting what it read, and
stops no other. Holds ACTIVITY_IDEMPOTENT, PROVENANCE_REQUIRED and CURSOR_STATE_PERSISTED.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.core.canonical import clean_text
from ledger.core.config import ScopeSettings, SourceSettings
from ledger.core.errors import FormatError, LedgerError, SourceError
from ledger.core.routing import claimants, scoped_id
from ledger.core.sealing import Provenance, seal
from ledger.core.values import EventId, Timestamp
from ledger.core.windows import Window
from ledger.flows.cursors import advance
from ledger.flows.opening import first_window
from ledger.flows.runlog import RunLog
from ledger.flows.session import Session
from ledger.sources.port import Page, SourceEvent, StreamCursor
from ledger.store.append import append_activity
from ledger.store.node import EpochFolder

if TYPE_CHECKING:
    from ledger.flows.ingest import Ingest

FLUSH_EVERY = 20_000
"""Events held in memory before they are written: bounds memory, and how much a killed run repeats."""


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
    gaps: list[str] = field(default_factory=list)
    error: LedgerError | None = None


class Known:
    """Every event of the node so far, by the scope that holds it: its id, and its payload's hash."""

    def __init__(self, held: dict[str, dict[str, str]]) -> None:
        self._held = held

    def get(self, key: str) -> str | None:
        """The payload's hash of an id that any scope holds."""
        for ids in self._held.values():
            if key in ids:
                return ids[key]
        return None

    def add(self, scope_id: str, key: str, payload_hash: str) -> None:
        """Take an event for known from now on."""
        self._held[scope_id][key] = payload_hash

    def key(self, event_id: str, scope_id: str, order: Sequence[str]) -> EventId:
        """The id under which a scope holds an event, or would.

        Claims change, for a label may be added later. So a scope keeps the id that it has, lest it hold the event
        twice; and where another one has the plain id, the scope's own goes with `#`, lest it hold it never.
        """
        key = scoped_id(event_id, scope_id, order)
        if len(self._held) == 1:
            return key
        mine, own = self._held[scope_id], EventId(f"{event_id}#{scope_id}")
        if event_id in mine:
            return EventId(event_id)
        return own if own in mine or self.get(key) is not None else key


class StreamRun:
    """One stream of one source into one epoch."""

    def __init__(
        self,
        ingest: Ingest,
        session: Session,
        folder: EpochFolder,
        entry: SourceSettings,
        stream: str,
    ) -> None:
        self.ingest, self.session, self.folder, self.entry, self.stream = ingest, session, folder, entry, stream
        self.scope = session.node.scope(folder.scope_id)
        self.source = ingest.source(self.scope, entry)
        self.epoch = folder.epoch()
        self.report = StreamReport(entry.source, entry.name, stream)
        self.buffer: list[bytes] = []
        self.order: dict[object, list[str]] = {}
        self.facets: Mapping[str, tuple[str, ...]] | None = None
        self.claimed: Sequence[str] = ()

    def read(self, log: RunLog, backfill: Window | None = None) -> StreamReport:
        """Fetch, append, then record what was covered."""
        window = window_of(self.session, self.folder, backfill)
        if window is None:
            return self.report
        before = StreamCursor()
        if backfill is None:
            before = log.cursor(self.entry.source, self.stream)
        after, stated = before, None
        counts: dict[str, int] = {}
        try:
            for page in self._pages(window, before):
                self._take(page, window.start)
                after = advance(after, page, window.end)
                stated = page.stated if page.stated is not None else stated
                counts.update(page.counts)
                self.report.gaps.extend(clean_text(gap) for gap in page.gaps)
        except LedgerError as error:
            self.report.error = error
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            self.report.error = failure(error)  # a page or an event that has not the port's form
        self._flush()
        if self.report.refused:
            counts["refused_by_routing"] = len(self.report.refused)
        if backfill is not None or after != before or self.report.added or self.report.error or self.report.gaps:
            looked = self._news(before, window) if backfill is None else window
            log.record(
                self.entry.source,
                self.stream,
                looked,
                seen=self.report.seen,
                stated=stated,
                counts=counts,
                gaps=self.report.gaps,
                error=self.report.error,
            )
        if backfill is None and after != before:
            log.advance(self.entry.source, self.stream, after)
        return self.report

    def accept(self, page: Page) -> StreamReport:
        """Append the events of one page that nobody fetched."""
        self._take(page, first_window(self.session, self.scope.scope_id).start)
        self._flush()
        return self.report

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

    def _take(self, page: Page, start: Timestamp) -> None:
        provenance = Provenance(
            node_id=self.folder.node_id,
            scope_id=self.scope.scope_id,
            producer=self.source.kind,
            producer_version=self.source.version,
            retrieved_at=page.retrieved_at,
            ingested_at=self.session.now,
        )
        known, report, buffer, mine = self.ingest.known(), self.report, self.buffer, self.scope.scope_id
        first, end = self.epoch.period_start, self.epoch.period_end
        for event in self._events(page):
            url, time, kind, event_id, metadata, login, account, source, facets, quantity = event
            if not start <= time < end:
                report.later += time >= end
                report.before_start += time < start
                continue
            order = self.claimed if facets is self.facets else self._claimants(event)
            if mine not in order:
                self._not_mine(event, order)
                continue
            report.seen += 1
            if "#" in event_id:
                raise FormatError(
                    f"the source made the id {event_id!r}; `#` is kept for events that several scopes claim",
                    hint="Rename the row or stream that it comes from.",
                )
            key = known.key(event_id, mine, order)
            sealed = seal(key, url, time, kind, metadata, login, account, source, provenance, quantity)
            before = known.get(key)
            if before is None:
                known.add(mine, key, sealed.payload_hash)
                buffer.append(sealed.line)
                report.late += time < first
                if len(buffer) >= FLUSH_EVERY:
                    self._flush()
            else:
                report.known += 1
                if before != sealed.payload_hash:
                    report.changed.append(key)

    def _not_mine(self, event: SourceEvent, order: Sequence[str]) -> None:
        if order:
            self.report.elsewhere += 1
        else:
            self.report.refused.append(event.id)

    def _claimants(self, event: SourceEvent) -> Sequence[str]:
        """Who claims the event; remembered for the last facets and per combination, since both repeat."""
        self.facets, self.claimed = event.facets, self._ask_claimants(event)
        return self.claimed

    def _ask_claimants(self, event: SourceEvent) -> Sequence[str]:
        key = tuple(sorted(event.facets.items()))
        if key not in self.order:
            mine = self.ingest.origins(self.scope, self.entry)
            scopes = list(self.session.node.scopes.values())
            self.order[key] = claimants(scopes, event.source, event.facets, self._delivers(scopes, mine))
        return self.order[key]

    def _delivers(self, scopes: list[ScopeSettings], mine: frozenset[str]) -> Callable[[SourceSettings], bool]:
        shared = {
            id(entry)
            for scope in scopes
            for entry in scope.sources
            if entry.source == self.entry.source and self.ingest.origins(scope, entry) & mine
        }
        return lambda entry: id(entry) in shared

    def _flush(self) -> None:
        if not self.buffer:
            return
        append_activity(self.folder, self.buffer)
        self.report.added += len(self.buffer)
        self.buffer.clear()
        self.session.tell(f"{self.scope.scope_id}/{self.entry.name}: {self.report.added} events")

    def _news(self, before: StreamCursor, asked: Window) -> Window:
        """The stretch that this run looked at for the first time; the whole epoch so far where nothing is new."""
        known = [window.end for window in before.covered if window.end < asked.end]
        return Window(max([min(self.epoch.period_start, asked.start), *known]), asked.end)


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
