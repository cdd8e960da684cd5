"""The logs that epochs share, from their bytes: bindings of the node, approver sets and statement log of a scope.

Every epoch asks for a prefix of each. So what was read last is remembered by its bytes, and of a statement log that
went on since, only what came behind is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from ledger.core.approvers import Chain, build_chain
from ledger.core.errors import FormatError
from ledger.core.records.approvers import ApproverSet, ApproverSignature
from ledger.core.records.decisions import Binding
from ledger.core.statementlog import LogLine, StatementLog
from ledger.store import layout
from ledger.store.logs import read_log

S = TypeVar("S", ApproverSet, ApproverSignature)


@lru_cache(maxsize=64)
def parse_chain(sets: bytes, signatures: bytes, node_id: str, scope_id: str) -> Chain:
    """The chain of these bytes; remembered, since every epoch asks and recovering a signer takes its time."""
    paths = layout.approvers_path(scope_id), layout.approver_signatures_path(scope_id)
    return build_chain(
        parse_scope_log(ApproverSet, sets, paths[0], node_id, scope_id),
        parse_scope_log(ApproverSignature, signatures, paths[1], node_id, scope_id),
        paths,
    )


def parse_scope_log(model: type[S], data: bytes, path: str, node_id: str, scope_id: str) -> tuple[S, ...]:
    """The records of a scope's numbered log; FormatError names file and line."""
    return tuple(read_log(model, data, path, node_id, scope_id))


@dataclass
class _Last:
    """The bytes of a statement log that were read last, and the log."""

    data: bytes
    log: StatementLog


@lru_cache(maxsize=4)
def parse_log(data: bytes, node_id: str, scope_id: str) -> StatementLog:
    """The statement log of these bytes; FormatError names file and line."""
    last = _last(node_id, scope_id)
    if not data.startswith(last.data):
        last.data, last.log = b"", StatementLog(())
    path, before = layout.log_path(scope_id), len(last.log.lines)
    added = read_log(LogLine, data[len(last.data) :], path, node_id, scope_id, after=before)
    last.log = last.log.followed_by(tuple(added))
    last.data = data
    return last.log


@lru_cache(maxsize=4)
def _last(_node_id: str, _scope_id: str) -> _Last:
    return _Last(b"", StatementLog(()))


def parse_bindings(data: bytes, node_id: str, size: int | None) -> tuple[bytes, tuple[Binding, ...]]:
    """The first `size` lines (None: all) of a bindings log and their records; FormatError names the line."""
    records, ends, error = _read_bindings(data, node_id)
    if error is not None and (size is None or size > len(records)):
        raise FormatError(error.message, rule=error.rule, path=error.path, line=error.line, hint=error.hint)
    if size is not None and size > len(records):
        raise FormatError(f"log has {len(records)} lines, {size} are pinned", path=layout.IDENTITIES)
    end = len(records) if size is None else size
    return data[: ends[end]], records[:end]


@lru_cache(maxsize=2)
def _read_bindings(data: bytes, node_id: str) -> tuple[tuple[Binding, ...], tuple[int, ...], FormatError | None]:
    """All records up to the first line that cannot be read, where each prefix of them ends, and what is wrong there.

    Remembered, since every epoch asks for a prefix.
    """
    found: list[Binding] = []
    ends = [0]
    try:
        for record in read_log(Binding, data, layout.IDENTITIES, node_id):
            found.append(record)
            ends.append(data.index(b"\n", ends[-1]) + 1)
    except FormatError as error:
        return tuple(found), tuple(ends), error
    return tuple(found), tuple(ends), None
