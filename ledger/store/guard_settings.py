"""The node's settings before and after a change: all must still be read, and what every epoch rests on must stay."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

from ledger.core.config import NodeSettings, ScopeSettings, WeightPolicy
from ledger.core.errors import InputError, LedgerError
from ledger.core.evaluate import Finding
from ledger.store import layout
from ledger.store.entries import scope_of
from ledger.store.guard_findings import as_finding
from ledger.store.trees import Entry, NodeFiles
from ledger.store.yamlfile import parse_yaml

Change = tuple[Entry | None, Entry | None]
"""A path before and after; None where it does not exist."""
_FIXED = ("node_id", "anchor", "length", "unit")


class SettingsChange:
    """`ledger.yaml`, `scopes/` and `weights/` in both states; `changed` are the node's paths that differ.

    `history`: what a file held before the change, newest first, back to a time (seconds since 1970).
    """

    def __init__(
        self,
        changed: Mapping[str, Change],
        before: NodeFiles,
        after: NodeFiles,
        history: Callable[[str, int], Iterator[bytes]],
    ) -> None:
        self.changed, self.before, self.after, self.history = changed, before, after, history

    def findings(self) -> Iterator[Finding]:
        """Everything in the settings that may not be."""
        for path, (_, new) in self.changed.items():
            if path == layout.NODE_FILE or (path.startswith(("scopes/", "weights/")) and path.count("/") == 1):
                if new is None:
                    yield from self._removed(path)
                    continue
                try:
                    self._load(path)
                except LedgerError as error:
                    yield as_finding(error.at(path))
        if layout.NODE_FILE in self.changed and any(path.startswith(f"{layout.EPOCHS}/") for path in self.before.paths):
            yield from self._fixed()

    def _fixed(self) -> Iterator[Finding]:
        """Once an epoch exists, the node's id and the calendar of its windows stay."""
        old, now = _node(self.before), _node(self.after)
        if old is None or now is None:
            return
        for name in _FIXED:
            then, here = (getattr(each if name == "node_id" else each.epoch, name) for each in (old, now))
            if then != here:
                rule = "EPOCH_WINDOW_UNIQUE" if name != "node_id" else "NODE_SCOPED"
                message = f"{name} must stay as it is once an epoch exists"
                yield Finding(rule, message, layout.NODE_FILE, None, str(then), str(here))

    def _removed(self, path: str) -> Iterator[Finding]:
        scope_id = path.removeprefix("scopes/").removesuffix(".yaml")
        if path == layout.NODE_FILE or (path.startswith("scopes/") and scope_id in map(scope_of, self.after.paths)):
            yield Finding("SCOPE_VALIDATED", "is deleted, but records rest on it", path)

    def _has_epochs(self, scope_id: str) -> bool:
        return any(path.startswith(f"{layout.EPOCHS}/{scope_id}/") for path in self.after.paths)

    def _load(self, path: str) -> None:
        data = self.after(path)
        value = parse_yaml(data or b"", path)
        if path == layout.NODE_FILE:
            NodeSettings.load(value, path)
        elif path.startswith("weights/"):
            WeightPolicy.load(value, path)
        elif ScopeSettings.load(value, path).scope_id != path.removeprefix("scopes/").removesuffix(".yaml"):
            raise InputError("scope_id is not the file's name", rule="SCOPE_VALIDATED")

    def node(self) -> NodeSettings | None:
        """The node's settings after the change; None where they cannot be read, which is one of the findings."""
        return _node(self.after)

    def scope_before(self, scope_id: str) -> ScopeSettings | None:
        """The scope's settings before the change; None where there were none, or none that can be read."""
        return _scope(self.before, scope_id)

    def scope_after(self, scope_id: str) -> ScopeSettings | None:
        """The scope's settings after the change; None where there are none, or none that can be read."""
        return _scope(self.after, scope_id)

    def scopes(self, scope_id: str) -> list[ScopeSettings]:
        """The scope's settings before and after the change, where they exist."""
        both = self.scope_before(scope_id), self.scope_after(scope_id)
        return [scope for scope in both if scope is not None]

    def changed_scopes(self) -> set[str]:
        """Scopes with epochs whose file changed and can be read."""
        names = {path: path.removeprefix("scopes/").removesuffix(".yaml") for path in self.changed}
        return {
            scope_id
            for path, scope_id in names.items()
            if path == layout.scope_path(scope_id) and self._has_epochs(scope_id) and self.scope_after(scope_id)
        }

    def scope_ids(self) -> Iterator[str]:
        """Every scope that has a file after the change."""
        for path in sorted(self.after.paths):
            if path.startswith("scopes/") and path.endswith(".yaml"):
                yield path.removeprefix("scopes/").removesuffix(".yaml")

    def past(self, path: str, since: int) -> Iterator[bytes]:
        """A settings file as it is after the change, then as it stood before it, back to the time `since`."""
        with suppress(LedgerError):  # too large: `findings` says so
            if (data := self.after(path)) is not None:
                yield data
        yield from self.history(path, since)


def _node(files: NodeFiles) -> NodeSettings | None:
    try:
        data = files(layout.NODE_FILE)
        return None if data is None else NodeSettings.load(parse_yaml(data, layout.NODE_FILE), layout.NODE_FILE)
    except LedgerError:
        return None


def _scope(files: NodeFiles, scope_id: str) -> ScopeSettings | None:
    path = layout.scope_path(scope_id)
    try:
        data = files(path)
        return None if data is None else ScopeSettings.load(parse_yaml(data, path), path)
    except LedgerError:
        return None
