"""What people ask of a node without changing it: where each epoch stands, and the path from credits back to events."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from ledger.compute.derive import Derived
from ledger.core.errors import InputError
from ledger.core.evaluate import EventOutcome
from ledger.core.records.decisions import Curation
from ledger.core.records.statement import Payout
from ledger.core.windows import HOUR, later
from ledger.flows.completeness import StreamStatus, stream_statuses
from ledger.flows.conditions import conditions
from ledger.flows.drafting import all_stated, as_stated
from ledger.flows.identity import display_names
from ledger.flows.remarks import Remark, remarks
from ledger.flows.session import Session
from ledger.flows.sign import tally
from ledger.sources.registry import said_names
from ledger.store.amendments import newest
from ledger.store.epochfolder import EpochFolder
from ledger.store.node import Node


@dataclass(frozen=True, slots=True)
class EpochStatus:
    """Where an epoch stands and what it still needs; credits and counts as of the present draft.

    `remarks`: what to look at before it is final, each with whom or what it is about.
    """

    scope_id: str
    epoch_id: int
    state: str
    period_start: str
    period_end: str
    activity_count: int
    unresolved_count: int
    pool_total_credits: int
    signatures: int
    threshold: int
    needs: str
    streams: tuple[StreamStatus, ...]
    remarks: tuple[Remark, ...] = ()


def status(session: Session, scope_id: str | None = None, *, every: bool = False) -> list[EpochStatus]:
    """The last epochs of each scope (every epoch with `every`), oldest first."""
    found = []
    for scope in session.scope_ids(scope_id):
        epochs = session.node.epochs(scope)
        found += [epoch_status(session, folder) for folder in (epochs if every else epochs[-3:])]
    return found


def epoch_status(session: Session, folder: EpochFolder) -> EpochStatus:
    """One epoch's standing."""
    state, epoch = folder.state(), folder.epoch()
    stored = folder.statement()
    derived = None
    told: tuple[Remark, ...] = ()
    if state == "finalized" and stored is not None:
        activity, unresolved, total = stored.activity_count, stored.unresolved_count, stored.pool_total_credits
        signed, threshold = len({line.signer_wallet for line in folder.signatures()}), stored.threshold
    else:
        derived = as_stated(session, folder)
        activity, unresolved = derived.evaluation.activity_count, derived.evaluation.unresolved_count
        total, threshold = derived.statement.pool_total_credits, derived.statement.threshold
        signed = len(tally(folder, derived.statement).people) if state == "review" else 0
        told = tuple(remarks(session, folder, derived))
    return EpochStatus(
        scope_id=folder.scope_id,
        epoch_id=folder.epoch_id,
        state=state,
        period_start=epoch.period_start,
        period_end=epoch.period_end,
        activity_count=activity,
        unresolved_count=unresolved,
        pool_total_credits=total,
        signatures=signed,
        threshold=threshold,
        needs=_needs(session, folder, state, derived, threshold - signed),
        streams=tuple(stream_statuses(session, folder)),
        remarks=told,
    )


_HOW = {"approver set": "ledger approvers message", "base issuance": "ledger pool add base_issuance CREDITS"}
"""The command that goes on with a condition of an epoch in review."""


def _needs(session: Session, folder: EpochFolder, state: str, derived: Derived | None, left: int) -> str:
    """What comes next, with its command; `left` signatures over the statement are missing."""
    name = f"--scope {folder.scope_id} --epoch {folder.epoch_id}"
    away = folder.where in session.elsewhere  # runs of workflows act on it, not this clone
    if state == "finalized":
        version = newest(folder)
        if version is not folder and version.state() != "finalized":
            return f"an end of its correction, version {version.version}: ledger amend status {name}"
        return "nothing; `ledger verify` rechecks it"
    if state == "review":
        needs = []
        if left > 0:
            how = "`ledger sign` finds its pull request" if away else f"ledger statement --message {name}"
            needs.append(f"{left} more signature{'s' * (left > 1)}: {how}")
        for one in conditions(session, folder, derived):
            if not one.met and one.name != "signatures":
                how = "" if away or one.name not in _HOW else f": {_HOW[one.name]} --scope {folder.scope_id}"
                needs.append(f"{one.name}: {one.detail}{how}")
        return "; ".join(needs) or ("closing: its next run does that" if away else f"closing: ledger finalize {name}")
    end = folder.window().end
    if session.now < end:
        return f"its window to end at {end}" + ("" if away else "; meanwhile `ledger collect`")
    due = later(end, session.node.settings.epoch.grace_hours * HOUR)
    if away:
        return "review: the next daily run moves it there" + ("" if session.now >= due else f", from {due} on")
    return f"review: `ledger review {name}`" + ("" if session.now >= due else f" (by itself from {due} on)")


@dataclass(frozen=True, slots=True)
class Person:
    """One user's line of an epoch: the payout with the events behind it."""

    name: str
    payout: Payout
    events: tuple[EventOutcome, ...]
    final_units: int | None
    override_reason: str | None


@dataclass(frozen=True, slots=True)
class EpochView:
    """An epoch for reading: figures, people with their events, and the decisions made."""

    derived: Derived
    state: str
    people: tuple[Person, ...]
    decisions: tuple[Curation, ...]


def show_epoch(session: Session, folder: EpochFolder) -> EpochView:
    """Everyone's payout and the events that it comes from."""
    return _view(session, folder, as_stated(session, folder))


def _view(session: Session, folder: EpochFolder, derived: Derived) -> EpochView:
    events: dict[str, list[EventOutcome]] = {}
    for event in derived.loaded.outcomes():
        if event.user_id is not None:
            events.setdefault(event.user_id, []).append(event)
    names = display_names(session)
    rows = {row.user_id: row for row in derived.evaluation.allocations}
    people = tuple(
        Person(
            names.get(payout.user_id, payout.user_id),
            payout,
            tuple(events.get(payout.user_id, ())),
            rows[payout.user_id].final_units,
            rows[payout.user_id].override_reason,
        )
        for payout in derived.statement.payouts
    )
    return EpochView(derived, folder.state(), people, tuple(folder.curation()))


@dataclass(frozen=True, slots=True)
class UserEpoch:
    """One user in one epoch."""

    scope_id: str
    epoch_id: int
    state: str
    person: Person


def show_user(session: Session, user: str, scope_id: str | None = None) -> list[UserEpoch]:
    """A user's way through all epochs, by id or by name; InputError when nobody answers to it."""
    names = display_names(session)
    known = {line.user_id for line in session.node.bindings()}
    ids = {user_id for user_id in known if user_id == user or names.get(user_id) == user}
    if len(ids) != 1:
        problem = "no user" if not ids else f"{len(ids)} users"
        raise InputError(
            f"{problem} named {user!r}",
            path="data/identities.jsonl",
            hint="`ledger identity list` shows names and ids; name a user by id when names repeat.",
        )
    wanted = next(iter(ids))
    return [
        UserEpoch(scope, folder.epoch_id, folder.state(), person)
        for scope in session.scope_ids(scope_id)
        for folder, _, derived in all_stated(session, scope)
        for person in _view(session, folder, derived).people
        if person.payout.user_id == wanted
    ]


@dataclass(frozen=True, slots=True)
class EventView:
    """One event with its place in the log, what it came to and every decision on it."""

    scope_id: str
    epoch_id: int
    outcome: EventOutcome
    decisions: tuple[Curation, ...]


def show_event(session: Session, event_id: str) -> EventView:
    """Find an event anywhere in the node; InputError when no epoch holds it."""
    for scope in session.scope_ids(None):
        for folder in reversed(session.node.epochs(scope)):
            outcome = as_stated(session, folder).loaded.find(event_id)
            if outcome is not None:
                decisions = tuple(line for line in folder.curation() if line.event_id == event_id)
                return EventView(scope, folder.epoch_id, outcome, decisions)
    raise InputError(f"no epoch holds event {event_id}", hint="`ledger show epoch` lists an epoch's events.")


def in_review(session: Session) -> list[str]:
    """The epochs (`scope/number`) whose draft is over the bindings of its day, until `ledger statement --refresh`."""
    last = (folder for scope_id in session.scope_ids(None) for folder in session.node.last_epochs(scope_id, 2))
    return [f"{folder.scope_id}/{folder.epoch_id}" for folder in last if folder.state() == "review"]


def names_of_sources(node: Node) -> dict[str, str]:
    """What the sources of a node's scopes call their kinds of events, where they are third parties'."""
    return said_names(entry.source for scope in node.scopes.values() for entry in scope.sources)


def head_commit(root: Path) -> str | None:
    """The commit that the node's working tree stands on, None outside git or before the first commit."""
    asked = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "--verify", "--quiet", "HEAD^{commit}"],
        capture_output=True,
        check=False,
        text=True,
    )
    return asked.stdout.strip() or None
