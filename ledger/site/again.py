"""What a page is made from, as bytes and hashes that are the same in every build that makes it from the same."""

from __future__ import annotations

import io
import pickle
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel

import ledger
from ledger.core.canonical import encode, sha256_hex
from ledger.core.records.record import made

MARKER = ".ledger-site"
"""The file by which a folder is known as a built site."""
MARKED = b"This folder is rebuilt by `ledger site build`.\n"


class Printed(NamedTuple):
    """A page: the hash over what it was made from, and that of its body where every commit is the first 40 of it.

    `users`: whom it asked about; `files`: what was written with it, by the path in the site, each with its size
    (bytes) and SHA-256; `reused`: an earlier build made it. The first three are empty where nothing is kept.
    """

    made_from: str
    sha256: str
    users: tuple[str, ...]
    files: Mapping[str, tuple[int, str]] = {}
    reused: bool = False


class Put(NamedTuple):
    """A page's own file as it lies in the site: its path, size (bytes) and SHA-256; where its body begins in it, and
    how long that is (bytes).
    """

    path: str
    size: int
    sha256: str
    start: int
    length: int


class _Pickler(pickle.Pickler):
    """Records by their fields alone: which of them were given is a set, whose order no two runs share."""

    def reducer_override(self, value: object) -> Any:
        return (_again, (type(value), vars(value))) if isinstance(value, BaseModel) else NotImplemented


def _again(model: type[BaseModel], values: dict[str, Any]) -> BaseModel:
    return made(model, [values])[0]


def frozen(value: object) -> bytes:
    """A value as bytes that follow from what it holds alone, whichever parts of it are the same object."""
    held = io.BytesIO()
    pickler = _Pickler(held, 5)
    pickler.fast = True
    pickler.dump(value)
    return held.getvalue()


def tool_hash(templates: Path) -> str:
    """The hash over what makes a site: this program, its templates, and what it computes and writes with.

    Of templates it is taken once: neither they nor the program are others while a process runs.
    """
    return _tool_hash(templates, ledger.__version__)


@cache
def _tool_hash(templates: Path, program: str) -> str:
    made_with = {name: version(name) for name in ("duckdb", "jinja2", "markupsafe", "mkdocs-material", "pydantic")}
    made_with |= {"ledger": program, "python": platform.python_version()}
    found: list[object] = [made_with]
    for folder in (Path(ledger.__file__).parent, templates):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.parent.name != "__pycache__":
                found.append((path.relative_to(folder).as_posix(), sha256_hex(path.read_bytes())))
    return sha256_hex(encode(found))
