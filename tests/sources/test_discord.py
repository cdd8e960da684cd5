"""The Discord collector against the loopback guild: nothing lost, nothing counted twice, no text kept."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import pytest
from discord.http import Route

from ledger.core.errors import CredentialsError, SourceError
from ledger.core.values import Timestamp, from_milliseconds
from ledger.core.windows import Window
from ledger.sources.discord import DiscordOptions, DiscordSource, keyed_account
from ledger.sources.discord import session as session_module
from ledger.sources.port import EARLIEST, Page, SourceContext, SourceEvent, StreamCursor
from ledger.sources.registry import source_class
from tests.servers.discord import (
    MANAGE_THREADS,
    READ_MESSAGE_HISTORY,
    TOKEN,
    VIEW_CHANNEL,
    Channel,
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
    rewritten,
    snowflake,
    status,
    truncated,
)

MONDAY = 1_767_571_200_000
HOUR = 3_600_000
WEEK = Window(from_milliseconds(MONDAY), from_milliseconds(MONDAY + 7 * 24 * HOUR))
ANNA = User(snowflake(MONDAY - HOUR), "anna")
BEN = User(snowflake(MONDAY - HOUR, 1), "ben")
SECRET = b"a node's secret"


@pytest.fixture
def server() -> Iterator[DiscordServer]:
    with DiscordServer(Guild()) as running:
        yield running


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's own waits between its tries take no time, and its address is put back afterwards."""

    class Hurried:
        def __getattr__(self, name: str) -> Any:
            return getattr(asyncio, name)

        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(min(seconds, 0.01))

    monkeypatch.setattr("discord.http.asyncio", Hurried())
    monkeypatch.setattr(Route, "BASE", Route.BASE)


@dataclass
class Run:
    """What one run of all streams gave."""

    events: list[SourceEvent] = field(default_factory=list)
    cursors: dict[str, StreamCursor] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    gaps: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    @property
    def ids(self) -> set[str]:
        return {event.id for event in self.events}


def source_of(server: DiscordServer, run: Run, now: Timestamp = WEEK.end, **options: Any) -> DiscordSource:
    environ = {"DISCORD_TOKEN": TOKEN, "DISCORD_API_URL": server.base_url}
    context = SourceContext(
        node_id="4f8a7f4e-53b1-4b3e-9a7b-0d5b1f0f6c11",
        scope_id="default",
        node_root="",
        cache_dir="",
        now=lambda: now,
        environ=environ,
        secret=SECRET,
        bound=frozenset(options.pop("bound", ())),
        tell=run.told.append,
        wait=run.waits.append,
    )
    loaded = DiscordOptions.load({"guild": server.guild.id, "consent": "all", **options}, "scopes/default.yaml")
    return DiscordSource("discord", loaded, context)


def taken(run: Run, stream: str, source: DiscordSource, pages: Iterator[Page]) -> None:
    """Does with pages what a flow does: events first, then the cursor that stands for them; the last count holds."""
    counts: dict[str, int] = {}
    for page in pages:
        run.events += [event for raw in page.items for event in source.parse(json.loads(json.dumps(raw)))]
        counts |= page.counts
        run.gaps += page.gaps
        held = run.cursors.get(stream, StreamCursor())
        run.cursors[stream] = StreamCursor(
            covered=(*held.covered, *([page.covered] if page.covered else [])),
            state=held.state if page.state is None else page.state,
        )
    run.counts.update(counts)


def collect(
    server: DiscordServer,
    before: Run | None = None,
    window: Window = WEEK,
    now: Timestamp = WEEK.end,
    cut: int | None = None,
    **options: Any,
) -> Run:
    """One run over all streams, from where `before` stopped; `cut`: killed after so many pages of each stream."""
    run = Run(cursors=dict(before.cursors) if before else {})
    source = source_of(server, run, now, **options)
    try:
        for stream in source.streams():
            pages = source.fetch(stream, window, run.cursors.get(stream, StreamCursor()))
            taken(run, stream, source, islice(pages, cut))
    finally:
        source.close()
    return run


def talk(channel: Channel, count: int, *, start: int = MONDAY, step: int = 1000, author: User = ANNA) -> None:
    for n in range(count):
        channel.say(author, f"message {n}", at_ms=start + n * step)


def names(server: DiscordServer, *channels: Channel) -> set[str]:
    return {f"discord:message:{server.guild.id}:{c.id}:{m.id}" for c in channels for m in c.messages}


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


def test_pages_are_asked_for_only_as_they_are_taken_so_that_memory_stays_flat(server: DiscordServer) -> None:
    talk(server.guild.channel("general"), 500)
    source = source_of(server, Run())
    pages = source.fetch(source.streams()[1], WEEK, StreamCursor())
    for taken_so_far in (1, 2, 3):
        next(pages)
        assert server.count("/messages") == taken_so_far
    source.close()


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


def test_a_channel_that_becomes_readable_is_read_from_the_start_of_the_window(server: DiscordServer) -> None:
    guild = server.guild
    mute = guild.channel("mute", 0, Overwrite(guild.id, 0, deny=READ_MESSAGE_HISTORY))
    talk(mute, 2)
    before = collect(server)
    mute.overwrites.clear()
    assert collect(server, before).ids == names(server, mute)


def test_a_permission_lost_in_mid_run_covers_nothing_and_stops_no_other_channel(server: DiscordServer) -> None:
    lost, text = server.guild.channel("lost"), server.guild.channel("text")
    talk(lost, 2)
    talk(text, 2)
    server.fail(f"/channels/{lost.id}/messages", status(403))
    run = collect(server)
    assert run.ids == names(server, text)
    assert len(run.gaps) == 1 and str(lost.id) in run.gaps[0]
    assert run.cursors[f"channel:{lost.id}"].covered == ()


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


def archived(server: DiscordServer, parent: Channel, stamps: list[int]) -> list[Channel]:
    threads = []
    for n, stamp in enumerate(stamps):
        thread = server.guild.thread(parent, "t", at_ms=MONDAY, sequence=n, archived_ms=stamp)
        thread.say(ANNA, at_ms=MONDAY + 1)
        threads.append(thread)
    return threads


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


def test_threads_that_ended_before_the_window_cost_no_request(server: DiscordServer) -> None:
    forum = server.guild.channel("forum", 15)
    for n in range(30):
        old = server.guild.thread(forum, "old", at_ms=MONDAY - 9 * HOUR, sequence=n, archived_ms=MONDAY - HOUR - n)
        old.say(ANNA, at_ms=MONDAY - 2 * HOUR)
    collect(server)
    assert server.count("/messages") == 0


def test_a_thread_deleted_in_mid_run_is_no_gap(server: DiscordServer) -> None:
    text = server.guild.channel("text")
    thread = server.guild.thread(text, "gone", at_ms=MONDAY)
    thread.say(ANNA, at_ms=MONDAY + 1)
    talk(text, 2)
    server.fail(f"/channels/{thread.id}/messages", status(404))
    run = collect(server)
    assert (run.ids, run.gaps) == (names(server, text), [])


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


def test_a_deleted_last_message_costs_one_more_question_and_no_wait(server: DiscordServer) -> None:
    channel = server.guild.channel("general")
    talk(channel, 3)
    channel.delete(channel.messages[-1].id)
    run = collect(server)
    assert run.ids == names(server, channel)
    assert (server.count("/messages"), run.waits) == (2, [])


def test_a_channel_whose_messages_were_all_deleted_is_empty_and_complete(server: DiscordServer) -> None:
    channel = server.guild.channel("general")
    talk(channel, 3)
    for message in channel.messages:
        channel.delete(message.id)
    run = collect(server)
    assert (run.events, run.gaps) == ([], [])
    assert run.cursors[f"channel:{channel.id}"].covered == (WEEK,)


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


def test_a_run_killed_at_any_page_goes_on_where_it_stopped(server: DiscordServer) -> None:
    guild = server.guild
    text = guild.channel("text")
    thread = guild.thread(text, "thread", at_ms=MONDAY + 1)
    old = guild.thread(text, "old", at_ms=MONDAY + 2, archived_ms=MONDAY + HOUR)
    for place in (text, thread, old):
        talk(place, 250, start=MONDAY + 10)
    whole = collect(server)
    for cut in range(1, 10):
        first = collect(server, cut=cut)
        second = collect(server, first)
        assert first.ids | second.ids == whole.ids
        assert len(first.events) + len(second.events) == 750, f"read twice after a cut at page {cut}"
        assert second.cursors[f"channel:{text.id}"].covered == (WEEK,)


def test_a_resumed_run_whose_window_has_moved_on_reads_the_new_part_too(server: DiscordServer) -> None:
    text = server.guild.channel("text")
    talk(text, 250)
    early = Window(WEEK.start, from_milliseconds(MONDAY + 2 * HOUR))
    first = collect(server, window=early, now=early.end, cut=2)
    thread = server.guild.thread(text, "new", at_ms=MONDAY + 3 * HOUR)
    talk(thread, 3, start=MONDAY + 3 * HOUR + 1)
    talk(text, 3, start=MONDAY + 3 * HOUR)
    second = collect(server, first)
    assert first.ids | second.ids == names(server, text, thread)


def test_a_second_run_with_nothing_new_asks_at_most_once_a_channel(server: DiscordServer) -> None:
    guild = server.guild
    channels = [guild.channel(f"text-{n}") for n in range(5)]
    forum = guild.channel("forum", 15)
    end = MONDAY + 7 * 24 * HOUR
    for channel in channels:
        talk(channel, 30, start=end - 30_000)
    archived(server, forum, [MONDAY + HOUR])
    first = collect(server)
    server.requests.clear()
    later = from_milliseconds(end + HOUR)
    second = collect(server, first, Window(WEEK.start, later), later)
    assert second.events == []
    for channel in (*channels, forum):
        assert server.count(f"/channels/{channel.id}/") <= 1
    assert len(server.requests) <= 6 + len(guild.channels)
    assert [cursor.covered[-1].end for cursor in second.cursors.values()] == [later] * 7


def test_a_message_that_became_visible_late_is_found_by_looking_back(server: DiscordServer) -> None:
    channel = server.guild.channel("general")
    talk(channel, 3)
    noon = from_milliseconds(MONDAY + 12 * HOUR)
    first = collect(server, window=Window(WEEK.start, noon), now=noon)
    late = channel.say(ANNA, at_ms=MONDAY + 12 * HOUR - 50)
    second = collect(server, first)
    assert [event.id.split(":")[-1] for event in second.events] == [str(late.id)]


def test_a_message_written_after_the_window_but_before_the_run_is_left_for_the_next_window(
    server: DiscordServer,
) -> None:
    channel = server.guild.channel("general")
    noon = from_milliseconds(MONDAY + 12 * HOUR)
    early = channel.say(ANNA, at_ms=MONDAY)
    late = channel.say(ANNA, at_ms=MONDAY + 13 * HOUR)
    first = collect(server, window=Window(WEEK.start, noon))
    second = collect(server, first)
    assert [event.id.split(":")[-1] for event in first.events] == [str(early.id)]
    assert [event.id.split(":")[-1] for event in second.events] == [str(late.id)]


def test_a_back_fill_reads_a_closed_window_again_whatever_is_covered(server: DiscordServer) -> None:
    channel = server.guild.channel("general")
    talk(channel, 3)
    collect(server)
    assert len(collect(server).events) == 3


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


def test_a_wrong_guild_is_an_error_that_says_what_to_check(server: DiscordServer) -> None:
    with pytest.raises(SourceError, match="guild"):
        collect(server, guild="5")


def test_origins_name_the_guild() -> None:
    options = DiscordOptions.load({"guild": 7}, "x")
    assert DiscordSource.origins(options) == {"discord:7"}


def test_a_channel_that_was_quiet_since_before_the_window_costs_no_request(server: DiscordServer) -> None:
    quiet = server.guild.channel("quiet")
    talk(quiet, 3, start=MONDAY - HOUR)
    assert collect(server).cursors[f"channel:{quiet.id}"].covered == (WEEK,)
    assert server.count("/messages") == 0


def test_nothing_is_covered_beyond_the_moment_at_which_the_guild_was_looked_at(server: DiscordServer) -> None:
    channel = server.guild.channel("general")
    talk(channel, 3)
    noon = from_milliseconds(MONDAY + 12 * HOUR)
    run = collect(server, now=noon)
    assert {cursor.covered for cursor in run.cursors.values()} == {(Window(WEEK.start, noon),)}


def test_what_is_read_again_by_looking_back_is_not_counted_again(server: DiscordServer) -> None:
    channel = server.guild.channel("general")
    noon = from_milliseconds(MONDAY + 12 * HOUR)
    channel.say(server.guild.bot, at_ms=MONDAY + 12 * HOUR - 10)
    first = collect(server, window=Window(WEEK.start, noon), now=noon)
    channel.say(server.guild.bot, at_ms=MONDAY + 12 * HOUR + 10)
    second = collect(server, first)
    assert (first.counts["bots"], second.counts["bots"]) == (1, 1)


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


def test_a_window_from_the_beginning_of_time_is_read(server: DiscordServer) -> None:
    channel = server.guild.channel("general")
    talk(channel, 3)
    assert collect(server, window=Window(EARLIEST, WEEK.end)).ids == names(server, channel)


def test_looking_again_leaves_the_note_as_it_was_where_nothing_is_new(server: DiscordServer) -> None:
    channel = server.guild.channel("general")
    thread = server.guild.thread(channel, "thread", at_ms=MONDAY + 7 * 24 * HOUR - 2000)
    talk(channel, 3)
    talk(thread, 1, start=MONDAY + 7 * 24 * HOUR - 1000)
    first = collect(server)
    later = from_milliseconds(MONDAY + 7 * 24 * HOUR + 1)
    second = collect(server, first, Window(WEEK.start, later), later)
    stream = f"channel:{channel.id}"
    assert len(second.events) == 1
    assert first.cursors[stream].state == second.cursors[stream].state


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


@pytest.mark.parametrize("cut", [None, 1])
def test_an_earlier_stretch_that_was_never_read_is_read_later(cut: int | None, server: DiscordServer) -> None:
    channel = server.guild.channel("general")
    talk(channel, 3)
    talk(channel, 150, start=MONDAY + 50 * HOUR)
    late = Window(from_milliseconds(MONDAY + 48 * HOUR), WEEK.end)
    first = collect(server, window=late, cut=cut)
    second = collect(server, first)
    assert first.ids | second.ids == names(server, channel)
