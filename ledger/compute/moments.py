"""Source, kind and moment of each event of small logs, by the look of their lines: SQL plans a question for longer.

Most logs are small and are asked about at each run. What looks otherwise, or is larger, is left to SQL (`kinds`,
`same_work`), which says the same: tests hold them to one another.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ledger.store.files import read_file

SMALL = 1_000_000
"""Bytes of logs up to which they are read here: some 2 ms."""
_LINE = re.compile(
    rb'^\{"artifact_url":"[^"\n]*","event_time":"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9:.]{9}Z)"'
    rb',"event_type":"([a-z0-9_]+)","id":".*"source":"([a-z0-9_-]+)"\}$',
    re.MULTILINE,
)


class Moment(NamedTuple):
    """What one event tells of itself."""

    time: bytes
    event_type: bytes
    source: bytes

    @property
    def hour(self) -> int:
        """As a number, the one of `sql/held_part`."""
        return int(self.time[:13].translate(None, b"-T"))


def moments(root: Path, shards: Sequence[Path]) -> list[list[Moment]] | None:
    """Those of each log of the node at `root`; None where they are not small, one is gone, or a line has another look.

    FormatError or InputError for a log behind a link, or that is no plain file.
    """
    try:
        if sum(shard.stat().st_size for shard in shards) > SMALL:
            return None
    except FileNotFoundError:
        return None
    found = []
    for shard in shards:
        data = read_file(root, shard.relative_to(root).as_posix()) or b""
        events = list(map(Moment._make, _LINE.findall(data)))
        if len(events) != data.count(b"\n") or not data.endswith(b"\n"):
            return None
        found.append(events)
    return found
