"""The rows about GitHub and Discord: requests, GitHub's points, and memory, against the tests' servers on loopback.

`ledger collect` runs as a process of its own, as an operator's does; requests are counted where they arrive.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.measure import Run, python
from benchmarks.rows import Bench, Row
from ledger.core.values import parse_time
from ledger.flows.start import NodePlan, SourcePlan, init_node
from tests.servers.discord import TOKEN as BOT_TOKEN
from tests.servers.discord import DiscordServer, Guild, User, snowflake
from tests.servers.github import TOKEN, Actor, GitHubServer, World

MONDAY = "2026-01-05T00:00:00.000Z"
SUNDAY = "2026-01-11T23:59:00.000Z"
SECONDS = 1_767_571_200
"""MONDAY since 1970."""
PULLS = 1_000
REVIEWS = 3
PAGE = 100
MESSAGES = 100_000
TWO_KINDS = ("pr_merged", "review_submitted")


def github(bench: Bench) -> Iterator[Row]:
    """A week of 1,000 merged pull requests with three reviews each; with all kinds, also comments, issues, releases."""
    for name, kinds, most in (("two kinds", TWO_KINDS, 15), ("all kinds", None, 30)):
        with GitHubServer(_repository(everything=kinds is None)) as server:
            options = {"repositories": ["team/code"], **({"kinds": list(kinds)} if kinds else {})}
            root = _node(bench.scratch / f"github-{name[:3]}", "github", options)
            environ = {"GITHUB_TOKEN": TOKEN, "GITHUB_API_URL": server.api_url}
            run = _collect(root, environ)
            events = _events(root)
            yield Row(f"GitHub, {name}: requests for {events:,} events", server.count(), "", most)
            yield Row(f"GitHub, {name}: points of the hour's 5,000", sum(each.cost for each in server.requests), "")
            yield Row(f"GitHub, {name}: peak memory", run.peak / 1e6, "MB")
            server.requests.clear()
            _collect(root, environ)
            yield Row(f"GitHub, {name}: requests of a second run", server.count(), "", 2)


def discord(bench: Bench) -> Iterator[Row]:
    """A week of messages in one channel: pages of a hundred, and memory beside that for twice as many.

    Memory holds one shard of the log and the id of every event of the node, never the messages.
    """
    peaks: dict[int, int] = {}
    for messages in (MESSAGES, 2 * MESSAGES):
        guild = Guild()
        channel, author = guild.channel("general"), User(snowflake((SECONDS - 60) * 1000), "ann")
        for number in range(messages):
            channel.say(author, f"message {number}", at_ms=SECONDS * 1000 + number * 2_000)
        with DiscordServer(guild) as server:
            options = {"guild": str(guild.id), "consent": "all"}
            root = _node(bench.scratch / f"discord-{messages}", "discord", options)
            environ = {"DISCORD_TOKEN": BOT_TOKEN, "DISCORD_API_URL": server.base_url, "LEDGER_SECRET": "a secret"}
            run = _collect(root, environ)
            peaks[messages] = run.peak
            pages = server.count("/messages")
            yield Row(f"Discord, {_events(root):,} messages: pages", pages, "", messages // PAGE + 1)
            yield Row(f"Discord, {messages:,} messages: messages a second", messages / run.seconds, "/s")
            yield Row(f"Discord, {messages:,} messages: peak memory", run.peak / 1e6, "MB")
            server.requests.clear()
            _collect(root, environ)
            yield Row("Discord: requests of a second run to the channel", server.count("/channels/"), "", 1)
    grown = (peaks[2 * MESSAGES] - peaks[MESSAGES]) / MESSAGES
    yield Row("Discord: memory that one more message takes (its id is known)", grown, "B", 500)


def _node(root: Path, source: str, options: Mapping[str, Any]) -> Path:
    plan = NodePlan(name="bench", start=parse_time(MONDAY), sources=[SourcePlan(source, "main", dict(options))])
    init_node(root, plan)
    return root


def _collect(root: Path, environ: Mapping[str, str]) -> Run:
    with _environment(environ):
        return python("-m", "ledger", "collect", "--node", str(root), "--now", SUNDAY)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _events(root: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in root.rglob("activity*.jsonl"))


def _repository(*, everything: bool) -> World:
    ann, ben = Actor("ann", 1), Actor("ben", 2)
    made = World(SECONDS + 6 * 86_400 + 86_340)
    repository = made.repository("team/code")
    for number in range(PULLS):
        at = SECONDS + number * 500
        pull = repository.pull(ann, at, f"Change {number}", "What it does, and why.")
        for review in range(REVIEWS):
            given = pull.review(ben, "APPROVED", at + 10 + review, "Good")
            if everything and review == 0:
                given.comment(ben, "This line", at + 10)
        if everything:
            pull.comment(ben, "And the tests?", at + 20)
            if number % 5 == 0:
                issue = repository.issue(ben, at + 30, f"Issue {number}", "It breaks.")
                issue.comment(ann, "Where?", at + 40)
                issue.close(at + 50, "COMPLETED")
        pull.merge(at + 60, f"Change {number}\n\nCo-authored-by: Cat <cat@example.org>" if everything else "Change")
    if everything:
        for number in range(3):
            repository.release(ann, f"v{number}", SECONDS + number * 86_400)
    return made


PLATFORMS = (github, discord)
