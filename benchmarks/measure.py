"""Runs a command in a process of its own and says how long it took and how much memory it had at most."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
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


def run(command: Sequence[str], *, times: int = 1) -> Run:
    """The least of `times` runs, of time and of processor time: other work only adds. Raises when the command fails."""
    runs = [_once(command) for _ in range(times)]
    least = min(runs, key=lambda each: each.seconds)
    return replace(least, cpu=min(each.cpu for each in runs))


def python(*arguments: str, times: int = 1) -> Run:
    """This interpreter with the given arguments."""
    return run([sys.executable, *arguments], times=times)


def _environment() -> dict[str, str]:
    """With compiled modules kept, as an installed package has them: else each run compiles the whole project."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _once(command: Sequence[str]) -> Run:
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, cwd=PROJECT, env=_environment())
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[:4])} … ended with {process.returncode}: {text[-400:]}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, text)
