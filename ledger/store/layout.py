"""Where each file of a node lies, what kind it is, and which names are allowed (specification, section 2).

One place for every path: node, guard, verify and site ask here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from ledger.core.bounds import CHECKSUMS_BYTES, FILE_BYTES, LINE_BYTES, SETTINGS_BYTES, SHARD_BYTES
from ledger.core.errors import FormatError
from ledger.core.place import Place
from ledger.core.values import SCOPE_PATTERN

NODE_FILE = "ledger.yaml"
IDENTITIES = "data/identities.jsonl"
RECEIPTS = "data/receipts.jsonl"
EPOCHS = "data/epochs"
GITKEEP = f"{EPOCHS}/.gitkeep"
"""An empty file: git keeps no empty folder."""
APPROVERS = "data/approvers"
LOG = "data/log"
CHECKSUMS = "sha256sums.txt"
LOCK = "data/.lock"

Kind = Literal["once", "log", "derived", "later"]
EPOCH_FILES: dict[str, Kind] = {
    "epoch.json": "once",
    "activity.jsonl": "log",
    "cursors.jsonl": "log",
    "collection.jsonl": "log",
    "curation.jsonl": "log",
    "overrides.jsonl": "log",
    "awards.jsonl": "log",
    "pool.jsonl": "log",
    "objections.jsonl": "log",
    "transitions.jsonl": "log",
    "allocations.jsonl": "derived",
    "statement.json": "derived",
    "signatures.jsonl": "log",
    CHECKSUMS: "derived",
    "attestations.jsonl": "later",
}
"""Every file of an epoch's folder. once: never changes; log: append-only; derived: written anew until finalized;
later: append-only facts that may come after finalize."""

AMENDMENTS = "amendments"
_AMENDED = (
    "curation.jsonl",
    "overrides.jsonl",
    "awards.jsonl",
    "transitions.jsonl",
    "allocations.jsonl",
    "statement.json",
    "signatures.jsonl",
    CHECKSUMS,
    "attestations.jsonl",
)
AMENDMENT_FILES: dict[str, Kind] = {"reason.json": "once", **{name: EPOCH_FILES[name] for name in _AMENDED}}
"""Every file of an amendment's folder, which lies in the epoch's and is of kind `later` to it."""
VERSION_FOLDER = r"0[2-9]|[1-9][0-9]"
FOLDER_PATTERN = r"(?!0000)[0-9]{4}|[1-9][0-9]{4,8}"
_SCOPE_LOG = re.compile(
    rf"{APPROVERS}/({SCOPE_PATTERN[1:-1]})(?:\.signatures)?\.jsonl|{LOG}/({SCOPE_PATTERN[1:-1]})\.jsonl", re.ASCII
)
_EPOCH_FILE = re.compile(rf"{EPOCHS}/([^/]+)/({FOLDER_PATTERN})/([^/]+)", re.ASCII)
_AMENDMENT_FILE = re.compile(rf"{EPOCHS}/([^/]+)/({FOLDER_PATTERN})/{AMENDMENTS}/({VERSION_FOLDER})/([^/]+)", re.ASCII)
_SHARD = re.compile(r"activity-(?!000[01])([0-9]{4})\.jsonl")
_TEMPORARY = re.compile(r"\.[a-z0-9._-]+\.tmp")
NAME_PATTERN = r"[a-z0-9._-]+"


def folder_name(epoch_id: int) -> str:
    """The epoch's folder: at least four digits."""
    return f"{epoch_id:04d}"


def epoch_path(scope_id: str, epoch_id: int) -> str:
    """The epoch's folder, relative to the node."""
    return f"{EPOCHS}/{scope_id}/{folder_name(epoch_id)}"


def amendment_path(scope_id: str, epoch_id: int, version: int) -> str:
    """The folder of an amendment, relative to the node: two digits, from 02."""
    return f"{epoch_path(scope_id, epoch_id)}/{AMENDMENTS}/{version:02d}"


def version_path(scope_id: str, epoch_id: int, version: int = 1) -> str:
    """The folder of an epoch, or of a later version of it, relative to the node."""
    return epoch_path(scope_id, epoch_id) if version == 1 else amendment_path(scope_id, epoch_id, version)


def file_of_epoch(path: str) -> tuple[Place, str] | None:
    """Whose `path` is by its place in the folder of an epoch or of an amendment, and its name there; else None."""
    if match := _EPOCH_FILE.fullmatch(path):
        return Place(match[1], int(match[2])), match[3]
    if match := _AMENDMENT_FILE.fullmatch(path):
        return Place(match[1], int(match[2]), int(match[3])), match[4]
    return None


def approvers_path(scope_id: str) -> str:
    """The scope's approver sets, relative to the node."""
    return f"{APPROVERS}/{scope_id}.jsonl"


def approver_signatures_path(scope_id: str) -> str:
    """The signatures over the scope's approver sets, relative to the node."""
    return f"{APPROVERS}/{scope_id}.signatures.jsonl"


def log_path(scope_id: str) -> str:
    """The scope's statement log, relative to the node."""
    return f"{LOG}/{scope_id}.jsonl"


def scope_logs(scope_id: str) -> tuple[str, ...]:
    """The append-only logs of a scope outside its epochs: what an epoch's branch may add to besides its folder."""
    return approvers_path(scope_id), approver_signatures_path(scope_id), log_path(scope_id)


def scope_of_log(path: str) -> str | None:
    """The scope whose log `path` is by its name, one of `scope_logs`; None for any other path."""
    match = _SCOPE_LOG.fullmatch(path)
    return match[1] or match[2] if match else None


def scope_path(scope_id: str) -> str:
    """The scope's settings, relative to the node."""
    return f"scopes/{scope_id}.yaml"


def shard_name(number: int) -> str:
    """The file of the activity log's shard 1, 2, 3 …"""
    return "activity.jsonl" if number == 1 else f"activity-{number:04d}.jsonl"


def shard_number(name: str) -> int | None:
    """The inverse of `shard_name`; None for any other file."""
    if name == "activity.jsonl":
        return 1
    match = _SHARD.fullmatch(name)
    return int(match[1]) if match else None


def log_shards(names: Iterable[str]) -> list[str]:
    """The files of an epoch's activity log among `names`: all that match, in the order of their numbers.

    Raises FormatError where a number before one is missing: what lies behind a gap would be in the folder, but in no
    hash. (None of them may be empty either: `EpochFolder.log_shards`, who knows their sizes.)
    """
    likely = (name for name in names if name.startswith("activity"))
    found = sorted((number, name) for name in likely if (number := shard_number(name)) is not None)
    for expected, (number, name) in enumerate(found, start=1):
        if number != expected:
            message = f"{shard_name(expected)} is missing before it"
            raise FormatError(message, rule="ACTIVITY_APPEND_ONLY", path=name)
    return [name for _, name in found]


def most_bytes(path: str) -> int:
    """The size past which a file of the node is not read (specification, Bounds)."""
    folder, _, name = path.rpartition("/")
    if path == NODE_FILE or folder in ("scopes", "weights"):
        return SETTINGS_BYTES
    if not folder.startswith(f"{EPOCHS}/"):
        return FILE_BYTES
    if shard_number(name) is not None:
        return SHARD_BYTES
    return {"epoch.json": LINE_BYTES, CHECKSUMS: CHECKSUMS_BYTES}.get(name, FILE_BYTES)


def check_size(path: str, size: int, most: int | None = None) -> None:
    """FormatError when a file of the node is larger than what is read (`most`): said before it is read."""
    most = most_bytes(path) if most is None else most
    if size > most:
        raise FormatError(f"has {size} bytes; at most {most} are read (specification, Bounds)", path=path)


def kind_of(name: str, version: int = 1) -> Kind | None:
    """What kind of file `name` is in an epoch's folder, or in that of a later version; None when there is no such."""
    if version > 1:
        return AMENDMENT_FILES.get(name)
    return EPOCH_FILES.get(name) or ("log" if shard_number(name) is not None else None)


def is_scratch(path: str) -> bool:
    """Whether `path` is a run's own scratch (lock or temporary file), which git ignores and the next run removes."""
    name = path.rpartition("/")[2]
    return path == LOCK or (name.startswith(".") and _TEMPORARY.fullmatch(name) is not None)
