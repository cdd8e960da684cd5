"""The port: what a rail is told, and what it gives back.

A rail is one module with one class, registered by a line in `registry`, or by an entry point `ledger.rails` of another
package. Bank details come from the operator's own file and leave in the payment file only.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from ledger.core.distribution import Plan, PlanLine
from ledger.core.errors import InputError
from ledger.core.money import chain_of, currency_of, decimal_text


@dataclass(frozen=True)
class Order:
    """A plan to export. `lines`: those still to be paid; `payees`: the operator's file by user; `names`: to show."""

    plan: Plan
    lines: Sequence[PlanLine]
    payees: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def amount(self, line: PlanLine) -> str:
        """The line's amount as plain decimal text with all decimals."""
        return decimal_text(line.amount_minor, self.plan.decimals)

    def option(self, name: str, default: str | None = None) -> str:
        """An option of the export; InputError when it is needed and missing."""
        found = self.options.get(name, default)
        if found is None:
            raise InputError(f"the rail {self.plan.rail} needs --option {name}=…", hint="See docs/pay.md.")
        return found

    def payee(self, line: PlanLine, column: str) -> str:
        """A cell of the operator's file for the person of a line; InputError when it is missing there."""
        found = self.payees.get(line.user_id, {}).get(column, "").strip()
        if not found:
            raise InputError(
                f"the payees file has no {column} for {self.names.get(line.user_id) or line.user_id}",
                hint=f"Add the row {line.user_id} with the column {column}, or leave the person out: --skip-missing.",
            )
        return found


class Rail(Protocol):
    """One way to pay."""

    kind: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    """Columns of the payees file without which a line cannot be written."""
    takes: ClassVar[tuple[str, ...]]
    """Options that say something to the rail (`template`: a table of the provider's); any other one is refused."""

    def accepts(self, asset: str) -> bool:
        """Whether the rail can carry this asset."""
        ...

    def files(self, order: Order) -> dict[str, bytes]:
        """The payment files by name; InputError where something is missing or over the rail's limits."""
        ...


def is_token(asset: str) -> bool:
    """Whether an asset lives on a chain."""
    return chain_of(asset) is not None


def is_currency(asset: str) -> bool:
    """Whether an asset is a currency of ISO 4217."""
    return currency_of(asset) is not None


def cell(text: str) -> str:
    """A text that a spreadsheet takes for a formula, made harmless by an apostrophe before it."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def csv_bytes(rows: Iterable[Sequence[str]]) -> bytes:
    """Rows as CSV in UTF-8, quoted where needed, lines ending in `\\n`."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def in_parts(name: str, suffix: str, count: int, limit: int) -> list[tuple[str, slice]]:
    """File names with the rows that each holds, at most `limit`: one plain name, or numbered ones."""
    if count <= limit:
        return [(f"{name}.{suffix}", slice(0, count))]
    return [(f"{name}-{at // limit + 1:03d}.{suffix}", slice(at, at + limit)) for at in range(0, count, limit)]
