"""Is the change from one state to another one that the log allows? Trusts nobody, not even the ledger's own robot.

Byte-prefix rule for logs, equality for files written once, forward-only states, nothing foreign under `data/`, no
change in a finalized epoch (ACTIVITY_APPEND_ONLY, POOL_IMMUTABLE, EPOCH_THREE_PHASE, INGESTION_CLOSED_ON_REVIEW,
CURATION_FREEZE_ON_FINALIZE, ONE_ACTIVE_EPOCH, WRITES_VIA_WORKFLOW). Works on two trees without a checkout.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import cast

from ledger.core.conduct import binding_findings
from ledger.core.config import NodeSettings, ScopeSettings, WeightPolicy
from ledger.core.errors import FormatError, InputError, LedgerError
from ledger.core.evaluate import Finding
from ledger.core.findings import Findings
from ledger.core.place import Place
from ledger.core.records.epoch import State
from ledger.core.succession import EpochLife, scope_findings
from ledger.core.values import ScopeId, Timestamp, to_milliseconds
from ledger.core.windows import Window
from ledger.store import layout
from ledger.store.attributes import attribute_findings
from ledger.store.entries import check_entry
from ledger.store.epochfolder import life_of
from ledger.store.guard_amendment import AmendmentChange
from ledger.store.guard_epoch import EpochChange, TreeFolder, as_finding, id_of, rewritten
from ledger.store.guard_load import Check, load_findings
from ledger.store.guard_payments import bank_data_findings, is_unsigned_opening, payment_findings
from ledger.store.guard_receipts import ReceiptChange
from ledger.store.guard_scope import ScopeChange
from ledger.store.paylayout import PLAN_PATH
from ledger.store.sharedlogs import parse_bindings
from ledger.store.trees import PLAIN, SUBMODULE, Entry, GitTree, NodeFiles, Tree, WorkTree, changes, top_of
from ledger.store.yamlfile import parse_yaml

Change = tuple[Entry | None, Entry | None]
_EPOCH = re.compile(rf"data/epochs/([^/]+)/({layout.FOLDER_PATTERN})/([^/]+)", re.ASCII)
_AMENDED = re.compile(
    rf"data/epochs/([^/]+)/({layout.FOLDER_PATTERN})/{layout.AMENDMENTS}/({layout.VERSION_FOLDER})/[^/]+", re.ASCII
)
_IDS = re.compile(rb',"id":"([^"]*)')
"""All that may be an id in a log, and what `id_of` finds in its lines among it."""
_FIXED = ("node_id", "anchor", "length", "unit")
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
        if epoch_branch is not None:
            yield from self._outside(layout.version_path(*epoch_branch), layout.scope_logs(epoch_branch[0]))
        foreign = list(self._foreign())
        yield from foreign
        yield from bank_data_findings(self.changes, self._read_before, self._read_after)
        yield from self._settings()
        yield from load_findings(self.after, self.prefix, also)
        yield from attribute_findings(self.top, self.prefix, self.before, self.after)
        if foreign:
            return  # what follows reads records, and may rely on names and modes
        yield from self._bindings()
        scopes_touched = {name for path in self.changes if (name := layout.scope_of_log(path)) is not None}
        scopes_touched |= {match[1] for path in self.changes if (match := PLAN_PATH.fullmatch(path))}
        touched = sorted({(match[1], int(match[2])) for path in self.changes if (match := _EPOCH.fullmatch(path))})
        settings = self._node(self.after)
        if settings is None:
            return  # one of the findings
        shards = {
            place: [name for path in self.changes if (name := _shard_of(path, place)) is not None] for place in touched
        }
        yield from ReceiptChange(settings.node_id, self._read_before, self._read_after).findings(
            self._scope_ids(), shards
        )
        pay = payment_findings(settings.node_id, self.changes, self._read_before, self._read_after, as_finding)
        yield from pay
        for amended in sorted({match.groups()[:3] for path in self.changes if (match := _AMENDED.fullmatch(path))}):
            yield from self._amendment(settings, *amended)
        for scope_id, epoch_id in touched:
            files = {
                match[3]: change
                for path, change in self.changes.items()
                if (match := _EPOCH.fullmatch(path)) and (match[1], int(match[2])) == (scope_id, epoch_id)
            }
            change = EpochChange(settings, scope_id, epoch_id, files, self._read_before, self._read_after)
            scopes = [scope for tree in (self.before, self.after) if (scope := self._scope(tree, scope_id)) is not None]
            yield from change.findings(scopes)
            if self._scope(self.before, scope_id) is not None:
                yield from change.settings_findings(self._past)
        for scope_id in sorted(scopes_touched | {scope_id for scope_id, _ in touched}):
            epochs = {epoch_id for scope, epoch_id in touched if scope == scope_id}
            logs = ScopeChange(settings.node_id, scope_id, epochs, self._read_before, self._read_after)
            known = self._scope(self.before, scope_id) is not None
            past = partial(self._scopes_since, scope_id) if known else None
            yield from logs.findings(past, epoch_branch=epoch_branch is not None)
        yield from self._repeated()
        for scope_id in sorted(scopes_touched | {scope for scope, _ in touched} | set(self._changed_scopes())):
            yield from self._sequence(settings, scope_id)

    def _amendment(self, settings: NodeSettings, scope_id: str, number: str, version: str) -> Iterator[Finding]:
        """One amendment that the change touches."""
        home = f"{layout.EPOCHS}/{scope_id}/{number}/{layout.AMENDMENTS}/{version}/"
        files = {path.removeprefix(home): change for path, change in self.changes.items() if path.startswith(home)}
        trees = (self._read_before, self._read_after)
        scopes = [scope for tree in (self.before, self.after) if (scope := self._scope(tree, scope_id)) is not None]
        yield from AmendmentChange(settings, scope_id, int(number), int(version), files, *trees).findings(scopes)

    def _changed_scopes(self) -> Iterator[str]:
        """Scopes with epochs whose file changed and can be read."""
        for path in self.changes:
            scope_id = path.removeprefix("scopes/").removesuffix(".yaml")
            if path == layout.scope_path(scope_id) and self._has_epochs(scope_id) and self._scope(self.after, scope_id):
                yield scope_id

    def _scope_ids(self) -> Iterator[str]:
        """Every scope that has a file after the change."""
        start = f"{self.prefix}scopes/"
        for path in sorted(self.after.entries):
            if path.startswith(start) and path.endswith(".yaml"):
                yield path.removeprefix(start).removesuffix(".yaml")

    def _past(self, path: str, since: int) -> Iterator[bytes]:
        """A settings file as it is after the change, then as it stood before it, back to the time `since`."""
        with suppress(LedgerError):  # too large: `_settings` says so
            if (data := self._read_after(path)) is not None:
                yield data
        yield from self.before.versions(self.prefix + path, since)

    def _scopes_since(self, scope_id: str, time: Timestamp) -> Iterator[ScopeSettings]:
        """The scope's file after the change, and as it stood before it back to a time."""
        path = layout.scope_path(scope_id)
        for data in self._past(path, to_milliseconds(time) // 1000):
            try:
                yield ScopeSettings.load(parse_yaml(data, path), path)
            except LedgerError:
                continue

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
                undone = _AMENDED.fullmatch(path) or is_unsigned_opening(path, self._read_before)
                if path != layout.GITKEEP and not undone:
                    yield Finding("ACTIVITY_APPEND_ONLY", "is deleted; the record only ever grows", path)
                continue
            if new.mode == SUBMODULE:
                yield Finding("WRITES_VIA_WORKFLOW", "submodules are not allowed under data/", path)
                continue
            try:
                check_entry(path, new.mode)
                if new.mode != PLAIN:  # 100664, which old versions of git wrote
                    raise InputError(f"has git mode {new.mode:o}, not 100644", rule="WRITES_VIA_WORKFLOW")
            except LedgerError as error:
                yield as_finding(error.at(path))

    def _settings(self) -> Iterator[Finding]:
        """Settings that changed must still be read; what all epochs rest on must not change."""
        had_epochs = any(path.startswith(f"{self.prefix}data/epochs/") for path in self.before.entries)
        for path, (_, new) in self.changes.items():
            if path == layout.NODE_FILE or (path.startswith(("scopes/", "weights/")) and path.count("/") == 1):
                if new is None:
                    yield from self._removed(path)
                    continue
                try:
                    self._load(path)
                except LedgerError as error:
                    yield as_finding(error.at(path))
        if had_epochs and layout.NODE_FILE in self.changes:
            old, now = self._node(self.before), self._node(self.after)
            if old is not None and now is not None:
                for name in _FIXED:
                    then, here = (getattr(each if name == "node_id" else each.epoch, name) for each in (old, now))
                    if then != here:
                        yield Finding(
                            "EPOCH_WINDOW_UNIQUE" if name != "node_id" else "NODE_SCOPED",
                            f"{name} must stay as it is once an epoch exists",
                            layout.NODE_FILE,
                            None,
                            str(then),
                            str(here),
                        )

    def _removed(self, path: str) -> Iterator[Finding]:
        scope_id = path.removeprefix("scopes/").removesuffix(".yaml")
        if path == layout.NODE_FILE or (path.startswith("scopes/") and self._has_epochs(scope_id)):
            yield Finding("SCOPE_VALIDATED", "is deleted, but epochs rest on it", path)

    def _has_epochs(self, scope_id: str) -> bool:
        return any(entry.startswith(f"{self.prefix}{layout.EPOCHS}/{scope_id}/") for entry in self.after.entries)

    def _load(self, path: str) -> None:
        data = self._read_after(path)
        value = parse_yaml(data or b"", path)
        if path == layout.NODE_FILE:
            NodeSettings.load(value, path)
        elif path.startswith("weights/"):
            WeightPolicy.load(value, path)
        elif ScopeSettings.load(value, path).scope_id != path.removeprefix("scopes/").removesuffix(".yaml"):
            raise InputError("scope_id is not the file's name", rule="SCOPE_VALIDATED")

    def _node(self, tree: Tree) -> NodeSettings | None:
        try:
            data = NodeFiles(tree, self.prefix)(layout.NODE_FILE)
            return None if data is None else NodeSettings.load(parse_yaml(data, layout.NODE_FILE), layout.NODE_FILE)
        except LedgerError:
            return None  # reported by _settings

    def _scope(self, tree: Tree, scope_id: str) -> ScopeSettings | None:
        path = layout.scope_path(scope_id)
        try:
            data = NodeFiles(tree, self.prefix)(path)
            return None if data is None else ScopeSettings.load(parse_yaml(data, path), path)
        except LedgerError:
            return None

    def _bindings(self) -> Iterator[Finding]:
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
        settings = self._node(self.after)
        if settings is not None and new.startswith(old):
            try:
                _, lines = parse_bindings(new, settings.node_id, None)
                yield from binding_findings(path, lines, old.count(b"\n"))
            except LedgerError as error:
                yield as_finding(error)

    def _repeated(self) -> Iterator[Finding]:
        """ACTIVITY_IDEMPOTENT over the whole node: no added event stands in another epoch, of whatever scope."""
        added: dict[bytes, tuple[str, int]] = {}
        for path in self.changes:
            if (match := _EPOCH.fullmatch(path)) and layout.shard_number(match[3]) is not None:
                old, new = self._read_before(path) or b"", self._read_after(path) or b""
                lines = new[len(old) :].split(b"\n")[:-1] if new.startswith(old) else []
                for number, line in enumerate(lines, start=old.count(b"\n") + 1):
                    if event_id := id_of(line):
                        added[event_id] = (path, number)
        if not added:
            return
        for entry in self.after.entries:
            path = entry.removeprefix(self.prefix)
            match = _EPOCH.fullmatch(path) if entry.startswith(self.prefix) else None
            if match is None or layout.shard_number(match[3]) is None:
                continue
            data = self._read_after(path) or b""
            if added.keys().isdisjoint(_IDS.findall(data)):
                continue  # nearly all logs: their lines are not looked at one by one
            for line in data.split(b"\n"):
                where = added.get(id_of(line))
                if where is not None and where[0].rpartition("/")[0] != path.rpartition("/")[0]:
                    message = f"event {id_of(line).decode('utf-8', 'replace')} is in another epoch already"
                    yield Finding("ACTIVITY_IDEMPOTENT", message, where[0], where[1], None, path)

    def _sequence(self, settings: NodeSettings, scope_id: str) -> Iterator[Finding]:
        """EPOCH_WINDOW_UNIQUE and ONE_ACTIVE_EPOCH over the scope's epochs as they are after the change."""
        scope = self._scope(self.after, scope_id)
        if scope is None:
            yield Finding("SCOPE_VALIDATED", "there is no such scope", layout.scope_path(scope_id))
            return
        start = f"{self.prefix}{layout.EPOCHS}/{scope_id}/"
        paths = (path.removeprefix(self.prefix) for path in self.after.entries if path.startswith(start))
        ids = sorted({int(match[2]) for path in paths if (match := _EPOCH.fullmatch(path))})
        if ids != list(range(1, len(ids) + 1)):
            yield Finding("EPOCH_WINDOW_UNIQUE", "epochs are not numbered 1, 2, 3 …", f"{layout.EPOCHS}/{scope_id}")
            return
        place = (Path(), settings.node_id, ScopeId(scope_id))
        touched = {int(match[2]) for path in self.changes if (match := _EPOCH.fullmatch(path)) and match[1] == scope_id}
        folders = [TreeFolder(*place, number, self._read_after) for number in ids]
        lives = [life_of(each) if each.epoch_id in touched else _glance(each) for each in folders]
        yield from scope_findings(f"{layout.EPOCHS}/{scope_id}", lives, overlap=scope.overlap)


_LAST_STEP = re.compile(rb'"to":"(open|review|finalized)"\}\n\Z')
_WINDOW = re.compile(rb'"period_end":"([0-9TZ:.-]{24})","period_start":"([0-9TZ:.-]{24})"')


def _glance(folder: TreeFolder) -> EpochLife:
    """The life of an epoch that the change leaves as it is: by the look of its canonical lines, which were read when
    they came. Where those do not tell, it is read in full.
    """
    with suppress(LedgerError):
        step = _LAST_STEP.search(folder.read("transitions.jsonl"))
        window = _WINDOW.search(folder.read("epoch.json"))
        if step and window:
            end, start = (Timestamp(one.decode()) for one in window.groups())
            return EpochLife(folder.epoch_id, folder.relative, cast("State", step[1].decode()), Window(start, end))
    return life_of(folder)


def _shard_of(path: str, place: tuple[str, int]) -> str | None:
    """The name of the activity file that `path` is of this epoch; None for any other path."""
    match = _EPOCH.fullmatch(path)
    if match is None or (match[1], int(match[2])) != place or layout.shard_number(match[3]) is None:
        return None
    return match[3]


def _folded(name: str) -> str:
    """The name as disks of macOS and Windows may take it: without case, invisible marks and dots at the end."""
    shown = "".join(mark for mark in unicodedata.normalize("NFKC", name) if unicodedata.category(mark) != "Cf")
    return ".gitattributes" if shown.casefold() == "gitatt~1" else shown.casefold().rstrip(". ")
