"""The static API: the stored files byte for byte, and small JSON indexes over them, all canonical.

What a stranger needs to recompute an epoch lies under `api/v1/ledger/` with nothing left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ledger.compute.derive import Derived
from ledger.core.canonical import encode, sha256_hex
from ledger.store import layout
from ledger.store.node import EpochFolder, Node, walk

ROOT = "api/v1/ledger"


class Api:
    """Writes the files under `out/api/v1/ledger` and remembers each for the index."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._index: list[dict[str, Any]] = []
        self._epochs: list[dict[str, Any]] = []

    def put(self, path: str, data: bytes) -> None:
        """Write one file under the API's root."""
        target = self._out / ROOT / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        self._index.append({"path": f"{ROOT}/{path}", "sha256": sha256_hex(data), "size": len(data)})

    def put_json(self, path: str, value: object) -> None:
        """Write one canonical JSON file."""
        self.put(path, encode(value) + b"\n")

    def epoch(self, folder: EpochFolder, derived: Derived, state: str, report: Mapping[str, Any] | None) -> None:
        """All files of one epoch as they are stored, its allocations as JSON, and the verdicts of `ledger verify`."""
        place = f"epochs/{folder.scope_id}/{folder.epoch_id}"
        names = sorted(path.rpartition("/")[2] for path, _ in walk(folder.root, folder.relative))
        stored = [name for name in names if layout.kind_of(name) is not None]
        for name in stored:
            self.put(f"{place}/{name}", folder.read(name))
        if "activity.jsonl" not in stored:
            self.put(f"{place}/activity.jsonl", b"")
        if "statement.json" not in stored:
            self.put(f"{place}/statement.json", b"null\n")
        rows = [row.fields() for row in derived.evaluation.allocations]
        self.put_json(f"{place}/allocations.json", {"allocations": rows, "state": state})
        self.put_json(f"{place}/verify.json", report or {})
        statement = derived.statement
        self._epochs.append(
            {
                "activity_count": statement.activity_count,
                "activity_files": [f"{place}/{shard.name}" for shard in folder.shards()] or [f"{place}/activity.jsonl"],
                "epoch_id": folder.epoch_id,
                "files": [f"{place}/{name}" for name in stored],
                "period_end": statement.period_end,
                "period_start": statement.period_start,
                "pool_total_credits": str(statement.pool_total_credits),
                "scope_id": folder.scope_id,
                "state": state,
                "statement_hash": statement.statement_hash if state != "open" else None,
            }
        )

    def finish(self, node: Node, contributors: list[dict[str, Any]], commit: str | None) -> int:
        """The indexes, `index.json` last; returns how many files there are."""
        self.put("identities.jsonl", node.bindings_prefix(None)[0])
        self.put_json("epochs.json", {"commit": commit, "epochs": self._epochs, "node_id": node.node_id})
        self.put_json("contributors.json", {"contributors": contributors, "node_id": node.node_id})
        self.put_json("scopes.json", {"node_id": node.node_id, "scopes": [_scope(node, name) for name in node.scopes]})
        count = len(self._index)
        listed = sorted(self._index, key=lambda entry: str(entry["path"]))
        self.put_json("index.json", {"commit": commit, "files": listed, "node_id": node.node_id})
        return count + 1


def _scope(node: Node, scope_id: str) -> dict[str, Any]:
    scope = node.scope(scope_id)
    return {
        "approvers": [{"id": person.id, "wallets": list(person.wallets)} for person in scope.approvers],
        "base_issuance": None if scope.pool.base_issuance is None else str(scope.pool.base_issuance),
        "curators": [person.id for person in scope.curators],
        "name": scope.name,
        "scope_id": scope_id,
        "sources": [{"name": entry.name, "source": entry.source} for entry in scope.sources],
        "threshold": scope.threshold,
        "weight_policy": scope.weights,
        "weights": dict(node.weight_policy(scope.weights).weights),
    }
