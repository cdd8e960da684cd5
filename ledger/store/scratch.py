"""A scratch folder of this process, which goes away with it; what a process left that was killed goes with the next.

A process locks its folder (flock) while it lives, and the system lets go of the lock however it ends. Only folders of
this user's are looked at, and no link is followed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
import weakref
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import TracebackType

PREFIX = "ledger-scratch-"
"""How the name of a folder begins that is locked while somebody uses it."""


class Scratch:
    """An empty folder that nobody else may read, `path`, until `cleanup`; a context manager that gives it."""

    def __init__(self) -> None:
        top = tempfile.gettempdir()
        _clear_once(top)
        made = Path(tempfile.mkdtemp(prefix="ledger-new-"))  # another name until it is locked: nobody clears it
        lock = os.open(made, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # a file system without locks: the folder keeps its name, and is never cleared by another
            self.path = made
        else:
            self.path = made.rename(Path(top) / f"{PREFIX}{made.name.removeprefix('ledger-new-')}")
        self._end = weakref.finalize(self, _remove, self.path, lock)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cleanup()

    def cleanup(self) -> None:
        """Remove the folder with all that is in it; again does nothing."""
        self._end()


def _remove(path: Path, lock: int) -> None:
    shutil.rmtree(path, ignore_errors=True)
    os.close(lock)


@cache
def _clear_once(top: str) -> None:
    clear(Path(top))


def clear(top: Path) -> None:
    """Remove the scratch folders of this user's under `top` that nobody uses any more; what cannot be, stays."""
    with suppress(OSError), os.scandir(top) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX):
                with suppress(OSError):
                    _clear(Path(entry.path))


def _clear(path: Path) -> None:
    lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        facts = os.fstat(lock)
        if facts.st_uid == os.getuid() and stat.S_IMODE(facts.st_mode) == stat.S_IRWXU:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # OSError: somebody uses it
            shutil.rmtree(path)  # which refuses a link in the folder's place
    finally:
        os.close(lock)
