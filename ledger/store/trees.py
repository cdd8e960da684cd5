"""Two states of a repository side by side, without a checkout: git trees, or the files as they lie on disk.

Git is called by argument lists, without configuration, replace refs or a shell; paths come back NUL-separated.
"""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Protocol

from ledger.core.errors import InputError, UsageError
from ledger.store.files import read_file
from ledger.store.layout import is_scratch

PLAIN = 0o100644
LINK = 0o120000
_ENVIRONMENT = {"GIT_NO_REPLACE_OBJECTS": "1", "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}


class Entry(NamedTuple):
    """A file of a tree: git's mode and the blob's id."""

    mode: int
    blob: str


class Tree(Protocol):
    """One state: every file by its path from the repository's top, and their bytes."""

    @property
    def entries(self) -> dict[str, Entry]:
        """Every file, link and submodule by path."""
        ...

    def read(self, path: str) -> bytes | None:
        """A file's bytes, None when it does not exist."""
        ...


def git(folder: Path, *arguments: str) -> bytes:
    """What git prints; InputError with git's own words when it fails."""
    done = subprocess.run(
        ["git", "-C", str(folder), "-c", "core.quotePath=false", *arguments],
        env={**os.environ, **_ENVIRONMENT},
        capture_output=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise InputError(
            f"git {arguments[0]} failed: {said[-1] if said else done.returncode}",
            hint="Run it inside a git repository with full history (no shallow clone), and name a revision it has.",
        )
    return done.stdout


def top_of(root: Path) -> tuple[Path, str]:
    """The repository's top folder and the node's place in it (empty, or ending in `/`)."""
    top = Path(os.fsdecode(git(root, "rev-parse", "--show-toplevel")).rstrip("\n"))
    prefix = os.fsdecode(git(root, "rev-parse", "--show-prefix")).rstrip("\n")
    return top, prefix


def commit_of(top: Path, revision: str) -> str:
    """The full id of the commit that `revision` names; UsageError for what looks like an option."""
    if revision.startswith("-") or not revision.isprintable():
        raise UsageError(f"{revision!r} is no revision")
    return git(top, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}").decode().strip()


class GitTree:
    """The tree of a commit."""

    def __init__(self, top: Path, revision: str) -> None:
        self._top = top
        self._commit = commit_of(top, revision)
        self._reader: subprocess.Popen[bytes] | None = None

    @cached_property
    def entries(self) -> dict[str, Entry]:
        """Every file of the commit."""
        found = {}
        for line in git(self._top, "ls-tree", "-r", "-z", "--full-tree", self._commit).split(b"\0")[:-1]:
            facts, _, path = line.partition(b"\t")
            mode, _, blob = facts.split(b" ")
            found[os.fsdecode(path)] = Entry(int(mode, 8), blob.decode())
        return found

    def read(self, path: str) -> bytes | None:
        """The blob's bytes, through one long-lived `git cat-file --batch`."""
        entry = self.entries.get(path)
        if entry is None or entry.mode not in (PLAIN, 0o100755, LINK):
            return None
        if self._reader is None:
            self._reader = subprocess.Popen(
                ["git", "-C", str(self._top), "cat-file", "--batch"],
                env={**os.environ, **_ENVIRONMENT},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        if self._reader.stdin is None or self._reader.stdout is None:
            raise InputError("git cat-file cannot be read")
        self._reader.stdin.write(entry.blob.encode() + b"\n")
        self._reader.stdin.flush()
        head = self._reader.stdout.readline().split()
        if len(head) != 3:
            raise InputError(f"git has no object {entry.blob}", path=path, hint="Is the clone complete?")
        data = self._reader.stdout.read(int(head[2]))
        self._reader.stdout.read(1)
        return data

    def close(self) -> None:
        """End the reader."""
        if self._reader is not None:
            self._reader.communicate()
            self._reader = None


class WorkTree:
    """The files as they lie on disk: what the node's commands would commit, whatever git's index or ignores say."""

    def __init__(self, top: Path, prefix: str, base: GitTree) -> None:
        self._top, self._prefix, self._base = top, prefix, base

    @cached_property
    def entries(self) -> dict[str, Entry]:
        """Every file under the node's data and settings; elsewhere what git tracks or would add."""
        listed = git(self._top, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split(b"\0")[:-1]
        paths = {os.fsdecode(path) for path in listed}
        paths |= {path for path in self._walk(f"{self._prefix}data") if not is_scratch(path[len(self._prefix) :])}
        return {path: entry for path in sorted(paths) if (entry := self._entry(path)) is not None}

    def _walk(self, folder: str) -> Iterator[str]:
        root = self._top / folder
        if root.is_dir() and not root.is_symlink():
            for entry in os.scandir(root):
                path = f"{folder}/{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    yield from self._walk(path)
                else:
                    yield path

    def _entry(self, path: str) -> Entry | None:
        try:
            facts = os.lstat(self._top / path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if stat.S_ISLNK(facts.st_mode):
            return Entry(LINK, "")
        if not stat.S_ISREG(facts.st_mode):
            return Entry(0o160000, "")
        data = (self._top / path).read_bytes()
        kind = (
            hashlib.sha1
            if len(next(iter(self._base.entries.values()), Entry(0, "0" * 40)).blob) == 40
            else hashlib.sha256
        )
        blob = kind(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        return Entry(0o100755 if facts.st_mode & 0o111 else PLAIN, blob)

    def read(self, path: str) -> bytes | None:
        """The file's bytes as they lie on disk."""
        return read_file(self._top, path)


def changes(base: Tree, head: Tree) -> dict[str, tuple[Entry | None, Entry | None]]:
    """Every path whose file differs, with what it was and what it is, sorted."""
    before, after = base.entries, head.entries
    return {
        path: (before.get(path), after.get(path))
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    }
