"""docs/spec.md quotes real bytes and names every invariant and field, so that it cannot fall behind the code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from ledger.core import records
from ledger.core.canonical import decode
from ledger.core.distribution import Cover, LeftOut, Opening, Plan, PlanLine, PlanSignature, Rate, Settlement, Waiver
from ledger.core.instructions import Instruction
from ledger.core.invariants import INVARIANTS, SCOPE_INVARIANTS
from ledger.core.records import Record, Statement
from ledger.core.signing import signed_text
from ledger.store.layout import EPOCH_FILES

ROOT = Path(__file__).resolve().parents[2]
SPEC = (ROOT / "docs/spec.md").read_text("utf-8")
GOLDEN = ROOT / "data/epochs"
MODELS = [
    model
    for model in vars(records).values()
    if isinstance(model, type) and issubclass(model, Record) and not model.__subclasses__()
]


def statement(scope: str, number: int) -> Statement:
    return Statement.read(decode((GOLDEN / f"{scope}/{number:04d}/statement.json").read_bytes()[:-1]))


def test_every_invariant_is_named() -> None:
    assert [name for name in INVARIANTS if name not in SPEC] == []


def test_every_file_is_named() -> None:
    assert [name for name in EPOCH_FILES if name not in SPEC] == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_field_is_named(model: type[Record]) -> None:
    fields = [field.alias or name for name, field in model.model_fields.items()]
    assert [name for name in fields if f"`{name}`" not in SPEC] == []


def test_the_quoted_hashes_are_those_of_the_golden_node() -> None:
    quoted = re.findall(r"^\| (default|design)/(\d) \| `([0-9a-f]{64})` \|$", SPEC, re.MULTILINE)
    assert len(quoted) == 4
    for scope, number, value in quoted:
        assert statement(scope, int(number)).statement_hash == value


def test_the_quoted_text_is_the_one_that_was_signed() -> None:
    assert f"```\n{signed_text(statement('default', 1))}\n```" in SPEC


def test_the_worked_sum_is_right() -> None:
    found = statement("default", 1)
    units = [payout.total_units for payout in found.payouts]
    floors = [unit * 10000 // sum(units) for unit in units]
    assert (units, floors) == ([6000, 2000, 1500, 4000], [4444, 1481, 1111, 2962])
    assert [unit * 10000 % sum(units) for unit in units] == [6000, 6500, 1500, 13000]
    assert [payout.amount_credits for payout in found.payouts] == [4444, 1482, 1111, 2963]
    assert json.loads(found.encode())["pool_total_credits"] == "10000"


@pytest.mark.parametrize(
    "model",
    [Plan, PlanLine, Cover, Rate, LeftOut, PlanSignature, Settlement, Waiver, Opening, Instruction],
    ids=lambda model: model.__name__,
)
def test_every_field_of_the_records_of_money_is_named(model: type[BaseModel]) -> None:
    fields = [field.alias or name for name, field in model.model_fields.items()]
    assert [name for name in fields if not re.search(rf'["`]{name}["`]', SPEC)] == []


def test_every_invariant_of_money_is_named() -> None:
    assert [name for name in SCOPE_INVARIANTS if name not in SPEC] == []
