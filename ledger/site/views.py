"""What each page shows, as one typed object per page; templates only loop over it. Every figure comes from `derive`."""

from __future__ import annotations

import json
import re
from collections import ChainMap, Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from ledger.compute.derive import Derived
from ledger.core.evaluate import EventOutcome, Total, UnresolvedAccount
from ledger.core.receipts import SOURCE
from ledger.core.records.activity import Collection
from ledger.core.records.decisions import Curation, Objection, Override
from ledger.core.records.epoch import Transition
from ledger.core.records.statement import Attestation, Payout, Signature, Statement
from ledger.core.spam import POLICY_ACTOR
from ledger.core.statement import would_be_owed
from ledger.core.weighing import unweighed
from ledger.site.links import safe_link
from ledger.site.views_amend import AmendmentView, amendment_views
from ledger.site.views_pool import PoolView, pool_view
from ledger.site.words import renamed, units
from ledger.store.epochfolder import EpochFolder
from ledger.store.layout import epoch_path, shard_number
from ledger.store.node import Node

MOST_EVENTS = 1_000
"""Events that one page renders; those of a larger epoch are loaded from the API by whoever asks for them."""
MOST_ROWS = 100
"""Rows of a table that one page renders; the others are loaded from the API (`assets/tables.js`)."""
MOST_LINES = 300
"""Lines of a log (decisions, collections, unbound accounts) that one page renders; the raw file has all."""
MOST_LATE = 200
"""Late events that their own page renders, the last; each epoch's page has the others."""


Titles = Mapping[tuple[str, int], str]
"""The title of each event by its shard's name and its line."""
NO_TITLES: Titles = {}
_TITLE = re.compile(rb'(?<=[{,])"title":"((?:[^"\\]|\\.)*)"')
"""A key of a canonical line's metadata, where alone it may stand: inside a text, each quote has a stroke before it."""


@dataclass(frozen=True)
class EventLine:
    """One event as a row: its link when it is harmless, its units in words, its title where the source stored one.

    `each`: the units of one, where the event is of several.
    """

    outcome: EventOutcome
    link: str | None
    units: str
    title: str = ""
    each: str = ""

    @property
    def anchor(self) -> str:
        """The row's id on the epoch's page: its place in the activity log."""
        return f"event-{shard_number(self.outcome.path)}-{self.outcome.line}"


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
class Unbound:
    """An account without a user and the credits that fall to it if shares are held; None for nobody's account."""

    account: UnresolvedAccount
    credits: int | None


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
    def shown(self) -> tuple[PersonLine, ...]:
        """The people whom the page renders: those with most credits."""
        return self.people[:MOST_ROWS]

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
        people: tuple[LeftOut | PersonLine, ...] = (*self.left_out, *self.shown)
        return [*self.others, *(line for each in people for line in each.events)]

    @property
    def anchors(self) -> dict[str, str]:
        """The row of each event that the page renders as one."""
        return {line.outcome.id: line.anchor for line in self._rows}

    @property
    def titles(self) -> Titles:
        """The titles of the events that the page may render."""
        people: tuple[LeftOut | PersonLine, ...] = (*self.left_out, *self.people)
        rows = [*self.others, *(line for each in people for line in each.events)]
        return {(line.outcome.path, line.outcome.line): line.title for line in rows if line.title}

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


def event_line(outcome: EventOutcome, titles: Titles = NO_TITLES) -> EventLine:
    """An event as a row."""
    title = titles.get((outcome.path, outcome.line), "")
    each = units(outcome.units // outcome.quantity) if outcome.quantity > 1 else ""
    return EventLine(outcome, safe_link(outcome.artifact_url), units(outcome.units), title, each)


def titles_of(folder: EpochFolder) -> Titles:
    """The title of each event, where its source stored one; lines that name none are not read."""
    found = {}
    for shard in folder.shards():
        data = folder.read(shard.name)
        if b'"title":"' not in data:
            continue
        for number, line in enumerate(data.split(b"\n"), start=1):
            if (title := _TITLE.search(line)) is not None:
                text = title[1]
                found[shard.name, number] = json.loads(b'"%b"' % text) if b"\\" in text else text.decode()
    return found


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
) -> EpochPage:
    """Everything about one epoch. `outcomes`: those of `derived`; `titles`: `titles_of` it; the caller needs both."""
    statement, epoch = derived.statement, derived.epoch
    rendered = statement.activity_count <= MOST_EVENTS
    titles = titles if rendered else NO_TITLES
    settings = node.scope(folder.scope_id)
    changed = renamed(derived.bindings, names)
    names = ChainMap(changed, cast("dict[str, str]", names))
    by_user: dict[str, list[EventLine]] = {}
    counted: dict[str, dict[tuple[str, int, bool], list[int]]] = {}
    late = []
    rows = {row.user_id: row for row in derived.evaluation.allocations}
    others = []
    own: Counter[str] = Counter()
    excluded: Counter[str] = Counter()
    for outcome in outcomes:
        if outcome.late:
            late.append(outcome)
        if outcome.user_id is None:
            if rendered:
                others.append(event_line(outcome, titles))
            continue
        own[outcome.user_id] += 1
        excluded[outcome.user_id] += not outcome.included
        if rendered:
            by_user.setdefault(outcome.user_id, []).append(event_line(outcome, titles))
        if outcome.included:
            kind = f"{outcome.source}:{outcome.event_type}"
            decided = outcome.weight_source == "decision"
            term = (kind, outcome.units // outcome.quantity, decided)
            counted.setdefault(outcome.user_id, {}).setdefault(term, []).append(outcome.quantity)
    ranked = sorted(statement.payouts, key=lambda row: (-row.amount_credits, -row.total_units, row.user_id))
    held_units = sum(line.total_units for line in statement.held)
    total = sum(line.total_units for line in statement.payouts) + held_units
    shared = statement.pool_total_credits - statement.awards_total_credits
    people = [
        PersonLine(
            user_id=payout.user_id,
            name=names.get(payout.user_id, payout.user_id[:8]),
            payout=payout,
            units=units(payout.total_units),
            proposed=units(rows[payout.user_id].proposed_units if payout.user_id in rows else 0),
            override_reason=rows[payout.user_id].override_reason if payout.user_id in rows else None,
            event_count=rows[payout.user_id].activity_count if payout.user_id in rows else 0,
            events=tuple(by_user.get(payout.user_id, ())),
            whole=payout.total_units * shared // (total or 1),
            terms=_terms(counted.get(payout.user_id, {})) if number < MOST_ROWS else (),
            excluded=excluded[payout.user_id],
        )
        for number, payout in enumerate(ranked)
    ]
    left_out = [
        LeftOut(user_id, names.get(user_id, user_id[:8]), own[user_id], tuple(by_user.get(user_id, ())))
        for user_id in sorted(own.keys() - {payout.user_id for payout in ranked})
    ]
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
        people=tuple(people),
        people_count=len(people),
        left_out=tuple(left_out),
        others=tuple(others),
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
        late=tuple(event_line(outcome, titles) for outcome in late[:MOST_EVENTS]),
        late_count=len(late),
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


def _terms(counted: Mapping[tuple[str, int, bool], list[int]]) -> tuple[Term, ...]:
    """A user's sum by kind and worth, the largest part first. `counted`: the quantities of the events of each."""
    found = [
        (each * sum(quantities), Term(sum(quantities), len(quantities), kind, units(each), "", decided))
        for (kind, each, decided), quantities in sorted(counted.items())
    ]
    found.sort(key=lambda item: -item[0])
    return tuple(replace(term, units=units(total)) for total, term in found)


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
        people=len(page.people),
        pool=statement.pool_total_credits,
        allocated=page.pool.allocated,
        held=page.pool.held_credits,
        ok=None if not page.report else not page.failed,
        signed=page.signed,
        threshold=statement.threshold,
        late_count=page.late_count,
        unresolved_count=statement.unresolved_count,
    )
