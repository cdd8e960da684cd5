"""Pages of an earlier build that need not be made anew: what each was made from, and whether its bytes are still those.

A built site keeps for each page of a kind that there are many of a hash over everything that it is made from, but for
the commit, and a hash of what was made. A page is taken over only where both are right, so a build with an earlier one
gives the same bytes as one from nothing. It is for the operator's own folder: whoever can write it can lie in it.
"""

from __future__ import annotations

import io
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from pydantic import BaseModel

import ledger
from ledger.core.bounds import FILE_BYTES
from ledger.core.canonical import decode, encode, sha256_hex
from ledger.core.errors import FormatError
from ledger.core.records.record import made

MARKER = ".ledger-site"
"""The file by which a folder is known as a built site; it holds what the next build may take over."""
FORMAT = "ledger-site/1"
_COMMIT = re.compile("[0-9a-f]{40,64}")


class Printed(NamedTuple):
    """A page: the hash over what it was made from, and that of its body where every commit is the first 40 of it.

    `files`: what was written of the API on the way, each with its size (bytes) and SHA-256.
    """

    made_from: str
    sha256: str
    reused: bool
    files: Mapping[str, tuple[int, str]] = {}


class Kept(NamedTuple):
    """The same, and where the body lies in the page's file (bytes)."""

    made_from: str
    sha256: str
    start: int
    length: int


@dataclass(frozen=True)
class Earlier:
    """An earlier build: its folder, the commit that it was built from, and its pages by their paths."""

    folder: Path
    commit: str | None
    pages: Mapping[str, Kept]

    @classmethod
    def read(cls, folder: Path) -> Earlier | None:
        """What `folder` keeps; None where it is no site of a build that kept anything."""
        try:
            value = decode((folder / MARKER).read_bytes().removesuffix(b"\n"), FILE_BYTES)
            if value["format"] != FORMAT:
                return None
            pages = {
                str(path): Kept(str(made_from), str(digest), int(start), int(length))
                for path, (made_from, digest, start, length) in value["pages"].items()
            }
            commit = value["commit"]
            return cls(folder, commit, pages) if commit is None or _COMMIT.fullmatch(commit) else None
        except (OSError, FormatError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def body(self, path: str, made_from: str, commit: str | None) -> str | None:
        """The body of the page at `path` with `commit` for its own; None where it was made from something else, or
        its bytes are not those that were made.
        """
        kept = self.pages.get(path)
        if kept is None or kept.made_from != made_from:
            return None
        try:
            data = (self.folder / path / "index.html").read_bytes()
            body = data[kept.start : kept.start + kept.length].decode()
        except (OSError, UnicodeDecodeError):
            return None
        if self.commit and commit:
            body = body.replace(self.commit, commit)
        return body if sha256_hex(body.encode()) == kept.sha256 else None


def marker(commit: str | None, pages: Mapping[str, Kept]) -> bytes:
    """The bytes of the file that says what the folder is, and what the next build may take over."""
    about = "This folder is rebuilt by `ledger site build`; `--reuse` takes pages over from it."
    return encode({"about": about, "commit": commit, "format": FORMAT, "pages": pages}) + b"\n"


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
    """The hash over what makes pages: this program, its templates, and the engine that fills them."""
    found = [("ledger", ledger.__version__), ("jinja2", jinja2.__version__)]
    for folder, pattern in ((Path(ledger.__file__).parent, "*.py"), (templates, "*")):
        for path in sorted(folder.rglob(pattern)):
            if path.is_file():
                found.append((path.relative_to(folder).as_posix(), sha256_hex(path.read_bytes())))
    return sha256_hex(encode(found))
