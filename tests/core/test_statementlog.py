"""The statement log and the files are held to each other in both directions; epochs of a scope follow one another."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from ledger.core.conduct import binding_findings, coverage_findings, step_findings
from ledger.core.identity import new_user_id
from ledger.core.records.activity import Collection, Cursor
from ledger.core.statementlog import Final, StatementLog, log_findings, to_log
from ledger.core.succession import EpochLife, scope_findings
from ledger.core.values import Hash, NodeId, ScopeId, Timestamp
from ledger.core.windows import Window
from tests.core.samples import END, NODE, START, TIME, record, user

SETS = "data/approvers/default.jsonl"


def digest(name: str) -> Hash:
    return Hash(hashlib.sha256(name.encode()).hexdigest())


def statement(number: int, seq: int = 1) -> Final:
    ref = f"data/epochs/default/{number:04d}/statement.json"
    return Final("statement", ref, digest(f"statement {number}"), f"{SETS}:{seq}")


def approvers(seq: int) -> Final:
    return Final("approvers", f"{SETS}:{seq}", digest(f"set {seq}"))


FINAL = [approvers(1), approvers(2), statement(1), statement(2, seq=2)]
IN_TIME = [approvers(1), statement(1), approvers(2), statement(2, seq=2)]


def lines(final: list[Final]) -> list[Any]:
    return to_log([], final, NodeId(NODE), ScopeId("default"))


def told(final: list[Final], files: list[Final] = FINAL) -> list[str]:
    return [found.message for found in log_findings("log", lines(final), files)]


def test_the_root_is_that_of_rfc_9162_over_the_hex_digits() -> None:
    assert StatementLog(()).pin(0).model_dump() == {"root": hashlib.sha256(b"").hexdigest(), "size": 0}
    one, two = lines([approvers(1), statement(1)])
    leaves = [hashlib.sha256(b"\0" + line.hash.encode()).digest() for line in (one, two)]
    log = StatementLog((one, two))
    assert log.pin(0) == StatementLog(()).pin(0)
    assert log.pin(1).root == leaves[0].hex()
    assert log.pin(2).root == hashlib.sha256(b"\1" + leaves[0] + leaves[1]).hexdigest()


def test_a_log_that_goes_on_says_what_all_of_its_lines_say() -> None:
    whole = lines(IN_TIME)
    for size in range(len(whole) + 1):
        shorter = StatementLog(tuple(whole[:size]))
        assert shorter.pin(size) == StatementLog(tuple(whole)).pin(size)
        longer = shorter.followed_by(tuple(whole[size:]))
        assert [longer.pin(each) for each in range(5)] == [StatementLog(tuple(whole)).pin(each) for each in range(5)]
        assert [longer.before(line.ref) for line in whole] == [0, 1, 2, 3]
        assert [shorter.before(line.ref) for line in whole[size:]] == [None] * (4 - size)


def test_only_what_is_missing_is_added_and_twice_adds_nothing() -> None:
    some = lines(FINAL[:2])
    assert [line.ref for line in to_log(some, FINAL, NodeId(NODE), ScopeId("default"))] == [
        one.ref for one in FINAL[2:]
    ]
    assert to_log(lines(FINAL), FINAL, NodeId(NODE), ScopeId("default")) == []


def test_a_log_that_names_everything_final_in_its_order_is_good() -> None:
    assert told(IN_TIME) == told(FINAL) == []


def test_everything_else_is_a_finding() -> None:
    assert told(IN_TIME[:-1]) == ["is final and stands in no line of the statement log"]
    assert told([*IN_TIME, statement(3)]) == ["names what is not final here"]
    assert told([*IN_TIME, IN_TIME[1]]) == ["names this a second time"]
    other = Final("statement", FINAL[2].ref, digest("another"), FINAL[2].pinned)
    assert told([approvers(1), other, *IN_TIME[2:]]) == [f"is not the hash of {other.ref}"]
    assert told([approvers(1), approvers(2), statement(2, 2), statement(1)]) == ["stands after what followed it"]
    assert told([statement(1), *IN_TIME[:1], *IN_TIME[2:]]) == ["stands before the approver set that signed it"]


# --- the epochs of a scope together


def life(number: int, state: Any, *, week: int | None = None) -> EpochLife:
    first = 5 + 7 * ((week or number) - 1)
    days = [Timestamp(f"2026-01-{day:02d}T00:00:00.000Z") for day in (first, first + 7)]
    return EpochLife(number, f"epochs/{number:04d}", state, Window(*days))


def together(*epochs: EpochLife, overlap: bool = False) -> list[str]:
    return [found.message for found in scope_findings("epochs", epochs, overlap=overlap)]


@pytest.mark.parametrize(
    ("states", "overlap"),
    [
        (["finalized", "finalized"], False),
        (["finalized", "review"], False),
        (["finalized", "open"], False),
        (["finalized", "review", "open"], True),
        ([], False),
    ],
)
def test_only_the_end_of_a_scope_may_be_unfinished(states: list[str], overlap: bool) -> None:
    assert together(*(life(number, state) for number, state in enumerate(states, start=1)), overlap=overlap) == []


@pytest.mark.parametrize("state", ["review", "open"])
@pytest.mark.parametrize("after", [["finalized"], ["finalized", "finalized"], ["open"], ["review"]])
def test_an_epoch_before_the_last_that_lost_its_final_step_is_a_finding(state: str, after: list[str]) -> None:
    lives = [life(number, one) for number, one in enumerate([state, *after], start=1)]
    assert "an earlier epoch is not finalized, though another came after it" in together(*lives)


def test_overlap_is_review_then_open_and_no_other_two() -> None:
    for one, two in (("open", "open"), ("open", "review"), ("review", "review"), ("review", "finalized")):
        assert together(life(1, one), life(2, two), overlap=True)


def test_gaps_in_numbers_and_in_time_are_findings() -> None:
    assert together(life(1, "finalized"), life(3, "open", week=2)) == ["epoch 2 is missing before it"]
    assert together(life(1, "finalized"), life(2, "open", week=3)) == ["the window does not follow the one before"]


# --- what every writer keeps to


def test_a_step_to_review_before_the_window_ends_is_a_finding() -> None:
    steps = [record("opening"), record("review", at=TIME)]
    assert [found.message for found in step_findings("x", steps, Timestamp(END))] == [
        "the epoch went to review before its window ended"
    ]
    assert list(step_findings("x", [record("opening"), record("review", at=END)], Timestamp(END))) == []


def test_steps_go_forward_in_time() -> None:
    steps = [record("opening", at=END), record("review", at=TIME)]
    assert "step lies before the one before it" in [found.message for found in step_findings("x", steps, None)]


def test_no_run_covers_what_had_not_happened() -> None:
    good: Cursor = record("cursor", at=END, covered=[{"from": START, "to": END}])
    bad: Cursor = record("cursor", at=TIME, covered=[{"from": START, "to": END}])
    seen: Collection = record("collection", at=TIME, covered_from=START, covered_to=END)
    assert list(coverage_findings("c", [good], "s", [])) == []
    assert [found.path for found in coverage_findings("c", [bad], "s", [seen])] == ["c", "s"]


def test_a_new_person_has_the_id_of_the_account_and_no_other() -> None:
    right = new_user_id(NODE, "github", "1001")
    one = record("binding", user_id=right)
    assert list(binding_findings("b", [one])) == []
    random = record("binding", user_id=user(9))
    assert [found.actual for found in binding_findings("b", [random])] == [user(9)]
    assert list(binding_findings("b", [random], known=1)) == []
    also = record("binding", seq=2, external_id="1002", user_id=right)
    assert list(binding_findings("b", [one, also])) == [], "somebody who is known gets another account"
