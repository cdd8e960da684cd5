"""The life of an epoch as one table: which act is allowed in which state (EPOCH_THREE_PHASE).

INGESTION_CLOSED_ON_REVIEW and CURATION_FREEZE_ON_FINALIZE are rows of the table. Knows states, not files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ledger.core.approvers import Chain
from ledger.core.errors import FormatError, StateError
from ledger.core.evaluate import Finding
from ledger.core.records.approvers import ApproverSet, Member, holder
from ledger.core.records.epoch import State, Transition
from ledger.core.values import Hash

Act = Literal["ingest", "curate", "override", "pool", "award", "review", "repin", "sign", "finalize"]

ALLOWED: dict[Act, frozenset[State]] = {
    "ingest": frozenset({"open"}),
    "curate": frozenset({"open", "review"}),
    "override": frozenset({"open", "review"}),
    "pool": frozenset({"open", "review"}),
    "award": frozenset({"open", "review"}),
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
    "award": "CURATION_FREEZE_ON_FINALIZE",
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

    approvers: tuple[Member, ...]
    approvers_seq: int
    approver_set_hash: Hash
    threshold: int
    gaps: tuple[str, ...]

    @property
    def wallets(self) -> tuple[str, ...]:
        """Every wallet of the pinned people, sorted."""
        return tuple(sorted(wallet for person in self.approvers for wallet in person.wallets))

    def person_of(self, wallet: str) -> str | None:
        """The pinned person who holds `wallet`."""
        return holder(self.approvers, wallet)


def pin_to(line: ApproverSet, gaps: Sequence[str] = ()) -> Pin:
    """The pin that a step to review takes to an approver set."""
    return Pin(line.approvers, line.seq, line.set_hash, line.threshold, tuple(gaps))


def pin_of(transitions: Sequence[Transition], chain: Chain) -> Pin | None:
    """The last pin, the one that counts (APPROVERS_PINNED_AT_REVIEW), or None before review.

    FormatError when the scope's chain holds no such set: then nobody can be said to have signed.
    """
    for number, step in reversed(list(enumerate(transitions, start=1))):
        if step.approvers_seq is not None and step.gaps is not None:
            line = chain.get(step.approvers_seq)
            if line is None or (line.set_hash, line.threshold) != (step.approver_set_hash, step.threshold):
                raise FormatError(
                    f"pins approver set {step.approvers_seq}, which the scope's chain does not hold like this",
                    rule="APPROVERS_CHAINED",
                ).at("transitions.jsonl", number)
            return pin_to(line, step.gaps)
    return None


def pin_findings(path: str, steps: Sequence[Transition], chain: Chain) -> Iterator[Finding]:
    """What speaks against the approver sets that the steps in `path` pin (APPROVERS_CHAINED).

    Each was the one to pin at its time, and the one that the epoch was closed with counts.
    """
    last = 0
    for number, step in enumerate(steps, start=1):
        if step.approvers_seq is not None:
            last = step.approvers_seq
            line = chain.get(last)
            if line is None or (line.set_hash, line.threshold) != (step.approver_set_hash, step.threshold):
                message = "pins an approver set that the scope's chain does not hold like this"
                yield Finding("APPROVERS_CHAINED", message, path, number, None, f"set {last}")
            elif not chain.may_pin(last, step.at):
                wanted = chain.counted_at(step.at)
                told = f"set {wanted.seq}" if wanted else "the last root that was proposed"
                message = "pins an approver set that was not the one to pin then"
                yield Finding("APPROVERS_CHAINED", message, path, number, told, f"set {last}")
        if step.to == "finalized" and last and not chain.counts(last):
            message = "the approver set that the epoch was closed with does not count"
            yield Finding("APPROVERS_CHAINED", message, path, number, "a set that counts", f"set {last}")
