"""From events, bindings and decisions to units, in plain Python: the reference of what `ledger/compute` does in SQL.

The specification's section 4, rules 1 and 2, once more readable than fast. The dataclasses here are what both
implementations return; a test holds them to the same values on random nodes. All units are milli-units.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from ledger.core.errors import FormatError
from ledger.core.identity import AccountKey, resolve_accounts
from ledger.core.payout import bounded_sum
from ledger.core.records.activity import RECEIPT, ActivityEvent
from ledger.core.records.decisions import Binding, Curation, Override
from ledger.core.records.epoch import Epoch
from ledger.core.records.statement import Allocation
from ledger.core.values import MAX_AMOUNT, Hash, Units, UserId

WeightSource = Literal["policy", "decision", "none"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not match: the rule it breaks, where, what was expected and what is there."""

    rule: str
    message: str
    path: str
    line: int | None = None
    expected: str | None = None
    actual: str | None = None


class EventOutcome(NamedTuple):
    """What one event came to: who it counts for, whether it counts, for how many milli-units and why.

    `line` counts from 1 within the shard `path`. `late`: its time lies before the epoch's window. A tuple, for a site
    is made of millions of them.
    """

    line: int
    path: str
    id: str
    source: str
    event_type: str
    event_time: str
    artifact_url: str
    platform_user_id: str
    platform_login: str | None
    user_id: UserId | None
    included: bool
    units: int
    weight_source: WeightSource
    late: bool
    quantity: int

    def fields(self) -> dict[str, Any]:
        """By name, as commands print it."""
        return self._asdict()


@dataclass(frozen=True, slots=True)
class UnresolvedAccount:
    """An account without a user: its included events and the milli-units that they would earn."""

    source: str
    platform_user_id: str
    platform_login: str | None
    event_count: int
    units: int


@dataclass(frozen=True, slots=True)
class Total:
    """Events of one kind: all, those that count for someone, the milli-units of these, and the quantity of all."""

    source: str
    event_type: str
    event_count: int
    counted_count: int
    units: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An epoch's units: allocations sorted by user, unresolved by (source, account), totals by (source, type)."""

    activity_count: int
    activity_root: Hash
    allocations: tuple[Allocation, ...]
    unresolved: tuple[UnresolvedAccount, ...]
    unresolved_count: int
    totals: tuple[Total, ...]

    def policy_units(self, weights: Mapping[str, int]) -> int:
        """Milli-units of all events at these weights, whatever was decided about them."""
        return sum(row.quantity * weights.get(f"{row.source}:{row.event_type}", 0) for row in self.totals)


@dataclass(slots=True)
class _Decision:
    included: bool = True
    weight: int | None = None
    user_id: UserId | None = None


def fold_curation(curation: Iterable[Curation]) -> dict[str, _Decision]:
    """The decision that stands per event: the latest line of each action group wins; null clears a weight."""
    decisions: defaultdict[str, _Decision] = defaultdict(_Decision)
    for line in curation:
        decision = decisions[line.event_id]
        match line.action:
            case "include" | "exclude":
                decision.included = line.action == "include"
            case "weight":
                decision.weight = line.weight_override_milli
            case "resolve":
                decision.user_id = line.user_id  # null clears
            case "note":
                pass
    return decisions


def event_units(quantity: int, weight: int, path: str, line: int) -> int:
    """Milli-units of an event: `quantity` × weight; FormatError naming the line past 2^63-1 (ALL_MATH_BIGINT)."""
    if (units := quantity * weight) > MAX_AMOUNT:
        raise FormatError(
            f"{quantity} × {weight} milli-units is {units}, more than 2^63-1",
            rule="ALL_MATH_BIGINT",
            path=path,
            line=line,
            hint="Lower its weight by a decision; an excluded event is bounded too.",
        )
    return units


def _whose(event: ActivityEvent, accounts: Mapping[AccountKey, UserId]) -> UserId | None:
    """The user of an event's account; a receipt names the user himself, whatever is bound."""
    if event.source == RECEIPT:
        return UserId(event.platform_user_id)
    return accounts.get((event.source, event.platform_user_id))


def event_outcomes(
    epoch: Epoch,
    events: Sequence[tuple[str, int, ActivityEvent]],
    bindings: Iterable[Binding],
    curation: Iterable[Curation],
) -> list[EventOutcome]:
    """The outcome of each event `(shard path, line, event)`, in log order."""
    accounts = resolve_accounts(bindings)
    decisions = fold_curation(curation)
    undecided = _Decision()
    outcomes = []
    for path, line, event in events:
        decision = decisions.get(event.id, undecided)
        weight = epoch.weight_config.get(f"{event.source}:{event.event_type}")
        each = decision.weight if decision.weight is not None else weight or 0
        outcomes.append(
            EventOutcome(
                line=line,
                path=path,
                id=event.id,
                source=event.source,
                event_type=event.event_type,
                event_time=event.event_time,
                artifact_url=event.artifact_url,
                platform_user_id=event.platform_user_id,
                platform_login=event.platform_login,
                user_id=decision.user_id or _whose(event, accounts),
                included=decision.included,
                units=event_units(event.quantity, each, path, line),
                weight_source=(
                    "decision" if decision.weight is not None else "policy" if weight is not None else "none"
                ),
                late=event.event_time < epoch.period_start,
                quantity=event.quantity,
            )
        )
    return outcomes


def evaluate(
    epoch: Epoch,
    outcomes: Sequence[EventOutcome],
    overrides: Iterable[Override],
    activity_root: Hash,
) -> Evaluation:
    """Sum the outcomes per user and apply the overrides; InputError when a total leaves 64 bits."""
    loose = [event for event in outcomes if event.included and event.user_id is None]
    last_override = {line.user_id: line for line in overrides}
    standing = {user: line for user, line in last_override.items() if line.final_units is not None}

    units: defaultdict[UserId, list[int]] = defaultdict(list)
    for event in outcomes:
        if event.included and event.user_id is not None:
            units[event.user_id].append(event.units)
    allocations = tuple(
        Allocation(
            node_id=epoch.node_id,
            scope_id=epoch.scope_id,
            epoch_id=epoch.epoch_id,
            activity_count=len(units.get(user, ())),
            final_units=standing[user].final_units if user in standing else None,
            override_reason=standing[user].reason if user in standing else None,
            proposed_units=Units(bounded_sum(units.get(user, ()), "a user's units")),
            user_id=user,
        )
        for user in sorted(units.keys() | standing.keys())
    )
    bounded_sum((row.units for row in allocations), "units")

    accounts: defaultdict[tuple[str, str], list[EventOutcome]] = defaultdict(list)
    for event in loose:
        accounts[event.source, event.platform_user_id].append(event)
    kinds: defaultdict[tuple[str, str], list[EventOutcome]] = defaultdict(list)
    for event in outcomes:
        kinds[event.source, event.event_type].append(event)
    return Evaluation(
        activity_count=len(outcomes),
        activity_root=activity_root,
        allocations=allocations,
        unresolved=tuple(
            UnresolvedAccount(
                source=source,
                platform_user_id=account,
                platform_login=events[-1].platform_login,
                event_count=len(events),
                units=bounded_sum((event.units for event in events), "an account's units"),
            )
            for (source, account), events in sorted(accounts.items())
        ),
        unresolved_count=len(loose),
        totals=tuple(
            Total(
                source=source,
                event_type=kind,
                event_count=len(events),
                counted_count=sum(event.included and event.user_id is not None for event in events),
                units=bounded_sum(
                    (event.units for event in events if event.included and event.user_id is not None), "units"
                ),
                quantity=sum(event.quantity for event in events),
            )
            for (source, kind), events in sorted(kinds.items())
        ),
    )
