"""What every test may rely on: the same examples on every run of Hypothesis, and more of them on request."""

import os
from collections import Counter
from typing import Any

import pytest
from hypothesis import settings

# Derandomized, so that a red test is red for everyone and no change is blamed for another's luck. Deadlines measure
# the machine, not the code. `HYPOTHESIS_PROFILE=search` looks for new counter-examples before a release.
settings.register_profile("default", derandomize=True, deadline=None, max_examples=60)
settings.register_profile("search", deadline=None, max_examples=5_000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


LONGEST = ("tests/workflows/test_four_weeks.py", "tests/workflows/test_ten_minutes.py")
"""Stories that nothing can share out: they begin first, so that no processor waits for them at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest stories first; all else stays as it was found."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say which tests were left out for want of a browser: a green run without them shows less than it seems to."""
    skipped = terminalreporter.stats.get("skipped", [])
    left_out = Counter(one.nodeid.partition("::")[0] for one in skipped if "chromium" in str(one.longrepr[-1]).lower())
    if left_out:
        terminalreporter.section("left out: no browser on this machine")
        for name, count in sorted(left_out.items()):
            terminalreporter.line(f"{name}: {count} tests")
        terminalreporter.line("Install chromium (Debian: apt-get install chromium) to run them; with CI set they fail.")
