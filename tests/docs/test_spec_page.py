"""docs/spec.md quotes real bytes and names every invariant and field, so that it cannot fall behind the code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from ledger.core.balances import Opening, Waiver
from ledger.core.canonical import decode
from ledger.core.distribution import Cover, LeftOut, Plan, PlanLine, PlanSignature, Rate, Settlement
from ledger.core.instructions import Instruction
from ledger.core.invariants import INVARIANTS, SCOPE_INVARIANTS
from ledger.core.records import activity, approvers, decisions, epoch
from ledger.core.records import statement as ending
from ledger.core.records.record import Record
from ledger.core.records.statement import Statement
from ledger.core.statementlog import LogLine
from ledger.store.layout import EPOCH_FILES
from tests.golden_story import quoted

ROOT = Path(__file__).resolve().parents[2]
SPEC = (ROOT / "docs/spec.md").read_text("utf-8")
GOLDEN = ROOT / "data/epochs"
MODELS = [
    model
    for stage in (activity, approvers, decisions, epoch, ending)
    for model in vars(stage).values()
    if isinstance(model, type) and issubclass(model, Record) and not model.__subclasses__()
] + [LogLine]


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


def test_section_8_quotes_the_golden_node() -> None:
    """Played anew, it has other hashes: `python -m tests.golden_story DIR` prints them as they stand there."""
    table, text = quoted(ROOT).split("\n\n")
    assert len(table.splitlines()) == 2 + 6
    assert table in SPEC, f"paste into section 8 of docs/spec.md:\n{table}"
    assert text in SPEC, f"paste into section 8 of docs/spec.md:\n{text}"


def test_the_worked_sum_is_right() -> None:
    found = statement("default", 1)
    units = [payout.total_units for payout in found.payouts]
    floors = [unit * 10000 // sum(units) for unit in units]
    assert (units, floors) == ([6000, 2000, 1500, 4000], [4444, 1481, 1111, 2962])
    assert [unit * 10000 % sum(units) for unit in units] == [6000, 6500, 1500, 13000]
    assert [payout.amount_credits for payout in found.payouts] == [4444, 1482, 1111, 2963]
    assert json.loads(found.encode())["pool_total_credits"] == "10000"
    first, second = statement("guild", 1), statement("guild", 2)
    assert [(line.platform_user_id, line.total_units, line.amount_credits) for line in first.held] == [
        ("grace", 3000, 333),
        ("heidi", 2000, 222),
    ]
    assert [(line.total_units, line.amount_credits) for line in first.payouts] == [(4000, 445)]
    assert second.pool_total_credits == 1000 + 222


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
