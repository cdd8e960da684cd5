"""What was computed of a final epoch, kept in one file, and taken over where the epoch follows from the same still.

The file has a line that says what it is, then the figures as JSON, then the lines that wait for pages of people and
for tables. The epoch's files of the API lie in the earlier site itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from pydantic import TypeAdapter, ValidationError

from ledger.core.canonical import sha256_hex
from ledger.site.apifiles import ApiFiles
from ledger.site.asked import Told
from ledger.site.dataset import Laid
from ledger.site.epochpart import ComputedEpoch
from ledger.site.follows import Place
from ledger.site.kept import FOLDER, Earlier, Keeping, parsed
from ledger.site.spill import Block, Spill

_PART: TypeAdapter[ComputedEpoch] = TypeAdapter(ComputedEpoch)


def name_of(place: Place) -> str:
    """The name under which an epoch is kept."""
    return f"epochs/{place[0]}-{place[1]}"


def kept_epochs(earlier: Earlier | None, keys: Mapping[Place, str]) -> frozenset[Place]:
    """The epochs that may be taken over, as the first lines of their files have it. `keys`: what each follows from.

    The last final epoch of each scope is computed each time: other weights are tried on it.
    """
    if earlier is None:
        return frozenset()
    last: dict[str, int] = {}
    for scope_id, number in keys:
        last[scope_id] = max(number, last.get(scope_id, 0))
    return frozenset(
        place for place, key in keys.items() if place[1] != last[place[0]] and _head(earlier, place).get("key") == key
    )


def _head(earlier: Earlier, place: Place) -> Mapping[str, object]:
    try:
        with (earlier.folder / FOLDER / name_of(place)).open("rb") as file:
            found = parsed(file.readline())
    except OSError:
        return {}
    return found if isinstance(found, dict) else {}


def take(keeping: Keeping, place: Place, key: str, told: Told, spill: Spill, api: ApiFiles) -> ComputedEpoch | None:
    """The epoch as it was kept, its lines laid aside and its files written; None where it has to be computed."""
    earlier, name = keeping.earlier, name_of(place)
    data = earlier.kept(name) if earlier else None
    if earlier is None or data is None:
        return None
    first, _, rest = data.partition(b"\n")
    try:
        head = parsed(first)
        size, users = int(head["size"]), [str(user) for user in head["users"]]
        if head["sha256"] != sha256_hex(rest) or head["told"] != told.of(users):
            return None
        part = _PART.validate_json(rest[:size])
    except (TypeError, KeyError, ValueError, ValidationError):
        return None
    files = earlier.all_files(part.files)
    if files is None:
        return None
    for path, content in files.items():
        api.take(path, content, part.files[path][1])
    lines = spill.put(rest[size:])
    keeping.keep_on(name)
    digest, said = head["sha256"], head["told"]
    return replace(_moved(part, lines.file, lines.start), key=key, told=said, digest=digest, taken=True)


def keep(
    keeping: Keeping, epoch: ComputedEpoch, key: str, users: set[str], told: Told, begin: Block, spill: Spill
) -> ComputedEpoch:
    """Keep an epoch. `users`: whom it asked about; `begin`: where its lines begin in `spill`."""
    part = replace(_moved(epoch, "", -begin.start), profile=None)
    figures = _PART.dump_json(part)
    rest = figures + spill.since(begin)
    digest, named = sha256_hex(rest), sorted(users)
    said = told.of(named)
    if key and _PART.validate_json(figures) == part:  # what does not come back as it was is not kept
        head: Mapping[str, object] = {
            "key": key, "sha256": digest, "size": len(figures), "told": said, "users": named,
        }  # fmt: skip
        keeping.keep(name_of((epoch.row.scope_id, epoch.row.epoch_id)), json.dumps(head).encode() + b"\n" + rest)
    return replace(epoch, key=key, told=said, digest=digest)


def _moved(epoch: ComputedEpoch, file: str, by: int) -> ComputedEpoch:
    """The epoch with all its lines in another file, or elsewhere in it."""

    def to(block: Block) -> Block:
        return Block(file, block.start + by, block.size)

    found, entry = epoch.found, epoch.entry
    return replace(
        epoch,
        events=replace(epoch.events, block=to(epoch.events.block)),
        entry=replace(entry, shares=replace(entry.shares, block=to(entry.shares.block))),
        found=replace(
            found,
            tables={name: Laid(to(laid.block), laid.rows) for name, laid in found.tables.items()},
        ),
    )
