"""Discord, wider: who reacted with which emoji, thanks in channels for that, roles, polls and tags, where asked for."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.core.errors import InputError, LedgerError
from ledger.core.values import from_milliseconds, to_milliseconds
from ledger.core.windows import Window
from ledger.sources.discord import DiscordOptions
from ledger.sources.keyed import keyed_account
from tests.servers.discord import DiscordServer, User, snowflake, status
from tests.sources.discordworld import ANNA, BEN, HOUR, MONDAY, SECRET, WEEK, collect, served

CAT = User(snowflake(MONDAY - HOUR, 2), "cat")
ROBOT = User(snowflake(MONDAY - HOUR, 3), "robot", bot=True)
KINDS = ["message_sent", "reaction_given", "reaction_received"]
MIDWEEK = from_milliseconds(MONDAY + 48 * HOUR)


def key(user: User) -> str:
    return keyed_account(SECRET, str(user.id))


def of(events: Any, kind: str) -> list[Any]:
    return [event for event in events if event.event_type == kind]


def many(count: int) -> list[User]:
    return [User(snowflake(MONDAY - HOUR, 100 + n), f"u{n}") for n in range(count)]


def test_reactions_are_read_by_person_once_the_window_has_ended_and_are_one_event_for_each_side() -> None:
    with served() as server:
        channel = server.guild.channel("general")
        said = channel.say(ANNA, "hello", at_ms=MONDAY + 1000)
        said.by_emoji["\U0001f525"] = [BEN, ANNA, ROBOT]
        begun = collect(server, window=Window(WEEK.start, MIDWEEK), now=MIDWEEK, kinds=KINDS)
        assert [event.event_type for event in begun.events] == ["message_sent"]
        said.by_emoji["party:123456789012345678"] = many(130)
        run = collect(server, begun, kinds=KINDS)
        given, received = of(run.events, "reaction_given"), of(run.events, "reaction_received")
        assert (len(given), len(received)) == (131, 131)
        assert {event.platform_user_id for event in received} == {key(ANNA)}
        assert {event.metadata["emoji"] for event in given} == {"\U0001f525", "party"}
        assert {event.event_time for event in given} == {from_milliseconds(MONDAY + 1000)}
        assert len(run.ids) == len(run.events)
        assert all(event.id.isascii() and " " not in event.id for event in given)
        assert (run.counts["reactions_to_oneself"], run.counts["reactions_by_bots"]) == (1, 1)
        assert collect(server, run, kinds=KINDS).events == []
        assert run.gaps == []


def test_with_consent_bound_a_reaction_needs_that_of_both() -> None:
    with served() as server:
        channel = server.guild.channel("general")
        channel.say(ANNA, "a", at_ms=MONDAY + 1000).by_emoji["x"] = [BEN, CAT]
        channel.say(CAT, "b", at_ms=MONDAY + 2000).by_emoji["x"] = [ANNA, BEN]
        run = collect(server, kinds=KINDS, consent="bound", bound=[key(ANNA), key(BEN)])
    assert [event.platform_user_id for event in of(run.events, "reaction_given")] == [key(BEN)]
    assert run.counts["reactions_not_bound"] == 1
    assert str(CAT.id) not in repr(run.events)


def test_thanks_in_a_channel_for_that_are_events_for_those_who_are_thanked() -> None:
    with served() as server:
        props, other = server.guild.channel("props"), server.guild.channel("other")
        for channel in (props, other):
            channel.say(ANNA, "thanks <@1> <@2>", at_ms=MONDAY + 1000, mentions=(BEN, ANNA, ROBOT, CAT))
        run = collect(server, kinds=["message_sent", "props_received"], props=[str(props.id)])
        thanked = of(run.events, "props_received")
        assert {event.platform_user_id for event in thanked} == {key(BEN), key(CAT)}
        assert {event.metadata["channel_id"] for event in thanked} == {str(props.id)}
        with pytest.raises(InputError, match="go together"):
            DiscordOptions.load({"guild": "1", "kinds": ["props_received"]}, "scopes/default.yaml")


def test_a_word_of_thanks_makes_a_mention_one_in_any_channel_and_is_not_kept() -> None:
    said = (
        ("THANKS <@1>", (BEN,), {BEN}),
        ("mil Gracias, <@1> <@2>!", (BEN, CAT, ANNA), {BEN, CAT}),
        ("thanksgiving with <@1>", (BEN,), set()),
        ("thanks all", (), set()),
        ("thanks <@3>", (ROBOT,), set()),
        ("see <@1>", (BEN,), set()),
    )
    with served() as server:
        channel = server.guild.channel("general")
        for number, (text, mentions, _) in enumerate(said):
            channel.say(ANNA, text, at_ms=MONDAY + number * 1000, mentions=mentions)
        options = {"kinds": ["message_sent", "props_received"], "thanks": ["thanks", "gracias"]}
        run = collect(server, **options)
        bound = collect(server, consent="bound", bound=[key(ANNA), key(BEN)], **options)
    wanted = sorted((MONDAY + number * 1000, key(who)) for number, (*_, whom) in enumerate(said) for who in whom)
    found = of(run.events, "props_received")
    assert sorted((to_milliseconds(event.event_time), event.platform_user_id) for event in found) == wanted
    assert "racias" not in repr(run.events)
    assert {event.platform_user_id for event in of(bound.events, "props_received")} == {key(BEN)}


def test_roles_emoji_tags_and_channels_give_kinds_of_ones_own_and_a_poll_is_told() -> None:
    rules = [
        {"kind": "message_sent", "role": "77", "as": "message_by_steward"},
        {"kind": "message_sent", "tag": "9", "as": "message_in_bugs"},
        {"kind": "reaction_received", "emoji": "\U0001f525", "as": "praised"},
    ]
    with served() as server:
        server.guild.member_roles[ANNA.id] = [77]
        channel = server.guild.channel("general")
        channel.say(ANNA, at_ms=MONDAY + 1000, poll_answers=3)
        channel.say(ANNA, at_ms=MONDAY + 1500)
        channel.say(BEN, at_ms=MONDAY + 2000).by_emoji["\U0001f525"] = [CAT]
        thread = server.guild.thread(channel, "a bug", at_ms=MONDAY + 3000)
        thread.applied_tags = ["9"]
        thread.say(BEN, at_ms=MONDAY + 4000)
        run = collect(server, kinds=KINDS, kinds_as=rules)
        asked = server.count(r"/members/")
    kinds = {event.event_type: event for event in run.events}
    assert set(kinds) == {"message_by_steward", "message_sent", "message_in_bugs", "praised", "reaction_given"}
    steward = next(event for event in of(run.events, "message_by_steward") if "poll_answers" in event.metadata)
    assert steward.metadata["poll_answers"] == 3
    assert kinds["message_in_bugs"].metadata["tags"] == "9"
    assert asked <= 1 + 2 + 1  # the bot itself, and each author once


def broken(server: DiscordServer, times: int) -> None:
    server.fail(r"/reactions/", status(502), times=times)


def test_reactions_that_cannot_be_read_leave_the_week_open_and_a_later_run_brings_them() -> None:
    with served() as server:
        channel = server.guild.channel("general")
        channel.say(ANNA, at_ms=MONDAY + 1000).by_emoji["x"] = [BEN]
        broken(server, 1000)
        with pytest.raises(LedgerError):
            collect(server, kinds=KINDS)
        server.heal()
        broken(server, 1)
        run = collect(server, kinds=KINDS)
        assert len(of(run.events, "reaction_given")) == 1
        assert run.cursors[f"reactions:{channel.id}"].covered
