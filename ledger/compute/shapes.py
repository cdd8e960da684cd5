"""What nearly all lines of a log have, so that SQL need not look at it line by line: keys of metadata, names of kinds.

What stands at the beginning of a log is held to its rules here, once. Which lines are looked at changes no verdict: one
that has something else is held to the rules by SQL, `FLAT` and the order of keys among them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ledger.core.canonical import decode
from ledger.core.errors import FormatError
from ledger.core.values import META_KEY_PATTERN, TYPE_PATTERN

_KEY = META_KEY_PATTERN.strip("^$")
_VALUE = r'(?:"(?:[^"\\\x00-\x1f\x7f]|\\["\\])*"|0|-?[1-9][0-9]{0,14}|true|false|null)'
"""Integers of 16 digits, which may pass 2^53-1, are left to `ledger.core`."""
FLAT = rf'\{{(?:"{_KEY}":{_VALUE}(?:,"{_KEY}":{_VALUE})*)?\}}'
"""A flat object, its keys in any order and as often as they like."""
_NAME = re.compile(TYPE_PATTERN.strip("^$"))
PLACES = 16
"""Shards that are looked at, spread over all of them."""
OCTETS = 8192
"""Bytes of each that are looked at."""
SHAPES = 8
KEYS = 24
"""More lists of keys than these, or longer ones, would make a pattern that costs more than it saves."""
NAMES = 16


class Common(NamedTuple):
    """What was found: a pattern of metadata, and names that are right for types, sources and producers alike."""

    shapes: str
    names: list[str]


def common(shards: Sequence[Path]) -> Common:
    """What the lines at the beginning of these shards have, where it is right."""
    keys: dict[tuple[str, ...], None] = {}
    names: dict[str, None] = {}
    for line in _first_lines(shards):
        metadata = line.get("metadata")
        if isinstance(metadata, dict) and len(metadata) <= KEYS and all(re.fullmatch(_KEY, key) for key in metadata):
            keys[tuple(metadata)] = None
        for name in (line.get("event_type"), line.get("source")):
            if isinstance(name, str) and _NAME.fullmatch(name):
                names[name] = None
    shapes = (",".join(f'"{key}":{_VALUE}' for key in each) for each in [*keys][:SHAPES])
    return Common(rf"\{{(?:{'|'.join(shapes)})?\}}", [*names][:NAMES])


def _first_lines(shards: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """The first lines of some shards, those that are canonical."""
    for shard in shards[:: -(-len(shards) // PLACES) or 1]:
        with shard.open("rb") as file:
            lines = file.read(OCTETS).split(b"\n")[:-1]
        for line in lines:
            try:
                yield decode(line)
            except FormatError:
                continue
