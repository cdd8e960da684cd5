"""Appending: whole lines at the end, shards in order, and the same again changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.errors import FormatError
from ledger.core.values import NodeId, ScopeId
from ledger.store import files
from ledger.store.append import append_activity, append_lines, append_records, write_derived
from ledger.store.epochfolder import EpochFolder
from ledger.store.files import read_file

LOG = "data/epochs/default/0001/pool.jsonl"


def folder_in(root: Path) -> EpochFolder:
    return EpochFolder(root, NodeId("11111111-1111-4111-8111-111111111111"), ScopeId("default"), 1)


def log_of(folder: EpochFolder) -> bytes:
    return b"".join(shard.read_bytes() for shard in folder.shards())


def test_lines_go_to_the_end_and_what_was_there_stays_a_prefix(tmp_path: Path) -> None:
    append_lines(tmp_path, LOG, [b"1", b"2"])
    before = read_file(tmp_path, LOG)
    append_lines(tmp_path, LOG, [b"3"])
    assert (before, read_file(tmp_path, LOG)) == (b"1\n2\n", b"1\n2\n3\n")


def test_appending_nothing_makes_no_file(tmp_path: Path) -> None:
    append_records(tmp_path, LOG, [])
    append_activity(folder_in(tmp_path), [])
    assert list(tmp_path.iterdir()) == []


def test_a_torn_log_is_not_appended_to(tmp_path: Path) -> None:
    append_lines(tmp_path, LOG, [b"1"])
    (tmp_path / LOG).write_bytes(b"1\n{torn")
    with pytest.raises(FormatError, match="torn") as caught:
        append_lines(tmp_path, LOG, [b"2"])
    assert caught.value.path == LOG
    assert read_file(tmp_path, LOG) == b"1\n{torn"


@given(
    runs=st.lists(st.lists(st.integers(1, 30).map(lambda size: b"x" * size), max_size=6), max_size=5),
    limit=st.integers(1, 60),
)
def test_shards_together_are_the_lines_in_order_and_older_ones_never_change(
    tmp_path_factory: pytest.TempPathFactory, runs: list[list[bytes]], limit: int
) -> None:
    folder = folder_in(tmp_path_factory.mktemp("node"))
    for number, run in enumerate(runs):
        before = [shard.read_bytes() for shard in folder.shards()]
        append_activity(folder, run, limit)
        after = [shard.read_bytes() for shard in folder.shards()]
        if before:
            assert after[: len(before) - 1] == before[:-1]
            assert after[len(before) - 1].startswith(before[-1])
        assert b"".join(after) == b"".join(line + b"\n" for each in runs[: number + 1] for line in each)
    for shard in folder.shards():
        lines = shard.read_bytes().splitlines(keepends=True)
        assert len(lines) == 1 or sum(map(len, lines)) <= limit


@given(lines=st.lists(st.integers(1, 30).map(lambda size: b"x" * size), min_size=1), cut=st.integers(0, 100))
def test_one_run_or_two_give_the_same_shards(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], cut: int
) -> None:
    once, twice, full = (folder_in(tmp_path_factory.mktemp("node")) for _ in range(3))
    append_activity(once, lines, 25)
    append_activity(twice, lines[: cut % len(lines)], 25)
    append_activity(twice, lines[cut % len(lines) :], 25)
    rest: Sequence[bytes] = []
    for at in range(0, len(lines), 3):
        rest = append_activity(full, [*rest, *lines[at : at + 3]], 25, full=True)
        assert len(rest) < 2 or sum(map(len, rest)) + len(rest) <= 25, "a file that is full is written"
    append_activity(full, rest, 25)
    for other in (twice, full):
        assert [shard.read_bytes() for shard in once.shards()] == [shard.read_bytes() for shard in other.shards()]


def test_a_run_killed_between_shards_leaves_a_prefix_of_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, lines = folder_in(tmp_path), [b"%02d" % number for number in range(10)]
    swaps, real = iter(range(100)), files.os.replace

    def die_later(*names: Path) -> None:
        if next(swaps) == 2:
            raise KeyboardInterrupt
        real(*names)

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "replace", die_later)
        with pytest.raises(KeyboardInterrupt):
            append_activity(folder, lines, limit=6)
    kept = log_of(folder)
    assert kept == b"".join(line + b"\n" for line in lines[:4])
    append_activity(folder, lines[4:], limit=6)
    assert log_of(folder) == b"".join(line + b"\n" for line in lines)
    assert len(folder.shards()) == 5


def test_a_derived_file_is_replaced_and_says_whether_anything_changed(tmp_path: Path) -> None:
    assert write_derived(tmp_path, LOG, b"1\n")
    assert not write_derived(tmp_path, LOG, b"1\n")
    assert write_derived(tmp_path, LOG, b"2\n")
    assert read_file(tmp_path, LOG) == b"2\n"
