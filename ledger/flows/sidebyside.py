"""Many epochs checked in sets: processes beside take sets from the front, this one takes from the back.

What an epoch comes to follows from files, with one exception: an id is in the node once. So the hashes of each set's
ids are kept, and where two sets share one, nothing of it counts and all epochs are checked one after another, as those
of a small node always are. What a process cannot do, for its end or an error, is done here: in the same words.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from types import TracebackType
from typing import Self

from ledger.compute.ahead import BATCH_BYTES, Ahead
from ledger.compute.derive import Loads
from ledger.compute.engine import Engine
from ledger.compute.processes import processes
from ledger.compute.shards import WORKER_MEMORY
from ledger.core.errors import LedgerError
from ledger.core.values import Timestamp
from ledger.flows.epochcheck import EpochCheck, EpochReport
from ledger.flows.receipts.check import ReceiptCheck
from ledger.flows.session import Session, no_collection
from ledger.store import layout
from ledger.store.amendments import amendments
from ledger.store.node import EpochFolder, Node
from ledger.store.once import FolderOnce, read_once

FEW = 100
"""Fewer epochs than this are checked one after another: another process starts in the time of some sixty."""
LARGE = 4_000_000
"""Bytes of a log, on average, from which on DuckDB's own threads keep all cores busy."""
MOST_RECEIPTS = 250_000
"""Bytes of the log of receipts, which every process reads for itself."""
SETS = 4
"""For each process, so that nobody waits long for whoever has the last."""

Reports = list[EpochReport]
"""Those of an epoch and its amendments, by version."""


@dataclass(frozen=True, slots=True)
class EpochSet:
    """Epochs of one scope, by rising number. `part` tells sets apart (from 1)."""

    part: int
    scope_id: str
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """What a set came to, by epoch, and the hashes of its ids."""

    reports: dict[int, Reports]
    ids: bytes


def reports_of(session: Session, folder: EpochFolder, receipts: ReceiptCheck, loads: Loads) -> Reports:
    """One epoch and its amendments checked; what was read for it is let go."""
    with no_collection():
        found = [EpochCheck(session, each, receipts, loads).report() for each in (folder, *amendments(folder))]
    if isinstance(folder, FolderOnce):
        folder.forget()
    return found


def check_set(node: Node, now: Timestamp, one: EpochSet) -> Checked:
    """A set of epochs checked, for a process of its own."""
    with Engine(node.root, memory_limit=WORKER_MEMORY, threads=1) as engine:
        session = Session(read_once(node), now)
        session.engine = engine
        folders = [session.node.epoch(one.scope_id, number) for number in one.numbers]
        return Checked(_check(session, ReceiptCheck(session), one, folders), engine.ids_of_part())


def _check(
    session: Session, receipts: ReceiptCheck, one: EpochSet, folders: Sequence[EpochFolder]
) -> dict[int, Reports]:
    session.engine.begin_part(one.part)
    ahead = Ahead(session.engine, session.node, folders)
    return {folder.epoch_id: reports_of(session, folder, receipts, ahead) for folder in folders}


class SideBySide:
    """Begins to check these epochs of each scope, if they are many; a context manager.

    `repeated`: whether an id may stand in two sets, so that what was found does not count.
    """

    def __init__(self, session: Session, receipts: ReceiptCheck, folders: Mapping[str, Sequence[EpochFolder]]) -> None:
        self.repeated = False
        self._session, self._receipts = session, receipts
        self._sets = sets_of(session.node, folders)
        self._folders = {(scope, each.epoch_id): each for scope, epochs in folders.items() for each in epochs}
        self._todo = deque(self._sets)
        self._found: dict[int, Checked | None] = {}

    def __enter__(self) -> Self:
        if self._sets:
            helpers = processes(len(self._sets)) - 1
            self._pool = ProcessPoolExecutor(helpers, get_context("spawn"))
            self._feeders = ThreadPoolExecutor(helpers)
            self._fed = [self._feeders.submit(self._feed) for _ in range(helpers)]
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
        node = Node(self._session.node.root, self._session.node.settings)
        with suppress(IndexError, BrokenProcessPool, OSError):
            while True:
                one = self._todo.popleft()
                self._found[one.part] = None  # until it is found, it is left to this process
                with suppress(LedgerError):
                    self._found[one.part] = self._pool.submit(check_set, node, self._session.now, one).result()

    def reports(self) -> dict[tuple[str, int], Reports]:
        """What was found, by scope and epoch; nothing where all are to be checked one after another."""
        if not self._sets:
            return {}
        self._session.engine.begin_part(0)
        found: dict[tuple[str, int], Reports] = {}
        with suppress(IndexError):
            while True:
                found |= self._check_here(self._todo.pop())
        wait(self._fed)
        for one in self._sets:
            if one.part in self._found:
                found |= self._taken(one) or self._check_here(one)
        self.repeated = self._session.engine.parts_share_an_id()
        return {} if self.repeated else found

    def _check_here(self, one: EpochSet) -> dict[tuple[str, int], Reports]:
        folders = [self._folders[one.scope_id, number] for number in one.numbers]
        return _by_place(one, _check(self._session, self._receipts, one, folders))

    def _taken(self, one: EpochSet) -> dict[tuple[str, int], Reports]:
        """What a process found of a set; nothing where it could not."""
        checked = self._found[one.part]
        if checked is None:
            return {}
        self._session.engine.add_part(one.part, checked.ids)
        return _by_place(one, checked.reports)


def _by_place(one: EpochSet, reports: Mapping[int, Reports]) -> dict[tuple[str, int], Reports]:
    return {(one.scope_id, number): each for number, each in reports.items()}


def sets_of(node: Node, folders: Mapping[str, Sequence[EpochFolder]]) -> list[EpochSet]:
    """The sets, in order; none where one process checks the epochs as fast."""
    count = sum(map(len, folders.values()))
    receipts = len(node.stored(layout.RECEIPTS) or b"")
    if count < FEW or processes() < 2 or receipts > MOST_RECEIPTS:
        return []
    try:
        sizes = {scope: [_size(folder) for folder in epochs] for scope, epochs in folders.items()}
    except (LedgerError, OSError):  # a log that has no right files is told by each epoch after it
        return []
    total = sum(map(sum, sizes.values()))
    if total > LARGE * count:
        return []
    most = min(BATCH_BYTES, total // (processes() * SETS) + 1)
    sets: list[EpochSet] = []
    for scope, epochs in folders.items():
        taken: list[int] = []
        octets = 0
        for folder, size in zip(epochs, sizes[scope], strict=True):
            taken.append(folder.epoch_id)
            octets += size
            if octets >= most or folder is epochs[-1]:
                sets.append(EpochSet(len(sets) + 1, scope, tuple(taken)))
                taken, octets = [], 0
    return sets


def _size(folder: EpochFolder) -> int:
    """Bytes of the epoch's log; an error for one that cannot be read."""
    for shard in folder.shards():
        shard.open("rb").close()
    return sum(map(folder.size, folder.log_shards()))
