"""A node on disk: its settings, its scopes, its epochs in their order, and the logs that all scopes share.

Reads only (writes: `ledger.store.append`) and holds SCOPE_VALIDATED. An epoch's own files: `ledger.store.epochfolder`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ledger.core.approvers import Chain
from ledger.core.config import DEFAULT_SCOPE, NodeSettings, ScopeSettings, WeightPolicy
from ledger.core.errors import ConfigError, FormatError, InputError
from ledger.core.records.decisions import Binding
from ledger.core.records.statement import PrefixPin
from ledger.core.values import SCOPE_PATTERN, NodeId, ScopeId
from ledger.store import layout
from ledger.store.entries import check_tree
from ledger.store.epochfolder import EpochFolder
from ledger.store.files import read_file
from ledger.store.sharedlogs import parse_bindings
from ledger.store.yamlfile import load_settings

_NUMBER = re.compile(layout.FOLDER_PATTERN, re.ASCII)


@dataclass(frozen=True)
class Node:
    """One node: `root` and its settings. Made by `load_node`."""

    root: Path
    settings: NodeSettings

    @property
    def node_id(self) -> NodeId:
        """The node's UUID."""
        return self.settings.node_id

    @cached_property
    def scopes(self) -> dict[str, ScopeSettings]:
        """All scopes by id, `default` first, then sorted."""
        folder = self.root / "scopes"
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        found = {}
        for name in sorted(names, key=lambda name: (name != f"{DEFAULT_SCOPE}.yaml", name)):
            relative = f"scopes/{name}"
            stem = name.removesuffix(".yaml")
            if not name.endswith(".yaml") or re.fullmatch(SCOPE_PATTERN, stem) is None or not name.isascii():
                raise ConfigError("is not <scope_id>.yaml with an id of a-z, 0-9 and -", path=relative)
            scope = load_settings(ScopeSettings, self.root, relative)
            if scope.scope_id != stem:
                raise ConfigError(f"scope_id is {scope.scope_id!r}, but the file is named {name}", path=relative)
            found[stem] = scope
        return found

    def scope(self, scope_id: str) -> ScopeSettings:
        """One scope's settings; InputError for an unknown one (SCOPE_VALIDATED)."""
        if scope_id not in self.scopes:
            raise InputError(
                f"there is no scope {scope_id!r} in this node",
                rule="SCOPE_VALIDATED",
                path=layout.scope_path(scope_id) if re.fullmatch(SCOPE_PATTERN, scope_id) else None,
                hint=f"Known scopes: {', '.join(self.scopes) or 'none'}.",
            )
        return self.scopes[scope_id]

    def weight_policy(self, path: str) -> WeightPolicy:
        """A weight policy by its path inside the node."""
        return load_settings(WeightPolicy, self.root, path)

    def epoch(self, scope_id: str, epoch_id: int) -> EpochFolder:
        """The folder of an epoch, opened or not."""
        return EpochFolder(self.root, self.node_id, ScopeId(scope_id), epoch_id)

    def hold_epochs(self, scope_id: str, epoch_id: int) -> int | None:
        """For how many epochs the unclaimed shares of an epoch are held; None where for good, or not at all."""
        return self.epoch(scope_id, epoch_id).epoch().hold_epochs

    def epochs(self, scope_id: str) -> list[EpochFolder]:
        """The opened epochs of a scope, oldest first: 1, 2, 3 … without a gap."""
        return [self.epoch(scope_id, epoch_id) for epoch_id in range(1, self.epoch_count(scope_id) + 1)]

    def last_epochs(self, scope_id: str, most: int) -> list[EpochFolder]:
        """The last `most` of `epochs`, oldest first; nothing is done for each of the others."""
        count = self.epoch_count(scope_id)
        return [self.epoch(scope_id, epoch_id) for epoch_id in range(max(1, count - most + 1), count + 1)]

    def epoch_count(self, scope_id: str) -> int:
        """How many epochs of a scope were opened, which is the number of the last; FormatError where one is missing."""
        folder = self.root / layout.EPOCHS / scope_id
        names = os.listdir(folder) if folder.is_dir() else []  # noqa: PTH208
        ids = sorted(map(int, filter(_NUMBER.fullmatch, names)))
        if ids and not self.epoch(scope_id, ids[-1]).exists():
            ids.pop()  # a run was killed while it opened the epoch; the next one completes it
        if ids == [*range(1, len(ids) + 1)]:
            return len(ids)
        for expected, epoch_id in enumerate(ids, start=1):
            if epoch_id != expected:
                path = layout.epoch_path(scope_id, epoch_id)
                raise FormatError(f"epoch {expected} is missing before it", path=path)
        return len(ids)

    def chain(self, scope_id: str) -> Chain:
        """The approver sets of a scope and which of them count."""
        return self.epoch(scope_id, 1).chain()

    def bindings(self) -> list[Binding]:
        """The whole bindings log, oldest first."""
        return self.bindings_prefix(None)[1]

    def stored(self, path: str) -> bytes | None:
        """The bytes of a file of the node, by its path; None when it does not exist."""
        return read_file(self.root, path)

    def bindings_prefix(self, size: int | None) -> tuple[bytes, list[Binding]]:
        """The bytes and records of the first `size` lines (None: all); FormatError when there are fewer."""
        prefix, records = parse_bindings(self.stored(layout.IDENTITIES) or b"", self.node_id, size)
        return prefix, list(records)

    def prefix_pin(self, path: str, size: int | None) -> PrefixPin:
        """The pin of a node-wide log's first `size` lines (None: all); FormatError when there are fewer."""
        try:
            return PrefixPin.of(self.stored(path) or b"", size)
        except FormatError as error:
            raise error.at(path) from None


def find_root(start: Path) -> Path:
    """The nearest folder from `start` upwards that holds `ledger.yaml`; InputError when there is none."""
    for folder in (start, *start.parents):
        if (folder / layout.NODE_FILE).is_file():
            return folder
    raise InputError(
        f"no {layout.NODE_FILE} in {start} or above it",
        hint="Go into a node, name one with --node DIR, or make one with `ledger init DIR`.",
    )


def load_node(root: Path) -> Node:
    """The node at `root`, after checking names, modes and links of everything under `data/`."""
    check_tree(root)
    settings = load_settings(NodeSettings, root, layout.NODE_FILE)
    return Node(root, settings)
