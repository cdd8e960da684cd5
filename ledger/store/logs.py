"""Reads the lines of a log: each a record of its kind, in its place, under its number. Knows bytes, not disks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from ledger.core.canonical import JOINED, read_objects
from ledger.core.errors import FormatError
from ledger.core.records.record import Record

R = TypeVar("R", bound=Record)


def check_place(record: Record, node_id: str, scope_id: str | None, epoch_id: int | None) -> None:
    """FormatError unless the record belongs to this node, scope and epoch (NODE_SCOPED, SCOPE_SCOPED)."""
    if record.node_id != node_id:
        raise FormatError(f"record of another node ({record.node_id})", rule="NODE_SCOPED")
    if scope_id is not None and getattr(record, "scope_id", scope_id) != scope_id:
        raise FormatError(f"record of another scope ({getattr(record, 'scope_id', '')})", rule="SCOPE_SCOPED")
    if epoch_id is not None and getattr(record, "epoch_id", epoch_id) != epoch_id:
        raise FormatError(f"record of another epoch ({getattr(record, 'epoch_id', '')})", rule="SCOPE_SCOPED")


def read_log(
    model: type[R],
    data: bytes,
    path: str,
    node_id: str,
    scope_id: str | None = None,
    epoch_id: int | None = None,
    rule: str | None = None,
    after: int = 0,
) -> Iterator[R]:
    """The records of the log at `path`, oldest first; where lines have a `seq`, it counts 1, 2, 3 …

    Raises FormatError with file and line; `rule`: the invariant of a line that is no such record and breaks no other.
    `after`: how many lines of the log stand before `data`, where that is only its end.
    """
    for number, value in read_objects(data, path, after):
        try:
            record = model.read(value)
            check_place(record, node_id, scope_id, epoch_id)
            if (seq := getattr(record, "seq", number)) != number:
                raise FormatError(f"seq is {seq}, expected {number}", hint=JOINED if seq < number else "")
        except FormatError as error:
            error.rule = error.rule or rule
            raise error.at(path, number) from None
        yield record
