"""Whole channels out of pages: every message of a stretch, and every thread that may hold one.

Pages are walked by hand, because the client's own iterators end without a word at an empty page and skip threads
that were archived at the same moment. Where Discord contradicts itself we ask again, and then say so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ledger.core.errors import SourceError
from ledger.core.values import Timestamp, timestamp
from ledger.sources.discord.rules import Place
from ledger.sources.discord.session import PAGE, Session
from ledger.sources.port import GOES_ON

DOUBTS = 4
"""How often contradicting answers are asked for again."""


def messages(session: Session, place: Place, after: int, stop: int) -> Iterator[tuple[list[dict[str, Any]], int]]:
    """The messages with `after` < id < `stop`, oldest first, page by page, each with the id that it reached.

    A short page ends the walk only if it reached the last message that Discord stated for the place; otherwise the
    newest message is asked for. Raises SourceError where the answers go on contradicting each other.
    """
    start, head, doubts = after, place.head or 0, 0
    while True:
        page = session.messages(place.id, after, place.shown)
        if page:
            after = int(page[-1]["id"])
            yield [message for message in page if int(message["id"]) < stop], min(after, stop)
        if after >= stop or ((len(page) < PAGE or place.head is not None) and after >= head):
            return
        if len(page) == PAGE:
            continue
        newest = session.newest(place.id, place.shown)
        if newest is not None and newest <= after:
            return  # what Discord stated as the last message has been deleted since
        doubts += 1
        if newest is None and after == start and doubts > 1:
            return  # asked four times: there are no messages (any more)
        if doubts > DOUBTS:
            raise SourceError(
                f"Discord contradicts itself about {place.shown}: newer messages exist, but it does not give them",
                hint=GOES_ON,
            )
        session.pause(float(2**doubts), f"{place.shown} gave fewer messages than it says it has")


@dataclass
class Archive:
    """The archived threads of one channel, and what can be said about their completeness."""

    threads: dict[int, dict[str, Any]] = field(default_factory=dict)
    gaps: list[str] = field(default_factory=list)


def archived(session: Session, channel: int, kind: str, since: Timestamp, *, sure: bool) -> Archive:
    """The archived threads of a channel that may hold a message from `since` on (a thread ends when it is archived).

    `kind`: `public`, `private`, or `joined` for private threads to which the bot was invited. `sure`: ask twice
    before believing in an empty archive.
    """
    found = Archive()
    page, more = session.archived_threads(channel, kind, None)
    if not page and sure:
        page, more = session.archived_threads(channel, kind, None)
    while page:
        fresh = [thread for thread in page if int(thread["id"]) not in found.threads]
        found.threads |= {int(thread["id"]): thread for thread in fresh}
        if not more:
            break
        if kind == "joined":  # in the order of ids, whatever the stamps
            page, more = session.archived_threads(channel, kind, str(min(found.threads)))
            continue
        stamp = _stamp(page[-1])
        if timestamp(stamp) < since:
            break
        # Discord's bound is strict: from a millisecond later on, threads with this very stamp come again.
        before = stamp + timedelta(milliseconds=1)
        if not fresh:
            before = stamp
            found.gaps.append(
                f"channel {channel}: more threads were archived at one moment than Discord gives in a page"
            )
        page, more = _next(session, channel, kind, before, expected=bool(fresh))
    found.threads = {number: t for number, t in found.threads.items() if timestamp(_stamp(t)) >= since}
    return found


def _next(
    session: Session, channel: int, kind: str, before: datetime, *, expected: bool
) -> tuple[list[dict[str, Any]], bool]:
    """The next page. `expected`: it must begin with what the last one ended with, so an empty one is doubtful."""
    text = before.isoformat(timespec="microseconds")
    page, more = session.archived_threads(channel, kind, text)
    for doubt in range(DOUBTS):
        if page or not expected:
            break
        session.pause(float(2**doubt), f"the archive of channel {channel} ends where it said that more would follow")
        page, more = session.archived_threads(channel, kind, text)
    return page, more


def _stamp(thread: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(thread["thread_metadata"]["archive_timestamp"])
