"""The files of paying as records: plans with what became of them, instructions, waivers, opening balances.

Reads from the disk or from a tree of git alike. Checks form and place, not what the records mean together.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from ledger.core.balances import Opening, OpeningSignature, Waiver, opening_text
from ledger.core.canonical import decode, read_objects, sha256_hex
from ledger.core.distribution import Plan, PlanSignature, Settlement
from ledger.core.errors import FormatError
from ledger.core.history import HistoryLine, OpeningSource, read_line
from ledger.core.instructions import Instruction
from ledger.core.records.record import ScopeRecord
from ledger.core.records.statement import PrefixPin
from ledger.core.values import Hash
from ledger.store import paylayout
from ledger.store.files import read_file
from ledger.store.layout import FOLDER_PATTERN, most_bytes
from ledger.store.logs import check_place, read_log

R = TypeVar("R", bound=ScopeRecord)
Read = Callable[[str], bytes | None]


@dataclass(frozen=True)
class PayFiles:
    """The files of paying of one node, by whatever reads a path of it."""

    node_id: str
    read: Read

    def instructions(self) -> list[Instruction]:
        """All instructions of all scopes, oldest first."""
        return list(self._log(Instruction, paylayout.INSTRUCTIONS, None))

    def instructions_pin(self, size: int | None = None) -> PrefixPin:
        """The first `size` lines of the instructions log (None: all), pinned by their hash."""
        try:
            return PrefixPin.of(self.read(paylayout.INSTRUCTIONS) or b"", size)
        except FormatError as error:
            raise error.at(paylayout.INSTRUCTIONS) from None

    def waivers(self, scope_id: str) -> list[Waiver]:
        """The waivers of a scope, oldest first; their `seq` counts over all scopes."""
        return [line for line in self._log(Waiver, paylayout.WAIVERS, None) if line.scope_id == scope_id]

    def waiver_count(self) -> int:
        """How many waivers are on record, over all scopes."""
        return len(self._log(Waiver, paylayout.WAIVERS, None))

    def openings(self, scope_id: str) -> list[Opening]:
        """The opening balances of a scope."""
        return list(self._log(Opening, paylayout.opening_path(scope_id), scope_id))

    def opening_hash(self, scope_id: str) -> Hash:
        """SHA-256 of the file of opening balances."""
        return Hash(sha256_hex(self.read(paylayout.opening_path(scope_id)) or b""))

    def opening_text(self, scope_id: str) -> str:
        """What approvers sign over the opening balances of a scope; FormatError where two systems brought some."""
        total = sum(line.balance_credits for line in self.openings(scope_id))
        balanced = [system for system, source in self.sources(scope_id).items() if source.credits_per_unit]
        if len(balanced) > 1:
            raise FormatError("two older systems bring balances", path=paylayout.source_path(scope_id, balanced[1]))
        source = sha256_hex(self.read(paylayout.source_path(scope_id, balanced[0])) or b"") if balanced else None
        return opening_text(self.node_id, scope_id, total, self.opening_hash(scope_id), source)

    def sources(self, scope_id: str) -> dict[str, OpeningSource]:
        """The older systems of which a scope brings something along, by name."""
        found = {}
        for system in paylayout.SYSTEMS:
            path = paylayout.source_path(scope_id, system)
            if (data := self.read(path)) is not None:
                found[system] = parse_source(data, path, self.node_id, scope_id)
        return found

    def history(self, scope_id: str, system: str) -> Iterator[bytes]:
        """The bytes of an older system's history, file by file."""
        number = 1
        while (data := self.read(paylayout.history_path(scope_id, system, number))) is not None:
            yield data
            number += 1

    def history_lines(self, scope_id: str, system: str) -> Iterator[HistoryLine]:
        """The lines of an older system's history, in order; FormatError names file and line."""
        seq = 0
        for number, data in enumerate(self.history(scope_id, system), start=1):
            path = paylayout.history_path(scope_id, system, number)
            for line, value in read_objects(data, path):
                seq += 1
                try:
                    record = read_line(value)
                    check_place(record, self.node_id, scope_id, None)
                    if record.seq != seq:
                        raise FormatError(f"seq is {record.seq}, expected {seq}")
                except FormatError as error:
                    raise error.at(path, line) from None
                yield record

    def opening_signatures(self, scope_id: str) -> list[OpeningSignature]:
        """The signatures over the opening balances of a scope."""
        return list(self._log(OpeningSignature, paylayout.opening_signatures_path(scope_id), scope_id))

    def plan(self, scope_id: str, distribution: int) -> Plan | None:
        """The plan of a distribution; None when there is none."""
        path = paylayout.plan_path(scope_id, distribution)
        data = self.read(path)
        return None if data is None else parse_plan(data, path, self.node_id, scope_id, distribution)

    def signatures(self, scope_id: str, distribution: int) -> list[PlanSignature]:
        """The signatures over a plan, oldest first."""
        return list(self._of_plan(PlanSignature, scope_id, distribution, "signatures.jsonl"))

    def settlements(self, scope_id: str, distribution: int) -> list[Settlement]:
        """What became of the lines of a plan, oldest first."""
        return list(self._of_plan(Settlement, scope_id, distribution, "settlements.jsonl"))

    def _of_plan(self, model: type[R], scope_id: str, distribution: int, name: str) -> Sequence[R]:
        path = f"{paylayout.distribution_path(scope_id, distribution)}/{name}"
        found = self._log(model, path, scope_id)
        for number, line in enumerate(found, start=1):
            if getattr(line, "distribution", distribution) != distribution:
                raise FormatError("record of another distribution", rule="SCOPE_SCOPED", path=path, line=number)
        return found

    def _log(self, model: type[R], path: str, scope_id: str | None) -> Sequence[R]:
        return parse_log(model, self.read(path) or b"", path, self.node_id, scope_id)


@lru_cache(maxsize=16)
def parse_plan(data: bytes, path: str, node_id: str, scope_id: str, distribution: int) -> Plan:
    """The plan of these bytes; FormatError names the file. Remembered, since every command asks several times."""
    try:
        if not data.endswith(b"\n"):
            raise FormatError("file has no line end (torn write?)")
        plan = Plan.read(decode(data[:-1], most_bytes(path)))
        check_place(plan, node_id, scope_id, None)
        if plan.distribution != distribution:
            raise FormatError(f"plan of distribution {plan.distribution}", rule="SCOPE_SCOPED")
    except FormatError as error:
        raise error.at(path, 1) from None
    return plan


@lru_cache(maxsize=16)
def parse_source(data: bytes, path: str, node_id: str, scope_id: str) -> OpeningSource:
    """The source of opening balances of these bytes; FormatError names the file."""
    try:
        if not data.endswith(b"\n"):
            raise FormatError("file has no line end (torn write?)")
        source = OpeningSource.read(decode(data[:-1]))
        check_place(source, node_id, scope_id, None)
        if path != paylayout.source_path(scope_id, source.system):
            raise FormatError(f"is the source of {source.system}")
    except FormatError as error:
        raise error.at(path, 1) from None
    return source


@lru_cache(maxsize=64)
def parse_log(model: type[R], data: bytes, path: str, node_id: str, scope_id: str | None) -> tuple[R, ...]:
    """The records of a numbered log; FormatError names file and line. Remembered by its bytes."""
    return tuple(read_log(model, data, path, node_id, scope_id))


def on_disk(root: Path, node_id: str) -> PayFiles:
    """The files of paying of the node at `root`."""
    return PayFiles(node_id, lambda path: read_file(root, path))


def distributions_on_disk(root: Path, scope_id: str) -> list[int]:
    """The numbers of a scope's distributions that have a plan, in order."""
    folder = root / paylayout.DISTRIBUTIONS / scope_id
    names = os.listdir(folder) if folder.is_dir() else []  # noqa: PTH208
    numbers = sorted(int(name) for name in names if re.fullmatch(FOLDER_PATTERN, name, re.ASCII))
    return [number for number in numbers if (root / paylayout.plan_path(scope_id, number)).is_file()]
