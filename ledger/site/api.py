"""The static API: the stored files byte for byte, and small JSON indexes over them, all canonical.

What a stranger needs to recompute an epoch lies under `api/v1/ledger/` with nothing left out; docs/api.md and
`openapi.json` describe every route. Nothing here makes a file per event.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ledger.core.canonical import sha256_hex
from ledger.core.nextset import named_by
from ledger.core.records.epoch import weight_config_hash
from ledger.site.api_epoch import EpochEntry
from ledger.site.apifiles import ApiFiles
from ledger.site.checkpoint import checkpoint, statement_log
from ledger.site.openapi import openapi
from ledger.site.spill import ByPerson
from ledger.store import layout
from ledger.store.files import read_file
from ledger.store.node import Node


class Api(ApiFiles):
    """All files of the API; those of one epoch are written by `write_epoch`."""

    def __init__(self, out: Path, node: Node, commit: str | None) -> None:
        super().__init__(out)
        self._node, self._commit = node, commit
        self._epochs: list[Mapping[str, Any]] = []
        self._weights: dict[str, Mapping[str, int]] = {}
        self._pinned: dict[str, list[Mapping[str, Any]]] = {}
        self._credits: dict[str, int] = {}
        self._reviewed: set[str] = set()
        self.shares = ByPerson()
        """Each person's part of every epoch, as lines of canonical JSON."""

    def epoch(self, entry: EpochEntry) -> None:
        """One epoch more, in order."""
        self.shares.add(len(self._epochs), entry.shares)
        self._epochs.append(entry.summary)
        self._reviewed |= entry.reviewed
        self._weights |= entry.weights
        self._pinned.setdefault(entry.summary["scope_id"], []).append(entry.pinned)
        for user_id, credits in entry.credits.items():
            self._credits[user_id] = self._credits.get(user_id, 0) + credits

    def credits(self, user_id: str) -> int:
        """Credits of finalized epochs, in force."""
        return self._credits.get(user_id, 0)

    def finish(self, names: Mapping[str, str]) -> None:
        """Everything that is about more than one epoch. `names`: what users are called, by id."""
        node = self._node
        head = {"commit": self._commit, "node_id": node.node_id}
        self.put("identities.jsonl", node.bindings_prefix(None)[0])
        self.put("receipts.jsonl", read_file(node.root, layout.RECEIPTS) or b"")
        for scope_id in node.scopes:
            for path in layout.scope_logs(scope_id):
                self.put(path.removeprefix("data/"), read_file(node.root, path) or b"")
        for path in sorted(self._reviewed):
            if (data := read_file(node.root, path)) is not None:
                self.put(f"files/{sha256_hex(path.encode())}", data)
        self.put_json("epochs.json", {**head, "epochs": self._epochs})
        settings = [_scope(node, name) for name in node.scopes]
        self.put_json("scopes.json", {**head, "epoch": node.settings.epoch.model_dump(), "scopes": settings})
        self.put_json("openapi.json", openapi(node.settings.name))
        self._contributors(names)
        self._weight_files()
        for scope_id in node.scopes:
            hashes = [
                str(epoch["statement_hash"])
                for epoch in self._epochs
                if epoch["scope_id"] == scope_id and epoch["state"] == "finalized"
            ]
            self.put(f"checkpoints/{scope_id}.txt", checkpoint(node.node_id, scope_id, hashes))
            self.put(f"checkpoints/{scope_id}.statements.txt", statement_log(hashes))

    def _contributors(self, names: Mapping[str, str]) -> None:
        """The list of all people; each one's own file is written with their page (`people.py`)."""
        listed = [
            {
                "epoch_count": self.shares.epochs(user_id),
                "final_credits": str(self.credits(user_id)),
                "name": names.get(user_id, user_id[:8]),
                "user_id": user_id,
            }
            for user_id in sorted({line.user_id for line in self._node.bindings()} | self.shares.users)
        ]
        self.put_json("contributors/index.json", {"contributors": listed, "node_id": self._node.node_id})

    def _weight_files(self) -> None:
        """Each weight table once, under its hash, and an index: what every scope has now and what each epoch pinned."""
        scopes = []
        for scope_id, scope in self._node.scopes.items():
            policy = self._node.weight_policy(scope.weights)
            now = weight_config_hash(policy.weights)
            self._weights[now] = policy.weights
            scopes.append(
                {
                    "algorithm": policy.algorithm,
                    "epochs": self._pinned.get(scope_id, []),
                    "file_sha256": sha256_hex(read_file(self._node.root, scope.weights) or b""),
                    "scope_id": scope_id,
                    "weight_config_hash": now,
                    "weight_policy": scope.weights,
                }
            )
        for config_hash, weights in sorted(self._weights.items()):
            self.put_json(f"weights/{config_hash}.json", dict(weights))
        self.put_json("weights/index.json", {"node_id": self._node.node_id, "scopes": scopes})


def _scope(node: Node, scope_id: str) -> dict[str, Any]:
    scope = node.scope(scope_id)
    return {
        "approvers": [{"id": person.id, "wallets": list(person.wallets)} for person in scope.approvers],
        "base_issuance": None if scope.pool.base_issuance is None else str(scope.pool.base_issuance),
        "catch_up": scope.catch_up,
        "covers": scope.covers,
        "curators": [person.id for person in scope.curators],
        "hold_epochs": scope.hold_epochs,
        "issuers": [person.model_dump() for person in named_by(scope).issuers],
        "merge": scope.merge,
        "name": scope.name,
        "objection_hours": scope.objection_hours,
        "outlier_percent": scope.outlier_percent,
        "overlap": scope.overlap,
        "pool_rules": [rule.flat() for rule in scope.rules],
        "routing": [route.model_dump(mode="json") for route in scope.routing],
        "scope_id": scope_id,
        "self_approve": scope.self_approve,
        "sources": [{"name": entry.name, "source": entry.source} for entry in scope.sources],
        "spam": [rule.model_dump(mode="json") for rule in scope.spam],
        "start": scope.start,
        "threshold": scope.threshold,
        "unresolved": scope.unresolved,
        "weight_policy": scope.weights,
        "weights": dict(node.weight_policy(scope.weights).weights),
    }
