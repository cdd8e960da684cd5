"""How a settings file came to be what it is: each version that stood on the main line, with its commit and author.

Reads git where the node lies in a repository; elsewhere there is no history and nothing is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from ledger.core.errors import LedgerError
from ledger.store.trees import git, top_of

T = TypeVar("T")
MOST_VERSIONS = 100
"""Versions of one file that are told, the newest."""


@dataclass(frozen=True)
class Version:
    """A file as one commit left it; `data`: None is gone.

    `author` wrote the change, `merger` brought it to the main line: who made the merge commit, else who committed.
    """

    commit: str
    at: str
    author: str
    merger: str
    subject: str
    data: bytes | None


class History:
    """The versions of a node's files on the first-parent line: what a merged branch tried on its way never stood."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @cached_property
    def _place(self) -> tuple[Path, str] | None:
        try:
            return top_of(self._root)
        except LedgerError:
            return None

    @property
    def prefix(self) -> str:
        """The node's place in its repository, empty or ending in `/`."""
        return self._place[1] if self._place else ""

    def versions(self, path: str) -> Iterator[Version]:
        """Every version of the node's file `path`, newest first; none outside git or before the first commit."""
        if self._place is None:
            return
        top, prefix = self._place
        form = "--format=%H%x00%cs%x00%an%x00%cn%x00%s%x00%P%x00"
        try:
            log = git(
                top, "log", "--first-parent", f"--max-count={MOST_VERSIONS}", "-z", form, "HEAD", "--", prefix + path
            )
        except LedgerError:
            return
        fields = log.decode("utf-8", "replace").split("\0")
        for commit, at, author, merger, subject, parents in zip(*(fields[n::7] for n in range(6)), strict=False):
            try:
                data = git(top, "cat-file", "blob", f"{commit}:{prefix}{path}")
            except LedgerError:
                data = None
            if " " in parents:
                merger, author = author, self._author(top, parents.split(" ")[1]) or author
            yield Version(commit, at, author, merger, subject, data)

    @staticmethod
    def _author(top: Path, commit: str) -> str:
        """Who wrote the last commit of the branch that was merged; empty where a shallow clone does not hold it."""
        try:
            return git(top, "log", "--max-count=1", "--format=%an", commit).decode("utf-8", "replace").strip()
        except LedgerError:
            return ""

    def changes(self, path: str, read: Callable[[bytes], T]) -> Iterator[tuple[Version, T | None, T]]:
        """Each version that reads otherwise than the one before it, newest first, with what was and what came.

        A version that cannot be read, or none at all, is skipped: it never was in force.
        """
        after: tuple[Version, T] | None = None
        for version in self.versions(path):
            if version.data is None:
                continue
            try:
                value = read(version.data)
            except LedgerError:
                continue
            if after is not None and after[1] != value:
                yield after[0], value, after[1]
            after = version, value
        if after is not None:
            yield after[0], None, after[1]
