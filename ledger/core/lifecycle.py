"""The life of an epoch as one table: which act is allowed in which state (EPOCH_THREE_PHASE).

INGESTION_CLOSED_ON_REVIEW and CURATION_FREEZE_ON_FINALIZE are rows of the table. Knows states, not files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ledger.core.errors import FormatError, StateError
from ledger.core.records import State, Transition
from ledger.core.values import Address, Hash

Act = Literal["ingest", "curate", "override", "pool", "review", "repin", "sign", "finalize"]

ALLOWED: dict[Act, frozenset[State]] = {
    "ingest": frozenset({"open"}),
    "curate": frozenset({"open", "review"}),
    "override": frozenset({"open", "review"}),
    "pool": frozenset({"open", "review"}),
    "review": frozenset({"open"}),
    "repin": frozenset({"review"}),
    "sign": frozenset({"review"}),
    "finalize": frozenset({"review"}),
}

RULE: dict[Act, str] = {
    "ingest": "INGESTION_CLOSED_ON_REVIEW",
    "curate": "CURATION_FREEZE_ON_FINALIZE",
    "override": "CURATION_FREEZE_ON_FINALIZE",
    "pool": "POOL_IMMUTABLE",
    "review": "EPOCH_THREE_PHASE",
    "repin": "APPROVERS_PINNED_AT_REVIEW",
    "sign": "EPOCH_THREE_PHASE",
    "finalize": "EPOCH_THREE_PHASE",
}

STEPS: frozenset[tuple[State | None, State]] = frozenset(
    {(None, "open"), ("open", "review"), ("review", "review"), ("review", "finalized")}
)
"""Every step there is; `review` to `review` pins the approvers anew."""

_IS = {"open": "open", "review": "in review", "finalized": "finalized"}
_NEXT = {
    "open": "It is still open: run `ledger review` once its window has ended.",
    "review": "It is in review: nothing new can enter; decide, sign and finalize it.",
    "finalized": "It is finalized for good; correct it by a decision or a top-up in the open epoch.",
}


def require(act: Act, state: State, epoch_id: int) -> None:
    """Raise StateError, naming the rule and the next step, unless `act` is allowed in `state`."""
    if state not in ALLOWED[act]:
        wanted = " or ".join(_IS[state] for state in sorted(ALLOWED[act]))
        raise StateError(
            f"epoch {epoch_id} is {_IS[state]}; `{act}` is allowed only while it is {wanted}",
            hint=_NEXT[state],
            rule=RULE[act],
        )


def state_of(transitions: Sequence[Transition]) -> State:
    """The state after all `transitions`; FormatError when a step is not in `STEPS` or does not follow the last."""
    state: State | None = None
    for number, step in enumerate(transitions, start=1):
        if step.from_ != state or (step.from_, step.to) not in STEPS:
            raise FormatError(
                f"step from {step.from_} to {step.to} cannot follow {state}", rule="EPOCH_THREE_PHASE"
            ).at("transitions.jsonl", number)
        state = step.to
    if state is None:
        raise FormatError("no transition at all", rule="EPOCH_THREE_PHASE").at("transitions.jsonl", 1)
    return state


@dataclass(frozen=True, slots=True)
class Pin:
    """What the line to review fixed for the signatures: whose, how many, and what was missing (gaps)."""

    approvers: tuple[Address, ...]
    approver_set_hash: Hash
    threshold: int
    gaps: tuple[str, ...]


def pin_of(transitions: Sequence[Transition]) -> Pin | None:
    """The last pin, the one that counts (APPROVERS_PINNED_AT_REVIEW), or None before review."""
    for step in reversed(transitions):
        if step.approvers is not None and step.approver_set_hash and step.threshold and step.gaps is not None:
            return Pin(step.approvers, step.approver_set_hash, step.threshold, step.gaps)
    return None
