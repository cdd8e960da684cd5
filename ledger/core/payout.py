"""Allocation and payout arithmetic in whole numbers (ALL_MATH_BIGINT, PAYOUT_DETERMINISTIC).

Largest remainder: everyone gets the floor of his exact share, the credits left over go one each to the largest
remainders, ties to the smaller user id. Pure integers; no float, no order of input matters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ledger.core.canonical import sha256_hex
from ledger.core.errors import InputError
from ledger.core.records import Allocation, Payout
from ledger.core.values import MAX_AMOUNT, Credits, Hash, Units, UserId


@dataclass(frozen=True, slots=True)
class PayoutTable:
    """Payouts sorted by user id; their sum plus `undistributed` is always the pool (credits)."""

    payouts: tuple[Payout, ...]
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


def payout_table(units: Mapping[UserId, int], pool: int) -> PayoutTable:
    """Split `pool` credits over users by their milli-units (specification, section 5.5)."""
    users = sorted(units)
    total = bounded_sum(units.values(), "units")
    if total == 0:
        paid = dict.fromkeys(users, 0)
    else:
        paid = {user: units[user] * pool // total for user in users}
        left = pool - sum(paid.values())
        for user in sorted(users, key=lambda user: (-(units[user] * pool % total), user))[:left]:
            paid[user] += 1
    payouts = tuple(
        Payout(
            amount_credits=Credits(paid[user]),
            share=share_text(units[user], total),
            total_units=Units(units[user]),
            user_id=user,
        )
        for user in users
    )
    return PayoutTable(payouts, Credits(pool - sum(paid.values())))


def allocation_set_hash(allocations: Iterable[Allocation]) -> Hash:
    """SHA-256 of `<user_id>:<units>` lines sorted by user id, joined by `\\n`, without a last one."""
    lines = sorted(f"{row.user_id}:{row.units}" for row in allocations)
    return Hash(sha256_hex("\n".join(lines).encode()))
