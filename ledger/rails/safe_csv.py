"""Safe CSV Airdrop: the file that the Safe app of this name reads (bh2smith/safe-airdrop).

Header exactly as below; whole tokens as plain decimals; at most 400 rows a file, well under the app's 500 transfers.
"""

from __future__ import annotations

from ledger.core.money import token_of
from ledger.rails.port import Order, csv_bytes, in_parts, is_token

HEAD = ("token_type", "token_address", "receiver", "amount", "id")
LIMIT = 400


class SafeCsv:
    """`safe-airdrop.csv`, in numbered parts past 400 rows."""

    kind = "safe_csv"
    needs = ()
    takes = ()

    def accepts(self, asset: str) -> bool:
        """ERC-20 tokens and a chain's own coin."""
        return is_token(asset)

    def files(self, order: Order) -> dict[str, bytes]:
        """One file for each 400 lines."""
        token = token_of(order.plan.asset)
        kind = ("erc20", token) if token else ("native", "")
        rows = [(*kind, line.destination, order.amount(line), "") for line in order.lines]
        parts = in_parts("safe-airdrop", "csv", len(rows), LIMIT)
        return {name: csv_bytes([HEAD, *rows[part]]) for name, part in parts}
