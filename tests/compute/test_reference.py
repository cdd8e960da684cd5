"""SQL and the plain-Python reference give the same values, on whatever a node may hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given

from ledger.compute.engine import Engine
from ledger.core.errors import InputError
from ledger.core.evaluate import Evaluation, EventOutcome, evaluate, event_outcomes
from ledger.core.merkle import merkle_root
from tests.compute.nodes import AT, Case, cases, event, line, user


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with Engine(tmp_path_factory.mktemp("node")) as engine:
        yield engine


def reference(case: Case) -> tuple[list[EventOutcome], Evaluation | str]:
    outcomes = event_outcomes(case.epoch, case.located(), case.read_bindings(), case.read_curation())
    root = merkle_root(line(fields)[:-1] for fields in case.events)
    try:
        return outcomes, evaluate(case.epoch, outcomes, case.read_overrides(), root)
    except InputError as error:
        return outcomes, str(error.rule)


def computed(engine: Engine, case: Case) -> tuple[list[EventOutcome], Evaluation | str]:
    loaded = engine.load(case.write(engine.root), case.epoch, identities_size=case.pinned)
    assert loaded.findings == ()
    outcomes = list(loaded.outcomes())
    try:
        return outcomes, loaded.evaluate()
    except InputError as error:
        return outcomes, str(error.rule)


@given(case=cases())
def test_sql_and_python_agree_on_every_outcome_and_total(engine: Engine, case: Case) -> None:
    assert computed(engine, case) == reference(case)


def test_a_total_past_64_bits_is_refused_and_never_wraps(engine: Engine) -> None:
    case = Case(
        weights={"github:pr_merged": 2**53 - 1},
        events=[event(number, platform_user_id="1") for number in range(1, 1026)],
        bindings=[
            {
                "action": "bind",
                "actor": "ada",
                "at": "2026-01-12T00:00:00.000Z",
                "evidence": "",
                "external_id": "1",
                "login": None,
                "provider": "github",
                "user_id": user(1),
            }
        ],
    )
    assert computed(engine, case)[1] == reference(case)[1] == "ALL_MATH_BIGINT"
    case.events.pop()
    evaluation = computed(engine, case)[1]
    assert isinstance(evaluation, Evaluation)
    assert evaluation.allocations[0].proposed_units == 1024 * (2**53 - 1)


def test_one_event_is_found_by_its_id(engine: Engine) -> None:
    case = Case(events=[event(1), event(2)])
    loaded = engine.load(case.write(engine.root), case.epoch)
    assert loaded.find("github:pr:acme/widgets:2") == reference(case)[0][1]
    assert loaded.find("github:pr:acme/widgets:3") is None


def test_decisions_that_core_refuses_are_refused_before_sql_reads_them_kindly(engine: Engine) -> None:
    case = Case(events=[event(1)])
    folder = case.write(engine.root)
    loaded = engine.load(folder, case.epoch)
    Path(engine.root / folder.path("overrides.jsonl")).write_bytes(b'{"final_units":1.5}\n')
    with pytest.raises(InputError, match=r"overrides\.jsonl:1.*fraction"):
        loaded.evaluate()


def test_what_was_written_since_the_last_question_enters_the_next_answer(engine: Engine) -> None:
    binding = {"action": "bind", "actor": "ada", "at": AT, "evidence": "", "external_id": "1", "login": None}
    case = Case(events=[event(1), event(2)], bindings=[{**binding, "provider": "github", "user_id": user(1)}])
    loaded = engine.load(case.write(engine.root), case.epoch)
    assert (loaded.evaluate().unresolved_count, list(loaded.outcomes())) == (1, reference(case)[0])
    note = {"actor": "ada", "at": AT, "evidence": None, "user_id": None, "weight_override_milli": None}
    case.curation.append({**note, "action": "exclude", "event_id": "github:pr:acme/widgets:2", "note": "spam"})
    case.write(engine.root)
    assert (loaded.evaluate().unresolved_count, list(loaded.outcomes())) == (0, reference(case)[0])
    case.bindings.append({**binding, "external_id": "2", "provider": "github", "user_id": user(2)})
    case.write(engine.root)
    assert [outcome.user_id for outcome in loaded.outcomes()] == [user(1), user(2)]
