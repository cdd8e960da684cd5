"""Wise batch payments: the operator's own template, filled by the names of its columns.

Wise asks for other columns by type and currency and refuses renamed ones, so the template that it offers for download
decides. Amounts are fixed in the target currency, or the fee would be taken from the person. At most 1,000 rows.
"""

from __future__ import annotations

import csv
import io

from ledger.core.distribution import PlanLine
from ledger.core.errors import InputError
from ledger.core.money import currency_of
from ledger.rails.port import Order, cell, csv_bytes, in_parts, is_currency

LIMIT = 1_000
_REFERENCE = ("paymentReference", "reference", "transferReference")


class Wise:
    """`wise.csv`. Options: `template` (the file's text), `source_currency` (default: the plan's)."""

    kind = "wise"
    needs = ()
    takes = ("source_currency", "template")

    def accepts(self, asset: str) -> bool:
        """Currencies."""
        return is_currency(asset)

    def files(self, order: Order) -> dict[str, bytes]:
        """One file for each 1,000 lines, with the template's columns in its order."""
        template = order.option("template", "")
        head = next(csv.reader(io.StringIO(template)), [])
        if not {"amount", "targetCurrency"} <= set(head):
            raise InputError(
                "the template has no columns amount and targetCurrency",
                hint="Download it from Wise (Batch payments) and give it with --template FILE.",
            )
        rows = [[self._value(order, line, column) for column in head] for line in order.lines]
        return {name: csv_bytes([head, *rows[part]]) for name, part in in_parts("wise", "csv", len(rows), LIMIT)}

    @staticmethod
    def _value(order: Order, line: PlanLine, column: str) -> str:
        currency = currency_of(order.plan.asset) or ""
        fixed = {
            "amount": order.amount(line),
            "amountCurrency": "target",
            "sourceCurrency": order.option("source_currency", currency),
            "targetCurrency": currency,
            **dict.fromkeys(_REFERENCE, line.reference),
        }
        if column in fixed:
            return fixed[column]
        if column in ("name", "recipientId"):
            return cell(order.payee(line, column))
        return cell(order.payees.get(line.user_id, {}).get(column, "").strip())
