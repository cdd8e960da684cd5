"""Windows: half-open, aligned in both directions from the anchor, and covered time as sets of them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.errors import InputError
from ledger.core.values import Timestamp, from_milliseconds, to_milliseconds
from ledger.core.windows import DAY, Calendar, Window, gaps, later, merge, whole_hour

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
    week = Calendar(ANCHOR, 7).holding(ANCHOR)
    assert (week.start, week.end) == (ANCHOR, "2026-01-12T00:00:00.000Z")
    assert week.start in week
    assert "2026-01-11T23:59:59.999Z" in week
    assert week.end not in week
    assert "2026-01-04T23:59:59.999Z" not in week


def test_exactly_monday_midnight_is_in_the_later_window() -> None:
    assert Calendar(ANCHOR, 7).holding(Timestamp("2026-01-12T00:00:00.000Z")).start == "2026-01-12T00:00:00.000Z"
    assert Calendar(ANCHOR, 7).holding(Timestamp("2026-01-11T23:59:59.999Z")).start == ANCHOR


def test_times_before_the_anchor_have_windows_too() -> None:
    assert Calendar(ANCHOR, 7).holding(Timestamp("2026-01-04T23:59:59.999Z")).start == "2025-12-29T00:00:00.000Z"
    assert Calendar(ANCHOR, 7).holding(Timestamp("2025-12-29T00:00:00.000Z")).start == "2025-12-29T00:00:00.000Z"
    assert Calendar(ANCHOR, 1).holding(Timestamp("1969-12-31T12:00:00.000Z")).start == "1969-12-31T00:00:00.000Z"


@given(TIMES, LENGTHS)
def test_every_time_is_in_exactly_one_aligned_window(time: Timestamp, days: int) -> None:
    window = Calendar(ANCHOR, days).holding(time)
    assert time in window
    assert Calendar(ANCHOR, days).count(window) == 1
    assert (to_milliseconds(window.start) - ZERO) % (days * DAY) == 0
    assert to_milliseconds(window.end) - to_milliseconds(window.start) == days * DAY
    assert time not in Calendar(ANCHOR, days).after(window)
    assert Calendar(ANCHOR, days).after(window) == Calendar(ANCHOR, days).holding(window.end)
    assert time not in Calendar(ANCHOR, days).holding(later(window.start, -1))


def test_a_window_off_the_grid_or_of_another_length_is_not_aligned() -> None:
    week = Calendar(ANCHOR, 7).holding(ANCHOR)
    assert Calendar(ANCHOR, 14).count(week) != 1
    assert Calendar(ANCHOR, 7).count(Window(later(week.start, DAY), later(week.end, DAY))) != 1
    assert Calendar(ANCHOR, 7).count(Window(week.start, later(week.end, -1))) != 1


@pytest.mark.parametrize("end", ["2026-01-05T00:00:00.000Z", "2026-01-04T00:00:00.000Z"])
def test_a_window_without_length_is_refused(end: str) -> None:
    with pytest.raises(InputError, match="start before it ends"):
        Window(ANCHOR, Timestamp(end))


def test_a_window_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(InputError, match="years 1 to 9999"):
        Calendar(ANCHOR, 366).holding(Timestamp("9999-12-31T00:00:00.000Z"))
    with pytest.raises(InputError, match="years 1 to 9999"):
        Calendar(ANCHOR, 366).holding(Timestamp("0001-01-01T00:00:00.000Z"))


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
    assert str(Calendar(ANCHOR, 7).holding(ANCHOR)) == "2026-01-05T00:00:00.000Z..2026-01-12T00:00:00.000Z"


MONTHS = st.integers(1, 36)


@given(TIMES, MONTHS, st.integers(1, 28))
def test_every_time_is_in_exactly_one_month_window(time: Timestamp, length: int, day: int) -> None:
    months = Calendar(Timestamp(f"2026-03-{day:02d}T00:00:00.000Z"), length, "months")
    window = months.holding(time)
    assert time in window
    assert window.start[8:] == months.anchor[8:] == window.end[8:]
    assert months.holding(window.end) == months.after(window)
    assert months.holding(later(window.start, -1)).end == window.start
    assert months.count(window) == 1
    assert months.count(Window(window.start, months.after(window).end)) == 2


def test_months_begin_on_the_anchors_day_and_differ_in_length() -> None:
    months = Calendar(Timestamp("2026-01-28T00:00:00.000Z"), 1, "months")
    february = months.holding(Timestamp("2026-02-28T00:00:00.000Z"))
    assert (february.start[:10], february.end[:10]) == ("2026-02-28", "2026-03-28")
    assert months.holding(Timestamp("2026-02-27T23:59:59.999Z")).start[:10] == "2026-01-28"
    assert months.holding(Timestamp("2025-12-31T00:00:00.000Z")).start[:10] == "2025-12-28"
    assert months.count(Window(february.start, later(february.end, DAY))) is None
    assert months.count(Window(later(february.start, DAY), february.end)) is None
