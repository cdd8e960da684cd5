"""From events and decisions to units: each rule by itself, a small epoch worked out by hand, and a second reading."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.errors import InputError
from ledger.core.evaluate import Evaluation, EventOutcome, evaluate, event_outcomes, fold_curation
from ledger.core.identity import known_users, new_user_id, resolve_accounts
from ledger.core.merkle import EMPTY_ROOT
from ledger.core.records.activity import ActivityEvent
from ledger.core.records.decisions import Binding, Curation, Override
from ledger.core.values import MAX_AMOUNT
from tests.core.samples import NODE, START, record, user, uuid5

EPOCH = record("epoch")  # github:pr_merged 8000, git:commit_authored 1000


def event(name: str, account: str = "1", **changes: Any) -> ActivityEvent:
    found: ActivityEvent = record("event", id=name, platform_user_id=account, **changes)
    return found


def bind(account: str, number: int, action: str = "bind", provider: str = "github") -> Binding:
    found: Binding = record("binding", external_id=account, user_id=user(number), action=action, provider=provider)
    return found


def decide(name: str, action: str, value: int | None = None) -> Curation:
    """One decision; `value` is the weight in milli-units, or the number of the user."""
    resolve = action == "resolve"
    found: Curation = record(
        "curation",
        event_id=name,
        action=action,
        user_id=user(value) if resolve and value is not None else None,
        weight_override_milli=None if resolve else value,
    )
    return found


def override(number: int, units: int | None) -> Override:
    found: Override = record("override", user_id=user(number), final_units=None if units is None else str(units))
    return found


def outcomes(
    events: list[ActivityEvent], bindings: list[Binding] | None = None, curation: list[Curation] | None = None
) -> list[EventOutcome]:
    lines = [("activity.jsonl", number, line) for number, line in enumerate(events, start=1)]
    return event_outcomes(EPOCH, lines, bindings or [], curation or [])


def result(
    events: list[ActivityEvent],
    bindings: list[Binding] | None = None,
    curation: list[Curation] | None = None,
    overrides: list[Override] | None = None,
) -> Evaluation:
    return evaluate(EPOCH, outcomes(events, bindings, curation), overrides or [], EMPTY_ROOT)


def units(found: Evaluation) -> dict[str, int]:
    return {row.user_id: row.units for row in found.allocations}


# --- identity -------------------------------------------------------------------------------------------------------


def test_the_latest_binding_of_an_account_wins() -> None:
    assert resolve_accounts([]) == {}
    assert resolve_accounts([bind("1", 1), bind("1", 2)]) == {("github", "1"): user(2)}
    assert resolve_accounts([bind("1", 1), bind("1", 1, "unbind")]) == {}
    assert resolve_accounts([bind("1", 1), bind("1", 1, "unbind"), bind("1", 3)]) == {("github", "1"): user(3)}


def test_unbinding_what_was_never_bound_changes_nothing() -> None:
    assert resolve_accounts([bind("9", 1, "unbind"), bind("1", 1)]) == {("github", "1"): user(1)}


def test_the_same_account_number_elsewhere_is_another_account() -> None:
    accounts = resolve_accounts([bind("1", 1), bind("1", 2, provider="discord")])
    assert accounts == {("github", "1"): user(1), ("discord", "1"): user(2)}


def test_whoever_was_ever_bound_is_a_known_user() -> None:
    assert known_users([bind("1", 1), bind("1", 1, "unbind"), bind("1", 2)]) == {user(1), user(2)}


def test_a_new_user_is_named_after_his_first_binding() -> None:
    assert new_user_id(NODE, "github", "1001") == uuid5("github:1001")


# --- decisions ------------------------------------------------------------------------------------------------------


def test_an_event_earns_what_its_kind_is_worth_and_an_unknown_kind_nothing() -> None:
    found = outcomes([event("a"), event("b", event_type="issue_closed"), event("c", source="git")])
    assert [(row.units, row.weight_source) for row in found] == [(8000, "policy"), (0, "none"), (0, "none")]


@pytest.mark.parametrize(
    ("actions", "included"),
    [([], True), (["exclude"], False), (["exclude", "include"], True), (["include", "exclude"], False)],
)
def test_the_latest_of_include_and_exclude_wins(actions: list[str], included: bool) -> None:
    found = result([event("a")], [bind("1", 1)], [decide("a", action) for action in actions])
    assert units(found) == ({user(1): 8000} if included else {})


@pytest.mark.parametrize(
    ("weights", "worth", "source"),
    [
        ([5], 5, "decision"),
        ([5, 7], 7, "decision"),
        ([5, None], 8000, "policy"),
        ([0], 0, "decision"),
        ([None], 8000, "policy"),
    ],
)
def test_the_latest_weight_wins_and_null_clears_it(weights: list[int | None], worth: int, source: str) -> None:
    row = outcomes([event("a")], [], [decide("a", "weight", weight) for weight in weights])[0]
    assert (row.units, row.weight_source) == (worth, source)


def test_groups_of_decisions_do_not_touch_each_other() -> None:
    lines = [decide("a", "weight", 5), decide("a", "exclude"), decide("a", "note"), decide("a", "resolve", 3)]
    decision = fold_curation(lines)["a"]
    assert (decision.included, decision.weight, decision.user_id) == (False, 5, user(3))
    assert fold_curation(lines[::-1])["a"] == decision


def test_a_resolve_decision_goes_before_the_binding() -> None:
    found = result([event("a"), event("b")], [bind("1", 1)], [decide("a", "resolve", 2), decide("a", "resolve", 3)])
    assert units(found) == {user(1): 8000, user(3): 8000}


def test_a_decision_on_an_event_of_another_epoch_changes_nothing() -> None:
    assert result([event("a")], [bind("1", 1)], [decide("z", "exclude")]) == result([event("a")], [bind("1", 1)])


def test_the_latest_override_wins_null_clears_it_and_the_proposal_stays() -> None:
    events, bindings = [event("a")], [bind("1", 1)]
    for overrides, final, reason in (
        ([override(1, 5), override(1, 9)], 9, "design work outside the repositories"),
        ([override(1, 0)], 0, "design work outside the repositories"),
        ([override(1, 5), override(1, None)], None, None),
        ([override(1, None)], None, None),
    ):
        (row,) = result(events, bindings, overrides=overrides).allocations
        assert (row.final_units, row.override_reason, row.proposed_units) == (final, reason, 8000)
        assert row.units == (8000 if final is None else final)


def test_an_override_may_name_a_user_without_activity() -> None:
    found = result([event("a")], [bind("1", 2)], overrides=[override(1, 500), override(3, None)])
    assert [(row.user_id, row.activity_count, row.proposed_units, row.units) for row in found.allocations] == [
        (user(1), 0, 0, 500),
        (user(2), 1, 8000, 8000),
    ]


# --- late and unresolved --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("time", "late"), [("2026-01-04T23:59:59.999Z", True), (START, False), ("2026-01-11T23:59:59.999Z", False)]
)
def test_an_event_from_before_the_window_is_late_and_counts(time: str, late: bool) -> None:
    lines = [event("a", event_time=time)]
    assert [row.late for row in outcomes(lines)] == [late]
    assert units(result(lines, [bind("1", 1)])) == {user(1): 8000}


def test_unresolved_events_are_listed_with_what_they_would_earn_and_pay_nobody() -> None:
    """IDENTITY_BEST_EFFORT: they stay, and the last login seen names the account for people."""
    events = [
        event("a", "1", platform_login="old"),
        event("b", "1", platform_login="new"),
        event("c", "2", platform_login=None),
        event("d", "2"),
    ]
    found = result(events, [], [decide("d", "exclude"), decide("b", "weight", 3)])
    assert found.allocations == ()
    assert found.unresolved_count == 3
    assert [(row.platform_user_id, row.platform_login, row.event_count, row.units) for row in found.unresolved] == [
        ("1", "new", 2, 8003),
        ("2", None, 1, 8000),
    ]
    assert found.activity_count == 4


def test_every_outcome_knows_its_file_and_line() -> None:
    rows = event_outcomes(EPOCH, [("activity.jsonl", 9, event("a")), ("activity-0002.jsonl", 1, event("b"))], [], [])
    assert [(row.path, row.line, row.id) for row in rows] == [
        ("activity.jsonl", 9, "a"),
        ("activity-0002.jsonl", 1, "b"),
    ]


def test_an_empty_epoch_has_no_allocations() -> None:
    found = result([])
    assert (found.allocations, found.unresolved, found.totals, found.activity_count) == ((), (), (), 0)


# --- bounds ---------------------------------------------------------------------------------------------------------


def test_the_total_of_all_users_stays_within_64_bits() -> None:
    assert sum(units(result([], overrides=[override(1, MAX_AMOUNT), override(2, 0)])).values()) == MAX_AMOUNT
    with pytest.raises(InputError, match="ALL_MATH_BIGINT"):
        result([], overrides=[override(1, MAX_AMOUNT), override(2, 1)])


def test_the_sum_of_many_large_weights_is_an_error_and_no_wrap() -> None:
    events = [event(f"e{number}") for number in range(1025)]
    curation = [decide(line.id, "weight", 2**53 - 1) for line in events]
    assert units(result(events[:1024], [bind("1", 1)], curation)) == {user(1): 1024 * (2**53 - 1)}
    with pytest.raises(InputError, match="ALL_MATH_BIGINT"):
        result(events, [bind("1", 1)], curation)


# --- a small epoch by hand, and a second reading of the rules -------------------------------------------------------


def test_a_small_epoch_worked_out_by_hand() -> None:
    """Ana (1): two pull requests, one worth 500 by decision. Ben (2): a commit, and one that was Ana's account's.

    Cleo (3) has no activity and 1500 by decision. Account 9 is nobody's. One pull request of Ben's does not count.
    """
    commit = {"source": "git", "event_type": "commit_authored"}
    found = result(
        [
            event("pr1", "1"),
            event("pr2", "1"),
            event("pr3", "1"),
            event("c1", "b@", **commit),
            event("pr4", "2"),
            event("pr5", "9"),
        ],
        [bind("1", 1), bind("2", 2), bind("b@", 1, provider="git"), bind("b@", 2, provider="git")],
        [decide("pr2", "weight", 500), decide("pr3", "resolve", 2), decide("pr4", "exclude")],
        [override(3, 1500)],
    )
    assert [(row.user_id, row.proposed_units, row.units, row.activity_count) for row in found.allocations] == [
        (user(1), 8500, 8500, 2),
        (user(2), 9000, 9000, 2),
        (user(3), 0, 1500, 0),
    ]
    assert [(row.platform_user_id, row.units) for row in found.unresolved] == [("9", 8000)]
    assert [(row.event_type, row.event_count, row.counted_count, row.units) for row in found.totals] == [
        ("commit_authored", 1, 1, 1000),
        ("pr_merged", 5, 3, 16500),
    ]


def by_scanning(
    events: list[ActivityEvent], bindings: list[Binding], curation: list[Curation], overrides: list[Override]
) -> tuple[dict[str, tuple[int, int | None, int]], int]:
    """The rules once more, by looking through the logs backwards for each question instead of folding them forwards."""

    def last(lines: Any, wanted: Any) -> Any:
        return next((line for line in reversed(lines) if wanted(line)), None)

    table: dict[str, tuple[int, int | None, int]] = {}
    unresolved = 0
    for line in events:
        about = [decision for decision in curation if decision.event_id == line.id]
        switch = last(about, lambda decision: decision.action in ("include", "exclude"))
        if switch is not None and switch.action == "exclude":
            continue
        resolved = last(about, lambda decision: decision.action == "resolve")
        bound = last(
            bindings,
            lambda entry, line=line: (entry.provider, entry.external_id) == (line.source, line.platform_user_id),
        )
        who = resolved.user_id if resolved else bound.user_id if bound and bound.action == "bind" else None
        if who is None:
            unresolved += 1
            continue
        weighed = last(about, lambda decision: decision.action == "weight")
        policy = {"github:pr_merged": 8000, "git:commit_authored": 1000}
        worth = policy.get(f"{line.source}:{line.event_type}", 0)
        if weighed is not None and weighed.weight_override_milli is not None:
            worth = weighed.weight_override_milli
        proposed, final, count = table.get(who, (0, None, 0))
        table[who] = (proposed + worth, final, count + 1)
    for who in {line.user_id for line in overrides}:
        final = last(overrides, lambda entry, who=who: entry.user_id == who).final_units
        if final is not None:
            proposed, _, count = table.get(who, (0, None, 0))
            table[who] = (proposed, final, count)
    return table, unresolved


NUMBERS = st.integers(1, 4)
ACCOUNTS = st.sampled_from(["1", "2", "3"])
KINDS = st.sampled_from([("github", "pr_merged"), ("git", "commit_authored"), ("github", "issue_closed")])
EVENTS = st.lists(st.tuples(ACCOUNTS, KINDS), max_size=6).map(
    lambda drawn: [
        event(f"e{number}", account, source=source, event_type=kind)
        for number, (account, (source, kind)) in enumerate(drawn)
    ]
)
BINDINGS = st.lists(
    st.builds(bind, ACCOUNTS, NUMBERS, st.sampled_from(["bind", "bind", "unbind"]), st.sampled_from(["github", "git"])),
    max_size=6,
)
NAMES = st.sampled_from(["e0", "e1", "e2", "e9"])
CURATION = st.lists(
    st.one_of(
        st.builds(decide, NAMES, st.sampled_from(["include", "exclude", "note"])),
        st.builds(decide, NAMES, st.just("weight"), st.none() | st.integers(0, 9)),
        st.builds(decide, NAMES, st.just("resolve"), NUMBERS),
    ),
    max_size=8,
)
OVERRIDES = st.lists(st.builds(override, NUMBERS, st.none() | st.integers(0, 9)), max_size=5)


@given(EVENTS, BINDINGS, CURATION, OVERRIDES)
def test_folding_forwards_agrees_with_searching_backwards(
    events: list[ActivityEvent], bindings: list[Binding], curation: list[Curation], overrides: list[Override]
) -> None:
    found = result(events, bindings, curation, overrides)
    table, unresolved = by_scanning(events, bindings, curation, overrides)
    assert {
        row.user_id: (row.proposed_units, row.final_units, row.activity_count) for row in found.allocations
    } == table
    assert found.unresolved_count == unresolved == sum(row.event_count for row in found.unresolved)
    assert [row.user_id for row in found.allocations] == sorted(table)


@given(EVENTS, BINDINGS, CURATION, OVERRIDES)
def test_no_event_is_ever_dropped(
    events: list[ActivityEvent], bindings: list[Binding], curation: list[Curation], overrides: list[Override]
) -> None:
    rows = outcomes(events, bindings, curation)
    found = result(events, bindings, curation, overrides)
    excluded = sum(not row.included for row in rows)
    assert [row.id for row in rows] == [line.id for line in events]
    assert found.activity_count == len(events)
    assert sum(row.activity_count for row in found.allocations) + found.unresolved_count + excluded == len(events)
    assert sum(row.event_count for row in found.totals) == len(events)
    assert sum(row.units for row in found.totals) == sum(row.proposed_units for row in found.allocations)
