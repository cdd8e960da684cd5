"""Windows: half-open, aligned in both directions from the anchor, and covered time as sets of them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.errors import InputError
from ledger.core.values import Timestamp, from_milliseconds, to_milliseconds
from ledger.core.windows import DAY, Window, gaps, is_aligned, later, merge, next_window, whole_hour, window_holding

ANCHOR = Timestamp("2026-01-05T00:00:00.000Z")
ZERO = to_milliseconds(ANCHOR)
TIMES = st.integers(-60 * 366 * DAY, 60 * 366 * DAY).map(lambda offset: from_milliseconds(ZERO + offset))
LENGTHS = st.integers(1, 366)


def at(number: int) -> Timestamp:
    """A small number as a time, so that intervals can be drawn as pairs of numbers."""
    return from_milliseconds(ZERO + number)


INTERVALS = st.lists(
    st.tuples(st.integers(0, 30), st.integers(1, 8)).map(lambda pair: Window(at(pair[0]), at(pair[0] + pair[1]))),
    max_size=8,
)


def points(windows: list[Window]) -> set[int]:
    """The milliseconds that windows hold, one by one: the naive model that merge and gaps are held to."""
    return {
        number for window in windows for number in range(to_milliseconds(window.start), to_milliseconds(window.end))
    }


def test_a_window_holds_its_start_and_not_its_end() -> None:
    week = window_holding(ANCHOR, ANCHOR, 7)
    assert (week.start, week.end) == (ANCHOR, "2026-01-12T00:00:00.000Z")
    assert week.start in week
    assert "2026-01-11T23:59:59.999Z" in week
    assert week.end not in week
    assert "2026-01-04T23:59:59.999Z" not in week


def test_exactly_monday_midnight_is_in_the_later_window() -> None:
    assert window_holding(Timestamp("2026-01-12T00:00:00.000Z"), ANCHOR, 7).start == "2026-01-12T00:00:00.000Z"
    assert window_holding(Timestamp("2026-01-11T23:59:59.999Z"), ANCHOR, 7).start == ANCHOR


def test_times_before_the_anchor_have_windows_too() -> None:
    assert window_holding(Timestamp("2026-01-04T23:59:59.999Z"), ANCHOR, 7).start == "2025-12-29T00:00:00.000Z"
    assert window_holding(Timestamp("2025-12-29T00:00:00.000Z"), ANCHOR, 7).start == "2025-12-29T00:00:00.000Z"
    assert window_holding(Timestamp("1969-12-31T12:00:00.000Z"), ANCHOR, 1).start == "1969-12-31T00:00:00.000Z"


@given(TIMES, LENGTHS)
def test_every_time_is_in_exactly_one_aligned_window(time: Timestamp, days: int) -> None:
    window = window_holding(time, ANCHOR, days)
    assert time in window
    assert is_aligned(window, ANCHOR, days)
    assert (to_milliseconds(window.start) - ZERO) % (days * DAY) == 0
    assert to_milliseconds(window.end) - to_milliseconds(window.start) == days * DAY
    assert time not in next_window(window, days)
    assert next_window(window, days) == window_holding(window.end, ANCHOR, days)
    assert time not in window_holding(later(window.start, -1), ANCHOR, days)


def test_a_window_off_the_grid_or_of_another_length_is_not_aligned() -> None:
    week = window_holding(ANCHOR, ANCHOR, 7)
    assert not is_aligned(week, ANCHOR, 14)
    assert not is_aligned(Window(later(week.start, DAY), later(week.end, DAY)), ANCHOR, 7)
    assert not is_aligned(Window(week.start, later(week.end, -1)), ANCHOR, 7)


@pytest.mark.parametrize("end", ["2026-01-05T00:00:00.000Z", "2026-01-04T00:00:00.000Z"])
def test_a_window_without_length_is_refused(end: str) -> None:
    with pytest.raises(InputError, match="start before it ends"):
        Window(ANCHOR, Timestamp(end))


def test_a_window_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(InputError, match="years 1 to 9999"):
        window_holding(Timestamp("9999-12-31T00:00:00.000Z"), ANCHOR, 366)
    with pytest.raises(InputError, match="years 1 to 9999"):
        window_holding(Timestamp("0001-01-01T00:00:00.000Z"), ANCHOR, 366)


@given(INTERVALS)
def test_merging_keeps_the_covered_time_and_leaves_windows_apart(windows: list[Window]) -> None:
    merged = merge(windows)
    assert points(merged) == points(windows)
    assert all(before.end < after.start for before, after in pairwise(merged))
    assert merge(merged) == merged
    assert merge(windows[::-1]) == merged


@given(INTERVALS, st.integers(0, 30), st.integers(1, 12))
def test_gaps_are_exactly_what_is_wanted_and_not_covered(windows: list[Window], start: int, length: int) -> None:
    wanted = Window(at(start), at(start + length))
    missing = gaps(wanted, windows)
    assert points(missing) == points([wanted]) - points(windows)
    assert merge(missing) == missing
    assert gaps(wanted, windows + missing) == []


def test_covered_time_is_claimed_in_whole_hours() -> None:
    assert whole_hour(Timestamp("2026-01-05T10:59:59.999Z")) == "2026-01-05T10:00:00.000Z"
    assert whole_hour(Timestamp("2026-01-05T10:00:00.000Z")) == "2026-01-05T10:00:00.000Z"


def test_a_window_is_shown_by_its_two_ends() -> None:
    assert str(window_holding(ANCHOR, ANCHOR, 7)) == "2026-01-05T00:00:00.000Z..2026-01-12T00:00:00.000Z"
