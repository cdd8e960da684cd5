"""What each page shows, as one typed object per page; templates only loop over it. Every figure comes from `derive`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ledger.compute.derive import Derived
from ledger.core.evaluate import EventOutcome, Total, UnresolvedAccount
from ledger.core.lifecycle import pin_of
from ledger.core.records import Collection, Curation, Override, Payout, PoolComponent, Signature, Statement
from ledger.core.values import units_text
from ledger.site.links import safe_link
from ledger.store.node import EpochFolder, Node

MOST_EVENTS = 1_000
"""Events that one page renders; those of a larger epoch are loaded from the API by whoever asks for them."""
MOST_ROWS = 100
"""Rows of a table that one page renders; the others are loaded from the API (`assets/tables.js`)."""
MOST_EPOCHS = 52
"""Epochs that a contributor's page renders; the others as well."""


@dataclass(frozen=True)
class EventLine:
    """One event as a row: its link when it is harmless, its units in words."""

    outcome: EventOutcome
    link: str | None
    units: str


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


@dataclass(frozen=True)
class EpochPage:
    """One epoch."""

    scope_id: str
    scope_name: str
    epoch_id: int
    last_id: int
    state: str
    statement: Statement
    people: tuple[PersonLine, ...]
    total_units: str
    pool: tuple[PoolComponent, ...]
    curation: tuple[Curation, ...]
    overrides: tuple[Override, ...]
    names: Mapping[str, str]
    unresolved: tuple[UnresolvedAccount, ...]
    totals: tuple[Total, ...]
    collections: tuple[Collection, ...]
    late: tuple[EventLine, ...]
    signatures: tuple[Signature, ...]
    approvers: tuple[str, ...]
    weights: Mapping[str, int]
    policy: str
    shards: tuple[str, ...]
    report: Mapping[str, Any] | None
    commit: str | None
    rendered: bool

    @property
    def shown(self) -> tuple[PersonLine, ...]:
        """The people whom the page renders: those with most credits."""
        return self.people[:MOST_ROWS]

    @property
    def path(self) -> str:
        """The page's place in the site."""
        return f"epochs/{self.scope_id}/{self.epoch_id}"

    @property
    def api(self) -> str:
        """The folder of the epoch's raw files in the site."""
        return f"api/v1/ledger/{self.path}"

    @property
    def failed(self) -> list[Mapping[str, Any]]:
        """The invariants that do not hold."""
        return [check for check in (self.report or {}).get("checks", []) if check["verdict"] == "fail"]


@dataclass(frozen=True)
class EpochRow:
    """One epoch in lists and charts."""

    scope_id: str
    epoch_id: int
    state: str
    start: str
    end: str
    activity_count: int
    people: int
    pool: int
    paid: int
    ok: bool


@dataclass(frozen=True, slots=True)
class Share:
    """One user in one epoch, on his own page. Ten years of a large node are a million of them."""

    epoch: EpochRow
    credits: int
    share: str
    units: str
    event_count: int
    reason: str | None


@dataclass
class Contributor:
    """One user over all epochs."""

    user_id: str
    name: str
    accounts: list[tuple[str, str, str]] = field(default_factory=list)
    shares: list[Share] = field(default_factory=list)

    @property
    def shown(self) -> list[Share]:
        """The epochs that the page renders: the last ones."""
        return self.shares[-MOST_EPOCHS:]

    @property
    def final_credits(self) -> int:
        """Credits of finalized epochs."""
        return sum(share.credits for share in self.shares if share.epoch.state == "finalized")


def event_line(outcome: EventOutcome) -> EventLine:
    """An event as a row."""
    return EventLine(outcome, safe_link(outcome.artifact_url), units_text(outcome.units))


def epoch_page(
    node: Node,
    folder: EpochFolder,
    derived: Derived,
    names: Mapping[str, str],
    last_id: int,
    report: Mapping[str, Any] | None,
    commit: str | None,
    outcomes: Sequence[EventOutcome],
) -> EpochPage:
    """Everything about one epoch. `outcomes`: those of `derived`, which the caller needs as well."""
    statement, epoch = derived.statement, derived.epoch
    rendered = statement.activity_count <= MOST_EVENTS
    by_user: dict[str, list[EventLine]] = {}
    late = []
    for outcome in outcomes:
        if outcome.late:
            late.append(event_line(outcome))
        if rendered and outcome.user_id is not None:
            by_user.setdefault(outcome.user_id, []).append(event_line(outcome))
    rows = {row.user_id: row for row in derived.evaluation.allocations}
    people = [
        PersonLine(
            user_id=payout.user_id,
            name=names.get(payout.user_id, payout.user_id[:8]),
            payout=payout,
            units=units_text(payout.total_units),
            proposed=units_text(rows[payout.user_id].proposed_units),
            override_reason=rows[payout.user_id].override_reason,
            event_count=rows[payout.user_id].activity_count,
            events=tuple(by_user.get(payout.user_id, ())),
        )
        for payout in statement.payouts
    ]
    people.sort(key=lambda person: (-person.payout.amount_credits, -person.payout.total_units, person.user_id))
    pin = pin_of(folder.transitions())
    return EpochPage(
        scope_id=folder.scope_id,
        scope_name=node.scope(folder.scope_id).name or folder.scope_id,
        epoch_id=folder.epoch_id,
        last_id=last_id,
        state=folder.state(),
        statement=statement,
        people=tuple(people),
        total_units=units_text(sum(payout.total_units for payout in statement.payouts)),
        pool=derived.pool,
        curation=tuple(folder.curation()),
        overrides=tuple(folder.overrides()),
        names=names,
        unresolved=derived.evaluation.unresolved,
        totals=derived.evaluation.totals,
        collections=tuple(folder.collections()),
        late=tuple(late[:MOST_EVENTS]),
        signatures=tuple(folder.signatures()),
        approvers=pin.approvers if pin else (),
        weights=epoch.weight_config,
        policy=epoch.weight_policy,
        shards=tuple(shard.name for shard in folder.shards()),
        report=report,
        commit=commit,
        rendered=rendered,
    )


def epoch_row(page: EpochPage) -> EpochRow:
    """The epoch's line in lists."""
    statement = page.statement
    return EpochRow(
        scope_id=page.scope_id,
        epoch_id=page.epoch_id,
        state=page.state,
        start=statement.period_start[:10],
        end=statement.period_end[:10],
        activity_count=statement.activity_count,
        people=sum(payout.amount_credits > 0 for payout in statement.payouts),
        pool=statement.pool_total_credits,
        paid=statement.pool_total_credits - statement.undistributed_credits,
        ok=not page.failed,
    )


@dataclass(frozen=True)
class WeightChange:
    """From which epoch on which weights held, and what was different before."""

    scope_id: str
    epoch_id: int
    start: str
    policy: str
    weights: Mapping[str, int]
    changes: tuple[tuple[str, int | None, int | None], ...]


def weight_history(pages: Sequence[tuple[str, int, str, str, Mapping[str, int]]]) -> list[WeightChange]:
    """Each epoch at which the pinned weights differ from the epoch before, oldest first."""
    found: list[WeightChange] = []
    before: dict[str, Mapping[str, int]] = {}
    for scope_id, epoch_id, start, policy, weights in pages:
        old = before.get(scope_id, {})
        if old != weights:
            changed = sorted(kind for kind in old.keys() | weights.keys() if old.get(kind) != weights.get(kind))
            changes = tuple((kind, old.get(kind), weights.get(kind)) for kind in changed)
            found.append(WeightChange(scope_id, epoch_id, start, policy, weights, changes))
        before[scope_id] = weights
    return found
