"""Every write to a node: append to a log, replace a derived file. Call inside `write_lock`.

ACTIVITY_APPEND_ONLY: an append reads what is there, adds whole canonical lines at the end and swaps the file in one
act. Writing the same again changes nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path

from ledger.core.bounds import LINE_BYTES, SHARD_BYTES
from ledger.core.errors import FormatError, InputError
from ledger.core.records.record import Record
from ledger.store import layout
from ledger.store.epochfolder import EpochFolder
from ledger.store.files import read_file, write_file


def append_records(root: Path, relative: str, records: Sequence[Record]) -> None:
    """Add `records` as canonical lines at the end of a log; nothing happens for none."""
    if records:
        append_lines(root, relative, [record.encode() for record in records])


def append_lines(root: Path, relative: str, lines: Iterable[bytes]) -> None:
    """Add canonical lines (without line ends) at the end of a log; FormatError when its last line is torn."""
    before = read_file(root, relative) or b""
    if before and not before.endswith(b"\n"):
        raise FormatError("last line has no line end (torn write?)", path=relative, hint="Restore the file from git.")
    added = list(lines)
    if added and max(map(len, added)) > LINE_BYTES:
        raise InputError(f"a line may have {LINE_BYTES} bytes, and one would have more", path=relative)
    write_file(root, relative, b"\n".join((*([before[:-1]] if before else []), *added, b"")))


def append_activity(
    folder: EpochFolder, lines: Sequence[bytes], limit: int = SHARD_BYTES, *, full: bool = False
) -> Sequence[bytes]:
    """Add canonical event lines to the activity log, opening the next shard where a line would pass `limit` bytes.

    Shards are written in order, each in one act: a run killed in between leaves a prefix of the log. `full`: only those
    that no further line fits in; returns the lines that remain.
    """
    if not lines:
        return []
    shards = folder.log_shards()
    number = max(1, len(shards))
    size = folder.size(shards[-1]) if shards else 0
    ends = list(accumulate((len(line) + 1 for line in lines), initial=0))
    first = 0
    while True:
        fit = bisect_right(ends, ends[first] + limit - size) - 1
        fit = max(fit, first if size else first + 1)  # a line that is too long has a file of its own
        if fit >= len(lines):
            break
        _write_shard(folder, number, lines[first:fit])
        number, size, first = number + 1, 0, fit
    if full:
        return lines[first:]
    _write_shard(folder, number, lines[first:])
    return []


def _write_shard(folder: EpochFolder, number: int, batch: Sequence[bytes]) -> None:
    if batch:
        append_lines(folder.root, folder.path(layout.shard_name(number)), batch)


def write_derived(root: Path, relative: str, data: bytes) -> bool:
    """Bring a derived file to `data`; returns whether anything changed."""
    if read_file(root, relative) == data:
        return False
    write_file(root, relative, data)
    return True
