"""`python -m benchmarks`: measures and prints one table; exit 1 when a figure misses its bound."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.browser import recheck
from benchmarks.guarding import guard_week
from benchmarks.moving import sourcecred, wider
from benchmarks.pages import PAGES
from benchmarks.platforms import PLATFORMS
from benchmarks.rows import ROWS, Bench, ten_million
from benchmarks.weeks import week

ALL = (*ROWS, recheck, *PAGES, *PLATFORMS, sourcecred, wider, guard_week)
ASKED = (ten_million, week)
"""Rows that are measured only when they are named."""


def main() -> int:
    """Runs the rows that were asked for, all by default."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="events of the large epoch")
    parser.add_argument("--largest", type=int, default=1_000_000, help="up to how many events growth is shown")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(row.__name__ for row in (*ALL, *ASKED)))
    asked = parser.parse_args()
    unknown = set(asked.rows) - {row.__name__ for row in (*ALL, *ASKED)}
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    missed = 0
    with tempfile.TemporaryDirectory(prefix="ledger-bench-") as scratch:
        bench = Bench(Path(scratch), asked.events, asked.largest)
        for measure in (*ALL, *ASKED) if asked.rows else ALL:
            if asked.rows and measure.__name__ not in asked.rows:
                continue
            for row in measure(bench):
                sys.stdout.write(f"{row.name:58}{row.figure:10.2f} {row.unit:3} {row.bound}\n")
                sys.stdout.flush()
                missed += not row.ok
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
