"""Open Collective: there is no import of expenses, so a table that a person works through, one expense a row."""

from __future__ import annotations

from ledger.core.money import currency_of
from ledger.rails.port import Order, cell, csv_bytes, is_currency

HEAD = ("payee", "description", "amount", "currency", "reference", "tag")


class OpenCollective:
    """`opencollective-expenses.csv`; the payees file gives each person's `opencollective` slug."""

    kind = "opencollective"
    needs = ("opencollective",)
    takes = ("note",)

    def accepts(self, asset: str) -> bool:
        """Currencies."""
        return is_currency(asset)

    def files(self, order: Order) -> dict[str, bytes]:
        """One file."""
        plan = order.plan
        note = order.option("note", f"Distribution {plan.distribution} of {plan.scope_id}")
        rows = [
            (
                cell(order.payee(line, "opencollective")),
                cell(f"{note} ({line.reference})"),
                order.amount(line),
                currency_of(plan.asset) or "",
                line.reference,
                "contribution-ledger",
            )
            for line in order.lines
        ]
        return {"opencollective-expenses.csv": csv_bytes([HEAD, *rows])}
