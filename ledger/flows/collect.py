"""Collect: open what is due, read its sources, move it to review after grace, and catch up window by window.

Never dead-locks: when the next epoch must wait for the one in review, the run says so and ends well.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

from ledger.core.errors import InputError, LedgerError
from ledger.core.windows import Window
from ledger.flows.drafting import as_stated, draft
from ledger.flows.ingest import Ingest
from ledger.flows.opening import Waiting, first_window, open_epoch
from ledger.flows.remarks import Remark, remarks
from ledger.flows.review import due_for_review, review
from ledger.flows.samework import kinds_of
from ledger.flows.session import Session
from ledger.flows.streamrun import StreamReport
from ledger.store.epochfolder import EpochFolder
from ledger.store.files import write_lock


@dataclass
class Collected:
    """One epoch that this run worked on."""

    folder: EpochFolder
    opened: bool
    reports: list[StreamReport] = field(default_factory=list)
    reviewed: bool = False
    held_back: LedgerError | None = None


@dataclass
class CollectRun:
    """Everything a run did: the epochs it touched, in order, and why it stopped.

    `left`: what a webhook's payload leaves to the next run, in words.
    """

    epochs: list[Collected] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @property
    def reports(self) -> list[StreamReport]:
        """All streams of all epochs, in order."""
        return [report for epoch in self.epochs for report in epoch.reports]


def collect(
    session: Session, scope_id: str | None = None, source: str | None = None, ingest: Ingest | None = None
) -> CollectRun:
    """Bring the scope (None: every scope) up to date; takes the write lock."""
    run, mine = CollectRun(), ingest or Ingest(session)
    try:
        with write_lock(session.node.root):
            for each in session.scope_ids(scope_id):
                _catch_up(session, each, source, mine, run)
    finally:
        if ingest is None:
            mine.close()
    return run


def _catch_up(session: Session, scope_id: str, source: str | None, ingest: Ingest, run: CollectRun) -> None:
    while True:
        ingest.check(scope_id, source)
        before = session.node.epoch_count(scope_id)
        for folder in session.node.last_epochs(scope_id, 2):
            if folder.stored("statement.json") is None and folder.state() == "review":
                draft(session, folder)  # a run was killed between closing the epoch and drafting its statement
        due = open_epoch(session, scope_id)
        if isinstance(due, Waiting):
            run.waiting.append(due)
            return
        done = Collected(due, opened=due.epoch_id > before)
        run.epochs.append(done)
        done.reports = ingest.run(due, source)
        if not due_for_review(session, due):
            return
        try:
            review(session, due, ingest, reports=done.reports if source is None else None)
        except LedgerError as error:
            done.held_back = error
            return
        done.reviewed = True


def remarks_after(session: Session, run: CollectRun) -> list[Remark]:
    """What to look at in the epochs that this run brought something to."""
    found: list[Remark] = []
    for epoch in run.epochs:
        if any(report.added for report in epoch.reports):
            with suppress(LedgerError):  # what stands in the way of figures is for `status` and `verify` to tell
                weighed = _all_weighed(session, epoch.folder)
                found += remarks(session, epoch.folder, None if weighed else as_stated(session, epoch.folder))
    return found


def _all_weighed(session: Session, folder: EpochFolder) -> bool:
    """Whether every kind of the epoch has a weight: what its events count is then nothing to remark upon."""
    weights = folder.epoch().weight_config
    return all(f"{kind.source}:{kind.event_type}" in weights for kind in kinds_of(session, folder))


def backfill(session: Session, scope_id: str, window: Window, source: str | None = None) -> CollectRun:
    """Look again at a window that is closed; what was missed enters the open epoch as late. Takes the write lock.

    InputError for a window of which nothing lies between the scope's start and now.
    """
    start = first_window(session, scope_id).start
    if window.end <= start or window.start >= session.now:
        raise InputError(
            f"nothing of {window} lies between the scope's start, {start}, and now",
            hint="Events before a scope's first window do not belong to it.",
        )
    ingest, run = Ingest(session), CollectRun()
    with write_lock(session.node.root):
        ingest.check(scope_id, source)
        folder = open_epoch(session, scope_id)
        if isinstance(folder, Waiting):
            run.waiting.append(folder)
        else:
            run.epochs.append(Collected(folder, False, ingest.run(folder, source, window)))
    return run
