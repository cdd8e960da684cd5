"""A node whose people vouch for each other's work, built through the public flows."""

from __future__ import annotations

from pathlib import Path

from ledger.flows.approvers import propose
from ledger.flows.identity import bind
from tests.nodes import NODE_ID, WALLETS, at, make_node, sign_sets

NOW = "2026-01-06"
ISSUERS = f"""
issuers:
  - id: ann
    wallets: ["{WALLETS["ann"]}"]
    can_approve: true
  - id: ben
    wallets: ["{WALLETS["ben"]}"]
    can_approve: true
"""
WEIGHTS = """
  receipt:author: 700
  receipt:reviewer: 200
  receipt:approver: 100
"""
PEOPLE = ("dora", "emil", "fay")


def receipt_node(root: Path, more: str = "", rows: str = "id,time,event_type,account,login,evidence,title\n") -> Path:
    """A node with two issuers who may approve, three people whom they may vouch for, and nothing else recorded."""
    make_node(root, rows=rows)
    scope, weights = root / "scopes/default.yaml", root / "weights/default.yaml"
    scope.write_text(scope.read_text("utf-8") + ISSUERS + more, "utf-8")
    text = weights.read_text("utf-8")
    if "receipt:author" not in text:
        weights.write_text(text.rstrip("\n") + WEIGHTS, "utf-8")
    with at(root, "2026-01-05T01:00:00Z", "ann") as session:
        for name in PEOPLE:
            bind(session, "file", name, login=name, actor="ann")
        propose(session, "default")
        sign_sets(session, "default", "ann", "ben")
    return root


__all__ = ["ISSUERS", "NODE_ID", "NOW", "PEOPLE", "receipt_node"]
