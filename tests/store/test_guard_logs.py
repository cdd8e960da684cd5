"""Guard on logs, shards and the order of epochs: what only grows, in which state, and in which window."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.core.canonical import encode, sha256_hex
from ledger.core.records.activity import payload_hash
from ledger.flows.collect import collect
from ledger.store.append import append_activity
from ledger.store.guard import guard
from ledger.store.node import load_node
from tests.nodes import at
from tests.store.repositories import FIRST, IN_REVIEW, SECOND, append, commit, edit, last_line, review_second, rules

OTHER = "22222222-2222-4222-8222-222222222222"


def events_like(root: Path, count: int) -> list[bytes]:
    """Further sound events of epoch 2, as canonical lines."""

    event = last_line(root, f"{SECOND}/activity.jsonl")
    lines = []
    for number in range(count):
        value = {**event, "id": f"file:work:more{number}"}
        lines.append(encode({**value, "payload_hash": payload_hash(value)}))
    return lines


@pytest.fixture
def sharded(root: Path) -> Path:
    """The second epoch's log in several shards, committed."""
    append_activity(load_node(root).epoch("default", 2), events_like(root, 3), limit=900)
    assert guard(root, "HEAD") == []
    commit(root)
    assert (root / SECOND / "activity-0004.jsonl").is_file()
    return root


def test_a_new_shard_may_follow_and_the_last_one_may_grow(sharded: Path) -> None:
    folder = load_node(sharded).epoch("default", 2)
    append_activity(folder, events_like(sharded, 9)[3:6])
    append_activity(folder, events_like(sharded, 9)[6:], limit=900)
    assert guard(sharded, "HEAD") == []


def test_a_shard_is_closed_once_a_later_one_exists(sharded: Path) -> None:
    line = events_like(sharded, 9)[8]
    edit(sharded, f"{SECOND}/activity-0002.jsonl", lambda data: data + line + b"\n")
    assert [(found.rule, found.path) for found in guard(sharded, "HEAD")] == [
        ("ACTIVITY_APPEND_ONLY", f"{SECOND}/activity-0002.jsonl")
    ]


@pytest.mark.parametrize("number", [2, 4])
def test_no_shard_goes_away(sharded: Path, number: int) -> None:
    (sharded / SECOND / f"activity-000{number}.jsonl").unlink()
    assert [(found.rule, found.path) for found in guard(sharded, "HEAD")] == [
        ("ACTIVITY_APPEND_ONLY", f"{SECOND}/activity-000{number}.jsonl")
    ]


def test_an_event_that_another_shard_holds_is_refused(sharded: Path) -> None:
    first = (sharded / SECOND / "activity.jsonl").read_bytes()
    edit(sharded, f"{SECOND}/activity-0005.jsonl", lambda _: first)
    assert [(found.rule, found.path, found.line) for found in guard(sharded, "HEAD")] == [
        ("ACTIVITY_IDEMPOTENT", f"{SECOND}/activity-0005.jsonl", 1)
    ]


def test_a_finalized_epoch_takes_no_further_shard(root: Path) -> None:
    edit(root, f"{FIRST}/activity-0002.jsonl", lambda _: b"")
    assert rules(root) == {"CURATION_FREEZE_ON_FINALIZE"}


@pytest.mark.parametrize(
    ("path", "changed", "rule"),
    [
        ("data/identities.jsonl", {"seq": 2, "node_id": OTHER}, "NODE_SCOPED"),
        ("data/identities.jsonl", {"seq": 3}, "WRITES_VIA_WORKFLOW"),
        (f"{SECOND}/cursors.jsonl", {"epoch_id": 1}, "SCOPE_SCOPED"),
        (f"{SECOND}/cursors.jsonl", {"seq": 9}, "WRITES_VIA_WORKFLOW"),
        (f"{SECOND}/collection.jsonl", {"scope_id": "other"}, "SCOPE_SCOPED"),
        (f"{SECOND}/transitions.jsonl", {"from": "open", "to": "open"}, "EPOCH_THREE_PHASE"),
    ],
    ids=str,
)
def test_an_added_line_of_another_place_number_or_state_is_refused(
    root: Path, path: str, changed: dict[str, Any], rule: str
) -> None:
    append(root, path, {**last_line(root, path), **changed})
    assert [(found.rule, found.path, found.line) for found in guard(root, "HEAD")] == [
        (rule, path, (root / path).read_bytes().count(b"\n"))
    ]


@pytest.mark.parametrize("name", ["cursors.jsonl", "collection.jsonl", "activity.jsonl"])
def test_nothing_is_collected_in_review(root: Path, name: str) -> None:
    base = review_second(root)
    line = last_line(root, f"{SECOND}/{name}")
    changed = {"seq": line["seq"] + 1} if "seq" in line else {"id": "file:work:z"}
    line = {**line, **changed}
    append(root, f"{SECOND}/{name}", line if "seq" in line else {**line, "payload_hash": payload_hash(line)})
    assert rules(root, base) == {"INGESTION_CLOSED_ON_REVIEW", "PAYOUT_DETERMINISTIC"}


def test_what_came_in_before_the_epoch_closed_may_come_with_the_step(root: Path) -> None:
    """One change that collects a last time and moves to review, and one whose event claims to be later than that."""
    with at(root, IN_REVIEW) as session:
        collect(session)
    assert guard(root, "HEAD") == []
    event = {
        **last_line(root, f"{SECOND}/activity.jsonl"),
        "id": "file:work:z",
        "ingested_at": "2026-01-20T00:00:00.001Z",
    }
    append(root, f"{SECOND}/activity.jsonl", {**event, "payload_hash": payload_hash(event)})
    assert rules(root) == {"INGESTION_CLOSED_ON_REVIEW", "PAYOUT_DETERMINISTIC"}


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda data: data.replace(b'"10000"', b'"90000"'), "POOL_IMMUTABLE"),
        (lambda data: data + data.replace(b'"seq":1', b'"seq":2'), "POOL_UNIQUE_PER_TYPE"),
    ],
    ids=["another amount", "twice"],
)
def test_a_pool_component_never_changes_and_never_comes_twice(
    root: Path, change: Callable[[bytes], bytes], rule: str
) -> None:
    base = review_second(root)
    edit(root, f"{SECOND}/pool.jsonl", change)
    assert rule in rules(root, base)


@pytest.mark.parametrize("name", ["statement.json", "allocations.jsonl", "sha256sums.txt"])
def test_an_open_epoch_has_nothing_derived_yet(root: Path, name: str) -> None:
    text = (root / FIRST / name).read_bytes().replace(b'"epoch_id":1', b'"epoch_id":2')
    edit(root, f"{SECOND}/{name}", lambda _: text)
    assert [(found.rule, found.path) for found in guard(root, "HEAD")] == [("EPOCH_THREE_PHASE", f"{SECOND}/{name}")]


def test_signatures_in_an_open_epoch_are_refused(root: Path) -> None:
    line = last_line(root, f"{FIRST}/signatures.jsonl")
    append(root, f"{SECOND}/signatures.jsonl", {**line, "epoch_id": 2})
    assert rules(root) == {"SIGNATURE_SCOPE_BOUND"}


def test_signatures_of_another_epoch_do_not_count_here(root: Path) -> None:
    base = review_second(root)
    append(root, f"{SECOND}/signatures.jsonl", {**last_line(root, f"{FIRST}/signatures.jsonl"), "epoch_id": 2})
    statement = last_line(root, f"{SECOND}/statement.json")
    step = last_line(root, f"{SECOND}/transitions.jsonl")
    kept = {name: step[name] for name in ("actor", "at", "epoch_id", "node_id", "scope_id")}

    closing = {"from": "review", "to": "finalized", "statement_hash": sha256_hex(encode(statement) + b"\n")}
    append(root, f"{SECOND}/transitions.jsonl", {**kept, **closing})
    found = {(each.rule, each.expected, each.actual) for each in guard(root, base)}
    assert ("APPROVERS_PER_SCOPE", "2", "0") in found


def test_a_second_open_epoch_and_one_in_the_wrong_window_are_refused(root: Path) -> None:
    third = "data/epochs/default/0003"
    shutil.copytree(root / SECOND, root / third)
    for path in (root / third).iterdir():
        edit(root, f"{third}/{path.name}", lambda data: data.replace(b'"epoch_id":2', b'"epoch_id":3'))
    assert rules(root) == {"ONE_ACTIVE_EPOCH", "EPOCH_WINDOW_UNIQUE", "ACTIVITY_IDEMPOTENT"}


def test_a_window_that_is_not_aligned_is_refused(root: Path) -> None:
    shutil.rmtree(root / SECOND)
    base = commit(root)
    with at(root, "2026-01-13T12:00:00Z") as session:
        collect(session)
    assert guard(root, base) == []
    edit(
        root,
        f"{SECOND}/epoch.json",
        lambda data: data.replace(b'"period_end":"2026-01-19', b'"period_end":"2026-01-20'),
    )
    assert [(found.rule, found.path) for found in guard(root, base)] == [
        ("EPOCH_WINDOW_UNIQUE", f"{SECOND}/epoch.json")
    ]


@pytest.mark.parametrize("path", ["scopes/default.yaml", "ledger.yaml"])
def test_settings_that_epochs_rest_on_are_not_deleted(root: Path, path: str) -> None:
    (root / path).unlink()
    assert ("SCOPE_VALIDATED", path) in {(found.rule, found.path) for found in guard(root, "HEAD")}


def test_settings_that_records_rest_on_are_not_deleted(root: Path) -> None:
    settings = (root / "scopes/default.yaml").read_bytes()
    edit(root, "scopes/other.yaml", lambda _: settings.replace(b"scope_id: default", b"scope_id: other"))
    commit(root)
    (root / "scopes/other.yaml").unlink()
    assert guard(root, "HEAD") == []
    edit(root, "data/log/other.jsonl", lambda _: b"")
    found = {(found.rule, found.path) for found in guard(root, "HEAD")}
    assert found == {("SCOPE_VALIDATED", "scopes/other.yaml")}


@pytest.mark.parametrize(
    "path",
    ["approvers/nobody.jsonl", "distributions/nobody/0001/plan.json", "opening/nobody.jsonl"],
)
def test_what_is_of_a_scope_that_does_not_exist_is_refused(root: Path, path: str) -> None:
    edit(root, f"data/{path}", lambda _: b"")
    assert ("SCOPE_VALIDATED", "scopes/nobody.yaml") in {(found.rule, found.path) for found in guard(root, "HEAD")}


def test_a_new_scope_and_its_first_epoch_may_come_together(root: Path) -> None:
    settings = (root / "scopes/default.yaml").read_bytes()
    edit(root, "scopes/other.yaml", lambda _: settings.replace(b"scope_id: default", b"scope_id: other"))
    with at(root, "2026-01-13T13:00:00Z") as session:
        collect(session)
    assert (root / "data/epochs/other/0001").is_dir()
    assert guard(root, "HEAD") == []


def test_what_stood_before_the_change_is_not_this_changes_fault(root: Path) -> None:
    edit(root, "data/epochs/default/notes.txt", lambda _: b"old\n")
    commit(root)
    lines = b"".join(line + b"\n" for line in events_like(root, 1))
    edit(root, f"{SECOND}/activity.jsonl", lambda data: data + lines)
    assert guard(root, "HEAD") == []


def test_each_finding_is_told_once(root: Path) -> None:
    base = review_second(root)
    edit(root, f"{SECOND}/transitions.jsonl", lambda data: data + data)
    found = guard(root, base)
    assert len(found) == len(set(found)) > 0


def test_an_event_that_stands_in_an_older_epoch_is_refused(root: Path) -> None:
    line = (root / FIRST / "activity.jsonl").read_bytes().splitlines(keepends=True)[0]
    edit(root, f"{SECOND}/activity.jsonl", lambda data: data + line)
    assert rules(root) == {"ACTIVITY_IDEMPOTENT"}
