"""A work item and its points, as people name them in a pull request's text or labels. Pure.

`estimate: 5` and `task.0054`, each alone on a line or as a label; what words are looked for is a setting of the node.
Somebody outside wrote the text: it is cut, and patterns are linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MOST_TEXT = 20_000
"""Characters of a text that are looked at."""


@dataclass(frozen=True, slots=True)
class Named:
    """A work item and the points of the whole of it."""

    work_item_id: str
    points: int


def named(text: str, labels: Sequence[str], prefixes: Sequence[str], estimate: str) -> Named | None:
    """The one item that text and labels name, and its points; None where there is none, or more than one of either.

    `prefixes`: how ids of items begin, such as `task.`; `estimate`: the word before the points.
    """
    lines = [*labels, *text[:MOST_TEXT].splitlines()]
    items = {item for line in lines for item in _items(line, prefixes)}
    points = {found for line in lines for found in _points(line, estimate)}
    if len(items) != 1 or len(points) != 1:
        return None
    return Named(items.pop(), points.pop())


def _items(line: str, prefixes: Sequence[str]) -> Iterator[str]:
    for word in re.findall(r"[A-Za-z0-9._/-]+", line):
        item = word.strip("./-")
        if len(item) <= 128 and any(item.startswith(one) and item != one.strip("./-") for one in prefixes):
            yield item


def _points(line: str, estimate: str) -> Iterator[int]:
    word, mark, value = line.strip(" \t*-`").partition(":")
    if mark and word.strip(" \t*`").lower() == estimate.lower():
        digits = value.strip(" \t*`")
        if re.fullmatch(r"[1-9][0-9]{0,8}", digits, re.ASCII):
            yield int(digits)
