"""What people decide, on the record: curation of events and overrides of units.

Holds CURATION_FREEZE_ON_FINALIZE. Each act checks, appends one line, and in
review drafts the statement anew. The same decision again changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ledger.core.errors import InputError, LedgerError
from ledger.core.evaluate import Evaluation
from ledger.core.identity import known_users
from ledger.core.lifecycle import require
from ledger.core.payout import bounded_sum
from ledger.core.records.decisions import Curation, CurationAction, Override
from ledger.core.records.record import Record
from ledger.core.values import UserId
from ledger.flows.drafting import Draft, preview, redraft_if_reviewed, require_sound
from ledger.flows.restricted import require_weighable
from ledger.flows.session import Session
from ledger.store.append import append_records
from ledger.store.epochfolder import EpochFolder
from ledger.store.files import write_lock


@dataclass(frozen=True, slots=True)
class Decided:
    """The line that stands, whether this run added it, and the new draft where the epoch is in review."""

    record: Record
    added: bool
    draft: Draft | None


def curate(
    session: Session,
    folder: EpochFolder,
    action: CurationAction,
    event_id: str,
    *,
    note: str | None = None,
    user_id: str | None = None,
    weight_milli: int | None = None,
    evidence: str | None = None,
) -> Decided:
    """Include, exclude, weigh (milli-units; None clears), resolve or annotate one event of the epoch."""
    with write_lock(session.node.root):
        require("curate", folder.state(), folder.epoch_id)
        actor = session.decider(session.node.scope(folder.scope_id))
        lines = folder.curation()
        record = Curation.read(
            {
                **folder.place,
                "action": action,
                "actor": actor,
                "at": session.now,
                "event_id": event_id,
                "evidence": evidence,
                "note": note,
                "seq": folder.next_seq("curation.jsonl"),
                "user_id": user_id,
                "weight_override_milli": weight_milli,
            }
        )
        _require_event(session, folder, event_id)
        require_weighable(session.node.scope(folder.scope_id), event_id, weight_milli)
        if user_id is not None:
            require_user(session, user_id)
        group = ("include", "exclude") if action in ("include", "exclude") else (action,)
        standing = [line for line in lines if line.event_id == event_id and line.action in group]
        return _decide(session, folder, "curation.jsonl", standing[-1] if standing else None, record)


def resolve_account(
    session: Session, folder: EpochFolder, source: str, account: str, user_id: str, *, evidence: str | None = None
) -> Draft | None:
    """Say whose all the included events of an unresolved account in this epoch are; one line for each event.

    Raises InputError where the epoch has no such events. Events that came before a later decision are left alone.
    """
    with write_lock(session.node.root):
        require("curate", folder.state(), folder.epoch_id)
        actor = session.decider(session.node.scope(folder.scope_id))
        require_user(session, user_id)
        now = preview(session, folder)
        if folder.state() == "review":
            require_sound(now)
        mine = [
            event.id
            for event in now.loaded.outcomes()
            if (event.source, event.platform_user_id) == (source, account) and event.included and event.user_id is None
        ]
        if not mine:
            raise InputError(
                f"no unresolved event of {source}:{account} in epoch {folder.epoch_id}",
                path=folder.path("activity.jsonl"),
                hint="`ledger identity unresolved` lists the accounts that nobody claimed.",
            )
        first = folder.next_seq("curation.jsonl")
        records = [
            Curation.read(
                {
                    **folder.place,
                    "action": "resolve",
                    "actor": actor,
                    "at": session.now,
                    "event_id": event_id,
                    "evidence": evidence,
                    "note": None,
                    "seq": number,
                    "user_id": user_id,
                    "weight_override_milli": None,
                }
            )
            for number, event_id in enumerate(mine, start=first)
        ]
        bounded_sum(most_units(now.evaluation), "units")
        append_records(folder.root, folder.path("curation.jsonl"), records)
        return redraft_if_reviewed(session, folder)


def override(
    session: Session,
    folder: EpochFolder,
    user_id: str,
    units_milli: int | None,
    reason: str,
    evidence: str | None = None,
) -> Decided:
    """Set a user's final milli-units in the epoch, or clear the override with None."""
    with write_lock(session.node.root):
        require("override", folder.state(), folder.epoch_id)
        actor = session.decider(session.node.scope(folder.scope_id))
        lines = folder.overrides()
        record = Override.read(
            {
                **folder.place,
                "actor": actor,
                "at": session.now,
                "evidence": evidence,
                "final_units": None if units_milli is None else str(units_milli),
                "reason": reason,
                "seq": folder.next_seq("overrides.jsonl"),
                "user_id": user_id,
            }
        )
        require_user(session, user_id)
        standing = [line for line in lines if line.user_id == user_id]
        return _decide(session, folder, "overrides.jsonl", standing[-1] if standing else None, record)


def _decide(
    session: Session, folder: EpochFolder, name: str, standing: Curation | Override | None, record: Curation | Override
) -> Decided:
    volatile = {"at", "seq"}
    if standing is not None and standing.model_dump(exclude=volatile) == record.model_dump(exclude=volatile):
        return Decided(standing, added=False, draft=redraft_if_reviewed(session, folder))
    return _append(session, folder, name, record)


def _append(session: Session, folder: EpochFolder, name: str, record: Curation | Override) -> Decided:
    """Append, after proving that the epoch can be drafted with it: a decision must never leave one that cannot."""
    _prove_drafting(session, folder, record)
    append_records(folder.root, folder.path(name), [record])
    return Decided(record, added=True, draft=redraft_if_reviewed(session, folder))


def _prove_drafting(session: Session, folder: EpochFolder, record: Curation | Override) -> None:
    """Raise what drafting would raise: a log that cannot be read, or a total that the decision takes past 64 bits.

    Where a total is past them already, only a decision that makes nothing larger is taken, for it is the way out.
    """
    lowers = _lowers(session, folder, record)
    try:
        now = preview(session, folder)
    except LedgerError as error:
        if error.rule == "ALL_MATH_BIGINT" and lowers:
            return
        raise
    if folder.state() == "review":
        require_sound(now)
    if lowers:
        return
    if isinstance(record, Override):
        bounded_sum(most_units(now.evaluation, {record.user_id: record.final_units or 0}), "units")
    else:
        event = now.loaded.find(record.event_id)
        weighed = (record.weight_override_milli or 0) * (event.quantity if event else 1)
        most = max(weighed, event.units if event else 0)
        bounded_sum((most, *most_units(now.evaluation)), "units")


def most_units(evaluation: Evaluation, final: Mapping[UserId, int] | None = None) -> list[int]:
    """The most that each user and each account may come to (milli-units): `final` or the override that stands, or
    without one what the events give.
    """
    units = {row.user_id: row.units for row in evaluation.allocations} | dict(final or {})
    proposed = {row.user_id: row.proposed_units for row in evaluation.allocations}
    users = [max(each, proposed.get(user, 0)) for user, each in units.items()]
    return [*users, *(row.units for row in evaluation.unresolved)]


def _lowers(session: Session, folder: EpochFolder, record: Curation | Override) -> bool:
    """Whether a decision makes units smaller, or leaves them, whatever they come to now."""
    if isinstance(record, Override):
        standing = [line.final_units for line in folder.overrides() if line.user_id == record.user_id]
        before = standing[-1] if standing else None
        return record.final_units is not None and before is not None and record.final_units <= before
    if record.action == "weight" and record.weight_override_milli is not None:
        event = session.engine.load(folder, folder.epoch()).find(record.event_id)
        return event is not None and record.weight_override_milli * event.quantity <= event.units
    return record.action in ("exclude", "note")


def _require_event(session: Session, folder: EpochFolder, event_id: str) -> None:
    loaded = session.engine.load(folder, folder.epoch())
    if loaded.find(event_id) is None:
        raise InputError(
            f"epoch {folder.epoch_id} of {folder.scope_id} has no event {event_id}",
            path=folder.path("activity.jsonl"),
            hint="`ledger show epoch` lists the events; an event is curated in the epoch that holds it.",
        )


def require_user(session: Session, user_id: str) -> None:
    """InputError unless the bindings log names the user."""
    if UserId(user_id) not in known_users(session.node.bindings()):
        raise InputError(
            f"no user {user_id} in the bindings log",
            path="data/identities.jsonl",
            hint="`ledger identity list` shows the users; `ledger identity bind` makes one.",
        )
