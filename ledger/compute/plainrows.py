"""A contributions file whose rows all look as nearly all rows do: judged, sorted and written as events by SQL.

What a plain row is `sql/plain_rows.sql` says: one that the rules of `sources/file_rows` take as it stands. Where a
single row looks otherwise, or an id stands twice, nothing is said about the file, and it is read by those rules, row by
row, to the same events or to the error that names the line. Tests hold both ways to the same bytes.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from json.encoder import encode_basestring as quoted
from tempfile import NamedTemporaryFile

from ledger.compute.batch import Row
from ledger.compute.engine import Engine, query
from ledger.core.blocks import Blocks, OddError
from ledger.core.errors import LedgerError
from ledger.core.sealing import Dear, Provenance
from ledger.core.values import MAX_AMOUNT, META_KEY_PATTERN, EventId, Timestamp
from ledger.core.windows import Window

Written = tuple[EventId, str, bytes]
"""What a `Sealed` has; half a million of them are made in half the time."""
FIELDS = ("id", "time", "event_type", "account", "evidence", "login", "quantity")
"""Fields with a meaning; all others are metadata."""
ROWS_AT_ONCE, AHEAD = 20_000, 2
"""Rows whose events are written together, and how many times as many may wait: 14 MB each, as rows commonly are."""
_BEGINS = re.compile(r"[A-Za-z0-9:_.-]{1,300}")
_META_KEY = re.compile(META_KEY_PATTERN.strip("^$"))


@dataclass(frozen=True, slots=True)
class PlainPart:
    """Rows number `first` up to `end` (not included) of a file, in order of time, then id."""

    rows: PlainRows
    first: int
    end: int

    def __len__(self) -> int:
        return self.end - self.first

    def bounded(self, weights: Mapping[str, int]) -> tuple[PlainPart, Dear | None]:
        """The rows before the first that is worth more than 2^63-1, and what is to be said about that one."""
        for number, *about in self.rows.dear(self.first, self.end, weights):
            return PlainPart(self.rows, self.first, number), Dear(*about)
        return self, None

    def before(self, time: Timestamp) -> int:
        """How many of the rows lie before a time."""
        return max(0, min(self.rows.first_at(time), self.end) - self.first)

    def kinds(self) -> list[Row]:
        """Source, type and hours of their events, as `kinds` tells of a log."""
        return list(self.rows.asked("plain_kinds", self.first, self.end))

    def apart(self) -> bool:
        """Whether no two have link, moment and kind in common."""
        found: bool = next(self.rows.asked("plain_apart", self.first, self.end))[0]
        return found

    def part(self, first: int, end: int) -> PlainPart:
        """Some of the rows, by their places in this part."""
        return PlainPart(self.rows, self.first + first, self.first + end)

    def sealed(self, provenance: Provenance, suffix: str) -> Iterator[list[Written]]:
        """The events of the rows, as `core.sealing.seal` gives them, some at a time. `suffix`: how their ids end.

        SQL writes the next ones while somebody takes these, and some more while he writes a file.
        """
        coming: deque[Future[list[Written]]] = deque()
        with ThreadPoolExecutor(1) as beside:
            for at in range(self.first, self.end, ROWS_AT_ONCE):
                end = min(at + ROWS_AT_ONCE, self.end)
                coming.append(beside.submit(self.rows.sealed, at, end, provenance, suffix))
                if len(coming) > AHEAD:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()


class PlainRows:
    """The rows of one file, each of them plain and of an id of its own. Made by `plain_rows`."""

    repeated = 0
    """Rows that stand in the file again."""

    def __init__(self, engine: Engine, file: str, begins: str) -> None:
        self._engine, self._file, self._begins = engine, file, begins

    @property
    def ids(self) -> frozenset[str]:
        """The rows' own ids."""
        return frozenset(row[0] for row in self._engine.rows("plain_ids", file=self._file))

    def within(self, window: Window) -> PlainPart:
        """The rows of `[start, end)`."""
        return PlainPart(self, self.first_at(window.start), self.first_at(window.end))

    def dear(self, first: int, end: int, weights: Mapping[str, int]) -> Iterator[Row]:
        """The first row from `first` up to `end` that is worth too much: number, id, quantity and weight."""
        kinds = {key.partition(":")[2]: milli for key, milli in weights.items() if key.startswith("file:")}
        asked = {"kinds": list(kinds), "weights": list(kinds.values()), "most": MAX_AMOUNT}
        own = {"file": self._file, "begins": self._begins, "first": first, "end": end}
        return self._engine.rows("plain_dear", **own, **asked)

    def asked(self, name: str, first: int, end: int) -> Iterator[Row]:
        """What a query tells of the rows number `first` up to `end` (not included)."""
        return self._engine.rows(name, file=self._file, first=first, end=end)

    def first_at(self, time: Timestamp) -> int:
        """The number of the first row at a time or later."""
        return self._told(time)[1] + 1

    def ahead(self, now: Timestamp) -> tuple[int, Timestamp]:
        """How many rows lie at `now` or later, and the last time of any row."""
        count, before, last = self._told(now)
        return count - before, last

    def sealed(self, first: int, end: int, provenance: Provenance, suffix: str) -> list[Written]:
        """The events of the rows number `first` up to `end` (not included)."""
        ingested, node, produced, placed = provenance.parts
        own = {"file": self._file, "begins": self._begins, "suffix": suffix, "first": first, "end": end}
        shared = {"ingested": ingested, "node": node, "produced": produced, "placed": placed}
        return list(self._engine.rows("plain_lines", **own, **shared))

    def _told(self, time: Timestamp) -> tuple[int, int, Timestamp]:
        """How many rows there are, how many of them before `time`, and the last time of any."""
        count, before, last = next(self._engine.rows("plain_before", file=self._file, time=time))
        return count, before, last


def plain_rows(
    engine: Engine,
    scope_id: str,
    blocks: Blocks,
    begins: str,
    start: Timestamp,
    constants: Mapping[str, str | int],
) -> PlainRows | None:
    """The rows of a file of a scope; None where one of them is not plain.

    `begins`: how the ids of its events begin. No row may lie before `start`; `constants` are values of fields for rows
    that lack them.
    """
    values, own = _fields(blocks.names, constants), f"{scope_id}/{begins}"
    if values is None or not _BEGINS.fullmatch(begins):
        return None
    try:
        with NamedTemporaryFile(dir=engine.scratch) as file:
            file.write(b"\n")  # first of all: a row may begin with what marks UTF-8 in a file
            for block in blocks.rows:
                file.write(block.encode())
                file.write(b"\n")
            file.flush()
            found = _judge(engine, own, start, {**values, "cells": file.name, "typed": blocks.typed})
    except (LedgerError, OSError, OddError, UnicodeEncodeError):
        return None  # who reads row by row finds the same, and tells the line
    return PlainRows(engine, own, begins) if found else None


def _fields(names: Sequence[str], constants: Mapping[str, str | int]) -> dict[str, object] | None:
    """Where SQL finds each field and what it is where a row lacks it; None for fields that no plain row has."""
    further = sorted({*names, *constants}.difference(FIELDS))
    numbers = [name for name in FIELDS if type(constants.get(name, "")) is not str]
    if not all(map(_META_KEY.fullmatch, further)) or numbers not in ([], ["quantity"]):
        return None
    if constants.get("quantity") == "":
        return None
    place = {name: number for number, name in enumerate(names, start=1)}
    fixed: dict[str, str | None] = {name: str(constants[name]) if name in constants else None for name in FIELDS}
    fixed["login"], fixed["quantity"] = fixed["login"] or None, fixed["quantity"] or "1"
    metadata = []
    for name in further:
        value = constants.get(name)
        shown = quoted(value) if isinstance(value, str) else str(value)
        head = f"{quoted(name)}:"
        field = {"place": place.get(name, 0), "head": head, "fixed": None if value is None else f"{head}{shown}"}
        metadata.append(field)
    return {
        "width": len(names),
        "at": {name: place.get(name, 0) for name in FIELDS},
        "fixed": fixed,
        "further": metadata,
    }


def _judge(engine: Engine, file: str, start: Timestamp, values: Mapping[str, object]) -> bool:
    """Make the rows those of the file in `plain_rows`; whether each is plain, has its own id and is not too early."""
    judged, own = query("plain_rows"), {"file": file}
    engine.execute(f"CREATE TABLE IF NOT EXISTS plain_rows AS FROM ({judged}) LIMIT 0", {**own, **values}).fetchall()
    engine.execute("DELETE FROM plain_rows WHERE file = $file", own).fetchall()
    engine.execute(f"INSERT INTO plain_rows {judged}", {**own, **values}).fetchall()
    found: bool = next(engine.rows("plain_whole", file=file, start=start))[0]
    if not found:
        engine.execute("DELETE FROM plain_rows WHERE file = $file", own).fetchall()
    return found
