"""Would an amendment pay twice? What later epochs took back from the epoch it corrects is gone (AMENDMENT_CHAIN)."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.core.identity import claimed_since
from ledger.core.records.decisions import PoolComponent
from ledger.core.records.statement import Statement
from ledger.store.amendments import AmendmentFolder
from ledger.store.epochfolder import EpochFolder
from ledger.store.node import Node

CARRY_OVER = "carry-over-v1"


def double_pay(node: Node, folder: AmendmentFolder, statement: Statement) -> Iterator[str]:
    """In words, what the amended `statement` would give away although a later epoch's pool holds it already."""
    base = folder.base.statement()
    if base is None:
        return
    following = node.epoch(folder.scope_id, folder.epoch_id + 1)
    if (carried := _carry_over(following)) is not None and carried.inputs is not None:
        taken = min(int(str(carried.inputs["undistributed_credits"])), int(str(carried.inputs["cap_credits"])))
        if statement.undistributed_credits < taken:
            yield (
                f"{statement.undistributed_credits} credits would stay undistributed, but epoch "
                f"{following.epoch_id} has carried {taken} of them over"
            )
    held = folder.base.epoch().hold_epochs
    if held is None:
        return
    lapsing = node.epoch(folder.scope_id, folder.epoch_id + held)
    drafted = lapsing.statement() if lapsing.exists() else None
    if drafted is None or _carry_over(lapsing) is None:
        return
    claimed = claimed_since(node.bindings_prefix(drafted.identities.size)[1], base.identities.size)
    now = {line.key: line.amount_credits for line in statement.held}
    for line in base.held:
        if line.amount_credits and (line.source, line.platform_user_id) not in claimed and line.key not in now:
            yield (
                f"what was held for {line.key} has lapsed into the pool of epoch {lapsing.epoch_id}, so it can no "
                "longer be given to anyone here"
            )


def _carry_over(folder: EpochFolder) -> PoolComponent | None:
    if not folder.exists():
        return None
    return next((line for line in folder.components() if line.algorithm_version == CARRY_OVER), None)
