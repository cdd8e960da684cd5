"""Charts over real time as inline SVG: a bar is as wide as its window, and what lies between two bars is as far.

Whole numbers only, no script, no request. `assets/ui/range.js` draws the same marks for a part of the time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import NamedTuple

HEIGHT = 100
MOST_BARS = 110
"""More windows than this are drawn by month, more months by quarter: a bar that is no pixel wide says nothing."""
FEW = 8
MOST_TICKS = 6
_STEPS = (1, 2, 3, 6, 12, 24, 36, 60, 120, 240, 600, 1200)
"""Months between two marks of the axis."""
_WHOLE = 100_000


class Span(NamedTuple):
    """What one window came to; `end` is the first day after it. `final`: the value can no longer change."""

    start: str
    end: str
    value: int
    final: bool
    name: str


@dataclass(frozen=True)
class Mark:
    """A bar; `x` and `width` in thousandths of a percent of the drawing."""

    x: int
    width: int
    height: int
    text: str
    final: bool

    @property
    def y(self) -> int:
        """Where it begins, from the top."""
        return HEIGHT - self.height


@dataclass(frozen=True)
class Tick:
    """A mark on the axis of time. `anchor`: which part of its text stands there."""

    x: int
    text: str
    anchor: str


@dataclass(frozen=True)
class Timeline:
    """Bars and axes. `by`: what one bar stands for; `top`: the value of the upper line."""

    label: str
    by: str
    marks: tuple[Mark, ...]
    ticks: tuple[Tick, ...]
    top: int
    total: int
    first: str
    last: str

    @property
    def few(self) -> bool:
        """Whether so few bars are drawn that they would be walls over the page's whole width."""
        return len(self.marks) <= FEW

    @property
    def provisional(self) -> bool:
        """Whether a bar may still change."""
        return not all(mark.final for mark in self.marks)


def percent(thousandths: int) -> str:
    """Thousandths of a percent as SVG writes them: 12345 is `12.345%`."""
    return f"{thousandths // 1000}.{thousandths % 1000:03d}%"


def timeline(label: str, spans: Sequence[Span], by: str = "epoch") -> Timeline | None:
    """`spans`: windows in order of time, each `by` one. None when there is nothing to compare."""
    most = max((span.value for span in spans), default=0)
    if most <= 0 or len(spans) < 2:
        return None
    joined = list(spans)
    for by_next, months in (("month", 1), ("quarter", 3), ("year", 12)):
        if len(joined) <= MOST_BARS:
            break
        by, joined = by_next, list(_joined(spans, months))
    first, last = _day(joined[0].start), max(_day(span.end) for span in joined)
    whole = max(last - first, 1)
    top = round_top(max(span.value for span in joined))
    marks = []
    for span in joined:
        x = (_day(span.start) - first) * _WHOLE // whole
        width = (_day(span.end) - first) * _WHOLE // whole - x
        height = max(span.value * HEIGHT // top, 1) if span.value else 0
        marks.append(Mark(x, max(width * 4 // 5, 1), height, f"{span.name}: {span.value:,}", span.final))
    ticks = tuple(_ticks(first, last))
    total = sum(span.value for span in spans)
    return Timeline(label, by, tuple(marks), ticks, top, total, joined[0].start, date.fromordinal(last).isoformat())


def round_top(most: int) -> int:
    """The least of 2, 4, 6, 8, 10, 20, 40, … that is no less than `most`: an axis that is easy to read and to halve."""
    power = 1
    while most > 10 * power:
        power *= 10
    return next(step * power for step in (2, 4, 6, 8, 10) if step * power >= most)


@lru_cache(maxsize=8192)  # the same windows in everybody's chart
def _day(text: str) -> int:
    return date.fromisoformat(text).toordinal()


@lru_cache(maxsize=8192)
def _month(text: str) -> int:
    return int(text[:4]) * 12 + int(text[5:7]) - 1


@lru_cache(maxsize=8192)
def _first_day(month: int) -> str:
    return f"{month // 12:04d}-{month % 12 + 1:02d}-01"


def month_span(month: str, value: int, final: bool) -> Span:
    """All windows that begin in a month (`2026-03`) as one."""
    number = _month(month)
    return Span(_first_day(number), _first_day(number + 1), value, final, month)


def _joined(spans: Sequence[Span], months: int) -> Iterator[Span]:
    """One span for all that begin in the same `months` months."""
    found: list[list[Span]] = []
    last = None
    for span in spans:
        number = _month(span.start) // months
        if number != last:
            found.append([])
            last = number
        found[-1].append(span)
    for group in found:
        number = _month(group[0].start) // months
        start, end = _first_day(number * months), _first_day((number + 1) * months)
        name = start[:4] if months == 12 else start[:7] if months == 1 else f"{start[:4]}, quarter {number % 4 + 1}"
        value, final = sum([span.value for span in group]), all(span.final for span in group)
        yield Span(start, end, value, final, name)


def _ticks(first: int, last: int) -> Iterator[Tick]:
    begin, end = _month(date.fromordinal(first).isoformat()), _month(date.fromordinal(last).isoformat())
    if end - begin < 2:  # no two months begin in between
        yield Tick(0, date.fromordinal(first).isoformat(), "start")
        yield Tick(_WHOLE, date.fromordinal(last).isoformat(), "end")
        return
    step = next((step for step in _STEPS if (end - begin) // step < MOST_TICKS), _STEPS[-1])
    for month in range(-(-begin // step) * step, end + 1, step):
        start = _first_day(month)
        x = (_day(start) - first) * _WHOLE // max(last - first, 1)
        if 0 <= x <= _WHOLE:
            anchor = "start" if x < 5_000 else "end" if x > 95_000 else "middle"
            yield Tick(x, start[:4] if step >= 12 else start[:7], anchor)
