"""The pool: rules compute the same again, a component stands once, awards and withdrawals fold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ledger.core.awards import award_credits, standing_awards
from ledger.core.errors import FormatError
from ledger.core.pool import Computed, KpiReading, PoolFacts, pool_total, read_rule, standing_components
from ledger.core.values import MAX_AMOUNT, Hash
from tests.core.samples import SOME_HASH, record, user

FACTS = PoolFacts(
    windows=3,
    units=4000,
    undistributed=70,
    statement_hash=Hash(SOME_HASH),
    lapsed=5,
    readings={("kpi/sales.csv", "sales"): KpiReading(4, Hash(SOME_HASH), 250)},
)
KPI = {
    "rule": "kpi-linear-v1",
    "cap_credits": "1000",
    "column": "sales",
    "denominator": "3",
    "file": "kpi/sales.csv",
    "key": "period",
    "numerator": "2",
}


def computed(rule: dict[str, Any], **facts: Any) -> tuple[str, int]:
    found = Computed.of(read_rule(rule), replace(FACTS, **facts))
    return found.component_id, found.amount_credits


def test_a_fixed_base_is_paid_for_each_window() -> None:
    assert computed({"rule": "fixed-v1", "amount_credits": "100"}) == ("base_issuance", 300)


@pytest.mark.parametrize(("units", "credits"), [(0, 0), (1, 0), (3333, 33), (9999, 99), (10_000, 100), (10_001, 100)])
def test_a_quiet_epoch_issues_less_and_a_busy_one_no_more_than_configured(units: int, credits: int) -> None:
    rule = {"rule": "activity-scaled-v1", "amount_credits": "100", "full_at_units": "10000"}
    assert computed(rule, units=units) == ("base_issuance", credits)


def test_what_was_left_over_returns_up_to_a_cap_and_what_lapsed_whole() -> None:
    assert computed({"rule": "carry-over-v1", "cap_credits": "1000"}) == ("carry_over", 75)
    assert computed({"rule": "carry-over-v1", "cap_credits": "50"}) == ("carry_over", 55)
    first = Computed.of(
        read_rule({"rule": "carry-over-v1", "cap_credits": "50"}),
        replace(FACTS, undistributed=0, statement_hash=None, lapsed=0),
    )
    assert (first.amount_credits, first.inputs["statement_hash"]) == (0, None)


def test_an_indicator_gives_its_value_times_a_fraction_up_to_a_cap() -> None:
    assert computed(KPI) == ("kpi_bonus_v0", 166)
    assert computed({**KPI, "cap_credits": "100"}) == ("kpi_bonus_v0", 100)
    inputs = Computed.of(read_rule(KPI), FACTS).inputs
    assert (inputs["line"], inputs["sha256"], inputs["value"]) == (4, SOME_HASH, "250")
    with pytest.raises(FormatError, match="no row for this epoch"):
        computed(KPI, readings={})


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"rule": "fixed-v1"},
        {"rule": "fixed-v2", "amount_credits": "1"},
        {"rule": "fixed-v1", "amount_credits": "1.5"},
        {"rule": "activity-scaled-v1", "amount_credits": "1", "full_at_units": "0"},
        {**KPI, "file": "../secrets.csv"},
        {**KPI, "denominator": "0"},
        {"rule": "fixed-v1", "amount_credits": "1", "more": 1},
    ],
)
def test_a_rule_that_is_not_in_the_specification_is_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(FormatError, match="pool rule"):
        read_rule(rule)


def test_a_pool_past_64_bits_is_an_error_and_no_wrap() -> None:
    with pytest.raises(FormatError, match=r"2\^63-1"):
        computed({"rule": "fixed-v1", "amount_credits": str(MAX_AMOUNT)})


def test_a_component_stands_once_and_may_be_recorded_anew_after_it_was_withdrawn() -> None:
    first, gone, again = record("pool"), record("withdrawal"), record("pool", seq=3, amount_credits="7")
    assert pool_total(standing_components([first, gone])) == 0
    assert pool_total(standing_components([first, gone, again])) == 7
    with pytest.raises(FormatError, match="recorded twice") as twice:
        standing_components([first, again])
    assert (twice.value.rule, twice.value.line) == ("POOL_UNIQUE_PER_TYPE", 3)
    with pytest.raises(FormatError, match="does not stand"):
        standing_components([first, gone, record("withdrawal", seq=3)])


def test_a_cancelled_award_pays_nothing_and_its_name_is_free_again() -> None:
    first, gone, again = record("award"), record("cancel"), record("award", seq=3, amount_credits="7")
    assert award_credits(standing_awards([first, gone]).values()) == {}
    assert award_credits(standing_awards([first, gone, again]).values()) == {user(1): 7}
    with pytest.raises(FormatError, match="stands already"):
        standing_awards([first, again])
    with pytest.raises(FormatError, match="cannot be cancelled"):
        standing_awards([record("cancel", seq=1)])
