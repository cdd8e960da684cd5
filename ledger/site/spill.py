"""What waits on disk until every epoch is there: written by any number of processes, each into a file of its own.

The folder is the build's own and goes with it; nobody else's bytes are ever read from it.
"""

from __future__ import annotations

import mmap
import os
from array import array
from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import PlainSerializer, PlainValidator

if TYPE_CHECKING:
    Numbers = array[int]
else:
    Numbers = Annotated[array, PlainValidator(lambda numbers: array("q", numbers)), PlainSerializer(array.tolist)]

FOLDER = "waiting"
"""Where a build lays things aside, in its own folder."""


_NUMBERS = 4
"""Kept of a person in an epoch: the epoch's place, where the lines begin, their bytes, their number."""
_numbers = partial(array, "q")


class Block(NamedTuple):
    """Where bytes wait: the file's name, their place in it, how many they are."""

    file: str
    start: int
    size: int


class Spill:
    """This process's file in `folder`, to which it only ever adds."""

    def __init__(self, folder: Path) -> None:
        self._name = str(os.getpid())
        self._out = (folder / self._name).open("a+b")

    def put(self, data: bytes) -> Block:
        """Lay bytes aside; they are there for every process as soon as this returns."""
        start = self._out.tell()
        self._out.write(data)
        self._out.flush()
        return Block(self._name, start, len(data))

    @property
    def end(self) -> Block:
        """Where the next bytes will lie."""
        return Block(self._name, self._out.tell(), 0)

    def since(self, place: Block) -> bytes:
        """All that was laid aside here from `place` on, which was once the end."""
        return os.pread(self._out.fileno(), self._out.tell() - place.start, place.start)

    def close(self) -> None:
        """Nothing more comes."""
        self._out.close()


class Spilled:
    """Reads what all processes laid aside in `folder`; each file is mapped once, for blocks are many and small."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._maps: dict[str, mmap.mmap] = {}

    def read(self, block: Block) -> bytes:
        """The bytes of a block."""
        return self._read(*block)

    def lines(self, places: bytes, files: Mapping[int, str]) -> list[tuple[int, bytes]]:
        """One person's lines by the place of their epoch; `places`: as `ByPerson.of` gave them, `files`: its files."""
        numbers = iter(array("q", places))
        return [
            (place, self._read(files[place], start, size))
            for place, start, size, _ in zip(*[numbers] * _NUMBERS, strict=True)
        ]

    def _read(self, file: str, start: int, size: int) -> bytes:
        if not size:
            return b""
        found = self._maps.get(file)
        if found is None or start + size > len(found):  # it may have grown since
            found = self._map(file)
            if start + size > len(found):
                raise OSError(f"{self._folder / file} is shorter than it was")
        return found[start : start + size]

    def _map(self, file: str) -> mmap.mmap:
        if file in self._maps:
            self._maps.pop(file).close()
        with (self._folder / file).open("rb") as source:
            return self._maps.setdefault(file, mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ))

    def close(self) -> None:
        """Nothing more is asked."""
        while self._maps:
            self._maps.popitem()[1].close()


@dataclass(frozen=True, slots=True)
class Portions:
    """One epoch's lines of many people, one person's after another's in one block: bytes and lines of each."""

    block: Block
    users: tuple[str, ...]
    sizes: Numbers
    counts: Numbers

    @classmethod
    def lay(cls, spill: Spill, lines: Sequence[tuple[str, bytes, int]]) -> Portions:
        """`lines`: each person's bytes and how many lines they are."""
        users, pieces, counts = zip(*lines, strict=True) if lines else ((), (), ())
        return cls(spill.put(b"".join(pieces)), users, array("q", map(len, pieces)), array("q", counts))


class ByPerson:
    """Where each person's lines wait, epoch after epoch: a few numbers for each person and epoch.

    `files`: that of each epoch, by its place.
    """

    def __init__(self) -> None:
        self.files: dict[int, str] = {}
        self._kept: defaultdict[str, Numbers] = defaultdict(_numbers)

    def add(self, place: int, portions: Portions) -> None:
        """One epoch's, which is the `place`th of all (from 0)."""
        kept = self._kept
        self.files[place], start, _ = portions.block
        for user, size, count in zip(portions.users, portions.sizes, portions.counts, strict=True):
            kept[user].extend((place, start, size, count))
            start += size

    @property
    def users(self) -> Set[str]:
        """Whoever has any."""
        return self._kept.keys()

    def count(self, user_id: str) -> int:
        """How many lines a person has."""
        return sum(self._kept.get(user_id, ())[3::_NUMBERS])

    def epochs(self, user_id: str) -> int:
        """In how many epochs a person has any."""
        return len(self._kept.get(user_id, ())) // _NUMBERS

    def of(self, user_id: str) -> bytes:
        """All places of one person's lines, for `Spilled.lines`."""
        return self._kept.get(user_id, _numbers()).tobytes()


def epochs_in(places: bytes) -> Sequence[int]:
    """The places of the epochs that have lines of one person, as `ByPerson.of` gave them."""
    return array("q", places)[::_NUMBERS]
