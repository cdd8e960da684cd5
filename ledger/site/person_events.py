"""All events of each person, in files of their own: `contributors/USER/events.jsonl`, `events-0002.jsonl`, …

Lines come epoch by epoch and wait on disk (`spill.py`); in memory is a few numbers for each person and epoch.
A person's files follow the epochs' windows, so that one more epoch changes nothing but the last of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from json.encoder import encode_basestring as quoted

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
    mine: dict[str, list[tuple[str, str, int, str]]] = {}
    middle, scope = f',"epoch_id":{epoch_id},"event_time":"', f',"scope_id":"{scope_id}","source":'
    for line, path, id_, source, kind, time, url, _, _, user, included, milli, by, late, quantity in outcomes:
        if user is None:
            continue
        title = titles.get((path, line))
        text = (  # canonical form (a test holds it to `core.canonical.encode`), four times as fast as by an encoder
            f'{{"artifact_url":{quoted(url)}{middle}{time}","event_type":{quoted(kind)},"file":"{path}",'
            f'"id":{quoted(id_)},"included":{_TRUTH[included]},"late":{_TRUTH[late]},"line":{line},'
            f'"milli_units":"{milli}","quantity":{quantity}{scope}{quoted(source)},'
            f'"title":{"null" if title is None else quoted(title)},"weight_source":"{by}"}}\n'
        )
        mine.setdefault(user, []).append((time, path, line, text))
    lines = []
    for user_id, found in mine.items():
        if len(found) > 1:
            found.sort()
        lines.append((user_id, "".join([one[3] for one in found]).encode(), len(found)))
    return lines


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
