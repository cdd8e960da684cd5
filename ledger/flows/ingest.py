"""Bring what one scope's sources report into its open epoch: route, skip what is known, append, then the cursors.

Holds ACTIVITY_IDEMPOTENT, PROVENANCE_REQUIRED, CURSOR_STATE_PERSISTED and SCOPE_VALIDATED. Events are on disk before
the cursor that stands for them, so that a run killed anywhere is completed by the next.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from ledger.compute.held import Held
from ledger.compute.plainrows import plain_rows
from ledger.core.config import ScopeSettings, SourceSettings
from ledger.core.errors import CredentialsError, InputError, LedgerError, SourceError
from ledger.core.identity import bound_since
from ledger.core.lifecycle import require
from ledger.core.routing import Facets
from ledger.core.windows import Window
from ledger.flows.cursors import lately, notes
from ledger.flows.opening import first_window
from ledger.flows.restricted import forget, require_unweighed
from ledger.flows.rewritten import GIT, hold_back
from ledger.flows.routes import Claims, check_routes, options_of
from ledger.flows.runlog import ALL_STREAMS, RunLog
from ledger.flows.samework import know, leave_out
from ledger.flows.session import Session, cache_dir
from ledger.flows.streamrun import StreamReport, StreamRun, failure, window_of
from ledger.flows.taken import Known
from ledger.sources.git import GitSource
from ledger.sources.port import Changeable, Checked, Closable, Page, Pushed, Restricted, Source, SourceContext
from ledger.sources.registry import source_class
from ledger.store.epochfolder import EpochFolder


class Ingest:
    """One run's sources and the ids it knows; used for every window that the run catches up."""

    def __init__(self, session: Session, wait: Callable[[float], None] = time.sleep) -> None:
        self._session = session
        self._wait = wait
        self._sources: dict[tuple[str, str], Source] = {}
        self._known: Known | None = None
        self._origins: dict[tuple[str, str], frozenset[str]] = {}
        self._claims: dict[tuple[str, str], Claims] = {}

    def close(self) -> None:
        """End the sources that hold something open, such as a session with a server."""
        for source in self._sources.values():
            if isinstance(source, Closable):
                source.close()

    def known(self) -> Known:
        """Every event of the node so far."""
        if self._known is None:
            node, settled = self._session.node, self._session.settled
            logs = {
                scope_id: [shard for folder in node.epochs(scope_id) for shard in settled.shards(folder)]
                for scope_id in node.scopes
            }
            self._known = Known(Held(self._session.engine, logs, settled), logs)
        return self._known

    def source(self, scope: ScopeSettings, entry: SourceSettings) -> Source:
        """The configured source, made once per run so that it may keep what it read."""
        key = (scope.scope_id, entry.name)
        if key not in self._sources:
            session = self._session
            kind, options = options_of(scope, entry)
            secret = session.environ.get("LEDGER_SECRET")
            context = SourceContext(
                node_id=session.node.node_id,
                scope_id=scope.scope_id,
                node_root=str(session.node.root),
                cache_dir=str(cache_dir(session.environ)),
                now=lambda: session.now,
                environ=session.environ,
                scope_start=first_window(session, scope.scope_id).start,
                secret=secret.encode() if secret else None,
                bound=bound_since(session.node.bindings(), entry.source),
                notes=lambda: notes(session, entry.source),
                lately=lambda stream: lately(session, scope.scope_id, entry.source, stream),
                boundary=lambda time: session.node.settings.epoch.calendar.holding(time).start == time,
                tell=session.tell,
                wait=self._wait,
                plain=partial(plain_rows, session.engine, scope.scope_id),
            )
            try:
                self._sources[key] = kind(entry.name, options, context)
            except Exception as error:
                raise failure(error) from None
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

        Raises ConfigError for a route that asks what a source cannot tell, and for a weight that a platform forbids.
        """
        scope = self._session.node.scope(scope_id)
        require_unweighed(self._session, scope)
        for kind in sorted({entry.source for entry in self._entries(scope, only)}):
            check_routes(list(self._session.node.scopes.values()), kind)
        for entry in self._entries(scope, only):
            try:
                source = self.source(scope, entry)
            except SourceError:
                continue  # `run` tells it, and goes on with the other sources
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
        first, whole = not folder.log_shards(), []
        log = RunLog(session, folder, keep=GIT)
        # while a repository cannot be read nothing is held to be gone: what came then is decided once it can be. A run
        # that was asked for one source says nothing of the others, but leaves their cursors behind
        git = [entry.name for entry in scope.sources if entry.source == GIT]
        doubt = len({log.moved(GIT, name) for name in git}) > 1 or any(log.failed(GIT, name) for name in git)
        for entry in self._entries(scope, only):
            streams, error = self._streams(log, folder, entry, backfill)
            if error is not None:
                reports.append(StreamReport(entry.source, entry.name, entry.name, error=error))
            with _rare_collections():
                for stream in streams:
                    run = self._stream(folder, entry, stream)
                    reports.append(run.read(log, backfill))
                    whole += run.whole
        if first and len(whole) == 1 and len(whole[0]) == sum(report.added for report in reports):
            know(session, folder, whole[0])
        leave_out(session, folder, lambda kind, ids: self._present(scope, kind, ids))
        added = doubt or any(report.added for report in reports if report.source == GIT)
        present, behind = partial(self._present, scope), partial(self._behind, scope)
        hold_back(session, folder, present, behind, log, added=added)
        for kind in sorted({entry.source for entry in self._entries(scope, only)}):
            if issubclass(source_class(kind), Restricted):
                forget(session, folder, kind, lambda kind, ids: self._present(scope, kind, ids))
        return reports

    def _present(self, scope: ScopeSettings, kind: str, ids: Collection[str]) -> Collection[str]:
        """Those of the ids that some source of this kind still holds; all, where one of them cannot say so now."""
        found: set[str] = set()
        for entry in scope.sources:
            if entry.source == kind:
                try:
                    source = self.source(scope, entry)
                    if not isinstance(source, Changeable):
                        return ids
                    found.update(source.present(ids))
                except LedgerError:
                    return ids
        return found

    def _behind(self, scope: ScopeSettings, stream: str, tip: str, ids: Collection[str]) -> Collection[str]:
        """Those of the ids whose commit a branch had when it stood at `tip`; none, where it cannot be asked now."""
        entry = next(entry for entry in scope.sources if (entry.source, entry.name) == (GIT, stream))
        with suppress(LedgerError):
            source = self.source(scope, entry)
            return source.behind(tip, ids) if isinstance(source, GitSource) else ()
        return ()

    def _streams(
        self, log: RunLog, folder: EpochFolder, entry: SourceSettings, backfill: Window | None
    ) -> tuple[Sequence[str], LedgerError | None]:
        """The source's streams, or why it cannot name them; that is recorded, and taken back once it can."""
        streams: Sequence[str] = ()
        error = None
        try:
            streams = list(self.source(self._session.node.scope(folder.scope_id), entry).streams())
        except Exception as raised:
            error = failure(raised)
        looked, name = window_of(self._session, folder, backfill), f"{entry.name}{ALL_STREAMS}"
        if looked is not None and (error is not None or log.failed(entry.source, name)):
            log.record(entry.source, name, looked, error=error)
        return streams, error

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
        report = self._stream(folder, entry, f"{entry.name}:webhook").accept(page)
        leave_out(self._session, folder, lambda _kind, ids: ids)  # a payload says nothing about what is gone
        return report

    def _stream(self, folder: EpochFolder, entry: SourceSettings, stream: str) -> StreamRun:
        session = self._session
        scope = session.node.scope(folder.scope_id)
        source, claims = self.source(scope, entry), self.claims(scope, entry)
        return StreamRun(session, folder, entry, stream, source, self.known(), claims)

    def claims(self, scope: ScopeSettings, entry: SourceSettings) -> Callable[[Facets], Sequence[str]]:
        """Which scopes claim an event of a source, by its facets."""
        key = (scope.scope_id, entry.name)
        if key not in self._claims:
            scopes = list(self._session.node.scopes.values())
            self._claims[key] = Claims(scopes, entry.source, self.origins(scope, entry), self.origins)
        return self._claims[key].of

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


def raise_failures(reports: Sequence[StreamReport]) -> None:
    """Raise the first failure of a run, credentials first, once everything else is safe on disk."""
    raise_first([report.error for report in reports if report.error is not None])


def raise_first(errors: Sequence[LedgerError]) -> None:
    """Raise one of the errors, if any, those about credentials first."""
    for error in sorted(errors, key=lambda error: not isinstance(error, CredentialsError)):
        raise error
