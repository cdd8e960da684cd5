"""An epoch's pool held to the rules that it pins (POOL_REPRODUCIBLE, POOL_REQUIRES_BASE)."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.compute.budget import computed_rules
from ledger.compute.derive import Derived
from ledger.core.pool import BY_HAND, Computed, component_key, standing_components
from ledger.core.records.decisions import PoolComponent
from ledger.flows.checking.findings import EpochFindings
from ledger.store.node import Node


def check_pool(found: EpochFindings, node: Node, state: str, derived: Derived | None) -> None:
    """Ids are right, and whatever names a rule is what the pinned rule gives. `state`: the epoch's."""
    folder = found.folder
    lines, epoch = found.lines(folder.pool), found.one(folder.epoch)
    standing = standing_components(lines)
    for line in lines if epoch else ():
        if line.action == "record" and epoch:
            right = component_key(epoch, line.component_id)
            found.differ("POOL_REPRODUCIBLE", "component's id", "pool.jsonl", right, line.id, line.seq)
    if state == "finalized" and not any(line.component_id == "base_issuance" for line in standing):
        found.differ("POOL_REQUIRES_BASE", "component missing", "pool.jsonl", "base_issuance", "none", None)
    if derived is None or state == "open":
        return
    due = found.one(lambda: computed_rules(node, folder, derived.epoch, derived.evaluation, derived.bindings))
    if due is not None:
        _held_to_rules(found, lines, standing, due)


def _held_to_rules(
    found: EpochFindings, lines: Sequence[PoolComponent], standing: Sequence[PoolComponent], due: Sequence[Computed]
) -> None:
    """What stands is what its rule gives, and every rule that is due gave something."""
    rules = {(each.component_id, each.rule): each for each in reversed(due)}  # the first of those alike
    for line in standing:
        if line.algorithm_version == BY_HAND:
            continue
        rule = rules.get((line.component_id, line.algorithm_version or ""))
        wanted = {"amount_credits": str(rule.amount_credits), "inputs": rule.inputs} if rule else "no such rule"
        stored = {"amount_credits": str(line.amount_credits), "inputs": line.inputs}
        message = f"{line.component_id} is not what the pinned rule {line.algorithm_version} gives"
        found.differ("POOL_REPRODUCIBLE", message, "pool.jsonl", wanted, stored, line.seq)
    decided = {line.component_id for line in lines}
    for each in due:
        if each.component_id not in decided:
            message = f"the pinned rule {each.rule} gave nothing"
            missing = f"{each.component_id} of {each.amount_credits} credits"
            found.differ("POOL_REPRODUCIBLE", message, "pool.jsonl", missing, "none", None)
