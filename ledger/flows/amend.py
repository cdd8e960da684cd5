"""Correct a finalized epoch in the open: begin an amendment, say what it changes for whom, give it up.

Decisions, review, signatures and finalize are the same acts as on an epoch, on the amendment's folder. Holds
AMENDMENT_CHAIN: one amendment of an epoch at a time, each supersedes the version before, and none pays twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ledger.compute.amending import double_pay
from ledger.core.book import build_book
from ledger.core.errors import FormatError, InputError, StateError
from ledger.core.lifecycle import pin_to, require
from ledger.core.place import Place
from ledger.core.records.epoch import AmendmentReason, Transition
from ledger.core.records.statement import Statement
from ledger.flows.approvers import sets_to_pin
from ledger.flows.drafting import (
    Draft,
    as_stated,
    completed,
    draft,
    preview,
    require_order,
    require_sound,
    step_to_review,
)
from ledger.flows.identity import display_names
from ledger.flows.opening import RUN_ACTOR
from ledger.flows.session import Session
from ledger.flows.statementlog import complete_log
from ledger.store.amendments import AmendmentFolder as AmendmentFolder
from ledger.store.amendments import amendment_of
from ledger.store.amendments import in_force as in_force  # the forge names them, but may not open the store
from ledger.store.amendments import newest as newest
from ledger.store.amounts import as_booked
from ledger.store.append import append_records
from ledger.store.epochfolder import EpochFolder
from ledger.store.files import remove_file, write_file, write_lock
from ledger.store.layout import AMENDMENT_FILES
from ledger.store.moneybook import book_inputs

KINDS = ("error", "late_evidence", "fraud", "revoked_receipt", "redaction")
"""What may make an amendment necessary."""
MOST_VERSIONS = 99
"""Two digits name an amendment's folder."""


@dataclass(frozen=True, slots=True)
class Delta:
    """What an amendment changes for one user, or for an account whose share is held: credits before and after."""

    key: str
    name: str
    before: int
    after: int

    @property
    def change(self) -> int:
        """Credits that are added, or taken back."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Amendment:
    """An amendment as it stands: its folder, why it was begun, its figures and what they change.

    `overpaid`: credits that people would owe because distributions paid them by the version before.
    """

    folder: AmendmentFolder
    state: str
    reason: AmendmentReason
    statement: Statement
    deltas: tuple[Delta, ...]
    overpaid: int

    @property
    def taken_back(self) -> int:
        """Credits that people have less than by the version before."""
        return -sum(min(delta.change, 0) for delta in self.deltas)


def begin(session: Session, base: EpochFolder, kind: str, reason: str, evidence: str = "") -> AmendmentFolder:
    """Begin to amend a finalized epoch, as an approver; the same words again return what was begun.

    InputError for an epoch that is not there, StateError for one that is not final or is being amended in other words.
    """
    with write_lock(session.node.root):
        if not base.exists():
            raise InputError(f"scope {base.scope_id} has no epoch {base.epoch_id}", hint="`ledger status` lists them.")
        if base.state() != "finalized":
            raise StateError(
                f"epoch {base.epoch_id} is not finalized, so there is nothing to amend",
                rule="AMENDMENT_CHAIN",
                hint="Decide in the epoch itself: ledger curate, override, award, pool.",
            )
        last = newest(base)
        if isinstance(last, AmendmentFolder) and last.state() != "finalized":
            begun = last.reason()
            if begun is not None and (begun.kind, begun.reason, begun.evidence) == (kind, reason, evidence):
                return last
            raise StateError(
                f"version {last.version} of epoch {base.epoch_id} is in progress; one amendment at a time",
                rule="AMENDMENT_CHAIN",
                path=last.relative,
                hint="Finalize it, or give it up: ledger amend abandon.",
            )
        if last.version == MOST_VERSIONS:
            raise StateError("an epoch has at most 99 versions", rule="AMENDMENT_CHAIN", path=last.relative)
        folder = amendment_of(base, last.version + 1)
        record = AmendmentReason.read(
            {
                **base.place,
                "actor": session.approver(session.node.scope(base.scope_id)),
                "at": session.now,
                "evidence": evidence,
                "kind": kind,
                "reason": reason,
                "schema": "amendment/1",
            }
        )
        step = Transition(**base.place, actor=record.actor, at=session.now, from_=None, to="open")
        require_order(session, last)
        write_file(folder.root, folder.path("reason.json"), record.encode() + b"\n")
        append_records(folder.root, folder.path("transitions.jsonl"), [step])  # the act that begins it
        session.tell(f"{base.scope_id}: amending epoch {base.epoch_id}, version {folder.version}")
        return folder


def next_version(session: Session, place: Place) -> AmendmentFolder:
    """The folder of an amendment, begun or not; StateError unless it follows the version in force of a final epoch."""
    base = session.node.epoch(place.scope_id, place.epoch_id)
    last = newest(base) if base.exists() else base
    follows = last.version == place.version or (last.version == place.version - 1 and last.state() == "finalized")
    if not base.exists() or base.state() != "finalized" or not follows or place.version == 1:
        raise StateError(
            f"there is nothing that version {place.version} of epoch {place.scope_id}/{place.epoch_id} could follow",
            rule="AMENDMENT_CHAIN",
            path=base.relative,
            hint="An amendment corrects the version in force of a finalized epoch.",
        )
    return amendment_of(base, place.version)


def amendment(session: Session, folder: EpochFolder) -> Amendment:
    """The newest amendment of an epoch, as it stands; InputError when it has none."""
    if not isinstance(folder, AmendmentFolder):
        raise InputError(
            f"epoch {folder.epoch_id} has no amendment",
            hint=f"Begin one: ledger amend begin --epoch {folder.epoch_id} --kind error --reason …",
        )
    reason, before = folder.reason(), folder.superseded()
    if reason is None or before is None:
        raise FormatError("reason.json or the statement before is missing", path=folder.path("reason.json"))
    statement = as_stated(session, folder).statement
    changed, state = deltas(session, before, statement), folder.state()
    return Amendment(folder, state, reason, statement, changed, _overpaid(session, folder, state, statement))


def _overpaid(session: Session, folder: AmendmentFolder, state: str, statement: Statement) -> int:
    """By how much balances below zero grow when the amendment comes into force: the payer's exposure, in credits."""
    inputs = book_inputs(session.node, folder.scope_id)
    if not inputs.plans:
        return 0
    others = [one for one in inputs.statements if (one.epoch_id, one.version) != (folder.epoch_id, folder.version)]
    at = folder.transitions()[-1].at if state == "finalized" else session.now
    amended = replace(inputs, statements=[*others, as_booked(folder, statement, at)])
    before, after = (build_book(each, whose=()) for each in (replace(inputs, statements=others), amended))
    return sum(-min(owed, 0) for owed in after.balances.values()) - sum(
        -min(owed, 0) for owed in before.balances.values()
    )


def deltas(session: Session, before: Statement, after: Statement) -> tuple[Delta, ...]:
    """Per user and held account, what changes; the largest loss first, then by key."""
    names = {str(user): name for user, name in display_names(session).items()}
    was, now = _amounts(before), _amounts(after)
    changed = (
        Delta(key, names.get(key, key), was.get(key, 0), now.get(key, 0))
        for key in sorted(was.keys() | now.keys())
        if was.get(key, 0) != now.get(key, 0)
    )
    return tuple(sorted(changed, key=lambda delta: (delta.change, delta.key)))


def _amounts(statement: Statement) -> dict[str, int]:
    return {
        **{str(line.user_id): int(line.amount_credits) for line in statement.payouts},
        **{line.key: int(line.amount_credits) for line in statement.held},
    }


def review_amendment(session: Session, folder: AmendmentFolder, actor: str = RUN_ACTOR) -> Draft:
    """Close the decisions of an amendment to new bindings, pin today's approvers and draft its statement.

    Call inside the write lock. In review already: draft anew where a killed run left it. Raises StateError where the
    amendment would pay out a second time what has lapsed or was carried over.
    """
    if folder.state() == "review":
        return completed(session, folder)
    require("review", folder.state(), folder.epoch_id)
    require_order(session, folder)
    complete_log(session, folder.scope_id, amending=True)
    sets, before = sets_to_pin(session, folder.scope_id), folder.superseded()
    pin = pin_to(sets.pinned, before.gaps if before else ())
    derived = require_sound(preview(session, folder, pin))
    require_single_pay(session, folder, derived.statement)
    sets.propose(session)
    step_to_review(session, folder, pin, actor)
    session.tell(f"{folder.scope_id}: version {folder.version} of epoch {folder.epoch_id} is in review")
    return draft(session, folder)


def require_single_pay(session: Session, folder: AmendmentFolder, statement: Statement) -> None:
    """StateError when the amendment gives away what a later epoch has taken back already."""
    for problem in double_pay(session.node, folder, statement):
        raise StateError(
            problem,
            rule="AMENDMENT_CHAIN",
            path=folder.path("statement.json"),
            hint="It would be paid twice. Correct it by an award in an epoch to come, out of that pool.",
        )


def abandon(session: Session, folder: EpochFolder) -> AmendmentFolder:
    """Give up an amendment that is not finalized: its folder goes, and nothing of it was ever in force.

    StateError where none is in progress.
    """
    with write_lock(session.node.root):
        if not isinstance(folder, AmendmentFolder) or folder.state() == "finalized":
            raise StateError(
                f"no amendment of epoch {folder.epoch_id} is in progress",
                rule="AMENDMENT_CHAIN",
                hint="What is finalized stays; a further amendment corrects it.",
            )
        session.approver(session.node.scope(folder.scope_id))
        for name in sorted(AMENDMENT_FILES, key=lambda name: name == "transitions.jsonl"):  # its steps go last
            remove_file(folder.root, folder.path(name))
        home = folder.root / folder.relative
        for place in (home, home.parent):
            if place.is_dir() and not any(place.iterdir()):
                place.rmdir()
        return folder
