"""What is told of an epoch: a verdict for each invariant, and the invariant that each file and field stands for.

Holds names and tables only; who looks at an epoch is `ledger.flows.checking.epoch`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from ledger.core.errors import LedgerError
from ledger.core.evaluate import Finding
from ledger.core.invariants import INVARIANTS
from ledger.store import layout

Verdict = Literal["pass", "fail", "not yet"]

RULE_OF_FILE = {
    "epoch.json": "WEIGHTS_INTEGER_ONLY",
    "curation.jsonl": "CURATION_FREEZE_ON_FINALIZE",
    "overrides.jsonl": "CURATION_FREEZE_ON_FINALIZE",
    "awards.jsonl": "CURATION_FREEZE_ON_FINALIZE",
    "objections.jsonl": "CURATION_FREEZE_ON_FINALIZE",
    "pool.jsonl": "POOL_IMMUTABLE",
    "transitions.jsonl": "EPOCH_THREE_PHASE",
    "signatures.jsonl": "SIGNATURE_SCOPE_BOUND",
    "cursors.jsonl": "CURSOR_STATE_PERSISTED",
    "collection.jsonl": "CURSOR_STATE_PERSISTED",
    "allocations.jsonl": "PAYOUT_DETERMINISTIC",
    "statement.json": "PAYOUT_DETERMINISTIC",
    "identities.jsonl": "IDENTITY_BEST_EFFORT",
    "attestations.jsonl": "ATTESTATION_VALID",
    "receipts.jsonl": "RECEIPT_SIGNED",
    "reason.json": "AMENDMENT_CHAIN",
}
"""The invariant that a file which cannot be read breaks, where the error names none."""


STATEMENT_RULES = {
    "activity_root": ("ACTIVITY_APPEND_ONLY", "activity.jsonl"),
    "activity_count": ("ACTIVITY_APPEND_ONLY", "activity.jsonl"),
    "curation_hash": ("CURATION_FREEZE_ON_FINALIZE", "curation.jsonl"),
    "overrides_hash": ("CURATION_FREEZE_ON_FINALIZE", "overrides.jsonl"),
    "awards_hash": ("CURATION_FREEZE_ON_FINALIZE", "awards.jsonl"),
    "collection_hash": ("CURSOR_STATE_PERSISTED", "collection.jsonl"),
    "cursors_hash": ("CURSOR_STATE_PERSISTED", "cursors.jsonl"),
    "epoch_hash": ("WEIGHTS_INTEGER_ONLY", "epoch.json"),
    "pool_hash": ("POOL_IMMUTABLE", "pool.jsonl"),
    "pool_total_credits": ("POOL_REPRODUCIBLE", "statement.json"),
    "identities": ("IDENTITY_BEST_EFFORT", layout.IDENTITIES),
    "receipts": ("RECEIPT_SIGNED", layout.RECEIPTS),
    "unresolved_count": ("IDENTITY_BEST_EFFORT", "statement.json"),
    "approver_set_hash": ("APPROVERS_PINNED_AT_REVIEW", "statement.json"),
    "approvers_seq": ("APPROVERS_PINNED_AT_REVIEW", "statement.json"),
    "threshold": ("APPROVERS_PINNED_AT_REVIEW", "statement.json"),
    "log": ("STATEMENT_LOGGED", "statement.json"),
    "weight_config_hash": ("WEIGHTS_INTEGER_ONLY", "epoch.json"),
}
"""Which invariant a field of the statement stands for, and which file differs then; others: PAYOUT_DETERMINISTIC."""

NOT_YET = {
    "open": frozenset(
        {
            "ADMIN_FINALIZES_ONCE",
            "APPROVERS_CHAINED",
            "APPROVERS_PER_SCOPE",
            "APPROVERS_PINNED_AT_REVIEW",
            "ATTESTATION_VALID",
            "CURATION_FREEZE_ON_FINALIZE",
            "EPOCH_FINALIZE_IDEMPOTENT",
            "INGESTION_CLOSED_ON_REVIEW",
            "PAYOUT_DETERMINISTIC",
            "POOL_REQUIRES_BASE",
            "SIGNATURE_SCOPE_BOUND",
            "STATEMENT_LOGGED",
        }
    ),
    "review": frozenset(
        {
            "ADMIN_FINALIZES_ONCE",
            "APPROVERS_CHAINED",
            "APPROVERS_PER_SCOPE",
            "ATTESTATION_VALID",
            "CURATION_FREEZE_ON_FINALIZE",
            "EPOCH_FINALIZE_IDEMPOTENT",
            "POOL_REQUIRES_BASE",
        }
    ),
}
"""Invariants that an epoch in this state cannot meet yet; they are told apart from those that hold."""


@dataclass(frozen=True, slots=True)
class Check:
    """One invariant's verdict for one epoch, with everything that speaks against it."""

    invariant: str
    verdict: Verdict
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class EpochReport:
    """One epoch's verdicts, one for each invariant, in the specification's order."""

    scope_id: str
    epoch_id: int
    state: str
    statement_hash: str | None
    checks: tuple[Check, ...]
    version: int = 1

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return all(check.verdict != "fail" for check in self.checks)


def as_finding(error: LedgerError) -> Finding:
    """A refused file or line as a finding, under the invariant that the error names or its file stands for."""
    name = (error.path or "").rpartition("/")[2]
    default = "PROVENANCE_REQUIRED" if layout.shard_number(name) else "WRITES_VIA_WORKFLOW"
    rule = error.rule if error.rule in INVARIANTS else RULE_OF_FILE.get(name, default)
    return Finding(rule, error.message, error.path or "", error.line)


def verdicts(state: str, findings: Iterable[Finding]) -> tuple[Check, ...]:
    """The verdict of every invariant on an epoch in `state`, with what speaks against each."""
    against: dict[str, list[Finding]] = {}
    for finding in findings:
        against.setdefault(finding.rule, []).append(finding)
    clean = _clean(state)
    if not against:
        return clean
    return tuple(
        Check(each.invariant, "fail", tuple(against[each.invariant])) if each.invariant in against else each
        for each in clean
    )


@cache
def _clean(state: str) -> tuple[Check, ...]:
    """The verdicts on an epoch against which nothing speaks."""
    waiting = NOT_YET.get(state, ())
    return tuple(Check(name, "not yet" if name in waiting else "pass", ()) for name in INVARIANTS)
