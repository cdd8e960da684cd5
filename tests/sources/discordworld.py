"""A guild to collect from, and one run of the Discord collector as a flow does it; shared by its tests."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pytest
from discord.http import Route

from ledger.core.values import Timestamp, from_milliseconds
from ledger.core.windows import Window
from ledger.sources.discord import DiscordOptions, DiscordSource
from ledger.sources.port import Page, SourceContext, SourceEvent, StreamCursor
from tests.servers.discord import (
    TOKEN,
    Channel,
    DiscordServer,
    Guild,
    User,
    snowflake,
)

MONDAY = 1_767_571_200_000
HOUR = 3_600_000
WEEK = Window(from_milliseconds(MONDAY), from_milliseconds(MONDAY + 7 * 24 * HOUR))
ANNA = User(snowflake(MONDAY - HOUR), "anna")
BEN = User(snowflake(MONDAY - HOUR, 1), "ben")
SECRET = b"a node's secret"


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
        bound=dict.fromkeys(options.pop("bound", ()), WEEK.start) | options.pop("bound_since", {}),
        lately=lambda _: {stream: cursor.state for stream, cursor in run.cursors.items() if cursor.state is not None},
        boundary=lambda time: time in (WEEK.start, WEEK.end),
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


def archived(server: DiscordServer, parent: Channel, stamps: list[int]) -> list[Channel]:
    threads = []
    for n, stamp in enumerate(stamps):
        thread = server.guild.thread(parent, "t", at_ms=MONDAY, sequence=n, archived_ms=stamp)
        thread.say(ANNA, at_ms=MONDAY + 1)
        threads.append(thread)
    return threads


@contextmanager
def served() -> Iterator[DiscordServer]:
    """A new guild on loopback; the client's own waits between its tries take no time."""

    class Hurried:
        def __getattr__(self, name: str) -> Any:
            return getattr(asyncio, name)

        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(min(seconds, 0.01))

    with pytest.MonkeyPatch.context() as patch, DiscordServer(Guild()) as server:
        patch.setattr("discord.http.asyncio", Hurried())
        patch.setattr(Route, "BASE", Route.BASE)
        yield server
