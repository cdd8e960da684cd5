"""What each page shows, as one typed object per page; templates only loop over it. Every figure comes from `derive`."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from ledger.compute.derive import Derived
from ledger.core.evaluate import EventOutcome, Total, UnresolvedAccount
from ledger.core.receipts import SOURCE
from ledger.core.records.activity import Collection
from ledger.core.records.decisions import Curation, Objection, Override
from ledger.core.records.epoch import Transition
from ledger.core.records.statement import Attestation, Signature, Statement
from ledger.core.spam import POLICY_ACTOR
from ledger.core.statement import would_be_owed
from ledger.core.values import UserId
from ledger.core.weighing import unweighed
from ledger.site.views_amend import AmendmentView, amendment_views
from ledger.site.views_events import NO_TITLES, EventLine, Titles, event_line
from ledger.site.views_payouts import (
    LeftOut,
    PersonLine,
    events_by_user,
    left_out_of,
    person_lines,
    total_units,
)
from ledger.site.views_pool import PoolView, pool_view
from ledger.site.words import renamed, units
from ledger.store.epochfolder import EpochFolder
from ledger.store.layout import epoch_path
from ledger.store.node import Node

MOST_EVENTS = 1_000
"""Events that one page renders; those of a larger epoch are loaded from the API by whoever asks for them."""
MOST_LINES = 300
"""Lines of a log (decisions, collections, unbound accounts) that one page renders; the raw file has all."""
MOST_LATE = 200
"""Late events that their own page renders, the last; each epoch's page has the others."""


@dataclass(frozen=True)
class Unbound:
    """An account without a user and the credits that fall to it if shares are held; None for nobody's account."""

    account: UnresolvedAccount
    credits: int | None


@dataclass(frozen=True)
class LateLine:
    """A late event and the epoch that it counts in; `anchor`: its row there, None when that page renders none."""

    scope_id: str
    epoch_id: int
    anchor: str | None
    line: EventLine


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
    """Those whom the page renders: who has most credits, the most first."""
    people_count: int
    left_out: tuple[LeftOut, ...]
    others: tuple[EventLine, ...]
    total_units: str
    pool: PoolView
    amendments: tuple[AmendmentView, ...]
    windows: int
    curation: tuple[Curation, ...]
    overrides: tuple[Override, ...]
    names: Mapping[str, str]
    renamed: Mapping[str, str]
    """Those whom the epoch's own bindings call otherwise than the bindings of today do, with both names."""
    unresolved: tuple[Unbound, ...]
    totals: tuple[Total, ...]
    collections: tuple[Collection, ...]
    late: tuple[EventLine, ...]
    late_count: int
    steps: tuple[Transition, ...]
    questions: tuple[Objection, ...]
    attestations: tuple[Attestation, ...]
    signatures: tuple[Signature, ...]
    approvers: tuple[str, ...]
    people_of: Mapping[str, str]
    weights: Mapping[str, int]
    likely: Mapping[str, str | None]
    """Kinds without a weight, each with the one that was likely meant."""
    policy: str
    shards: tuple[str, ...]
    report: Mapping[str, Any] | None
    commit: str | None
    rendered: bool
    vouched: int
    """Events that are of receipts."""

    @property
    def late_lines(self) -> list[LateLine]:
        """The epoch's late events for the page about all of them: the last ones."""
        anchors = self.anchors
        return [
            LateLine(self.scope_id, self.epoch_id, anchors.get(line.outcome.id), line)
            for line in self.late[-MOST_LATE:]
        ]

    @property
    def _rows(self) -> list[EventLine]:
        people: tuple[LeftOut | PersonLine, ...] = (*self.left_out, *self.people)
        return [*self.others, *(line for each in people for line in each.events)]

    @property
    def anchors(self) -> dict[str, str]:
        """The row of each event that the page renders as one."""
        return {line.outcome.id: line.anchor for line in self._rows}

    @property
    def event_titles(self) -> dict[str, str]:
        """The title of each event that the page renders as a row, by its id."""
        return {line.outcome.id: line.title for line in self._rows if line.title}

    @property
    def in_force(self) -> int:
        """The version of the epoch that counts: the highest that is finalized."""
        return max((one.version for one in self.amendments if one.state == "finalized"), default=1)

    @property
    def signed(self) -> int:
        """People of the pinned approver set who signed the statement as it is now."""
        wanted = self.statement.statement_hash
        wallets = {line.signer_wallet for line in self.signatures if line.statement_hash == wanted}
        return len({self.people_of[wallet] for wallet in wallets.intersection(self.people_of)})

    @property
    def by_rule(self) -> int:
        """Decisions that the scope's written rules made."""
        return sum(line.actor == POLICY_ACTOR for line in self.curation)

    @property
    def by_people(self) -> int:
        """Decisions that people made."""
        return len(self.curation) + len(self.overrides) - self.by_rule

    @property
    def path(self) -> str:
        """The page's place in the site."""
        return f"epochs/{self.scope_id}/{self.epoch_id}"

    @property
    def sign_path(self) -> str:
        """The place of the page on which its approvers sign, while it is in review."""
        return f"sign/{self.scope_id}/{self.epoch_id}"

    @property
    def folder(self) -> str:
        """The epoch's folder inside the node."""
        return epoch_path(self.scope_id, self.epoch_id)

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
    allocated: int
    held: int
    ok: bool | None
    """Whether it recomputed when the site was built; None when nobody tried."""
    signed: int
    threshold: int
    late_count: int
    unresolved_count: int

    @property
    def path(self) -> str:
        """The epoch's page, from the site's top."""
        return f"epochs/{self.scope_id}/{self.epoch_id}/"


def epoch_page(
    node: Node,
    folder: EpochFolder,
    derived: Derived,
    names: Mapping[str, str],
    last_id: int,
    report: Mapping[str, Any] | None,
    commit: str | None,
    outcomes: Sequence[EventOutcome],
    titles: Titles,
    then: Mapping[UserId, str],
) -> EpochPage:
    """Everything about one epoch.

    `outcomes`: those of `derived`; `titles`: `titles_of` it; `then`: `bound_names` of its bindings, all the caller's.
    """
    statement, epoch = derived.statement, derived.epoch
    rendered = statement.activity_count <= MOST_EVENTS
    titles = titles if rendered else NO_TITLES
    settings = node.scope(folder.scope_id)
    changed = renamed(then, names)
    if changed:
        names = ChainMap(changed, cast("dict[str, str]", names))
    events, total = events_by_user(statement, outcomes, titles, rendered), total_units(statement)
    people = person_lines(derived, names, events, total)
    owed = would_be_owed(derived.evaluation, statement.pool_total_credits, derived.awards)
    pin = folder.pin()
    pinned: dict[str, str] = {
        wallet: person.id for person in (pin.approvers if pin else ()) for wallet in person.wallets
    }
    return EpochPage(
        scope_id=folder.scope_id,
        scope_name=settings.name or folder.scope_id,
        epoch_id=folder.epoch_id,
        last_id=last_id,
        state=folder.state(),
        statement=statement,
        people=people,
        people_count=len(statement.payouts),
        left_out=left_out_of(names, events),
        others=tuple(events.others),
        total_units=units(total),
        pool=pool_view(node, folder, derived),
        amendments=amendment_views(folder, names),
        windows=epoch.windows,
        curation=tuple(folder.curation()),
        overrides=tuple(folder.overrides()),
        names=names,
        renamed=changed,
        unresolved=tuple(
            Unbound(account, owed.get((account.source, account.platform_user_id)))
            for account in sorted(derived.evaluation.unresolved, key=lambda account: -account.units)
        ),
        totals=derived.evaluation.totals,
        collections=tuple(folder.collections()),
        late=tuple(event_line(outcome, titles) for outcome in events.late[:MOST_EVENTS]),
        late_count=len(events.late),
        steps=tuple(folder.transitions()),
        questions=tuple(folder.objections()),
        attestations=tuple(folder.attestations()),
        signatures=tuple(folder.signatures()),
        approvers=tuple(sorted(pinned)),
        people_of=pinned,
        weights=epoch.weight_config,
        likely={one.kind: one.likely for one in unweighed(derived.evaluation.totals, epoch.weight_config)},
        policy=epoch.weight_policy,
        shards=tuple(shard.name for shard in folder.shards()),
        report=report,
        commit=commit,
        rendered=rendered,
        vouched=sum(outcome.source == SOURCE for outcome in outcomes),
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
        people=page.people_count,
        pool=statement.pool_total_credits,
        allocated=page.pool.allocated,
        held=page.pool.held_credits,
        ok=None if not page.report else not page.failed,
        signed=page.signed,
        threshold=statement.threshold,
        late_count=page.late_count,
        unresolved_count=statement.unresolved_count,
    )
