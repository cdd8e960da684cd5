"""The first page: what this ledger comes to, as of when, who checked it, what is going on now, and where to go.

Amounts of two scopes are different money and are never added. *Allocated* is what signed statements gave people;
*paid* only what a settlement on record says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import PlainSerializer

from ledger.core.config import EpochSettings
from ledger.site.lists import charts_of
from ledger.site.paid import PaidScope
from ledger.site.timeline import Timeline
from ledger.site.views import EpochPage, EpochRow
from ledger.site.views_people import Contributor

MOST_CURRENT = 3
"""Epochs in review of one scope that the page names; the list of epochs has all."""


@dataclass
class Noted:
    """What epochs say of the whole record while they are computed one after another."""

    as_of: str = ""
    """The time of the last entry that a collection or a step left."""
    checked_at: str = ""
    checked_by: str = ""
    checked_path: str = ""
    checked_epochs: int = 0
    witnesses: Annotated[set[str], PlainSerializer(sorted)] = field(default_factory=set)

    def join(self, other: Noted) -> None:
        """What later epochs say, too."""
        self.as_of = max(self.as_of, other.as_of)
        self.checked_epochs += other.checked_epochs
        self.witnesses |= other.witnesses
        if other.checked_at and other.checked_at >= self.checked_at:
            self.checked_at, self.checked_by = other.checked_at, other.checked_by
            self.checked_path = other.checked_path

    def saw(self, page: EpochPage) -> None:
        """One epoch more."""
        times = [line.at for line in page.steps] + [line.at for line in page.collections]
        self.as_of = max([self.as_of, *times])
        held = [line for line in page.attestations if line.statement_hash == page.statement.statement_hash]
        self.checked_epochs += bool(held)
        for line in held:
            self.witnesses.add(line.signer_wallet)
            if line.attested_at >= self.checked_at:
                self.checked_at, self.checked_by, self.checked_path = line.attested_at, line.signer_wallet, page.path


@dataclass(frozen=True)
class Standing:
    """One scope in figures.

    `allocated`: credits in force of finalized epochs, with held shares that were claimed since and balances brought
    along, which is what the account book owes or has paid. `claimed`: how much of it no statement of an epoch gave.
    """

    scope_id: str
    name: str
    allocated: int
    claimed: int
    paid: int
    outstanding: int
    held: int
    people: int
    events: int
    epochs: int
    since: str
    chart: Timeline | None
    current: tuple[EpochRow, ...]
    """Epochs that are not final, the newest first."""
    last: EpochRow | None
    """The last finalized epoch in which anything happened."""


@dataclass(frozen=True)
class Overview:
    """What the first page says. `verified`: None where nobody tried."""

    every: str
    standings: tuple[Standing, ...]
    noted: Noted
    verified: bool | None
    failed: tuple[EpochRow, ...]

    @property
    def epochs(self) -> int:
        """Of all scopes."""
        return sum(one.epochs for one in self.standings)

    @property
    def reviewing(self) -> list[EpochRow]:
        """Epochs that wait for people."""
        return [row for one in self.standings for row in one.current if row.state == "review"]


def overview(
    settings: EpochSettings,
    scopes: Mapping[str, str],
    rows: Sequence[EpochRow],
    people: Iterable[Contributor],
    paid: Iterable[PaidScope],
    noted: Noted,
    verified: bool | None,
) -> Overview:
    """`rows`: all epochs, the oldest first within a scope; `scopes`: their names by id."""
    credits: dict[str, list[int]] = {}
    for person in people:
        for scope_id, amount in person.credits.items():
            credits.setdefault(scope_id, []).append(amount)
    books = {one.scope_id: one for one in paid}
    standings = tuple(
        _standing(scope_id, name, [row for row in rows if row.scope_id == scope_id], credits.get(scope_id, []), books)
        for scope_id, name in scopes.items()
    )
    return Overview(_every(settings), standings, noted, verified, tuple(row for row in rows if row.ok is False))


def _standing(
    scope_id: str, name: str, rows: list[EpochRow], credits: list[int], books: Mapping[str, PaidScope]
) -> Standing:
    book = books.get(scope_id)
    final = [row for row in rows if row.state == "finalized"]
    charts = [chart for chart in charts_of(rows) if chart.label.startswith("Credits")]
    return Standing(
        scope_id=scope_id,
        name=name,
        allocated=book.earned if book else sum(credits),
        claimed=book.earned - sum(credits) if book else 0,
        paid=book.paid if book else 0,
        outstanding=book.outstanding if book else sum(credits),
        held=book.held if book else sum(row.held for row in final),
        people=sum(amount > 0 for amount in credits),
        events=sum(row.activity_count for row in rows),
        epochs=len(rows),
        since=rows[0].start if rows else "",
        chart=charts[0] if charts else None,
        current=tuple(row for row in reversed(rows) if row.state != "finalized")[:MOST_CURRENT],
        last=next((row for row in reversed(final) if row.activity_count), None),
    )


def _every(settings: EpochSettings) -> str:
    """How often the pool is shared out, in words."""
    number, unit = settings.length, settings.unit.removesuffix("s")
    if (number, unit) == (7, "day"):
        return "Every week"
    return f"Every {unit}" if number == 1 else f"Every {number} {unit}s"
