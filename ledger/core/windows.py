"""Windows of time: half-open, aligned to the node's anchor, never overlapping (EPOCH_WINDOW_UNIQUE).

Arithmetic is on whole milliseconds; nothing here reads a clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ledger.core.errors import InputError
from ledger.core.values import Timestamp, from_milliseconds, to_milliseconds

if TYPE_CHECKING:
    from ledger.core.records.epoch import Epoch

DAY = 86_400_000
HOUR = 3_600_000


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """`[start, end)` in UTC: an event exactly at `end` belongs to the next window."""

    start: Timestamp
    end: Timestamp

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise InputError(f"a window must start before it ends, not {self.start} … {self.end}")

    def __contains__(self, time: str) -> bool:
        return self.start <= time < self.end

    def __str__(self) -> str:
        return f"{self.start}..{self.end}"


@dataclass(frozen=True, slots=True)
class Calendar:
    """How a node cuts time: windows of `length` days or months, aligned to `anchor` (00:00 UTC).

    Months begin on the anchor's day of month, 1 to 28, which every month has.
    """

    anchor: Timestamp
    length: int
    unit: Literal["days", "months"] = "days"

    def holding(self, time: Timestamp) -> Window:
        """The window that holds `time`; windows reach back before the anchor too."""
        if self.unit == "days":
            number = (to_milliseconds(time) - to_milliseconds(self.anchor)) // (self.length * DAY)
        else:
            months = _months(time) - _months(self.anchor) - (time[8:] < self.anchor[8:])
            number = months // self.length
        return Window(self._start(number), self._start(number + 1))

    def after(self, window: Window, count: int = 1) -> Window:
        """`count` windows, joined, that begin where `window` ends."""
        end = window.end
        for _ in range(count):
            end = self.holding(end).end
        return Window(window.end, end)

    def count(self, window: Window) -> int | None:
        """How many whole windows `window` spans; None when it is not aligned."""
        start, found = window.start, 0
        while start < window.end:
            here = self.holding(start)
            if here.start != start:
                return None
            start, found = here.end, found + 1
        return found if start == window.end else None

    def pinned_by(self, epoch: Epoch) -> bool:
        """Whether an epoch was opened on this calendar and spans as many whole windows as it says."""
        same = (epoch.anchor, epoch.length, epoch.unit) == (self.anchor, self.length, self.unit)
        return same and self.count(Window(epoch.period_start, epoch.period_end)) == epoch.windows

    def _start(self, number: int) -> Timestamp:
        if self.unit == "days":
            return later(self.anchor, number * self.length * DAY)
        month = _months(self.anchor) + number * self.length
        if not 12 <= month < 120_000:
            raise InputError("time lies outside the years 1 to 9999")
        return Timestamp(f"{month // 12:04d}-{month % 12 + 1:02d}-{self.anchor[8:]}")


def _months(time: Timestamp) -> int:
    return int(time[:4]) * 12 + int(time[5:7]) - 1


def later(time: Timestamp, milliseconds: int) -> Timestamp:
    """`time` plus a whole number of milliseconds (also negative)."""
    return from_milliseconds(to_milliseconds(time) + milliseconds)


def whole_hour(time: Timestamp) -> Timestamp:
    """`time` cut to the hour: coverage is claimed in whole hours, so that looking twice within one adds no record."""
    return Timestamp(f"{time[:13]}:00:00.000Z")


def merge(intervals: list[Window]) -> list[Window]:
    """The same covered time as sorted windows that neither overlap nor touch."""
    merged: list[Window] = []
    for window in sorted(intervals):
        if merged and window.start <= merged[-1].end:
            merged[-1] = Window(merged[-1].start, max(merged[-1].end, window.end))
        else:
            merged.append(window)
    return merged


def gaps(wanted: Window, covered: list[Window]) -> list[Window]:
    """The parts of `wanted` that no covered window holds, in order."""
    missing: list[Window] = []
    at = wanted.start
    for window in merge(covered):
        if window.start > at and at < wanted.end:
            missing.append(Window(at, min(window.start, wanted.end)))
        at = max(at, window.end)
    if at < wanted.end:
        missing.append(Window(at, wanted.end))
    return missing
