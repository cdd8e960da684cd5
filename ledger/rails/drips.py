"""Drips: splits receivers with their weights out of a million, by rising account id, as `setSplits` takes them.

The account of a wallet is its address as a number (AddressDriver, driver id 0). At most 200 receivers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from ledger.core.keccak import keccak
from ledger.rails.port import Order, is_token
from ledger.rails.splits import shares_of

LIMIT = 200


def receivers_hash(receivers: Sequence[tuple[int, int]]) -> str:
    """keccak256(abi.encode((uint256 accountId, uint32 weight)[])); 0 for an empty list."""
    if not receivers:
        return "0x" + "0" * 64
    packed = (32).to_bytes(32, "big") + len(receivers).to_bytes(32, "big")
    packed += b"".join(account.to_bytes(32, "big") + weight.to_bytes(32, "big") for account, weight in receivers)
    return "0x" + keccak(packed).hex()


class Drips:
    """`drips-receivers.json`."""

    kind = "drips"
    needs = ()
    takes = ()

    def accepts(self, asset: str) -> bool:
        """Tokens on a chain."""
        return is_token(asset)

    def files(self, order: Order) -> dict[str, bytes]:
        """One file."""
        receivers = [(int(account, 16), share) for account, share, _ in shares_of(order, LIMIT)]
        found = {
            "hash": receivers_hash(receivers),
            "receivers": [{"accountId": str(account), "weight": weight} for account, weight in receivers],
            "totalMinor": str(order.plan.total_minor),
        }
        return {"drips-receivers.json": json.dumps(found, indent=1).encode() + b"\n"}
