"""The life of an epoch: what is allowed when, and that no log of steps can go back or jump."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from ledger.core.approvers import build_chain
from ledger.core.errors import FormatError, StateError
from ledger.core.invariants import INVARIANTS
from ledger.core.lifecycle import ALLOWED, RULE, STEPS, Pin, pin_of, require, state_of
from ledger.core.records.approvers import ApproverSet
from ledger.core.records.epoch import STATES, Transition
from tests.core.samples import SOME_HASH, record


def step(start: str | None, to: str, **changes: Any) -> Transition:
    """A step of any kind, also a forbidden one, with the fields that its target asks for."""
    sample = {"open": "opening", "review": "review", "finalized": "finalize"}[to]
    found: Transition = record(sample, **{"from": start}, **changes)
    return found


OPEN, REVIEW, REPIN, DONE = (
    step(None, "open"),
    step("open", "review"),
    step("review", "review"),
    step("review", "finalized"),
)


def test_every_act_in_every_state(snapshot: SnapshotAssertion) -> None:
    lines = []
    for act, state in product(ALLOWED, STATES):
        try:
            require(act, state, 7)  # type: ignore[arg-type]
        except StateError as error:
            lines.append(f"{act:9} {state:9} no   {error}\n{'':25}→ {error.hint}")
        else:
            lines.append(f"{act:9} {state:9} yes")
    assert "\n".join(lines) == snapshot


def test_every_act_breaks_a_rule_that_has_a_name() -> None:
    assert RULE.keys() == ALLOWED.keys()
    assert set(RULE.values()) <= INVARIANTS.keys()


def test_nothing_at_all_is_allowed_once_finalized() -> None:
    assert not any("finalized" in states for states in ALLOWED.values())


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        ([OPEN], "open"),
        ([OPEN, REVIEW], "review"),
        ([OPEN, REVIEW, REPIN, REPIN], "review"),
        ([OPEN, REVIEW, DONE], "finalized"),
        ([OPEN, REVIEW, REPIN, DONE], "finalized"),
    ],
)
def test_the_state_is_where_the_last_step_leads(steps: list[Transition], state: str) -> None:
    assert state_of(steps) == state


@pytest.mark.parametrize(("start", "to"), [pair for pair in product([None, *STATES], STATES) if pair not in STEPS])
def test_a_step_that_is_not_in_the_table_is_refused_by_its_line(start: str | None, to: str) -> None:
    way: dict[str | None, list[Transition]] = {
        None: [],
        "open": [OPEN],
        "review": [OPEN, REVIEW],
        "finalized": [OPEN, REVIEW, DONE],
    }
    with pytest.raises(FormatError, match="EPOCH_THREE_PHASE") as caught:
        state_of([*way[start], step(start, to)])
    assert caught.value.line == len(way[start]) + 1


@pytest.mark.parametrize("steps", [[REVIEW], [OPEN, DONE], [OPEN, OPEN], [OPEN, REVIEW, DONE, REPIN], [OPEN, REPIN]])
def test_a_step_must_begin_where_the_last_one_ended(steps: list[Transition]) -> None:
    with pytest.raises(FormatError, match="cannot follow"):
        state_of(steps)


def test_an_epoch_without_any_step_is_refused() -> None:
    with pytest.raises(FormatError, match="no transition"):
        state_of([])


@given(st.lists(st.sampled_from([OPEN, REVIEW, REPIN, DONE]), min_size=1, max_size=6))
def test_whatever_the_log_says_the_epoch_never_goes_back(steps: list[Transition]) -> None:
    try:
        state_of(steps)
    except FormatError:
        return
    ranks = [STATES.index(line.to) for line in steps]
    assert ranks == sorted(ranks)
    assert ranks.count(0) == 1
    assert ranks.count(2) <= 1


def test_the_last_pin_counts_and_is_found_in_the_chain() -> None:
    one: ApproverSet = record("set")
    two: ApproverSet = record("set", seq=2, previous=one.line_hash, threshold=1)
    chain = build_chain([one, two], [])
    first = step("open", "review", approver_set_hash=one.set_hash, approvers_seq=1)
    again = step("review", "review", approver_set_hash=two.set_hash, approvers_seq=2, threshold=1, gaps=[])
    assert pin_of([OPEN], chain) is None
    assert pin_of([OPEN, first], chain) == Pin(one.approvers, 1, one.set_hash, 2, ("github: failed",))
    for steps in ([OPEN, first, again], [OPEN, first, again, DONE]):
        assert pin_of(steps, chain) == Pin(two.approvers, 2, two.set_hash, 1, ())


@pytest.mark.parametrize("changes", [{"approvers_seq": 3}, {"approver_set_hash": SOME_HASH}, {"threshold": 1}])
def test_a_pin_that_the_chain_does_not_hold_like_this_is_refused(changes: dict[str, Any]) -> None:
    one: ApproverSet = record("set")
    forged = step("open", "review", **{"approver_set_hash": one.set_hash, **changes})
    with pytest.raises(FormatError, match="does not hold like this"):
        pin_of([OPEN, forged], build_chain([one], []))
