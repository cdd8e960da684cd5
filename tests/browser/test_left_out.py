"""A machine without a browser: said in so many words, and in continuous integration a failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHOSEN = "tests/browser/test_second_reader.py::test_addresses_get_the_same_checksum"


def without_browser(**environ: str) -> subprocess.CompletedProcess[str]:
    """One browser test on a machine whose PATH holds no chromium."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "CI"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", CHOSEN],
        cwd=ROOT,
        env={**kept, "PATH": "/nonexistent", **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def test_tests_that_need_a_browser_are_left_out_by_name() -> None:
    done = without_browser()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "left out: no browser on this machine" in done.stdout
    assert "tests/browser/test_second_reader.py: 1 tests" in done.stdout


def test_continuous_integration_fails_without_a_browser() -> None:
    done = without_browser(CI="true")
    assert done.returncode == 1
    assert "continuous integration must have a chromium" in done.stdout
