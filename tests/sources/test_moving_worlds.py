"""`ledger collect` while the world moves: pages shift, things are edited or deleted between pages, clocks jump.

What the node holds in the end, after that run or the next one, is what a clean run over the world as it then stands
collects, and what was seen before it went.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.sources.discord import session as discord_session
from ledger.sources.github import client, walk
from tests.servers.discord import DiscordServer, after, hang
from tests.servers.github import GitHubServer, Repository, before, slow
from tests.sources import discordworld, githubworld
from tests.sources.discordworld import served, talk
from tests.sources.githubworld import ANNA, CAT, DAY, MONDAY, busy, time
from tests.sources.test_faults_node import (
    NOW,
    discord_node,
    events,
    failed,
    github_node,
    run,
    verdicts,
)

END = time(MONDAY + 7 * DAY - 1)


def ids(root: Path) -> list[str]:
    return sorted(json.loads(line)["id"] for line in events(root))


# --- GitHub ---


def touch_an_old_one(repository: Repository, at: int) -> None:
    repository.pull_requests[at % 5].touch(MONDAY + 6 * DAY + at)


def say_something_more(repository: Repository, at: int) -> None:
    repository.pull_requests[at % 5].comment(CAT, "one more", MONDAY + 6 * DAY + at)
    repository.issue(ANNA, MONDAY + 6 * DAY + at)


def edit(repository: Repository, at: int) -> None:
    pull = repository.pull_requests[at % 5]
    pull.title, pull.body = f"Another title {at}", "another text"
    pull.touch(MONDAY + 6 * DAY + at)


def delete(repository: Repository, at: int) -> None:
    repository.pull_requests[-1 - at % 3].comments.clear()
    if len(repository.issues) > 4:
        repository.issues.pop(1)


def dismiss(repository: Repository, at: int) -> None:
    repository.pull_requests[at % 5].reviews[0].state = "DISMISSED"
    repository.pull_requests[at % 5].touch(MONDAY + 6 * DAY + at)


@pytest.mark.parametrize("cursors", ["keyset", "offset"])
@pytest.mark.parametrize("change", [touch_an_old_one, say_something_more, edit, delete, dismiss])
def test_a_node_on_github_misses_nothing_while_its_world_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Repository, int], None], cursors: str
) -> None:
    monkeypatch.setattr(walk, "PAGE", 5)
    monkeypatch.setattr(walk, "HEAD", 2)
    with GitHubServer(githubworld.world(), cursors=cursors) as server:
        repository = server.world.repositories[0]
        busy(repository, 8)
        before_it, environ = github_node(server, tmp_path / "before")
        run(before_it, environ)
        for at in range(4):
            server.fail("graphql (Pulls|Issues)", before(lambda at=at: change(repository, at)), skip=at + 1)  # type: ignore[misc]
        moving, environ = github_node(server, tmp_path / "moving")
        run(moving, environ)
        server.heal()
        assert failed(run(moving, environ, END)) == []
        clean, environ = github_node(server, tmp_path / "clean")
        assert failed(run(clean, environ, END)) == []
    assert set(ids(clean)) <= set(ids(moving)) <= set(ids(clean)) | set(ids(before_it))
    assert len(ids(moving)) == len(set(ids(moving)))
    assert verdicts(moving) == {"complete"}


@pytest.mark.parametrize("jump", [-30 * DAY, -DAY, DAY, 30 * DAY])
def test_a_clock_of_githubs_that_jumps_covers_nothing_that_was_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: int
) -> None:
    monkeypatch.setattr(walk, "PAGE", 5)
    with GitHubServer(githubworld.world()) as server:
        repository = server.world.repositories[0]
        busy(repository, 8)
        clean, environ = github_node(server, tmp_path / "clean")
        run(clean, environ)
        at = server.world.now
        jumped, environ = github_node(server, tmp_path / "jumped")
        server.fail("graphql Pulls", before(lambda: setattr(server.world, "now", at + jump)), skip=1)
        run(jumped, environ)
        server.world.now = at
        assert failed(run(jumped, environ)) == []
    assert events(jumped) == events(clean)
    assert verdicts(jumped) == {"complete"}


def test_bodies_that_hang_end_the_run_or_are_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "TIMEOUT_SECONDS", 1)
    monkeypatch.setattr(client, "ATTEMPTS", 2)
    with GitHubServer(githubworld.world()) as server:
        busy(server.world.repositories[0], 3)
        clean, environ = github_node(server, tmp_path / "clean")
        run(clean, environ)
        for name, times in (("passing", 1), ("lasting", 99)):
            root, environ = github_node(server, tmp_path / name)
            server.fail("graphql (Pulls|Issues)", slow(), times=times)
            assert (failed(run(root, environ)) == []) is (name == "passing")
            server.heal()
            run(root, environ)
            assert events(root) == events(clean) and verdicts(root) == {"complete"}


@pytest.mark.parametrize("back", [MONDAY, MONDAY + DAY])
def test_our_own_clock_set_back_undoes_nothing(tmp_path: Path, back: int) -> None:
    with GitHubServer(githubworld.world()) as server:
        busy(server.world.repositories[0], 8)
        root, environ = github_node(server, tmp_path / "node")
        run(root, environ)
        held = events(root)
        for now in (time(back), END):
            assert failed(run(root, environ, now)) == []
    assert events(root) == held and verdicts(root) == {"complete"}


# --- Discord ---


def discord_delete(server: DiscordServer) -> None:
    channel = next(iter(server.guild.channels.values()))
    channel.delete(channel.messages[10].id)
    channel.delete(channel.messages[-1].id)


def discord_edit(server: DiscordServer) -> None:
    for message in next(iter(server.guild.channels.values())).messages[:150]:
        message.content = "edited"


def discord_write(server: DiscordServer) -> None:
    channel = next(iter(server.guild.channels.values()))
    talk(channel, 120, start=discordworld.MONDAY + 7 * 24 * discordworld.HOUR - 60_000, step=100)


@pytest.mark.parametrize("change", [discord_delete, discord_edit, discord_write])
def test_a_node_on_discord_misses_nothing_while_people_talk(
    tmp_path: Path, change: Callable[[DiscordServer], None]
) -> None:
    with served() as server:
        talk(server.guild.channel("general"), 350)
        before_it, environ = discord_node(server, tmp_path / "before")
        run(before_it, environ)
        moving, environ = discord_node(server, tmp_path / "moving")
        server.fail(r"/messages\?limit=100", after(lambda: change(server)), skip=1)
        run(moving, environ)
        assert failed(run(moving, environ, END)) == []
        clean, environ = discord_node(server, tmp_path / "clean")
        run(clean, environ, END)
    assert set(ids(clean)) <= set(ids(moving)) <= set(ids(clean)) | set(ids(before_it))
    assert len(ids(moving)) == len(set(ids(moving)))
    assert "INCOMPLETE" not in verdicts(moving)


def test_bodies_of_discord_that_hang_are_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discord_session, "REQUEST_SECONDS", 0.3)
    with served() as server:
        talk(server.guild.channel("general"), 150)
        clean, environ = discord_node(server, tmp_path / "clean")
        run(clean, environ)
        root, environ = discord_node(server, tmp_path / "node")
        server.fail(r"/messages\?limit=100", hang(), times=2)
        assert failed(run(root, environ)) == []
    assert events(root) == events(clean)


def test_our_clock_set_back_undoes_nothing_on_discord(tmp_path: Path) -> None:
    with served() as server:
        talk(server.guild.channel("general"), 150)
        root, environ = discord_node(server, tmp_path / "node")
        run(root, environ)
        held = events(root)
        assert failed(run(root, environ, time(MONDAY + DAY))) == []
        assert failed(run(root, environ, NOW)) == []
    assert events(root) == held and "INCOMPLETE" not in verdicts(root)
