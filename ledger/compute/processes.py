"""How many processes work side by side here: one answer for all who spread work over processes.

It must not know what they do, nor start them.
"""

from __future__ import annotations

import os
from multiprocessing import parent_process

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
