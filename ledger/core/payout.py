"""Allocation and payout arithmetic in whole numbers (ALL_MATH_BIGINT, PAYOUT_DETERMINISTIC).

Awards come first. Largest remainder for the rest: everyone gets the floor of his exact share, the credits left over go
one each to the largest remainders, ties to the smaller key, users before accounts whose shares are held. All in
whole numbers: pure integers; no float, no order of input matters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ledger.core.canonical import sha256_hex
from ledger.core.errors import InputError
from ledger.core.identity import AccountKey
from ledger.core.records.record import made
from ledger.core.records.statement import Held, Payout
from ledger.core.values import MAX_AMOUNT, Credits, Hash, Units, UserId


@dataclass(frozen=True, slots=True)
class PayoutTable:
    """Payouts sorted by user id, held shares sorted by key (credits).

    Amounts (awards included) + held + `undistributed` = pool, always.
    """

    payouts: tuple[Payout, ...]
    held: tuple[Held, ...]
    undistributed: Credits


def bounded_sum(values: Iterable[int], what: str) -> int:
    """The exact sum; InputError past 2^63-1, never a wrap."""
    total = sum(values)
    if total > MAX_AMOUNT:
        raise InputError(
            f"the total of {what} is {total}, more than 2^63-1",
            rule="ALL_MATH_BIGINT",
            hint="Lower the amounts or weights; no total may leave 64 bits.",
        )
    return total


def share_text(units: int, total: int) -> str:
    """`units / total` cut (not rounded) to six decimals; zero of zero is `0.000000`."""
    millionths = units * 1_000_000 // total if total else 0
    return f"{millionths // 1_000_000}.{millionths % 1_000_000:06d}"


def payout_table(
    units: Mapping[UserId, int],
    pool: int,
    *,
    awards: Mapping[UserId, int] | None = None,
    accounts: Mapping[AccountKey, int] | None = None,
) -> PayoutTable:
    """Split `pool` credits by milli-units (specification, section 4, rule 5).

    `awards` (credits by user) are paid first, the rest is split over users and, where unclaimed shares are held, over
    `accounts` without a user; ties go to the smaller key, users before accounts. InputError when awards pass the pool.
    """
    awards = awards or {}
    found = _divided(units, pool, awards, accounts or {})
    got = dict(zip(found.users, found.shares, strict=False))
    paid = sorted(units.keys() | awards.keys()) if awards else found.users
    payouts = made(
        Payout,
        [
            {
                "amount_credits": share + award,
                "award_credits": award,
                "share": share_text(each, found.total),
                "share_credits": share,
                "total_units": each,
                "user_id": user,
            }
            for user, each, share, award in (
                (user, units.get(user, 0), got.get(user, 0), awards.get(user, 0)) for user in paid
            )
        ],
    )
    waiting = tuple(
        Held(
            amount_credits=Credits(share),
            platform_user_id=account,
            share=share_text(each, found.total),
            source=source,
            total_units=Units(each),
        )
        for (source, account), each, share in zip(
            found.accounts, found.owed[len(found.users) :], found.shares[len(found.users) :], strict=True
        )
    )
    return PayoutTable(payouts, waiting, Credits(found.rest - sum(found.shares)))


def held_credits(
    units: Mapping[UserId, int], pool: int, *, awards: Mapping[UserId, int], accounts: Mapping[AccountKey, int]
) -> dict[AccountKey, Credits]:
    """Credits that `payout_table` holds for each account, by `<source>:<account>`."""
    found = _divided(units, pool, awards, accounts)
    return dict(zip(found.accounts, map(Credits, found.shares[len(found.users) :]), strict=True))


class _Divided(NamedTuple):
    """Users and accounts, each sorted; of all in that order, milli-units (`total`) and credits by share (of `rest`)."""

    users: list[UserId]
    accounts: list[AccountKey]
    owed: list[int]
    shares: list[int]
    total: int
    rest: int


def _divided(
    units: Mapping[UserId, int], pool: int, awards: Mapping[UserId, int], accounts: Mapping[AccountKey, int]
) -> _Divided:
    awarded = bounded_sum(awards.values(), "awards")
    if awarded > pool:
        raise InputError(
            f"awards come to {awarded} credits, more than the pool of {pool}",
            rule="POOL_REPRODUCIBLE",
            hint="Cancel or lower an award, or record a top_up with evidence.",
        )
    users, keys = sorted(units), sorted(accounts, key=":".join)
    owed = [*map(units.__getitem__, users), *map(accounts.__getitem__, keys)]  # users first, each sorted: so ties go
    total = bounded_sum(owed, "units")
    rest = pool - awarded
    shares = [0] * len(owed)
    if total:
        exact = [divmod(each * rest, total) for each in owed]
        shares = [whole for whole, _ in exact]
        remainders = [remainder for _, remainder in exact]
        ranked = sorted(range(len(owed)), key=remainders.__getitem__, reverse=True)  # stable: equal ones stay in order
        for number in ranked[: rest - sum(shares)]:
            shares[number] += 1
    return _Divided(users, keys, owed, shares, total, rest)


def allocation_set_hash(units: Mapping[UserId, int], accounts: Mapping[AccountKey, int] | None = None) -> Hash:
    """SHA-256 of `<user_id>:<units>` lines, then `<source>:<platform_user_id>:<units>` lines of accounts whose shares
    are held, each sorted by key, joined by `\\n`, without a last one.
    """
    held = {f"{source}:{account}": owed for (source, account), owed in (accounts or {}).items()}
    lines = [*(f"{user}:{units[user]}" for user in sorted(units)), *(f"{key}:{held[key]}" for key in sorted(held))]
    return Hash(sha256_hex("\n".join(lines).encode()))
