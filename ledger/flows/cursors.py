"""Where a stream stands after a page, and what sources noted about their streams over the whole node."""

from __future__ import annotations

from collections.abc import Mapping

from ledger.core.values import Timestamp
from ledger.core.windows import Window, merge, whole_hour
from ledger.flows.session import Session
from ledger.sources.port import Page, StreamCursor


def notes(session: Session, source: str) -> dict[str, Mapping[str, str | int | bool | None]]:
    """The newest note of every stream of one kind of source, over the whole node."""
    return {
        line.stream: line.state
        for scope_id in session.node.scopes
        for folder in session.node.epochs(scope_id)
        for line in folder.cursors()
        if line.source == source and line.state is not None
    }


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
