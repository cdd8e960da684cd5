"""An epoch as an approver needs it: who gets what and why, what changed, what stands out, what it still needs.

The same for the pull request, the terminal and `/status`. Reads only; every figure is the engine's or core's.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest

from ledger.compute.derive import Derived
from ledger.core.nextset import to_sign
from ledger.core.onework import REASON as SAME_PERSON
from ledger.core.pool import RULE_ACTOR
from ledger.core.records.approvers import ApproverSet
from ledger.core.records.decisions import Objection
from ledger.core.samework import PERHAPS, SAME_WORK
from ledger.core.spam import POLICY_ACTOR
from ledger.core.statement import would_be_owed
from ledger.core.values import Credits, Timestamp, UserId, units_text
from ledger.flows.completeness import StreamStatus, stream_statuses
from ledger.flows.conditions import Condition, conditions
from ledger.flows.display import lookalike
from ledger.flows.drafting import as_stated
from ledger.flows.identity import display_names
from ledger.flows.remarks import remarks
from ledger.flows.session import EpochFolder, Session

MANY_EVENTS = 500
"""Events of one account in one epoch that make it look automated."""
MOST_EVENTS = 100
"""Events that are named, those of most units; the preview has all."""
NEWCOMERS = 5
"""Newcomers who are named one by one, those who get most; of the others an approver is told how many they are."""
_CAME_FROM = re.compile(r"(.*) \((https?://[!-'*-~]+)\)", re.S)
_ROBOT = re.compile(r"(?i)\[bot\]$|(^|[^a-z])bot$|^bot[^a-z]")


@dataclass(frozen=True, slots=True)
class Share:
    """One person's part. Credits; milli-units; `before` are the credits of the epoch before, 0 for who was not in it.

    `new`: nobody was ever paid under this id in the scope.
    """

    user_id: str
    name: str
    credits: int
    units: int
    share: str
    kinds: tuple[tuple[str, int], ...]
    before: int
    new: bool
    override_reason: str | None

    @property
    def change(self) -> int:
        """Credits against the epoch before."""
        return self.credits - self.before

    @property
    def events(self) -> int:
        """How many events count for this person."""
        return sum(count for _, count in self.kinds)


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """An account that nobody claimed: milli-units, and the credits that wait for it, or would if shares were held."""

    account: str
    login: str | None
    events: int
    units: int
    credits: int


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision on the record, in words."""

    at: Timestamp
    actor: str
    what: str
    subject: str
    reason: str
    evidence: str | None


@dataclass(frozen=True, slots=True)
class Named:
    """One event by the id that commands name it by: its address, whose it is, its milli-units, whether it counts."""

    id: str
    url: str
    who: str
    units: int
    counts: bool


@dataclass(frozen=True, slots=True)
class Digest:
    """Everything an approver looks at, in reading order. `left` are people paid in the epoch before and not in this,
    the largest first; `waits` is the approver set that is signed beside the statement, where one is.
    """

    derived: Derived
    state: str
    people: tuple[Share, ...]
    left: tuple[tuple[str, int], ...]
    notices: tuple[tuple[str, str], ...]
    unclaimed: tuple[Unclaimed, ...]
    streams: tuple[StreamStatus, ...]
    decisions: tuple[Decision, ...]
    by_rule: int
    objections: tuple[Objection, ...]
    waits: ApproverSet | None
    conditions: tuple[Condition, ...]
    events: tuple[Named, ...]


def digest(session: Session, folder: EpochFolder) -> Digest:
    """The digest of one epoch as it stands; provisional while it is open."""
    derived, state, names = as_stated(session, folder), folder.state(), display_names(session)
    before, known = _before(session, folder), _ever_paid(session, folder)
    kinds: dict[str, Counter[str]] = {}
    events = []
    for event in derived.loaded.outcomes():
        who = names.get(event.user_id, event.user_id) if event.user_id else event.platform_login or "nobody yet"
        events.append(Named(event.id, event.artifact_url, who, event.units, event.included))
        if event.user_id is not None and event.included:
            kinds.setdefault(event.user_id, Counter())[f"{event.source}:{event.event_type}"] += 1
    reasons = {
        row.user_id: row.override_reason for row in derived.evaluation.allocations if row.final_units is not None
    }
    people = sorted(
        (
            Share(
                payout.user_id,
                names.get(payout.user_id, payout.user_id),
                payout.amount_credits,
                payout.total_units,
                payout.share,
                tuple(sorted(kinds.get(payout.user_id, Counter()).items(), key=lambda pair: (-pair[1], pair[0]))),
                before.get(payout.user_id, 0),
                (folder.epoch_id > 1 or folder.version > 1) and payout.user_id not in known,
                reasons.get(payout.user_id),
            )
            for payout in derived.statement.payouts
        ),
        key=lambda one: (-one.credits, -one.units, one.user_id),
    )
    paid = {one.user_id for one in people}
    gone = sorted(before.items(), key=lambda pair: (-pair[1], pair[0]))
    left = [(names.get(user, user), amount) for user, amount in gone if user not in paid and amount]
    decisions, by_rule = _decisions(folder, names)
    streams = tuple(stream_statuses(session, folder))
    if folder.version > 1:  # what the version before decided and collected stands there
        begun = folder.transitions()[0].at
        decisions, by_rule, streams = [one for one in decisions if one.at >= begun], 0, ()
    return Digest(
        derived,
        state,
        tuple(people),
        tuple(left),
        tuple(_notices(session, folder, people, derived, by_rule)),
        tuple(_unclaimed(derived)),
        streams,
        tuple(decisions),
        by_rule,
        tuple(folder.objections()),
        to_sign(folder.chain(), session.node.scope(folder.scope_id)),
        tuple(conditions(session, folder, derived)),
        tuple(nlargest(MOST_EVENTS, events, key=lambda one: (one.units, one.id))),
    )


def _before(session: Session, folder: EpochFolder) -> dict[UserId, int]:
    """Credits by the statement to compare with: that of the epoch before, or the one that an amendment supersedes."""
    if folder.version > 1:
        statement = folder.superseded()
    elif folder.epoch_id == 1:
        return {}
    else:
        statement = session.node.epoch(folder.scope_id, folder.epoch_id - 1).statement()
    return {payout.user_id: payout.amount_credits for payout in statement.payouts} if statement else {}


def _ever_paid(session: Session, folder: EpochFolder) -> set[str]:
    paid: set[str] = set()
    for number in range(1, folder.epoch_id):
        statement = session.node.epoch(folder.scope_id, number).statement()
        paid |= {payout.user_id for payout in statement.payouts} if statement else set()
    return paid | _before(session, folder).keys()


def _unclaimed(derived: Derived) -> list[Unclaimed]:
    """What waits for each unresolved account, by the one function that says so everywhere."""
    waiting = would_be_owed(derived.evaluation, derived.statement.pool_total_credits, derived.awards)
    found = [
        Unclaimed(
            f"{row.source}:{row.platform_user_id}",
            row.platform_login,
            row.event_count,
            row.units,
            waiting.get((row.source, row.platform_user_id), Credits(0)),
        )
        for row in derived.evaluation.unresolved
    ]
    return sorted(found, key=lambda one: (-one.units, one.account))


def _notices(
    session: Session, folder: EpochFolder, people: Sequence[Share], derived: Derived, by_rule: int
) -> list[tuple[str, str]]:
    """What an approver should look at twice: (whom or what, why)."""
    found = []
    total = sum(one.credits for one in people)
    limit = session.node.scope(folder.scope_id).outlier_percent
    written: dict[str, set[str]] = defaultdict(set)
    for user_id, name in display_names(session).items():
        written[lookalike(name)].add(user_id)
    for one in people:
        if others := sorted(written[lookalike(one.name)] - {one.user_id}):
            found.append((one.name, f"is {one.user_id}; somebody else has a name that looks like it: {others[0]}"))
        if one.credits * 100 > total * limit and len(people) > 1:
            found.append((one.name, f"gets {one.credits * 100 // total} % of the epoch (more than {limit} %)"))
        if _ROBOT.search(one.name):
            found.append((one.name, "has a name that looks automated"))
        if one.events > MANY_EVENTS:
            found.append((one.name, f"has {one.events} events in one epoch, which looks automated"))
    newcomers = [one for one in people if one.new and one.credits]
    found += [(one.name, f"is new here and gets {one.credits} credits") for one in newcomers[:NEWCOMERS]]
    if more := newcomers[NEWCOMERS:]:
        together = sum(one.credits for one in more)
        found.append((f"{len(more)} more", f"are new here and get {together} credits together"))
    late = sum(event.late for event in derived.loaded.outcomes())
    if late:
        found.append((f"{late} events", "come from before this window (late or looked up again)"))
    if by_rule:
        found.append((f"{by_rule} events", "are left out by the scope's written rules"))
    curators = {person.id for person in session.node.scope(folder.scope_id).curators}
    for part in folder.pool():
        if part.actor in curators:
            did = "withdrawn" if part.amount_credits is None else f"set to {part.amount_credits} credits"
            found.append((part.component_id, f"of the pool was {did} by {part.actor}, who decides but does not sign"))
    found += remarks(session, folder, derived)
    for gap in derived.statement.gaps:
        found.append((gap, "was missing when the epoch went to review, and accepted"))
    return found


def _decisions(folder: EpochFolder, names: Mapping[UserId, str]) -> tuple[list[Decision], int]:
    """Every decision of a person, oldest first, and how many events written rules left out."""
    called: dict[str | None, str] = dict(names.items())
    found = []
    by_rule = 0
    for line in folder.curation():
        if line.actor == POLICY_ACTOR:
            by_rule += not (line.note or "").startswith(
                (PERHAPS, SAME_WORK, SAME_PERSON)
            )  # these have lines of their own
            continue
        what = {
            "weight": "weighs"
            if line.weight_override_milli is None
            else f"weighs {units_text(line.weight_override_milli)} units",
            "resolve": f"gives to {called.get(line.user_id, line.user_id)}",
        }.get(line.action, f"{line.action}s")
        found.append(Decision(line.at, line.actor, what, line.event_id, line.note or "", line.evidence))
    for one in folder.overrides():
        what = "lifts the override of" if one.final_units is None else f"sets {units_text(one.final_units)} units for"
        found.append(
            Decision(one.at, one.actor, what, str(called.get(one.user_id, one.user_id)), one.reason, one.evidence)
        )
    at = folder.epoch().opened_at
    for part in folder.pool():
        at = part.computed_at or at
        what = "withdraws" if part.amount_credits is None else f"records {part.amount_credits} credits as"
        actor = "the pool's rules" if part.actor == RULE_ACTOR else part.actor
        reason, evidence = _with_link(part.reason or part.evidence_ref or "")
        found.append(Decision(at, actor, what, part.component_id, reason, evidence))
    for given in folder.awards():
        whom = str(called.get(given.user_id, given.user_id)) if given.user_id else given.award
        what = "cancels award" if given.action == "cancel" else f"awards {given.amount_credits} credits to"
        found.append(Decision(given.at, given.actor, what, whom, given.reason, given.evidence))
    return sorted(found, key=lambda one: one.at), by_rule


def _with_link(text: str) -> tuple[str, str | None]:
    """A reason without the address that stands in brackets at its end, and that address."""
    match = _CAME_FROM.fullmatch(text)
    return (match[1], match[2]) if match else (text, None)
