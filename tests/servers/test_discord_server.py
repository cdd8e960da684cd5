"""The Discord test server, read by the real client: it must answer, fail, page and refuse as Discord does."""

from __future__ import annotations

import ast
import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import discord
import jsonschema
import pytest
import requests
from discord.http import Route

from tests.servers.discord import (
    READ_MESSAGE_HISTORY,
    TOKEN,
    VIEW_CHANNEL,
    DiscordServer,
    Fault,
    Guild,
    Overwrite,
    User,
    after,
    bad_json,
    empty_page,
    hang,
    html,
    rate_limited,
    reset,
    snowflake,
    status,
    truncated,
)

SCHEMAS = Path(__file__).parents[1] / "schemas"
MONDAY = 1_767_571_200_000
ANNA = User(snowflake(MONDAY - 1000), "anna")
T = TypeVar("T")


@pytest.fixture
def server() -> Iterator[DiscordServer]:
    with DiscordServer(Guild()) as running:
        yield running


def with_client(
    server: DiscordServer, monkeypatch: pytest.MonkeyPatch, act: Callable[[discord.Client], Awaitable[T]]
) -> T:
    """Logs the real client in and lets `act` use it; its own waits between tries take no time."""

    class Hurried:
        """`asyncio`, as discord.http sees it, with a clock that need not be waited for."""

        def __getattr__(self, name: str) -> Any:
            return getattr(asyncio, name)

        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(min(seconds, 0.01))

    monkeypatch.setattr(Route, "BASE", server.base_url)
    monkeypatch.setattr("discord.http.asyncio", Hurried())

    async def run() -> T:
        async with discord.Client(intents=discord.Intents.none()) as client:
            await client.login(TOKEN)
            return await act(client)

    return asyncio.run(run())


def test_the_client_walks_the_whole_history_of_a_channel(
    server: DiscordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = server.guild.channel("general")
    for n in range(250):
        channel.say(ANNA, f"message {n}", at_ms=MONDAY + n)

    async def act(client: discord.Client) -> list[str]:
        guild = await client.fetch_guild(server.guild.id)
        (text,) = await guild.fetch_channels()
        assert isinstance(text, discord.TextChannel)
        return [message.content async for message in text.history(limit=None, oldest_first=True)]

    assert with_client(server, monkeypatch, act) == [f"message {n}" for n in range(250)]
    assert server.count("/messages") == 3


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ({}, [9, 8, 7]),
        ({"before": 4}, [3, 2, 1]),
        ({"after": 4}, [7, 6, 5]),
        ({"after": 8}, [9]),
        ({"before": 0}, []),
        ({"around": 4}, [5, 4, 3]),
    ],
)
def test_pages_are_newest_first_and_after_gives_the_oldest_that_follow(
    place: dict[str, int], expected: list[int], server: DiscordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = server.guild.channel("general")
    ids = [channel.say(ANNA, at_ms=MONDAY, sequence=n).id for n in range(10)]

    async def act(client: discord.Client) -> Any:
        return await client.http.logs_from(channel.id, 3, **{name: ids[n] for name, n in place.items()})

    assert [ids.index(int(m["id"])) for m in with_client(server, monkeypatch, act)] == expected


def test_archived_threads_with_equal_stamps_are_lost_at_a_page_edge(
    server: DiscordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = server.guild.channel("general")
    for n in range(150):
        server.guild.thread(channel, f"thread {n}", at_ms=MONDAY, sequence=n, archived_ms=MONDAY + 5)

    async def act(client: discord.Client) -> int:
        found = await client.fetch_channel(channel.id)
        assert isinstance(found, discord.TextChannel)
        return len([thread async for thread in found.archived_threads(limit=None)])

    assert with_client(server, monkeypatch, act) == 100


def test_active_and_private_threads_follow_the_bots_invitation(
    server: DiscordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    guild = server.guild
    forum, text = guild.channel("forum", 15), guild.channel("text")
    post = guild.thread(forum, "post", at_ms=MONDAY)
    invited = guild.thread(text, "invited", at_ms=MONDAY + 1, kind=12, joined=True)
    guild.thread(text, "secret", at_ms=MONDAY + 2, kind=12)
    gone = guild.thread(text, "gone", at_ms=MONDAY + 3, kind=12, joined=True, archived_ms=MONDAY + 4)

    async def act(client: discord.Client) -> tuple[Any, Any]:
        active = await client.http.get_active_threads(guild.id)
        return active, await client.http.get_joined_private_archived_threads(text.id)

    active, archived = with_client(server, monkeypatch, act)
    assert [int(t["id"]) for t in active["threads"]] == [invited.id, post.id]
    assert [int(t["id"]) for t in archived["threads"]] == [gone.id]
    assert forum.last_id == post.id


def test_no_history_permission_is_an_empty_list_and_no_view_permission_an_error(
    server: DiscordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    guild = server.guild
    mute = guild.channel("mute", 0, Overwrite(guild.id, 0, deny=READ_MESSAGE_HISTORY))
    hidden = guild.channel("hidden", 0, Overwrite(guild.id, 0, deny=VIEW_CHANNEL))
    seen = guild.channel("seen", 0, Overwrite(guild.id, 0, deny=VIEW_CHANNEL), Overwrite(guild.bot.id, 1, VIEW_CHANNEL))
    for channel in (mute, hidden, seen):
        channel.say(ANNA, "hello", at_ms=MONDAY)

    async def act(client: discord.Client) -> tuple[int, int]:
        with pytest.raises(discord.Forbidden, match="50001"):
            await client.http.logs_from(hidden.id, 100)
        return len(await client.http.logs_from(mute.id, 100)), len(await client.http.logs_from(seen.id, 100))

    assert with_client(server, monkeypatch, act) == (0, 1)


def test_a_bot_without_the_content_intent_reads_empty_texts(
    server: DiscordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.guild.application_flags = 0
    channel = server.guild.channel("general")
    channel.say(ANNA, "hello", at_ms=MONDAY, attachments=2)

    async def act(client: discord.Client) -> Any:
        return await client.http.logs_from(channel.id, 100)

    (message,) = with_client(server, monkeypatch, act)
    assert (message["content"], message["attachments"]) == ("", [])


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (status(503), discord.DiscordServerError),
        (rate_limited(0.01, via=False), discord.HTTPException),
        (rate_limited(0.01, headers=False), discord.HTTPException),
        (truncated(), aiohttp.ClientPayloadError),
        (bad_json(), json.JSONDecodeError),
    ],
)
def test_faults_that_the_client_does_not_survive_by_itself(
    fault: Fault, error: type[Exception], server: DiscordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = server.guild.channel("general")
    channel.say(ANNA, "hello" * 100, at_ms=MONDAY)
    server.fail("/messages", fault)

    async def act(client: discord.Client) -> Any:
        with pytest.raises(error):
            await client.http.logs_from(channel.id, 100)
        return await client.http.logs_from(channel.id, 100)

    assert len(with_client(server, monkeypatch, act)) == 1
    assert server.count("/messages") == 2


def test_one_reset_is_tried_again_and_a_second_one_is_not(
    server: DiscordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = server.guild.channel("general")
    server.fail("/messages", reset(), times=3)

    async def act(client: discord.Client) -> Any:
        with pytest.raises(aiohttp.ClientError):
            await client.http.logs_from(channel.id, 100)
        return await client.http.logs_from(channel.id, 100)

    assert with_client(server, monkeypatch, act) == []
    assert server.count("/messages") == 4


@pytest.mark.parametrize("fault", [status(500), status(502), rate_limited(0.01), rate_limited(0.01, everywhere=True)])
def test_faults_that_the_client_tries_again(
    fault: Fault, server: DiscordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = server.guild.channel("general")
    channel.say(ANNA, "hello", at_ms=MONDAY)
    server.fail("/messages", fault, times=2)

    async def act(client: discord.Client) -> Any:
        return await client.http.logs_from(channel.id, 100)

    assert len(with_client(server, monkeypatch, act)) == 1
    assert server.count("/messages") == 3


def test_a_page_that_is_html_or_empty_passes_the_client_unnoticed(
    server: DiscordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = server.guild.channel("general")
    channel.say(ANNA, "hello", at_ms=MONDAY)
    server.fail("/messages", html())
    server.fail("/messages", empty_page())

    async def act(client: discord.Client) -> tuple[Any, Any]:
        return await client.http.logs_from(channel.id, 100), await client.http.logs_from(channel.id, 100)

    page, empty = with_client(server, monkeypatch, act)
    assert isinstance(page, str)
    assert empty == []


def test_a_body_that_hangs_ends_only_by_the_clients_patience(
    server: DiscordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = server.guild.channel("general")
    server.fail("/messages", hang())

    async def act(client: discord.Client) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.http.logs_from(channel.id, 100)

    with_client(server, monkeypatch, act)


def test_messages_can_go_between_two_pages(server: DiscordServer, monkeypatch: pytest.MonkeyPatch) -> None:
    channel = server.guild.channel("general")
    first = channel.say(ANNA, "first", at_ms=MONDAY)
    server.fail("/messages", after(lambda: channel.delete(first.id)), skip=1)

    async def act(client: discord.Client) -> list[int]:
        return [len(await client.http.logs_from(channel.id, 100)) for _ in range(2)]

    assert with_client(server, monkeypatch, act) == [1, 0]
    assert channel.payload()["last_message_id"] == str(first.id)


@pytest.mark.parametrize("limits", [{"rate_limit": (2, 0.02)}, {"global_limit": (3, 0.02)}])
def test_the_client_keeps_to_the_buckets_that_the_server_enforces(
    limits: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with DiscordServer(Guild(), **limits) as server:
        channel = server.guild.channel("general")

        async def act(client: discord.Client) -> list[Any]:
            return [await client.http.logs_from(channel.id, 100) for _ in range(7)]

        assert with_client(server, monkeypatch, act) == [[]] * 7


def declared(module: str, name: str) -> tuple[set[str], set[str]]:
    """The (required, all) field names of one of discord.py's own types of API objects, read from its source."""
    tree = ast.parse((Path(discord.__file__).parent / "types" / f"{module}.py").read_text("utf-8"))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    required: set[str] = set()
    every: set[str] = set()
    for base in classes[name].bases:
        if isinstance(base, ast.Name) and base.id in classes:
            more_required, more = declared(module, base.id)
            required, every = required | more_required, every | more
    partial = any(k.arg == "total" for k in classes[name].keywords)
    for line in classes[name].body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            every.add(line.target.id)
            if not partial and "NotRequired" not in ast.unparse(line.annotation):
                required.add(line.target.id)
            else:
                required.discard(line.target.id)
    return required, every


def test_answers_carry_the_fields_that_the_clients_own_types_declare() -> None:
    guild = Guild(bot_roles={5: 1})
    text, forum, voice = guild.channel("text"), guild.channel("forum", 15), guild.channel("voice", 2)
    news = guild.channel("news", 5)
    thread = guild.thread(text, "thread", at_ms=MONDAY)
    message = text.say(ANNA, "x", at_ms=MONDAY, attachments=1, reactions=(2,), reply_to=1, webhook_id=3, thread=thread)
    shown = message.payload(text, True)
    # The client's types lag behind Discord's own description (below): `newer` is there, but not in discord.py 2.7.
    gateway_only = {"guild_scheduled_events", "stage_instances"}
    newer = {
        "approximate_member_count",
        "approximate_presence_count",
        "type",
        "flags",
        "premium_progress_bar_enabled",
        "primary_color",
        "primary_guild",
        "banner",
        "home_header",
        "safety_alerts_channel_id",
        "max_stage_video_channel_users",
        "nsfw",
    }
    for module, name, payload in [
        ("message", "Message", shown),
        ("message", "Attachment", shown["attachments"][0]),
        ("message", "Reaction", shown["reactions"][0]),
        ("message", "MessageReference", shown["message_reference"]),
        ("user", "User", shown["author"]),
        ("channel", "TextChannel", text.payload()),
        ("channel", "NewsChannel", news.payload()),
        ("channel", "VoiceChannel", voice.payload()),
        ("channel", "ForumChannel", forum.payload()),
        ("threads", "Thread", thread.payload()),
        ("threads", "ThreadMetadata", thread.payload()["thread_metadata"]),
        ("guild", "Guild", guild.payload()),
        ("role", "Role", guild.roles()[0]),
        ("member", "MemberWithUser", guild.bot_member()),
    ]:
        required, every = declared(module, name)
        assert required - gateway_only <= payload.keys(), (name, required - payload.keys())
        assert payload.keys() <= every | newer, (name, payload.keys() - every)


@cache
def described(name: str) -> jsonschema.protocols.Validator:
    """What Discord's OpenAPI description says of an answer; it knows no field that is not described."""
    kept = json.loads(gzip.decompress((SCHEMAS / "discord-rest.json.gz").read_bytes()))
    return jsonschema.Draft202012Validator(kept[name])


def answers(server: DiscordServer, path: str) -> Any:
    return requests.get(server.base_url + path, headers={"Authorization": f"Bot {TOKEN}"}, timeout=10).json()


def test_every_answer_has_the_form_that_discord_publishes() -> None:
    guild = Guild(bot_roles={5: 1})
    text, *_, forum = (guild.channel(f"kind-{kind}", kind, Overwrite(5, 0, 1, 2)) for kind in (0, 2, 4, 5, 13, 15))
    thread = guild.thread(text, "thread", at_ms=MONDAY, joined=True)
    private = guild.thread(text, "private", at_ms=MONDAY, sequence=1, kind=12, joined=True, archived_ms=MONDAY + 2)
    old = guild.thread(forum, "old", at_ms=MONDAY, sequence=2, archived_ms=MONDAY + 1)
    text.say(ANNA, "x", at_ms=MONDAY, attachments=1, reactions=(2,), reply_to=1, webhook_id=3, thread=thread)
    text.say(User.deleted(7), "y", at_ms=MONDAY + 1, kind=19, reply_to=1, edited_ms=MONDAY + 2)
    for place in (thread, private, old):
        place.say(guild.bot, "z", at_ms=MONDAY + 3)
    asked = {
        "/users/@me": "UserPIIResponse",
        "/oauth2/applications/@me": "PrivateApplicationResponse",
        f"/guilds/{guild.id}": "GuildWithCountsResponse",
        f"/guilds/{guild.id}/members/{guild.bot.id}": "GuildMemberResponse",
        f"/guilds/{guild.id}/channels": "GuildChannelResponse",
        f"/guilds/{guild.id}/threads/active": "ThreadsResponse",
        f"/channels/{forum.id}/threads/archived/public": "ThreadsResponse",
        f"/channels/{text.id}/users/@me/threads/archived/private": "ThreadsResponse",
        f"/channels/{text.id}/messages": "MessageResponse",
        f"/channels/{thread.id}/messages": "MessageResponse",
    }
    wrong, seen = [], 0
    with DiscordServer(guild) as server:
        for path, name in asked.items():
            answer = answers(server, path)
            for one in answer if isinstance(answer, list) else [answer]:
                seen += 1
                wrong += [f"{path} {'/'.join(map(str, e.path))}: {e.message}" for e in described(name).iter_errors(one)]
    assert wrong == []
    assert seen == 4 + 6 + 3 + 3, "every kind of channel, and messages of all sorts"


def test_a_field_that_discord_does_not_describe_is_found() -> None:
    shown = Guild().channel("text").payload()
    assert described("GuildChannelResponse").is_valid(shown)
    assert not described("GuildChannelResponse").is_valid({**shown, "member_list": []})
    assert not described("GuildChannelResponse").is_valid({**shown, "position": "first"})
    assert not described("GuildChannelResponse").is_valid({k: v for k, v in shown.items() if k != "name"})
