"""What the rows run in a process of its own: `python -m benchmarks.work epochs ROOT`.

Loads, checks, evaluates and splits the pool of every epoch of a generated node; prints the seconds of each stage.
"""

from __future__ import annotations

import json
import sys
import time
from itertools import pairwise
from pathlib import Path

from ledger.compute.engine import Engine
from ledger.core.payout import payout_table
from ledger.store.node import load_node


def epochs(root: Path) -> dict[str, float]:
    """Seconds spent on all epochs by stage: load, check (ids and findings), evaluate (units and payouts)."""
    spent = dict.fromkeys(("load", "check", "evaluate"), 0.0)
    node = load_node(root)
    with Engine(root) as engine:
        for scope_id in node.scopes:
            for folder in node.epochs(scope_id):
                marks = [time.perf_counter()]
                loaded = engine.load(folder, folder.epoch())
                marks.append(time.perf_counter())
                if loaded.findings:
                    raise SystemExit(f"the generated node is wrong: {loaded.findings[0]}")
                marks.append(time.perf_counter())
                allocations = loaded.evaluate().allocations
                payout_table({row.user_id: row.units for row in allocations}, 1_000_000)
                marks.append(time.perf_counter())
                for stage, seconds in zip(spent, (b - a for a, b in pairwise(marks)), strict=True):
                    spent[stage] += seconds
    return spent


if __name__ == "__main__":
    sys.stdout.write(json.dumps(epochs(Path(sys.argv[1]))))
