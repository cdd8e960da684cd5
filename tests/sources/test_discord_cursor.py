"""The Discord collector over several runs: it goes on where it stopped, and asks for no more than it needs."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import formatdate

import pytest

from ledger.core.values import from_milliseconds
from ledger.core.windows import Window
from ledger.sources.port import EARLIEST, StreamCursor
from tests.servers.discord import (
    READ_MESSAGE_HISTORY,
    DiscordServer,
    Overwrite,
)
from tests.sources.discordworld import (
    ANNA,
    HOUR,
    MONDAY,
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


def test_pages_are_asked_for_only_as_they_are_taken_so_that_memory_stays_flat(server: DiscordServer) -> None:
    talk(server.guild.channel("general"), 500)
    source = source_of(server, Run())
    pages = source.fetch(source.streams()[1], WEEK, StreamCursor())
    for taken_so_far in (1, 2, 3):
        next(pages)
        assert server.count("/messages") == taken_so_far
    source.close()


def test_a_channel_that_becomes_readable_is_read_from_the_start_of_the_window(server: DiscordServer) -> None:
    guild = server.guild
    mute = guild.channel("mute", 0, Overwrite(guild.id, 0, deny=READ_MESSAGE_HISTORY))
    talk(mute, 2)
    before = collect(server)
    mute.overwrites.clear()
    assert collect(server, before).ids == names(server, mute)


def test_threads_that_ended_before_the_window_cost_no_request(server: DiscordServer) -> None:
    forum = server.guild.channel("forum", 15)
    for n in range(30):
        old = server.guild.thread(forum, "old", at_ms=MONDAY - 9 * HOUR, sequence=n, archived_ms=MONDAY - HOUR - n)
        old.say(ANNA, at_ms=MONDAY - 2 * HOUR)
    collect(server)
    assert server.count("/messages") == 0


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


@pytest.mark.parametrize("cut", [None, 1])
def test_an_earlier_stretch_that_was_never_read_is_read_later(cut: int | None, server: DiscordServer) -> None:
    channel = server.guild.channel("general")
    talk(channel, 3)
    talk(channel, 150, start=MONDAY + 50 * HOUR)
    late = Window(from_milliseconds(MONDAY + 48 * HOUR), WEEK.end)
    first = collect(server, window=late, cut=cut)
    second = collect(server, first)
    assert first.ids | second.ids == names(server, channel)


def dated(ms: int) -> str:
    return formatdate(ms // 1000, usegmt=True)


def test_our_clock_ahead_of_discords_covers_nothing_that_discord_has_not_reached(server: DiscordServer) -> None:
    channel = server.guild.channel("general")
    talk(channel, 3)
    server.date = dated(MONDAY + 24 * HOUR)
    run = collect(server, now=from_milliseconds(MONDAY + 6 * 24 * HOUR))
    reached = Window(WEEK.start, from_milliseconds(MONDAY + 24 * HOUR))
    assert {cursor.covered for cursor in run.cursors.values()} == {(reached,)}
    talk(channel, 2, start=MONDAY + 3 * 24 * HOUR)
    server.date = dated(MONDAY + 7 * 24 * HOUR)
    assert run.ids | collect(server, run).ids == names(server, channel)


def test_a_clock_of_discords_before_the_window_is_said(server: DiscordServer) -> None:
    talk(server.guild.channel("general"), 3)
    server.date = dated(MONDAY - HOUR)
    run = collect(server)
    assert set(run.gaps) == {"Discord's clock stands before the window; nothing is taken for complete"}
    assert all(cursor.covered == () for cursor in run.cursors.values())


def test_an_answer_with_a_date_that_is_none_changes_nothing(server: DiscordServer) -> None:
    talk(server.guild.channel("general"), 3)
    server.date = "yesterday"
    assert {cursor.covered for cursor in collect(server).cursors.values()} == {(WEEK,)}
