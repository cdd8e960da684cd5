"""Windows of time: half-open, aligned to the node's anchor, never overlapping (EPOCH_WINDOW_UNIQUE).

Arithmetic is on whole milliseconds; nothing here reads a clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.core.errors import InputError
from ledger.core.values import Timestamp, from_milliseconds, to_milliseconds

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


def window_holding(time: Timestamp, anchor: Timestamp, length_days: int) -> Window:
    """The window that holds `time`: `anchor` plus a whole number (also negative) of `length_days`."""
    length = length_days * DAY
    zero = to_milliseconds(anchor)
    start = zero + (to_milliseconds(time) - zero) // length * length
    return Window(from_milliseconds(start), from_milliseconds(start + length))


def next_window(window: Window, length_days: int) -> Window:
    """The window that begins where `window` ends."""
    return Window(window.end, later(window.end, length_days * DAY))


def later(time: Timestamp, milliseconds: int) -> Timestamp:
    """`time` plus a whole number of milliseconds (also negative)."""
    return from_milliseconds(to_milliseconds(time) + milliseconds)


def whole_hour(time: Timestamp) -> Timestamp:
    """`time` cut to the hour: coverage is claimed in whole hours, so that looking twice within one adds no record."""
    return Timestamp(f"{time[:13]}:00:00.000Z")


def is_aligned(window: Window, anchor: Timestamp, length_days: int) -> bool:
    """Whether `window` is one of the node's windows."""
    return window == window_holding(window.start, anchor, length_days)


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
