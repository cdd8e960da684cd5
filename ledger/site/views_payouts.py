"""Who gets what in an epoch: a row for each person with the events behind it and the sum worked out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ledger.compute.derive import Derived
from ledger.core.evaluate import EventOutcome
from ledger.core.records.statement import Payout, Statement
from ledger.site.views_events import EventLine, Titles, event_line
from ledger.site.words import units

MOST_ROWS = 100
"""Rows of a table that one page renders; the others are loaded from the API (`assets/tables.js`)."""


@dataclass(frozen=True)
class Term:
    """One part of somebody's sum: so much of a kind, each worth the same, and what it comes to.

    `count`: the quantity, which is the number of events where each is a single act.
    """

    count: int
    events: int
    kind: str
    each: str
    units: str
    decided: bool


@dataclass(frozen=True)
class PersonLine:
    """One user's row of an epoch with the events behind it and the sum worked out."""

    user_id: str
    name: str
    payout: Payout
    units: str
    proposed: str
    override_reason: str | None
    event_count: int
    events: tuple[EventLine, ...]
    terms: tuple[Term, ...] = ()
    whole: int = 0
    """Credits by share before those left over are given out."""
    excluded: int = 0
    """Events of theirs that were left out."""

    @property
    def extra(self) -> int:
        """One credit where a remainder was among the largest, else none."""
        return self.payout.share_credits - self.whole


@dataclass(frozen=True)
class LeftOut:
    """Somebody all of whose events were left out: in nobody's sum, but asked about all the same."""

    user_id: str
    name: str
    event_count: int
    events: tuple[EventLine, ...]


@dataclass
class EventsByUser:
    """An epoch's events by whose they are, of those whom its page shows: rows only where it renders them, and what the
    sums are made of.
    """

    paid: Sequence[Payout]
    """The rows that the page renders: those with most credits, the most first."""
    rows: dict[str, list[EventLine]] = field(default_factory=dict)
    others: list[EventLine] = field(default_factory=list)
    """Events of nobody who is known."""
    late: list[EventOutcome] = field(default_factory=list)
    """Everybody's."""
    unpaid: Counter[str] = field(default_factory=Counter)
    """Events of those who have no payout."""
    excluded: Counter[str] = field(default_factory=Counter)
    quantities: dict[str, dict[tuple[str, int, bool], list[int]]] = field(default_factory=dict)
    """For each user the quantity of each event that counts, by kind, units of one, and whether people decided that."""


def events_by_user(
    statement: Statement, outcomes: Iterable[EventOutcome], titles: Titles, rendered: bool
) -> EventsByUser:
    """The outcomes of an epoch by whose they are. `rendered`: whether the page shows each event."""
    ranked = sorted(statement.payouts, key=lambda row: (-row.amount_credits, -row.total_units, row.user_id))
    found = EventsByUser(ranked[:MOST_ROWS])
    shown, more = {row.user_id for row in found.paid}, {row.user_id for row in ranked[MOST_ROWS:]}
    for outcome in outcomes:
        user = outcome.user_id
        if outcome.late:
            found.late.append(outcome)
        if user in more:
            continue
        if rendered:
            row = event_line(outcome, titles)
            (found.others if user is None else found.rows.setdefault(user, [])).append(row)
        if user is None:
            continue
        if user not in shown:
            found.unpaid[user] += 1
        elif outcome.included:
            kind = f"{outcome.source}:{outcome.event_type}"
            term = (kind, outcome.units // outcome.quantity, outcome.weight_source == "decision")
            found.quantities.setdefault(user, {}).setdefault(term, []).append(outcome.quantity)
        else:
            found.excluded[user] += 1
    return found


def total_units(statement: Statement) -> int:
    """The units that share the pool: those of people, and those that are held for accounts without one."""
    return sum(line.total_units for line in statement.payouts) + sum(line.total_units for line in statement.held)


def person_lines(
    derived: Derived, names: Mapping[str, str], events: EventsByUser, total: int
) -> tuple[PersonLine, ...]:
    """The rows that a page renders. `total`: `total_units` of the statement."""
    shared = derived.statement.pool_total_credits - derived.statement.awards_total_credits
    shown = {payout.user_id for payout in events.paid}
    allocations = {row.user_id: row for row in derived.evaluation.allocations if row.user_id in shown}
    found = []
    for payout in events.paid:
        user = payout.user_id
        allocation = allocations.get(user)  # none for somebody who has an award and no events
        found.append(
            PersonLine(
                user_id=user,
                name=names.get(user, user[:8]),
                payout=payout,
                units=units(payout.total_units),
                proposed=units(allocation.proposed_units if allocation else 0),
                override_reason=allocation.override_reason if allocation else None,
                event_count=allocation.activity_count if allocation else 0,
                events=tuple(events.rows.get(user, ())),
                whole=payout.total_units * shared // (total or 1),
                terms=_terms(events.quantities.get(user, {})),
                excluded=events.excluded[user],
            )
        )
    return tuple(found)


def left_out_of(names: Mapping[str, str], events: EventsByUser) -> tuple[LeftOut, ...]:
    """Those who have events and no payout."""
    return tuple(
        LeftOut(user, names.get(user, user[:8]), count, tuple(events.rows.get(user, ())))
        for user, count in sorted(events.unpaid.items())
    )


def _terms(quantities: Mapping[tuple[str, int, bool], list[int]]) -> tuple[Term, ...]:
    """A user's sum by kind and worth, the largest part first."""
    found = [
        (each * sum(counts), Term(sum(counts), len(counts), kind, units(each), "", decided))
        for (kind, each, decided), counts in sorted(quantities.items())
    ]
    found.sort(key=lambda item: -item[0])
    return tuple(replace(term, units=units(total)) for total, term in found)
