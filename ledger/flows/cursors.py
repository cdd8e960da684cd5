"""Where a stream stands after a page, and what sources noted about their streams over the whole node."""

from __future__ import annotations

from collections.abc import Mapping

from ledger.core.values import Timestamp
from ledger.core.windows import Window, merge, whole_hour
from ledger.flows.runlog import ALL_STREAMS
from ledger.flows.session import Session
from ledger.sources.port import Notes, Page, StreamCursor


def notes(session: Session, source: str) -> Notes:
    """The newest note of every stream of one kind of source that the node ever read: looks into every epoch."""
    return {
        line.stream: line.state
        for scope_id in session.node.scopes
        for folder in session.node.epochs(scope_id)
        for line in folder.cursors()
        if line.source == source and line.state is not None
    }


def lately(session: Session, scope_id: str, source: str, stream: str) -> Notes:
    """The newest note of each stream that a scope asked one kind of source for of late; looks into few epochs.

    Of late: in its newest epoch, and before it back to the last in which `stream` was asked for. An epoch closes only
    after a run over all streams, each of which left a line there, be it that it could not be read. So a source that
    asks anew for what it asked for loses none. Farther back are only those that could not be read since.
    """
    asked: set[str] = set()
    found: dict[str, Mapping[str, str | int | bool | None] | None] = {}
    newest = session.node.epoch_count(scope_id)
    enough = False
    for epoch_id in range(newest, 0, -1):
        folder = session.node.epoch(scope_id, epoch_id)
        for cursor in reversed(folder.cursors()):
            if cursor.source == source:
                found.setdefault(cursor.stream, cursor.state)
        if not enough:
            here = {line.stream for line in folder.collections() if line.source == source}
            asked |= {name for name in here if not name.endswith(ALL_STREAMS)} | found.keys()
            enough = epoch_id < newest and stream in here
        if enough and asked <= found.keys():
            break
    return {name: note for name in asked if (note := found.get(name)) is not None}


def advance(cursor: StreamCursor, page: Page, end: Timestamp) -> StreamCursor:
    """The cursor after a page. Coverage of a week that still runs is claimed in whole hours only.

    So looking again within the hour learns nothing new and writes nothing; what lies after is read again next time.
    A page that tells a gap covers nothing, whatever it claims.
    """
    covered = list(cursor.covered)
    if page.covered is not None and not page.gaps:
        claimed = end if end.endswith("T00:00:00.000Z") else whole_hour(end)
        upto = min(page.covered.end, claimed)
        if page.covered.start < upto:
            covered = merge([*covered, Window(page.covered.start, upto)])
    return StreamCursor(tuple(covered), page.state if page.state is not None else cursor.state)
