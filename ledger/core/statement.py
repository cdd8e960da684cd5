"""The statement: the one function from which preview, signed text, site and `verify` get their figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.core.awards import award_credits, standing_awards
from ledger.core.evaluate import Evaluation
from ledger.core.identity import NOBODY, AccountKey
from ledger.core.lifecycle import Pin
from ledger.core.payout import PayoutTable, allocation_set_hash, held_credits, payout_table
from ledger.core.pool import Computed, pool_total, standing_components
from ledger.core.records.decisions import Award, PoolComponent
from ledger.core.records.epoch import ALGORITHM, Epoch
from ledger.core.records.statement import LogPin, PrefixPin, Statement
from ledger.core.values import Credits, Hash, name_uuid


@dataclass(frozen=True, slots=True)
class FileHashes:
    """SHA-256 of the bytes of an epoch's files that the statement pins; a log that does not exist counts as empty."""

    awards: Hash
    collection: Hash
    curation: Hash
    cursors: Hash
    epoch: Hash
    overrides: Hash
    pool: Hash


@dataclass(frozen=True, slots=True)
class StatementInputs:
    """Everything that a statement is computed from; `pool` and `awards` are all lines of their logs.

    `projected`: components that are not on record yet, of an epoch that is still open. `supersedes`: the statement of
    the version before, in an amendment.
    """

    epoch: Epoch
    pin: Pin
    evaluation: Evaluation
    pool: Sequence[PoolComponent]
    projected: Sequence[Computed]
    awards: Sequence[Award]
    files: FileHashes
    identities: PrefixPin
    log: LogPin
    receipts: PrefixPin
    previous_statement_hash: Hash | None
    supersedes: Statement | None = None


def unclaimed(evaluation: Evaluation) -> dict[AccountKey, int]:
    """Milli-units of the accounts without a user for whom a share can wait: all but those that stand for anybody."""
    keys = ((row, (row.source, row.platform_user_id)) for row in evaluation.unresolved)
    return {key: row.units for row, key in keys if key not in NOBODY}


def split(epoch: Epoch, evaluation: Evaluation, pool: int, awards: Sequence[Award]) -> PayoutTable:
    """Who gets what of `pool` credits; unclaimed shares are held or left out as the epoch pins it."""
    return payout_table(
        {row.user_id: row.units for row in evaluation.allocations},
        pool,
        awards=award_credits(standing_awards(awards).values()),
        accounts=unclaimed(evaluation) if epoch.unresolved == "hold" else None,
    )


def would_be_owed(evaluation: Evaluation, pool: int, awards: Sequence[Award]) -> dict[AccountKey, Credits]:
    """Credits that each unclaimed account gets, or would get, if shares are held: the one answer to "what waits?"."""
    if not (accounts := unclaimed(evaluation)):
        return {}
    return held_credits(
        {row.user_id: row.units for row in evaluation.allocations},
        pool,
        awards=award_credits(standing_awards(awards).values()),
        accounts=accounts,
    )


def build_statement(inputs: StatementInputs) -> Statement:
    """The statement of an epoch in review or finalized, or of its amendment.

    The same inputs give the same bytes on every machine (PAYOUT_DETERMINISTIC).
    """
    epoch, pin, found, files = inputs.epoch, inputs.pin, inputs.evaluation, inputs.files
    total = pool_total(standing_components(inputs.pool), inputs.projected)
    table = split(epoch, found, total, inputs.awards)
    held = {(line.source, line.platform_user_id): line.total_units for line in table.held}
    before = inputs.supersedes
    version = before.version + 1 if before else 1
    return Statement(
        node_id=epoch.node_id,
        scope_id=epoch.scope_id,
        epoch_id=epoch.epoch_id,
        activity_count=found.activity_count,
        activity_root=found.activity_root,
        algorithm=ALGORITHM,
        allocation_set_hash=allocation_set_hash({row.user_id: row.units for row in found.allocations}, held),
        approver_set_hash=pin.approver_set_hash,
        approvers_seq=pin.approvers_seq,
        awards_hash=files.awards,
        awards_total_credits=Credits(sum(line.award_credits for line in table.payouts)),
        collection_hash=files.collection,
        curation_hash=files.curation,
        cursors_hash=files.cursors,
        epoch_hash=files.epoch,
        gaps=pin.gaps,
        held=table.held,
        identities=inputs.identities,
        log=inputs.log,
        overrides_hash=files.overrides,
        payouts=table.payouts,
        period_end=epoch.period_end,
        period_start=epoch.period_start,
        pool_hash=files.pool,
        pool_total_credits=total,
        previous_statement_hash=inputs.previous_statement_hash,
        receipts=inputs.receipts,
        statement_id=name_uuid(epoch.node_id, f"{epoch.scope_id}/{epoch.epoch_id}/{version}"),
        supersedes_statement_hash=before.statement_hash if before else None,
        supersedes_statement_id=before.statement_id if before else None,
        threshold=pin.threshold,
        undistributed_credits=table.undistributed,
        unresolved=epoch.unresolved,
        unresolved_count=found.unresolved_count,
        version=version,
        weight_config_hash=epoch.weight_config_hash,
    )
