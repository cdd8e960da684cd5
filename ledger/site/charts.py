"""Bar charts as inline SVG: whole numbers only, no script, no request; every bar says its value in a `<title>`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HEIGHT = 100
STEP = 10
"""The width that one bar has, its gap included, in the drawing's own units."""
WIDEST = 48
"""Pixels that one bar takes at most, so that three epochs are no three walls."""


@dataclass(frozen=True)
class Bar:
    """One bar, in the drawing's own units. `final`: its figure can no longer change."""

    x: int
    height: int
    text: str
    final: bool

    @property
    def y(self) -> int:
        """Where it begins, from the top."""
        return HEIGHT - self.height


@dataclass(frozen=True)
class Chart:
    """Bars from left to right, and what their axes say."""

    label: str
    bars: tuple[Bar, ...]
    most: int
    first: str
    last: str

    @property
    def width(self) -> int:
        """Of the drawing, in its own units."""
        return len(self.bars) * STEP

    @property
    def pixels(self) -> int:
        """How wide it is shown where there is room."""
        return len(self.bars) * WIDEST

    @property
    def provisional(self) -> bool:
        """Whether a bar may still change."""
        return not all(bar.final for bar in self.bars)


def chart(label: str, values: Sequence[tuple[str, int, bool]]) -> Chart | None:
    """`values`: each bar's name, value (0 or more) and whether it is final. None when there is nothing to compare."""
    most = max((value for _, value, _ in values), default=0)
    if most <= 0 or len(values) < 2:
        return None
    bars = tuple(
        # what is there is to be seen, however small beside the tallest
        Bar(number * STEP, max(value * HEIGHT // most, 1) if value else 0, f"{name}: {value}", final)
        for number, (name, value, final) in enumerate(values)
    )
    return Chart(label, bars, most, values[0][0], values[-1][0])
