"""The Discord collector when Discord fails, lies or limits: the events of a clean run, or a clean stop."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from ledger.core.errors import ConfigError, CredentialsError, SourceError
from ledger.sources.discord import DiscordSource
from ledger.sources.discord import session as session_module
from ledger.sources.port import SourceContext, StreamCursor
from tests.servers.discord import (
    TOKEN,
    DiscordServer,
    Fault,
    after,
    bad_json,
    empty_page,
    hang,
    html,
    rate_limited,
    reset,
    rewritten,
    snowflake,
    status,
    truncated,
)
from tests.sources.discordworld import (
    BEN,
    HOUR,
    MONDAY,
    WEEK,
    Run,
    archived,
    collect,
    names,
    served,
    source_of,
    taken,
    talk,
)


@pytest.fixture
def server() -> Iterator[DiscordServer]:
    with served() as running:
        yield running


FAULTS: list[tuple[Fault, int]] = [
    (status(500), 1),
    (status(502), 7),
    (status(503), 2),
    (rate_limited(0.01), 2),
    (rate_limited(0.01, everywhere=True), 2),
    (rate_limited(5, via=False), 2),
    (rate_limited(5, headers=False), 2),
    (rate_limited(45), 1),
    (rate_limited(65), 1),
    (truncated(), 2),
    (bad_json(), 2),
    (html(), 2),
    (html(502), 2),
    (reset(), 4),
    (status(200, body="{}"), 2),
    (status(200, body='[{"id": "x"}]'), 2),
    (status(200, body="null"), 2),
]


REQUESTS = [
    "/users/@me$",
    "/oauth2/applications/@me",
    r"/guilds/\d+\?",
    "/members/",
    r"/guilds/\d+/channels",
    "/threads/active",
    "/threads/archived/public",
    r"/messages\?limit=100",
]


LIES: list[Callable[[list[dict[str, Any]]], object]] = [
    lambda page: page[::-1],
    lambda page: [page[0], *page[:-1]],
    lambda page: [message | {"channel_id": "5"} for message in page],
    lambda page: [message | {"content": None} for message in page],
    lambda page: [message | {"author": None} for message in page],
    lambda page: [message | {"reactions": 7} for message in page],
    lambda page: [*page[:-1], page[-1] | {"id": str(snowflake(MONDAY - HOUR))}],
    lambda page: [message | {"id": str(2**64 + n)} for n, message in enumerate(page[::-1])][::-1],
]


def test_a_permission_lost_in_mid_run_covers_nothing_and_stops_no_other_channel(server: DiscordServer) -> None:
    lost, text = server.guild.channel("lost"), server.guild.channel("text")
    talk(lost, 2)
    talk(text, 2)
    server.fail(f"/channels/{lost.id}/messages", status(403))
    run = collect(server)
    assert run.ids == names(server, text)
    assert len(run.gaps) == 1 and str(lost.id) in run.gaps[0]
    assert run.cursors[f"channel:{lost.id}"].covered == ()


@pytest.mark.parametrize("fault", FAULTS)
def test_every_request_survives_every_fault_with_the_events_of_a_clean_run(
    fault: tuple[Fault, int], server: DiscordServer
) -> None:
    text, forum = server.guild.channel("text"), server.guild.channel("forum", 15)
    talk(text, 250)
    (thread,) = archived(server, forum, [MONDAY + HOUR])
    for request in REQUESTS:
        server.fail(request, fault[0], times=fault[1])
    run = collect(server)
    assert run.ids == names(server, text, thread)
    assert run.gaps == []


def test_a_body_that_hangs_is_given_up_and_asked_for_again(
    server: DiscordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "REQUEST_SECONDS", 0.2)
    channel = server.guild.channel("general")
    talk(channel, 3)
    server.fail("/messages", hang())
    run = collect(server)
    assert run.ids == names(server, channel)
    assert any("TimeoutError" in text for text in run.told)


@pytest.mark.parametrize("skip", [0, 1, 2])
def test_an_empty_page_in_the_middle_does_not_end_the_walk(skip: int, server: DiscordServer) -> None:
    channel = server.guild.channel("general")
    talk(channel, 250)
    server.fail(r"/messages\?limit=100", empty_page(), skip=skip)
    run = collect(server)
    assert run.ids == names(server, channel)
    assert len(run.waits) == 1


def test_pages_that_stay_empty_end_in_an_error_that_keeps_what_was_read(server: DiscordServer) -> None:
    channel = server.guild.channel("general")
    talk(channel, 250)
    server.fail(r"/messages\?limit=100", empty_page(), skip=1, times=100)
    run = Run()
    source = source_of(server, run)
    stream = source.streams()[1]
    with pytest.raises(SourceError, match="contradicts itself"):
        taken(run, stream, source, source.fetch(stream, WEEK, StreamCursor()))
    source.close()
    assert len(run.events) == 100
    assert run.cursors[stream].covered == ()
    server.heal()
    assert len(collect(server, run).events) == 150


def test_an_empty_archive_is_believed_only_when_it_says_so_twice(server: DiscordServer) -> None:
    forum = server.guild.channel("forum", 15)
    threads = archived(server, forum, [MONDAY + HOUR + n for n in range(150)])
    server.fail("/threads/archived/public", empty_page())
    server.fail("/threads/archived/public", empty_page(), skip=1)
    assert collect(server).ids == names(server, *threads)


def test_messages_deleted_edited_or_written_between_two_pages_lose_no_other(server: DiscordServer) -> None:
    channel = server.guild.channel("general")
    talk(channel, 300)
    kept = names(server, channel)
    gone, late = channel.messages[150].id, MONDAY + 6 * 24 * HOUR

    def change() -> None:
        channel.delete(channel.messages[10].id)
        channel.delete(gone)
        channel.messages[20].content = "edited"
        channel.say(BEN, "late", at_ms=late)

    server.fail(r"/messages", after(change), skip=1)
    run = collect(server)
    lost = f"discord:message:{server.guild.id}:{channel.id}:{gone}"
    assert run.ids >= kept - {lost}
    assert lost not in run.ids


def test_waits_are_told_and_end_the_run_at_their_bound(server: DiscordServer) -> None:
    channel = server.guild.channel("general")
    talk(channel, 250)
    server.fail("/messages", rate_limited(400, via=False), skip=1, times=10)
    run = Run()
    source = source_of(server, run)
    stream = source.streams()[1]
    with pytest.raises(SourceError, match="bound of 900 s"):
        taken(run, stream, source, source.fetch(stream, WEEK, StreamCursor()))
    source.close()
    assert run.waits == [400.0, 400.0]
    assert [text for text in run.told if "waiting 400.0 s (800 of 900 s)" in text]
    assert len(run.events) == 100


def test_waits_inside_the_client_are_told_too(server: DiscordServer, caplog: pytest.LogCaptureFixture) -> None:
    channel = server.guild.channel("general")
    talk(channel, 3)
    server.fail("/messages", rate_limited(0.01))
    with caplog.at_level(logging.WARNING):
        run = collect(server)
    assert any("We are being rate limited" in text for text in run.told)


def test_the_rate_limit_buckets_are_kept_to(server: DiscordServer) -> None:
    server.rate_limit = (2, 0.05)
    channel = server.guild.channel("general")
    talk(channel, 700)
    assert collect(server).ids == names(server, channel)
    assert all(request.status in (200, 429) for request in server.requests)


def test_a_missing_content_intent_stops_the_run_before_it_records_empty_texts(server: DiscordServer) -> None:
    server.guild.application_flags = 0
    with pytest.raises(SourceError, match="message content intent"):
        collect(server)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda context: replace(context, secret=None), "node's secret"),
        (lambda context: replace(context, environ={}), "DISCORD_TOKEN is not set"),
        (
            lambda context: replace(context, environ={**context.environ, "DISCORD_TOKEN": "wrong"}),
            "refused DISCORD_TOKEN",
        ),
    ],
)
def test_missing_credentials_are_named(
    change: Callable[[SourceContext], SourceContext], message: str, server: DiscordServer
) -> None:
    source = source_of(server, Run())
    with pytest.raises(CredentialsError, match=message) as caught:
        DiscordSource("discord", source._options, change(source._context)).streams()
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://discord.example/api", "ftp://127.0.0.1", "discord.com/api/v10", "https://[::1"]
)
def test_a_token_goes_to_no_address_where_others_may_read_it(server: DiscordServer, url: str) -> None:
    source = source_of(server, Run())
    context = replace(source._context, environ={**source._context.environ, "DISCORD_API_URL": url})
    with pytest.raises(ConfigError, match="DISCORD_API_URL is no https address"):
        DiscordSource("discord", source._options, context).streams()
    assert server.requests == []


def test_a_wrong_guild_is_an_error_that_says_what_to_check(server: DiscordServer) -> None:
    with pytest.raises(SourceError, match="guild"):
        collect(server, guild="5")


def test_slow_answers_count_as_waiting(server: DiscordServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "SLOW_SECONDS", -1.0)
    server.guild.channel("general")
    server.fail("/threads/active", rate_limited(1, via=False))
    with pytest.raises(SourceError, match="bound of 1 s"):
        collect(server, max_wait_seconds=1)


def test_an_archive_page_that_is_empty_but_promises_more_is_asked_for_again(server: DiscordServer) -> None:
    (thread,) = archived(server, server.guild.channel("forum", 15), [MONDAY + HOUR])
    promise = status(200, body='{"threads": [], "members": [], "has_more": true}')
    server.fail("/threads/archived/public", promise, times=3)
    assert collect(server).ids == names(server, thread)


def test_a_channel_is_not_believed_to_be_empty_after_one_contradiction(server: DiscordServer) -> None:
    channel = server.guild.channel("general")
    talk(channel, 3)
    server.fail(r"/messages\?limit=100", empty_page())
    server.fail(r"/messages\?limit=1$", empty_page())
    assert collect(server).ids == names(server, channel)


def test_a_place_without_a_stated_last_message_is_read_to_its_end(server: DiscordServer) -> None:
    thread = server.guild.thread(server.guild.channel("general"), "thread", at_ms=MONDAY)
    talk(thread, 250)
    thread.last_id = None
    assert collect(server).ids == names(server, thread)


@pytest.mark.parametrize("lie", LIES)
def test_a_page_that_cannot_be_true_is_asked_for_again(
    lie: Callable[[list[dict[str, Any]]], object], server: DiscordServer
) -> None:
    channel = server.guild.channel("general")
    talk(channel, 150)
    server.fail(r"/messages\?limit=100", rewritten(lie))
    run = collect(server)
    assert run.ids == names(server, channel)
    assert (len(run.events), len(run.waits)) == (150, 1)


def test_a_request_that_discord_calls_wrong_is_not_repeated(server: DiscordServer) -> None:
    talk(server.guild.channel("general"), 3)
    server.fail("/messages", status(400), times=9)
    with pytest.raises(SourceError, match="HTTP 400"):
        collect(server)
    assert server.count("/messages") == 1


def test_a_channel_deleted_in_mid_run_is_not_claimed_as_read(server: DiscordServer) -> None:
    channel = server.guild.channel("general")
    talk(channel, 3)
    server.fail("/messages", status(404))
    source = source_of(server, Run())
    with pytest.raises(SourceError, match="knows nothing"):
        list(source.fetch(f"channel:{channel.id}", WEEK, StreamCursor()))
    source.close()
