"""GitHub on loopback with one repository, for the tests of that source; those of Discord have a server of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ledger.sources.github import walk
from tests.servers.github import GitHubServer, Repository
from tests.sources.githubworld import world


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[GitHubServer]:
    """Its pages are found by key, or as `both_cursors` says."""
    with GitHubServer(world(), cursors=getattr(request, "param", "keyset")) as running:
        yield running


@pytest.fixture
def repository(server: GitHubServer) -> Repository:
    return server.world.repositories[0]


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "PAGE", 5)
    monkeypatch.setattr(walk, "HEAD", 2)
