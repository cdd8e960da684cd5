"""The epochs of a scope together: numbered and joined without a gap, and closed one after the other.

One function, which `verify` runs over the disk and `guard` over two trees (EPOCH_WINDOW_UNIQUE, ONE_ACTIVE_EPOCH), so
that neither can drift from the other. Knows states and windows, not files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ledger.core.evaluate import Finding
from ledger.core.records.epoch import State
from ledger.core.windows import Window


@dataclass(frozen=True, slots=True)
class EpochLife:
    """Where one epoch stands. `state` and `window` are None where its own files do not tell; `path` is its folder."""

    epoch_id: int
    path: str
    state: State | None
    window: Window | None


def scope_findings(path: str, epochs: Sequence[EpochLife], *, overlap: bool) -> Iterator[Finding]:
    """What speaks against the epochs of the scope at `path`, in the order of their numbers.

    Only the last epoch may be unfinished, with `overlap` the last two (in review, then open). An epoch that comes
    before a later one is therefore finalized: one that lost its final step fails here, whatever else was removed.
    """
    for expected, epoch in enumerate(epochs, start=1):
        if epoch.epoch_id != expected:
            yield Finding("EPOCH_WINDOW_UNIQUE", f"epoch {expected} is missing before it", epoch.path)
            break
    for before, epoch in pairwise(epochs):
        if before.window is not None and epoch.window is not None and before.window.end != epoch.window.start:
            message = "the window does not follow the one before"
            place = f"{epoch.path}/epoch.json"
            yield Finding("EPOCH_WINDOW_UNIQUE", message, place, 1, before.window.end, epoch.window.start)
    for number, epoch in enumerate(epochs, start=1):
        left = len(epochs) - number
        if epoch.state in ("finalized", None) or left == 0:
            continue
        if overlap and left == 1 and (epoch.state, epochs[-1].state) == ("review", "open"):
            continue
        message = "an earlier epoch is not finalized, though another came after it"
        steps = f"{epoch.path}/transitions.jsonl"
        yield Finding("ONE_ACTIVE_EPOCH", message, steps, None, "finalized", epoch.state)
