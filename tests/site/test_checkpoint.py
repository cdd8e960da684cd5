"""Leaf hashes of an activity log: the same whether they come with the log or are made again."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ledger.compute import scan as room
from ledger.compute.scan import scan
from ledger.site.checkpoint import leaf_hashes


@pytest.mark.parametrize("texts", [[b""], [b"a\n"], [b"a\nb\n", b"c\n"], [b"", b"a\n\n"]])
def test_leaf_hashes_are_the_same_from_the_scan_and_from_the_files(texts: list[bytes], tmp_path: Path) -> None:
    shards = [tmp_path / f"{number}.jsonl" for number in range(len(texts))]
    for shard, text in zip(shards, texts, strict=True):
        shard.write_bytes(text)
    hashes = [hashlib.sha256(b"\0" + line).hexdigest() for line in b"".join(texts).split(b"\n")[:-1]]
    expected = "".join(f"{one}\n" for one in hashes).encode()
    assert leaf_hashes(shards) == leaf_hashes(shards, scan(shards).leaves) == expected


def test_the_scan_of_a_large_log_holds_no_leaf_hashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shard = tmp_path / "activity.jsonl"
    shard.write_bytes(b"a\nb\nc\n")
    monkeypatch.setattr(room, "SUBTREE", 2)
    monkeypatch.setattr(room, "BLOCK", 4)
    assert scan([shard]).leaves is None
