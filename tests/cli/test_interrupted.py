"""Ctrl-C at any moment ends a command in words, or without any where nothing was begun: never as a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from ledger.compute.engine import Engine

KILL = "import os, signal\nos.kill(os.getpid(), signal.{})\n"
COMMAND = """import signal, sys
from ledger.cli import app
def command(**_):
    {}
app.ledger.main = command
sys.exit(app.run())
"""


def played(*line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    def listening() -> None:
        """A shell that starts the tests in the background has them ignore SIGINT, and a child inherits that."""
        signal.signal(signal.SIGINT, signal.default_int_handler)

    environ = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, *line], env=environ, preexec_fn=listening, capture_output=True, text=True, check=False
    )


def test_an_interruption_before_anything_is_begun_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text(KILL.format("SIGINT") + "signal.pause()\n", encoding="utf-8")
    done = played("-m", "ledger", "status", folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_module_that_is_being_loaded_is_loaded_whole_before_the_command_ends(
    tmp_path: Path, name: str, code: int
) -> None:
    (tmp_path / "slow.py").write_text(KILL.format(name) + "print('whole')\n", encoding="utf-8")
    done = played("-c", COMMAND.format("import slow; signal.pause()"), folder=tmp_path)
    assert (done.returncode, done.stdout) == (code, "whole\n")
    assert done.stderr.startswith("interrupted;")


@pytest.mark.parametrize("error", ["ValueError", "app.LedgerError", "OSError", "app.click.ClickException"])
def test_what_native_code_makes_of_an_interruption_is_no_error_of_ours(tmp_path: Path, error: str) -> None:
    body = f"""import os
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
    except BaseException as caught:
        raise {error}("schema") from caught"""
    done = played("-c", COMMAND.format(body), folder=tmp_path)
    assert (done.returncode, done.stdout) == (143, "")
    assert done.stderr.startswith("interrupted;")


@pytest.mark.parametrize("error", ["app.LedgerError", "OSError", "app.click.ClickException"])
def test_what_fails_after_an_interruption_is_told_below_it(tmp_path: Path, error: str) -> None:
    body = f"""import os
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
    finally:
        raise {error}("the disk is full")"""
    done = played("-c", COMMAND.format(body), folder=tmp_path)
    assert done.returncode == 143
    assert [line.split(";")[0] for line in done.stderr.splitlines()] == ["interrupted", "error: the disk is full"]


def test_who_interrupts_a_module_that_is_being_loaded_twice_is_obeyed_at_once(tmp_path: Path) -> None:
    twice = f"app._send = lambda number: None\n    {KILL.format('SIGINT').splitlines()[0]}"
    (tmp_path / "slow.py").write_text(KILL.format("SIGINT") * 2 + "print('whole')\n", encoding="utf-8")
    done = played("-c", COMMAND.format(f"{twice}\n    import slow"), folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_a_command_that_is_over_before_its_import_lets_the_signal_through_says_so(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(KILL.format("SIGTERM") + "print('whole')\n", encoding="utf-8")
    done = played("-c", COMMAND.format("app._send = lambda number: None\n    import slow"), folder=tmp_path)
    assert (done.returncode, done.stdout) == (143, "whole\n")
    assert done.stderr.startswith("interrupted;")


def test_what_duckdb_makes_of_an_interruption_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise RuntimeError("Query interrupted")

    with Engine(tmp_path) as engine:
        cursor = SimpleNamespace(execute=interrupted)
        monkeypatch.setattr(engine, "_database", SimpleNamespace(cursor=lambda: cursor, close=engine._database.close))
        with pytest.raises(KeyboardInterrupt):
            engine.execute("SELECT 1", {})


def test_who_interrupts_twice_is_obeyed_at_once_and_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "kill.py").write_text(KILL.format("SIGINT").replace("\nos", "\ndef now():\n    os"), encoding="utf-8")
    twice = "import kill\n    try:\n        kill.now()\n    finally:\n        kill.now()\n        signal.pause()"
    done = played("-c", COMMAND.format(twice), folder=tmp_path)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


def test_a_background_that_ignores_interruptions_goes_on_ignoring_them(tmp_path: Path) -> None:
    body = COMMAND.format("import os; os.kill(os.getpid(), signal.SIGINT); print('done')")
    done = played("-c", "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n" + body, folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
