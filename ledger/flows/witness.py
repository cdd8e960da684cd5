"""Recompute a whole node and compare it with what this witness saw before: a rewritten past shows.

The witness's memory is its own: a file outside the node, or an older clone. Recomputing alone cannot tell a ledger that
was rewritten with all its signatures from the one that stood there last week; a memory out of the ledger's hands can.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ledger.core.canonical import read_objects
from ledger.core.errors import FormatError, InputError, UsageError
from ledger.core.evaluate import Finding
from ledger.core.place import Place
from ledger.core.records.record import EpochRecord, Record
from ledger.core.values import Number, Scope, Sha256
from ledger.flows.session import Session
from ledger.flows.verify import Verification, verify
from ledger.store.amendments import amendments
from ledger.store.files import read_file, write_file
from ledger.store.layout import NODE_FILE, approvers_path, version_path
from ledger.store.node import load_node

Key = tuple[str, str, int, int]


class Seen(EpochRecord):
    """One line of a witness's memory: the hash of one version of a finalized epoch's statement, as it was found."""

    statement_hash: Sha256
    version: Number = 1

    @property
    def key(self) -> Key:
        """Node, scope, epoch and version."""
        return self.node_id, self.scope_id, self.epoch_id, self.version


class SeenRoot(Record):
    """One line of a witness's memory: the root of a scope's approvers, with which all that is signed begins."""

    root: Sha256
    scope_id: Scope

    @property
    def key(self) -> tuple[str, str]:
        """Node and scope."""
        return self.node_id, self.scope_id


@dataclass(frozen=True, slots=True)
class Witnessed:
    """What a witness found. `remembered`: finalized epochs seen before; `new`: those seen for the first time.

    `memory`: the bytes of a memory that holds what is there now.
    """

    verification: Verification
    findings: tuple[Finding, ...]
    remembered: int
    new: tuple[Seen, ...]
    memory: bytes

    @property
    def ok(self) -> bool:
        """Whether everything recomputes and is what it was."""
        return self.verification.ok and not self.findings

    @property
    def all_findings(self) -> tuple[Finding, ...]:
        """A changed past first, then what does not recompute."""
        return *self.findings, *self.verification.all_findings


def witness(session: Session, against: Sequence[Path] = (), *, keep: bool = True) -> Witnessed:
    """Verify all scopes and epochs and compare each finalized epoch with what was seen before.

    `against`: files of a witness's own, which are made where missing and written anew only when nothing differs, so
    that a difference is told every time until a person has looked (`keep`: False leaves that to the caller); and
    folders with older clones of the ledger, which are only read. Raises FormatError for a memory that cannot be read,
    UsageError for one under the node's `data/`.
    """
    files = [path for path in against if not path.is_dir()]
    for path in files:
        if path.resolve().is_relative_to(session.node.root.resolve() / "data"):
            raise UsageError(
                f"{path} lies in the ledger's own data",
                hint="A witness keeps its memory where the ledger cannot write.",
            )
    memory = [line for path in against for line in (_clone(path) if path.is_dir() else read_memory(path))]
    verification = verify(session)
    now = [
        seen_of(verification.node_id, Place(epoch.scope_id, epoch.epoch_id, epoch.version), epoch.statement_hash)
        for epoch in verification.epochs
        if epoch.state == "finalized" and epoch.statement_hash is not None
    ]
    roots = [
        root_of(verification.node_id, one.scope_id, one.root) for one in verification.trust if one.root is not None
    ]
    known = {line.key for line in memory if isinstance(line, Seen)}
    new = tuple(each for each in now if each.key not in known)
    result = Witnessed(verification, changed_past(memory, now, roots), len(known), new, memory_form(now, roots))
    if result.ok and keep:
        for path in files:
            write_file(path.parent, path.name, result.memory)
    return result


def changed_past(
    memory: Sequence[Seen | SeenRoot], now: Sequence[Seen], roots: Sequence[SeenRoot]
) -> tuple[Finding, ...]:
    """What was seen before and is another now, or gone: roots first, then statements."""
    hashes = {each.key: each.statement_hash for each in now}
    seen = dict.fromkeys(line for line in memory if isinstance(line, Seen))
    statements = tuple(
        Finding(
            "EPOCH_FINALIZE_IDEMPOTENT",
            "a finalized statement is another one than this witness saw before"
            if line.key in hashes
            else "a finalized epoch that this witness saw before is gone",
            f"{version_path(line.scope_id, line.epoch_id, line.version)}/statement.json",
            None,
            line.statement_hash,
            hashes.get(line.key, "none"),
        )
        for line in seen
        if hashes.get(line.key) != line.statement_hash
    )
    begun = _other_roots(roots, [line for line in memory if isinstance(line, SeenRoot)])
    return begun + statements


def memory_form(now: Sequence[Seen], roots: Sequence[SeenRoot]) -> bytes:
    """The bytes of a memory that holds these."""
    return b"".join(each.encode() + b"\n" for each in [*now, *roots])


def _other_roots(now: Sequence[SeenRoot], seen: Sequence[SeenRoot]) -> tuple[Finding, ...]:
    """Roots that were seen before and are others now, or gone: whoever signs today may have begun anew."""
    roots = {each.key: each.root for each in now}
    return tuple(
        Finding(
            "APPROVERS_CHAINED",
            "the root of the approvers is another than this witness saw before",
            approvers_path(line.scope_id),
            None,
            line.root,
            roots.get(line.key, "none"),
        )
        for line in dict.fromkeys(seen)
        if roots.get(line.key) != line.root
    )


def seen_of(node_id: str, place: Place, statement_hash: str) -> Seen:
    """The line of memory about one final statement."""
    return Seen.read({"node_id": node_id, **place._asdict(), "statement_hash": statement_hash})


def root_of(node_id: str, scope_id: str, root: str) -> SeenRoot:
    """The line of memory about the root of a scope's approvers."""
    return SeenRoot.read({"node_id": node_id, "scope_id": scope_id, "root": root})


def _clone(root: Path) -> Iterator[Seen | SeenRoot]:
    """What stands finalized in an older clone, and the roots; InputError for a folder that is none."""
    if not (root / NODE_FILE).is_file():
        raise InputError(f"has no {NODE_FILE}: it is no clone of a ledger", path=str(root))
    node = load_node(root)
    for scope_id in node.scopes:
        if (kept := node.chain(scope_id).root) is not None:
            yield root_of(node.node_id, scope_id, kept)
        for folder in (each for base in node.epochs(scope_id) for each in (base, *amendments(base))):
            if folder.state() == "finalized":
                yield seen_of(node.node_id, folder.where, folder.hash_of("statement.json"))


def read_memory(memory: Path) -> Iterator[Seen | SeenRoot]:
    """The lines of a witness's own file; none where it does not exist yet."""
    for number, value in read_objects(read_file(memory.parent, memory.name) or b"", str(memory)):
        try:
            yield SeenRoot.read(value) if "root" in value else Seen.read(value)
        except FormatError as error:
            error.hint = "Restore this witness's memory, or remove it to begin anew with what is there now."
            raise error.at(str(memory), number) from None
