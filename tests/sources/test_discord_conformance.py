"""The Discord collector holds what every collector must."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ledger.sources.conformance import CHECKS, World
from ledger.sources.discord import DiscordSource
from tests.servers.discord import TOKEN
from tests.sources.discordworld import ANNA, BEN, HOUR, MONDAY, SECRET, WEEK, Run, archived, served, source_of, talk

BODY = "a body \x1b[2J \u202e that \x00 nobody may keep"


@pytest.fixture(params=["keyed", "plain"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with served() as server:
        guild = server.guild
        text, forum = guild.channel("general"), guild.channel("forum", 15)
        talk(text, 230, step=HOUR // 2)
        for n in range(5):
            text.say(BEN, f"{BODY} {n}", at_ms=MONDAY + n * HOUR + 7)
        thread = guild.thread(text, "thread", at_ms=MONDAY + HOUR)
        talk(thread, 120, start=MONDAY + 2 * HOUR, author=BEN)
        archived(server, forum, [MONDAY + (n % 3 + 2) * HOUR for n in range(5)])
        run = Run()
        sources: list[DiscordSource] = []

        def make() -> DiscordSource:
            sources.append(source_of(server, run, ids=request.param))
            return sources[-1]

        accounts = (str(ANNA.id), str(BEN.id)) if request.param == "keyed" else ()
        yield World(
            make=make,
            window=WEEK,
            id_pattern=r"discord:message:[0-9]+:[0-9]+:[0-9]+",
            secrets=("nobody may keep", "message 17", SECRET.decode(), TOKEN, *accounts),
            told=run.told,
        )
        for source in sources:
            source.close()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_collector_conforms(check: Callable[[World], None], world: World) -> None:
    check(world)
