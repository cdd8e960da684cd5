"""One part of the index of a node's logs: which ids and which hours lie in which log, by numbers alone.

It only says where to look: whatever it answers is asked of the log itself. Knows numbers and bytes, no files. A byte
that is not as it was written, a part of other logs or one cut short is refused (`unpack` gives None).
"""

from __future__ import annotations

import hashlib
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring as quoted
from typing import Any, Literal, NamedTuple

from ledger.core.canonical import decode, encode
from ledger.core.errors import FormatError

FORMAT = "ledger-held/1"
_HASH: Literal["Q"] = "Q"
_PLACE: Literal["I"] = "I"
"""A number of 64 bits for an id or an hour, one of 32 for the place of its log."""
_CHECK = 32
_HEADER_BYTES = 1 << 24


class Log(NamedTuple):
    """A log's path inside the node, its bytes, and what tells without reading that it is the file that it was."""

    path: str
    size: int
    state: str


def fingerprint(event_id: str) -> tuple[str, int]:
    """The kind and the hash under which an id is found; the same as `sql/held_part.sql` finds in a canonical line.

    Ids of one kind lie together: those of each `file` source, and all others. What scopes append does not count.
    """
    key = quoted(event_id)[1:-1].partition('"')[0].partition("#")[0]
    parts = key.split(":")
    kind = f"file:{parts[1]}:" if parts[0] == "file" and len(parts) > 1 else ""
    return kind, int.from_bytes(hashlib.md5(key.encode(), usedforsecurity=False).digest()[:8], "little")


def fingerprints(ids: Iterable[str]) -> dict[str, list[int]]:
    """The hashes of ids by kind."""
    found: dict[str, list[int]] = {}
    for kind, number in map(fingerprint, ids):
        found.setdefault(kind, []).append(number)
    return found


@dataclass(frozen=True)
class Table:
    """Numbers in rising order, and beside each the place of a log that holds it."""

    numbers: Sequence[int]
    places: Sequence[int]


@dataclass(frozen=True)
class Segment:
    """Ids by kind and hours of some logs of one scope."""

    scope_id: str
    logs: tuple[Log, ...]
    ids: Mapping[str, Table]
    hours: Table

    def logs_of(self, asked: Mapping[str, Iterable[int]]) -> set[int]:
        """The places of logs that may hold one of these hashes, by kind."""
        found: set[int] = set()
        for kind, hashes in asked.items():
            if (table := self.ids.get(kind)) is None:
                continue
            numbers, size = table.numbers, len(table.numbers)
            for number in hashes:
                at = bisect_left(numbers, number)
                while at < size and numbers[at] == number:
                    found.add(table.places[at])
                    at += 1
        return found

    def logs_at(self, hours: Sequence[int]) -> set[int]:
        """The places of logs that hold one of these hours, which come in rising order."""
        if not hours:
            return set()
        numbers = self.hours.numbers
        first, end = bisect_left(numbers, hours[0]), bisect_right(numbers, hours[-1])
        asked = set(hours)
        return {self.hours.places[at] for at in range(first, end) if numbers[at] in asked}

    def logs_without(self, kind: str, hashes: Collection[int]) -> set[int]:
        """The places of logs that hold an id of the kind whose hash is none of these."""
        if (table := self.ids.get(kind)) is None:
            return set()
        gone = set(table.numbers).difference(hashes)
        return self.logs_of({kind: gone}) if gone else set()


def pack(segment: Segment, node_id: str) -> bytes:
    """The bytes of a segment: a line that says of what, the numbers, a checksum over all of it."""
    tables = [*segment.ids.values(), segment.hours]
    body = [array(_HASH, table.numbers).tobytes() + array(_PLACE, table.places).tobytes() for table in tables]
    whole = b"\n".join((_header(segment.scope_id, segment.logs, node_id, segment.ids, segment.hours), b"".join(body)))
    return whole + hashlib.sha256(whole).digest()


def _header(scope_id: str, logs: Sequence[Log], node_id: str, ids: Mapping[str, Table], hours: Table) -> bytes:
    return encode(
        {
            "byteorder": sys.byteorder,
            "format": FORMAT,
            "ids": [[kind, len(table.numbers)] for kind, table in ids.items()],
            "logs": [list(log) for log in logs],
            "hours": len(hours.numbers),
            "node_id": node_id,
            "scope_id": scope_id,
        }
    )


def unpack(data: bytes, scope_id: str, logs: Sequence[Log], node_id: str) -> Segment | None:
    """The segment of these very logs; None for any other bytes."""
    whole = memoryview(data)[: -_CHECK or None]
    if len(data) < _CHECK or hashlib.sha256(whole).digest() != data[-_CHECK:]:
        return None
    line = data[: data.find(b"\n", 0, _HEADER_BYTES)]
    try:
        told: dict[str, Any] = decode(line, _HEADER_BYTES)
        at, tables = len(line) + 1, []
        for _, size in (*told["ids"], ("", told["hours"])):
            numbers, at = whole[at : at + 8 * size].cast(_HASH), at + 8 * size
            places, at = whole[at : at + 4 * size].cast(_PLACE), at + 4 * size
            tables.append(Table(numbers, places))
        ids = {str(kind): table for (kind, _), table in zip(told["ids"], tables, strict=False)}
    except (FormatError, KeyError, TypeError, ValueError):
        return None
    if line != _header(scope_id, logs, node_id, ids, tables[-1]) or at != len(whole):
        return None
    return Segment(scope_id, tuple(logs), ids, tables[-1])
