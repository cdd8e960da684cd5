"""The statement: the one function from which preview, signed text, site and `verify` get their figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.core.evaluate import Evaluation
from ledger.core.lifecycle import Pin
from ledger.core.payout import allocation_set_hash, bounded_sum, payout_table
from ledger.core.records import ALGORITHM, Epoch, IdentitiesPin, LogPin, PoolComponent, Statement
from ledger.core.values import Credits, Hash, name_uuid


@dataclass(frozen=True, slots=True)
class StatementInputs:
    """Everything that a statement is computed from; the hashes are SHA-256 of the files' bytes."""

    epoch: Epoch
    pin: Pin
    evaluation: Evaluation
    pool: Sequence[PoolComponent]
    curation_hash: Hash
    overrides_hash: Hash
    pool_hash: Hash
    identities: IdentitiesPin
    log: LogPin
    previous_statement_hash: Hash | None


def pool_total(pool: Sequence[PoolComponent]) -> Credits:
    """Sum of the components in credits (POOL_REPRODUCIBLE); InputError past 2^63-1."""
    return Credits(bounded_sum((component.amount_credits for component in pool), "pool credits"))


def build_statement(inputs: StatementInputs) -> Statement:
    """The statement of an epoch in review or finalized (version 1: it supersedes none).

    The same inputs give the same bytes on every machine (PAYOUT_DETERMINISTIC).
    """
    epoch, pin, found = inputs.epoch, inputs.pin, inputs.evaluation
    total = pool_total(inputs.pool)
    table = payout_table({row.user_id: row.units for row in found.allocations}, total)
    version = 1
    return Statement(
        node_id=epoch.node_id,
        scope_id=epoch.scope_id,
        epoch_id=epoch.epoch_id,
        activity_count=found.activity_count,
        activity_root=found.activity_root,
        algorithm=ALGORITHM,
        allocation_set_hash=allocation_set_hash(found.allocations),
        approver_set_hash=pin.approver_set_hash,
        approvers_seq=pin.approvers_seq,
        curation_hash=inputs.curation_hash,
        gaps=pin.gaps,
        identities=inputs.identities,
        log=inputs.log,
        overrides_hash=inputs.overrides_hash,
        payouts=table.payouts,
        period_end=epoch.period_end,
        period_start=epoch.period_start,
        pool_hash=inputs.pool_hash,
        pool_total_credits=total,
        previous_statement_hash=inputs.previous_statement_hash,
        statement_id=name_uuid(epoch.node_id, f"{epoch.scope_id}/{epoch.epoch_id}/{version}"),
        supersedes_statement_id=None,
        threshold=pin.threshold,
        undistributed_credits=table.undistributed,
        unresolved_count=found.unresolved_count,
        version=version,
        weight_config_hash=epoch.weight_config_hash,
    )
