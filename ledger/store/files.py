"""Safe bytes on disk: reads that follow no link, writes that are whole or not there, one writer at a time.

A write goes to a temporary file beside, fsync, rename, fsync of the folder. A killed run leaves the old file or the
new one, and perhaps a temporary file that the next writer removes.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from ledger.core.errors import FormatError, InputError, StateError
from ledger.store.entries import folders
from ledger.store.layout import LOCK, check_size, is_scratch

_apart: ContextVar[bool] = ContextVar("_apart", default=False)
"""Whether this run writes into a folder that nobody else knows yet."""


@contextmanager
def apart() -> Iterator[None]:
    """Within the block no write waits for the disk, and nobody looks for what a killed run left.

    Only for a node that is made beside its place from nothing, and comes there by one rename at the end.
    """
    before = _apart.set(True)
    try:
        yield
    finally:
        _apart.reset(before)


def read_file(root: Path, relative: str, most: int | None = None) -> bytes | None:
    """The bytes of a node's file, None when it does not exist. `most`: its bound where its place does not say it.

    Raises InputError for a link anywhere on the way, for anything but a plain file, and for one past its bound.
    """
    check_no_link(root, relative)
    return read_beside(root, relative, most)


def read_beside(root: Path, relative: str, most: int | None = None) -> bytes | None:
    """As `read_file`, of a file in a folder to which `check_no_link` found no link."""
    descriptor = _open_beside(root, relative, most)
    if descriptor is None:
        return None
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        return file.readall()


def read_pieces(root: Path, relative: str, pieces: Iterable[tuple[int, int]], most: int) -> list[bytes]:
    """The same of pieces of one file, by place and size: less of one that goes past its end, nothing without a file."""
    descriptor = _open_beside(root, relative, most)
    if descriptor is None:
        return [b"" for _ in pieces]
    try:
        return [os.pread(descriptor, size, at) for at, size in pieces]
    finally:
        os.close(descriptor)


def _open_beside(root: Path, relative: str, most: int | None) -> int | None:
    """The descriptor of a plain file, None where there is none."""
    try:
        descriptor = os.open(f"{root}/{relative}", os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        check_no_link(root, relative)  # a link is told as one
        raise InputError(f"cannot be read: {error.strerror}", path=relative) from None
    facts = os.fstat(descriptor)
    try:
        if not stat.S_ISREG(facts.st_mode):
            raise InputError("is not a plain file", path=relative)
        check_size(relative, facts.st_size, most)
    except InputError:
        os.close(descriptor)
        raise
    return descriptor


def check_no_link(root: Path, relative: str) -> None:
    """Raise InputError when a folder between `root` and the file is a symbolic link, or the path leaves the node."""
    parts = relative.split("/")
    if relative.startswith("/") or ".." in parts:
        raise InputError("path leads out of the node", path=relative)
    at = str(root)
    for number, part in enumerate(parts, start=1):
        at = f"{at}/{part}"
        if os.path.islink(at):  # noqa: PTH114 - asked of each folder on the way to every file: paths as text are fast
            raise FormatError(
                "symbolic links are not allowed",
                path="/".join(parts[:number]),
                rule="WRITES_VIA_WORKFLOW",
                hint="Replace the link by a plain file, or restore the folder from git.",
            )


def write_file(root: Path, relative: str, data: bytes) -> None:
    """Replace (or make) a node's file as one act: temporary file beside, fsync, rename, fsync of the folder."""
    check_no_link(root, relative)
    check_size(relative, len(data))  # else no command could read it again
    (root / relative).parent.mkdir(parents=True, exist_ok=True)
    write_beside(root, relative, data)


def write_beside(root: Path, relative: str, data: bytes, mode: int = 0o644) -> None:
    """As `write_file`, in a folder that is there and to which no link leads; one at the file's place is replaced."""
    target = root / relative
    temporary = target.with_name(f".{target.name}.tmp")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            if not _apart.get():
                file.flush()
                os.fsync(descriptor)
    except OSError as error:
        error.filename = error.filename or str(target)  # a full disk names no file of itself
        raise
    os.replace(temporary, target)  # noqa: PTH105 - the call that tests interrupt on purpose
    if not _apart.get():
        _sync_folder(target.parent)


def remove_file(root: Path, relative: str) -> None:
    """Remove a derived file, where it exists."""
    check_no_link(root, relative)
    (root / relative).unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def write_lock(root: Path) -> Iterator[None]:
    """Hold the node's one write lock (`data/.lock`); removes what a killed run left behind.

    Raises StateError when another run on this machine holds it.
    """
    check_no_link(root, LOCK)
    path = root / LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateError(
                "another ledger command is writing to this node", hint="Wait for it to end, then run this again."
            ) from None
        if not _apart.get():
            _remove_leftovers(root)
        yield
    finally:
        os.close(descriptor)


def _remove_leftovers(root: Path) -> None:
    for _, here in folders(root, "data"):
        for entry in here:
            if entry.name.endswith(".tmp") and is_scratch(entry.name) and not entry.is_dir(follow_symlinks=False):
                Path(entry.path).unlink(missing_ok=True)
