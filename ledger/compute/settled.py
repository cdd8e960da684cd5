"""The index of finalized logs: made by one pass over them, kept in the cache folder, asked instead of reading them.

A finalized epoch never changes, so what is known of its logs is kept under what tells that they are the same files: the
statement log names the epoch as final; path, size, times of change and inode name the file. The files lie in the folder
of one node (docs/operate.md); each is whole or not there, read as far as it is asked, and made anew where it is wrong.
Nothing that is paid rests on it, and `verify` and `guard` never read it: it says into which logs to look, and those
decide.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
from array import array
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from ledger.compute.engine import Engine
from ledger.compute.segment import Log, Segment, Table
from ledger.compute.segmentfile import pack, unpack
from ledger.core.canonical import encode, read_objects, sha256_hex
from ledger.core.errors import FormatError, LedgerError
from ledger.core.records.activity import ActivityEvent
from ledger.store.epochfolder import EpochFolder
from ledger.store.files import read_pieces, write_beside
from ledger.store.node import Node

SIZES = (512 << 20, 64 << 20, 8 << 20, 1 << 20)
"""Bytes of logs that one file of the index is about: what a new epoch may cost is bounded, and the files stay few.

Logs that fill no file yet are read at each run.
"""
LOOSE = 16
"""Final logs that no part of the index is about and that are read at each asking; more are read once by each run."""
_SUFFIX = ".held"
_MOST = 1 << 30
"""Bytes that a file of the index may have: many times what the largest has."""
_LOCK = ".lock"
_OURS = re.compile(r"[0-9a-f]{40}\.held|\.[0-9a-f]{40}\.held\.tmp")
"""What this module writes, and so may remove."""


@dataclass
class _Scope:
    """What is known of a scope: its final logs in order, `shards` by epoch, and the segments, about the first of them.

    `parted`: how many logs they are about. `read`: the lines of the statement log that were looked at; `named`: what
    they name as final.
    """

    logs: list[Log] = field(default_factory=list)
    shards: dict[int, list[Path]] = field(default_factory=dict)
    segments: list[Segment] = field(default_factory=list)
    covered: set[Path] = field(default_factory=set)
    parted: int = 0
    read: int = 0
    named: set[str] = field(default_factory=set)

    def take(self, segment: Segment, root: Path) -> None:
        """Add the segment of the logs that follow those of the others."""
        self.segments.append(segment)
        self.covered.update(root / log.path for log in segment.logs)
        self.parted += len(segment.logs)

    def at(self, hours: Sequence[int], root: Path) -> set[Path]:
        """The logs that the segments are about and that may hold one of these hours, which come in rising order."""
        return {root / segment.logs[place].path for segment in self.segments for place in segment.logs_at(hours)}


class Settled:
    """The index over a node's finalized epochs. `cache`: the folder where it may lie; None: nothing is kept."""

    def __init__(self, engine: Engine, node: Node, cache: Path | None) -> None:
        self._engine, self._node, self.root = engine, node, node.root
        own = sha256_hex(f"{node.node_id}\n{engine.root}".encode())[:32]
        self._folder = None if cache is None else cache / "held" / own
        self._found: dict[str, _Scope] = {}

    def segments(self, scope_id: str) -> list[Segment]:
        """What the index has of a scope, made where it is absent or wrong."""
        return list(self._up_to_date(scope_id).segments)

    def covers(self, scope_id: str) -> frozenset[Path]:
        """The logs of the scope that `segments` are about; the others are to be read."""
        return frozenset(self._up_to_date(scope_id).covered)

    def shards(self, folder: EpochFolder) -> list[Path]:
        """The logs of an epoch, by their place on disk; of a final one they are looked for once."""
        found = self._scope(folder.scope_id).shards.get(folder.epoch_id)
        return folder.shards() if found is None else found

    def near(self, folder: EpochFolder, hours: Sequence[int]) -> list[Path]:
        """The logs of the scope's epochs up to this one, in order, but for older ones with no event of these hours.

        The hours come in rising order.
        """
        scope = self._up_to_date(folder.scope_id)
        without = scope.covered.difference(scope.at(hours, self.root))
        found: list[Path] = []
        for number in range(1, folder.epoch_id):
            final = scope.shards.get(number)
            shards = self._node.epoch(folder.scope_id, number).shards() if final is None else final
            found += (shard for shard in shards if shard not in without)
        return found + folder.shards()

    def _up_to_date(self, scope_id: str) -> _Scope:
        """The scope with what became final since it was looked at: where that is many logs, they are read once."""
        scope = self._scope(scope_id)
        if len(loose := self._final(scope_id, scope)[scope.parted :]) > LOOSE:
            scope.take(read_segment(self._engine, scope_id, [self.root / log.path for log in loose], loose), self.root)
        return scope

    def _scope(self, scope_id: str) -> _Scope:
        if not self._found:
            self._make()
        return self._found[scope_id]

    def _make(self) -> None:
        """Take the index as it is kept, and make what is absent or wrong."""
        self._found = {each: _Scope() for each in self._node.scopes}
        wanted = [(name, run) for name, each in self._found.items() for run in parts(self._final(name, each), SIZES)]
        with self._alone(bool(wanted)) as folder:
            made = [self._kept(*run) or self._made(*run, folder) for run in wanted]
            self._forget_others(folder, {self._name(*run) for run in wanted})
        for segment in made:
            self._found[segment.scope_id].take(segment, self.root)

    @contextmanager
    def _alone(self, wanted: bool) -> Iterator[Path | None]:
        """The folder to write to, where nobody else writes to it now and it takes what is written; else None."""
        if self._folder is None or not wanted:
            yield None
            return
        lock = -1
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not _own(self._folder):
                raise NotADirectoryError(self._folder)
            lock = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            folder: Path | None = self._folder
        except OSError:
            folder = None  # another run writes the same now, or the folder is nobody's to write to
        try:
            yield folder
        finally:
            if lock >= 0:
                os.close(lock)

    def _final(self, scope_id: str, scope: _Scope) -> list[Log]:
        """The logs of the epochs that are final, from the first on; of a log that went on, what came is looked at."""
        try:
            lines = self._node.epoch(scope_id, 1).statement_log().lines
        except LedgerError:
            return scope.logs  # `verify` tells it; until then every log is read
        if len(lines) == scope.read:
            return scope.logs
        scope.named.update(line.ref for line in lines[scope.read :] if line.kind == "statement")
        scope.read = len(lines)
        while (folder := self._node.epoch(scope_id, len(scope.shards) + 1)).path("statement.json") in scope.named:
            scope.shards[folder.epoch_id] = shards = folder.shards()
            scope.logs.extend(_log_of(folder, shard) for shard in shards)
        return scope.logs

    def _name(self, scope_id: str, logs: Sequence[Log]) -> str:
        return f"{sha256_hex(encode([self._node.node_id, scope_id, *map(list, logs)]))[:40]}{_SUFFIX}"

    def _kept(self, scope_id: str, logs: Sequence[Log]) -> Segment | None:
        """The segment of a scope's logs as it lies in the folder; None where it does not, or is wrong."""
        if self._folder is None:
            return None
        name = self._name(scope_id, logs)
        found = unpack(partial(_pieces, self._folder, name), name, scope_id, logs)
        return found and replace(found, anew=partial(self._anew, scope_id, logs))

    def _anew(self, scope_id: str, logs: Sequence[Log]) -> Segment:
        with self._alone(True) as folder:
            return self._made(scope_id, logs, folder)

    def _made(self, scope_id: str, logs: Sequence[Log], folder: Path | None) -> Segment:
        """The segment anew, and kept where there is a folder."""
        made = read_segment(self._engine, scope_id, [self.root / log.path for log in logs], logs)
        if folder is not None:
            with suppress(OSError):  # a disk that is full: the next run reads the logs again
                name = self._name(scope_id, logs)
                write_beside(folder, name, pack(made, name), 0o600)
        return made

    def _forget_others(self, folder: Path | None, names: Collection[str]) -> None:
        """Remove the files of parts that have become parts of larger ones, and what killed runs left."""
        if folder is None:
            return
        with suppress(OSError):
            for path in folder.iterdir():
                if path.name not in names and _OURS.fullmatch(path.name):
                    path.unlink(missing_ok=True)


def _pieces(folder: Path, name: str, places: Sequence[tuple[int, int]]) -> Sequence[bytes]:
    """Pieces of a file of the index, empty where it is no plain file that can be read."""
    try:
        return read_pieces(folder, name, places, _MOST)
    except (OSError, LedgerError):
        return [b"" for _ in places]


def _log_of(folder: EpochFolder, shard: Path) -> Log:
    facts = os.lstat(shard)
    state = f"{facts.st_mtime_ns}.{facts.st_ctime_ns}.{facts.st_dev}.{facts.st_ino}"
    return Log(folder.path(shard.name), facts.st_size, state)


def parts(logs: Sequence[Log], sizes: Sequence[int]) -> list[list[Log]]:
    """The logs from the oldest on in runs of at least `sizes` bytes, the largest first; what fills none is left out.

    An epoch more leaves the runs before it as they are, or joins whole ones to a larger.
    """
    found, rest = [], list(logs)
    for size in sizes:
        run: list[Log] = []
        filled = 0
        for log in rest:
            run.append(log)
            filled += log.size
            if filled >= size:
                found.append(run)
                run, filled = [], 0
        rest = run
    return found


def read_segment(engine: Engine, scope_id: str, shards: Sequence[Path], logs: Sequence[Log] = ()) -> Segment:
    """The segment of some logs by one pass over them. FormatError for a log that holds anything but events."""
    try:
        engine.materialise("held_part", shards=engine.paths(shards))
    except FormatError:
        _tell_bad_line(engine.root, engine.paths(shards))
        raise
    ids: dict[str, tuple[array[int], array[int]]] = {}
    for kind, numbers, places in engine.rows("held_ids"):
        own = ids.setdefault(kind, (array("Q"), array("I")))
        own[0].extend(numbers)
        own[1].extend(places)
    hours = array("Q"), array("I")
    for hour, log in engine.rows("held_hours"):
        hours[0].append(hour)
        hours[1].append(log)
    engine.execute("TRUNCATE held_part", {}).fetchall()
    return Segment(scope_id, tuple(logs), {kind: Table(*own) for kind, own in ids.items()}, Table(*hours))


def _tell_bad_line(root: Path, shards: Sequence[str]) -> None:
    """FormatError for the first line that is no event, with its place and the rule."""
    for shard in map(Path, shards):
        path = shard.relative_to(root).as_posix()
        for number, value in read_objects(shard.read_bytes(), path):
            try:
                ActivityEvent.read(value)
            except FormatError as error:
                raise error.at(path, number) from None


def _own(folder: Path) -> bool:
    """Whether it is a folder of the user who runs this, and no link to another."""
    facts = folder.lstat()
    return stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid()
