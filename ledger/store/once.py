"""A node that is read once: for whoever looks at many epochs of a node that nobody changes meanwhile.

The same answers and the same errors as `ledger.store.epochfolder`, from bytes that are kept: an epoch's as long as its
folder is held, those of files that all epochs share as long as the node is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ledger.core.canonical import sha256_hex
from ledger.core.errors import FormatError
from ledger.core.records.record import Record
from ledger.core.records.statement import PrefixPin, Statement
from ledger.core.values import Hash, ScopeId
from ledger.store import layout
from ledger.store.entries import entries, walk
from ledger.store.epochfolder import EpochFolder
from ledger.store.files import check_no_link, read_beside, read_file
from ledger.store.node import Node

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class NodeOnce(Node):
    """A node whose shared files are read once. Made by `read_once`."""

    kept: dict[str, bytes | None] = field(default_factory=dict, compare=False, repr=False)
    proven: dict[str, tuple[int, Statement]] = field(default_factory=dict, compare=False, repr=False)
    pins: dict[tuple[str, int | None], PrefixPin] = field(default_factory=dict, compare=False, repr=False)
    holds: dict[tuple[str, int], int | None] = field(default_factory=dict, compare=False, repr=False)

    def stored(self, path: str) -> bytes | None:
        """The bytes of a file of the node, None when it does not exist."""
        if path not in self.kept:
            self.kept[path] = read_file(self.root, path)
        return self.kept[path]

    def prefix_pin(self, path: str, size: int | None) -> PrefixPin:
        """The pin of a node-wide log's first `size` lines (None: all); FormatError when there are fewer."""
        key = (path, size)
        if key not in self.pins:
            self.pins[key] = super().prefix_pin(path, size)
        return self.pins[key]

    def hold_epochs(self, scope_id: str, epoch_id: int) -> int | None:
        """For how many epochs the unclaimed shares of an epoch are held."""
        key = (scope_id, epoch_id)
        if key not in self.holds:
            self.holds[key] = super().hold_epochs(scope_id, epoch_id)
        return self.holds[key]

    def epoch(self, scope_id: str, epoch_id: int) -> EpochFolder:
        """The folder of an epoch, opened or not."""
        return FolderOnce(self.root, self.node_id, ScopeId(scope_id), epoch_id, self)


@dataclass(frozen=True)
class FolderOnce(EpochFolder):
    """An epoch's folder whose files are read, hashed and parsed once."""

    node: NodeOnce = field(compare=False, repr=False)
    kept: dict[object, Any] = field(default_factory=dict, compare=False, repr=False)

    def forget(self) -> None:
        """Let go of what was read, so that memory does not grow with the epochs that are held."""
        self.kept.clear()

    def stored(self, name: str) -> bytes | None:
        """A file's bytes, None when it does not exist; those of activity are large, and not kept."""
        if layout.shard_number(name) is not None:
            return super().stored(name)
        if name not in self.kept:
            self.kept[name] = self._read(name)
        found: bytes | None = self.kept[name]
        return found

    def _read(self, name: str) -> bytes | None:
        """As `EpochFolder.stored`: of the folder it is asked once whether a link leads to it, and what lies in it."""
        self._check_no_link()
        return read_beside(self.root, self.path(name)) if name in self._entries() else None

    def _check_no_link(self) -> None:
        if "checked" not in self.kept:
            check_no_link(self.root, self.relative)
            self.kept["checked"] = True

    def _entries(self) -> dict[str, bool]:
        """The names of everything in the folder, and whether it is a folder itself."""
        if "" not in self.kept:
            self.kept[""] = entries(self.root, self.relative)
        found: dict[str, bool] = self.kept[""]
        return found

    def beside(self, path: str) -> bytes | None:
        """The bytes of a file of the node outside the folder."""
        return super().beside(path) if path.startswith(f"{self.relative}/") else self.node.stored(path)

    def hash_of(self, name: str) -> Hash:
        """SHA-256 of a log's bytes."""
        key = ("hash", name)
        if key not in self.kept:
            data = self.kept[name] if name in self.kept else self._read(name)
            self.kept[key] = Hash(sha256_hex(data or b""))
        found: Hash = self.kept[key]
        return found

    def names(self) -> list[str]:
        """The names of everything in the folder."""
        return list(self._entries())

    def files(self) -> Iterator[str]:
        """The paths of all files in the folder and below, sorted, inside the node."""
        try:
            self._check_no_link()
        except FormatError:
            yield from super().files()
            return
        for name, is_folder in sorted(self._entries().items()):
            if is_folder:
                yield from (path for path, _ in walk(self.root, self.path(name)))
            else:
                yield self.path(name)

    def single(self, model: type[R], name: str, data: bytes) -> R:
        """The one record of a `.json` file of this epoch from its bytes."""
        key = ("single", name, data)
        if key not in self.kept:
            self.kept[key] = super().single(model, name, data)
        found: R = self.kept[key]
        return found

    def statement(self) -> Statement | None:
        """The drafted or final statement, None before review."""
        last = self.node.proven.get(self.scope_id)
        return last[1] if last is not None and last[0] == self.epoch_id else super().statement()

    def prove(self, statement: Statement) -> None:
        """Take `statement` for the stored one, here and for the epoch after: it was recomputed to each byte."""
        self.node.proven[self.scope_id] = (self.epoch_id, statement)

    def log_shards(self) -> list[str]:
        """The activity log's files by name, in order; see `EpochFolder.log_shards`."""
        if "shards" not in self.kept:
            self.kept["shards"] = super().log_shards()
        return list(self.kept["shards"])

    def _log(self, name: str, model: type[R]) -> list[R]:
        key = ("log", name)
        if key not in self.kept:
            self.kept[key] = super()._log(name, model)
        return list(self.kept[key])


def read_once(node: Node) -> NodeOnce:
    """The same node for readers only: what is written to it from now on is not seen."""
    return NodeOnce(node.root, node.settings)
