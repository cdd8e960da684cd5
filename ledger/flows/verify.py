"""Recompute everything from stored data and say, invariant by invariant, what holds and what does not.

Reads only; needs no network and no key.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ledger.core.errors import FormatError, LedgerError
from ledger.core.evaluate import Finding
from ledger.core.windows import Window, is_aligned
from ledger.flows.epochcheck import EpochCheck, EpochReport, as_finding
from ledger.flows.purity import impure_imports
from ledger.flows.session import Session
from ledger.store import layout
from ledger.store.node import EpochFolder, Node, check_entry, walk


@dataclass
class Verification:
    """All epochs that were looked at, and what is wrong with the node apart from any epoch."""

    node_id: str
    epochs: list[EpochReport] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return not self.findings and all(epoch.ok for epoch in self.epochs)

    @property
    def all_findings(self) -> list[Finding]:
        """Everything that does not hold, in reading order."""
        found = [finding for epoch in self.epochs for check in epoch.checks for finding in check.findings]
        return [*self.findings, *found]


def verify(session: Session, scope_id: str | None = None, epoch_id: int | None = None) -> Verification:
    """Check the node: all scopes and epochs, or those asked for."""
    node = session.node
    result = Verification(node.node_id)
    result.findings += tree_findings(node)
    result.findings += [
        Finding("ADAPTERS_NOT_IN_CORE", f"core imports {name}", path) for path, name in impure_imports()
    ]
    for scope in session.scope_ids(scope_id):
        result.findings += [as_finding(error) for error in _scope_errors(node, scope)]
        for folder in _folders(node, scope):
            if epoch_id in (None, folder.epoch_id):
                session.tell(f"verifying {scope}/{folder.epoch_id}")
                result.epochs.append(EpochCheck(session, folder).report())
    if epoch_id is not None and not result.epochs:
        session.folder(session.scope_id(scope_id), epoch_id)  # raises: no such epoch
    result.findings += _unknown_scopes(node)
    return result


def tree_findings(node: Node) -> list[Finding]:
    """Everything under `data/` that may not lie there (WRITES_VIA_WORKFLOW)."""
    found = []
    for path, mode in walk(node.root, "data"):
        try:
            if not layout.is_scratch(path):
                check_entry(path, mode)
        except FormatError as error:
            found.append(as_finding(error))
    return found


def _folders(node: Node, scope_id: str) -> list[EpochFolder]:
    root = node.root / layout.EPOCHS / scope_id
    ids = sorted(int(path.name) for path in root.iterdir() if path.name.isdecimal()) if root.is_dir() else []
    folders = [node.epoch(scope_id, epoch_id) for epoch_id in ids]
    if folders and {path.name for path in (node.root / folders[-1].relative).iterdir()} <= {"epoch.json"}:
        folders.pop()  # a run was killed while it opened this epoch; the next one completes it
    return folders


def _scope_errors(node: Node, scope_id: str) -> Iterator[LedgerError]:
    """ONE_ACTIVE_EPOCH and EPOCH_WINDOW_UNIQUE over the scope's epochs together."""
    active: list[tuple[EpochFolder, str]] = []
    before: tuple[EpochFolder, Window] | None = None
    settings = node.settings.epoch
    for expected, folder in enumerate(_folders(node, scope_id), start=1):
        try:
            state, window = folder.state(), folder.window()
        except LedgerError:  # the epoch's own check reports it; what follows it cannot be compared with it
            before = None
            continue
        if folder.epoch_id != expected:
            yield FormatError(
                f"epoch {expected} is missing before it", rule="EPOCH_WINDOW_UNIQUE", path=folder.relative
            )
        if state != "finalized":
            active.append((folder, state))
        if not is_aligned(window, settings.anchor, settings.length_days) or (before and before[1].end != window.start):
            yield FormatError(
                f"window {window} is not aligned to the anchor or does not follow the epoch before",
                rule="EPOCH_WINDOW_UNIQUE",
                path=folder.path("epoch.json"),
                line=1,
            )
        before = (folder, window)
    allowed = ["review", "open"] if node.scope(scope_id).overlap else []
    if len(active) > 1 and [state for _, state in active] != allowed:
        yield FormatError(
            f"{len(active)} epochs of scope {scope_id} are not finalized",
            rule="ONE_ACTIVE_EPOCH",
            path=active[-1][0].relative,
        )


def _unknown_scopes(node: Node) -> list[Finding]:
    root = node.root / layout.EPOCHS
    names = sorted(path.name for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    return [
        Finding("SCOPE_VALIDATED", "epochs of a scope that is not configured", f"{layout.EPOCHS}/{name}")
        for name in names
        if name not in node.scopes
    ]


def guard(root: Path, base: str, head: str | None, epoch_branch: tuple[str, int] | None) -> list[Finding]:
    """Whether the change from `base` to `head` (None: the working tree) is one that the log allows; see the store."""
    from ledger.store.guard import guard as compare

    return compare(root, base, head, epoch_branch=epoch_branch)
