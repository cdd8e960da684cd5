"""An epoch's folder as it lies in a tree of git that nobody checked out."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.store.epochfolder import EpochFolder
from ledger.store.trees import NodeFiles


@dataclass(frozen=True)
class TreeFolder(EpochFolder):
    """An epoch's folder in a tree that is not on disk."""

    source: NodeFiles

    def stored(self, name: str) -> bytes | None:
        """A file's bytes in the tree."""
        return self.source(self.path(name))

    def beside(self, path: str) -> bytes | None:
        """The bytes of a file of the node in the tree."""
        return self.source(path)

    def names(self) -> list[str]:
        """The names of the folder's files in the tree."""
        return self.source.names(self.relative)

    def size(self, name: str) -> int:
        """A file's bytes in the tree."""
        return len(self.read(name))
