"""The hash over all that a final epoch follows from: whether what was made of it before still holds.

`verify --known` keeps verdicts by it, a site what it shows of an epoch. One changed byte of an epoch makes all later
epochs of its scope others, too.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from ledger.compute.derive import peek
from ledger.core.canonical import encode, sha256_hex
from ledger.store import layout
from ledger.store.entries import walk
from ledger.store.epochfolder import EpochFolder
from ledger.store.files import read_file
from ledger.store.node import Node


def content_of(node: Node, folder: EpochFolder, before: str) -> str:
    """The hash over an epoch's folder, the prefixes of logs that its versions pin, the files about its approvers, the
    settings, and the tables that its pool's rules read. `before`: that of the epoch before, empty for the first.

    FormatError for a file that cannot be read.
    """
    inputs: list[list[object]] = [["before", before], ["node", node.node_id]]
    for path, mode in walk(node.root, folder.relative):
        inputs.append([path, mode & 0o170111, _digest(node.root, path)])
        if path.endswith("/statement.json"):
            inputs += _pinned(node, folder, read_file(node.root, path) or b"")
    for path in (*folder.scope_logs, layout.NODE_FILE, layout.scope_path(folder.scope_id)):
        if path != layout.log_path(folder.scope_id):
            inputs.append([path, sha256_hex(node.stored(path) or b"")])
    for rule in folder.epoch().pool_rules:
        file = rule.get("file")
        if isinstance(file, str):
            inputs.append([file, sha256_hex(read_file(node.root, file) or b"")])
    return sha256_hex(encode(inputs))


def _pinned(node: Node, folder: EpochFolder, statement: bytes) -> list[list[object]]:
    """The prefixes of the node's logs that a stored statement pins, by its look."""
    pinned = peek(statement)
    if pinned is None:
        return []
    sizes = {
        layout.IDENTITIES: pinned.identities.size,
        layout.RECEIPTS: pinned.receipts.size,
        layout.log_path(folder.scope_id): pinned.log.size,
    }
    return [[path, node.prefix_pin(path, size).sha256] for path, size in sizes.items()]


def _digest(root: Path, path: str) -> str:
    if layout.shard_number(path.rpartition("/")[2]) is None:
        return sha256_hex(read_file(root, path) or b"")
    with (root / path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
