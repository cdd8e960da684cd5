"""Discord through the whole ledger: what a node holds, byte for byte, after people talked."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from discord.http import Route

from ledger.core.values import Timestamp, from_milliseconds
from ledger.flows.collect import CollectRun
from ledger.flows.start import NodePlan, SourcePlan, init_node
from ledger.sources.keyed import keyed_account
from ledger.store.epochfolder import EpochFolder
from tests.nodes import everything
from tests.servers.discord import (
    READ_MESSAGE_HISTORY,
    TOKEN,
    DiscordServer,
    Guild,
    Overwrite,
    User,
    rate_limited,
    snowflake,
)
from tests.sources.noderun import collect_once, lines

MONDAY = 1_767_571_200_000
HOUR = 3_600_000
TUESDAY = from_milliseconds(MONDAY + 24 * HOUR)
ANNA = User(snowflake(MONDAY - HOUR), "anna-of-the-hidden-name")
SECRET = "a node's secret"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[DiscordServer]:
    monkeypatch.setattr(Route, "BASE", Route.BASE)
    with DiscordServer(Guild()) as running:
        yield running


def node_of(server: DiscordServer, root: Path, **options: str) -> Path:
    plan = NodePlan(
        name="Test",
        start=from_milliseconds(MONDAY),
        sources=[SourcePlan("discord", "chat", {"guild": str(server.guild.id), "consent": "all", **options})],
    )
    init_node(root, plan)
    return root


def run(server: DiscordServer, root: Path, now: Timestamp = TUESDAY) -> CollectRun:
    environ = {"DISCORD_TOKEN": TOKEN, "DISCORD_API_URL": server.base_url, "LEDGER_SECRET": SECRET}
    return collect_once(root, now, environ)


def test_no_text_name_or_account_is_anywhere_in_the_node(server: DiscordServer, tmp_path: Path) -> None:
    channel = server.guild.channel("a-private-sounding-name")
    thread = server.guild.thread(channel, "a thread's title", at_ms=MONDAY)
    texts = ["the plan nobody may read", "zweiter geheimer Text\nüber zwei Zeilen"]
    for n, text in enumerate(texts):
        channel.say(ANNA, text, at_ms=MONDAY + n)
        thread.say(ANNA, text, at_ms=MONDAY + n)
    root = node_of(server, tmp_path / "node")
    assert [report.added for report in run(server, root).reports] == [0, 4]
    held = everything(root)
    assert held.count("text_hmac") >= 2 * 4, "in the file and in the object of git"
    assert keyed_account(SECRET.encode(), str(ANNA.id)) in held
    hidden = [*texts, *texts[1].split("\n"), ANNA.name, str(ANNA.id), channel.name, thread.name, SECRET, TOKEN]
    assert [secret for secret in hidden if secret in held] == []


def test_collecting_again_adds_nothing_and_writes_nothing(server: DiscordServer, tmp_path: Path) -> None:
    channel = server.guild.channel("general")
    for n in range(120):
        channel.say(ANNA, f"message {n}", at_ms=MONDAY + n)
    root = node_of(server, tmp_path / "node")
    run(server, root)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    server.requests.clear()
    run(server, root)
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
    assert server.count("/channels/") <= 1


def test_the_completeness_record_tells_a_closed_door_from_a_quiet_week(server: DiscordServer, tmp_path: Path) -> None:
    guild = server.guild
    mute = guild.channel("mute", 0, Overwrite(guild.id, 0, deny=READ_MESSAGE_HISTORY))
    quiet, busy = guild.channel("quiet"), guild.channel("busy")
    busy.say(ANNA, "hello", at_ms=MONDAY)
    busy.say(guild.bot, "I am a bot", at_ms=MONDAY + 1)
    root = node_of(server, tmp_path / "node")
    run(server, root)
    seen = {line["stream"]: line for line in lines(root, "collection.jsonl")}
    assert seen[f"channel:{mute.id}"]["gaps"] != []
    assert (seen[f"channel:{quiet.id}"]["gaps"], seen[f"channel:{quiet.id}"]["events_seen"]) == ([], 0)
    assert (seen[f"channel:{busy.id}"]["events_seen"], seen[f"channel:{busy.id}"]["counts"]) == (1, {"bots": 1})
    covered = {line["stream"] for line in lines(root, "cursors.jsonl") if line["covered"]}
    assert f"channel:{mute.id}" not in covered and f"channel:{quiet.id}" in covered


def test_a_guild_of_many_channels_does_not_make_a_run_read_its_logs_over_and_over(
    server: DiscordServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(12):
        server.guild.channel(f"channel-{n}").say(ANNA, "hello", at_ms=MONDAY)
    root, read = node_of(server, tmp_path / "node"), Counter[str]()
    for name in ("cursors", "collections"):
        method = getattr(EpochFolder, name)

        def counted(folder: EpochFolder, name: str = name, method: Any = method) -> Any:
            read[name] += 1
            return method(folder)

        monkeypatch.setattr(EpochFolder, name, counted)
    run(server, root)
    assert len(lines(root, "collection.jsonl")) == len(lines(root, "cursors.jsonl")) == 13
    assert read == {"cursors": 2, "collections": 2}  # the run, and what it looked up to name its streams


def test_a_run_that_is_blocked_keeps_what_it_has_and_the_next_one_completes_it(
    server: DiscordServer, tmp_path: Path
) -> None:
    channel = server.guild.channel("general")
    for n in range(250):
        channel.say(ANNA, f"message {n}", at_ms=MONDAY + n)
    root = node_of(server, tmp_path / "node")
    server.fail("/messages", rate_limited(600, via=False), skip=1, times=9)
    blocked = run(server, root)
    assert "bound of 900 s" in str(blocked.reports[1].error)
    assert blocked.reports[1].added == 100
    server.heal()
    server.requests.clear()
    assert run(server, root).reports[1].added == 150
    assert server.count("/messages") == 2
    assert len({line["id"] for line in lines(root, "activity.jsonl")}) == 250


def test_a_bound_member_is_recorded_and_another_one_is_a_number(server: DiscordServer, tmp_path: Path) -> None:
    channel = server.guild.channel("general")
    channel.say(ANNA, "hello", at_ms=MONDAY)
    root = node_of(server, tmp_path / "node", consent="bound")
    run(server, root)
    assert lines(root, "activity.jsonl") == []
    counted = [line["counts"] for line in lines(root, "collection.jsonl") if line["stream"].startswith("channel:")]
    assert counted == [{"not_bound_2026_01_05": 1}]


def test_the_collector_works_from_within_a_program_that_has_an_event_loop_in_another_thread(
    server: DiscordServer, tmp_path: Path
) -> None:
    server.guild.channel("general").say(ANNA, "hello", at_ms=MONDAY)
    root = node_of(server, tmp_path / "node")

    async def outer() -> CollectRun:
        return await asyncio.to_thread(run, server, root)

    assert asyncio.run(outer()).reports[1].added == 1
