"""Make a new node: settings, weights, attributes, a workflow that rechecks every change, a README.

Files that exist are left alone, and `ledger.yaml` comes last, so that a killed run is completed by the next.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from ledger import __version__
from ledger.core.config import DEFAULT_ANCHOR, DEFAULT_SCOPE
from ledger.core.errors import InputError
from ledger.core.values import Timestamp, checksummed
from ledger.store.files import read_file, write_file
from ledger.store.layout import NODE_FILE, scope_path
from ledger.store.node import load_node


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """One source to write into the scope's file; options are text, true or false, numbers, or lists of them."""

    source: str
    name: str
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class NodePlan:
    """What a new node is to be. `approvers`: (id, wallet); amounts in credits."""

    name: str
    start: Timestamp
    approvers: Sequence[tuple[str, str]] = ()
    threshold: int = 1
    base_issuance: int | None = 10_000
    sources: Sequence[SourcePlan] = ()
    site_url: str = ""
    length_days: int = 7
    anchor: str = DEFAULT_ANCHOR
    grace_hours: int = 24
    overlap: bool = False
    scope_id: str = DEFAULT_SCOPE
    node_id: str | None = None


def quoted(value: object) -> str:
    """A plain value as YAML: text as a double-quoted scalar, lists in brackets (JSON is YAML)."""
    return json.dumps(value, ensure_ascii=True)


def render(plan: NodePlan) -> dict[str, str]:
    """Every file of the new node by path; `ledger.yaml` is the last."""
    approvers = "".join(
        f"\n  - id: {quoted(person)}\n    wallets: [{quoted(checksummed(wallet))}]" for person, wallet in plan.approvers
    )
    sources = "".join(
        f"\n  - source: {quoted(entry.source)}\n    name: {quoted(entry.name)}\n    options:"
        + ("".join(f"\n      {key}: {quoted(value)}" for key, value in entry.options.items()) or " {}")
        for entry in plan.sources
    )
    values = {
        "node_id": plan.node_id or str(uuid.uuid4()),
        "name": quoted(plan.name),
        "site_url": quoted(plan.site_url),
        "length_days": str(plan.length_days),
        "anchor": plan.anchor,
        "grace_hours": str(plan.grace_hours),
        "scope_id": plan.scope_id,
        "start": plan.start[:10],
        "approvers": approvers or " []                # at least one before the first review:  - id: alice",
        "threshold": str(plan.threshold),
        "base_issuance": "null" if plan.base_issuance is None else quoted(str(plan.base_issuance)),
        "overlap": "true" if plan.overlap else "false",
        "sources": sources or " []                  # see docs/sources.md of the project",
        "version": __version__,
    }
    names = {
        ".gitattributes": "gitattributes",
        ".gitignore": "gitignore",
        ".github/workflows/verify.yml": "verify.yml",
        "README.md": "README.md",
        "weights/default.yaml": "weights.yaml",
        scope_path(plan.scope_id): "scope.yaml",
        NODE_FILE: "ledger.yaml",
    }
    folder = files("ledger.flows.scaffold")
    texts = {path: Template((folder / name).read_text("utf-8")) for path, name in names.items()}
    plain = {**values, "name": plan.name}
    return {path: text.substitute(plain if path == "README.md" else values) for path, text in texts.items()}


def init_node(target: Path, plan: NodePlan) -> list[str]:
    """Write the node's files into `target`; returns the paths written (none when it is a node already).

    Raises InputError when the wanted settings are not valid: nothing is left half-made, the next run completes it.
    """
    root = target.resolve()
    if (root / NODE_FILE).exists():
        load_node(root)
        return []
    if root.exists() and not root.is_dir():
        raise InputError("is a file, not a folder", path=str(target))
    root.mkdir(parents=True, exist_ok=True)
    written = []
    for path, text in {"data/epochs/.gitkeep": "", **render(plan)}.items():
        if read_file(root, path) is None:
            write_file(root, path, text.encode())
            written.append(path)
    node = load_node(root)
    for scope in node.scopes.values():
        node.weight_policy(scope.weights)
    return written
