"""The statement: its bytes for one fixed epoch, and that nothing it was computed from can change without its hash."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from ledger.core.canonical import decode, sha256_hex
from ledger.core.errors import InputError
from ledger.core.evaluate import Evaluation, Total, UnresolvedAccount
from ledger.core.lifecycle import Pin
from ledger.core.merkle import merkle_root
from ledger.core.pool import Computed
from ledger.core.records.approvers import Member, approver_set_hash
from ledger.core.records.statement import Allocation, LogPin, PrefixPin, Statement
from ledger.core.signing import signed_text
from ledger.core.statement import FileHashes, StatementInputs, build_statement
from ledger.core.values import MAX_AMOUNT, Address, Hash
from tests.core.samples import EMPTY, OTHER_WALLET, SOME_HASH, WALLET, record, user, uuid5

APPROVERS = (Member(id="ana", wallets=(Address(WALLET),)), Member(id="ben", wallets=(Address(OTHER_WALLET),)))


def rows(*units: int) -> tuple[Allocation, ...]:
    return tuple(
        record("allocation", user_id=user(number), proposed_units=str(amount))
        for number, amount in enumerate(units, start=1)
    )


PARTS = ("base_issuance", "top_up", "carry_over")
INPUTS = StatementInputs(
    epoch=record("epoch"),
    pin=Pin(APPROVERS, 1, approver_set_hash(APPROVERS), 2, ("github: failed",)),
    evaluation=Evaluation(
        activity_count=4,
        activity_root=merkle_root([b"a", b"b", b"c", b"d"]),
        allocations=rows(8000, 8000, 8000, 0),
        unresolved=(),
        unresolved_count=1,
        totals=(),
    ),
    pool=[record("pool", component_id="base_issuance", amount_credits="10000", evidence_ref=None)],
    projected=(),
    awards=[record("award", user_id=user(4), amount_credits="100")],
    files=FileHashes(**dict.fromkeys(FileHashes.__dataclass_fields__, Hash(EMPTY))),
    identities=PrefixPin(sha256=Hash(SOME_HASH), size=3),
    log=LogPin(root=Hash(SOME_HASH), size=2),
    receipts=PrefixPin(sha256=Hash(EMPTY), size=0),
    previous_statement_hash=None,
)


def test_the_bytes_of_a_statement_and_the_text_to_sign(snapshot: SnapshotAssertion) -> None:
    statement = build_statement(INPUTS)
    assert statement.file_bytes().decode() == snapshot(name="statement.json")
    assert signed_text(statement) == snapshot(name="signed text")


def test_the_file_reads_back_as_the_same_statement() -> None:
    statement = build_statement(INPUTS)
    raw = statement.file_bytes()
    assert raw.endswith(b"}\n")
    assert Statement.read(decode(raw[:-1])) == statement
    assert statement.statement_hash == sha256_hex(raw)


def test_the_figures_are_those_of_the_payout_table() -> None:
    statement = build_statement(INPUTS)
    assert [(row.amount_credits, row.share, row.total_units) for row in statement.payouts] == [
        (3300, "0.333333", 8000),
        (3300, "0.333333", 8000),
        (3300, "0.333333", 8000),
        (100, "0.000000", 0),
    ]
    assert (statement.pool_total_credits, statement.undistributed_credits) == (10_000, 0)
    assert statement.statement_id == uuid5("default/1/1")
    assert (statement.version, statement.supersedes_statement_id) == (1, None)


CHANGES: dict[str, Any] = {
    "weights": replace(
        INPUTS,
        epoch=record("epoch", weight_config={}, weight_config_hash=sha256_hex(b"{}")),
    ),
    "window": replace(INPUTS, epoch=record("epoch", period_start="2026-01-04T00:00:00.000Z")),
    "epoch": replace(INPUTS, epoch=record("epoch", epoch_id=2)),
    "scope": replace(INPUTS, epoch=record("epoch", scope_id="other")),
    "node": replace(INPUTS, epoch=record("epoch", node_id=user(7))),
    "approvers": replace(INPUTS, pin=replace(INPUTS.pin, approver_set_hash=approver_set_hash(APPROVERS[:1]))),
    "approver set's number": replace(INPUTS, pin=replace(INPUTS.pin, approvers_seq=2)),
    "log": replace(INPUTS, log=LogPin(root=Hash(SOME_HASH), size=3)),
    "threshold": replace(INPUTS, pin=replace(INPUTS.pin, threshold=1)),
    "gaps": replace(INPUTS, pin=replace(INPUTS.pin, gaps=())),
    "events": replace(INPUTS, evaluation=replace(INPUTS.evaluation, activity_count=5)),
    "root": replace(INPUTS, evaluation=replace(INPUTS.evaluation, activity_root=merkle_root([b"a"]))),
    "unresolved": replace(INPUTS, evaluation=replace(INPUTS.evaluation, unresolved_count=0)),
    "units": replace(INPUTS, evaluation=replace(INPUTS.evaluation, allocations=rows(8000, 8000, 8000, 1))),
    "users": replace(INPUTS, evaluation=replace(INPUTS.evaluation, allocations=rows(8000, 8000, 8000))),
    "pool": replace(INPUTS, pool=[record("pool", amount_credits="10001")]),
    **{
        f"{name} log": replace(INPUTS, files=replace(INPUTS.files, **{name: Hash(SOME_HASH)}))
        for name in FileHashes.__dataclass_fields__
    },
    "projection": replace(INPUTS, projected=[Computed("carry_over", "carry-over-v1", 5, {})]),
    "awards": replace(INPUTS, awards=[]),
    "receipts": replace(INPUTS, receipts=PrefixPin(sha256=Hash(EMPTY), size=1)),
    "bindings": replace(INPUTS, identities=PrefixPin(sha256=Hash(EMPTY), size=3)),
    "size of bindings": replace(INPUTS, identities=PrefixPin(sha256=Hash(SOME_HASH), size=4)),
    "history": replace(INPUTS, previous_statement_hash=Hash(SOME_HASH)),
    "what it supersedes": replace(INPUTS, supersedes=build_statement(INPUTS)),
}


@pytest.mark.parametrize("what", CHANGES)
def test_any_changed_input_changes_the_hash_and_the_text_to_sign(what: str) -> None:
    before, after = build_statement(INPUTS), build_statement(CHANGES[what])
    assert after.statement_hash != before.statement_hash
    assert signed_text(after) != signed_text(before)


def test_every_field_of_the_inputs_is_among_the_changes() -> None:
    touched = {
        name
        for changed in CHANGES.values()
        for name in StatementInputs.__dataclass_fields__
        if getattr(changed, name) != getattr(INPUTS, name)
    }
    assert touched == set(StatementInputs.__dataclass_fields__)


def test_the_same_inputs_give_the_same_bytes_in_any_order_of_allocations_and_components() -> None:
    pool = [record("pool", amount_credits="100"), record("pool", component_id="carry_over", amount_credits="2")]
    one = replace(INPUTS, pool=pool)
    other = replace(
        INPUTS,
        pool=pool[::-1],
        evaluation=replace(INPUTS.evaluation, allocations=INPUTS.evaluation.allocations[::-1]),
    )
    assert build_statement(one).file_bytes() == build_statement(other).file_bytes()


def test_what_only_people_read_does_not_enter_the_statement() -> None:
    """Of unresolved events only the count is pinned; accounts, logins and totals follow from the raw log."""
    shown = replace(
        INPUTS.evaluation,
        unresolved=(UnresolvedAccount("github", "9", "octocat", 1, 8000),),
        totals=(Total("github", "pr_merged", 4, 3, 24_000, 4),),
    )
    assert build_statement(replace(INPUTS, evaluation=shown)) == build_statement(INPUTS)


@given(st.lists(st.integers(0, MAX_AMOUNT), max_size=6), st.lists(st.integers(0, MAX_AMOUNT), max_size=3))
def test_any_statement_is_balanced_or_refused(units: list[int], pool: list[int]) -> None:
    inputs = replace(
        INPUTS,
        evaluation=replace(INPUTS.evaluation, allocations=rows(*units)),
        pool=[
            record("pool", component_id=name, amount_credits=str(amount))
            for name, amount in zip(PARTS, pool, strict=False)
        ],
        awards=[],
    )
    try:
        statement = build_statement(inputs)
    except InputError as error:
        assert error.rule == "ALL_MATH_BIGINT"
        assert sum(units) > MAX_AMOUNT or sum(pool) > MAX_AMOUNT
        return
    assert sum(row.amount_credits for row in statement.payouts) + statement.undistributed_credits == sum(pool)
    assert sum(row.total_units for row in statement.payouts) == sum(units)
