"""Complete means complete on Discord: what was not read is told until it is, and no identifier tells what it holds.

Through the whole ledger, since a node's record is what people go by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger.core.errors import CredentialsError, StateError
from ledger.core.values import Timestamp, from_milliseconds
from ledger.flows.collect import CollectRun
from ledger.flows.completeness import stream_statuses
from ledger.flows.identity import bind
from ledger.flows.session import Session, open_session
from ledger.flows.start import NodePlan, SourcePlan, init_node
from tests.nodes import WALLETS, everything
from tests.servers.discord import TOKEN, VIEW_CHANNEL, Channel, DiscordServer, Overwrite, after, status
from tests.sources.discordworld import ANNA, BEN, HOUR, MONDAY, WEEK, served, talk
from tests.sources.noderun import collect_once, lines

DAY = 24 * HOUR
SECRET = "a node's secret"


@pytest.fixture
def server() -> Iterator[DiscordServer]:
    with served() as running:
        yield running


def node_of(server: DiscordServer, root: Path, consent: str = "all") -> Path:
    options = {"guild": str(server.guild.id), "consent": consent}
    plan = NodePlan(
        name="Test",
        start=WEEK.start,
        sources=[SourcePlan("discord", "chat", options)],
        approvers=[("ann", WALLETS["ann"])],
        base_issuance=1000,
    )
    init_node(root, plan)
    return root


def environ_of(server: DiscordServer) -> dict[str, str]:
    return {"DISCORD_TOKEN": TOKEN, "DISCORD_API_URL": server.base_url, "LEDGER_SECRET": SECRET}


def opened(server: DiscordServer, root: Path, now: Timestamp) -> Session:
    return open_session(root, now, environ=environ_of(server))


def run(server: DiscordServer, root: Path, at_ms: int) -> CollectRun:
    return collect_once(root, from_milliseconds(at_ms), environ_of(server))


def recorded(root: Path) -> set[str]:
    return {line["id"].split(":")[-1] for line in lines(root, "activity*.jsonl")}


def verdict(server: DiscordServer, root: Path, channel: Channel, at_ms: int, epoch: int = 1) -> str:
    session = opened(server, root, from_milliseconds(at_ms))
    try:
        found = stream_statuses(session, session.node.epoch("default", epoch))
        return next(one.verdict for one in found if one.stream == f"channel:{channel.id}")
    finally:
        session.close()


def hide(server: DiscordServer, channel: Channel) -> None:
    channel.overwrites.append(Overwrite(server.guild.id, 0, deny=VIEW_CHANNEL))


def delete(server: DiscordServer, channel: Channel) -> None:
    del server.guild.channels[channel.id]


@pytest.mark.parametrize("leave", [hide, delete])
def test_a_channel_that_goes_away_in_mid_week_holds_the_review_back(
    server: DiscordServer, tmp_path: Path, leave: Callable[[DiscordServer, Channel], None]
) -> None:
    kept, lost = server.guild.channel("kept"), server.guild.channel("lost")
    talk(kept, 3)
    talk(lost, 3)
    root = node_of(server, tmp_path / "node")
    run(server, root, MONDAY + 2 * DAY)
    talk(lost, 5, start=MONDAY + 3 * DAY)
    leave(server, lost)
    done = run(server, root, MONDAY + 4 * DAY)
    assert [report.gaps != [] for report in done.reports if report.stream == f"channel:{lost.id}"] == [True]
    done = run(server, root, MONDAY + 9 * DAY)
    (held,) = [epoch.held_back for epoch in done.epochs if epoch.held_back is not None]
    assert isinstance(held, StateError) and str(lost.id) in str(held)
    assert verdict(server, root, lost, MONDAY + 9 * DAY) == "INCOMPLETE"
    assert not [line for line in lines(root, "transitions.jsonl") if line["to"] == "review"]
    if leave is hide:
        lost.overwrites.clear()
        assert run(server, root, MONDAY + 9 * DAY + HOUR).epochs[0].reviewed
        assert recorded(root) == {str(message.id) for channel in (kept, lost) for message in channel.messages}


@pytest.mark.parametrize("where", ["messages", "archive"])
@pytest.mark.parametrize("code", [403, 404])
def test_what_was_denied_once_is_asked_for_by_the_next_run(
    server: DiscordServer, tmp_path: Path, where: str, code: int
) -> None:
    text = server.guild.channel("text")
    old = server.guild.thread(text, "old", at_ms=MONDAY + 5, archived_ms=MONDAY + HOUR)
    talk(text, 3)
    talk(old, 3, start=MONDAY + 10)
    root = node_of(server, tmp_path / "node")
    denied = f"/channels/{old.id}/messages" if where == "messages" else f"/channels/{text.id}/threads/archived"
    server.fail(denied, status(code))
    run(server, root, MONDAY + 2 * DAY)
    assert verdict(server, root, text, MONDAY + 2 * DAY) == "INCOMPLETE"
    server.requests.clear()
    run(server, root, MONDAY + 2 * DAY)
    assert verdict(server, root, text, MONDAY + 2 * DAY) == "complete"
    assert recorded(root) == {str(message.id) for place in (text, old) for message in place.messages}
    assert server.count(f"/channels/{text.id}/messages") == (0 if code == 403 or where == "messages" else 1)


def test_a_thread_that_was_deleted_is_no_gap_once_discord_has_said_so_twice(
    server: DiscordServer, tmp_path: Path
) -> None:
    text = server.guild.channel("text")
    thread = server.guild.thread(text, "thread", at_ms=MONDAY + 5)
    talk(text, 1)
    talk(thread, 3, start=MONDAY + 10)
    server.fail(f"/channels/{thread.id}/messages", after(lambda: delete(server, thread)))
    root = node_of(server, tmp_path / "node")
    run(server, root, MONDAY + 2 * DAY)
    assert verdict(server, root, text, MONDAY + 2 * DAY) == "complete"
    counted = [line["counts"] for line in lines(root, "collection.jsonl") if line["stream"] == f"channel:{text.id}"]
    assert counted == [{"threads_deleted": 1}]


@pytest.mark.parametrize("request_number", range(4, 12))
def test_a_thread_that_wakes_or_falls_asleep_while_it_is_listed_is_read(
    server: DiscordServer, tmp_path: Path, request_number: int
) -> None:
    first, second = server.guild.channel("first"), server.guild.channel("second", 15)
    sleeping = [server.guild.thread(p, "old", at_ms=MONDAY + 5, sequence=n, archived_ms=MONDAY + HOUR) for n, p in
                enumerate((first, second))]  # fmt: skip
    awake = server.guild.thread(second, "awake", at_ms=MONDAY + 6)
    for place in (*sleeping, awake):
        talk(place, 1, start=MONDAY + 10)

    def move() -> None:
        awake.archived_ms = MONDAY + DAY
        for thread in sleeping:
            thread.archived_ms = None

    server.fail("GET ", after(move), skip=request_number)
    root = node_of(server, tmp_path / "node")
    run(server, root, MONDAY + 2 * DAY)
    assert recorded(root) == {str(place.messages[0].id) for place in (*sleeping, awake)}


def test_no_identifier_tells_when_somebody_wrote_who_did_not_consent(server: DiscordServer, tmp_path: Path) -> None:
    guild = server.guild
    text, forum = guild.channel("text"), guild.channel("forum", 15)
    asked = text.say(BEN, "shall we?", at_ms=MONDAY + HOUR)
    thread = guild.thread(text, "shall we?", at_ms=MONDAY + HOUR, starter=asked)
    post = guild.thread(forum, "a post", at_ms=MONDAY + 2 * HOUR)
    started = post.say(BEN, "first", at_ms=MONDAY + 2 * HOUR)
    said = [
        text.say(ANNA, "yes", at_ms=MONDAY + 3 * HOUR, kind=19, reply_to=asked.id),
        thread.say(ANNA, "in the thread", at_ms=MONDAY + 3 * HOUR + 1),
        post.say(ANNA, "in the post", at_ms=MONDAY + 3 * HOUR + 2),
    ]
    last = text.say(BEN, "bye", at_ms=MONDAY + 4 * HOUR)
    talk(thread, 150, start=MONDAY + 5 * HOUR, author=BEN)
    root = node_of(server, tmp_path / "node", consent="bound")
    session = opened(server, root, WEEK.start)
    bind(session, "discord", str(ANNA.id), actor="test", evidence="test", login=None)
    session.close()
    server.fail(f"/channels/{thread.id}/messages", status(403), skip=1)  # so that a run ends with the thread half read
    run(server, root, MONDAY + 2 * DAY)
    session = opened(server, root, from_milliseconds(MONDAY + 2 * DAY))
    session.close()
    assert recorded(root) == {str(message.id) for message in said}
    held = everything(root)
    theirs = [message.id for place in (text, thread, post) for message in place.messages if message.author == BEN]
    assert len(theirs) == 153 and {asked.id, started.id, last.id} <= set(theirs)
    assert [number for number in theirs if str(number) in held] == []
    run(server, root, MONDAY + 2 * DAY)
    held = "".join(path.read_text("utf-8") for path in root.rglob("*") if path.is_file() and ".git" not in path.parts)
    assert [number for number in theirs if str(number) in held] == []
    events = {line["id"].split(":")[-1]: line for line in lines(root, "activity*.jsonl")}
    assert events[str(said[1].id)]["metadata"]["parent_id"] == str(text.id)
    assert (
        len(events[str(said[1].id)]["metadata"]["thread_id"])
        == len(events[str(said[0].id)]["metadata"]["reply_to"])
        == 64
    )


def test_consent_is_judged_by_the_time_of_the_message(server: DiscordServer, tmp_path: Path) -> None:
    text = server.guild.channel("text")
    text.say(ANNA, "before", at_ms=MONDAY + HOUR)
    told = text.say(ANNA, "after", at_ms=MONDAY + DAY + HOUR)
    root = node_of(server, tmp_path / "node", consent="bound")
    session = opened(server, root, from_milliseconds(MONDAY + DAY))
    bind(session, "discord", str(ANNA.id), actor="test", evidence="test", login=None)
    session.close()
    run(server, root, MONDAY + 2 * DAY)
    assert recorded(root) == {str(told.id)}
    assert [line["counts"] for line in lines(root, "collection.jsonl")][-1] == {"not_bound_2026_01_05": 1}


def test_a_token_that_is_revoked_in_mid_run_asks_for_credentials(server: DiscordServer, tmp_path: Path) -> None:
    talk(server.guild.channel("text"), 3)
    root = node_of(server, tmp_path / "node")
    server.fail("/messages", status(401), times=9)
    (error,) = [report.error for report in run(server, root, MONDAY + DAY).reports if report.error is not None]
    assert isinstance(error, CredentialsError) and error.exit_code == 4
