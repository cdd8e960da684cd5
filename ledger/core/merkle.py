"""Merkle tree hash of RFC 9162, section 2.1, over SHA-256: a leaf is a log line without its line end."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from ledger.core.values import Hash

EMPTY_ROOT = Hash(hashlib.sha256(b"").hexdigest())


def leaf_hash(leaf: bytes) -> bytes:
    """HASH(0x00 || leaf)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def root_of_hashes(leaves: Sequence[bytes]) -> Hash:
    """The root over leaf hashes, in order.

    Pairing neighbours level by level and carrying an odd last one upwards gives the tree of the RFC, which splits
    at the largest power of two below n: both put complete subtrees to the left.
    """
    if not leaves:
        return EMPTY_ROOT
    sha256 = hashlib.sha256
    level = list(leaves)
    while len(level) > 1:
        pairs = iter(level)
        above = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=False)]
        if len(level) % 2:
            above.append(level[-1])
        level = above
    return Hash(level[0].hex())


def merkle_root(lines: Iterable[bytes]) -> Hash:
    """The root over log lines (without line ends), in order; SHA-256 of nothing for an empty log."""
    return root_of_hashes([leaf_hash(line) for line in lines])
