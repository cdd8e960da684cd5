"""A change of receipts by anybody: guard lets pass what the rules let pass, and names everything else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.store.guard import guard
from tests.flows.test_receipts import MONDAY, decide, issue, run
from tests.receipt_nodes import receipt_node
from tests.store.repositories import commit, git, rules

LOG = "data/receipts.jsonl"
ACTIVITY = "data/epochs/default/0001/activity.jsonl"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one approved and one proposed receipt; behind it the acts of the proposed one."""
    root = receipt_node(tmp_path_factory.mktemp("guard") / "node")
    issue(root, "care.1", "2026-01-06", "@dora")
    decide(root, "care.1", "2026-01-07", "approved")
    git(root, "init", "-q", "-b", "main")
    commit(root)
    issue(root, "talk.2", "2026-01-08", "@emil")
    decide(root, "talk.2", "2026-01-09", "approved")
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "node"))


def lines(root: Path) -> list[bytes]:
    return (root / LOG).read_bytes().splitlines(keepends=True)


def test_signed_acts_by_who_may_and_the_events_that_they_become_get_through(root: Path) -> None:
    assert rules(root) == set()
    commit(root)
    run(root, MONDAY)
    assert rules(root) == set()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda all_: [*all_[:1], *all_[2:]], "ACTIVITY_APPEND_ONLY"),
        (lambda all_: [*all_[:2], all_[3]], "RECEIPT_SIGNED"),
        (lambda all_: [*all_[:3], all_[3].replace(b'"number":1', b'"number":2')], "LATEST_EVENT_WINS"),
        (lambda all_: [*all_[:2], all_[2].replace(b'"approvers_seq":1', b'"approvers_seq":3')], "ISSUER_AUTHORIZED"),
        (lambda all_: [*all_[:2], all_[2].replace(b'"estimate":5', b'"estimate":3'), all_[3]], "RECEIPT_SIGNED"),
        (lambda all_: [*all_[:3], all_[1].replace(b'"seq":2', b'"seq":4')], "LATEST_EVENT_WINS"),
        (lambda all_: [*all_, b"{}\n"], "RECEIPT_SIGNED"),
    ],
)
def test_an_act_that_the_rules_do_not_let_pass_is_named(
    root: Path, change: Callable[[list[bytes]], list[bytes]], rule: str
) -> None:
    (root / LOG).write_bytes(b"".join(change(lines(root))))
    found = guard(root, "HEAD")
    assert rule in {one.rule for one in found}
    assert {one.path for one in found} == {LOG}


@pytest.mark.parametrize(
    ("old", "new"), [(b'"quantity":5', b'"quantity":500'), (b'"event_type":"author"', b'"event_type":"approver"')]
)
def test_an_event_that_says_more_than_its_receipt_is_named(root: Path, old: bytes, new: bytes) -> None:
    commit(root)
    run(root, MONDAY)
    path = root / ACTIVITY
    first, rest = path.read_bytes().split(b"\n", 1)
    path.write_bytes(first.replace(old, new) + b"\n" + rest)
    assert "RECEIPT_SIGNED" in rules(root)


def test_an_event_of_a_receipt_that_is_only_proposed_is_named(root: Path) -> None:
    commit(root)
    run(root, MONDAY)
    (root / LOG).write_bytes(b"".join(lines(root)[:3]))
    assert "LATEST_EVENT_WINS" in rules(root, "HEAD~1")


def test_a_log_of_another_node_is_refused(root: Path) -> None:
    value = json.loads(lines(root)[2])
    value["node_id"] = "22222222-2222-4222-8222-222222222222"
    text = json.dumps(value, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    (root / LOG).write_bytes(b"".join(lines(root)[:2]) + text)
    assert rules(root) & {"NODE_SCOPED", "RECEIPT_SIGNED"}
