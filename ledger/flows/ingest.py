"""Bring what one scope's sources report into its open epoch: route, skip what is known, append, then the cursors.

Holds ACTIVITY_IDEMPOTENT, PROVENANCE_REQUIRED, CURSOR_STATE_PERSISTED and SCOPE_VALIDATED. Events are on disk before
the cursor that stands for them, so that a run killed anywhere is completed by the next.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ledger.core.canonical import clean_text
from ledger.core.config import ScopeSettings, SourceSettings
from ledger.core.errors import CredentialsError, FormatError, InputError, LedgerError, SourceError
from ledger.core.identity import resolve_accounts
from ledger.core.lifecycle import require
from ledger.core.records import Collection, Cursor, Interval
from ledger.core.routing import claimants, scoped_id
from ledger.core.sealing import Provenance, seal
from ledger.core.values import Timestamp
from ledger.core.windows import Window
from ledger.flows.cursors import advance, last_cursor
from ledger.flows.opening import first_window
from ledger.flows.routes import check_routes, options_of
from ledger.flows.session import Session
from ledger.sources.port import Checked, Closable, Page, Pushed, Source, SourceContext, SourceEvent, StreamCursor
from ledger.store.append import append_activity, append_records
from ledger.store.node import EpochFolder

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


KnownEvents = dict[str, str]
"""Event id to payload hash, over the whole node."""


class Ingest:
    """One run's sources and the ids it knows; used for every window that the run catches up."""

    def __init__(self, session: Session, wait: Callable[[float], None] = time.sleep) -> None:
        self._session = session
        self._wait = wait
        self._sources: dict[tuple[str, str], Source] = {}
        self._known: KnownEvents | None = None
        self._origins: dict[tuple[str, str], frozenset[str]] = {}

    def close(self) -> None:
        """End the sources that hold something open, such as a session with a server."""
        for source in self._sources.values():
            if isinstance(source, Closable):
                source.close()

    def known(self) -> KnownEvents:
        """Every event of the node so far."""
        if self._known is None:
            node = self._session.node
            shards = [
                shard for scope_id in node.scopes for folder in node.epochs(scope_id) for shard in folder.shards()
            ]
            self._known = self._session.engine.known_ids(shards)
        return self._known

    def source(self, scope: ScopeSettings, entry: SourceSettings) -> Source:
        """The configured source, made once per run so that it may keep what it read."""
        key = (scope.scope_id, entry.name)
        if key not in self._sources:
            session = self._session
            kind, options = options_of(scope, entry)
            secret = session.environ.get("LEDGER_SECRET")
            self._sources[key] = kind(
                entry.name,
                options,
                SourceContext(
                    node_id=session.node.node_id,
                    scope_id=scope.scope_id,
                    node_root=str(session.node.root),
                    cache_dir=str(cache_dir(session.environ)),
                    now=lambda: session.now,
                    environ=session.environ,
                    scope_start=first_window(session, scope.scope_id).start,
                    secret=secret.encode() if secret else None,
                    bound=frozenset(
                        account
                        for provider, account in resolve_accounts(session.node.bindings())
                        if provider == entry.source
                    ),
                    tell=session.tell,
                    wait=self._wait,
                ),
            )
        return self._sources[key]

    def origins(self, scope: ScopeSettings, entry: SourceSettings) -> frozenset[str]:
        """What a configured source reads, as comparable text."""
        key = (scope.scope_id, entry.name)
        if key not in self._origins:
            kind, options = options_of(scope, entry)
            self._origins[key] = kind.origins(options)
        return self._origins[key]

    def check(self, scope_id: str, only: str | None = None) -> None:
        """Let each source judge what people wrote for it: a wrong row stops the run before anything is written.

        Raises ConfigError for a route that asks what a source cannot tell.
        """
        scope = self._session.node.scope(scope_id)
        for kind in sorted({entry.source for entry in self._entries(scope, only)}):
            check_routes(list(self._session.node.scopes.values()), kind)
        for entry in self._entries(scope, only):
            source = self.source(scope, entry)
            if isinstance(source, Checked):
                with _rare_collections():
                    source.check()

    def run(self, folder: EpochFolder, only: str | None = None, backfill: Window | None = None) -> list[StreamReport]:
        """Read every source of the epoch's scope up to its end (or now) and append what is new.

        `backfill`: look again at this window instead, from nothing; it never moves a cursor. A source that fails is
        reported (`StreamReport.error`) and does not stop the others; what it gave before stays.
        """
        session = self._session
        require("ingest", folder.state(), folder.epoch_id)
        scope = session.node.scope(folder.scope_id)
        reports = []
        for entry in self._entries(scope, only):
            try:
                streams = self.source(scope, entry).streams()
            except LedgerError as error:
                reports.append(StreamReport(entry.source, entry.name, entry.name, error=error))
                continue
            with _rare_collections():
                for stream in streams:
                    reports.append(_Run(self, session, folder, scope, entry, stream).read(backfill))
        return reports

    def told(
        self, scope_id: str, payload: Mapping[str, Any], only: str | None = None
    ) -> list[tuple[SourceSettings, Page]]:
        """What a payload of GitHub's brings, by each of the scope's sources that it is about; nothing is written."""
        scope, found = self._session.node.scope(scope_id), []
        check_routes(list(self._session.node.scopes.values()), "github")
        for entry in self._entries(scope, only):
            if entry.source != "github":
                continue
            source = self.source(scope, entry)
            page = source.webhook(payload) if isinstance(source, Pushed) else None
            if page is not None:
                found.append((entry, page))
        return found

    def take(self, folder: EpochFolder, entry: SourceSettings, page: Page) -> StreamReport:
        """Append what one source was told, by the rules of `run`; it covers nothing: no cursor, no record."""
        require("ingest", folder.state(), folder.epoch_id)
        scope = self._session.node.scope(folder.scope_id)
        return _Run(self, self._session, folder, scope, entry, f"{entry.name}:webhook").accept(page)

    def _entries(self, scope: ScopeSettings, only: str | None) -> list[SourceSettings]:
        entries = [entry for entry in scope.sources if only in (None, entry.name, entry.source)]
        if only is not None and not entries:
            raise InputError(
                f"scope {scope.scope_id} has no source {only!r}",
                path=f"scopes/{scope.scope_id}.yaml",
                hint=f"It has: {', '.join(entry.name for entry in scope.sources) or 'none'}.",
            )
        return entries


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Let Python look for reference cycles rarely: events hold none, and looking costs as much as sealing them."""
    before = gc.get_threshold()
    gc.set_threshold(500_000, 10, 10)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def cache_dir(environ: Mapping[str, str]) -> Path:
    """Where sources may keep clones: LEDGER_CACHE, else the user's cache folder."""
    if environ.get("LEDGER_CACHE"):
        return Path(environ["LEDGER_CACHE"])
    base = environ.get("XDG_CACHE_HOME") or os.path.join(environ.get("HOME", "/tmp"), ".cache")  # noqa: PTH118, S108
    return Path(base) / "contribution-ledger"


class _Run:
    """One stream of one source into one epoch."""

    def __init__(
        self,
        ingest: Ingest,
        session: Session,
        folder: EpochFolder,
        scope: ScopeSettings,
        entry: SourceSettings,
        stream: str,
    ) -> None:
        self.ingest, self.session, self.folder, self.scope = ingest, session, folder, scope
        self.entry, self.stream = entry, stream
        self.source = ingest.source(scope, entry)
        self.epoch = folder.epoch()
        self.report = StreamReport(entry.source, entry.name, stream)
        self.buffer: list[bytes] = []
        self.order: dict[object, list[str]] = {}
        self.facets: Mapping[str, tuple[str, ...]] | None = None
        self.claimed: Sequence[str] = ()

    def read(self, backfill: Window | None = None) -> StreamReport:
        """Fetch, append, then record what was covered."""
        start = first_window(self.session, self.scope.scope_id).start
        end = min(self.epoch.period_end, self.session.now)
        if backfill is not None:
            start, end = max(start, backfill.start), min(end, backfill.end)
        if start >= end:
            return self.report
        before = StreamCursor()
        if backfill is None:
            before = last_cursor(self.session, self.folder, self.entry.source, self.stream)
        after, stated = before, None
        counts: dict[str, int] = {}
        try:
            for page in self.source.fetch(self.stream, Window(start, end), before):
                self._take(page, start)
                after = advance(after, page, end)
                stated = page.stated if page.stated is not None else stated
                counts.update(page.counts)
                self.report.gaps.extend(clean_text(gap) for gap in page.gaps)
        except LedgerError as error:
            self.report.error = error
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            self.report.error = SourceError(
                f"the source failed on what it read ({type(error).__name__}: {error})",
                hint="What was read before is kept. This is a mistake in the source; please report it.",
            )
        self._flush()
        if backfill is not None:
            self._record(Window(start, end), stated, counts)
        elif after != before or self.report.added or self.report.error or self.report.gaps:
            self._record(self._news(before, Window(start, end)), stated, counts)
            if after != before:
                self._advance(after)
        return self.report

    def accept(self, page: Page) -> StreamReport:
        """Append the events of one page that nobody fetched."""
        self._take(page, first_window(self.session, self.scope.scope_id).start)
        self._flush()
        return self.report

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
        for raw in page.items:
            for event in self.source.parse(raw):
                url, time, kind, event_id, metadata, login, account, source, facets = event
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
                key = scoped_id(event_id, mine, order)
                sealed = seal(key, url, time, kind, metadata, login, account, source, provenance)
                before = known.get(key)
                if before is None:
                    known[key] = sealed.payload_hash
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

    def _record(self, covered: Window, stated: int | None, counts: Mapping[str, int]) -> None:
        """The completeness record of this run."""
        folder, report = self.folder, self.report
        logs = folder.collections()
        line = Collection(
            **folder.place,
            seq=len(logs) + 1,
            at=self.session.now,
            counts=dict(counts),
            covered_from=covered.start,
            covered_to=covered.end,
            errors=(clean_text(str(report.error)),) if report.error else (),
            events_seen=report.seen,
            events_stated=stated,
            gaps=tuple(report.gaps),
            source=self.entry.source,
            stream=self.stream,
        )
        same = [known for known in logs if (known.source, known.stream) == (line.source, line.stream)][-1:]
        if not same or same[0].model_dump(exclude={"seq"}) != line.model_dump(exclude={"seq"}):
            append_records(folder.root, folder.path("collection.jsonl"), [line])  # else a killed run had come this far

    def _advance(self, after: StreamCursor) -> None:
        """The cursor, last of all: everything that it stands for is on disk."""
        folder = self.folder
        line = Cursor(
            **folder.place,
            seq=len(folder.cursors()) + 1,
            at=self.session.now,
            covered=tuple(Interval(from_=window.start, to=window.end) for window in after.covered),
            source=self.entry.source,
            state=None if after.state is None else dict(after.state),
            stream=self.stream,
        )
        append_records(folder.root, folder.path("cursors.jsonl"), [line])


def raise_failures(reports: Sequence[StreamReport]) -> None:
    """Raise the first failure of a run, credentials first, once everything else is safe on disk."""
    failed = [report.error for report in reports if report.error is not None]
    for error in sorted(failed, key=lambda error: not isinstance(error, CredentialsError)):
        raise error
