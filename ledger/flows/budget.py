"""The epoch's budget on the record, as people decide it: components of the pool, and awards paid out of it.

Holds POOL_IMMUTABLE and POOL_UNIQUE_PER_TYPE. Each act checks that the epoch can still be drafted,
appends one line, and in review drafts the statement anew. The same act again changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ledger.compute.derive import Derived
from ledger.core.awards import standing_awards
from ledger.core.errors import InputError, LedgerError, StateError
from ledger.core.lifecycle import require
from ledger.core.pool import BY_HAND, pool_total, standing_components
from ledger.core.records.decisions import Award, PoolComponent
from ledger.core.statement import split
from ledger.flows.decide import Decided, require_user
from ledger.flows.drafting import preview, redraft_if_reviewed, require_sound
from ledger.flows.poolrules import component_line
from ledger.flows.session import Session
from ledger.store.append import append_records
from ledger.store.epochfolder import EpochFolder
from ledger.store.files import write_lock


def add_component(
    session: Session, folder: EpochFolder, component_id: str, amount: int, evidence: str | None = None
) -> Decided:
    """Record a pool component (credits) by hand; it stands until it is withdrawn. InputError while another does."""
    with write_lock(session.node.root):
        _require_pool(folder)
        actor = session.decider(session.node.scope(folder.scope_id))
        lines = folder.pool()
        for standing in standing_components(lines):
            if standing.component_id == component_id:
                if (standing.amount_credits, standing.evidence_ref) != (amount, evidence):
                    raise InputError(
                        f"{component_id} is already recorded with {standing.amount_credits} credits; it never changes",
                        rule="POOL_UNIQUE_PER_TYPE",
                        path=folder.path("pool.jsonl"),
                        line=standing.seq,
                        hint=f"An approver takes it back (`/pool withdraw {component_id} reason` in the pull request, "
                        f"`ledger pool withdraw {component_id}` here); then add it anew.",
                    )
                return Decided(standing, added=False, draft=redraft_if_reviewed(session, folder))
        by_hand: dict[str, object] = {
            "algorithm_version": BY_HAND,
            "amount_credits": str(amount),
            "evidence_ref": evidence,
            "inputs": {},
        }
        record = component_line(session, folder, component_id, len(lines) + 1, actor, by_hand)
        return _append_component(session, folder, record)


def withdraw_component(session: Session, folder: EpochFolder, component_id: str, reason: str) -> Decided:
    """Take a component back, as an approver and with a reason; it may be recorded anew. InputError if it never was."""
    with write_lock(session.node.root):
        _require_pool(folder)
        actor = session.approver(session.node.scope(folder.scope_id))
        lines = folder.pool()
        last = next((line for line in reversed(lines) if line.component_id == component_id), None)
        if last is None:
            raise InputError(
                f"{component_id} was never recorded",
                path=folder.path("pool.jsonl"),
                hint="`ledger show epoch` lists the components of the pool.",
            )
        if last.action == "withdraw":
            return Decided(last, added=False, draft=redraft_if_reviewed(session, folder))
        record = component_line(session, folder, component_id, len(lines) + 1, actor, None, reason)
        return _append_component(session, folder, record)


def award(
    session: Session,
    folder: EpochFolder,
    user_id: str,
    amount: int,
    reason: str,
    *,
    name: str | None = None,
    evidence: str | None = None,
) -> Decided:
    """Award credits to one person out of the pool; `name` (None: the next free `award-N`) is what cancelling names.

    InputError while an award of that name stands with other words.
    """
    with write_lock(session.node.root):
        require("award", folder.state(), folder.epoch_id)
        actor = session.decider(session.node.scope(folder.scope_id))
        lines = folder.awards()
        require_user(session, user_id)
        standing = standing_awards(lines)
        wanted = (user_id, amount, reason, evidence)
        for line in standing.values():
            same = (line.user_id, line.amount_credits, line.reason, line.evidence) == wanted
            if same and name in (None, line.award):
                return Decided(line, added=False, draft=redraft_if_reviewed(session, folder))
        if name in standing:
            raise InputError(
                f"award {name} stands already, with other words",
                path=folder.path("awards.jsonl"),
                line=standing[name].seq,
                hint=f"Cancel it first (`ledger award cancel {name} --reason …`), or choose another name.",
            )
        used = {line.award for line in lines}
        free = next(f"award-{number}" for number in range(1, len(lines) + 2) if f"award-{number}" not in used)
        given = {"amount_credits": str(amount), "evidence": evidence, "reason": reason, "user_id": user_id}
        record = _award(session, folder, "award", name or free, folder.next_seq("awards.jsonl"), actor, given)
        return _append_award(session, folder, record)


def cancel_award(
    session: Session, folder: EpochFolder, name: str, reason: str, *, evidence: str | None = None
) -> Decided:
    """Take an award back; InputError when there is none of that name."""
    with write_lock(session.node.root):
        require("award", folder.state(), folder.epoch_id)
        actor = session.decider(session.node.scope(folder.scope_id))
        lines = folder.awards()
        last = next((line for line in reversed(lines) if line.award == name), None)
        if last is None:
            known = ", ".join(standing_awards(lines)) or "none"
            raise InputError(
                f"no award is named {name}", path=folder.path("awards.jsonl"), hint=f"Awards that stand: {known}."
            )
        if last.action == "cancel":
            return Decided(last, added=False, draft=redraft_if_reviewed(session, folder))
        given = {"amount_credits": None, "evidence": evidence, "reason": reason, "user_id": None}
        record = _award(session, folder, "cancel", name, folder.next_seq("awards.jsonl"), actor, given)
        return _append_award(session, folder, record)


def _award(
    session: Session, folder: EpochFolder, action: str, name: str, seq: int, actor: str, given: Mapping[str, object]
) -> Award:
    return Award.read(
        {**folder.place, **given, "action": action, "actor": actor, "at": session.now, "award": name, "seq": seq}
    )


def _append_component(session: Session, folder: EpochFolder, record: PoolComponent) -> Decided:
    now = _provable(session, folder)
    _prove_split(now, [*now.pool, record], now.awards, folder.path("pool.jsonl"))
    append_records(folder.root, folder.path("pool.jsonl"), [record])
    return Decided(record, added=True, draft=redraft_if_reviewed(session, folder))


def _append_award(session: Session, folder: EpochFolder, record: Award) -> Decided:
    now = _provable(session, folder)
    _prove_split(now, now.pool, [*now.awards, record], folder.path("awards.jsonl"))
    append_records(folder.root, folder.path("awards.jsonl"), [record])
    return Decided(record, added=True, draft=redraft_if_reviewed(session, folder))


def _provable(session: Session, folder: EpochFolder) -> Derived:
    now = preview(session, folder)
    return require_sound(now) if folder.state() == "review" else now


def _prove_split(derived: Derived, pool: Sequence[PoolComponent], awards: Sequence[Award], path: str) -> None:
    """A decision must never leave an epoch that cannot be drafted: totals in bounds, awards within the pool."""
    decided = {line.component_id for line in pool}
    projected = [each for each in derived.projected if each.component_id not in decided]
    try:
        split(derived.epoch, derived.evaluation, pool_total(standing_components(pool), projected), awards)
    except LedgerError as error:
        raise error.at(path) from None


def _require_pool(folder: EpochFolder) -> None:
    require("pool", folder.state(), folder.epoch_id)
    if folder.version > 1:
        raise StateError(
            "an amendment splits the pool that the epoch had",
            rule="POOL_IMMUTABLE",
            path=folder.path("pool.jsonl"),
            hint="Add to the pool of an epoch that is open: ledger pool add top_up …",
        )
