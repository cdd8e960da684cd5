"""Loads a scope's epochs many at a time for whoever goes through them in order.

A set holds as many epochs as `BATCH_BYTES` of logs allow, so memory does not grow with the number of epochs. An epoch
with which something is wrong as a whole is loaded by itself, where its error is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ledger.compute.derive import peek
from ledger.compute.engine import Engine, LoadedEpoch, Wanted
from ledger.compute.shards import prove_by_shard
from ledger.core.errors import LedgerError
from ledger.core.records.epoch import Epoch
from ledger.store.epochfolder import EpochFolder
from ledger.store.node import Node

BATCH_BYTES = 64_000_000
"""Bytes of activity logs that are loaded together: small beside the engine's memory, and thousands of quiet weeks."""

BIG_BYTES = 1_000_000_000
"""A log from which on workers prove its shards: DuckDB's memory ends here and it begins to write to the disk."""


def in_sets(folders: Sequence[EpochFolder], sizes: Sequence[int], octets: int, most: int) -> Iterator[tuple[int, ...]]:
    """Epochs of one scope in sets, one after another, by number: a set is full with `octets` bytes or `most` epochs.

    `sizes`: bytes of each epoch's log.
    """
    taken: list[int] = []
    size = 0
    for folder, own in zip(folders, sizes, strict=True):
        taken.append(folder.epoch_id)
        size += own
        if size >= octets or len(taken) >= most or folder is folders[-1]:
            yield tuple(taken)
            taken, size = [], 0


class Ahead:
    """The epochs `folders` of one scope, by rising number. Their files must not change while this is used."""

    def __init__(self, engine: Engine, node: Node, folders: Sequence[EpochFolder]) -> None:
        self._engine, self._node = engine, node
        self._places = {folder.epoch_id: place for place, folder in enumerate(folders)}
        self._folders = list(folders)
        self._loaded: dict[int, tuple[LoadedEpoch, int]] = {}
        self._most = len(folders)

    def load(self, folder: EpochFolder, epoch: Epoch, identities_size: int) -> LoadedEpoch:
        """The epoch in the engine, as `Engine.load`, which is where anything goes that cannot be had together."""
        if folder.version > 1 or folder.epoch_id not in self._places:
            self._loaded.clear()
            return self._engine.load(folder, epoch, identities_size=identities_size)
        if folder.epoch_id in self._loaded and not self._loaded[folder.epoch_id][0].is_loaded:
            self._loaded.clear()  # somebody looked at one of them by itself since
        if folder.epoch_id not in self._loaded:
            if sum(folder.size(name) for name in folder.log_shards()) >= BIG_BYTES:
                proved = prove_by_shard(self._engine, folder, epoch, identities_size)
                if proved is not None:
                    return proved
            self._load_from(self._places[folder.epoch_id])
        loaded, size = self._loaded.get(folder.epoch_id, (None, -1))
        if loaded is None or size != identities_size:
            self._loaded.clear()
            return self._engine.load(folder, epoch, identities_size=identities_size)
        return loaded

    def _load_from(self, place: int) -> None:
        """Load as many epochs from this place on as go together; none where this one does not go with the next."""
        self._loaded.clear()
        wanted = self._wanted(self._folders[place:])
        while len(wanted) > 1:
            try:
                loaded = self._engine.load_set(wanted)
            except LedgerError:  # one of them is wrong as a whole: in fewer steps than they are, it is alone
                self._most = len(wanted) // 2
                wanted = wanted[: self._most]
                continue
            self._most *= 2
            for each, one in zip(wanted, loaded, strict=True):
                self._loaded[each.folder.epoch_id] = (one, each.identities_size or 0)
            return
        self._most = 2

    def _wanted(self, folders: Sequence[EpochFolder]) -> list[Wanted]:
        wanted: list[Wanted] = []
        total = 0
        for folder in folders[: self._most]:
            try:
                total += sum(folder.size(name) for name in folder.log_shards())
                if total > BATCH_BYTES and wanted:
                    break
                stated = peek(folder.read("statement.json")) or folder.statement()
                size = len(self._node.bindings_prefix(stated.identities.size if stated else None)[1])
                wanted.append(Wanted(folder, folder.epoch(), size))
            except LedgerError:
                break  # its own turn tells it
        return wanted
