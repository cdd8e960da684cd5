"""Many epochs checked in sets: processes beside take sets from the front, this one takes from the back.

What an epoch comes to follows from files, with one exception: an id is in the node once. So the hashes of each set's
ids are kept, and where two sets share one, nothing of it counts and all epochs are checked one after another, as those
of a small node always are. What a process cannot do, for its end or an error, is done here: in the same words.
"""

from __future__ import annotations

import atexit
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from ledger.compute.ahead import BATCH_BYTES, Ahead, in_sets
from ledger.compute.derive import Derived, Loads
from ledger.compute.engine import Engine
from ledger.compute.garbage import no_collection
from ledger.compute.processes import helpers, processes
from ledger.compute.shards import WORKER_MEMORY
from ledger.core.errors import LedgerError
from ledger.core.values import Timestamp
from ledger.flows.checking.epoch import EpochCheck
from ledger.flows.receipts.check import ReceiptCheck
from ledger.flows.session import Session
from ledger.flows.verdicts import EpochReport
from ledger.store import layout
from ledger.store.amendments import amendments
from ledger.store.epochfolder import EpochFolder
from ledger.store.node import Node
from ledger.store.once import FolderOnce, read_once

FEW = 100
"""Fewer epochs than this are checked one after another: another process starts in the time of some sixty."""
MUCH = 500_000_000
"""Bytes of logs from which on a few epochs, too, take longer than another process takes to start."""
LARGE = 100_000_000
"""Bytes of a log, on average, from which on DuckDB keeps all cores busy by itself, and needs its memory whole."""
MOST_RECEIPTS = 250_000
"""Bytes of the log of receipts, which every process reads for itself."""
SETS = 3
"""For each process, so that nobody waits long for whoever has the last."""

Reports = list[EpochReport]
"""Those of an epoch and its amendments, by version."""
Checked = dict[int, Reports]
"""What the epochs of a set came to. The hashes of their ids were written into the folder `parts`."""


@dataclass(frozen=True, slots=True)
class EpochSet:
    """Epochs of one scope, by rising number. `part` tells sets apart (from 1)."""

    part: int
    scope_id: str
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class CheckedParts:
    """What whoever computed the epochs of a node found of them, by scope and epoch, and in which parts he did.

    The hashes of each part's ids lie in the `parts` of the engine of whoever verifies.
    """

    reports: Mapping[tuple[str, int], Reports]
    parts: Collection[int]


def reports_of(
    session: Session, folder: EpochFolder, receipts: ReceiptCheck, loads: Loads, derived: Derived | None = None
) -> Reports:
    """One epoch and its amendments checked; what was read for it is let go. `derived`: as for `EpochCheck`."""
    with no_collection():
        found = [EpochCheck(session, folder, receipts, loads, derived).report()]
        found += [EpochCheck(session, each, receipts, loads).report() for each in amendments(folder)]
    if isinstance(folder, FolderOnce):
        folder.forget()
    return found


class EpochChecker:
    """Checks epochs one after another where somebody computes them, on his engine."""

    def __init__(self, now: Timestamp, node: Node, engine: Engine) -> None:
        self._session = Session(node, now)
        self._session.engine = engine
        self._receipts = ReceiptCheck(self._session)

    def __call__(self, folder: EpochFolder, loads: Loads, derived: Derived | None) -> Reports:
        """As `reports_of`."""
        return reports_of(self._session, folder, self._receipts, loads, derived)


class Checker:
    """Checks set after set on an engine of its own, of one thread: the other cores have their own sets."""

    def __init__(self, node: Node, now: Timestamp, parts: Path) -> None:
        self._node = read_once(node)
        self._engine = Engine(node.root, memory_limit=WORKER_MEMORY, threads=1, parts=parts)
        self._check = EpochChecker(now, self._node, self._engine)

    def check(self, one: EpochSet) -> Checked:
        """What each epoch of a set comes to."""
        self._engine.begin_part(one.part)
        folders = [self._node.epoch(one.scope_id, number) for number in one.numbers]
        ahead = Ahead(self._engine, self._node, folders)
        reports = {folder.epoch_id: self._check(folder, ahead, None) for folder in folders}
        self._engine.ids_of_part()
        return reports

    def close(self) -> None:
        """Stop the engine."""
        self._engine.close()


_mine: list[Checker] = []
"""What a helping process checks with, until it ends."""


def _begin(node: Node, now: Timestamp, parts: Path) -> None:
    _mine.append(Checker(node, now, parts))
    atexit.register(_mine.clear)  # what DuckDB gave must be let go before the interpreter is, or it says so on stderr


def check_there(one: EpochSet) -> Checked:
    """A set of epochs checked, in a helping process."""
    return _mine[0].check(one)


class SideBySide:
    """Begins to check these epochs of each scope, if they are many; a context manager.

    `checked`: what was found of them already; it counts where it is about all of them.
    `repeated`: whether an id may stand in two sets, so that what was found does not count.
    """

    def __init__(
        self, session: Session, folders: Mapping[str, Sequence[EpochFolder]], checked: CheckedParts | None = None
    ) -> None:
        self.repeated = False
        self._session = session
        self._node = Node(session.node.root, session.node.settings)
        places = {(scope_id, folder.epoch_id) for scope_id, epochs in folders.items() for folder in epochs}
        self._before = checked if checked is not None and places <= checked.reports.keys() else None
        self._sets = sets_of(session.node, folders) if self._before is None else []
        self._todo = deque(self._sets)
        self._found: dict[int, Checked] = {}

    def __enter__(self) -> Self:
        if self._sets:
            count = processes(len(self._sets)) - 1
            self._pool = helpers(count, _begin, self._node, self._session.now, self._session.engine.parts)
            self._feeders = ThreadPoolExecutor(count)
            self._fed = [self._feeders.submit(self._feed) for _ in range(count)]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._sets:
            self._todo.clear()
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._feeders.shutdown(wait=False)

    def _feed(self) -> None:
        """Have a process check sets as long as there are some."""
        with suppress(IndexError, BrokenProcessPool, OSError):
            while True:
                one = self._todo.popleft()
                with suppress(LedgerError):
                    self._found[one.part] = self._pool.submit(check_there, one).result()

    def reports(self) -> dict[tuple[str, int], Reports]:
        """What was found, by scope and epoch; nothing where all are to be checked one after another."""
        if self._before is not None:
            self._session.engine.begin_part(0)
            return self._joined(self._before)
        if not self._sets:
            return {}
        engine = self._session.engine
        engine.begin_part(0)
        with closing(Checker(self._node, self._session.now, engine.parts)) as here:
            with suppress(IndexError):
                while True:
                    one = self._todo.pop()
                    self._found[one.part] = here.check(one)
            wait(self._fed)
            for one in self._sets:
                if one.part not in self._found:  # the process that had it ended, or met an error
                    self._found[one.part] = here.check(one)
        found = {
            (one.scope_id, number): reports for one in self._sets for number, reports in self._found[one.part].items()
        }
        return self._joined(CheckedParts(found, self._found))

    def _joined(self, checked: CheckedParts) -> dict[tuple[str, int], Reports]:
        """What was found in all parts, where no two share an id."""
        engine = self._session.engine
        for part in sorted(checked.parts):
            engine.add_part(part)
        self.repeated = engine.parts_share_an_id()
        return {} if self.repeated else dict(checked.reports)


def sets_of(node: Node, folders: Mapping[str, Sequence[EpochFolder]]) -> list[EpochSet]:
    """The sets, in order; none where one process checks the epochs as fast."""
    count = sum(map(len, folders.values()))
    receipts = len(node.stored(layout.RECEIPTS) or b"")
    if count < 2 or processes() < 2 or receipts > MOST_RECEIPTS:
        return []
    try:
        sizes = {scope: [_size(folder) for folder in epochs] for scope, epochs in folders.items()}
    except (LedgerError, OSError):  # a log that has no right files is told by each epoch after it
        return []
    total = sum(map(sum, sizes.values()))
    if (count < FEW and total < MUCH) or total > LARGE * count:
        return []
    octets = min(BATCH_BYTES, total // (processes() * SETS) + 1)
    sets: list[EpochSet] = []
    for scope, epochs in folders.items():
        for numbers in in_sets(epochs, sizes[scope], octets, len(epochs)):
            sets.append(EpochSet(len(sets) + 1, scope, numbers))
    return sets


def _size(folder: EpochFolder) -> int:
    """Bytes of the epoch's log; an error for one that cannot be read."""
    for shard in folder.shards():
        shard.open("rb").close()
    return sum(map(folder.size, folder.log_shards()))
