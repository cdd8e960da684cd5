"""Processes that help this one: how many, and how they begin and end. It must not know what they do."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from threading import Thread

MOST = 8
"""Each takes memory of its own, up to half a gigabyte where it proves logs."""


def processes(jobs: int = MOST) -> int:
    """How many processes are worth starting for so many jobs: one for each core that this process may use, at most 8.

    `PYTHON_CPU_COUNT` replaces the number of cores, as it does for Python itself from 3.13 on. In a process that was
    started to help another it is always 1: else each of 8 would start 8 more.
    """
    if parent_process() is not None:
        return 1
    asked = os.environ.get("PYTHON_CPU_COUNT", "")
    if asked.isdecimal():
        cores = int(asked)
    else:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(jobs, cores, MOST))


def helpers(count: int, begin: Callable[..., None] | None = None, *given: object) -> ProcessPoolExecutor:
    """So many processes, each started anew; each calls `begin` with what is given before it works.

    They end when this one does, also where it is killed: what they compute is then for nobody.
    """
    return ProcessPoolExecutor(count, get_context("spawn"), _begin, (begin, given))


def _begin(begin: Callable[..., None] | None, given: tuple[object, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C goes to all; they end with the parent
    Thread(target=_end_with_parent, daemon=True).start()
    if begin is not None:
        begin(*given)


def _end_with_parent() -> None:
    if (parent := parent_process()) is not None:
        wait([parent.sentinel])
        os._exit(1)
