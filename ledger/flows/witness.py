"""Recompute a whole node and compare it with what this witness saw before: a rewritten past shows.

The witness's memory is a file of its own, outside the node. Recomputing alone cannot tell a ledger that was rewritten
with all its signatures from the one that stood there last week; a memory that is not in the ledger's hands can.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ledger.core.canonical import read_objects
from ledger.core.errors import FormatError, UsageError
from ledger.core.evaluate import Finding
from ledger.core.records import EpochRecord
from ledger.core.values import Sha256
from ledger.flows.session import Session
from ledger.flows.verify import Verification, verify
from ledger.store.files import read_file, write_file

Key = tuple[str, str, int]


class Seen(EpochRecord):
    """One line of a witness's memory: a finalized epoch's statement hash, as it was found and recomputed."""

    statement_hash: Sha256

    @property
    def key(self) -> Key:
        """Node, scope and epoch."""
        return self.node_id, self.scope_id, self.epoch_id


@dataclass(frozen=True, slots=True)
class Witnessed:
    """What a witness found. `remembered`: finalized epochs seen before; `new`: those seen for the first time."""

    verification: Verification
    findings: tuple[Finding, ...]
    remembered: int
    new: tuple[Seen, ...]

    @property
    def ok(self) -> bool:
        """Whether everything recomputes and is what it was."""
        return self.verification.ok and not self.findings

    @property
    def all_findings(self) -> tuple[Finding, ...]:
        """A changed past first, then what does not recompute."""
        return *self.findings, *self.verification.all_findings


def witness(session: Session, memory: Path | None) -> Witnessed:
    """Verify all scopes and epochs and, with `memory`, compare each finalized epoch with what was seen before.

    The memory is written anew only when nothing differs, so that a difference is told every time until a person has
    looked. Raises FormatError for a memory that cannot be read, UsageError for one under the node's `data/`.
    """
    seen = _read(session, memory) if memory is not None else []
    verification = verify(session)
    now = [
        Seen.read(
            {
                "node_id": verification.node_id,
                "scope_id": epoch.scope_id,
                "epoch_id": epoch.epoch_id,
                "statement_hash": epoch.statement_hash,
            }
        )
        for epoch in verification.epochs
        if epoch.state == "finalized" and epoch.statement_hash is not None
    ]
    hashes = {each.key: each.statement_hash for each in now}
    findings = tuple(
        Finding(
            "EPOCH_FINALIZE_IDEMPOTENT",
            "a finalized statement is another one than this witness saw before"
            if line.key in hashes
            else "a finalized epoch that this witness saw before is gone",
            session.node.epoch(line.scope_id, line.epoch_id).path("statement.json"),
            None,
            line.statement_hash,
            hashes.get(line.key, "none"),
        )
        for line in seen
        if hashes.get(line.key) != line.statement_hash
    )
    known = {line.key for line in seen}
    result = Witnessed(verification, findings, len(known), tuple(each for each in now if each.key not in known))
    if memory is not None and result.ok:
        write_file(memory.parent, memory.name, b"".join(each.encode() + b"\n" for each in now))
    return result


def _read(session: Session, memory: Path) -> list[Seen]:
    if memory.resolve().is_relative_to(session.node.root.resolve() / "data"):
        raise UsageError(
            f"{memory} lies in the ledger's own data", hint="A witness keeps its memory where the ledger cannot write."
        )
    found = []
    for number, value in read_objects(read_file(memory.parent, memory.name) or b"", str(memory)):
        try:
            found.append(Seen.read(value))
        except FormatError as error:
            error.hint = "Restore this witness's memory, or remove it to begin anew with what is there now."
            raise error.at(str(memory), number) from None
    return found
