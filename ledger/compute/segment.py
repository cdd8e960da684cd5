"""One part of the index of a node's logs: which ids and which hours lie in which log, by numbers alone.

It only says where to look: whatever it answers is asked of the log itself. How it lies on disk: `compute/segmentfile`.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring as quoted
from typing import NamedTuple, Protocol


class WrongBlockError(Exception):
    """A part of a table is not as it was written."""


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


class Numbers(Protocol):
    """Numbers in rising order, and beside each the place of a log that holds it. Both raise WrongBlockError."""

    def among(self, wanted: Iterable[int]) -> set[int]:
        """The places beside these numbers."""
        ...

    def beyond(self, known: Collection[int]) -> set[int]:
        """The places beside all numbers but these."""
        ...


@dataclass(frozen=True)
class Table:
    """Numbers as they lie in memory."""

    numbers: Sequence[int]
    places: Sequence[int]

    def among(self, wanted: Iterable[int]) -> set[int]:
        """The places beside these numbers."""
        found: set[int] = set()
        numbers, size = self.numbers, len(self.numbers)
        for number in wanted:
            at = bisect_left(numbers, number)
            while at < size and numbers[at] == number:
                found.add(self.places[at])
                at += 1
        return found

    def beyond(self, known: Collection[int]) -> set[int]:
        """The places beside all numbers but these."""
        return self.among(set(self.numbers).difference(known))


NO_NUMBERS = Table((), ())


@dataclass
class Segment:
    """Ids by kind and hours of some logs of one scope. `anew` makes it from the logs, where it lies wrongly on disk."""

    scope_id: str
    logs: tuple[Log, ...]
    ids: Mapping[str, Numbers]
    hours: Numbers
    anew: Callable[[], Segment] | None = None

    def logs_of(self, asked: Mapping[str, Iterable[int]]) -> set[int]:
        """The places of logs that may hold one of these hashes, by kind."""
        return self._answer(lambda: set().union(*(self._of(kind).among(hashes) for kind, hashes in asked.items())))

    def logs_at(self, hours: Sequence[int]) -> set[int]:
        """The places of logs that hold one of these hours."""
        return self._answer(lambda: self.hours.among(hours))

    def logs_without(self, kind: str, hashes: Collection[int]) -> set[int]:
        """The places of logs that hold an id of the kind whose hash is none of these."""
        return self._answer(lambda: self._of(kind).beyond(hashes))

    def _of(self, kind: str) -> Numbers:
        return self.ids.get(kind, NO_NUMBERS)

    def _answer(self, ask: Callable[[], set[int]]) -> set[int]:
        try:
            return ask()
        except WrongBlockError:
            if self.anew is None:
                raise
            made = self.anew()
            self.ids, self.hours = made.ids, made.hours
            return ask()
