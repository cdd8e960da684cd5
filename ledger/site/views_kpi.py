"""Figures that pools were computed from: each epoch's value out of a reviewed table, the rule, and what it gave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ledger.core.canonical import sha256_hex
from ledger.site.views import EpochPage

RULE = "kpi-linear-v1"


@dataclass(frozen=True, slots=True)
class KpiLine:
    """One epoch's figure. `final`: on record; else what the rule would give now. `counts`: nobody withdrew it."""

    scope_id: str
    epoch_id: int
    start: str
    file: str
    column: str
    key: str
    line: int
    sha256: str
    value: str
    numerator: str
    denominator: str
    cap: str
    credits: int
    final: bool
    counts: bool

    @property
    def place(self) -> str:
        """Where the table lies in the API."""
        return f"files/{sha256_hex(self.file.encode())}"

    @property
    def capped(self) -> bool:
        """Whether the bound decided."""
        return int(self.value) * int(self.numerator) // int(self.denominator) > int(self.cap)


def kpi_lines(page: EpochPage) -> Iterator[KpiLine]:
    """The figures of one epoch."""
    for item in page.pool.lines:
        if item.line.algorithm_version == RULE and item.line.inputs is not None:
            yield _line(page, item.line.inputs, item.line.amount_credits or 0, final=True, counts=item.stands)
    for each in page.pool.projected:
        if each.rule == RULE:
            yield _line(page, each.inputs, each.amount_credits, final=False, counts=True)


def _line(page: EpochPage, inputs: Mapping[str, object], credits: int, *, final: bool, counts: bool) -> KpiLine:
    found = {str(name): str(value) for name, value in inputs.items()}
    return KpiLine(
        page.scope_id, page.epoch_id, page.statement.period_start[:10], found["file"], found["column"], found["key"],
        int(found["line"]), found["sha256"], found["value"], found["numerator"], found["denominator"],
        found["cap_credits"], credits, final, counts,
    )  # fmt: skip
