"""Merkle tree hash of RFC 9162, section 2.1, over SHA-256: a leaf is a log line without its line end."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ledger.core.values import Hash

HASH_BYTES = 32
EMPTY_ROOT = Hash(hashlib.sha256(b"").hexdigest())


_LEAF = hashlib.sha256(b"\x00")


def leaf_hash(leaf: bytes) -> bytes:
    """HASH(0x00 || leaf)."""
    state = _LEAF.copy()  # cheaper than to join the bytes
    state.update(leaf)
    return state.digest()


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


class Subtree(NamedTuple):
    """A complete subtree: `size` leaves (a power of two), the first at a place that `size` divides, and its root."""

    size: int
    root: bytes


def subtrees(first: int, leaves: Sequence[bytes]) -> list[Subtree]:
    """The complete subtrees over the leaf hashes at `first`, `first` + 1, …: fewer than two for each binary digit.

    A *compact range*: whoever knows those of neighbouring ranges, and no leaf, knows the root over all of them.
    """
    found, at = [], 0
    while at < len(leaves):
        size = 1 << (len(leaves) - at).bit_length() - 1
        while (first + at) % size:
            size //= 2
        found.append(Subtree(size, bytes.fromhex(root_of_hashes(leaves[at : at + size]))))
        at += size
    return found


def root_of_subtrees(ranges: Iterable[Subtree]) -> Hash:
    """The root over the subtrees of neighbouring ranges, in order, that cover all leaves from 0 on."""
    open_: list[Subtree] = []
    for size, root in ranges:
        while open_ and open_[-1].size == size:  # the larger subtree that both halves now fill
            root = hashlib.sha256(b"\x01" + open_.pop().root + root).digest()
            size *= 2
        open_.append(Subtree(size, root))
    if not open_:
        return EMPTY_ROOT
    found = open_.pop().root
    while open_:  # what is left over at the end goes to the right of what is complete
        found = hashlib.sha256(b"\x01" + open_.pop().root + found).digest()
    return Hash(found.hex())


def merkle_root(lines: Iterable[bytes]) -> Hash:
    """The root over log lines (without line ends), in order; SHA-256 of nothing for an empty log."""
    return root_of_hashes([leaf_hash(line) for line in lines])


class Prefixes:
    """The roots over the first 0, 1, 2, … of some log lines: whole subtrees are kept, a root joins a few of them.

    `after`: those of the lines before, which are not hashed again.
    """

    def __init__(self, lines: Iterable[bytes], after: Prefixes | None = None) -> None:
        self._levels: list[list[bytes]] = [list(level) for level in after._levels] if after else [[]]
        for line in lines:
            self._add(leaf_hash(line))

    def _add(self, root: bytes) -> None:
        """One leaf more, and each subtree that it fills."""
        for level in self._levels:
            level.append(root)
            if len(level) % 2:
                return
            root = hashlib.sha256(b"\x01" + level[-2] + root).digest()
        self._levels.append([root])

    def root(self, size: int) -> Hash:
        """The root over the first `size` lines, of which there must be as many."""
        found = b""
        for level, subtrees in enumerate(self._levels):
            if size >> level & 1:
                left = subtrees[(size >> level) - 1]
                found = hashlib.sha256(b"\x01" + left + found).digest() if found else left
        return Hash(found.hex()) if size else EMPTY_ROOT


def inclusion_path(leaves: Sequence[bytes], index: int) -> list[str]:
    """The inclusion proof of one leaf (RFC 9162, section 2.1.3.1): hashes in hex, from the leaf upwards."""
    path, level = [], list(leaves)
    while len(level) > 1:
        if index ^ 1 < len(level):
            path.append(level[index ^ 1].hex())
        pairs = iter(level)
        above = [hashlib.sha256(b"\x01" + a + b).digest() for a, b in zip(pairs, pairs, strict=False)]
        if len(level) % 2:
            above.append(level[-1])
        level, index = above, index // 2
    return path


def root_of_path(leaf: bytes, index: int, size: int, path: Sequence[str]) -> Hash | None:
    """The root that an inclusion proof leads to (RFC 9162, section 2.1.3.2); None for a path of another length."""
    if not 0 <= index < size:
        return None
    at, last, found = index, size - 1, leaf
    for step in path:
        if last == 0:
            return None
        if at % 2 or at == last:
            found = hashlib.sha256(b"\x01" + bytes.fromhex(step) + found).digest()
            while at % 2 == 0 and at:
                at, last = at // 2, last // 2
        else:
            found = hashlib.sha256(b"\x01" + found + bytes.fromhex(step)).digest()
        at, last = at // 2, last // 2
    return Hash(found.hex()) if last == 0 else None
