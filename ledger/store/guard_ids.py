"""No event enters the node twice (ACTIVITY_IDEMPOTENT): the ids of added lines against the logs of all other epochs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ledger.core.evaluate import Finding
from ledger.store import layout
from ledger.store.trees import NodeFiles

_IDS = re.compile(rb',"id":"([^"]*)')
"""All that may be an id in a log, and what `id_of` finds in its lines among it."""


def id_of(line: bytes) -> bytes:
    """The id in a canonical event line: keys are sorted and quotes in texts escaped, so the first match is the key."""
    return line.partition(b',"id":"')[2].partition(b'"')[0]


def repeated_findings(changed: Iterable[str], before: NodeFiles, after: NodeFiles) -> Iterator[Finding]:
    """Every event that the `changed` logs add and that stands in another epoch, of whatever scope."""
    added: dict[bytes, tuple[str, int]] = {}
    for path in filter(_is_log, changed):
        old, new = before(path) or b"", after(path) or b""
        lines = new[len(old) :].split(b"\n")[:-1] if new.startswith(old) else []
        for number, line in enumerate(lines, start=old.count(b"\n") + 1):
            if event_id := id_of(line):
                added[event_id] = (path, number)
    if not added:
        return
    for path in filter(_is_log, after.paths):
        data = after(path) or b""
        if added.keys().isdisjoint(_IDS.findall(data)):
            continue  # nearly all logs: their lines are not looked at one by one
        for line in data.split(b"\n"):
            where = added.get(id_of(line))
            if where is not None and where[0].rpartition("/")[0] != path.rpartition("/")[0]:
                message = f"event {id_of(line).decode('utf-8', 'replace')} is in another epoch already"
                yield Finding("ACTIVITY_IDEMPOTENT", message, where[0], where[1], None, path)


def _is_log(path: str) -> bool:
    file = layout.file_of_epoch(path)
    return file is not None and file[0].version == 1 and layout.shard_number(file[1]) is not None
