"""Bytes on disk: no link is followed, a write is whole or not there, and one run writes at a time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ledger.core.errors import FormatError, InputError, StateError
from ledger.store import entries, files
from ledger.store.files import read_file, remove_file, write_file, write_lock

LOG = "data/epochs/default/0001/pool.jsonl"


class Killed(BaseException):
    """A run that ends at once, as by SIGKILL."""


def test_what_was_written_is_read_and_a_missing_file_is_none(tmp_path: Path) -> None:
    assert read_file(tmp_path, LOG) is None
    write_file(tmp_path, LOG, b"one\n")
    write_file(tmp_path, LOG, b"two\n")
    assert read_file(tmp_path, LOG) == b"two\n"
    assert [path.name for path in (tmp_path / LOG).parent.iterdir()] == ["pool.jsonl"]
    assert (tmp_path / LOG).stat().st_mode & 0o111 == 0


def test_removing_a_file_that_is_not_there_is_fine(tmp_path: Path) -> None:
    write_file(tmp_path, LOG, b"one\n")
    remove_file(tmp_path, LOG)
    remove_file(tmp_path, LOG)
    assert read_file(tmp_path, LOG) is None


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "data/../../x", "data/.."])
def test_a_path_out_of_the_node_is_refused(tmp_path: Path, path: str) -> None:
    for act in (read_file, remove_file, lambda root, name: write_file(root, name, b"")):
        with pytest.raises(InputError, match="out of the node"):
            act(tmp_path, path)


@pytest.mark.parametrize("linked", ["data", "data/epochs/default", LOG])
def test_a_link_anywhere_on_the_way_is_refused_and_named(tmp_path: Path, linked: str) -> None:
    outside, node = tmp_path / "outside", tmp_path / "node"
    write_file(node, LOG, b"inside\n")
    (node / linked).rename(outside)
    (node / linked).symlink_to(outside)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for act in (read_file, remove_file, lambda root, name: write_file(root, name, b"new\n")):
        with pytest.raises(FormatError) as caught:
            act(node, LOG)
        assert (caught.value.path, caught.value.rule) == (linked, "WRITES_VIA_WORKFLOW")
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_a_folder_and_a_pipe_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")  # nobody writes to it: reading must not wait
    for name in ("folder", "pipe"):
        with pytest.raises(InputError, match="plain file"):
            read_file(tmp_path, name)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_dies_leaves_the_old_bytes_and_the_next_run_cleans_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    write_file(tmp_path, LOG, b"old\n")
    with monkeypatch.context() as patch:

        def die(*_: object) -> None:
            raise Killed

        patch.setattr(files.os, step, die)
        with pytest.raises(Killed):
            write_file(tmp_path, LOG, b"new\n")
    assert read_file(tmp_path, LOG) == b"old\n"
    assert (tmp_path / LOG).with_name(".pool.jsonl.tmp").exists()
    with write_lock(tmp_path):
        assert [path.name for path in (tmp_path / LOG).parent.iterdir()] == ["pool.jsonl"]
        write_file(tmp_path, LOG, b"new\n")
    assert read_file(tmp_path, LOG) == b"new\n"


def test_a_disk_that_fills_up_leaves_the_old_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_file(tmp_path, LOG, b"old\n")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            write_file(tmp_path, LOG, b"new\n")
    assert read_file(tmp_path, LOG) == b"old\n"


def test_only_a_node_that_nobody_knows_yet_is_written_without_waiting_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(files.os, "fsync", synced.append)
    with files.apart(), write_lock(tmp_path):
        write_file(tmp_path, LOG, b"old\n")
    assert (read_file(tmp_path, LOG), synced) == (b"old\n", [])
    write_file(tmp_path, LOG, b"new\n")
    assert len(synced) == 2  # the file, and the folder that names it


def test_a_link_in_the_place_of_the_temporary_file_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"precious\n")
    write_file(tmp_path, LOG, b"old\n")
    (tmp_path / LOG).with_name(".pool.jsonl.tmp").symlink_to(target)
    write_file(tmp_path, LOG, b"new\n")
    assert (target.read_bytes(), read_file(tmp_path, LOG)) == (b"precious\n", b"new\n")


def test_a_second_writer_is_told_to_wait_and_the_lock_is_given_back(tmp_path: Path) -> None:
    with write_lock(tmp_path), pytest.raises(StateError, match="another ledger command"), write_lock(tmp_path):
        pass
    with pytest.raises(Killed), write_lock(tmp_path):
        raise Killed
    with write_lock(tmp_path):
        assert (tmp_path / "data/.lock").exists()


def test_the_lock_removes_temporary_files_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "data/epochs/default/0001"
    folder.mkdir(parents=True)
    for name in (".statement.json.tmp", "notes.tmp", ".hidden", "pool.jsonl"):
        (folder / name).write_bytes(b"x")
    with write_lock(tmp_path):
        assert sorted(path.name for path in folder.iterdir()) == [".hidden", "notes.tmp", "pool.jsonl"]


def test_what_another_run_removes_meanwhile_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder, or a temporary file, is seen where it lies and gone before it is looked into."""
    for name in (LOG, "data/epochs/default/0002/.pool.jsonl.tmp", "data/epochs/default/0002/pool.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    scan = os.scandir
    going = {"default": "0001", "0002": ".pool.jsonl.tmp"}

    @contextmanager
    def vanishing(path: str | Path) -> Iterator[list[os.DirEntry[str]]]:
        with scan(path) as found:
            here = list(found)
        if (gone := Path(path) / going.get(Path(path).name, "none")).exists():
            shutil.move(gone, kept)
        yield here

    monkeypatch.setattr(entries.os, "scandir", vanishing)
    for name, look in {
        "leftovers": lambda: files._remove_leftovers(tmp_path),
        "tree": lambda: entries.check_tree(tmp_path),
        "walk": lambda: [path for path, _ in entries.walk(tmp_path, "data")],
    }.items():
        kept = tmp_path / name
        kept.mkdir()
        found = look()
        assert sorted(path.name for path in kept.iterdir()) == [".pool.jsonl.tmp", "0001"]
        assert found in (None, ["data/epochs/default/0002/pool.jsonl"])
        shutil.move(kept / "0001", tmp_path / "data/epochs/default")
        shutil.move(kept / ".pool.jsonl.tmp", tmp_path / "data/epochs/default/0002")


def test_a_linked_lock_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FormatError), write_lock(tmp_path):
        pass
    assert not (tmp_path / "elsewhere").exists()
