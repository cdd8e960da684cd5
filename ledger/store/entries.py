"""What lies under a folder of a node, and what may lie under `data/` (specification, section 2): names and modes."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from ledger.core.bounds import FOLDERS
from ledger.core.errors import FormatError
from ledger.core.values import SCOPE_PATTERN
from ledger.store import layout
from ledger.store.paylayout import pay_kind, pay_scope


def entries(root: Path, relative: str) -> dict[str, bool]:
    """The names of everything in a folder, and whether it is a folder itself; nothing where there is none."""
    folder = f"{root}/{relative}"  # a path as text is fast, and this is asked of every epoch
    try:
        with os.scandir(folder) as found:
            return {entry.name: entry.is_dir(follow_symlinks=False) for entry in found}
    except OSError:
        if Path(folder).is_dir():
            raise
        return {}


def folders(root: Path, relative: str) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
    """A folder and every one below, each with what lies in it, in no order; links are not followed below it.

    One that is not there (any more: another run may have removed it) is passed over.
    """
    waiting = [relative]
    while waiting:
        at = waiting.pop()
        try:
            with os.scandir(f"{root}/{at}") as found:
                here = list(found)
        except FileNotFoundError:
            continue
        waiting += (f"{at}/{entry.name}" for entry in here if entry.is_dir(follow_symlinks=False))
        yield at, here


def check_tree(root: Path) -> None:
    """Refuse what may not lie under `data/`: links, programs, odd names, unknown files (specification, section 2)."""
    if _is_common(root):
        return
    for path, mode in walk(root, "data"):  # in order: the first that is wrong is told
        if not layout.is_scratch(path):
            check_entry(path, mode)


def _is_common(root: Path) -> bool:
    """Whether `data/` holds what may lie there, as it nearly always does; False says nothing but that `walk` tells."""
    try:
        if os.path.islink(root / "data"):  # noqa: PTH114
            return False
        for folder, here in folders(root, "data"):
            if folder.count("/") >= FOLDERS:
                return False
            epoch = _EPOCH.fullmatch(folder)
            for entry in here:
                if entry.is_dir(follow_symlinks=False):
                    continue
                mode = entry.stat(follow_symlinks=False).st_mode
                if epoch and stat.S_ISREG(mode) and not mode & 0o111 and layout.kind_of(entry.name):
                    continue
                if not layout.is_scratch(path := f"{folder}/{entry.name}"):
                    check_entry(path, mode)
    except (FormatError, OSError):
        return False
    return True


def walk(root: Path, relative: str) -> Iterator[tuple[str, int]]:
    """Every file (and link) below a folder with its mode, sorted; a linked folder, or one too deep, is one entry.

    `relative` itself, where it is something else than a folder, is the only entry; nothing where it does not exist,
    and nothing of what another run removes meanwhile.
    """
    folder = root / relative
    here: list[os.DirEntry[str]] = []
    try:
        mode = folder.lstat().st_mode
        if among := stat.S_ISDIR(mode) and relative.count("/") < FOLDERS:
            with os.scandir(folder) as found:
                here = sorted(found, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    if not among:
        yield relative, mode
    for entry in here:
        path = f"{relative}/{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            yield from walk(root, path)
            continue
        try:
            mode = entry.stat(follow_symlinks=False).st_mode
        except FileNotFoundError:
            continue
        yield path, mode


_FOLDER = rf"data/epochs/({SCOPE_PATTERN[1:-1]})/({layout.FOLDER_PATTERN})"
_EPOCH = re.compile(_FOLDER, re.ASCII)
_ENTRY = re.compile(rf"{_FOLDER}/({layout.NAME_PATTERN})", re.ASCII)
_AMENDMENT = re.compile(rf"{_FOLDER}/{layout.AMENDMENTS}/({layout.VERSION_FOLDER})/({layout.NAME_PATTERN})", re.ASCII)


def scope_of(path: str) -> str | None:
    """The scope that a file under `data/` is of by its name; None for one of the whole node, or of none."""
    file = layout.file_of_epoch(path)
    return file[0].scope_id if file is not None else layout.scope_of_log(path) or pay_scope(path)


def check_entry(path: str, mode: int) -> None:
    """FormatError unless a file under `data/` has a known name and is a plain file without the executable bit."""
    hint = "Remove it, or restore the folder from git; only ledger commands write under data/."
    if stat.S_ISLNK(mode):
        raise FormatError("symbolic links are not allowed", path=path, rule="WRITES_VIA_WORKFLOW", hint=hint)
    if path == "data":
        raise FormatError("is not a folder", path=path, rule="WRITES_VIA_WORKFLOW", hint=hint)
    if not stat.S_ISREG(mode):
        raise FormatError("is not a plain file", path=path, rule="WRITES_VIA_WORKFLOW", hint=hint)
    if mode & 0o111:
        raise FormatError("is marked executable", path=path, rule="WRITES_VIA_WORKFLOW", hint=hint)
    if (match := _ENTRY.fullmatch(path)) and layout.kind_of(match[3]) is not None:  # by far the most
        return
    if path in (layout.IDENTITIES, layout.RECEIPTS, layout.GITKEEP):
        return
    if layout.scope_of_log(path) is not None:
        return
    if pay_kind(path) is not None:
        return
    amendment = _AMENDMENT.fullmatch(path)
    if amendment is None or amendment[4] not in layout.AMENDMENT_FILES:
        raise FormatError(
            "is no file of a node (lower-case ASCII names, the files of the specification only)",
            path=path,
            rule="WRITES_VIA_WORKFLOW",
            hint=hint,
        )
