"""Hold back what may be work that was recorded before, where a branch was rewritten and author dates do not tell.

`samework` joins by moment; whoever rewrites history can set every date anew. What is gone and what came stand on the
record, and from it follows as many events as may be paid twice: they wait for a person (specification, section 6). So
every machine that collects decides alike, whether its clone still holds the old commits or not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from ledger.core.config import ScopeSettings
from ledger.core.records.activity import Cursor
from ledger.core.samework import PERHAPS, SAME_WORK, Work, perhaps_again
from ledger.core.spam import POLICY_ACTOR
from ledger.core.values import EventId
from ledger.flows.runlog import RunLog
from ledger.flows.samework import Present, exclude, standing
from ledger.flows.session import Session
from ledger.sources.git import GitSource, rewritings
from ledger.store.amendments import newest
from ledger.store.epochfolder import EpochFolder

GIT = GitSource.kind


class Rewriting(NamedTuple):
    """A branch was rewritten. `came`: in the time of the epoch at hand; `since`: new is what was ingested after it."""

    came: bool
    since: str


def hold_back(session: Session, folder: EpochFolder, present: Present) -> int:
    """Exclude the epoch's events that are perhaps the work of commits which are gone; how many.

    Call inside the write lock, while the epoch is open and after `leave_out`. Reads the scope's logs only where one of
    its branches was rewritten.
    """
    branch = _rewriting(session, folder)
    if branch is None:
        return 0
    engine = session.engine
    epochs = [each for each in session.node.epochs(folder.scope_id) if each.epoch_id <= folder.epoch_id]
    shards = [shard for each in epochs for shard in session.settled.shards(each)]
    places = {"shards": engine.paths(shards), "here": engine.paths(folder.shards())}
    works = [Work(*row) for row in engine.rows("commits", since=branch.since, **places)]
    there = set(present(GIT, {work.id for work in works}))
    decided = {line.event_id for line in folder.curation() if line.action in ("include", "exclude")}
    new = [work for work in works if work.here and work.id in there and work.id not in decided]
    if not new:
        return 0
    answered = _answered(epochs, there)
    gone = [work for work in works if work.id not in there and work.id not in answered]
    return exclude(session, folder, perhaps_again(new, gone, came=branch.came), PERHAPS)


def _rewriting(session: Session, folder: EpochFolder) -> Rewriting | None:
    """What the cursors say of the scope's branches; None where none was ever seen to be rewritten."""
    streams = _streams(session.node.scope(folder.scope_id))
    if not streams:
        return None  # the logs of hundreds of channels are not read for nothing
    log = RunLog(session, folder)
    found = [_since(session, folder, stream) for stream in streams if rewritings(log.cursor(GIT, stream).state)]
    times = [since for since in found if since is not None]
    return Rewriting(bool(times), min(times, default="")) if found else None


def _streams(scope: ScopeSettings) -> list[str]:
    return [entry.name for entry in scope.sources if entry.source == GIT]


def _since(session: Session, folder: EpochFolder, stream: str) -> str | None:
    """When the branch was last seen before it was rewritten in this epoch's time; None where that was before it began.

    A run may still be about the epoch before, which waits for its grace to pass or was not closed for long. What comes
    with a rewriting that it sees then bears new dates, and enters this epoch.
    """
    start = folder.window().start
    known, at = 0, ""
    for line in _seen(session, folder, stream):
        if rewritings(line.state) > known and (line.epoch_id == folder.epoch_id or line.at >= start):
            return at
        known, at = rewritings(line.state), line.at
    return None


def _seen(session: Session, folder: EpochFolder, stream: str) -> list[Cursor]:
    """Where a stream stood, in order: in this epoch, and before it from the last time before the epoch began."""
    found: list[Cursor] = []
    start = folder.window().start
    for epoch_id in range(folder.epoch_id, 0, -1):
        each = folder if epoch_id == folder.epoch_id else session.node.epoch(folder.scope_id, epoch_id)
        found[:0] = [line for line in each.cursors() if (line.source, line.stream) == (GIT, stream)]
        if epoch_id < folder.epoch_id and found and found[0].at < start:
            break
    return found


def _answered(epochs: Iterable[EpochFolder], there: Collection[str]) -> set[EventId]:
    """Events that are the work of another, and those for which one stands that is there or that somebody included."""
    found: set[EventId] = set()
    for folder in map(newest, epochs):
        lines = folder.curation()
        left_out = standing(lines)
        for line in lines:
            first = _first(line.note or "") if line.actor == POLICY_ACTOR else None
            if first is not None:
                found.update([line.event_id] if line.event_id in left_out else [first])
                found.update([first] if line.event_id in there else [])
    return found


def _first(note: str) -> EventId | None:
    """The event that a decision names as the first of the work; None where it is about something else."""
    named = [note.removeprefix(words) for words in (SAME_WORK, PERHAPS) if note.startswith(words)]
    return EventId(named[0]) if named else None
