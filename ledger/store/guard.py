"""Is the change from one state to another one that the log allows? Trusts nobody, not even the ledger's own robot.

Byte-prefix rule for logs, equality for files written once, forward-only states, nothing foreign under `data/`, no
change in a finalized epoch (ACTIVITY_APPEND_ONLY, POOL_IMMUTABLE, EPOCH_THREE_PHASE, INGESTION_CLOSED_ON_REVIEW,
CURATION_FREEZE_ON_FINALIZE, ONE_ACTIVE_EPOCH, WRITES_VIA_WORKFLOW). Works on two trees without a checkout.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from ledger.core.conduct import binding_findings
from ledger.core.config import NodeSettings
from ledger.core.errors import FormatError, InputError, LedgerError
from ledger.core.evaluate import Finding
from ledger.core.findings import Findings
from ledger.core.place import Place
from ledger.store import layout
from ledger.store.attributes import attribute_findings
from ledger.store.entries import check_entry, scope_of
from ledger.store.guard_amendment import AmendmentChange
from ledger.store.guard_epoch import EpochChange
from ledger.store.guard_findings import as_finding, rewritten
from ledger.store.guard_ids import repeated_findings
from ledger.store.guard_load import Check, load_findings
from ledger.store.guard_opening import scopes_since
from ledger.store.guard_payments import bank_data_findings, is_unsigned_opening, payment_findings
from ledger.store.guard_receipts import ReceiptChange
from ledger.store.guard_scope import ScopeChange
from ledger.store.guard_settings import Change, SettingsChange
from ledger.store.guard_succession import succession_findings
from ledger.store.sharedlogs import parse_bindings
from ledger.store.trees import PLAIN, SUBMODULE, GitTree, NodeFiles, Tree, WorkTree, changes, top_of

_OWN = (layout.NODE_FILE, ".gitattributes", "data", "scopes", "weights")


def guard(
    root: Path,
    base: str,
    head: str | None = None,
    *,
    epoch_branch: Place | None = None,
    also: Check | None = None,
) -> list[Finding]:
    """What the change from `base` to `head` (None: the working tree) does that it may not; empty when all is allowed.

    `epoch_branch`: also refuse any change outside the folder of this epoch or amendment, anywhere in the repository.
    `also`: what a run asks of the settings besides. Raises InputError for a revision that git does not know.
    """
    top, prefix = top_of(root)
    before = GitTree(top, base)
    after: Tree = WorkTree(top, prefix, before) if head is None else GitTree(top, head)
    try:
        return list(Findings(_Guard(top, prefix, before, after).findings(epoch_branch, also)))
    finally:
        before.close()
        if isinstance(after, GitTree):
            after.close()


class _Guard:
    """One comparison; paths of findings are relative to the node."""

    def __init__(self, top: Path, prefix: str, before: GitTree, after: Tree) -> None:
        self.top = top
        self.prefix, self.before, self.after = prefix, before, after
        self._read_before, self._read_after = NodeFiles(before, prefix), NodeFiles(after, prefix)
        self.all_changes = changes(before, after)
        self.changes: dict[str, Change] = {
            path[len(prefix) :]: change for path, change in self.all_changes.items() if path.startswith(prefix)
        }

    def findings(self, epoch_branch: Place | None, also: Check | None) -> Iterator[Finding]:
        """Everything that may not be, each with its place and rule."""
        try:
            yield from self._findings(epoch_branch, also)
        except FormatError as error:  # a file past its bound, which nobody reads
            yield as_finding(error)

    def _findings(self, epoch_branch: Place | None, also: Check | None) -> Iterator[Finding]:
        before, after = self._read_before, self._read_after
        if epoch_branch is not None:
            yield from self._outside(layout.version_path(*epoch_branch), layout.scope_logs(epoch_branch[0]))
        foreign = list(self._foreign())
        yield from foreign
        yield from bank_data_findings(self.changes, before, after)
        settings = SettingsChange(self.changes, before, after, self._history)
        yield from settings.findings()
        yield from load_findings(self.after, self.prefix, also)
        yield from attribute_findings(self.top, self.prefix, self.before, self.after)
        if foreign:
            return  # what follows reads records, and may rely on names and modes
        node = settings.node()
        yield from self._bindings(node)
        if node is None:
            return  # one of the findings
        epochs = self._touched()
        shards = {
            (place.scope_id, place.epoch_id): [name for name in files if layout.shard_number(name) is not None]
            for place, files in epochs.items()
            if place.version == 1
        }
        yield from ReceiptChange(node.node_id, before, after).findings(settings.scope_ids(), shards)
        yield from payment_findings(node.node_id, self.changes, before, after)
        for place, files in epochs.items():
            if place.version > 1:
                yield from AmendmentChange(node, *place, files, before, after).findings(settings.scopes(place.scope_id))
        for place, files in epochs.items():
            if place.version == 1:
                change = EpochChange(node, place.scope_id, place.epoch_id, files, before, after)
                yield from change.findings(settings.scopes(place.scope_id))
                if settings.scope_before(place.scope_id) is not None:
                    yield from change.opening_findings(settings.past)
        scopes = {name for path in self.changes if (name := scope_of(path)) is not None}
        for scope_id in sorted(scopes):
            logs = ScopeChange(node.node_id, scope_id, _numbers(shards, scope_id), before, after)
            known = settings.scope_before(scope_id) is not None
            past = partial(scopes_since, settings.past, scope_id) if known else None
            yield from logs.findings(past, epoch_branch=epoch_branch is not None)
        yield from repeated_findings(self.changes, before, after)
        for scope_id in sorted(scopes | settings.changed_scopes()):
            scope = settings.scope_after(scope_id)
            if scope is None:
                yield Finding("SCOPE_VALIDATED", "there is no such scope", layout.scope_path(scope_id))
            else:
                numbers = _numbers(shards, scope_id)
                yield from succession_findings(node.node_id, scope_id, numbers, after, overlap=scope.overlap)

    def _touched(self) -> dict[Place, dict[str, Change]]:
        """The files that differ by name, for each epoch and each amendment that the change touches, in their order."""
        found: dict[Place, dict[str, Change]] = {}
        for path, change in self.changes.items():
            if (file := layout.file_of_epoch(path)) is not None:
                place, name = file
                found.setdefault(place, {})[name] = change
        return dict(sorted(found.items()))

    def _history(self, path: str, since: int) -> Iterator[bytes]:
        return self.before.versions(self.prefix + path, since)

    def _outside(self, folder: str, logs: Sequence[str]) -> Iterator[Finding]:
        allowed = {f"{self.prefix}{path}" for path in logs}
        for path in self.all_changes:
            if not path.startswith(f"{self.prefix}{folder}/") and path not in allowed:
                message = f"a branch of the ledger may change nothing but {folder} and its scope's logs"
                yield Finding("WRITES_VIA_WORKFLOW", message, path)

    def _foreign(self) -> Iterator[Finding]:
        """Names, modes and kinds of files under `data/`; logs and epochs that disappear."""
        for path, (_, new) in self.changes.items():
            first = path.partition("/")[0]
            if new is not None and first not in _OWN and _folded(first) in _OWN:
                yield Finding("WRITES_VIA_WORKFLOW", f"is {_folded(first)} on a disk that folds names", path)
            if not (path == "data" or path.startswith("data/")):
                continue
            if new is None:
                file = layout.file_of_epoch(path)
                amended = file is not None and file[0].version > 1
                if path != layout.GITKEEP and not amended and not is_unsigned_opening(path, self._read_before):
                    yield Finding("ACTIVITY_APPEND_ONLY", "is deleted; the record only ever grows", path)
                continue
            if new.mode == SUBMODULE:
                yield Finding("WRITES_VIA_WORKFLOW", "submodules are not allowed under data/", path)
                continue
            try:
                check_entry(path, new.mode)
                if path == layout.GITKEEP and self._read_after(path):
                    raise InputError("holds something; it is an empty file", rule="WRITES_VIA_WORKFLOW")
                if new.mode != PLAIN:  # 100664, which old versions of git wrote
                    raise InputError(f"has git mode {new.mode:o}, not 100644", rule="WRITES_VIA_WORKFLOW")
            except LedgerError as error:
                yield as_finding(error.at(path))

    def _bindings(self, node: NodeSettings | None) -> Iterator[Finding]:
        path = layout.IDENTITIES
        if path not in self.changes:
            return
        try:
            old, new = self._read_before(path) or b"", self._read_after(path) or b""
        except LedgerError as error:
            yield as_finding(error)
            return
        if not new.startswith(old):
            yield rewritten(path, old, new)
        elif node is not None:
            try:
                _, lines = parse_bindings(new, node.node_id, None)
                yield from binding_findings(path, lines, old.count(b"\n"))
            except LedgerError as error:
                yield as_finding(error)


def _numbers(epochs: Iterable[tuple[str, int]], scope_id: str) -> set[int]:
    """The numbers of a scope's epochs among `epochs`."""
    return {epoch_id for scope, epoch_id in epochs if scope == scope_id}


def _folded(name: str) -> str:
    """The name as disks of macOS and Windows may take it: without case, invisible marks and dots at the end."""
    shown = "".join(mark for mark in unicodedata.normalize("NFKC", name) if unicodedata.category(mark) != "Cf")
    return ".gitattributes" if shown.casefold() == "gitatt~1" else shown.casefold().rstrip(". ")
