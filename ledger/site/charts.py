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
    """Bars from left to right, and what their axes say. `top`: the value of the upper line, an even number."""

    label: str
    bars: tuple[Bar, ...]
    top: int
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
    top = round_top(most)
    bars = tuple(
        # what is there is to be seen, however small beside the tallest
        Bar(number * STEP, max(value * HEIGHT // top, 1) if value else 0, f"{name}: {value}", final)
        for number, (name, value, final) in enumerate(values)
    )
    return Chart(label, bars, top, values[0][0], values[-1][0])


def round_top(most: int) -> int:
    """The least of 2, 4, 6, 8, 10, 20, 40, … that is no less than `most`: an axis that is easy to read and to halve."""
    power = 1
    while most > 10 * power:
        power *= 10
    return next(step * power for step in (2, 4, 6, 8, 10) if step * power >= most)
