"""The life of an epoch: what is allowed when, and that no log of steps can go back or jump."""

from __future__ import annotations

import hashlib
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from ledger.core.errors import FormatError, StateError
from ledger.core.invariants import INVARIANTS
from ledger.core.lifecycle import ALLOWED, RULE, STEPS, pin_of, require, state_of
from ledger.core.records import STATES, Transition, approver_set_hash
from tests.core.samples import OTHER_WALLET, SOME_HASH, WALLET, record


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


def test_the_last_pin_counts() -> None:
    again = step(
        "review", "review", approvers=[WALLET], approver_set_hash=approver_set_hash((WALLET,)), threshold=1, gaps=[]
    )
    assert pin_of([OPEN]) is None
    first = pin_of([OPEN, REVIEW])
    assert first is not None
    assert first.approvers == tuple(sorted([WALLET, OTHER_WALLET]))
    assert (first.threshold, first.gaps) == (2, ("github: failed",))
    for steps in ([OPEN, REVIEW, again], [OPEN, REVIEW, again, DONE]):
        pin = pin_of(steps)
        assert pin is not None
        assert (pin.approvers, pin.threshold, pin.gaps) == ((WALLET,), 1, ())


def test_the_approver_hash_is_over_sorted_lower_case_addresses() -> None:
    text = ",".join(sorted([WALLET.lower(), OTHER_WALLET.lower()]))
    expected = hashlib.sha256(text.encode()).hexdigest()
    assert approver_set_hash((WALLET, OTHER_WALLET)) == approver_set_hash((OTHER_WALLET, WALLET)) == expected
    assert DONE.statement_hash == SOME_HASH
