"""A part of the index as it lies on disk: a head that is read whole, and blocks of numbers that are read when asked.

The head says of what it is, and has the first number and the checksum of each block. So a byte that is not as it was
written is noticed when it is used: a head that is wrong or of other logs, or a file that is shorter or longer, gives no
segment (`unpack`), and a block raises WrongBlockError, whereupon the segment is made anew. Knows bytes, no files.
"""

from __future__ import annotations

import hashlib
import sys
from array import array
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ledger.compute.segment import Log, Segment, Table, WrongBlockError
from ledger.core.canonical import decode, encode
from ledger.core.errors import FormatError

FORMAT = "ledger-held/2"
BLOCK = 256
"""Numbers in a block: so few that an id costs few bytes, so many that heads are a thirtieth of the whole."""
_HASH: Literal["Q"] = "Q"
_PLACE: Literal["I"] = "I"
"""A number of 64 bits for an id or an hour, one of 32 for the place of its log."""
_ENTRY = 12
_CHECK = 16
_LENGTH, _HEAD_CHECK = 8, 32
"""Bytes before the head, which say how long it is, and behind it, over both."""
_AT_FIRST = 1 << 16
"""Bytes that are read at first: nearly always the whole head."""
_HEAD_BYTES = 1 << 26
_LINE_BYTES = 1 << 24

Read = Callable[[Sequence[tuple[int, int]]], Sequence[bytes]]
"""Pieces of a file by place and size; what lies past its end is left out."""


@dataclass(frozen=True)
class KeptTable:
    """`size` numbers in blocks from byte `at` on, with the first number and the checksum of each block."""

    read: Read
    at: int
    size: int
    firsts: Sequence[int]
    checks: memoryview
    blocks: dict[int, Table] = field(default_factory=dict)
    """Those that were read."""

    def among(self, wanted: Iterable[int]) -> set[int]:
        """The places beside these numbers. WrongBlockError."""
        if not self.firsts:
            return set()
        asked: dict[int, list[int]] = {}
        for number in wanted:
            block = max(bisect_left(self.firsts, number) - 1, 0)
            asked.setdefault(block, []).append(number)
            while block + 1 < len(self.firsts) and self.firsts[block + 1] == number:
                block += 1
                asked.setdefault(block, []).append(number)
        blocks = self._blocks(asked)
        return {place for block, numbers in asked.items() for place in blocks[block].among(numbers)}

    def beyond(self, known: Collection[int]) -> set[int]:
        """The places beside all numbers but these. WrongBlockError."""
        return set().union(*(block.beyond(known) for block in self._blocks(range(len(self.firsts))).values()))

    def _blocks(self, wanted: Iterable[int]) -> Mapping[int, Table]:
        """At least these blocks, each as it was written."""
        absent = [block for block in wanted if block not in self.blocks]
        sizes = [min(BLOCK, self.size - BLOCK * block) for block in absent]
        places = [(self.at + _ENTRY * BLOCK * block, _ENTRY * size) for block, size in zip(absent, sizes, strict=True)]
        for block, size, data in zip(absent, sizes, self.read(places) if places else (), strict=True):
            if _check(data) != self.checks[_CHECK * block : _CHECK * (block + 1)]:
                raise WrongBlockError
            whole = memoryview(data)
            self.blocks[block] = Table(whole[: 8 * size].cast(_HASH), whole[8 * size :].cast(_PLACE))
        return self.blocks


def pack(segment: Segment, name: str) -> bytes:
    """The bytes of a segment whose tables lie in memory. `name` tells of which logs of which node it is."""
    tables = [(kind, table) for kind, table in (*segment.ids.items(), ("", segment.hours)) if isinstance(table, Table)]
    blocks = [_cut(table) for _, table in tables]
    sizes = [(kind, len(table.numbers)) for kind, table in tables]
    head = [_line(name, sizes), *(part for each in blocks for part in _directory(each))]
    length = sum(map(len, head)).to_bytes(_LENGTH, "little")
    whole = b"".join((length, *head))
    return b"".join((whole, hashlib.sha256(whole).digest(), *(data for each in blocks for _, data in each)))


def _cut(table: Table) -> list[tuple[int, bytes]]:
    """The first number and the bytes of each block."""
    found = []
    for at in range(0, len(table.numbers), BLOCK):
        numbers, places = table.numbers[at : at + BLOCK], table.places[at : at + BLOCK]
        found.append((numbers[0], array(_HASH, numbers).tobytes() + array(_PLACE, places).tobytes()))
    return found


def _directory(blocks: Sequence[tuple[int, bytes]]) -> tuple[bytes, bytes]:
    return array(_HASH, [first for first, _ in blocks]).tobytes(), b"".join(_check(data) for _, data in blocks)


def _check(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:_CHECK]


def _line(name: str, sizes: Sequence[tuple[str, int]]) -> bytes:
    told = {"block": BLOCK, "byteorder": sys.byteorder, "format": FORMAT, "of": name, "tables": list(map(list, sizes))}
    return encode(told) + b"\n"


def unpack(read: Read, name: str, scope_id: str, logs: Sequence[Log]) -> Segment | None:
    """The segment of this name as a file has it; None for any other bytes, as far as the head tells."""
    (begin,) = read([(0, _AT_FIRST)])
    end = _LENGTH + min(int.from_bytes(begin[:_LENGTH], "little"), _HEAD_BYTES)
    (more,) = read([(len(begin), end + _HEAD_CHECK - len(begin))]) if len(begin) < end + _HEAD_CHECK else (b"",)
    whole = begin + more
    head, body = memoryview(whole)[:end], end + _HEAD_CHECK
    if hashlib.sha256(head).digest() != whole[end:body]:
        return None
    line = whole[_LENGTH : whole.find(b"\n", 0, end) + 1]
    try:
        told: dict[str, Any] = decode(line[:-1], _LINE_BYTES)
        at, tables = _LENGTH + len(line), []
        for kind, size in told["tables"]:
            blocks = -(-size // BLOCK)
            firsts, at = array(_HASH, bytes(head[at : at + 8 * blocks])), at + 8 * blocks
            checks, at = head[at : at + _CHECK * blocks], at + _CHECK * blocks
            tables.append((kind, KeptTable(read, body, size, firsts, checks)))
            body += _ENTRY * size
        *ids, (_, hours) = tables
    except (FormatError, KeyError, TypeError, ValueError):
        return None
    (last,) = read([(body - 1, 2)])
    if line != _line(name, told["tables"]) or at != end or len(last) != 1:
        return None
    return Segment(scope_id, tuple(logs), dict(ids), hours)
