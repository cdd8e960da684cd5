"""The rows of the table. A new row: one generator function that yields `Row`s, and its name in `ROWS`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.finished import write_finished
from benchmarks.generate import BigEpoch, commit, write_contributions, write_node
from benchmarks.history import write_history
from benchmarks.measure import python, run
from benchmarks.money import write_owed
from benchmarks.vouched import write_vouched

USERS = 10_000
SMALL_EPOCHS = 520
SMALL_EVENTS = 200
CONTRIBUTORS = 2_000
RECEIPTS = 100_000
COMMITS, WEEKS = 6_000, 800


@dataclass(frozen=True, slots=True)
class Row:
    """One measured figure beside the bound that it is held to (`None`: told, not judged)."""

    name: str
    figure: float
    unit: str
    most: float | None = None
    least: float | None = None

    @property
    def ok(self) -> bool:
        """Whether the figure keeps its bounds."""
        return (self.most is None or self.figure <= self.most) and (self.least is None or self.figure >= self.least)

    @property
    def bound(self) -> str:
        """The bound in words, empty where there is none."""
        if self.most is None and self.least is None:
            return ""
        sign, value = ("<=", self.most) if self.most is not None else (">=", self.least)
        return f"{sign if self.ok else 'MISSED'} {value:g} {self.unit}"


@dataclass
class Bench:
    """What the rows share: where nodes are generated, how large the large one is, how large the largest."""

    scratch: Path
    events: int
    largest: int

    @cached_property
    def big(self) -> BigEpoch:
        """One epoch of `events` events, generated once."""
        return self.node(self.events)

    def node(self, events: int) -> BigEpoch:
        """One epoch of so many events in a node of its own."""
        return write_node(self.scratch / f"node-{events}", events=events, users=USERS)[0]


def sha256sum(epoch: BigEpoch) -> float:
    """Seconds that `sha256sum` takes over the epoch's activity log."""
    return run(["sha256sum", *map(str, epoch.shards)], times=3).seconds


def start_up(_: Bench) -> Iterator[Row]:
    """The command line's start beside the bare interpreter's."""
    bare = python("-c", "pass", times=9).seconds
    version = python("-m", "ledger", "--version", times=9).seconds
    yield Row("ledger --version, over python -c pass", (version - bare) * 1000, "ms", 60)


def verify(bench: Bench) -> Iterator[Row]:
    """`ledger verify` of one large epoch, as a process, beside sha256sum of the same bytes."""
    epoch = bench.big
    yield Row(f"activity of {epoch.events:,} events", epoch.size / 1e6, "MB")
    baseline = sha256sum(epoch)
    yield Row("sha256sum of it", baseline, "s")
    whole = python("-m", "ledger", "verify", "--node", str(epoch.root), times=2)
    yield Row("ledger verify, over sha256sum", whole.seconds / baseline, "×", 2.2)
    yield Row("ledger verify, peak memory", whole.peak / 1e9, "GB", 0.6)


def evaluate(bench: Bench) -> Iterator[Row]:
    """Allocation and payout after load, and the engine alone beside sha256sum."""
    epoch = bench.big
    engine = python("-m", "benchmarks.work", str(epoch.root), times=2)
    stages = json.loads(engine.output)
    yield Row("engine alone (load, check, evaluate), over sha256sum", engine.seconds / sha256sum(epoch), "×", 4)
    yield Row(f"allocation and payout of {USERS:,} users, over load", stages["evaluate"] / stages["load"], "×", 0.25)


def growth(bench: Bench) -> Iterator[Row]:
    """Time and memory an event, from small to largest."""
    sizes = [size for size in (10_000, 100_000, 1_000_000, 3_000_000) if size <= bench.largest]
    for size in sizes:
        epoch = bench.big if size == bench.events else bench.node(size)
        engine = python("-m", "benchmarks.work", str(epoch.root))
        yield Row(f"engine, {size:,} events", engine.seconds, "s")
        yield Row(f"engine, {size:,} events, over sha256sum", engine.seconds / sha256sum(epoch), "×")
        yield Row(f"engine, {size:,} events, peak memory", engine.peak / 1e9, "GB", 1.5)


def small_epochs(bench: Bench) -> Iterator[Row]:
    """Ten years of quiet weeks on one engine."""
    root = bench.scratch / "small"
    write_node(root, events=SMALL_EVENTS, users=100, epochs=SMALL_EPOCHS)
    stages = json.loads(python("-m", "benchmarks.work", str(root)).output)
    each = sum(stages.values()) / SMALL_EPOCHS
    yield Row(f"one of {SMALL_EPOCHS} epochs of {SMALL_EVENTS} events", each * 1000, "ms")


def years(bench: Bench) -> Iterator[Row]:
    """`ledger verify` of ten finalized years, as a process, beside sha256sum of all of the node's data."""
    root = bench.scratch / "years"
    write_finished(root, events=SMALL_EVENTS, users=300, epochs=SMALL_EPOCHS)
    baseline = run(["sh", "-c", f"find {root}/data -type f -print0 | xargs -0 sha256sum"], times=3)
    known = root.parent / "years.known"
    name = f"verify, {SMALL_EPOCHS} epochs x {SMALL_EVENTS} events x 300 people"
    whole = python("-m", "ledger", "verify", "--quiet", "--node", str(root), times=3)
    yield Row(f"{name}, over sha256sum", whole.seconds / baseline.seconds, "×", 8)
    yield Row(f"{name}, processor time over that of sha256sum", whole.cpu / baseline.cpu, "×")
    yield Row(f"{name}, peak memory of the largest of its processes", whole.peak / 1e9, "GB", 0.6)
    first = python("-m", "ledger", "verify", "--quiet", "--node", str(root), "--known", str(known), times=1)
    yield Row("the same, and kept by --known, over sha256sum", first.seconds / baseline.seconds, "×")
    again = python("-m", "ledger", "verify", "--quiet", "--node", str(root), "--known", str(known), times=3)
    yield Row("the same, all known from before, over sha256sum", again.seconds / baseline.seconds, "×")
    yield Row("the same, processor time over that of sha256sum", again.cpu / baseline.cpu, "×")


def ten_million(bench: Bench) -> Iterator[Row]:
    """`ledger verify` of 10,000,000 events in 100 finalized epochs; asked for by name: it writes 7 GB for minutes."""
    root = bench.scratch / "ten-million"
    write_finished(root, events=100_000, users=CONTRIBUTORS, epochs=100)
    baseline = run(["sh", "-c", f"find {root}/data -type f -print0 | xargs -0 sha256sum"], times=2)
    name = f"verify, 10,000,000 events of {CONTRIBUTORS:,} people in 100 epochs"
    whole = python("-m", "ledger", "verify", "--quiet", "--node", str(root))
    yield Row("sha256sum of its data", baseline.seconds, "s")
    yield Row(f"{name}, over sha256sum", whole.seconds / baseline.seconds, "×", 2.5)
    yield Row(f"{name}, processor time over that of sha256sum", whole.cpu / baseline.cpu, "×")
    yield Row(f"{name}, peak memory", whole.peak / 1e9, "GB", 1.5)


def collect(bench: Bench) -> Iterator[Row]:
    """`ledger collect` of one CSV file, as a process, start-up included; and sealing's share beside a bare SHA-256."""
    rows = min(bench.events, 500_000)
    root = write_contributions(bench.scratch / "contributions", rows)
    now = ("--now", "2026-01-11T00:00:00Z")
    whole = python("-m", "ledger", "collect", "--node", str(root), *now)
    again = python("-m", "ledger", "collect", "--node", str(root), *now)
    yield Row(f"collect from file, {rows:,} rows", rows / whole.seconds, "/s", least=100_000)
    yield Row("the same, rows a second of processor time", rows / whole.cpu, "/s")
    yield Row("collecting the same again, over the first time", again.seconds / whole.seconds, "×")
    yield Row("collect from file, peak memory", whole.peak / 1e9, "GB")


def guard(bench: Bench) -> Iterator[Row]:
    """`ledger guard` of one change to a node of 1,000 epochs, beside `git status` on the same tree."""
    root = bench.scratch / "guarded"
    write_node(root, events=5, users=5, epochs=1_000)
    commit(root)
    with (root / "weights" / "default.yaml").open("a", encoding="utf-8") as policy:
        policy.write("# a change\n")
    status = run(["git", "-C", str(root), "status", "--porcelain"], times=3).seconds
    seconds = python("-m", "ledger", "guard", "--node", str(root), "--base", "HEAD", times=2).seconds
    yield Row("guard on 1,000 epochs", seconds, "s")
    yield Row("guard on 1,000 epochs, over git status", seconds / status, "×")


def site(bench: Bench) -> Iterator[Row]:
    """`ledger site build` of ten years, verifying included: a public page for everyone and every week."""
    root = bench.scratch / "finished"
    write_finished(root, events=bench.events // SMALL_EPOCHS, users=CONTRIBUTORS, epochs=SMALL_EPOCHS)
    built = python("-m", "ledger", "site", "build", "--node", str(root), "--out", str(bench.scratch / "site"))
    name = f"site of {SMALL_EPOCHS} epochs, {CONTRIBUTORS:,} people, {bench.events:,} events"
    yield Row(name, built.seconds, "s", 60)
    yield Row("site, processor time of all its processes", built.cpu, "s")
    yield Row("site, peak memory of the largest of its processes", built.peak / 1e9, "GB", 1.5)


def demo(bench: Bench) -> Iterator[Row]:
    """`ledger demo` of a project of fifteen years, with its site: 6,000 commits in 800 weeks."""
    repository = write_history(bench.scratch / "history", commits=COMMITS, weeks=WEEKS)
    target = bench.scratch / "demo" / "node"
    shown = python("-m", "ledger", "demo", "--repo", str(repository), "--out", str(target))
    name = f"demo of {COMMITS:,} commits in {WEEKS} weeks, with its site"
    yield Row(name, shown.seconds, "s", 90)
    yield Row("demo, processor time of all its processes", shown.cpu, "s")
    built = python("-m", "ledger", "site", "build", "--node", str(target), "--out", str(bench.scratch / "demo-site"))
    yield Row("site of its node alone", built.seconds, "s", 38)


def receipts(bench: Bench) -> Iterator[Row]:
    """`ledger verify` of a log of receipts as long as a file may be, as a process."""
    root = bench.scratch / "vouched"
    log = write_vouched(root, receipts=RECEIPTS)
    baseline = run(["sha256sum", str(log)], times=3)
    whole = python("-m", "ledger", "verify", "--quiet", "--node", str(root), times=2)
    name = f"verify, {RECEIPTS:,} receipts"
    yield Row(name, whole.seconds, "s", 15)
    yield Row(f"{name}, processor time of all its processes", whole.cpu, "s")
    yield Row(f"{name}, processor time over that of sha256sum", whole.cpu / baseline.cpu, "×")
    yield Row(f"{name}, peak memory", whole.peak / 1e9, "GB")


def money(bench: Bench) -> Iterator[Row]:
    """The account book of ten years, a plan with its payment file, and one transaction that settles every line."""
    years, crowd = bench.scratch / "owed-years" / "node", bench.scratch / "owed-crowd" / "node"
    write_owed(years, SMALL_EPOCHS, CONTRIBUTORS)
    name = f"account book, {SMALL_EPOCHS} epochs x {CONTRIBUTORS:,} people"
    yield Row(name, json.loads(python("-m", "benchmarks.money", "book", str(years)).output), "s", 5)
    write_owed(crowd, 1, USERS, wallets=True)
    plain = bench.scratch / "owed-plain" / "node"
    write_owed(plain, 1, USERS)
    name = f"plan, sign and export for {USERS:,} people"
    yield Row(name, json.loads(python("-m", "benchmarks.money", "plan", str(plain)).output), "s", 5)
    name = f"settle {USERS:,} lines by one transaction"
    yield Row(name, json.loads(python("-m", "benchmarks.money", "settle", str(crowd)).output), "s", 10)


ROWS: tuple[Callable[[Bench], Iterator[Row]], ...] = (
    start_up,
    verify,
    evaluate,
    collect,
    guard,
    small_epochs,
    years,
    growth,
    receipts,
    money,
    site,
    demo,
)
