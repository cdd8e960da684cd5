"""The same work under two ids: rewritten history and repositories that were imported anew, rows that were renamed.

Of some it is certain, by the moment at which the work was done. Of a commit that was given another it is not.

The specification's section 6 has the rules. Pure: events and what the world still holds in, pairs of ids out. Knows no
node, no decisions of people and no units.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from ledger.core.values import EventId

SAME_WORK = "policy: the same work as "
"""What the note of such a decision begins with; the id of the first event follows."""
PERHAPS = "policy: perhaps the same work as "
"""The same where nobody but a person can say: the event waits for who may decide, and is not paid meanwhile."""


class Work(NamedTuple):
    """One event as far as it tells whether work is the same; `here`: it lies in the epoch at hand.

    `title`, `number` and `repository_id` are of its metadata, as text; None where there are none.
    """

    id: EventId
    source: str
    event_type: str
    event_time: str
    platform_user_id: str
    artifact_url: str
    title: str | None
    number: str | None
    repository_id: str | None
    here: bool


class Again(NamedTuple):
    """An event whose work was recorded before, or perhaps was, and the event that recorded it first."""

    id: EventId
    first: EventId


class _Chain:
    """Work by its first event, and the last one that stood for it: a branch may be rewritten more than once."""

    def __init__(self, work: Work) -> None:
        self.first, self.last = work, work


RECORDED_AGAIN = ("git", "github")
"""The sources whose work may be recorded before: see `recorded_again`."""


def recorded_again(works: Iterable[Work], present: Callable[[str], bool]) -> Iterator[Again]:
    """Events of the epoch at hand that are work which was recorded before.

    `works` come in the order in which they were recorded; `present` says whether the world still holds an event.
    A commit is the same work as an earlier one of its moment whose commit is gone, or that has its title, where the
    account is the same; or, where the account became another, if the commit is gone and the title is the same. A thing
    on GitHub is the same as one of its kind, number, title, account and moment in another repository.
    """
    rule = dict(zip(RECORDED_AGAIN, (_commits, _things), strict=True))
    for (source, _, _), group in groupby(
        sorted(works, key=attrgetter("source", "event_type", "event_time")),
        key=attrgetter("source", "event_type", "event_time"),
    ):
        if source in rule:
            yield from rule[source](list(group), present)


def _commits(works: list[Work], present: Callable[[str], bool]) -> Iterator[Again]:
    chains: list[_Chain] = []
    for work in works:
        found = next((each for each in chains if _same_commit(each.last, work, present)), None)
        if found is None:
            chains.append(_Chain(work))
        else:
            found.last = work
            if work.here:
                yield Again(work.id, found.first.id)


def _same_commit(before: Work, work: Work, present: Callable[[str], bool]) -> bool:
    titled, gone = before.title == work.title, not present(before.id)
    if before.platform_user_id == work.platform_user_id:
        return titled or (gone and present(work.id))
    return titled and gone and work.event_type == "commit_authored"


def perhaps_again(new: Iterable[Work], gone: Iterable[Work], came: Collection[EventId]) -> list[Again]:
    """New commits that may be the work of commits which are gone from a rewritten branch, whatever their moment.

    Both come in the order in which they were recorded. Each that is gone stands for one of its kind: first for one of
    its account and title. `came`: those that came with a rewriting; of them also for an author's of its title under
    another account, and last for any of its account. Which of an account's it is cannot be known, and need not be: as
    many wait as may be paid a second time.
    """
    keys: list[Callable[[Work], tuple[str | None, ...] | None]] = [
        lambda work: (work.event_type, work.platform_user_id, work.title)
    ]
    keys.append(lambda work: (work.title,) if work.title and work.event_type == "commit_authored" else None)
    keys.append(lambda work: (work.event_type, work.platform_user_id))
    left, found = list(gone), dict[EventId, EventId]()
    waiting = list(new)
    for place, key in enumerate(keys):
        by_key: dict[tuple[str | None, ...] | None, list[Work]] = {}
        for before in left:
            by_key.setdefault(key(before), []).append(before)
        by_key.pop(None, None)
        for each in by_key.values():
            each.reverse()  # so that the first is taken first, from the end
        for work in waiting:
            if some := by_key.get(key(work)):
                found[work.id] = some.pop().id
        taken = set(found.values())
        left = [work for work in left if work.id not in taken]
        waiting = [work for work in waiting if work.id not in found and (place or work.id in came)]
    return [Again(event_id, first) for event_id, first in found.items()]


def _things(works: list[Work], _present: Callable[[str], bool]) -> Iterator[Again]:
    first: dict[tuple[str, ...], Work] = {}
    for work in works:
        if work.number is None or work.repository_id is None:
            continue
        before = first.setdefault((work.platform_user_id, work.number, work.title or ""), work)
        if before.repository_id != work.repository_id and work.here:
            yield Again(work.id, before.id)


def alike(works: Iterable[Work]) -> Iterator[Again]:
    """Events of the epoch at hand that repeat another in all but the id: source, kind, account, evidence and moment."""
    first: dict[tuple[str, ...], Work] = {}
    for work in works:
        key = (work.source, work.event_type, work.event_time, work.platform_user_id, work.artifact_url)
        before = first.setdefault(key, work)
        if before is not work and work.here:
            yield Again(work.id, before.id)
