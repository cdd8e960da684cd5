"""What several parts of `guard` tell in the same words."""

from __future__ import annotations

from bisect import bisect_left

from ledger.core.errors import LedgerError
from ledger.core.evaluate import Finding


def rewritten(path: str, old: bytes, new: bytes) -> Finding:
    """The finding that a log's old bytes do not begin its new ones, at the first line that differs."""
    shorter = min(len(old), len(new))
    same = bisect_left(range(shorter), True, key=lambda at: old[: at + 1] != new[: at + 1])  # 40 MB at the speed of C
    rule = "POOL_IMMUTABLE" if path.endswith("/pool.jsonl") else "ACTIVITY_APPEND_ONLY"
    message = "a line that was there before is changed or gone; logs only grow"
    return Finding(rule, message, path, old.count(b"\n", 0, same) + 1)


def as_finding(error: LedgerError) -> Finding:
    """A refused file or line as a finding."""
    return Finding(error.rule or "WRITES_VIA_WORKFLOW", error.message, error.path or "", error.line)
