"""`ledger status` tells a complete week from an incomplete one from a quiet one, for each stream of both platforms."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.cli import main
from ledger.flows.start import NodePlan, SourcePlan, init_node
from tests.servers.discord import READ_MESSAGE_HISTORY, DiscordServer, Overwrite, status
from tests.servers.discord import TOKEN as BOT_TOKEN
from tests.servers.github import TOKEN, GitHubServer, rewritten
from tests.servers.github import status as github_status
from tests.sources import discordworld
from tests.sources.discordworld import served, talk
from tests.sources.githubworld import ANNA, BEN, DAY, MONDAY, NAME, merged, time, world

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def github() -> Iterator[GitHubServer]:
    with GitHubServer(world()) as server:
        yield server


@pytest.fixture
def discord() -> Iterator[DiscordServer]:
    with served() as server:
        server.guild.channel("hall")
        yield server


@pytest.fixture
def root(tmp_path: Path, github: GitHubServer, discord: DiscordServer) -> Path:
    sources = [
        SourcePlan("github", "code", {"repositories": [NAME]}),
        SourcePlan("discord", "chat", {"guild": str(discord.guild.id), "consent": "all"}),
    ]
    init_node(tmp_path / "node", NodePlan(name="Test", start=time(MONDAY), sources=sources))
    return tmp_path / "node"


@pytest.fixture
def call(
    root: Path,
    github: GitHubServer,
    discord: DiscordServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Call:
    """The command line as an operator has it, on a Thursday."""
    secrets = {"GITHUB_TOKEN": TOKEN, "DISCORD_TOKEN": BOT_TOKEN, "LEDGER_SECRET": "a node's secret"}
    addresses = {"GITHUB_API_URL": github.api_url, "DISCORD_API_URL": discord.base_url}
    for name, value in {**secrets, **addresses}.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str, day: int = 3) -> tuple[int, str, str]:
        line = ["ledger", *arguments, "--node", str(root), "--now", time(MONDAY + day * DAY)]
        monkeypatch.setattr(sys, "argv", line)
        code = main()
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def streams(call: Call, day: int = 3) -> dict[str, dict[str, Any]]:
    code, out, _ = call("status", "--json", day=day)
    assert code == 0
    return {one["stream"]: one for epoch in json.loads(out)["epochs"] for one in epoch["streams"]}


def shown(call: Call, day: int = 3) -> dict[str, str]:
    """What status says of each stream."""
    _, out, _ = call("status", day=day)
    lines = [line.split(None, 1)[1] for line in out.splitlines() if line.startswith(("    github ", "    discord "))]
    return dict(line.split(": ", 1) for line in lines)


def test_a_busy_stream_a_quiet_one_and_a_closed_door_look_different(
    call: Call, github: GitHubServer, discord: DiscordServer
) -> None:
    merged(github.world.repositories[0], MONDAY + DAY)
    guild = discord.guild
    mute = guild.channel("mute", 0, Overwrite(guild.id, 0, deny=READ_MESSAGE_HISTORY))
    busy, quiet = guild.channel("busy"), guild.channel("quiet")
    talk(busy, 3)
    assert call("collect")[0] == 0
    said = shown(call)
    assert said[f"{NAME}:pulls"] == said[f"channel:{busy.id}"] == "complete"
    assert said[f"{NAME}:issues"] == said[f"{NAME}:releases"] == said[f"channel:{quiet.id}"] == "complete, quiet"
    assert said[f"channel:{mute.id}"].startswith("INCOMPLETE (") and str(mute.id) in said[f"channel:{mute.id}"]
    data = streams(call)
    assert [data[f"channel:{one.id}"]["complete"] for one in (busy, quiet, mute)] == [True, True, False]
    assert [data[f"channel:{one.id}"]["quiet"] for one in (busy, quiet, mute)] == [False, True, False]


def test_a_source_that_was_not_read_is_no_quiet_one(call: Call, github: GitHubServer) -> None:
    merged(github.world.repositories[0], MONDAY + DAY)
    assert call("collect", "--source", "code")[0] == 0
    assert "INCOMPLETE" in shown(call)["chat"] and "not read in this epoch yet" in shown(call)["chat"]
    assert call("collect")[0] == 0
    assert "chat" not in shown(call)


def test_what_could_not_be_read_stays_until_it_has_been_looked_at_again(call: Call, github: GitHubServer) -> None:
    repository = github.world.repositories[0]
    pull = merged(repository, MONDAY + DAY)
    for n in range(3):
        pull.comment(BEN, f"comment {n}", MONDAY + DAY + n)

    def one_more(body: dict[str, Any]) -> dict[str, Any]:
        data = body["data"]
        thing = data["repository"]["found"]["nodes"][-1] if "repository" in data else data["node"]
        (thing.get("comments") or thing["found"])["totalCount"] += 1
        return body

    github.fail("graphql (Pulls|OnePull|MoreComments)", rewritten(one_more), times=99)
    for day in (2, 3):
        github.world.now = MONDAY + day * DAY
        assert call("collect", day=day)[0] == 0
        assert "GitHub states 4 and lists 3" in shown(call, day=day)[f"{NAME}:pulls"]
        merged(repository, MONDAY + day * DAY + 60, ANNA)
    github.heal()
    github.world.now = MONDAY + 4 * DAY
    assert call("collect", day=4)[0] == 0
    assert shown(call, day=4)[f"{NAME}:pulls"] == "complete"


def test_a_channel_that_could_not_be_read_for_once_is_complete_after_the_next_run(
    call: Call, discord: DiscordServer
) -> None:
    channel = discord.guild.channel("general")
    talk(channel, 120, start=discordworld.MONDAY)
    discord.fail(f"/channels/{channel.id}/messages", status(403))
    assert call("collect", "--source", "chat")[0] == 0  # a closed door stops nobody, and is said
    assert shown(call)[f"channel:{channel.id}"].startswith("INCOMPLETE")
    assert call("collect")[0] == 0
    assert shown(call)[f"channel:{channel.id}"] == "complete"
    assert streams(call)[f"channel:{channel.id}"]["events_seen"] == 120


def test_the_stretch_that_nobody_read_is_named(call: Call) -> None:
    assert call("collect", "--source", "code")[0] == 0
    assert f"not covered {time(MONDAY)}..{time(MONDAY + 3 * DAY)}" in shown(call)["chat"]


def test_what_stopped_a_stream_stands_in_its_line_and_a_closed_door_hides_no_progress(
    call: Call, github: GitHubServer, discord: DiscordServer
) -> None:
    guild = discord.guild
    talk(guild.channel("busy"), 1)
    mute = guild.channel("mute", 0, Overwrite(guild.id, 0, deny=READ_MESSAGE_HISTORY))
    github.fail("graphql", github_status(404), times=9)
    code, out, err = call("collect")
    assert code == 3 and "no GraphQL" in err
    assert f"{NAME}:pulls: not read: GitHub has no GraphQL at this address (HTTP 404)\n" in out
    assert f"channel:{mute.id}: incomplete\n" in out
    assert "    nothing has been read to its end yet\n" not in call("status")[1]
    assert f"    read up to {time(MONDAY + 3 * DAY)}\n" in call("status")[1]
