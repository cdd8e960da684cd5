"""Nodes under git for the tests of guard, and what they do to them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ledger.core.canonical import encode
from ledger.flows.collect import collect
from ledger.flows.identity import bind
from ledger.flows.sign import finalize
from ledger.store.guard import guard
from tests.nodes import at, make_node, sign_as

FIRST = "data/epochs/default/0001"
SECOND = "data/epochs/default/0002"
IN_REVIEW = "2026-01-20T00:00:00Z"
"""A moment at which `collect` moves epoch 2 to review."""


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True, text=True
    ).stdout


def commit(root: Path) -> str:
    git(root, "add", "--all", "--force", ".", ":!data/.lock")
    git(root, "commit", "--quiet", "--allow-empty", "-m", "state")
    return git(root, "rev-parse", "HEAD").strip()


def make_repository(parent: Path) -> Path:
    """Epoch 1 finalized, epoch 2 open with one event, all committed."""
    root = make_node(parent / "node")
    git(parent, "init", "--quiet", "node")
    with at(root, "2026-01-06T00:00:00Z") as session:
        bind(session, "file", "alice", login="alice", actor="ann")
    with at(root, "2026-01-13T12:00:00Z") as session:
        collect(session)
        folder = session.node.epoch("default", 1)
        sign_as(session, folder, "ann", "ben")
        finalize(session, folder)
        collect(session)
    commit(root)
    return root


def review_second(root: Path) -> str:
    """Epoch 2 in review, committed."""
    with at(root, IN_REVIEW) as session:
        collect(session)
    return commit(root)


def rules(root: Path, base: str = "HEAD", **options: object) -> set[str]:
    return {finding.rule for finding in guard(root, base, **options)}  # type: ignore[arg-type]


def edit(root: Path, path: str, change: Callable[[bytes], bytes]) -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(change(target.read_bytes() if target.exists() else b""))


def last_line(root: Path, path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / path).read_bytes().split(b"\n")[-2])
    return found


def append(root: Path, path: str, value: dict[str, Any]) -> None:
    """Add a line by hand, canonical, as a forger would."""
    edit(root, path, lambda data: data + encode(value) + b"\n")
