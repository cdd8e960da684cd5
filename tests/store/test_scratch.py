"""Scratch folders go away with their process, and those of a killed one with the next; nothing else is touched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.store import scratch
from ledger.store.scratch import Scratch, clear

HOLDER = """
import sys
from ledger.store.scratch import Scratch
held = Scratch()
(held.path / "rows").write_text("x")
print(held.path, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    scratch._clear_once.cache_clear()
    yield tmp_path
    scratch._clear_once.cache_clear()


@pytest.fixture
def other(top: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds a scratch folder with a file in it."""
    command = [sys.executable, "-c", HOLDER]
    environ = {**os.environ, "TMPDIR": str(top)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ) as process:
        yield process
        process.kill()


def name(process: subprocess.Popen[str]) -> Path:
    assert process.stdout is not None
    return Path(process.stdout.readline().strip())


def test_a_folder_is_its_owners_alone_and_goes_away(top: Path) -> None:
    with Scratch() as path:
        assert (path.parent, path.stat().st_mode & 0o777) == (top, 0o700)
        (path / "rows").write_text("x")
        clear(top)
        assert (path / "rows").read_text() == "x", "it is in use"
    assert list(top.iterdir()) == []


def test_a_folder_that_nobody_names_any_more_goes_away_too(top: Path) -> None:
    Scratch()
    assert list(top.iterdir()) == []


def test_the_next_run_clears_what_a_killed_one_left_and_what_a_living_one_uses_stays(
    top: Path, other: subprocess.Popen[str]
) -> None:
    left = name(other)
    clear(top)
    assert (left / "rows").exists(), "its process lives"
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert (left / "rows").exists(), "nobody was left to clear it"
    with Scratch() as path:
        assert list(top.iterdir()) == [path]


def test_links_and_what_is_not_ours_alone_stay(top: Path) -> None:
    precious = top / "precious"
    precious.mkdir(mode=0o700)
    (precious / "file").write_text("x")
    (top / f"{scratch.PREFIX}link").symlink_to(precious)
    (top / f"{scratch.PREFIX}file").write_text("x")
    (top / f"{scratch.PREFIX}open").mkdir()
    (top / f"{scratch.PREFIX}open").chmod(0o755)
    (inside := top / f"{scratch.PREFIX}inside").mkdir(mode=0o700)
    (inside / "way").symlink_to(precious)
    clear(top)
    assert (precious / "file").read_text() == "x"
    assert sorted(each.name.removeprefix(scratch.PREFIX) for each in top.iterdir()) == [
        "file", "link", "open", "precious",
    ]  # fmt: skip


def test_a_folder_that_cannot_be_locked_is_never_cleared(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no locks here")

    monkeypatch.setattr(scratch.fcntl, "flock", refuse)
    with Scratch() as path:
        monkeypatch.undo()
        clear(top)
        assert path.exists()
