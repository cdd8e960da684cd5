"""Numbers as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.money import decimal_text
from ledger.site.words import number


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (1057737, "1,057,737"),
        (-3000, "-3,000"),
        ("1057.50", "1,057.50"),
        ("-0.50", "-0.50"),
        ("-1234567.000001", "-1,234,567.000001"),
    ],
)
def test_thousands_stand_apart_and_what_is_behind_the_point_stays(value: int | str, shown: str) -> None:
    assert number(value) == shown


@given(st.integers(), st.integers(0, 18))
def test_an_amount_without_its_commas_is_the_amount(minor: int, decimals: int) -> None:
    text = decimal_text(minor, decimals)
    assert number(text).replace(",", "") == text
