"""The Discord collector against the loopback guild: nothing lost, nothing counted twice, no text kept."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import pytest

from ledger.sources.discord import DiscordOptions, DiscordSource
from ledger.sources.keyed import keyed_account
from ledger.sources.port import StreamCursor
from ledger.sources.registry import source_class
from tests.servers.discord import (
    MANAGE_THREADS,
    READ_MESSAGE_HISTORY,
    VIEW_CHANNEL,
    DiscordServer,
    Overwrite,
    User,
)
from tests.sources.discordworld import (
    ANNA,
    BEN,
    HOUR,
    MONDAY,
    SECRET,
    WEEK,
    Run,
    archived,
    collect,
    names,
    served,
    source_of,
    talk,
)


@pytest.fixture
def server() -> Iterator[DiscordServer]:
    with served() as running:
        yield running


def test_the_registry_knows_the_adapter() -> None:
    assert source_class("discord") is DiscordSource


def test_a_guild_is_read_whole_text_news_threads_and_posts(server: DiscordServer) -> None:
    guild = server.guild
    text, news, forum = guild.channel("text"), guild.channel("news", 5), guild.channel("forum", 15)
    guild.channel("rules", 4)
    active = guild.thread(text, "active", at_ms=MONDAY + 1)
    old = guild.thread(text, "old", at_ms=MONDAY + 2, archived_ms=MONDAY + HOUR)
    told = guild.thread(news, "told", at_ms=MONDAY + 3, kind=10, archived_ms=MONDAY + HOUR)
    post = guild.thread(forum, "post", at_ms=MONDAY + 4)
    closed = guild.thread(forum, "closed", at_ms=MONDAY + 5, archived_ms=MONDAY + HOUR)
    for place in (text, news, active, old, told, post, closed):
        talk(place, 3, start=MONDAY + 10)
    run = collect(server)
    assert run.ids == names(server, text, news, active, old, told, post, closed)
    assert len(run.events) == len(run.ids)
    assert (run.gaps, run.waits) == ([], [])
    kinds = Counter(event.metadata["channel_kind"] for event in run.events)
    assert kinds == {"text": 3, "announcement": 3, "public_thread": 12, "announcement_thread": 3}


def test_a_long_channel_costs_one_request_a_page_and_every_message_comes_once(server: DiscordServer) -> None:
    channel = server.guild.channel("general")
    talk(channel, 1000)
    run = collect(server)
    assert run.ids == names(server, channel)
    assert len(run.events) == 1000
    assert server.count("/messages") == 10


def test_messages_of_the_first_and_last_millisecond_of_a_window_are_read(server: DiscordServer) -> None:
    channel = server.guild.channel("general")
    first = channel.say(ANNA, at_ms=MONDAY, sequence=0)
    last = channel.say(ANNA, at_ms=MONDAY + 7 * 24 * HOUR - 1, sequence=2**22 - 1)
    channel.say(ANNA, at_ms=MONDAY + 7 * 24 * HOUR)
    channel.say(ANNA, at_ms=MONDAY - 1)
    found = {event.id.split(":")[-1] for event in collect(server).events}
    assert found == {str(first.id), str(last.id)}


def test_a_hundred_messages_of_one_millisecond_at_a_page_edge_are_all_read(server: DiscordServer) -> None:
    channel = server.guild.channel("general")
    for n in range(250):
        channel.say(ANNA, at_ms=MONDAY + 5, sequence=n)
    assert collect(server).ids == names(server, channel)


def test_an_explicit_list_reads_these_channels_and_no_others(server: DiscordServer) -> None:
    text, voice, other = server.guild.channel("text"), server.guild.channel("voice", 2), server.guild.channel("other")
    for channel in (text, voice, other):
        talk(channel, 2)
    assert collect(server, channels=[text.id, str(voice.id)]).ids == names(server, text, voice)
    assert collect(server).counts["voice_channels_not_listed"] == 1


def test_a_listed_channel_that_is_gone_is_a_gap_and_the_others_are_read(server: DiscordServer) -> None:
    text = server.guild.channel("text")
    talk(text, 2)
    run = collect(server, channels=[5, text.id])
    assert run.ids == names(server, text)
    assert run.gaps == ["channel 5 is not in the guild, or holds no messages"]
    assert "channel:5" in run.cursors and run.cursors["channel:5"].covered == ()


def test_channel_types_that_nobody_knows_yet_are_a_gap_and_stop_nothing(server: DiscordServer) -> None:
    strange, text = server.guild.channel("strange", 77), server.guild.channel("text")
    talk(text, 2)
    run = collect(server)
    assert run.ids == names(server, text)
    assert run.gaps == [f"channel {strange.id} has type 77, which this version cannot read"]


def test_a_channel_without_history_permission_is_a_gap_and_not_an_empty_channel(server: DiscordServer) -> None:
    guild = server.guild
    mute = guild.channel("mute", 0, Overwrite(guild.id, 0, deny=READ_MESSAGE_HISTORY))
    text = guild.channel("text")
    hidden = guild.channel("hidden", 0, Overwrite(guild.id, 0, deny=VIEW_CHANNEL))
    for channel in (mute, text, hidden):
        talk(channel, 2)
    run = collect(server)
    assert run.ids == names(server, text)
    assert run.gaps == [f"channel {mute.id}: the bot lacks VIEW_CHANNEL or READ_MESSAGE_HISTORY"]
    assert run.cursors[f"channel:{mute.id}"].covered == ()
    assert run.counts["channels_hidden_from_the_bot"] == 1
    assert server.count(f"/channels/{mute.id}/") == 0
    listed = collect(server, channels=[hidden.id, text.id])
    assert (len(listed.gaps), listed.ids) == (1, names(server, text))


def test_webhooks_bots_and_system_messages_are_left_out_and_counted(server: DiscordServer) -> None:
    guild = server.guild
    channel = guild.channel("general")
    channel.say(ANNA, at_ms=MONDAY)
    reply = channel.say(ANNA, at_ms=MONDAY + 1, kind=19, reply_to=channel.messages[0].id)
    channel.say(User(5, "hook"), at_ms=MONDAY + 2, webhook_id=5)
    channel.say(guild.bot, at_ms=MONDAY + 3)
    for n, kind in enumerate((7, 6, 8)):
        channel.say(ANNA, at_ms=MONDAY + 4 + n, kind=kind)
    run = collect(server)
    assert len(run.events) == 2
    assert run.counts == {"webhooks": 1, "bots": 1, "system_messages": 3}
    (answer,) = [event for event in run.events if event.metadata["reply_to"]]
    assert answer.id.endswith(str(reply.id))


def test_a_message_and_the_thread_that_starts_from_it_count_once(server: DiscordServer) -> None:
    guild = server.guild
    text, forum = guild.channel("text"), guild.channel("forum", 15)
    starter = text.say(ANNA, "shall we?", at_ms=MONDAY)
    thread = guild.thread(text, "shall we?", at_ms=MONDAY + 1, starter=starter)
    text.say(ANNA, at_ms=MONDAY + 1, kind=18, thread=thread)
    thread.say(ANNA, at_ms=MONDAY + 1, kind=21, thread=thread)
    post = guild.thread(forum, "a post", at_ms=MONDAY + 2)
    post.say(ANNA, "its first message has the post's id", at_ms=MONDAY + 2)
    assert post.messages[0].id == post.id
    run = collect(server)
    assert sorted(event.id.split(":")[-1] for event in run.events) == [str(starter.id), str(post.id)]
    assert run.counts["system_messages"] == 2


def test_deleted_accounts_keep_their_id(server: DiscordServer) -> None:
    channel = server.guild.channel("general")
    channel.say(User.deleted(ANNA.id), at_ms=MONDAY)
    (event,) = collect(server, ids="plain").events
    assert event.platform_user_id == str(ANNA.id)
    (keyed,) = collect(server).events
    assert keyed.platform_user_id == keyed_account(SECRET, str(ANNA.id))


def test_by_default_neither_text_nor_name_nor_account_leaves_the_collector(server: DiscordServer) -> None:
    channel = server.guild.channel("general")
    channel.say(ANNA, "the secret plan", at_ms=MONDAY)
    run = Run()
    source = source_of(server, run)
    pages = [p for s in source.streams() for p in source.fetch(s, WEEK, StreamCursor())]
    source.close()
    shown = repr(pages) + repr([e for p in pages for raw in p.items for e in source.parse(raw)])
    assert "message_sent" in shown
    assert "secret plan" not in shown
    assert str(ANNA.id) not in shown
    assert '"anna"' not in json.dumps([e.platform_login for p in pages for raw in p.items for e in source.parse(raw)])


def test_logins_are_shown_where_the_scope_wants_them(server: DiscordServer) -> None:
    server.guild.channel("general").say(ANNA, at_ms=MONDAY)
    (event,) = collect(server, logins="show").events
    assert event.platform_login == "anna"


def test_unbound_members_are_a_count_a_day_where_consent_is_needed(server: DiscordServer) -> None:
    channel = server.guild.channel("general")
    channel.say(ANNA, at_ms=MONDAY)
    talk(channel, 3, start=MONDAY + 1, author=BEN)
    channel.say(BEN, at_ms=MONDAY + 30 * HOUR)
    run = collect(server, consent="bound", bound=[keyed_account(SECRET, str(ANNA.id))])
    assert [event.platform_user_id for event in run.events] == [keyed_account(SECRET, str(ANNA.id))]
    assert run.counts == {"not_bound_2026_01_05": 3, "not_bound_2026_01_06": 1}
    assert DiscordOptions.load({"guild": "1"}, "x").consent == "bound"


def test_counts_are_totals_over_pages_and_threads(server: DiscordServer) -> None:
    text = server.guild.channel("text")
    thread = server.guild.thread(text, "thread", at_ms=MONDAY)
    talk(text, 150, author=server.guild.bot)
    talk(thread, 150, author=server.guild.bot)
    assert collect(server).counts["bots"] == 300


def test_whoever_posts_a_binding_code_is_recorded_before_being_bound(server: DiscordServer) -> None:
    channel = server.guild.channel("general")
    code = channel.say(BEN, "ledger-bind-" + "0a" * 12, at_ms=MONDAY)
    channel.say(BEN, "see ledger-bind-" + "0a" * 12, at_ms=MONDAY + 1)
    (event,) = collect(server, consent="bound").events
    assert event.id.endswith(str(code.id))


def test_private_threads_are_read_only_where_the_scope_says_so(server: DiscordServer) -> None:
    guild = server.guild
    text = guild.channel("text")
    joined = guild.thread(text, "joined", at_ms=MONDAY, kind=12, joined=True)
    gone = guild.thread(text, "gone", at_ms=MONDAY + 1, kind=12, joined=True, archived_ms=MONDAY + HOUR)
    other = guild.thread(text, "other", at_ms=MONDAY + 2, kind=12, archived_ms=MONDAY + HOUR)
    for thread in (joined, gone, other):
        talk(thread, 2, start=MONDAY + 10)
    quiet = collect(server)
    assert (quiet.events, quiet.counts["private_threads"]) == ([], 1)
    assert collect(server, private_threads=True).ids == names(server, joined, gone)
    guild.bot_roles[7] = MANAGE_THREADS
    assert collect(server, private_threads=True).ids == names(server, joined, gone, other)


def test_many_joined_private_threads_are_paged_by_id(server: DiscordServer) -> None:
    guild = server.guild
    text = guild.channel("text")
    threads = [
        guild.thread(text, "t", at_ms=MONDAY, sequence=n, kind=12, joined=True, archived_ms=MONDAY + HOUR - n)
        for n in range(150)
    ]
    for thread in threads:
        thread.say(ANNA, at_ms=MONDAY + 1)
    assert collect(server, private_threads=True).ids == names(server, *threads)


def test_threads_archived_at_one_moment_across_a_page_edge_are_all_read(server: DiscordServer) -> None:
    forum = server.guild.channel("forum", 15)
    stamps = [MONDAY + HOUR] * 60 + [MONDAY + 2 * HOUR] * 60 + [MONDAY + 3 * HOUR] * 60
    threads = archived(server, forum, stamps)
    run = collect(server)
    assert run.ids == names(server, *threads)
    assert run.gaps == []


def test_more_threads_of_one_moment_than_a_page_holds_are_a_gap_and_the_rest_is_read(server: DiscordServer) -> None:
    forum = server.guild.channel("forum", 15)
    threads = archived(server, forum, [MONDAY + HOUR] * 5 + [MONDAY + 2 * HOUR] * 150)
    run = collect(server)
    assert names(server, *threads[:5]) < run.ids
    assert len(run.ids) == 105
    assert len(run.gaps) == 1 and "more threads were archived at" in run.gaps[0]


def test_origins_name_the_guild() -> None:
    options = DiscordOptions.load({"guild": 7}, "x")
    assert DiscordSource.origins(options) == {"discord:7"}
