"""How many processes help: one a core that may be used, few enough for the memory, and none that starts more."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

import pytest

from ledger.compute.processes import MOST, helpers, processes


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
    with helpers(1) as pool:
        assert pool.submit(processes).result() == 1


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="only Linux tells when a process that is not ours ends")
def test_processes_that_help_end_with_one_that_is_killed() -> None:
    script = (
        "import os, signal\n"
        "from ledger.compute.processes import helpers\n"
        "pool = helpers(1)\n"
        "print(pool.submit(os.getpid).result(), flush=True)\n"
        "pool.submit(signal.pause).result()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        helper = os.pidfd_open(int(parent.stdout.readline()))
        parent.send_signal(signal.SIGKILL)
        ended, _, _ = select.select([helper], [], [], 30)
        os.close(helper)
    assert ended
