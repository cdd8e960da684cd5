"""A run that is ended from outside keeps what its finished pages brought, and the next one goes on from there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ledger.flows.start import NodePlan, SourcePlan, init_node
from tests.servers.github import TOKEN, GitHubServer, before
from tests.sources.githubworld import MONDAY, NAME, WEEK, merged, time


def listening() -> None:
    """A shell that starts the tests in the background has them ignore SIGINT, and a child inherits that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_stream_keeps_its_finished_pages_and_where_to_go_on(
    server: GitHubServer, tmp_path: Path, number: int, code: int
) -> None:
    for n in range(600):
        merged(server.world.repositories[0], MONDAY + 60 * n)
    source = SourcePlan("github", "code", {"repositories": [NAME], "kinds": ["pr_merged"]})
    root = tmp_path / "node"
    init_node(root, NodePlan(name="Test", start=time(MONDAY), sources=[source]))
    environ = {**os.environ, "GITHUB_TOKEN": TOKEN, "GITHUB_API_URL": server.api_url}
    line = [sys.executable, "-m", "ledger", "collect", "--node", str(root), "--now", WEEK.end]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(line, env=environ, preexec_fn=listening, **pipes) as process:
        server.fail("graphql Pulls", before(lambda: os.kill(process.pid, number)), skip=3)
        _, said = process.communicate(timeout=120)
    assert process.returncode == code and "what was read is kept" in said
    kept = [line for path in root.rglob("activity*.jsonl") for line in path.read_text("utf-8").splitlines()]
    assert len(kept) == 300
    asked = server.count("graphql Pulls")
    assert subprocess.run(line, env=environ, capture_output=True, check=False).returncode == 0
    assert server.count("graphql Pulls") - asked <= 5  # three pages are not read again; the list's front is
    held = [line for path in root.rglob("activity*.jsonl") for line in path.read_text("utf-8").splitlines()]
    assert held[:300] == kept and len(held) == 600
