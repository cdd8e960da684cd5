"""What a site keeps for the next build, in a folder beside its pages, and what an earlier one kept.

Each thing is kept with a hash over all that it follows from and one over its bytes, and is taken over only where both
are right: so a build with an earlier one gives the bytes of one from nothing. It is for the operator's own folder:
whoever can write it can lie in it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from ledger.core.canonical import foreign_json, sha256_hex
from ledger.core.errors import LedgerError
from ledger.store.files import read_file

T = TypeVar("T")
FOLDER = ".ledger-kept"
"""Where it lies in a built site. It is no part of what is published."""
FORMAT = "ledger-kept/1"
HEAD = "head.json"

Files = Mapping[str, tuple[int, str]]
"""Files by their path in the site, each with its size (bytes) and SHA-256."""


@dataclass(frozen=True)
class Earlier:
    """An earlier site: its folder, and the commit that it was built from."""

    folder: Path
    commit: str | None
    notes: Mapping[str, str] = field(default_factory=dict)
    """What it kept in files by themselves (`Note`), with their SHA-256."""

    @classmethod
    def read(cls, folder: Path, node_id: str, tool: str) -> Earlier | str:
        """The site in `folder`; or in words why nothing of it can be taken over."""
        try:
            value = foreign_json((folder / FOLDER / HEAD).read_bytes())
            if value["format"] != FORMAT:
                return "keeps nothing that this version understands"
            if value["node_id"] != node_id:
                return "is the site of another node"
            if value["tool"] != tool:
                return "was built by another version of this program or of its templates"
            notes = {str(name): str(digest) for name, digest in value["notes"].items()}
            return cls(folder, None if value["commit"] is None else str(value["commit"]), notes)
        except FileNotFoundError:
            return "is no site that was built with `--reuse`, which keeps what the next build takes over"
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return "keeps nothing that can be read"

    def kept(self, name: str) -> bytes | None:
        """The bytes that were kept under a name; None where there are none."""
        try:
            return (self.folder / FOLDER / name).read_bytes()
        except OSError:
            return None

    def file(self, path: str, known: tuple[int, str]) -> bytes | None:
        """A file of the site; None where its bytes are not those that were written, or where it leads out of it.

        `path` is what somebody may have altered: nothing outside is read, no link is followed, no pipe waited for.
        """
        try:
            data = read_file(self.folder, path, known[0])
        except (LedgerError, OSError, ValueError):  # ValueError: no name of a file
            return None
        return data if data is not None and kept_as(data) == known else None

    def all_files(self, files: Files) -> dict[str, bytes] | None:
        """Some files of the site; None where one of them is another one than was written."""
        found: dict[str, bytes] = {}
        for path, known in files.items():
            data = self.file(path, known)
            if data is None:
                return None
            found[path] = data
        return found


@dataclass(frozen=True)
class Keeping:
    """What a build keeps in `folder`, and the earlier one that it takes from, if there is one."""

    folder: Path
    earlier: Earlier | None
    notes: dict[str, str] = field(default_factory=dict)
    """What was kept so far in files by themselves, with their SHA-256."""

    def keep(self, name: str, data: bytes) -> None:
        """Keep bytes under a name."""
        target = self.folder / name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(data)

    def keep_on(self, name: str) -> None:
        """Keep what the earlier build kept under a name, as it is. Nobody ever writes into a kept file."""
        target, source = self.folder / name, (self.earlier.folder if self.earlier else Path()) / FOLDER / name
        target.parent.mkdir(exist_ok=True)
        target.unlink(missing_ok=True)  # a process that ended before it was done may have kept it already
        try:
            os.link(source, target)
        except OSError:
            shutil.copyfile(source, target)

    def finish(self, node_id: str, tool: str, commit: str | None) -> None:
        """The last: what all this is."""
        head = {"commit": commit, "format": FORMAT, "node_id": node_id, "notes": self.notes, "tool": tool}
        self.keep(HEAD, json.dumps(head, sort_keys=True).encode() + b"\n")


class Note(Generic[T]):
    """Something of one type that is kept in a file by itself."""

    def __init__(self, keeping: Keeping, name: str, kind: type[T]) -> None:
        self._keeping, self._name = keeping, name
        self._adapter: TypeAdapter[T] = TypeAdapter(kind)

    @cached_property
    def before(self) -> T | None:
        """What the earlier build kept; None where there is none."""
        earlier = self._keeping.earlier
        data = earlier.kept(self._name) if earlier else None
        if earlier is None or data is None or earlier.notes.get(self._name) != sha256_hex(data):
            return None
        try:
            return self._adapter.validate_json(data)
        except ValidationError:
            return None

    def keep(self, now: T) -> None:
        """Keep this."""
        data = self._adapter.dump_json(now)
        self._keeping.keep(self._name, data)
        self._keeping.notes[self._name] = sha256_hex(data)


def kept_as(data: bytes) -> tuple[int, str]:
    """Size (bytes) and SHA-256 of a file."""
    return len(data), sha256_hex(data)


def file_as(path: Path) -> tuple[int, str]:
    """The same of a file that may be large."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest


def parsed(data: bytes) -> Any:
    """JSON that a build kept; None where it is none."""
    try:
        return foreign_json(data)
    except ValueError:
        return None
