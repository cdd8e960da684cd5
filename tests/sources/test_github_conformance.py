"""The GitHub collector holds what every collector must."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ledger.sources.conformance import CHECKS, World
from ledger.sources.github import GitHubSource, reading, walk
from tests.servers.github import TOKEN, GitHubServer
from tests.sources import githubworld
from tests.sources.githubworld import ADDRESS, ANNA, SECRET, WEEK, Run, busy, source_of

ID = r"github:(pr|coauthor|review|issue|issue_opened|comment|review_comment|release):team/code:[0-9]+(:[0-9]+)?"


@pytest.fixture(params=["keyset", "offset", "keyed"])
def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Small pages, so that many cuts and edges are met."""
    monkeypatch.setattr(walk, "PAGE", 4)
    monkeypatch.setattr(walk, "HEAD", 3)
    with GitHubServer(githubworld.world(), cursors="offset" if request.param == "offset" else "keyset") as server:
        busy(server.world.repositories[0], 10)
        run = Run()
        sources: list[GitHubSource] = []
        hidden = {"ids": "keyed", "logins": "hide"} if request.param == "keyed" else {}

        def make() -> GitHubSource:
            sources.append(source_of(server, run, **hidden))
            return sources[-1]

        names = (ANNA.login, f'"{ANNA.database_id}"') if hidden else ()
        yield World(
            make=make,
            window=WEEK,
            id_pattern=ID,
            secrets=("nobody may keep", TOKEN, SECRET.decode(), ADDRESS, "cat@users.noreply", *names),
            told=run.told,
        )
        for source in sources:
            source.close()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_collector_conforms(check: Callable[[World], None], world: World) -> None:
    check(world)


def test_the_look_back_is_longer_than_a_lag_of_minutes() -> None:
    assert reading.LOOK_BACK_MS >= 600_000
