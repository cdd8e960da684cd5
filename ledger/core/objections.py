"""Questions about an epoch: which of them keep it open, and until when new ones may do so.

A scope's `objection_hours` count from the last step to review. A question that was raised before they are over blocks
finalizing until an approver answers it; a later one is listed and blocks nothing, or nobody could ever be paid.
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger.core.records.decisions import Objection
from ledger.core.records.epoch import Transition
from ledger.core.values import Timestamp
from ledger.core.windows import HOUR, later


def objections_end(steps: Sequence[Transition], hours: int) -> Timestamp | None:
    """When the time for questions is over; None before review."""
    pinned = next((step.at for step in reversed(steps) if step.to == "review"), None)
    return None if pinned is None else later(pinned, hours * HOUR)


def unanswered(lines: Sequence[Objection], until: Timestamp) -> tuple[Objection, ...]:
    """The questions raised up to `until` that nobody answered, oldest first: these block finalizing."""
    answered = {line.issue for line in lines if line.action == "answered"}
    return tuple(line for line in lines if line.action == "raised" and line.at <= until and line.issue not in answered)
