"""What others need to prove that a line is in a log: leaf hashes of an epoch, and one checkpoint per scope.

Trees are those of RFC 9162, section 2.1 (`ledger.core.merkle`): a leaf is a log's line without its line end.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ledger.core.merkle import HASH_BYTES, leaf_hash, merkle_root


def leaf_hashes(shards: Iterable[Path], leaves: bytes | None = None) -> bytes:
    """The leaf hashes of an activity log in order, one in lowercase hex a line: any inclusion proof follows from them.

    One file an epoch, 65 bytes an event; the tree over them has the statement's `activity_root`. `leaves`: they
    themselves, one after another, where somebody has hashed the lines already.
    """
    if leaves is None:
        leaves = b"".join([leaf_hash(line[:-1]) for shard in shards for line in _lines(shard)])
    return leaves.hex("\n", HASH_BYTES).encode() + b"\n" if leaves else b""


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as lines:
        yield from lines


def statement_log(hashes: Sequence[str]) -> bytes:
    """A scope's finalized statement hashes, oldest first, one a line: the log that the checkpoint is over."""
    return "".join(f"{statement_hash}\n" for statement_hash in hashes).encode()


def checkpoint(node_id: str, scope_id: str, hashes: Sequence[str]) -> bytes:
    """The body of a C2SP tlog-checkpoint: origin, size and root in base64, a line each.

    A note without signature lines: what binds it are the approvers' signatures over the statements themselves. The
    origin is made of the node's id and not of its address, which may change.
    """
    root = base64.b64encode(bytes.fromhex(merkle_root(text.encode() for text in hashes))).decode()
    return f"{node_id}/{scope_id}\n{len(hashes)}\n{root}\n".encode()
