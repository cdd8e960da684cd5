"""PayPal Payouts on the web: a CSV without a header, one currency a file, at most 5,000 rows.

Columns: recipient, amount, currency, customer id (here the line's reference), note, wallet, social feed privacy.
"""

from __future__ import annotations

from ledger.core.money import currency_of
from ledger.rails.port import Order, csv_bytes, in_parts, is_currency

LIMIT = 5_000


class PayPal:
    """`paypal.csv`, in numbered parts. Options: `note` (at most 400), `decimal=comma` for comma currencies."""

    kind = "paypal"
    needs = ("paypal",)
    takes = ("decimal", "note")

    def accepts(self, asset: str) -> bool:
        """Currencies."""
        return is_currency(asset)

    def files(self, order: Order) -> dict[str, bytes]:
        """One file for each 5,000 lines."""
        currency = currency_of(order.plan.asset) or ""
        comma = order.option("decimal", "point") == "comma"
        note = order.option("note", f"Distribution {order.plan.distribution}")[:400]
        rows = [
            (
                order.payee(line, "paypal"),
                order.amount(line).replace(".", ",") if comma else order.amount(line),
                currency,
                line.reference,
                note,
                "PAYPAL",
                "PRIVATE",
            )
            for line in order.lines
        ]
        return {name: csv_bytes(rows[part]) for name, part in in_parts("paypal", "csv", len(rows), LIMIT)}
