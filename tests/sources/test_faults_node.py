"""`ledger collect` against servers that fail in every way, one way at a time: the node ends as after a clean run.

Once with a fault that passes, once with one that lasts for a whole run and is gone in the next; in between, status says
that the week is incomplete. Nodes are compared byte by byte, since node id and clock are fixed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.core.values import Timestamp
from ledger.flows.collect import CollectRun
from ledger.flows.completeness import stream_statuses
from ledger.flows.session import open_session
from ledger.flows.start import NodePlan, SourcePlan, init_node
from ledger.sources.github import walk
from tests.nodes import NODE_ID
from tests.servers.discord import TOKEN as BOT_TOKEN
from tests.servers.discord import DiscordServer
from tests.servers.github import TOKEN, GitHubServer
from tests.sources import discordworld, githubworld, test_discord_faults, test_github_faults
from tests.sources.discordworld import archived, served, talk
from tests.sources.githubworld import DAY, MONDAY, NAME, busy, time
from tests.sources.noderun import collect_once

NOW = time(MONDAY + 7 * DAY - 60)
OUTLASTED = {"a hole in a page", "a page out of order"}
"""Faults that a thing asked for alone, or a page of one item, cannot have: to such the collector goes by itself."""


def node_of(root: Path, source: str, options: dict[str, Any]) -> Path:
    plan = NodePlan(name="Test", start=time(MONDAY), sources=[SourcePlan(source, "main", options)], node_id=NODE_ID)
    init_node(root, plan)
    return root


def run(root: Path, environ: dict[str, str], now: Timestamp = NOW) -> CollectRun:
    """One `ledger collect` whose waits take no time."""
    return collect_once(root, now, environ)


def events(root: Path) -> list[str]:
    """The stored lines, sorted: pages may come in another order, but nothing may differ."""
    return sorted(line for path in root.rglob("activity*.jsonl") for line in path.read_text("utf-8").splitlines())


def verdicts(root: Path) -> set[str]:
    session = open_session(root, NOW, environ={})
    try:
        return {one.verdict for one in stream_statuses(session, session.node.epoch("default", 1))}
    finally:
        session.close()


def quoted(root: Path, *texts: str) -> list[str]:
    """Which texts of people stand anywhere in the node, also in what it recorded about a failure."""
    held = "\n".join(path.read_text("utf-8") for path in root.rglob("*") if path.is_file())
    return [text for text in texts if text in held]


def failed(done: CollectRun) -> list[str]:
    return [str(report.error) for report in done.reports if report.error is not None]


# --- GitHub ---


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubServer]:
    monkeypatch.setattr(walk, "PAGE", 5)
    monkeypatch.setattr(walk, "HEAD", 2)
    with GitHubServer(githubworld.world()) as server:
        busy(server.world.repositories[0], 8)
        yield server


def github_node(server: GitHubServer, root: Path) -> tuple[Path, dict[str, str]]:
    environ = {"GITHUB_TOKEN": TOKEN, "GITHUB_API_URL": server.api_url}
    return node_of(root, "github", {"repositories": [NAME]}), environ


@pytest.mark.parametrize("name", test_github_faults.FAULTS)
def test_a_node_on_github_ends_the_same_whatever_fails(github: GitHubServer, tmp_path: Path, name: str) -> None:
    clean, environ = github_node(github, tmp_path / "clean")
    assert failed(run(clean, environ)) == []
    wanted = events(clean)
    assert len(wanted) > 50 and verdicts(clean) == {"complete"}

    passing, environ = github_node(github, tmp_path / "passing")
    github.fail("graphql (Pulls|Issues)", test_github_faults.FAULTS[name](github), skip=1, times=2)
    assert failed(run(passing, environ)) == []
    assert events(passing) == wanted and verdicts(passing) == {"complete"}

    lasting, environ = github_node(github, tmp_path / "lasting")
    github.fail("graphql (Pulls|Issues)", test_github_faults.FAULTS[name](github), skip=1, times=9999)
    assert (failed(run(lasting, environ)) == []) is (name in OUTLASTED)
    assert (events(lasting) == wanted) is ("INCOMPLETE" not in verdicts(lasting)) is (name in OUTLASTED)
    assert quoted(lasting, "nobody may keep", githubworld.ADDRESS, TOKEN) == []
    github.heal()
    assert failed(run(lasting, environ)) == []
    assert events(lasting) == wanted and verdicts(lasting) == {"complete"}


# --- Discord ---


@pytest.fixture
def discord() -> Iterator[DiscordServer]:
    with served() as server:
        text, forum = server.guild.channel("text"), server.guild.channel("forum", 15)
        talk(text, 250)
        archived(server, forum, [discordworld.MONDAY + discordworld.HOUR])
        yield server


def discord_node(server: DiscordServer, root: Path) -> tuple[Path, dict[str, str]]:
    environ = {"DISCORD_TOKEN": BOT_TOKEN, "DISCORD_API_URL": server.base_url, "LEDGER_SECRET": "a node's secret"}
    return node_of(root, "discord", {"guild": str(server.guild.id), "consent": "all"}), environ


@pytest.mark.parametrize("fault", test_discord_faults.FAULTS)
def test_a_node_on_discord_ends_the_same_whatever_fails(
    discord: DiscordServer, tmp_path: Path, fault: tuple[test_discord_faults.Fault, int]
) -> None:
    clean, environ = discord_node(discord, tmp_path / "clean")
    assert failed(run(clean, environ)) == []
    wanted = events(clean)
    assert len(wanted) == 251 and verdicts(clean) == {"complete", "complete, quiet"}  # the guild itself says nothing

    passing, environ = discord_node(discord, tmp_path / "passing")
    for request in test_discord_faults.REQUESTS:
        discord.fail(request, fault[0], times=fault[1])
    assert failed(run(passing, environ)) == []
    assert events(passing) == wanted and verdicts(passing) == verdicts(clean)
    discord.heal()

    lasting, environ = discord_node(discord, tmp_path / "lasting")
    discord.fail(r"/messages\?limit=100", fault[0], skip=1, times=9999)
    assert failed(run(lasting, environ)) != []
    assert len(events(lasting)) < len(wanted) and "INCOMPLETE" in verdicts(lasting)
    assert quoted(lasting, "message 1", discordworld.ANNA.name, BOT_TOKEN, "a node's secret") == []
    discord.heal()
    assert failed(run(lasting, environ)) == []
    assert events(lasting) == wanted and verdicts(lasting) == verdicts(clean)
