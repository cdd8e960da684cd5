"""Kinds of events that the pinned weights do not name, and the kind that was likely meant. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import NamedTuple

from ledger.core.evaluate import Total


class Unweighed(NamedTuple):
    """A kind that has events and no weight, how many, and the weighed kind that it is most like (None: none is)."""

    kind: str
    event_count: int
    likely: str | None


def unweighed(totals: Iterable[Total], weights: Mapping[str, int]) -> list[Unweighed]:
    """Kinds whose events count nothing since the weights do not name them; a weight of 0 is a decision and no such."""
    found = []
    for total in totals:
        kind = f"{total.source}:{total.event_type}"
        if kind not in weights and total.event_count:
            same = [each for each in sorted(weights) if each.partition(":")[0] == total.source]
            likely = get_close_matches(kind, same, 1) or get_close_matches(kind, sorted(weights), 1)
            found.append(Unweighed(kind, total.event_count, likely[0] if likely else None))
    return found
