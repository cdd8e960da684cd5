"""Hold back what may be work that was recorded before, where a branch was rewritten and author dates do not tell.

`samework` joins by moment; whoever rewrites history can set every date anew. What is gone and what came stand on the
record, and from it follows as many events as may be paid twice: they wait for a person (specification, section 6). So
every machine that collects decides alike, whether its clone still holds the old commits or not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ledger.core.config import ScopeSettings
from ledger.core.records.activity import Cursor
from ledger.core.samework import PERHAPS, SAME_WORK, Work, perhaps_again
from ledger.core.spam import POLICY_ACTOR
from ledger.core.values import EventId
from ledger.flows.routes import options_of
from ledger.flows.runlog import RunLog
from ledger.flows.samework import Present, exclude, standing
from ledger.flows.session import Session
from ledger.sources.git import GitOptions, GitSource, address_of, rewritings
from ledger.store.amendments import newest
from ledger.store.epochfolder import EpochFolder

GIT = GitSource.kind


class Rewriting(NamedTuple):
    """A branch was rewritten. `came`: in the time of the epoch at hand; `since`: new is what was ingested after it.

    `now`: this run saw it. `tips`: by stream, where a branch that was ever rewritten stood before the epoch began.
    """

    came: bool
    since: str
    now: bool
    tips: Mapping[str, str]


Behind = Callable[[str, str, Collection[str]], Collection[str]]
"""Of a stream of git, a commit and ids of events: those whose commit the branch had when it stood at that one."""


def hold_back(
    session: Session, folder: EpochFolder, present: Present, behind: Behind, log: RunLog, *, added: bool
) -> int:
    """Exclude the epoch's events that are perhaps the work of commits which are gone; how many.

    Call inside the write lock, while the epoch is open and after `leave_out`. `log`: the run's, which keeps the cursors
    of git. Reads the scope's older logs only where one of its branches was rewritten, and then only in a run that saw
    it, that brought commits or follows one which could not read all (`added`), or that comes after the epoch's end:
    such a one decides whatever an earlier run, which may have been killed, did not, and nothing goes to review before.
    """
    branch = _rewriting(session, folder, log)
    if branch is None or not (added or branch.now or session.now >= folder.window().end):
        return 0
    own = _works(session, folder.shards(), branch, here=True)
    decided = {line.event_id for line in folder.curation() if line.action in ("include", "exclude")}
    new = [work for work in own if work.here and work.id not in decided]
    there = set(present(GIT, {work.id for work in own}))
    new = [work for work in new if work.id in there]
    if not new:
        return 0
    epochs = [each for each in session.node.epochs(folder.scope_id) if each.epoch_id <= folder.epoch_id]
    older = [shard for each in epochs[:-1] for shard in session.settled.shards(each)]
    before = _works(session, older, branch, here=False)
    there.update(present(GIT, {work.id for work in before}))
    works, answered = [*before, *own], _answered(epochs, there)
    gone = [work for work in works if work.id not in there and work.id not in answered]
    scope = session.node.scope(folder.scope_id)
    if gone and log.streams().difference(_streams(scope)):
        read = _addresses(scope, works, there)
        gone = [work for work in gone if _address(work) in read]
    came = {work.id for work in new} if branch.came else _dated_ahead(new, branch, behind)
    return exclude(session, folder, perhaps_again(new, gone, came), PERHAPS)


def _dated_ahead(new: Sequence[Work], branch: Rewriting, behind: Behind) -> set[EventId]:
    """What a branch had before the epoch began: its date was ahead of it, so it may have come with the rewriting."""
    ids = {work.id for work in new}
    return {EventId(each) for stream, tip in branch.tips.items() for each in behind(stream, tip, ids)}


def _works(session: Session, shards: Sequence[Path], branch: Rewriting, *, here: bool) -> list[Work]:
    """The commits of some logs; `here`: these are the epoch's own."""
    engine = session.engine
    paths = engine.paths(shards)
    if not paths:
        return []
    rows = engine.rows("commits", shards=paths, here=paths if here else [], since=branch.since)
    return [Work(*row) for row in rows]


def _address(work: Work) -> str:
    """What stands before the commit's id in the address of its evidence: the repository's place, where it has one."""
    return work.artifact_url.removesuffix(work.id.partition("#")[0].split(":")[2])


def _addresses(scope: ScopeSettings, works: Iterable[Work], there: Collection[str]) -> set[str]:
    """The places of the repositories that the scope reads: as its file says now, and as their commits were recorded.

    What was recorded of a repository that left the scope's file is not gone; nobody looks there any more. Ask only
    where one left: an address alone may change with the settings, and what was recorded under the old one be gone.
    """
    settings = [options_of(scope, entry)[1] for entry in scope.sources if entry.source == GIT]
    said = {address_of(options) for options in settings if isinstance(options, GitOptions)}
    return said | {_address(work) for work in works if work.id in there}


def _rewriting(session: Session, folder: EpochFolder, log: RunLog) -> Rewriting | None:
    """What the cursors say of the scope's branches; None where none was ever seen to be rewritten."""
    streams = _streams(session.node.scope(folder.scope_id))
    rewritten = [stream for stream in streams if rewritings(log.cursor(GIT, stream).state)]
    seen = {stream: _seen(folder, log, stream) for stream in rewritten}
    found = [_since(session, folder, lines) for lines in seen.values()]
    times = [since for since, _ in found if since is not None]
    tips = {
        stream: str((lines[-1].state or {}).get("tip") or "")
        for stream, lines in seen.items()
        if lines[-1].at < folder.window().start
    }
    return Rewriting(bool(times), min(times, default=""), any(now for _, now in found), tips) if found else None


def _streams(scope: ScopeSettings) -> list[str]:
    return [entry.name for entry in scope.sources if entry.source == GIT]


def _since(session: Session, folder: EpochFolder, lines: Sequence[Cursor]) -> tuple[str | None, bool]:
    """When the branch was last seen before it was rewritten in this epoch's time; None where that was before it began.

    And whether this very run saw it. A run may still be about the epoch before, which waits for its grace to pass or
    was not closed for long. What comes with a rewriting that it sees then bears new dates, and enters this epoch.
    """
    start = folder.window().start
    known, at, since, now = 0, "", None, False
    for line in reversed(lines):
        if rewritings(line.state) > known:
            if since is None and (line.epoch_id == folder.epoch_id or line.at >= start):
                since = at
            now = now or line.at == session.now
        known, at = rewritings(line.state), line.at
    return since, now


def _seen(folder: EpochFolder, log: RunLog, stream: str) -> list[Cursor]:
    """Where a stream stood, the newest first: in this epoch, and back to the last time before the epoch began."""
    found: list[Cursor] = []
    for line in log.course(stream):
        found.append(line)
        if line.epoch_id < folder.epoch_id and line.at < folder.window().start:
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
