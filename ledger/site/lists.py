"""The two long lists: epochs by year and month with quiet weeks joined, and contributors with their credits by scope.

What a page does not hold lies beside it as `list.json`, from which the page's tools take a range, a sorting or a page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from ledger.core.canonical import encode
from ledger.site.timeline import Span, Timeline, timeline
from ledger.site.views import EpochRow
from ledger.site.views_people import MONTHS, Contributor

MOST_UNFOLDED = 8
"""Lines of a year that stand there without months to unfold."""
FIRST_PEOPLE = 100
"""Contributors that the page renders, those with most credits."""
MOST_SCOPES = 4
"""Scopes that have a column among the contributors; each person's own page has all."""
EPOCH_COLUMNS = (
    "epoch", "from", "to", "state", "events", "people", "pool", "allocated", "held", "late", "unbound", "recomputes",
)  # fmt: skip


@dataclass(frozen=True)
class Quiet:
    """Epochs one after another in which nothing was recorded, the newest first."""

    rows: tuple[EpochRow, ...]

    @property
    def start(self) -> str:
        """The first day."""
        return self.rows[-1].start

    @property
    def end(self) -> str:
        """The first day after them."""
        return self.rows[0].end


Line = EpochRow | Quiet


@dataclass(frozen=True)
class Sums:
    """What some epochs come to. `quiet`: nothing was recorded in any of them."""

    epochs: int
    events: int
    allocated: int

    @classmethod
    def of(cls, rows: Sequence[EpochRow]) -> Sums:
        """Of these epochs."""
        return cls(len(rows), sum(row.activity_count for row in rows), sum(row.allocated for row in rows))


@dataclass(frozen=True)
class Month:
    """The epochs that begin in a month, or in quiet months one after another; the newest first."""

    name: str
    lines: tuple[Line, ...]
    sums: Sums


@dataclass(frozen=True)
class Year:
    """The epochs that begin in a year. `months` is empty where they are so few that `lines` has them."""

    name: str
    lines: tuple[Line, ...]
    months: tuple[Month, ...]
    sums: Sums


@dataclass(frozen=True)
class EpochList:
    """The epochs of one scope."""

    scope_id: str
    name: str
    years: tuple[Year, ...]
    sums: Sums
    charts: tuple[Timeline, ...]
    verdict: str
    """What the build's own verification said of all of them."""


def epoch_list(scope_id: str, name: str, rows: Sequence[EpochRow]) -> EpochList:
    """`rows`: all epochs of the scope, the oldest first."""
    newest = list(reversed(rows))
    years = tuple(_year(year, list(found)) for year, found in groupby(newest, lambda row: row.start[:4]))
    return EpochList(scope_id, name, years, Sums.of(rows), charts_of(rows), _verdict(rows))


def _verdict(rows: Sequence[EpochRow]) -> str:
    wrong, unknown = (sum(row.ok is value for row in rows) for value in (False, None))
    if wrong:
        return f"{wrong} {'does' if wrong == 1 else 'do'} not recompute"
    return "not checked" if unknown else "all recompute"


def charts_of(rows: Sequence[EpochRow]) -> tuple[Timeline, ...]:
    """Credits and events over time."""
    kinds = (("Credits allocated", "allocated"), ("Events recorded", "activity_count"))
    drawn = (
        timeline(
            label,
            [
                Span(
                    row.start,
                    row.end,
                    getattr(row, field),
                    row.state == "finalized",
                    f"epoch {row.epoch_id}, {row.start}",
                )
                for row in rows
            ],
        )
        for label, field in kinds
    )
    return tuple(each for each in drawn if each is not None)


def _quiet(row: EpochRow) -> bool:
    """Whether nothing happened: no event, nobody's credits, nothing to look at."""
    return row.state == "finalized" and not (row.activity_count or row.people or row.held) and row.ok is not False


def _lines(rows: Iterable[EpochRow]) -> Iterator[Line]:
    for quiet, found in groupby(rows, _quiet):
        group = tuple(found)
        if quiet and len(group) > 1:
            yield Quiet(group)
        else:
            yield from group


def _year(name: str, rows: list[EpochRow]) -> Year:
    lines = tuple(_lines(rows))
    if len(lines) <= MOST_UNFOLDED:
        return Year(name, lines, (), Sums.of(rows))
    by_month = [(int(month), list(found)) for month, found in groupby(rows, lambda row: row.start[5:7])]
    months = []
    for _, joined in groupby(enumerate(by_month), lambda item: -1 if all(map(_quiet, item[1][1])) else item[0]):
        group = [month for _, month in joined]
        last, first = MONTHS[group[0][0] - 1], MONTHS[group[-1][0] - 1]
        mine = [row for _, found in group for row in found]
        months.append(Month(last if last == first else f"{first} to {last}", tuple(_lines(mine)), Sums.of(mine)))
    return Year(name, (), tuple(months), Sums.of(rows))


def epochs_json(rows: Sequence[EpochRow]) -> bytes:
    """`epochs/list.json`: every epoch by scope, the newest first, a row by EPOCH_COLUMNS."""
    scopes: dict[str, list[list[object]]] = {}
    for row in reversed(rows):
        recomputes = None if row.ok is None else "yes" if row.ok else "no"
        scopes.setdefault(row.scope_id, []).append(
            [
                row.epoch_id, row.start, row.end, row.state, row.activity_count, row.people,
                str(row.pool), str(row.allocated), str(row.held), row.late_count, row.unresolved_count, recomputes,
            ]
        )  # fmt: skip
    return encode({"columns": EPOCH_COLUMNS, "scopes": scopes}) + b"\n"


@dataclass(frozen=True)
class PersonRow:
    """One contributor in the list; `credits`: of finalized epochs, by the scopes of the list."""

    user_id: str
    name: str
    epochs: int
    events: int
    credits: tuple[int, ...]


@dataclass(frozen=True)
class PeopleList:
    """Contributors, those with most credits first; `scopes`: whose credits have a column, by id, with their names."""

    scopes: Mapping[str, str]
    rows: tuple[PersonRow, ...]
    more_scopes: int

    @property
    def shown(self) -> tuple[PersonRow, ...]:
        """Those whom the page renders."""
        return self.rows[:FIRST_PEOPLE]

    def json(self) -> bytes:
        """`contributors/list.json`: all of them, a row by its columns."""
        columns = ["user_id", "name", "epochs", "events", *(f"credits:{scope}" for scope in self.scopes)]
        rows = [[row.user_id, row.name, row.epochs, row.events, *map(str, row.credits)] for row in self.rows]
        return encode({"columns": columns, "rows": rows}) + b"\n"


def people_list(people: Iterable[Contributor], scopes: Mapping[str, str]) -> PeopleList:
    """Credits of two scopes are different money: they are never added, and the first scope's sort first."""
    columns = tuple(scopes)[:MOST_SCOPES]
    rows = []
    for person in people:
        mine = tuple(person.credits.get(scope_id, 0) for scope_id in columns)
        rows.append(PersonRow(person.user_id, person.name, len(person.shares), person.event_count, mine))
    rows.sort(key=lambda row: (*(-one for one in row.credits), -row.events, row.user_id))
    return PeopleList({scope: scopes[scope] for scope in columns}, tuple(rows), len(scopes) - len(columns))
