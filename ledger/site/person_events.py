"""All events of each person, in files of their own: `contributors/USER/events.jsonl`, `events-0002.jsonl`, …

Lines come epoch by epoch and wait in one file on disk; what stays in memory is a few numbers for each person and epoch.
A person's files follow the epochs' windows, so that one more epoch changes nothing but the last of them.
"""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from json.encoder import encode_basestring as quoted
from operator import attrgetter
from pathlib import Path

from ledger.core.evaluate import EventOutcome
from ledger.site.links import safe_link
from ledger.site.views import Titles
from ledger.site.words import units

SHARD_BYTES = 512_000
"""Bytes of one file at most; one line that is longer is a file by itself."""
MOST_RECENT = 50
"""Events that a person's page renders, the last; its script pages through all of them."""
_NUMBERS = 4
"""Kept of a person in an epoch: the epoch's place, where the lines begin, their bytes, how many they are."""
_TRUTH = ("false", "true")


@dataclass(frozen=True, slots=True)
class PersonEvent:
    """One event as its person's page shows it; `kind`: `source:event_type`."""

    scope_id: str
    epoch_id: int
    id: str
    title: str
    link: str | None
    kind: str
    event_time: str
    late: bool
    included: bool
    units: str


@dataclass(frozen=True, slots=True)
class PersonFile:
    """A file with events of one person, as the API names it."""

    path: str
    event_count: int


@dataclass(frozen=True, slots=True)
class Listed:
    """One person's events: how many, the last of them (the last first), and the files as the API names them."""

    count: int
    recent: tuple[PersonEvent, ...]
    files: tuple[PersonFile, ...]


class PersonEvents:
    """Takes epochs in any order, then gives each person's files. `spill`: the file where lines wait."""

    def __init__(self, spill: Path) -> None:
        self._path = spill
        self._out = spill.open("w+b")
        self._epochs: list[tuple[str, str, int]] = []
        self._blocks: dict[str, array[int]] = {}

    def saw(
        self, scope_id: str, epoch_id: int, period_start: str, outcomes: Iterable[EventOutcome], titles: Titles
    ) -> None:
        """One epoch. A person's lines in it are put in the order of their times."""
        mine: dict[str, list[EventOutcome]] = {}
        for one in outcomes:
            if one.user_id is not None:
                mine.setdefault(one.user_id, []).append(one)
        place = len(self._epochs)
        self._epochs.append((period_start, scope_id, epoch_id))
        head = f',"epoch_id":{epoch_id},"event_time":"'
        for user, found in mine.items():
            found.sort(key=attrgetter("event_time", "path", "line"))
            lines = "".join(_line(head, scope_id, one, titles.get((one.path, one.line))) for one in found).encode()
            kept = self._blocks.setdefault(user, array("q"))
            kept.extend((place, self._out.tell(), len(lines), len(found)))
            self._out.write(lines)

    def count(self, user_id: str) -> int:
        """How many events a person has."""
        return sum(self._blocks.get(user_id, ())[3::_NUMBERS])

    def write(self, user_id: str, put: Callable[[str, bytes], None]) -> Listed:
        """One person's files, to `put(path, data)`, once all epochs are there."""
        self._out.flush()
        kept = self._blocks.get(user_id, array("q"))
        blocks = [(self._epochs[kept[at]], kept[at + 1], kept[at + 2]) for at in range(0, len(kept), _NUMBERS)]
        return _written(user_id, _pieces(self._out.fileno(), sorted(blocks)), put)

    def close(self) -> None:
        """Nothing more is asked."""
        self._out.close()
        self._path.unlink()


def _line(head: str, scope_id: str, one: EventOutcome, title: str | None) -> str:
    """One event in canonical form (a test holds it to `core.canonical.encode`), four times as fast as by an encoder."""
    return (
        f'{{"artifact_url":{quoted(one.artifact_url)}{head}{one.event_time}","event_type":{quoted(one.event_type)},'
        f'"file":"{one.path}","id":{quoted(one.id)},"included":{_TRUTH[one.included]},"late":{_TRUTH[one.late]},'
        f'"line":{one.line},"milli_units":"{one.units}","quantity":{one.quantity},"scope_id":"{scope_id}",'
        f'"source":{quoted(one.source)},"title":{"null" if title is None else quoted(title)},'
        f'"weight_source":"{one.weight_source}"}}\n'
    )


def _pieces(source: int, blocks: Iterable[tuple[object, int, int]]) -> Iterator[bytes]:
    for _, start, size in blocks:
        end = start + size
        while start < end:
            piece = os.pread(source, min(end - start, SHARD_BYTES), start)
            start += len(piece)
            yield piece


def _written(user: str, pieces: Iterator[bytes], put: Callable[[str, bytes], None]) -> Listed:
    files: list[PersonFile] = []
    waiting = bytearray()
    tail = b""

    def take(size: int) -> None:
        nonlocal tail
        data = bytes(waiting[:size])
        del waiting[:size]
        number = len(files) + 1
        path = f"contributors/{user}/events{f'-{number:04d}' if number > 1 else ''}.jsonl"
        put(path, data)
        files.append(PersonFile(path, data.count(b"\n")))
        tail = _last_lines(tail + data)

    for piece in pieces:
        waiting += piece
        while len(waiting) > SHARD_BYTES:
            end = waiting.rfind(b"\n", 0, SHARD_BYTES) + 1 or waiting.find(b"\n") + 1
            if not end:
                break
            take(end)
    if waiting:
        take(len(waiting))
    recent = tuple(map(_event, reversed(tail.splitlines())))
    return Listed(sum(file.event_count for file in files), recent, tuple(files))


def _last_lines(data: bytes) -> bytes:
    at = len(data) - 1
    for _ in range(MOST_RECENT):
        at = data.rfind(b"\n", 0, at)
        if at < 0:
            return data
    return data[at + 1 :]


def _event(line: bytes) -> PersonEvent:
    one = json.loads(line)
    return PersonEvent(
        one["scope_id"], one["epoch_id"], one["id"], one["title"] or "", safe_link(one["artifact_url"]),
        f"{one['source']}:{one['event_type']}", one["event_time"], one["late"], one["included"],
        units(one["milli_units"]),
    )  # fmt: skip
