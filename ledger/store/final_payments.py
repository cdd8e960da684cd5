"""What of a scope's money is final: plans that stand, opening balances that count. The statement log names them."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.core.canonical import sha256_hex
from ledger.core.settling import ApproversAt, openings_count_since, stands_at
from ledger.core.statementlog import Final
from ledger.core.values import Hash
from ledger.store.paylayout import opening_path, plan_path
from ledger.store.payments import PayFiles


def final_payments(files: PayFiles, scope_id: str, approvers: ApproversAt) -> Iterator[Final]:
    """Opening balances first, then plans by their numbers, which is the order in which they came to stand."""
    if files.openings(scope_id):
        text = files.opening_text(scope_id)
        if openings_count_since(text, files.opening_signatures(scope_id), approvers) is not None:
            yield Final("opening", opening_path(scope_id), files.opening_hash(scope_id))
    number = 1
    while (plan := files.plan(scope_id, number)) is not None:
        if stands_at(plan, files.signatures(scope_id, number), approvers) is not None:
            path = plan_path(scope_id, number)
            yield Final("distribution", path, Hash(sha256_hex(files.read(path) or b"")))
        number += 1
