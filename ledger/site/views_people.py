"""A contributor over all epochs, and the picture that each name gets: generated, no request to anybody."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple

from ledger.core.records.decisions import Binding
from ledger.site.timeline import MOST_BARS, Span, Timeline, month_span, timeline
from ledger.site.views import EpochRow

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
MOST_EPOCHS = 52
"""Epochs that a contributor's page renders, the last; its script brings the others."""
MOST_MONTHS = 12
"""Months, of each scope, that a contributor's page renders, the last; its script brings the others."""


class Share(NamedTuple):
    """One user in one epoch. Ten years of a large node are a million of them.

    `place`: the epoch's among all (from 0); `corrected`: credits by the version in force, where that is not the first.
    """

    place: int
    credits: int
    share: str
    units: str
    event_count: int
    reason: str | None
    corrected: int | None = None

    @property
    def in_force(self) -> int:
        """Credits by the version in force."""
        return self.credits if self.corrected is None else self.corrected


@dataclass
class Contributor:
    """One user over all epochs. `shares`: epoch by epoch; `credits`: of finalized epochs, in force, by scope."""

    user_id: str
    name: str
    accounts: list[tuple[str, str, str]] = field(default_factory=list)
    shares: list[Share] = field(default_factory=list)
    bindings: list[Binding] = field(default_factory=list)
    event_count: int = 0
    credits: dict[str, int] = field(default_factory=dict)

    def add(self, share: Share, epoch: EpochRow) -> None:
        """One epoch more."""
        self.shares.append(share)
        if epoch.state == "finalized":
            self.credits[epoch.scope_id] = self.credits.get(epoch.scope_id, 0) + share.in_force


@dataclass(frozen=True)
class Series:
    """One person in one scope: credits of the finalized epochs, how many these are, all epochs on an axis of time."""

    scope_id: str
    credits: int
    final: int
    chart: Timeline | None


@dataclass(frozen=True)
class Month:
    """One person in one scope: the epochs that begin in a month, the first first. Events are those that count.

    `credits`: of the `final` finalized ones, in force; `pending`: of the others, as they stand.
    """

    name: str
    scope_id: str
    epochs: Sequence[EpochRow]
    events: int
    credits: int
    pending: int
    final: int


Shown = tuple[EpochRow, Share]
"""A share with its epoch."""


@dataclass(frozen=True)
class PersonPage:
    """One user over all epochs, for their page.

    `shown`, `months`: the last ones; `months` by scope, the last first: the credits of two scopes are different money.
    `places`: the epochs in which this person has a sum of their own.
    """

    user_id: str
    name: str
    accounts: Sequence[tuple[str, str, str]]
    bindings: Sequence[Binding]
    event_count: int
    share_count: int
    shown: Sequence[Shown]
    months: Sequence[Month]
    month_count: int
    series: Sequence[Series]
    places: frozenset[tuple[str, int]]


class Epochs:
    """All epochs of a node as pages of people take them, by their place: their rows, months, days and order."""

    def __init__(self, rows: Sequence[EpochRow]) -> None:
        self.rows = rows
        self.months = [(row.start[:7], row.scope_id) for row in rows]
        self.named = [(row.scope_id, row.epoch_id) for row in rows]
        by_day = sorted(range(len(rows)), key=lambda at: (rows[at].start, *self.named[at]))
        self.ranks = {at: rank for rank, at in enumerate(by_day)}


def shown_of(epochs: Epochs, shares: Sequence[Share]) -> list[Shown]:
    """The shares that a page renders: the last ones by their epochs' windows."""
    last = sorted(shares, key=lambda share: epochs.ranks[share.place])[-MOST_EPOCHS:]
    return [(epochs.rows[share.place], share) for share in last]


def person_page(epochs: Epochs, person: Contributor) -> PersonPage:
    """One person's page."""
    by_month: dict[tuple[str, str], list[Shown]] = {}
    for share in person.shares:
        by_month.setdefault(epochs.months[share.place], []).append((epochs.rows[share.place], share))
    months = {key: _month(*key, shares) for key, shares in by_month.items()}
    scopes = sorted({scope_id for _, scope_id in months})
    last = sorted(sorted(months, key=itemgetter(1)), key=itemgetter(0), reverse=True)[: MOST_MONTHS * len(scopes)]
    return PersonPage(
        user_id=person.user_id,
        name=person.name,
        accounts=person.accounts,
        bindings=person.bindings,
        event_count=person.event_count,
        share_count=len(person.shares),
        shown=shown_of(epochs, person.shares),
        months=[months[key] for key in last],
        month_count=len(months),
        series=[
            _series(scope, {key[0]: one for key, one in by_month.items() if key[1] == scope}, months)
            for scope in scopes
        ],
        places=frozenset([epochs.named[share.place] for share in person.shares]),
    )


def _month(month: str, scope_id: str, shares: Sequence[Shown]) -> Month:
    """`month`: year and month, `2026-03`."""
    events = credits = pending = final = 0
    for epoch, share in shares:
        events += share.event_count
        if epoch.state == "finalized":
            credits += share.in_force
            final += 1
        else:
            pending += share.in_force
    name = f"{month} {MONTHS[int(month[5:]) - 1]}"
    return Month(name, scope_id, [epoch for epoch, _ in shares], events, credits, pending, final)


def _series(scope_id: str, shares: Mapping[str, Sequence[Shown]], months: Mapping[tuple[str, str], Month]) -> Series:
    """`shares`: those in the scope, by month; `months`: what each comes to."""
    mine = {month: months[month, scope_id] for month in shares}
    if len(mine) > 1 and sum(map(len, shares.values())) > MOST_BARS:
        by = "month"  # of so many windows a chart shows months at best
        spans = [
            month_span(month, one.credits + one.pending, one.final == len(one.epochs)) for month, one in mine.items()
        ]
    else:
        by = "epoch"
        spans = [
            Span(row.start, row.end, share.in_force, row.state == "finalized", f"epoch {row.epoch_id}, {row.start}")
            for found in shares.values()
            for row, share in found
        ]
    credits, final = sum(one.credits for one in mine.values()), sum(one.final for one in mine.values())
    return Series(scope_id, credits, final, timeline("Credits of this person", spans, by))


def initials(name: str) -> str:
    """Up to two letters or digits for a picture of someone: of the first two words, or of the only one."""
    words = ["".join(filter(str.isalnum, word)) for word in re.split(r"[\s._-]+", name[:64])]
    words = [word for word in words if word]
    letters = words[0][:1] + words[1][:1] if len(words) > 1 else "".join(words)[:2]
    return letters.upper()[:2] or "?"


def hue(user_id: str) -> int:
    """Which of the eight colours of pictures a user has, always the same one."""
    return int(user_id[:8], 16) % 8
