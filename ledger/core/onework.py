"""One person, one piece of work: who stands on it twice, under two accounts, is counted once.

A commit's message, or that of a merged pull request, may name its own author again as co-author, under another address.
Which accounts are one person, bindings say, and may say it late; so this is judged when an epoch closes, as a decision
on the record. Pure: events and bindings in, reasons out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ledger.core.identity import AccountKey
from ledger.core.records.activity import ActivityEvent
from ledger.core.values import EventId, UserId

_AUTHOR = {"git:coauthor:": "git:commit:", "github:coauthor:": "github:pr:"}
"""How the id of a co-author's event begins, and that of the author's event of the same work."""

REASON = "policy: the same person is credited for this work already"


def credited_twice(
    events: Iterable[ActivityEvent], users: Mapping[AccountKey, UserId]
) -> Iterator[tuple[EventId, str]]:
    """Each event of a co-author who is the author, or a co-author named before, by `users`; in the order of ids."""
    held = {str(event.id): event for event in events}
    credited: dict[str, set[UserId]] = {}
    for key in sorted(held, key=_numbered):
        work = _work(key)
        user = users.get((held[key].source, held[key].platform_user_id))
        if work is None or user is None:
            continue
        if work not in credited:
            author = held.get(work)
            found = author and users.get((author.source, author.platform_user_id))
            credited[work] = {found} if found else set()
        if user in credited[work]:
            yield held[key].id, REASON
        credited[work].add(user)


def _work(key: str) -> str | None:
    """The id of the author's event of a co-author's; both carry the same `#scope`, if any."""
    plain, mark, scope = key.partition("#")
    for begins, author in _AUTHOR.items():
        if plain.startswith(begins):
            return author + plain.removeprefix(begins).rpartition(":")[0] + mark + scope
    return None


def _numbered(key: str) -> tuple[str, int]:
    """Co-authors by their number, not by its digits."""
    work, _, number = key.partition("#")[0].rpartition(":")
    return (work, int(number)) if _work(key) is not None and number.isdigit() else (key, 0)
