"""The static API: the stored files byte for byte, and small JSON indexes over them, all canonical.

What a stranger needs to recompute an epoch lies under `api/v1/ledger/` with nothing left out; docs/api.md and
`openapi.json` describe every route. Nothing here makes a file per event.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ledger.compute.derive import Derived
from ledger.core.canonical import encode, sha256_hex
from ledger.core.evaluate import EventOutcome
from ledger.core.nextset import named_by
from ledger.core.pool import KpiLinearV1, rules_of
from ledger.core.records.decisions import Binding
from ledger.core.records.epoch import weight_config_hash
from ledger.core.records.statement import Allocation, Payout
from ledger.site.checkpoint import checkpoint, leaf_hashes, statement_log
from ledger.site.openapi import openapi
from ledger.site.person_events import PersonFile
from ledger.site.views_amend import amendment_views, credits_in_force
from ledger.site.words import bound_names
from ledger.store import layout
from ledger.store.files import read_file
from ledger.store.node import EpochFolder, Node, walk

ROOT = "api/v1/ledger"
OUTCOME_COLUMNS = ("file", "line", "milli_units", "weight_source", "included", "late")
"""What a row of `outcomes.json` holds: index into `activity_files`, line from 1, and what the event came to."""

SHARE_NAMES = (
    "activity_count",
    "amount_credits",
    "award_credits",
    "corrected_credits",
    "final_units",
    "override_reason",
    "proposed_units",
    "share",
    "share_credits",
    "units",
)
"""What is told of one user in one epoch, in the order in which it is kept."""


class Api:
    """Writes the files under `out/api/v1/ledger` and remembers size and SHA-256 of each for the index."""

    def __init__(self, out: Path, node: Node, commit: str | None) -> None:
        self._out, self._node, self._commit = out, node, commit
        self.files: dict[str, tuple[int, str]] = {}
        self._epochs: list[dict[str, Any]] = []
        self._weights: dict[str, Mapping[str, int]] = {}
        self._pinned: dict[str, list[dict[str, Any]]] = {}
        self._shares: dict[str, list[tuple[dict[str, Any], tuple[Any, ...]]]] = {}
        self._credits: dict[str, int] = {}
        self._reviewed: set[str] = set()
        self.event_files: dict[str, tuple[PersonFile, ...]] = {}
        """The files with a person's events (`person_events.py`), by user."""

    def put(self, path: str, data: bytes) -> None:
        """Write one file under the API's root."""
        target = self._out / ROOT / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        self.files[f"{ROOT}/{path}"] = (len(data), sha256_hex(data))

    def put_json(self, path: str, value: object) -> None:
        """Write one canonical JSON file."""
        self.put(path, encode(value) + b"\n")

    def epoch(
        self,
        folder: EpochFolder,
        derived: Derived,
        state: str,
        outcomes: Iterable[EventOutcome],
    ) -> None:
        """All files of one epoch as they are stored, and what follows from them."""
        place = f"epochs/{folder.scope_id}/{folder.epoch_id}"
        names_there = [path.removeprefix(f"{folder.relative}/") for path, _ in walk(folder.root, folder.relative)]
        stored = sorted(name for name in names_there if _is_published(name))
        for name in stored:
            self.put(f"{place}/{name}", folder.beside(f"{folder.relative}/{name}") or b"")
        if "activity.jsonl" not in stored:
            self.put(f"{place}/activity.jsonl", b"")
        if "statement.json" not in stored:
            self.put(f"{place}/statement.json", b"null\n")
        shards = folder.shards()
        files = [f"{place}/{shard.name}" for shard in shards] or [f"{place}/activity.jsonl"]
        statement = derived.statement
        summary = {
            "activity_count": statement.activity_count,
            "activity_files": files,
            "amendments": [
                {"state": one.state, "statement_hash": one.statement_hash, "version": one.version}
                for one in amendment_views(folder, {})
            ],
            "awards_total_credits": str(statement.awards_total_credits),
            "epoch_id": folder.epoch_id,
            "files": [f"{place}/{name}" for name in stored],
            "held_credits": str(sum(line.amount_credits for line in statement.held)),
            "period_end": statement.period_end,
            "period_start": statement.period_start,
            "pool_total_credits": str(statement.pool_total_credits),
            "scope_id": folder.scope_id,
            "state": state,
            "statement_hash": statement.statement_hash if state != "open" else None,
            "undistributed_credits": str(statement.undistributed_credits),
        }
        self._epochs.append(summary)
        self._allocations(place, derived, state)
        self.put_json(f"{place}/outcomes.json", _outcomes(files, outcomes))
        self.put(f"proofs/{folder.scope_id}/{folder.epoch_id}.txt", leaf_hashes(shards))
        epoch = derived.epoch
        self._reviewed |= {rule.file for rule in rules_of(epoch) if isinstance(rule, KpiLinearV1)}
        self._weights[epoch.weight_config_hash] = epoch.weight_config
        self._pinned.setdefault(folder.scope_id, []).append(
            {
                "epoch_id": folder.epoch_id,
                "period_start": epoch.period_start,
                "weight_config_hash": epoch.weight_config_hash,
                "weight_policy": epoch.weight_policy,
            }
        )

    def _allocations(self, place: str, derived: Derived, state: str) -> None:
        statement, corrected = derived.statement, credits_in_force(derived.folder)
        then = bound_names(derived.bindings)
        epoch = {
            "epoch_id": statement.epoch_id,
            "period_start": statement.period_start,
            "scope_id": statement.scope_id,
            "state": state,
        }
        payouts = {payout.user_id: payout for payout in statement.payouts}
        allocations = {row.user_id: row for row in derived.evaluation.allocations}
        rows = []
        for user_id in sorted(payouts.keys() | allocations.keys()):
            now = None if corrected is None else corrected.get(user_id, 0)
            share = _share(allocations.get(user_id), payouts.get(user_id), now)
            rows.append({**share, "name": then.get(user_id, user_id[:8]), "user_id": user_id})
            # kept without its names: ten years of a large node are a million of them
            self._shares.setdefault(user_id, []).append((epoch, tuple(share.values())))
            if state == "finalized":
                counts = int(share["amount_credits"]) if now is None else now
                self._credits[user_id] = self._credits.get(user_id, 0) + counts
        projected = [
            {
                "amount_credits": str(each.amount_credits),
                "component_id": each.component_id,
                "inputs": each.inputs,
                "rule": each.rule,
            }
            for each in derived.projected
        ]
        held = [line.model_dump() for line in statement.held]
        found = {"allocations": rows, "held": held, "projected": projected, "state": state}
        self.put_json(f"{place}/allocations.json", found)

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
        bound: dict[str, list[Binding]] = {}
        for line in self._node.bindings():
            bound.setdefault(line.user_id, []).append(line)
        listed = []
        for user_id in sorted(bound.keys() | self._shares.keys()):
            shares = self._shares.get(user_id, [])
            about = {
                "final_credits": str(self._credits.get(user_id, 0)),
                "name": names.get(user_id, user_id[:8]),
                "user_id": user_id,
            }
            listed.append({**about, "epoch_count": len(shares)})
            bindings = [line.fields() for line in bound.get(user_id, [])]
            epochs = [{**epoch, **dict(zip(SHARE_NAMES, share, strict=True))} for epoch, share in shares]
            files = self.event_files.get(user_id, ())
            full = {
                **about,
                "bindings": bindings,
                "epochs": epochs,
                "event_count": sum(file.event_count for file in files),
                "event_files": [{"event_count": file.event_count, "path": file.path} for file in files],
                "node_id": self._node.node_id,
            }
            self.put_json(f"contributors/{user_id}.json", full)
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


def _share(row: Allocation | None, payout: Payout | None, corrected: int | None) -> dict[str, Any]:
    """One user's part of one epoch, by SHARE_NAMES; with an award alone there is no allocation.

    `corrected`: credits by the version in force, where that is not the first.
    """
    proposed = "0" if row is None else str(row.proposed_units)
    final = None if row is None or row.final_units is None else str(row.final_units)
    return {
        "activity_count": 0 if row is None else row.activity_count,
        "amount_credits": str(payout.amount_credits) if payout else "0",
        "award_credits": str(payout.award_credits) if payout else "0",
        "corrected_credits": None if corrected is None else str(corrected),
        "final_units": final,
        "override_reason": None if row is None else row.override_reason,
        "proposed_units": proposed,
        "share": payout.share if payout else None,
        "share_credits": str(payout.share_credits) if payout else "0",
        "units": proposed if final is None else final,
    }


def _is_published(name: str) -> bool:
    """Whether a file in an epoch's folder is one of the record, of the epoch or of an amendment."""
    folder, _, own = name.rpartition("/")
    return layout.kind_of(own, version=2 if folder else 1) is not None


def _outcomes(files: list[str], outcomes: Iterable[EventOutcome]) -> dict[str, Any]:
    """What each event came to, by user, as rows that point into the raw log (OUTCOME_COLUMNS)."""
    number = {path.rpartition("/")[2]: index for index, path in enumerate(files)}
    users: dict[str, list[tuple[object, ...]]] = {}
    unresolved: list[tuple[object, ...]] = []
    for event in outcomes:
        rows = unresolved if event.user_id is None else users.setdefault(event.user_id, [])
        rows.append((number[event.path], event.line, event.units, event.weight_source, event.included, event.late))
    return {"activity_files": files, "columns": OUTCOME_COLUMNS, "unresolved": unresolved, "users": users}


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
