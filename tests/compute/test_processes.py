"""How many processes help: one a core that may be used, few enough for the memory, and none that starts more."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from ledger.compute.processes import MOST, processes


def test_as_many_processes_as_there_are_jobs_and_cores_and_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_CPU_COUNT", "3")
    assert [processes(jobs) for jobs in (0, 1, 2, 3, 4)] == [1, 1, 2, 3, 3]
    monkeypatch.setenv("PYTHON_CPU_COUNT", "64")
    assert processes() == MOST
    monkeypatch.setenv("PYTHON_CPU_COUNT", "default")  # as Python itself has it: the machine's own number
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {4, 7}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    assert processes() == 2, "cores that others may use are none of ours"
    monkeypatch.delattr(os, "sched_getaffinity")
    assert processes(5) == 5


def test_a_process_that_helps_starts_none_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_CPU_COUNT", "8")
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        assert pool.submit(processes).result() == 1
