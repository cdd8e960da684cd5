"""Patterns of metadata for SQL: what any may look like, and the few lists of keys that a log nearly always has.

A key list that a log begins with is held to its order here, once; a line that has it needs no look at its keys in SQL,
which is a tenth of what a line costs. Which lines are looked at changes no verdict: the others are held to `FLAT`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ledger.core.canonical import decode
from ledger.core.errors import FormatError
from ledger.core.values import META_KEY_PATTERN

_KEY = META_KEY_PATTERN.strip("^$")
_VALUE = r'(?:"(?:[^"\\\x00-\x1f\x7f]|\\["\\])*"|0|-?[1-9][0-9]{0,14}|true|false|null)'
"""Integers of 16 digits, which may pass 2^53-1, are left to `ledger.core`."""
FLAT = rf'\{{(?:"{_KEY}":{_VALUE}(?:,"{_KEY}":{_VALUE})*)?\}}'
"""A flat object, its keys in any order and as often as they like."""
PLACES = 16
"""Shards that are looked at, spread over all of them."""
OCTETS = 8192
"""Bytes of each that are looked at."""
SHAPES = 8
KEYS = 24
"""More key lists than these, or longer ones, would make a pattern that costs more than it saves."""


def shapes_of(shards: Sequence[Path]) -> str:
    """A pattern that metadata matches whose keys are one of the lists at the beginning of these shards."""
    found: dict[tuple[str, ...], None] = {}
    for shard in shards[:: -(-len(shards) // PLACES) or 1]:
        with shard.open("rb") as file:
            found |= dict.fromkeys(_key_lists(file.read(OCTETS).split(b"\n")[:-1]))
    shapes = (",".join(f'"{key}":{_VALUE}' for key in keys) for keys in [*found][:SHAPES])
    return rf"\{{(?:{'|'.join(shapes)})?\}}"


def _key_lists(lines: Sequence[bytes]) -> Iterator[tuple[str, ...]]:
    """The keys of the metadata of each line that is canonical and whose keys are right and few."""
    for line in lines:
        try:
            metadata = decode(line).get("metadata")
        except FormatError:
            continue
        if isinstance(metadata, dict) and len(metadata) <= KEYS and all(re.fullmatch(_KEY, key) for key in metadata):
            yield tuple(metadata)
