"""Epochs and amendments in progress that lie on branches of their own, here or at a remote, for whoever only reads.

On GitHub an epoch's files come to main when it is final. Until then a clone holds them at `origin/epoch/SCOPE/N`, and
those of an amendment at `origin/amend/SCOPE/N/VERSION`. A view is a copy of the node in a folder of its own with these
files laid in: nothing that is done there is kept.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ledger.core.errors import InputError
from ledger.core.place import Place, parse_branch
from ledger.store import layout
from ledger.store.amendments import newest
from ledger.store.files import read_file, write_file
from ledger.store.node import load_node
from ledger.store.scratch import Scratch
from ledger.store.trees import PLAIN, GitTree, git, top_of

_REF = re.compile(r"refs/(?:heads|remotes/(?P<remote>[^/]+))/(?P<branch>(?:epoch|amend)/.+)")


def epoch_refs(root: Path) -> dict[Place, str]:
    """The refs of epochs and amendments in progress: of `origin` before other remotes, of these before local branches.

    Empty outside a git repository.
    """
    try:
        top, _ = top_of(root)
        names = git(top, "for-each-ref", "--format=%(refname)").decode("utf-8", "replace").split("\n")
    except (InputError, OSError):
        return {}
    found: dict[Place, list[tuple[int, str]]] = {}
    for name in names:
        if (match := _REF.fullmatch(name)) and (place := parse_branch(match["branch"])) is not None:
            rank = 2 if match["remote"] is None else int(match["remote"] != "origin")
            found.setdefault(place, []).append((rank, name))
    return {place: min(refs)[1] for place, refs in sorted(found.items())}


def missing_here(root: Path) -> dict[Place, str]:
    """The refs of epochs that follow the last one of their scope in the files, and of next versions of those there."""
    refs, node = epoch_refs(root), None
    found: dict[Place, str] = {}
    for place, name in refs.items():
        node = node or load_node(root)
        if place.scope_id not in node.scopes:
            continue
        epochs = node.epochs(place.scope_id)
        begun = [one.epoch_id for one in found if one.scope_id == place.scope_id and one.version == 1]
        last = max(begun, default=len(epochs))
        if place.version == 1 and place.epoch_id == last + 1:
            found[place] = name
        if place.version > 1 and place.epoch_id <= len(epochs):
            before = newest(epochs[place.epoch_id - 1])
            if before.version == place.version - 1 and before.state() == "finalized":
                found[place] = name
    return found


@contextmanager
def view(root: Path, refs: dict[Place, str]) -> Iterator[Path]:
    """A copy of the node's files with the epochs of `refs` laid in; gone when the block ends."""
    top, prefix = top_of(root)
    with Scratch() as scratch:
        copy = scratch.resolve() / "node"
        copy.mkdir()
        for part in (layout.NODE_FILE, "scopes", "weights", "data"):
            source = root / part
            if source.is_dir():
                shutil.copytree(source, copy / part, symlinks=True, copy_function=_linked)
            elif source.is_file():
                shutil.copyfile(source, copy / part)
        for place, ref in refs.items():
            tree = GitTree(top, ref)
            try:
                _lay(tree, prefix, copy, place)
            finally:
                tree.close()
        yield copy


def _lay(tree: GitTree, prefix: str, copy: Path, place: Place) -> None:
    """The folder of what is worked on as the branch has it, and its scope's logs where the branch only adds to them."""
    folder, logs = layout.version_path(*place), layout.scope_logs(place.scope_id)
    for path, entry in tree.entries.items():
        inside = path.removeprefix(prefix)
        if not path.startswith(prefix) or entry.mode != PLAIN:
            continue
        mine = inside.startswith(f"{folder}/") and "/" not in inside[len(folder) + 1 :]
        data = tree.read(path) if mine or inside in logs else None
        if data is not None and (mine or data.startswith(read_file(copy, inside) or b"")):
            write_file(copy, inside, data)


def _linked(source: str, target: str) -> None:
    """A second name for the activity logs, which nobody changes in a view and which may be large; else a copy."""
    if Path(source).name.startswith("activity"):
        with suppress(OSError):
            os.link(source, target)
            return
    shutil.copyfile(source, target)
