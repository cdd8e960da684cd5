"""0xSplits (V1): accounts in rising order with shares of a million, as SplitMain takes them.

Shares are whole millionths, so what arrives differs from the plan by a residue; the file states it for each account.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from ledger.core.errors import InputError
from ledger.core.keccak import keccak
from ledger.core.planning import split_minor
from ledger.core.values import UserId
from ledger.rails.port import Order, is_token

WHOLE = 1_000_000


def split_hash(accounts: Sequence[str], shares: Sequence[int], fee: int = 0) -> str:
    """keccak256(abi.encodePacked(address[], uint32[], uint32)), by which SplitMain knows a split."""
    packed = b"".join(bytes(12) + bytes.fromhex(account[2:]) for account in accounts)
    packed += b"".join(share.to_bytes(32, "big") for share in shares)
    return "0x" + keccak(packed + fee.to_bytes(4, "big")).hex()


def shares_of(order: Order, most: int | None = None) -> list[tuple[str, int, int]]:
    """Each destination with its millionths and its minor units, by rising address; InputError past the limits."""
    amounts = {UserId(line.destination): int(line.amount_minor) for line in order.plan.lines}
    shares = split_minor(WHOLE, amounts)
    small = [str(account) for account, share in shares.items() if not share]
    if small:
        raise InputError(
            f"{len(small)} people have less than a millionth, among them {small[0]}",
            hint="Raise --minimum, or use a rail that pays exact amounts.",
        )
    if most is not None and len(amounts) > most:
        raise InputError(f"{len(amounts)} receivers, and this rail takes {most}", hint="Use another rail.")
    return [(str(a), shares[a], amounts[a]) for a in sorted(amounts, key=lambda account: int(account, 16))]


class Splits:
    """`split.json`."""

    kind = "splits"
    needs = ()
    takes = ()

    def accepts(self, asset: str) -> bool:
        """Tokens on a chain."""
        return is_token(asset)

    def files(self, order: Order) -> dict[str, bytes]:
        """One file; at least two receivers."""
        rows, total = shares_of(order), order.plan.total_minor
        if len(rows) < 2:
            raise InputError("a split has at least two receivers", hint="Pay one person by safe_csv.")
        accounts, shares = [row[0] for row in rows], [row[1] for row in rows]
        found = {
            "accounts": accounts,
            "distributorFee": 0,
            "hash": split_hash(accounts, shares),
            "percentAllocations": shares,
            "residueMinor": {account: str(total * share // WHOLE - amount) for account, share, amount in rows},
            "totalMinor": str(total),
        }
        return {"split.json": json.dumps(found, indent=1).encode() + b"\n"}
