"""Plain CSV: one row a line, for any asset and for tools of one's own."""

from __future__ import annotations

from ledger.core.money import asset_symbol
from ledger.rails.port import Order, cell, csv_bytes

HEAD = ("reference", "user_id", "name", "destination", "amount", "asset", "amount_credits")


class PlainCsv:
    """`payments.csv` with the columns of `HEAD`."""

    kind = "csv"
    needs = ()
    takes = ()

    def accepts(self, asset: str) -> bool:
        """Any asset."""
        return True

    def files(self, order: Order) -> dict[str, bytes]:
        """One file."""
        symbol = asset_symbol(order.plan.asset)
        rows = [
            (
                line.reference,
                line.user_id,
                cell(order.names.get(line.user_id, "")),
                line.destination,
                order.amount(line),
                symbol,
                str(line.amount_credits),
            )
            for line in order.lines
        ]
        return {"payments.csv": csv_bytes([HEAD, *rows])}
