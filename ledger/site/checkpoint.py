"""What others need to prove that a line is in a log: leaf hashes of an epoch, and one checkpoint per scope.

Trees are those of RFC 9162, section 2.1 (`ledger.core.merkle`): a leaf is a log's line without its line end.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from pathlib import Path

from ledger.core.merkle import leaf_hash, merkle_root


def leaf_hashes(shards: Iterable[Path]) -> bytes:
    """The leaf hashes of an activity log in order, one in lowercase hex a line: any inclusion proof follows from them.

    One file an epoch, 65 bytes an event; the tree over them has the statement's `activity_root`.
    """
    found = []
    for shard in shards:
        with shard.open("rb") as lines:
            found += [leaf_hash(line[:-1]).hex() for line in lines]
    return "".join(f"{leaf}\n" for leaf in found).encode()


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
