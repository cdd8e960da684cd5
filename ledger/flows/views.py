"""What people ask of a node without changing it: where each epoch stands, and the path from credits back to events."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ledger.compute.derive import Derived
from ledger.core.errors import InputError
from ledger.core.evaluate import EventOutcome
from ledger.core.records import Collection, Curation, Payout
from ledger.core.windows import HOUR, Window, gaps, later, merge, whole_hour
from ledger.flows.drafting import as_stated
from ledger.flows.identity import display_names
from ledger.flows.runlog import ALL_STREAMS
from ledger.flows.session import Session
from ledger.flows.sign import tally
from ledger.store.node import EpochFolder


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """How completely one stream was read over an epoch's window so far; also a source that no run has read yet.

    `events_seen` counts what runs saw, again where they looked again; 0 means that nobody did anything that counts.
    `read_to`: up to when the window has been read without a hole, empty where not at all.
    """

    source: str
    stream: str
    events_seen: int
    missing: tuple[str, ...]
    troubles: tuple[str, ...]
    read_to: str = ""

    @property
    def complete(self) -> bool:
        """Whether the whole window up to now was read without trouble."""
        return not self.missing and not self.troubles

    @property
    def verdict(self) -> str:
        """`complete`, `complete, quiet` (nothing happened) or `INCOMPLETE`: a quiet week is no missed one."""
        if not self.complete:
            return "INCOMPLETE"
        return "complete" if self.events_seen else "complete, quiet"


@dataclass(frozen=True, slots=True)
class EpochStatus:
    """Where an epoch stands and what it still needs; credits and counts as of the present draft."""

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
    if state == "finalized" and stored is not None:
        activity, unresolved, total = stored.activity_count, stored.unresolved_count, stored.pool_total_credits
        signed, threshold = len({line.signer_wallet for line in folder.signatures()}), stored.threshold
    else:
        derived = as_stated(session, folder)
        activity, unresolved = derived.evaluation.activity_count, derived.evaluation.unresolved_count
        total, threshold = derived.statement.pool_total_credits, derived.statement.threshold
        signed = len(tally(folder, derived.statement).people) if state == "review" else 0
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
        needs=_needs(session, folder, state, signed, threshold),
        streams=tuple(stream_statuses(session, folder)),
    )


def _needs(session: Session, folder: EpochFolder, state: str, signed: int, threshold: int) -> str:
    name = f"--scope {folder.scope_id} --epoch {folder.epoch_id}"
    if state == "finalized":
        return "nothing; `ledger verify` rechecks it"
    if state == "review":
        if signed < threshold:
            left = threshold - signed
            return f"{left} more signature{'s' * (left > 1)}: ledger statement --message {name}"
        return f"closing: ledger finalize {name}"
    end = folder.window().end
    if session.now < end:
        return f"its window to end at {end}; meanwhile `ledger collect`"
    due = later(end, session.node.settings.epoch.grace_hours * HOUR)
    return f"review: `ledger review {name}`" + ("" if session.now >= due else f" (by itself from {due} on)")


def stream_statuses(session: Session, folder: EpochFolder) -> Iterator[StreamStatus]:
    """Completeness of each stream: what of the window up to now no run has covered, and what went wrong meanwhile.

    What a run could not read stands until a later run has looked at the same stretch without trouble.
    """
    epoch = folder.epoch()
    end = min(epoch.period_end, session.now)
    runs: dict[tuple[str, str], list[Collection]] = {}
    for line in folder.collections():
        runs.setdefault((line.source, line.stream), []).append(line)
    cursors = {(line.source, line.stream): line for line in folder.cursors()}
    wanted = Window(epoch.period_start, end) if epoch.period_start < end else None
    for (source, stream), lines in sorted(runs.items()):
        cursor = cursors.get((source, stream))
        covered = [Window(part.from_, part.to) for part in cursor.covered] if cursor else []
        holes = gaps(wanted, covered) if wanted else []
        missing = tuple(str(gap) for gap in holes if gap.end != end or end == epoch.period_end)
        seen = sum(line.events_seen for line in lines if line.covered_to > epoch.period_start)
        troubles = tuple(_troubles(lines))
        if not stream.endswith(ALL_STREAMS):
            read_to = holes[0].start if holes else end
            yield StreamStatus(source, stream, seen, missing, troubles, read_to if read_to > epoch.period_start else "")
        elif troubles:
            yield StreamStatus(source, stream.removesuffix(ALL_STREAMS), 0, (), troubles)
    if wanted and whole_hour(end) > epoch.period_start and folder.state() == "open":
        read = {source for source, _ in runs}
        for entry in session.node.scope(folder.scope_id).sources:
            if entry.source not in read:
                yield StreamStatus(entry.source, entry.name, 0, (str(wanted),), ("not read in this epoch yet",))


def _troubles(lines: Sequence[Collection]) -> list[str]:
    """Gaps and errors of runs, the oldest first, but for those whose stretch later runs have looked at again."""
    found: list[str] = []
    later: list[Window] = []
    for line in reversed(lines):
        looked = Window(line.covered_from, line.covered_to)
        if gaps(looked, later):
            found[:0] = (*line.gaps, *line.errors)
        later = merge([*later, looked])
    return list(dict.fromkeys(found))


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
    derived = as_stated(session, folder)
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
        for folder in session.node.epochs(scope)
        for person in show_epoch(session, folder).people
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


def head_commit(root: Path) -> str | None:
    """The commit that the node's working tree stands on, None outside git or before the first commit."""
    asked = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "--verify", "--quiet", "HEAD^{commit}"],
        capture_output=True,
        check=False,
        text=True,
    )
    return asked.stdout.strip() or None
