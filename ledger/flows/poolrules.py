"""The pool's rules at work: what an epoch pinned is recorded at review, and anew where other bindings change it.

Holds POOL_REPRODUCIBLE together with `ledger.core.pool`. Makes lines; its callers write them.
"""

from __future__ import annotations

from collections.abc import Mapping

from ledger.compute.budget import computed_rules
from ledger.compute.derive import Derived
from ledger.core.pool import RULE_ACTOR, CarryOverV1, Computed, component_key, rules_of, standing_components
from ledger.core.records.decisions import PoolComponent
from ledger.flows.session import Session
from ledger.store.epochfolder import EpochFolder


def rule_components(session: Session, folder: EpochFolder, derived: Derived) -> list[PoolComponent]:
    """What the pinned rules give, to be recorded at review; a component that a person decided on is left as it is.

    Raises FormatError when an input is missing.
    """
    decided = {line.component_id for line in derived.pool}
    due = computed_rules(session.node, folder, derived.epoch, derived.evaluation, derived.bindings)
    new = [each for each in due if each.component_id not in decided]
    return [_computed(session, folder, each, len(derived.pool) + n) for n, each in enumerate(new, start=1)]


def refreshed_carry_over(session: Session, folder: EpochFolder, derived: Derived) -> list[PoolComponent]:
    """Two lines that record `carry_over` anew where other bindings than at the last draft made other credits lapse."""
    standing = next(
        (line for line in standing_components(derived.pool) if line.algorithm_version == "carry-over-v1"), None
    )
    if standing is None or not any(isinstance(rule, CarryOverV1) for rule in rules_of(derived.epoch)):
        return []
    computed = computed_rules(session.node, folder, derived.epoch, derived.evaluation, derived.bindings)
    now = next(each for each in computed if each.rule == "carry-over-v1")
    if now.matches(standing):
        return []
    reason, seq = "the bindings are pinned anew, so other held credits lapse", len(derived.pool) + 1
    withdrawn = component_line(session, folder, "carry_over", seq, RULE_ACTOR, None, reason)
    return [withdrawn, _computed(session, folder, now, seq + 1)]


def _computed(session: Session, folder: EpochFolder, computed: Computed, seq: int) -> PoolComponent:
    given = {
        "algorithm_version": computed.rule,
        "amount_credits": str(computed.amount_credits),
        "evidence_ref": None,
        "inputs": computed.inputs,
    }
    return component_line(session, folder, computed.component_id, seq, RULE_ACTOR, given)


def component_line(
    session: Session,
    folder: EpochFolder,
    component_id: str,
    seq: int,
    actor: str,
    recorded: Mapping[str, object] | None,
    reason: str | None = None,
) -> PoolComponent:
    """One line of `pool.jsonl`: a component recorded, or with None withdrawn."""
    empty = {"algorithm_version": None, "amount_credits": None, "evidence_ref": None, "inputs": None}
    return PoolComponent.read(
        {
            **folder.place,
            **(empty if recorded is None else recorded),
            "action": "withdraw" if recorded is None else "record",
            "actor": actor,
            "component_id": component_id,
            "computed_at": None if recorded is None else session.now,
            "id": None if recorded is None else component_key(folder.epoch(), component_id),
            "reason": reason,
            "seq": seq,
        }
    )
