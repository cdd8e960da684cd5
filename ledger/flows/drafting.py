"""Keep an epoch's derived files in step with its stored ones: allocations and statement, from review on.

PAYOUT_DETERMINISTIC: the figures come from `ledger.compute.derive` alone. A draft that changes voids the signatures
over the one before, and this is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ledger.compute.ahead import Ahead
from ledger.compute.derive import Derived, derive
from ledger.core.errors import FormatError, StateError
from ledger.core.lifecycle import Pin
from ledger.core.records.epoch import Transition
from ledger.core.records.statement import Statement
from ledger.flows.poolrules import refreshed_carry_over
from ledger.flows.session import Session, reading
from ledger.store.append import append_records, write_derived
from ledger.store.epochfolder import EpochFolder
from ledger.store.files import remove_file, write_lock
from ledger.store.layout import CHECKSUMS
from ledger.store.once import FolderOnce


@dataclass(frozen=True, slots=True)
class Draft:
    """A statement as it now stands on disk, whether it just changed, and how many signatures that made void."""

    derived: Derived
    changed: bool
    voided: int


def preview(session: Session, folder: EpochFolder, pin: Pin | None = None, *, log_size: int | None = None) -> Derived:
    """The epoch's figures as they would be now; writes nothing. Open epochs are provisional."""
    return derive(session.engine, session.node, folder, pin=pin, log_size=log_size)


def as_stated(session: Session, folder: EpochFolder) -> Derived:
    """The figures over the bindings that the stored statement pins; as of now when there is none."""
    return derive(session.engine, session.node, folder, stated=folder.statement())


def all_stated(
    session: Session, scope_id: str, wanted: Callable[[EpochFolder], bool] = lambda _: True
) -> Iterator[tuple[EpochFolder, Statement | None, Derived]]:
    """The epochs of a scope that are `wanted`, oldest first, with their statements and the figures `as_stated`.

    Reads many at a time, each file once: for readers alone.
    """
    with reading(session):
        node = session.node
        folders = [folder for folder in node.epochs(scope_id) if wanted(folder)]
        ahead = Ahead(session.engine, node, folders)
        for folder in folders:
            statement = folder.statement()
            yield folder, statement, derive(ahead, node, folder, stated=statement)
            if isinstance(folder, FolderOnce):
                folder.forget()


def require_order(session: Session, folder: EpochFolder) -> None:
    """StateError when the clock stands before the epoch's last step: what is written then could never verify."""
    last = folder.transitions()[-1].at
    if session.now < last:
        raise StateError(
            f"the clock stands at {session.now}, before the epoch's last step, {last}",
            path=folder.path("transitions.jsonl"),
            hint="Set the clock right and run this again; nothing was changed.",
        )


def step_to_review(session: Session, folder: EpochFolder, pin: Pin, actor: str) -> None:
    """Take the epoch (or pin it anew) to review. Call inside the write lock."""
    step = Transition.read(
        {
            **folder.place,
            "actor": actor,
            "approver_set_hash": pin.approver_set_hash,
            "approvers_seq": pin.approvers_seq,
            "at": session.now,
            "from": folder.state(),
            "gaps": list(pin.gaps),
            "threshold": pin.threshold,
            "to": "review",
        }
    )
    append_records(folder.root, folder.path("transitions.jsonl"), [step])


def require_sound(derived: Derived) -> Derived:
    """The same figures, refused with the first finding when the activity log is not what the form demands."""
    for finding in derived.loaded.findings:
        raise FormatError(
            finding.message,
            rule=finding.rule,
            path=finding.path,
            line=finding.line,
            hint="`ledger verify` lists everything that is wrong; restore the log from git.",
        )
    return derived


def draft(session: Session, folder: EpochFolder, *, anew: bool = False) -> Draft:
    """Write the statement and allocations of an epoch in review anew, over the bindings as they are now.

    The statement log stays pinned as it was at review, so that what becomes final meanwhile voids no signature; `anew`
    pins it as it is now. Call inside the write lock.
    """
    before = folder.statement()
    size = before.log.size if before is not None and not anew else None
    derived = require_sound(preview(session, folder, log_size=size))
    if folder.version == 1 and (carried := refreshed_carry_over(session, folder, derived)):
        append_records(folder.root, folder.path("pool.jsonl"), carried)
        derived = preview(session, folder, log_size=size)
    changed = False
    for name, data in derived.files.items():
        changed |= write_derived(folder.root, folder.path(name), data)
    remove_file(
        folder.root, folder.path(CHECKSUMS)
    )  # of a finalize that was cut off; this draft replaces what it summed
    voided = 0
    if before is not None and before.statement_hash != derived.statement.statement_hash:
        voided = sum(signature.statement_hash == before.statement_hash for signature in folder.signatures())
    return Draft(derived, changed, voided)


def completed(session: Session, folder: EpochFolder) -> Draft:
    """The draft as it stands; written anew only where a killed run left it out. Call inside the write lock."""
    stated = as_stated(session, folder)
    if all(folder.read(name) == data for name, data in stated.files.items()):
        return Draft(stated, changed=False, voided=0)
    return draft(session, folder)


def redraft_if_reviewed(session: Session, folder: EpochFolder) -> Draft | None:
    """After a decision: a new draft while in review, nothing while the epoch is open."""
    return draft(session, folder) if folder.state() == "review" else None


def stated_or_draft(session: Session, folder: EpochFolder, *, refresh: bool = False) -> Draft:
    """The statement as it stands; in review a stale or missing draft is written anew first (`refresh`: in any case).

    Takes the write lock only when it must write.
    """
    stated = as_stated(session, folder)
    stale = any(folder.read(name) != data for name, data in stated.files.items())
    if folder.state() != "review" or not (stale or refresh):
        return Draft(stated, changed=False, voided=0)
    with write_lock(session.node.root):
        return draft(session, folder)
