"""What git does to the bytes under `data/` when it checks them out. Git itself is asked, in a scratch repository; its
rules are never rebuilt here: macros, order, odd bytes, long lines and names that ignore case are git's own business.

The scratch repository borrows the objects and has no settings, so that no machine's own attributes, filters or
configuration speak for the tree.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from ledger.core.errors import InputError, LedgerError
from ledger.core.evaluate import Finding
from ledger.store import layout
from ledger.store.entries import check_entry
from ledger.store.scratch import Scratch
from ledger.store.trees import PLAIN, Entry, GitTree, Tree, WorkTree, environment, file_id, git, top_of

FILE = ".gitattributes"
RULE = "WRITES_VIA_WORKFLOW"
_KEPT = {
    "text": ("unset",),
    "ident": ("unset", "unspecified"),
    "filter": ("unset", "unspecified"),
    "working-tree-encoding": ("unset", "unspecified"),
    "export-ignore": ("unset", "unspecified"),
    "export-subst": ("unset", "unspecified"),
}
"""Attributes that change bytes on checkout or in an archive, and what each may say of a file under `data/`."""
_IGNORING_CASE = ("false", "true")
"""core.ignorecase: as git is set up on Linux, and on macOS and Windows."""


def attribute_findings(top: Path, prefix: str, before: Tree, after: Tree) -> Iterator[Finding]:
    """Where a checkout of `after` would not give the bytes under the node's `data/`, for every system.

    The attributes are asked for the files that changed and for names that a node will have; for all its files where the
    attributes themselves changed. The files that changed are checked out as well, and compared.
    """
    data = f"{prefix}data/"
    ruling = {path: entry for path, entry in after.entries.items() if _rules(path, data)}
    for path, entry in ruling.items():
        if entry.mode != PLAIN:
            yield Finding(RULE, "must be a plain file, which git reads", path.removeprefix(prefix))
            return
    same = ruling == {path: entry for path, entry in before.entries.items() if _rules(path, data)}
    files = {path: entry for path, entry in after.entries.items() if path.startswith(data) and _is_record(path, prefix)}
    files = {path: entry for path, entry in files.items() if entry.mode == PLAIN}
    changed = {path: entry for path, entry in files.items() if before.entries.get(path) != entry}
    with _Scratch(top) as scratch:
        scratch.fill(after, {**ruling, **changed})
        altered = list(scratch.checked_out(changed))
        scratch.check_out(ruling)
        asked = [*(changed if same else files), *(prefix + path for path in _names_to_come())]
        yield from scratch.said(asked, prefix)
        for path in altered:
            yield Finding(RULE, "a fresh checkout gives other bytes than git holds", path.removeprefix(prefix))


def kept_findings(root: Path) -> list[Finding]:
    """Where a checkout of the node as it lies on disk would not give the bytes of the records that it will have.

    Raises InputError where git cannot be asked, as in a folder without a commit.
    """
    top, prefix = top_of(root)
    head = GitTree(top, "HEAD")
    try:
        tree = WorkTree(top, prefix, head)
        return list(attribute_findings(top, prefix, tree, tree))
    finally:
        head.close()


def _rules(path: str, data: str) -> bool:
    """Whether `path` is a file of attributes beside `data/` or above it (deeper ones are no files of a node)."""
    folder, _, name = path.rpartition("/")
    return name == FILE and (not folder or data.startswith(f"{folder}/"))


def _is_record(path: str, prefix: str) -> bool:
    """Whether `path` may be one of a node's records: no other name is asked about, for none is allowed."""
    try:
        check_entry(path.removeprefix(prefix), PLAIN)
    except LedgerError:
        return False
    return True


def _names_to_come() -> Iterator[str]:
    """Names that every node has sooner or later: the attributes must keep them too."""
    yield layout.IDENTITIES
    for name in (*layout.EPOCH_FILES, layout.shard_name(2)):
        yield f"{layout.epoch_path('default', 1)}/{name}"


_ARGUMENTS = 250
"""How many paths, each of at most 4,096 bytes, any system takes as arguments of one call."""


class _Scratch:
    """A repository without settings or files of its own, over the objects of the one at `top`."""

    def __init__(self, top: Path) -> None:
        self._top = top
        self._held = Scratch()
        self._folder = self._held.path
        self._git_dir, self._tree = self._folder / "git", self._folder / "tree"

    def __enter__(self) -> Self:
        form = git(self._top, "rev-parse", "--show-object-format").decode().strip()
        objects = Path(os.fsdecode(git(self._top, "rev-parse", "--git-path", "objects").removesuffix(b"\n")))
        self._tree.mkdir()
        self._git_dir.mkdir()
        self._run("init", "--quiet", "--template=", f"--object-format={form}")
        place = str((self._top / objects).resolve()).replace("\\", "\\\\").replace('"', '\\"')
        borrowed = self._git_dir / "objects/info/alternates"
        borrowed.parent.mkdir(exist_ok=True)
        borrowed.write_bytes(os.fsencode(f'"{place}"\n'))  # in quotes, for the path itself may hold a line end
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.cleanup()

    def fill(self, tree: Tree, entries: dict[str, Entry]) -> None:
        """Make these files the index; what lies on disk only is stored beside, as it is."""
        if isinstance(tree, WorkTree):
            paths = [str(self._top / path) for path in entries]
            for at in range(0, len(paths), _ARGUMENTS):  # not by --stdin-paths, which has no -z: a line end is no end
                self._run("hash-object", "-w", "--no-filters", "--", *paths[at : at + _ARGUMENTS])
        lines = (f"{entry.mode:o} {entry.blob}\t{path}\0" for path, entry in entries.items())
        self._run("update-index", "-z", "--index-info", said=os.fsencode("".join(lines)))

    def said(self, paths: Collection[str], prefix: str) -> Iterator[Finding]:
        """What the attributes say of the paths that they may not: read as on checkout (from the index), and as on
        check-in (from the files), with and without case.
        """
        names = b"".join(os.fsencode(path) + b"\0" for path in paths)
        told = set()
        for case in _IGNORING_CASE:
            for reading in (("--cached",), ()):
                asked = ("check-attr", *reading, "-z", "--stdin", *_KEPT)
                answer = self._run("-c", f"core.ignorecase={case}", *asked, said=names).split(b"\0")
                for path, name, value in zip(answer[0::3], answer[1::3], answer[2::3], strict=False):
                    attribute, said = name.decode(), value.decode("utf-8", "replace")
                    if said not in _KEPT[attribute] and attribute not in told:
                        told.add(attribute)
                        place = os.fsdecode(path).removeprefix(prefix)
                        message = f"lets git change the bytes of {place} ({attribute}): end it with `data/** -text`"
                        yield Finding(RULE, message, FILE, None, " or ".join(_KEPT[attribute]), said)

    def check_out(self, files: Iterable[str], *settings: str) -> None:
        """Write these files of the index to disk; attributes come from the index as long as none was written."""
        names = b"".join(os.fsencode(path) + b"\0" for path in files)
        self._run(*settings, "checkout-index", "--quiet", "--force", "-z", "--stdin", said=names)

    def checked_out(self, files: dict[str, Entry]) -> Iterator[str]:
        """Which files a fresh checkout gives with other bytes, with the least fitting settings of a machine."""
        self.check_out(files, "-c", "core.autocrlf=true", "-c", "core.ignorecase=true")
        for path, entry in files.items():
            if not (self._tree / path).is_file() or file_id(self._tree / path, len(entry.blob)) != entry.blob:
                yield path

    def _run(self, *arguments: str, said: bytes = b"") -> bytes:
        own = {
            "GIT_DIR": str(self._git_dir),
            "GIT_WORK_TREE": str(self._tree),
            "GIT_INDEX_FILE": str(self._git_dir / "index"),
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
        settings = ("-c", f"core.attributesFile={os.devnull}", "-c", "core.compression=0")
        done = subprocess.run(
            ["git", "-C", str(self._tree), *settings, *arguments],
            env=environment() | own,
            input=said,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            words = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise InputError(f"git cannot be asked about {FILE}: {words[-1] if words else done.returncode}")
        return done.stdout
