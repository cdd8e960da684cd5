"""The minutes that GitHub bills a private ledger for: `python -m benchmarks.minutes` plays a week and prints a month.

Every workflow file runs as it is, in the tests' stand-in of GitHub; what is measured is the processor time of each run
with commands that start cold, and how long the action takes to install what it locks (by pip into a fresh environment,
from whatever index is configured). GitHub rounds each job up to a whole minute; jobs that are skipped cost nothing.
"""

from __future__ import annotations

import math
import resource
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.workflows.runner import Run
from tests.workflows.test_four_weeks import ALICE, BOB, COLLECT, HOURLY, Town, a_town, failed, make_node

DAYS, MONTH, BOUND = 7, 30, 150
LOCK = Path(__file__).parents[1] / ".github" / "requirements.lock"
DAILY = "37 7 * * *"
"""When publish.yml builds the site anew, where minutes cost nothing."""


@dataclass
class Meter:
    """Jobs that ran, by workflow, and the longest run of each in processor seconds."""

    jobs: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    longest: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    def take(self, act: Callable[[], list[Run]]) -> None:
        """Let something happen, and count what it starts; all of its time goes to the longest."""
        before = _processor()
        runs = act()
        spent = _processor() - before
        assert failed(runs) == [], failed(runs)
        ran = [(run.workflow, job) for run in runs for job in run.jobs if job.conclusion != "skipped"]
        for name, _ in ran:
            self.jobs[name] += 1
            self.longest[name] = max(self.longest[name], spent / len(ran))


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _install(folder: Path) -> float:
    """Processor seconds of what action.yml does on a runner."""
    before = _processor()
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    command = [
        str(folder / "bin/pip"),
        "install",
        "--quiet",
        "--require-hashes",
        "--only-binary=:all:",
        "-r",
        str(LOCK),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return _processor() - before


def a_week(town: Town, meter: Meter) -> None:
    """Two approvers, three who contribute: what an ordinary week of a small group brings."""
    town.at("2026-01-05T08:00:00Z")
    make_node(town)
    town.pump()  # setting up is no part of a month
    one = town.project.commit("2026-01-05T10:00:00Z", "Begin", author=ALICE, files={"a": "1"})
    two = town.project.commit("2026-01-06T10:00:00Z", "Go on", one, author=BOB, files={"a": "2"})
    town.project.write(two)
    for day in range(7, 7 + DAYS):
        date = f"2026-01-{day:02d}"
        meter.take(lambda: town.tick(COLLECT, f"{date}T06:17:00Z"))  # noqa: B023
        meter.take(lambda: town.tick(DAILY, f"{date}T07:37:00Z"))  # noqa: B023
        meter.take(lambda: town.tick(HOURLY, f"{date}T08:47:00Z"))  # noqa: B023
        if day == 8:
            meter.take(lambda: _said(town, "cy", f"/exclude git:commit:{town.project.oids[two]} a revert"))
            meter.take(lambda: _said(town, "cy", f"/include git:commit:{town.project.oids[two]} no, it is not"))
        if day == 9:
            town.hub.open_issue("eve", "Bind my accounts", "### Wallet\n\n_No response_", ["ledger:bind"])
            meter.take(town.pump)
            (number,) = [one.number for one in town.hub.pulls() if one.head == "bindings"]
            meter.take(lambda: _merged(town, number))  # noqa: B023
        if day == 10:
            meter.take(lambda: _settings(town))
    town.at("2026-01-13T13:00:00Z")
    meter.take(lambda: town.sign_in_browser("ann"))
    meter.take(lambda: town.sign_in_browser("ben"))


def _said(town: Town, name: str, body: str) -> list[Run]:
    town.hub.comment(town.pull().number, name, body)
    return town.pump()


def _settings(town: Town) -> list[Run]:
    """Somebody proposes a change by a pull request, and it is merged."""
    number = town.hub.fork_pull("dan", "better", "A better README", files={"NOTES.md": "Hello\n"})
    town.remotes[f"dan/{town.hub.repository.name}"] = town.hub.forks[0].bare.url
    runs = town.pump()
    for check in ("guard", "verify", "statement"):
        town.hub.set_status(town.hub.pull(number).head_sha, "actions", f"ledger/{check}", "success")
    return [*runs, *_merged(town, number)]


def _merged(town: Town, number: int) -> list[Run]:
    town.hub.review(number, "ben", "APPROVED", "fine")
    town.hub.review(number, "ann", "APPROVED", "fine")
    town.hub.merge(number, "ann")
    return town.pump()


def main() -> int:
    """Prints jobs and minutes of a month by workflow; exit 1 above the bound."""
    meter = Meter()
    with tempfile.TemporaryDirectory(prefix="ledger-minutes-") as scratch:
        install = _install(Path(scratch) / "venv")
        with a_town(Path(scratch), warm=False) as town:
            town.actions.variables = {**town.actions.variables, "LEDGER_SPARING": "yes"}
            a_week(town, meter)
    total = 0
    sys.stdout.write(f"install: {install:.0f} s in each job\n")
    for name in sorted(meter.jobs):
        jobs = math.ceil(meter.jobs[name] * MONTH / DAYS)
        minutes = jobs * math.ceil((install + meter.longest[name]) / 60)
        total += minutes
        sys.stdout.write(f"{name:12}{jobs:5} jobs  {install + meter.longest[name]:5.0f} s  {minutes:5} minutes\n")
    sys.stdout.write(f"{'all':12}{total:30} minutes a month, at most {BOUND}\n")
    return 0 if total <= BOUND else 1


if __name__ == "__main__":
    raise SystemExit(main())
