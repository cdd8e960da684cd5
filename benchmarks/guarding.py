"""Rows about `ledger guard` on a week's change, in its parts: the tree, the ids of the node, and the change itself.

`python -m benchmarks.guarding ROOT` looks at the change from HEAD to the working tree of a node as `ledger guard` does,
in a process of its own, and prints the seconds of each part.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from unittest import mock

from benchmarks.generate import commit
from benchmarks.measure import python, run
from benchmarks.rows import SMALL_EVENTS, Bench, Row
from benchmarks.weeks import aged, collect_week
from ledger.core.evaluate import Finding
from ledger.store import guard as module
from ledger.store.guard_ids import repeated_findings
from ledger.store.trees import GitTree, NodeFiles, WorkTree, top_of

EPOCHS = 1_000


def guard_week(bench: Bench) -> Iterator[Row]:
    """A week of 200 events comes to 1,000 finalized epochs of as many: the parts apart, and the command as a whole."""
    root = aged(bench.scratch / "guarded-week", EPOCHS, SMALL_EVENTS)
    commit(root)
    collect_week(root, EPOCHS, bench.scratch / "cache-guarded")
    name = f"guard, a week of {SMALL_EVENTS} events on {EPOCHS:,} epochs"
    parts = [json.loads(python("-m", "benchmarks.guarding", str(root)).output) for _ in range(3)]
    least = {part: min(each[part] for each in parts) for part in parts[0]}
    yield Row(f"{name}: the change", least["change"], "s", 1)
    yield Row(f"{name}: every file of the tree read and hashed", least["tree"], "s")
    yield Row(f"{name}: one pass over the ids of the node", least["ids"], "s")
    checkout = run(["git", "-C", str(root), "checkout-index", "--all", "--prefix", f"{bench.scratch}/out/"]).cpu
    yield Row(f"{name}: beside: git checks all files out", checkout, "s")
    whole = python("-m", "ledger", "guard", "--node", str(root), "--base", "HEAD", times=2)
    yield Row(f"{name}: the whole command, start included", whole.cpu, "s")


def _cpu() -> float:
    """Seconds of processor time, git's among them."""
    return sum(os.times()[:4])


def parts_of(root: Path) -> dict[str, float]:
    """Seconds of processor time for the tree, the ids and all else; every change must be allowed."""
    marks = [_cpu()]
    top, prefix = top_of(root)
    before = GitTree(top, "HEAD")
    after = WorkTree(top, prefix, before)
    _ = before.entries, after.entries
    marks.append(_cpu())
    spent = []

    def timed(changed: Iterable[str], was: NodeFiles, now: NodeFiles) -> list[Finding]:
        begun = _cpu()
        found = list(repeated_findings(changed, was, now))
        spent.append(_cpu() - begun)
        return found

    with mock.patch.object(module, "repeated_findings", timed):
        if found := list(module._Guard(top, prefix, before, after).findings(None, None)):
            raise SystemExit(f"the week is refused: {found[0]}")
    before.close()
    marks.append(_cpu())
    return {"tree": marks[1] - marks[0], "ids": sum(spent), "change": marks[2] - marks[1] - sum(spent)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(parts_of(Path(sys.argv[1]))))
