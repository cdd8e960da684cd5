"""The statement log of a scope: everything that became final, one line each, in the order in which it did.

A statement pins the log as it stood at review, so that whoever holds one signed statement holds all that was final
before it. Knows records, not files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from ledger.core.evaluate import Finding
from ledger.core.merkle import Prefixes
from ledger.core.records.record import Record
from ledger.core.records.statement import LogPin
from ledger.core.values import Hash, NodeId, Number, Reason, Scope, ScopeId, Sha256

RULE = "STATEMENT_LOGGED"
LogKind = Literal["approvers", "statement", "amendment", "distribution", "opening", "redaction"]


class LogLine(Record):
    """One line of `data/log/<scope_id>.jsonl`: `hash` is over the bytes of the final file, or line without line end.

    `ref` says where it lies: a path inside the node, or path`:`line.
    """

    hash: Sha256
    kind: LogKind
    ref: Reason
    scope_id: Scope
    seq: Number


@dataclass(frozen=True, slots=True)
class Final:
    """Something final as the files have it. `pinned`: the approver set that a statement was signed by."""

    kind: LogKind
    ref: str
    hash: Hash
    pinned: str | None = None


@dataclass(frozen=True)
class StatementLog:
    """The lines of a scope's statement log, oldest first, of which each epoch pins a prefix."""

    lines: tuple[LogLine, ...]

    def followed_by(self, lines: Sequence[LogLine]) -> StatementLog:
        """The log that goes on with these lines; what was hashed of it is not hashed again."""
        longer = StatementLog((*self.lines, *lines))
        if "_prefixes" in self.__dict__:
            longer.__dict__["_prefixes"] = Prefixes((line.hash.encode() for line in lines), self._prefixes)
        return longer

    @cached_property
    def _before(self) -> dict[str, int]:
        return {line.ref: place for place, line in reversed(list(enumerate(self.lines)))}

    @cached_property
    def _prefixes(self) -> Prefixes:
        return Prefixes(line.hash.encode() for line in self.lines)

    def before(self, ref: str) -> int | None:
        """How many lines stand before the first that names `ref`; None where none does."""
        return self._before.get(ref)

    def pin(self, size: int) -> LogPin:
        """Size and RFC 9162 root of the first `size` lines; a leaf is the 64 hex digits of a line's `hash`."""
        return LogPin(root=self._prefixes.root(size), size=size)


def to_log(lines: Sequence[LogLine], final: Sequence[Final], node_id: NodeId, scope_id: ScopeId) -> list[LogLine]:
    """The lines that are still to be appended for what is `final`, in its order."""
    known = {(line.kind, line.ref) for line in lines}
    missing = [one for one in final if (one.kind, one.ref) not in known]
    return [
        LogLine(node_id=node_id, scope_id=scope_id, seq=seq, kind=one.kind, ref=one.ref, hash=one.hash)
        for seq, one in enumerate(missing, start=len(lines) + 1)
    ]


def log_findings(path: str, lines: Sequence[LogLine], final: Sequence[Final]) -> Iterator[Finding]:
    """What speaks against the log at `path`: files and lines are held to each other in both directions.

    `final` is in the order of each kind. A line that names nothing final, another hash, the same thing twice, an order
    that the files do not have, a statement before the set that signed it, and whatever is final and not logged.
    """
    there = {(one.kind, one.ref): (place, one) for place, one in enumerate(final)}
    last: dict[str, int] = {}
    seen: set[tuple[str, str]] = set()
    for line in lines:
        place, one = there.get((line.kind, line.ref), (0, None))
        if one is None:
            yield Finding(RULE, "names what is not final here", path, line.seq, None, f"{line.kind} {line.ref}")
            continue
        if one.hash != line.hash:
            yield Finding(RULE, f"is not the hash of {line.ref}", path, line.seq, one.hash, line.hash)
        if (line.kind, line.ref) in seen:
            yield Finding(RULE, "names this a second time", path, line.seq, "once", line.ref)
        elif place < last.get(line.kind, 0):
            yield Finding(RULE, "stands after what followed it", path, line.seq, None, line.ref)
        if one.pinned is not None and ("approvers", one.pinned) not in seen:
            yield Finding(RULE, "stands before the approver set that signed it", path, line.seq, one.pinned, line.ref)
        last[line.kind] = max(place, last.get(line.kind, 0))
        seen.add((line.kind, line.ref))
    for one in final:
        if (one.kind, one.ref) not in seen:
            yield Finding(RULE, "is final and stands in no line of the statement log", one.ref, None, path, "no line")
