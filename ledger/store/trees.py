"""Two states of a repository side by side, without a checkout: git trees, or the files as they lie on disk.

Git is called by argument lists, with no shell, replace refs or lazy downloads, with nothing of the caller's `GIT_*`
environment and no program that a repository's settings may name; paths go in literally and come back NUL-separated.
"""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from collections.abc import Iterable, Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple, Protocol

from ledger.core.bounds import FILE_BYTES, SETTINGS_BYTES
from ledger.core.errors import InputError, UsageError
from ledger.store.entries import walk
from ledger.store.files import read_file
from ledger.store.layout import check_size, is_scratch, most_bytes

PLAIN = 0o100644
LINK = 0o120000
SUBMODULE = 0o160000
BLOCK = 1 << 20
_SETTINGS = ("-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false")
_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}


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

    def read(self, path: str, most: int = FILE_BYTES) -> bytes | None:
        """A file's bytes; None when it does not exist, or is a link or a submodule. FormatError past `most` bytes."""
        ...


def environment() -> dict[str, str]:
    """The caller's environment without what hooks and others set to point git elsewhere (GIT_DIR, GIT_INDEX_FILE)."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | _ENVIRONMENT


def git(folder: Path, *arguments: str) -> bytes:
    """What git prints; InputError with git's own words when it fails."""
    done = subprocess.run(
        ["git", "-C", str(folder), *_SETTINGS, *arguments], env=environment(), capture_output=True, check=False
    )
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise InputError(
            f"git {arguments[0]} failed: {said[-1] if said else done.returncode}",
            hint="Run it inside a git repository that belongs to you, with its full history.",
        )
    return done.stdout


def top_of(root: Path) -> tuple[Path, str]:
    """The repository's top folder and the node's place in it (empty, or ending in `/`).

    Raises InputError when settings (`core.worktree`) make git look at another folder than `root`.
    """
    top = Path(os.fsdecode(git(root, "rev-parse", "--show-toplevel").removesuffix(b"\n")))
    prefix = os.fsdecode(git(root, "rev-parse", "--show-prefix").removesuffix(b"\n"))
    if (top / prefix).resolve() != root.resolve():
        raise InputError(f"git takes {top} for this repository's files", hint="Unset core.worktree in .git/config.")
    return top, prefix


def tracked(root: Path, path: str) -> bool:
    """Whether git's index has files at or below `path`, on disk or not; no outside a git repository."""
    try:
        return bool(git(root, "ls-files", "-z", "--", path))
    except (InputError, OSError):
        return False


def commit_of(top: Path, revision: str) -> str:
    """The full id of the commit that `revision` names; UsageError for what looks like an option."""
    if revision.startswith("-") or not revision.isprintable():
        raise UsageError(f"{revision!r} is no revision")
    try:
        return git(top, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}").decode().strip()
    except InputError:
        raise InputError(
            f"{revision} is no commit of this repository",
            hint="Name one that `git log` shows; a shallow clone gets its history by `git fetch --unshallow` "
            "(in Actions: `fetch-depth: 0`).",
        ) from None


class NodeFiles:
    """The files of the node at `prefix` in a tree, by their path inside the node; called with one, it reads."""

    def __init__(self, tree: Tree, prefix: str) -> None:
        self._tree, self._prefix = tree, prefix

    def __call__(self, path: str) -> bytes | None:
        """The bytes of a file, None when there is no plain file of this path."""
        try:
            return self._tree.read(self._prefix + path, most_bytes(path))
        except InputError as error:
            error.path = path
            raise

    def __contains__(self, path: str) -> bool:
        """Whether there is anything of this path: a file, a link, a submodule."""
        return self._prefix + path in self._tree.entries

    @cached_property
    def paths(self) -> list[str]:
        """The path of everything in the node."""
        return [path[len(self._prefix) :] for path in self._tree.entries if path.startswith(self._prefix)]

    def names(self, folder: str) -> list[str]:
        """The names of the files that lie in a folder."""
        return self._by_folder.get(folder, [])

    @cached_property
    def _by_folder(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for path in self.paths:
            folder, _, name = path.rpartition("/")
            found.setdefault(folder, []).append(name)
        return found


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

    def read(self, path: str, most: int = FILE_BYTES) -> bytes | None:
        """The blob's bytes, through one long-lived `git cat-file --batch`, which tells the size first."""
        entry = self.entries.get(path)
        if entry is None or not stat.S_ISREG(entry.mode):
            return None
        if self._reader is None:
            self._reader = subprocess.Popen(
                ["git", "-C", str(self._top), *_SETTINGS, "cat-file", "--batch"],
                env=environment(),
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
        try:
            check_size(path, int(head[2]), most)
        except InputError:
            self._reader.kill()  # else what it still has to say would have to be read
            self.close()
            raise
        data = self._reader.stdout.read(int(head[2]))
        self._reader.stdout.read(1)
        return data

    def versions(self, path: str, since: int) -> Iterator[bytes]:
        """A file of settings as it is, then as it was on the way here, newest first, back to how it stood at `since`.

        `since` counts seconds since 1970. Only first parents count: what a merged branch tried on its way never stood.
        """
        if (data := self.read(path)) is not None:
            yield data
        log = git(self._top, "rev-list", "--first-parent", "--timestamp", self._commit, "--", path)
        for line in log.decode().splitlines():
            time, _, commit = line.partition(" ")
            if listed := git(self._top, "ls-tree", "-z", "-l", "--full-tree", commit, "--", path):
                _, _, blob, size = listed.partition(b"\t")[0].split()
                if not size.isdigit() or int(size) <= SETTINGS_BYTES:  # a hole in the history is an error
                    yield git(self._top, "cat-file", "blob", blob.decode())
            if int(time) <= since:
                return

    def close(self) -> None:
        """End the reader."""
        if self._reader is not None:
            self._reader.communicate()
            self._reader = None


class WorkTree:
    """The files as they lie on disk: what the node's commands would commit, whatever git's index or ignores say.

    Every file is read and hashed: dates and git's index prove nothing about bytes.
    """

    def __init__(self, top: Path, prefix: str, base: GitTree) -> None:
        self._top, self._prefix = top, prefix
        self._links = {"": False}
        self._digits = len(next(iter(base.entries.values()), Entry(PLAIN, "0" * 40)).blob)

    @cached_property
    def entries(self) -> dict[str, Entry]:
        """Every file under the node's data, whatever git ignores; elsewhere what git tracks or would add."""
        staged = {}
        for line in git(self._top, "ls-files", "-z", "--stage").split(b"\0")[:-1]:
            facts, _, path = line.partition(b"\t")
            mode, blob, _ = facts.decode().split(" ")
            staged[os.fsdecode(path)] = Entry(int(mode, 8), blob)
        others = git(self._top, "ls-files", "-z", "--others", "--exclude-standard").split(b"\0")[:-1]
        paths = staged.keys() | {os.fsdecode(path) for path in others}
        paths |= {
            path for path, _ in walk(self._top, f"{self._prefix}data") if not is_scratch(path[len(self._prefix) :])
        }
        try:
            return {path: entry for path in sorted(paths) if (entry := self._entry(path, staged.get(path))) is not None}
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", path=os.fsdecode(error.filename or "")) from None

    def _entry(self, path: str, staged: Entry | None) -> Entry | None:
        if self._behind_link(path.rpartition("/")[0]):
            return None  # for git, too, nothing lies behind a link
        target = self._top / path
        try:
            mode = target.lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            return None
        if stat.S_ISLNK(mode):
            link = os.fsencode(target.readlink())
            return Entry(LINK, blob_id(len(link), [link], self._digits))
        if stat.S_ISREG(mode):
            return Entry(0o100755 if mode & 0o111 else PLAIN, file_id(target, self._digits))
        if not stat.S_ISDIR(mode):
            return Entry(mode, "")  # a pipe, a device
        if path.endswith("/"):
            return Entry(SUBMODULE, "")  # a repository inside this one
        return staged if staged is not None and staged.mode == SUBMODULE else None

    def _behind_link(self, folder: str) -> bool:
        """Whether a folder of the tree, or one above it, is a link."""
        if folder not in self._links:
            self._links[folder] = self._behind_link(folder.rpartition("/")[0]) or (self._top / folder).is_symlink()
        return self._links[folder]

    def read(self, path: str, most: int = FILE_BYTES) -> bytes | None:
        """The file's bytes as they lie on disk."""
        entry = self.entries.get(path)
        return read_file(self._top, path, most) if entry is not None and stat.S_ISREG(entry.mode) else None


def blob_id(size: int, blocks: Iterable[bytes], digits: int) -> str:
    """git's name for these bytes; `digits` tells the two kinds of repository apart: 40 for SHA-1, 64 for SHA-256."""
    named = (hashlib.sha1 if digits == 40 else hashlib.sha256)(b"blob %d\0" % size, usedforsecurity=False)
    for block in blocks:
        named.update(block)
    return named.hexdigest()


def file_id(path: Path, digits: int) -> str:
    """git's name for a file's bytes as they lie on disk, read in blocks whatever its size."""
    with path.open("rb") as file:
        return blob_id(os.fstat(file.fileno()).st_size, iter(partial(file.read, BLOCK), b""), digits)


def changes(base: Tree, head: Tree) -> dict[str, tuple[Entry | None, Entry | None]]:
    """Every path whose file differs, with what it was and what it is, sorted."""
    before, after = base.entries, head.entries
    return {
        path: (before.get(path), after.get(path))
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    }
