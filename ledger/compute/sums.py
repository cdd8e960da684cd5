"""An epoch's sums as queries give them, before core's bounds: what parts of a log add up to, and what one makes of it.

Whoever sums an epoch (one engine, workers by shard, a second engine) ends here: all are bounded by the same rules.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ledger.core.evaluate import Evaluation, Total, UnresolvedAccount
from ledger.core.payout import bounded_sum
from ledger.core.records.record import made
from ledger.core.records.statement import Allocation
from ledger.core.values import MAX_AMOUNT, Hash, UserId
from ledger.store.epochfolder import PlaceFields


class KindSum(NamedTuple):
    """Events of one kind: all, those that count and their milli-units, quantity of all, the largest one's units."""

    source: str
    event_type: str
    event_count: int
    counted_count: int
    units: int
    quantity: int
    largest: int


class UserSum(NamedTuple):
    """What one user's events come to in milli-units, and what an override makes of it (None: nothing)."""

    user_id: UserId
    activity_count: int
    proposed_units: int
    final_units: int | None
    reason: str | None


class AccountSum(NamedTuple):
    """What an account without a user would earn in milli-units, under the login of its last event."""

    source: str
    platform_user_id: str
    platform_login: str | None
    event_count: int
    units: int


@dataclass(frozen=True, slots=True)
class Sums:
    """The sums over an epoch's log or a part of it, each sorted by its first columns' bytes."""

    kinds: tuple[KindSum, ...]
    users: tuple[UserSum, ...]
    accounts: tuple[AccountSum, ...]


def merged(parts: Sequence[Sums]) -> Sums:
    """The sums over a log from those over its parts, in the log's order; integers of any size, so nothing wraps."""
    kinds: defaultdict[tuple[str, str], list[KindSum]] = defaultdict(list)
    users: defaultdict[UserId, list[UserSum]] = defaultdict(list)
    accounts: defaultdict[tuple[str, str], list[AccountSum]] = defaultdict(list)
    for part in parts:
        for kind in part.kinds:
            kinds[kind[:2]].append(kind)
        for user in part.users:
            users[user.user_id].append(user)
        for account in part.accounts:
            accounts[account[:2]].append(account)
    return Sums(
        tuple(
            KindSum(
                *key,
                sum(row.event_count for row in rows),
                sum(row.counted_count for row in rows),
                sum(row.units for row in rows),
                sum(row.quantity for row in rows),
                max(row.largest for row in rows),
            )
            for key, rows in sorted(kinds.items(), key=lambda item: _bytes(item[0]))
        ),
        tuple(
            UserSum(
                key, sum(row[1] for row in rows), sum(row[2] for row in rows), rows[-1].final_units, rows[-1].reason
            )
            for key, rows in sorted(users.items())
        ),
        tuple(
            AccountSum(*key, rows[-1].platform_login, sum(row[3] for row in rows), sum(row[4] for row in rows))
            for key, rows in sorted(accounts.items(), key=lambda item: _bytes(item[0]))
        ),
    )


def _bytes(key: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(part.encode() for part in key)


def evaluation(place: PlaceFields, count: int, root: Hash, sums: Sums) -> Evaluation:
    """What an epoch of `count` events comes to. InputError (ALL_MATH_BIGINT) when a total leaves 64 bits."""
    totals = tuple(
        Total(kind.source, kind.event_type, kind.event_count, kind.counted_count, bounded_sum((kind.units,), "units"),
              kind.quantity)
        for kind in sums.kinds
    )  # fmt: skip
    for user in sums.users:
        if user.proposed_units > MAX_AMOUNT:
            bounded_sum((user.proposed_units,), "a user's units")  # raises
    allocations = made(
        Allocation,
        (
            {
                **place,
                "activity_count": count,
                "final_units": final,
                "override_reason": reason,
                "proposed_units": proposed,
                "user_id": user_id,
            }
            for user_id, count, proposed, final, reason in sums.users
        ),
    )
    bounded_sum((row.units for row in allocations), "units")
    unresolved = tuple(
        UnresolvedAccount(*account[:4], bounded_sum((account.units,), "an account's units"))
        for account in sums.accounts
    )
    return Evaluation(
        activity_count=count,
        activity_root=root,
        allocations=allocations,
        unresolved=unresolved,
        unresolved_count=sum(account.event_count for account in unresolved),
        totals=totals,
    )
