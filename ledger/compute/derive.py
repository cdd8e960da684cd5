"""An epoch's figures from its stored files: the one way in which preview, statement, site and `verify` get them.

Joins the engine's sums with the rules of core (payout, statement). Reads only; decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.compute.engine import Engine
from ledger.compute.loaded import LoadedEpoch
from ledger.core.canonical import sha256_hex
from ledger.core.config import ScopeSettings
from ledger.core.evaluate import Evaluation
from ledger.core.lifecycle import Pin, pin_of
from ledger.core.records import Epoch, IdentitiesPin, PoolComponent, Statement, approver_set_hash
from ledger.core.statement import StatementInputs, build_statement
from ledger.core.values import Hash
from ledger.store.node import EpochFolder, Node


@dataclass(frozen=True)
class Derived:
    """What an epoch comes to: its evaluation, its pool and the statement that follows."""

    folder: EpochFolder
    epoch: Epoch
    loaded: LoadedEpoch
    evaluation: Evaluation
    pool: tuple[PoolComponent, ...]
    statement: Statement

    @property
    def allocations_bytes(self) -> bytes:
        """The bytes of `allocations.jsonl`."""
        return b"".join(row.encode() + b"\n" for row in self.evaluation.allocations)

    @property
    def files(self) -> dict[str, bytes]:
        """The derived files by name, as they must be on disk from review on."""
        return {"allocations.jsonl": self.allocations_bytes, "statement.json": self.statement.file_bytes()}


def derive(
    engine: Engine, node: Node, folder: EpochFolder, *, identities_size: int | None = None, pin: Pin | None = None
) -> Derived:
    """Compute an epoch anew from its stored files.

    `identities_size`: how many lines of the bindings log count (None: all of it as it stands). `pin`: approvers and
    threshold; None takes the epoch's own last pin, or while it is open what its scope's file says now (provisional).
    """
    epoch = folder.epoch()
    pin = pin or pin_of(folder.transitions()) or provisional_pin(node.scope(folder.scope_id))
    prefix, bindings = node.bindings_prefix(identities_size)
    loaded = engine.load(folder, epoch, identities_size=len(bindings))
    evaluation = loaded.evaluate()
    pool = tuple(folder.pool())
    statement = build_statement(
        StatementInputs(
            epoch=epoch,
            pin=pin,
            evaluation=evaluation,
            pool=pool,
            curation_hash=folder.hash_of("curation.jsonl"),
            overrides_hash=folder.hash_of("overrides.jsonl"),
            pool_hash=folder.hash_of("pool.jsonl"),
            identities=IdentitiesPin(sha256=Hash(sha256_hex(prefix)), size=len(bindings)),
            previous_statement_hash=previous_statement_hash(node, folder),
        )
    )
    return Derived(folder, epoch, loaded, evaluation, pool, statement)


def provisional_pin(scope: ScopeSettings) -> Pin:
    """What review would pin if it came now."""
    return Pin(scope.wallets, approver_set_hash(scope.wallets), scope.threshold, ())


def previous_statement_hash(node: Node, folder: EpochFolder) -> Hash | None:
    """The hash of the statement of the epoch before in the scope; None for the first epoch."""
    if folder.epoch_id == 1:
        return None
    statement = node.epoch(folder.scope_id, folder.epoch_id - 1).statement()
    return statement.statement_hash if statement else None
