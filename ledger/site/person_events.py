"""All events of each person, in files of their own: `contributors/USER/events.jsonl`, `events-0002.jsonl`, …

Lines come epoch by epoch and wait on disk (`spill.py`); in memory is a few numbers for each person and epoch.
A person's files follow the epochs' windows, so that one more epoch changes nothing but the last of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from json.encoder import encode_basestring as quoted
from operator import attrgetter

from pydantic_core import from_json

from ledger.core.evaluate import EventOutcome
from ledger.site.links import safe_link
from ledger.site.views_events import Titles
from ledger.site.words import units

SHARD_BYTES = 512_000
"""Bytes of one file at most; one line that is longer is a file by itself."""
MOST_RECENT = 50
"""Events that a person's page renders, the last; its script pages through all of them."""
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


def lines_of(
    scope_id: str, epoch_id: int, outcomes: Iterable[EventOutcome], titles: Titles
) -> list[tuple[str, bytes, int]]:
    """One epoch's lines of each person in the order of their times, as bytes, and how many they are."""
    mine: dict[str, list[EventOutcome]] = {}
    for one in outcomes:
        if one.user_id is not None:
            mine.setdefault(one.user_id, []).append(one)
    head = f',"epoch_id":{epoch_id},"event_time":"'
    lines = []
    for user, found in mine.items():
        found.sort(key=attrgetter("event_time", "path", "line"))
        text = "".join([_line(head, scope_id, one, titles.get((one.path, one.line))) for one in found])
        lines.append((user, text.encode(), len(found)))
    return lines


def _line(head: str, scope_id: str, one: EventOutcome, title: str | None) -> str:
    """One event in canonical form (a test holds it to `core.canonical.encode`), four times as fast as by an encoder."""
    return (
        f'{{"artifact_url":{quoted(one.artifact_url)}{head}{one.event_time}","event_type":{quoted(one.event_type)},'
        f'"file":"{one.path}","id":{quoted(one.id)},"included":{_TRUTH[one.included]},"late":{_TRUTH[one.late]},'
        f'"line":{one.line},"milli_units":"{one.units}","quantity":{one.quantity},"scope_id":"{scope_id}",'
        f'"source":{quoted(one.source)},"title":{"null" if title is None else quoted(title)},'
        f'"weight_source":"{one.weight_source}"}}\n'
    )


def write_events(user: str, pieces: Iterable[bytes], put: Callable[[str, bytes], None]) -> Listed:
    """One person's files, to `put(path, data)`. `pieces`: their lines by the epochs' windows."""
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
    one = from_json(line)
    return PersonEvent(
        one["scope_id"], one["epoch_id"], one["id"], one["title"] or "", safe_link(one["artifact_url"]),
        f"{one['source']}:{one['event_type']}", one["event_time"], one["late"], one["included"],
        units(one["milli_units"]),
    )  # fmt: skip
