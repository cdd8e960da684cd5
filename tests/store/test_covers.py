"""Every file of a finalized epoch's folder has one cover: the root, the list of checksums, or a rule of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.core.errors import FormatError
from ledger.core.records.activity import PAYLOAD_FIELDS, payload_hash
from ledger.flows.checksums import checksums
from ledger.flows.session import open_session
from ledger.flows.verify import verify
from ledger.store import layout
from ledger.store.node import load_node
from tests.nodes import GOLDEN, NOW, golden_copy
from tests.store.repositories import FIRST, SECOND, append, last_line, rules

EPOCH = "data/epochs/default/0003"
SHARDS = [f"activity-{number}.jsonl" for number in ("0000", "0001", "0002", "0003", "9999", "2", "00002", "10000", "²")]
NAMES = [
    *sorted(layout.EPOCH_FILES),
    *SHARDS,
    "Activity.jsonl",
    "activity.jsonl.bak",
    "activity-0002.jsonl~",
    "ACTIVITY-0002.JSONL",
    "statement.JSON",
    "sha256sums.txt.asc",
    "recompute.sql",
    ".gitattributes",
    "x",
]
CONTENTS = {
    "empty": b"",
    "object": b"{}\n",
    "event": (GOLDEN / EPOCH / "activity.jsonl").read_bytes().split(b"\n")[0] + b"\n",
}


@pytest.mark.parametrize("name", NAMES)
def test_whatever_is_added_to_a_finalized_folder_is_named(tmp_path: Path, name: str) -> None:
    root = golden_copy(tmp_path)
    target = root / EPOCH / name
    if target.exists():
        return  # tests/flows/test_tamper.py changes every byte of those that are there
    session = open_session(root, NOW, environ={})
    shard = layout.shard_number(name) is not None
    for what, data in (CONTENTS if shard or layout.kind_of(name) else {"event": CONTENTS["event"]}).items():
        target.write_bytes(data)
        result = verify(session, "default", 3)
        if layout.kind_of(name) == "later" and not data:
            assert result.ok  # a log without a line says what no log says
            continue
        assert not result.ok, f"{name}, {what}: not noticed"
        assert f"{EPOCH}/{name}" in {finding.path for finding in result.all_findings}, (what, result.all_findings)


@pytest.mark.parametrize("name", [*SHARDS, "objections.jsonl", "attestations.jsonl", "x"])
def test_guard_refuses_the_same_names(root: Path, name: str) -> None:
    target = root / FIRST / name
    for what, data in CONTENTS.items():
        target.write_bytes(data)
        if layout.kind_of(name) != "later" or data:
            assert rules(root), f"{name}, {what}: not noticed"


@pytest.mark.parametrize("number", [3, 9999])
def test_guard_refuses_a_shard_behind_a_gap_in_an_open_epoch(root: Path, number: int) -> None:
    event = {**last_line(root, f"{SECOND}/activity.jsonl"), "id": "file:work:another"}
    event["payload_hash"] = payload_hash({name: event[name] for name in PAYLOAD_FIELDS})
    append(root, f"{SECOND}/{layout.shard_name(2)}", event)
    assert rules(root) == set(), "the second file follows the first"
    (root / SECOND / layout.shard_name(2)).rename(root / SECOND / layout.shard_name(number))
    assert rules(root) == {"ACTIVITY_APPEND_ONLY"}


def test_a_gap_and_an_empty_file_are_told_wherever_shards_are_listed(root: Path) -> None:
    folder = load_node(root).epoch("default", 1)
    first = (root / folder.path("activity.jsonl")).read_bytes()
    (root / folder.path("activity-0003.jsonl")).write_bytes(first)
    assert "activity" not in checksums(folder), "the root covers the log, the list everything else"
    for act in (folder.shards, lambda: list(folder.events())):
        with pytest.raises(FormatError, match=r"activity-0002\.jsonl is missing before it"):
            act()
    (root / folder.path("activity-0002.jsonl")).touch()
    with pytest.raises(FormatError, match=r"activity-0002\.jsonl: is empty"):
        folder.shards()
