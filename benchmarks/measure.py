"""Runs a command in a process of its own and says how long it took and how much memory it had at most."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Run:
    """One finished process: wall-clock seconds from start to end, peak resident bytes, what it printed.

    `cpu`: seconds of processor time, its own helpers' included; the machine's other work adds less to it.
    """

    seconds: float
    cpu: float
    peak: int
    output: str


class TooLongError(RuntimeError):
    """A command was ended because it had not ended by itself in the seconds that it was given."""


def run(command: Sequence[str], *, times: int = 1, patience: float | None = None) -> Run:
    """The least of `times` runs, of time and of processor time: other work only adds. Raises when the command fails.

    `patience`: seconds after which it is ended, with TooLongError (None: never).
    """
    runs = [_once(command, patience) for _ in range(times)]
    least = min(runs, key=lambda each: each.seconds)
    return replace(least, cpu=min(each.cpu for each in runs))


def python(*arguments: str, times: int = 1, patience: float | None = None) -> Run:
    """This interpreter with the given arguments."""
    return run([sys.executable, *arguments], times=times, patience=patience)


def _environment() -> dict[str, str]:
    """With compiled modules kept, as an installed package has them: else each run compiles the whole project."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _once(command: Sequence[str], patience: float | None = None) -> Run:
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, cwd=PROJECT, env=_environment())
        late = threading.Event()
        clock = threading.Timer(patience or 0, _end, (process, late))
        if patience is not None:
            clock.start()
        _, status, usage = os.wait4(process.pid, 0)
        clock.cancel()
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if late.is_set():
        raise TooLongError(f"{' '.join(command[:4])} … had not ended after {patience:.0f} s")
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[:4])} … ended with {process.returncode}: {text[-400:]}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, text)


def _end(process: subprocess.Popen[str], late: threading.Event) -> None:
    late.set()
    process.kill()
