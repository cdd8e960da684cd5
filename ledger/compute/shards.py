"""A big log proved by workers: each takes one shard with an engine of its own and gives back a few kilobytes.

Sums merge as integers, Merkle roots as compact ranges (`ledger.core.merkle`), so that the epoch comes to the same to
each bit. Workers say only that all is well: where anything is not, or a worker ends, the whole log goes to the one
engine, which tells it in the words that it always uses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.compute.batch import Wanted
from ledger.compute.loaded import LoadedEpoch
from ledger.compute.processes import helpers, processes
from ledger.compute.scan import Extent, count_lines
from ledger.compute.summed import SummedEpoch
from ledger.compute.sums import Sums, merged
from ledger.core.errors import LedgerError
from ledger.core.evaluate import Finding
from ledger.core.merkle import root_of_subtrees
from ledger.core.records.epoch import Epoch
from ledger.core.values import Timestamp
from ledger.store.epochfolder import EpochFolder

if TYPE_CHECKING:
    from ledger.compute.engine import Engine

WORKER_MEMORY = "512MB"


@dataclass(frozen=True)
class OneShard(EpochFolder):
    """An epoch's folder as if its log were this one shard."""

    shard: str

    def log_shards(self) -> list[str]:
        """The one shard."""
        return [self.shard]


@dataclass(frozen=True, slots=True)
class Part:
    """What a worker proved of its shard."""

    extent: Extent
    latest: str
    sums: Sums


def prove(root: Path, wanted: Wanted) -> Part | None:
    """One shard proved and summed, for a process of its own; None where something is wrong with it."""
    from ledger.compute.engine import Engine

    with Engine(root, memory_limit=WORKER_MEMORY, threads=1) as engine:
        (loaded,) = engine.load_set([wanted])
        if loaded.findings:
            return None
        return Part(loaded.extent, loaded.latest, loaded.sums())


class ByShard(SummedEpoch):
    """An epoch whose shards were proved apart, with nothing to tell. Its events are loaded when they are asked for."""

    def __init__(self, engine: Engine, wanted: Wanted, parts: Sequence[Part]) -> None:
        count = sum(part.extent.lines[0] for part in parts)
        root = root_of_subtrees(subtree for part in parts for subtree in part.extent.ranges)
        super().__init__(wanted.folder.place, count, root, merged([part.sums for part in parts]))
        self._engine, self._wanted = engine, wanted
        self._last = max(part.latest for part in parts)

    @cached_property
    def whole(self) -> LoadedEpoch:
        """The epoch as the engine loads it."""
        each = self._wanted
        return self._engine.load(each.folder, each.epoch, each.identities_size)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """None: the workers found none, and every id is new."""
        return ()

    def ingested_after(self, closed: Timestamp) -> Iterator[Finding]:
        """Events that were taken in after `closed`."""
        return super().ingested_after(closed) if self._last > closed else iter(())


def prove_by_shard(engine: Engine, folder: EpochFolder, epoch: Epoch, identities_size: int) -> LoadedEpoch | None:
    """The epoch, its shards proved side by side; None where the whole log must be looked at by one engine."""
    folder.curation()
    folder.overrides()  # core refuses what SQL would read too kindly, before anybody starts
    shards = folder.shards()
    place = (folder.root, folder.node_id, folder.scope_id, folder.epoch_id)
    firsts = [0, *accumulate(map(count_lines, shards))]
    jobs = [
        Wanted(OneShard(*place, shard.name), epoch, identities_size, first)
        for shard, first in zip(shards, firsts, strict=False)
    ]
    pool = helpers(processes(len(jobs)))
    try:
        asked = [pool.submit(prove, folder.root, job) for job in jobs]
        if not engine.remember_apart(folder.relative, shards):  # an amendment's events are the base's
            return None
        parts = []
        for answer in asked:
            if (part := answer.result()) is None:
                return None
            parts.append(part)
    except (BrokenProcessPool, LedgerError, OSError):
        return None
    finally:
        pool.shutdown(cancel_futures=True)
    return ByShard(engine, Wanted(folder, epoch, identities_size), parts)
