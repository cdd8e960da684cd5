"""The index of finalized logs says where to look, whatever happens to its files; what it says is asked of the logs."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.compute import segmentfile
from ledger.compute import settled as module
from ledger.compute.engine import Engine
from ledger.compute.held import Held
from ledger.compute.segment import Log, Segment, Table, fingerprint, fingerprints
from ledger.compute.segmentfile import pack, unpack
from ledger.compute.settled import Settled, parts, read_segment
from ledger.core.errors import FormatError
from ledger.store.node import Node, load_node
from tests.compute.nodes import event, line, write_log
from tests.nodes import golden_copy

SIZES = (2_000, 1)
"""So small that every finalized log of the example node lies in some file of the index."""


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    monkeypatch.setattr(module, "SIZES", SIZES)
    return load_node(golden_copy(tmp_path / "node"))


def answers(node: Node, cache: Path | None, *, index: bool = True) -> tuple[list[tuple[str, str, str]], list[str]]:
    """What the node says to all its ids and one that it does not hold, and the ids of rows that are gone."""
    logs = {scope: [shard for each in node.epochs(scope) for shard in each.shards()] for scope in node.scopes}
    ids = [event.id for scope in node.scopes for each in node.epochs(scope) for _, _, event in each.events()]
    with Engine(node.root) as engine:
        settled = Settled(engine, node, cache) if index else None
        if settled is not None:
            assert all(settled.covers(scope) for scope in node.scopes), "or this tests nothing"
        held = Held(engine, logs, settled)
        return list(held.find([*ids, "file:nobody:has-it"])), held.beyond("default", "file:work:", list)


def kept(cache: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in cache.rglob("*.held")}


def test_an_index_that_is_made_kept_or_absent_gives_the_answers_of_the_logs(node: Node, tmp_path: Path) -> None:
    right = answers(node, None, index=False)
    assert len(right[0]) > 15 and right[1]
    assert answers(node, None) == answers(node, tmp_path / "cache") == answers(node, tmp_path / "cache") == right
    assert len(kept(tmp_path / "cache")) >= len(node.scopes)


def flipped(data: bytes, *places: int) -> bytes:
    """The same with one bit another at these places."""
    found = bytearray(data)
    for place in places:
        found[place] ^= 4
    return bytes(found)


def head_of(data: bytes) -> int:
    """Where the blocks of a file of the index begin."""
    return 8 + int.from_bytes(data[:8], "little") + 32


FAULTS: dict[str, Callable[[Path, bytes], object]] = {
    "absent": lambda path, _: path.unlink(),
    "empty": lambda path, _: path.write_bytes(b""),
    "cut short": lambda path, data: path.write_bytes(data[:-1]),
    "cut in the middle": lambda path, data: path.write_bytes(data[: len(data) // 2]),
    "longer": lambda path, data: path.write_bytes(data + b"\0"),
    "a bit of the length": lambda path, data: path.write_bytes(flipped(data, 0)),
    "a length past all bounds": lambda path, data: path.write_bytes(b"\xff" * 8 + data[8:]),
    "a bit of the head": lambda path, data: path.write_bytes(flipped(data, 9)),
    "a bit of a block's checksum": lambda path, data: path.write_bytes(flipped(data, head_of(data) - 33)),
    "a bit of the head's checksum": lambda path, data: path.write_bytes(flipped(data, head_of(data) - 1)),
    "a bit of each number": lambda path, data: path.write_bytes(flipped(data, *range(head_of(data), len(data), 4))),
    "of other logs": lambda path, data: path.write_bytes(next(d for d in kept(path.parent).values() if d != data)),
    "a pipe": lambda path, _: (path.unlink(), os.mkfifo(path)),
    "a link": lambda path, _: (path.rename(path.with_suffix(".aside")), path.symlink_to(path.with_suffix(".aside"))),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_index_that_is_wrong_is_noticed_and_made_anew(node: Node, tmp_path: Path, fault: str) -> None:
    cache = tmp_path / "cache"
    right, whole = answers(node, cache), kept(cache)
    for path in cache.rglob("*.held"):
        FAULTS[fault](path, path.read_bytes())
    assert answers(node, cache) == right
    assert kept(cache) == whole


def test_a_log_that_is_another_file_than_it_was_is_read_anew(node: Node, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    right, before = answers(node, cache), kept(cache)
    shard = node.epochs("default")[0].shards()[0]
    os.utime(shard, ns=(0, 1_000_000_000))
    assert answers(node, cache) == right
    assert kept(cache).keys() != before.keys() and len(kept(cache)) == len(before), "and what is of no use goes"


def test_a_log_that_was_changed_in_place_with_its_time_put_back_is_read_anew(node: Node, tmp_path: Path) -> None:
    answers(node, tmp_path / "cache")
    shard = node.epochs("default")[0].shards()[0]
    facts, data = shard.stat(), shard.read_bytes()
    old = next(node.epochs("default")[0].events())[2].id
    new = old[:-1] + ("0" if old[-1] != "0" else "1")
    with shard.open("r+b") as file:
        file.write(data.replace(f'"id":"{old}"'.encode(), f'"id":"{new}"'.encode()))
    os.utime(shard, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    logs = {scope: [shard for each in node.epochs(scope) for shard in each.shards()] for scope in node.scopes}
    with Engine(node.root) as engine:
        found = list(Held(engine, logs, Settled(engine, node, tmp_path / "cache")).find([new]))
    assert [(scope, one) for scope, one, _ in found] == [("default", new)]


def test_a_cache_that_leads_elsewhere_is_not_written_to_and_nothing_there_goes(node: Node, tmp_path: Path) -> None:
    cache, theirs = tmp_path / "cache", tmp_path / "theirs"
    answers(node, cache)
    folder = next(cache.rglob("*.held")).parent
    (folder / "notes.txt").write_text("not the index's", "utf-8")
    answers(node, cache)
    assert (folder / "notes.txt").exists()
    theirs.mkdir()
    (theirs / "thesis.txt").write_text("years of work", "utf-8")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.symlink_to(theirs)
    assert answers(node, cache) == answers(node, None, index=False)
    assert [path.name for path in theirs.iterdir()] == ["thesis.txt"]


def test_what_becomes_final_later_is_read_once_and_left_out_where_it_has_no_such_hour(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SIZES", (1 << 30,))
    monkeypatch.setattr(module, "LOOSE", 0)
    log, epochs = node.root / "data/log/default.jsonl", node.epochs("default")
    whole = log.read_bytes()
    lines = [line for line in whole.splitlines(keepends=True) if b'"kind":"statement"' in line]
    final = [each for each in epochs if any(f'"{each.path("statement.json")}"'.encode() in line for line in lines)]
    hour = int(next(final[0].events())[2].event_time[:13].translate(str.maketrans("", "", "-T")))
    assert len(final) > 1 and final[0] != epochs[-1], "or this tests nothing"
    with Engine(node.root) as engine:
        log.write_bytes(whole[: whole.index(lines[0])])
        settled = Settled(engine, node, None)
        assert not settled.covers("default")
        every = [shard for each in epochs for shard in each.shards()]
        assert settled.near(epochs[-1], [hour]) == every
        log.write_bytes(whole)
        assert settled.covers("default") == {shard for each in final for shard in each.shards()}
        without = [shard for each in epochs if each not in final or each is epochs[-1] for shard in each.shards()]
        assert settled.near(epochs[-1], []) == without
        assert set(final[0].shards()) <= set(settled.near(epochs[-1], [hour])) < set(every)
        monkeypatch.setattr(module, "read_segment", lambda *_: pytest.fail("what was read is not read again"))
        assert settled.near(final[0], [hour]) == final[0].shards()


def test_a_line_that_is_no_event_is_told_with_its_place_and_rule(node: Node) -> None:
    shard = node.epochs("default")[0].shards()[0]
    lines = shard.read_bytes().count(b"\n")
    shard.write_bytes(shard.read_bytes() + b'{"id":"x"}\n')
    with pytest.raises(FormatError) as refused:
        answers(node, None)
    assert refused.value.where == f"data/epochs/default/0001/activity.jsonl:{lines + 1}"


def test_a_run_that_is_killed_while_it_writes_leaves_nothing_that_is_believed(node: Node, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from ledger.compute import settled\n"
        "from ledger.compute.engine import Engine\n"
        "from ledger.store.node import load_node\n"
        f"settled.SIZES = {SIZES}\n"
        "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "node = load_node(Path(sys.argv[1]))\n"
        "settled.Settled(Engine(node.root), node, Path(sys.argv[2])).covers('default')\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(node.root), str(cache)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not kept(cache) and len(list(cache.rglob("*.tmp"))) == 1
    assert answers(node, cache) == answers(node, None, index=False)
    assert kept(cache) and not list(cache.rglob("*.tmp"))


def test_two_runs_at_once_both_answer_and_one_of_them_writes(node: Node, tmp_path: Path) -> None:
    cache, right = tmp_path / "cache", answers(node, None, index=False)
    answers(node, cache)
    whole = kept(cache)
    folder = next(cache.rglob("*.held")).parent
    for path in folder.glob("*.held"):
        path.unlink()
    other = os.open(folder / ".lock", os.O_RDWR)
    fcntl.flock(other, fcntl.LOCK_EX)
    assert answers(node, cache) == right and not kept(cache)
    os.close(other)
    assert answers(node, cache) == right and kept(cache) == whole


def test_a_cache_that_nobody_can_write_to_costs_time_and_nothing_else(node: Node, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be", "utf-8")
    assert answers(node, tmp_path / "cache") == answers(node, None, index=False)


@settings(max_examples=6)
@given(ids=st.lists(st.from_regex(r"\A(file:|git:)?[!-~]{1,30}\Z"), min_size=1, max_size=40, unique=True))
def test_sql_and_python_make_the_same_number_of_an_id(ids: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    with Engine(tmp_path_factory.mktemp("node")) as engine:
        folder = write_log(engine.root, *(b"".join(line(event(id=name)) for name in ids),))
        segment = read_segment(engine, "default", folder.shards())
    found = sorted((kind, number) for kind, table in segment.ids.items() for number in table.numbers)
    assert found == sorted(map(fingerprint, ids))
    assert segment.logs_of(fingerprints(ids)) == {0}
    assert list(segment.hours.numbers) == [2026010610]
    assert segment.logs_at([2026010610]) == {0} and segment.logs_at([2026010611]) == set()


NUMBERS = st.lists(st.tuples(st.integers(0, 9) | st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1)), max_size=30)


@given(rows=NUMBERS, hours=NUMBERS, wanted=st.lists(st.integers(0, 11), unique=True), block=st.integers(1, 4))
def test_a_table_in_blocks_on_disk_answers_as_the_one_in_memory_from_blocks_that_are_asked(
    rows: list[tuple[int, int]], hours: list[tuple[int, int]], wanted: list[int], block: int
) -> None:
    tables = [
        Table([number for number, _ in each], [place for _, place in each]) for each in map(sorted, (rows, hours))
    ]
    asked: list[tuple[int, int]] = []

    def read(pieces: Sequence[tuple[int, int]]) -> list[bytes]:
        asked.extend(pieces)
        return [data[at : at + size] for at, size in pieces]

    with patch.object(segmentfile, "BLOCK", block), patch.object(segmentfile, "_AT_FIRST", 100):
        data = pack(Segment("default", (), {"": tables[0], "file:a:": tables[1]}, tables[1]), "name")
        kept = unpack(read, "name", "default", ())
        assert kept is not None and unpack(read, "another", "default", ()) is None
        for on_disk, table in zip((kept.ids[""], kept.ids["file:a:"], kept.hours), (*tables, tables[1]), strict=True):
            asked.clear()
            assert on_disk.among(wanted) == table.among(wanted)
            assert len(asked) <= len(wanted) + len(table.numbers) // block
            assert on_disk.among(table.numbers) == set(table.places)
            assert on_disk.beyond(set(wanted)) == table.beyond(wanted)
            assert len(asked) == len(set(asked)), "each block is read once"


@given(sizes=st.lists(st.integers(1, 300), max_size=40))
def test_an_epoch_more_leaves_full_parts_as_they_are(sizes: list[int]) -> None:
    logs = [Log(f"{number}", size, "") for number, size in enumerate(sizes)]
    now, before = parts(logs, (1_000, 200)), parts(logs[:-1], (1_000, 200))
    held = [log for run in now for log in run]
    assert held == logs[: len(held)] and sum(log.size for log in logs[len(held) :]) < 200
    full = [run for run in before if sum(log.size for log in run) >= 1_000]
    assert now[: len(full)] == full
    for run in before:
        assert any(set(run) <= set(later) for later in now), "a part stays, or becomes a part of a larger one"
