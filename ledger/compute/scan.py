"""One pass over a log's bytes: its Merkle root and its extent, independent of DuckDB.

Reads in blocks, so that memory stays flat whatever the log's size. The root never depends on how the query engine
splits or decodes lines; the extent, held against what the engine saw, proves that both saw the same lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ledger.core import canonical
from ledger.core.bounds import LINE_BYTES, SHARD_LINES
from ledger.core.errors import FormatError
from ledger.core.merkle import Subtree, leaf_hash, root_of_subtrees, subtrees
from ledger.core.values import Hash

BLOCK = 1 << 18
"""Bytes read at a time: small enough that the allocator reuses them (a large block costs a page fault a page)."""
SUBTREE = 1 << 16
"""Leaves that are folded at a time, at least."""


@dataclass(frozen=True, slots=True)
class Extent:
    """What a log's bytes came to: root over all shards, lines and bytes of each, whether a last line end is missing.

    `ranges`: the complete subtrees under the root, in order. Of a log that does not begin at leaf 0 only they count.
    `leaves`: the hash of each line after another's, of a log that is small enough to be hashed at once; else None.
    """

    root: Hash
    lines: tuple[int, ...]
    octets: tuple[int, ...]
    torn: bool
    ranges: tuple[Subtree, ...] = field(default=(), compare=False)
    leaves: bytes | None = field(default=None, compare=False, repr=False)


def line_blocks(shard: Path) -> Iterator[list[bytes]]:
    """The shard's lines without line ends, a block at a time; a last line without one is a block of its own."""
    rest: list[bytes] = []
    with shard.open("rb") as file:
        while block := file.read(BLOCK):
            lines = block.split(b"\n")
            rest.append(lines[0])
            if len(lines) > 1:
                lines[0] = b"".join(rest)
                rest = [lines.pop()]
                yield lines
    if last := b"".join(rest):
        yield [last]


def count_lines(shard: Path) -> int:
    """The line ends of a shard."""
    with shard.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(partial(file.read, BLOCK), b""))


def scan(shards: Sequence[Path], first: int = 0, path: Callable[[str], str] = str) -> Extent:
    """Hash and measure a log (RFC 9162, section 2.1: a leaf is a line without its line end) from leaf `first` on.

    FormatError for a shard of more lines than events could fill, as soon as one more is met; `path`: where a file lies.
    """
    leaves: list[bytes] = []
    ranges: list[Subtree] = []
    counts = []
    for shard in shards:
        count = 0
        for lines in line_blocks(shard):
            count += len(lines)
            if count > SHARD_LINES:
                message = f"has {count_lines(shard)} lines; at most {SHARD_LINES} are read (specification, Bounds)"
                raise FormatError(message, path=path(shard.name))
            leaves.extend(map(leaf_hash, lines))
            if len(leaves) >= SUBTREE:
                ranges += subtrees(first, leaves)
                first += len(leaves)
                leaves.clear()
        counts.append(count)
    whole = b"".join(leaves) if len(leaves) == sum(counts) else None
    ranges += subtrees(first, leaves)
    octets = tuple(shard.stat().st_size for shard in shards)
    torn = any(map(_is_torn, shards))
    return Extent(root_of_subtrees(ranges), tuple(counts), octets, torn, tuple(ranges), whole)


def _is_torn(shard: Path) -> bool:
    with shard.open("rb") as file:
        if not file.seek(0, 2):
            return False
        file.seek(-1, 2)
        return file.read(1) != b"\n"


def pick_lines(shard: Path, numbers: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    """The lines of the given numbers (from 1, rising), each with its number."""
    wanted = iter(numbers)
    number = next(wanted, None)
    done = 0
    for lines in line_blocks(shard):
        while number is not None and number <= done + len(lines):
            yield number, lines[number - done - 1]
            number = next(wanted, None)
        if number is None:
            return
        done += len(lines)


def broken_lines(shard: Path, path: str) -> Iterator[FormatError]:
    """Why the shard is no sequence of text lines: bad UTF-8, control bytes, blank lines, lines past their bound, a BOM,
    a torn last line.
    """
    number = 0
    for lines in line_blocks(shard):
        for raw in lines:
            number += 1
            if not raw or len(raw) > LINE_BYTES or not _is_text(raw):
                try:
                    canonical.decode(raw)
                except FormatError as error:
                    error.at(path, number)
                    yield error
    if _is_torn(shard):
        yield FormatError("last line has no line end (torn write?)", path=path, line=number)


def _is_text(raw: bytes) -> bool:
    if b"\r" in raw or b"\0" in raw or raw.startswith(b"\xef\xbb\xbf"):
        return False
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
