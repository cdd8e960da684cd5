"""Rows about one more week: what it costs a node to collect it, by the node's age, with the index kept and without.

The nodes are those of `finished`, with a `file` source of some rows in the week that comes. The week is taken back
after each run, so that every run collects the same.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from benchmarks.finished import write_finished
from benchmarks.generate import ANCHOR, SCOPE, time_of
from benchmarks.measure import Run, python
from benchmarks.rows import Bench, Row
from ledger.store.layout import epoch_path, scope_path

ROWS_A_WEEK = 200
PEOPLE = 300
YEAR, TEN_YEARS = 52, 520
EVENTS = 10_000
"""Events of each finalized epoch: ten years are 5.2 million, some 3.5 GB."""


def week(bench: Bench) -> Iterator[Row]:
    """One more week at the age of ten years, beside the same at the age of one; first of all without an index."""
    figures = {}
    for epochs in (YEAR, TEN_YEARS):
        root = aged(bench.scratch / f"aged-{epochs}", epochs, EVENTS)
        cache = bench.scratch / f"cache-{epochs}"
        figures[epochs] = cold, warm = once_more(root, epochs, cache), once_more(root, epochs, cache, times=3)
        name = f"collect, one more week, {epochs} epochs x {EVENTS:,} events"
        last = epochs == TEN_YEARS
        yield Row(f"{name}, no index", cold.seconds, "s", 15 if last else None)
        yield Row(f"{name}, no index, processor time", cold.cpu, "s")
        yield Row(f"{name}, no index, peak memory", cold.peak / 1e9, "GB", 0.5 if last else None)
        yield Row(f"{name}, index kept, processor time", warm.cpu, "s")
        yield Row(f"{name}, index kept, peak memory", warm.peak / 1e9, "GB")
    one, ten = figures[YEAR][1], figures[TEN_YEARS][1]
    yield Row("one more week, index kept: ten years over one year", ten.seconds / one.seconds, "×", 1.3)
    yield Row("one more week, index kept: ten years over one year, processor time", ten.cpu / one.cpu, "×")
    for epochs in (YEAR, TEN_YEARS):
        shutil.rmtree(bench.scratch / f"aged-{epochs}")  # gigabytes that no other row needs


def aged(root: Path, epochs: int, events: int) -> Path:
    """A node of so many finalized epochs, whose file has rows of the week after."""
    if not root.exists():
        write_finished(root, events=events, users=PEOPLE, epochs=epochs)
    with_week(root, epochs)
    return root


def with_week(root: Path, epochs: int) -> None:
    """Give the node its file source, and the file its rows."""
    scope = root / scope_path(SCOPE)
    head, _, _ = scope.read_text("utf-8").partition("sources:")
    scope.write_text(f"{head}sources:\n  - source: file\n    name: work\n    options: {{path: work.csv}}\n", "utf-8")
    start = ANCHOR + timedelta(days=7 * epochs)
    with (root / "work.csv").open("w", encoding="utf-8") as file:
        file.write("id,time,event_type,account,login,evidence,title\n")
        for number in range(ROWS_A_WEEK):
            time = time_of(start + timedelta(minutes=number))
            who = f"acct{number % 50},name{number % 50}"
            file.write(f"w{epochs}-{number},{time},pr_merged,{who},https://example.org/w/{number},Title {number}\n")


def once_more(root: Path, epochs: int, cache: Path, times: int = 1) -> Run:
    """Collect the week that comes, `times` over; the least of the runs. What it wrote is taken back each time."""
    runs = []
    for _ in range(times):
        runs.append(collect_week(root, epochs, cache))
        shutil.rmtree(root / epoch_path(SCOPE, epochs + 1))
    return min(runs, key=lambda each: each.cpu)


def collect_week(root: Path, epochs: int, cache: Path) -> Run:
    """Collect the week that comes to a node that is so many epochs old."""
    now = time_of(ANCHOR + timedelta(days=7 * epochs + 2))
    with _cache(cache):
        done = python("-m", "ledger", "collect", "--node", str(root), "--now", now)
    if f"{ROWS_A_WEEK} new" not in done.output:
        raise RuntimeError(f"the week did not come in: {done.output}")
    return done


@contextmanager
def _cache(folder: Path) -> Iterator[None]:
    """Let commands keep what can be made anew in this folder."""
    before = os.environ.get("LEDGER_CACHE")
    os.environ["LEDGER_CACHE"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["LEDGER_CACHE"]
        else:
            os.environ["LEDGER_CACHE"] = before
