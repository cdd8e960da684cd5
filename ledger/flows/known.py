"""What one operator proved before: a file of his own, by which `verify` need not recompute what has not changed.

For each finalized epoch that passed it keeps the hash over everything that its verdict follows from
(`compute.content`), so that one changed byte anywhere makes every epoch from there on unknown. It says nothing to
anybody else: whoever can write the file can lie in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ledger import __version__
from ledger.compute.content import content_of
from ledger.core.bounds import FILE_BYTES
from ledger.core.canonical import decode, encode
from ledger.core.errors import FormatError, InputError, LedgerError
from ledger.flows.verdicts import EpochReport, verdicts
from ledger.store.amendments import amendments
from ledger.store.epochfolder import EpochFolder
from ledger.store.node import Node

FORMAT = "ledger-known/1"
EDITION = 2
_HINT = "Remove the file: the next run looks at everything and writes it anew."


@dataclass
class Known:
    """The file's content: scope and epoch to what was proved of it. `every`: believe nothing, and learn it anew."""

    path: Path
    every: bool = False
    _proved: dict[str, dict[str, Any]] = field(default_factory=dict)
    _content: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, *, every: bool = False) -> Known:
        """The file's content, empty where it does not exist yet; InputError for one that is none of ours."""
        found = cls(path, every)
        try:
            value = decode(path.read_bytes().removesuffix(b"\n"), FILE_BYTES)
            if value["format"] != FORMAT:
                raise ValueError
            found._proved = {str(name): dict(proof) for name, proof in value["epochs"].items()}
        except FileNotFoundError:
            pass
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", path=str(path)) from None
        except (FormatError, ValueError, TypeError, KeyError, AttributeError):
            raise InputError("is no file of `ledger verify --known`", path=str(path), hint=_HINT) from None
        return found

    def holds(self, node: Node, folder: EpochFolder) -> bool:
        """Whether this very content passed before, under this version of the tool. Ask from the first epoch on."""
        name = f"{folder.scope_id}/{folder.epoch_id}"
        before = self._content.get(f"{folder.scope_id}/{folder.epoch_id - 1}", "")
        try:
            self._content[name] = content_of(node, folder, before)
        except LedgerError:  # its own check tells it
            self._content.pop(name, None)
            return False
        return not self.every and self._proved.get(name) == self._proof(name)

    def learn(self, folder: EpochFolder, *, passed: bool) -> None:
        """Keep, or forget, what was found of an epoch that `holds` was asked of."""
        name = f"{folder.scope_id}/{folder.epoch_id}"
        if passed and name in self._content:
            self._proved[name] = self._proof(name)
        else:
            self._proved.pop(name, None)

    def _proof(self, name: str) -> dict[str, Any]:
        return {"content": self._content[name], "edition": EDITION, "tool_version": __version__, "verdict": "pass"}

    def write(self) -> None:
        """Put the file in place, as a whole. InputError where that cannot be."""
        data = encode({"epochs": self._proved, "format": FORMAT}) + b"\n"
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}.tmp")
        try:
            beside.write_bytes(data)
            beside.replace(self.path)
        except OSError as error:
            raise InputError(f"cannot be written: {error.strerror}", path=str(self.path)) from None


def as_passed(folder: EpochFolder) -> Iterator[EpochReport]:
    """What was told of a known epoch and its amendments when they passed: that every invariant holds."""
    for each in (folder, *amendments(folder)):
        hash_, clean = each.hash_of("statement.json"), verdicts("finalized", ())
        yield EpochReport(each.scope_id, each.epoch_id, "finalized", hash_, clean, each.version)
