"""DuckDB and Sail, by Spark's protocol, answer the same bodies of SQL with the same figures, which are core's."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ledger.cli.app import ledger
from ledger.compute.sums import evaluation
from ledger.core.errors import LedgerError, UsageError
from ledger.core.evaluate import evaluate, event_outcomes
from ledger.core.merkle import merkle_root
from ledger.core.place import Place
from ledger.core.values import MAX_AMOUNT
from ledger.engines.duck import DuckEngine
from ledger.engines.port import Engine, EngineError
from ledger.engines.recompute import Figures, recompute
from ledger.engines.spark import SparkEngine
from ledger.flows.second import Asked, second_opinion
from ledger.flows.session import Session
from ledger.flows.verify import Verification, verify
from ledger.store.node import Node, load_node
from tests.compute.nodes import AT, NODE, Case, cases, event, line, user
from tests.nodes import NOW, at, golden_copy

FOLDER = "data/epochs/default/0001"
SQL = Path(__file__).parents[2] / "ledger/engines/sql"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nodes").resolve()


@pytest.fixture(scope="module")
def duck(place: Path) -> Iterator[DuckEngine]:
    with DuckEngine([place]) as engine:
        yield engine


def write(place: Path, drawn: list[Case]) -> list[Node]:
    """Each case as a node of its own, with the bindings that count there."""
    nodes = []
    for number, case in enumerate(drawn):
        root = place / f"node {number}"  # a space: engines write addresses differently
        shutil.rmtree(root, ignore_errors=True)
        case.bindings = case.bindings[: case.pinned]
        (root / "data").mkdir(parents=True)
        (root / "scopes").mkdir()
        (root / "ledger.yaml").write_text(f'node_id: "{NODE}"\nname: "test"\n')
        (root / "scopes/default.yaml").write_text("scope_id: default\n")
        opened = {"actor": "ada", "at": AT, "from": None, "to": "open", **case.write(root).place}
        (root / FOLDER / "transitions.jsonl").write_bytes(line(opened))
        nodes.append(load_node(root))
    return nodes


def as_core_has_it(case: Case) -> object:
    """What `ledger.core` makes of the case; the error where a total leaves 64 bits."""
    root = merkle_root([line(fields)[:-1] for fields in case.events])
    try:
        outcomes = event_outcomes(case.epoch, case.located(), case.read_bindings(), case.read_curation())
        return evaluate(case.epoch, outcomes, case.read_overrides(), root)
    except LedgerError as error:
        return error.rule


def as_engine_has_it(engine: Engine, nodes: list[Node]) -> list[object]:
    found = recompute(engine, nodes)
    answers: list[object] = []
    for number, node in enumerate(nodes):
        figures = found[number, Place("default", 1)]
        try:
            if any(kind.largest > MAX_AMOUNT for kind in figures.sums.kinds):
                answers.append("ALL_MATH_BIGINT")
                continue
            where = node.epoch("default", 1).place
            answers.append(evaluation(where, figures.count, figures.root, figures.sums))
        except LedgerError as error:
            answers.append(error.rule)
    return answers


@settings(
    max_examples=2,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(  # what is drawn first is the smallest that there is: without a bound, eight empty nodes
    drawn=st.lists(cases(), min_size=8, max_size=8).filter(lambda drawn: sum(len(case.events) for case in drawn) > 20)
)
def test_both_engines_come_to_what_core_comes_to(
    place: Path, duck: DuckEngine, spark: SparkEngine, drawn: list[Case]
) -> None:
    nodes = write(place, drawn)
    right = [as_core_has_it(case) for case in drawn]
    assert as_engine_has_it(duck, nodes) == right
    assert as_engine_has_it(spark, nodes) == right


def bound(account: str) -> dict[str, Any]:
    named = {"external_id": account, "login": None, "provider": "github", "user_id": user(1)}
    return {"action": "bind", "actor": "ada", "at": AT, "evidence": "", **named}


def test_sums_far_past_sixty_four_bits_and_trees_of_thousands_of_lines_are_exact_in_both(
    place: Path, duck: DuckEngine, spark: SparkEngine
) -> None:
    """Sail wraps a SUM over BIGINT past 2^63 without a word: no such sum may be reached."""
    each = 2**53 - 1
    events = [event(number, quantity=each, platform_user_id="1") for number in range(1, 3_000)]
    case = Case(weights={"github:pr_merged": each}, events=events, bindings=[bound("1")], cuts=(7, 1_500))
    nodes = write(place, [case])
    for engine in (duck, spark):
        figures = recompute(engine, nodes)[0, Place("default", 1)]
        (person,) = figures.sums.users
        assert person.proposed_units == len(events) * each * each > 2**115
        assert figures.root == merkle_root([line(fields)[:-1] for fields in events])


def test_no_query_sums_anything_but_wide_decimals() -> None:
    texts = {path.name: re.sub(r"--[^\n]*", "", path.read_text("utf-8")) for path in SQL.glob("*.sql")}
    assert "tally.sql" in {name for name, text in texts.items() if "SUM(" in text.upper()}
    for name, text in texts.items():
        for opened in re.finditer(r"\bSUM\s*\(", text, re.IGNORECASE):
            assert re.match(r"CAST\([\w.]+ AS DECIMAL\(38,0\)\)\)", text[opened.end() :]), name
        assert not re.search(r"\bAVG\s*\(|::|FILTER\s*\(", text, re.IGNORECASE), f"{name}: outside the common subset"


# --- the same words --------------------------------------------------------------------------------------------------


def _line(root: Path, change: Callable[[bytes], bytes]) -> None:
    path = root / FOLDER / "activity.jsonl"
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([change(lines[0]), *lines[1:]]))


TAMPERS: dict[str, Callable[[Path], None]] = {
    "a line that is no JSON": lambda root: _line(root, lambda text: text[:-5]),
    "a byte that is no UTF-8": lambda root: _line(root, lambda text: text.replace(b'"source"', b'"sour\xffe"')),
    "a quantity": lambda root: _line(root, lambda text: text.replace(b'"quantity":1', b'"quantity":2')),
    "the log is gone": lambda root: (root / FOLDER / "activity.jsonl").unlink(),
    "a decision that is no line": lambda root: (root / FOLDER / "curation.jsonl").write_bytes(b"{}\n"),
}


def verified(session: Session, asked: Asked | None) -> Verification:
    figures, _ = second_opinion(session, None, None, asked) if asked else (None, None)
    return verify(session, second=figures)


def test_whatever_is_wrong_is_told_in_the_same_words_with_either_engine(remote: str, tmp_path: Path) -> None:
    for number, (what, tamper) in enumerate(TAMPERS.items()):
        root = golden_copy(tmp_path / str(number))
        tamper(root)
        told = []
        for asked in (None, Asked("spark", remote)):
            with at(root, NOW) as session:
                told.append(verified(session, asked))
        alone, second = told
        assert alone == second, what
        assert "loaded since" not in str(alone), "one wrong epoch does not spoil those after it"
        assert not alone.ok, what


def test_what_the_second_engine_finds_is_what_the_statement_is_held_to(tmp_path: Path) -> None:
    """Else an engine that was never asked would pass."""
    root = golden_copy(tmp_path / "node")
    with at(root, NOW) as session:
        figures, _ = second_opinion(session, "default", 1, Asked())
        assert figures is not None and list(figures) == [Place("default", 1)]
        wrong = {key: other(one) for key, one in figures.items()}
        told = {finding.rule for finding in verify(session, "default", 1, second=wrong).all_findings}
    assert told == {"ACTIVITY_APPEND_ONLY", "PAYOUT_DETERMINISTIC"}


def test_an_epoch_that_the_second_engine_did_not_see_is_no_pass(tmp_path: Path) -> None:
    root = golden_copy(tmp_path / "node")
    with at(root, NOW) as session:
        figures, _ = second_opinion(session, None, None, Asked())
        assert figures is not None and verify(session, second=figures).ok
        less = {key: one for key, one in figures.items() if key != Place("default", 1)}
        fewer = {key: replace(one, bindings=one.bindings + 1) for key, one in figures.items()}
        for partly in (less, fewer):
            with pytest.raises(EngineError, match="made no figures of default/1"):
                verify(session, second=partly)


def other(figures: Figures) -> Figures:
    """What an engine would say of a log and a sum that are not these."""
    first, *rest = figures.sums.users
    users = (first._replace(proposed_units=first.proposed_units + 1), *rest)
    return replace(figures, root=merkle_root([b"x"]), sums=replace(figures.sums, users=users))


def test_verify_by_spark_ends_as_verify_does(remote: str, tmp_path: Path) -> None:
    root = golden_copy(tmp_path / "node")
    done = [
        CliRunner().invoke(ledger, ["verify", "--node", str(root), *more], standalone_mode=False)
        for more in ([], ["--engine", "spark", "--remote", remote])
    ]
    assert [one.return_value for one in done] == [0, 0]
    assert done[0].stdout == done[1].stdout and "verified: 6 epochs" in done[0].stdout


def test_an_engine_that_is_not_there_or_sees_no_files_says_so(remote: str, tmp_path: Path) -> None:
    root = golden_copy(tmp_path / "node")
    with at(root, NOW) as session:
        _, nobody = second_opinion(session, None, None, Asked("spark", "sc://127.0.0.1:1"))
        _, blind = second_opinion(session, None, None, Asked("spark", remote, f"{root}={tmp_path}/elsewhere"))
        assert isinstance(nobody, EngineError) and "cannot be reached" in nobody.message
        assert isinstance(blind, EngineError) and "does not find this file" in blind.message
        assert blind.path is not None and "--shared" in blind.hint
    moved = shutil.copytree(root, tmp_path / "elsewhere")
    with at(root, NOW) as session:
        figures, failed = second_opinion(session, None, None, Asked("spark", remote, f"{root}={moved}"))
        assert failed is None and figures is not None and verify(session, second=figures).ok
    for wrong in (lambda: SparkEngine("http://x"), lambda: SparkEngine(remote, "x"), lambda: Asked("duckdb", remote)):
        with pytest.raises(UsageError):
            wrong()
