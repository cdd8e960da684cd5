"""GitHub on loopback with one repository, for the tests of that source; those of Discord have a server of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.github import GitHubServer, Repository
from tests.sources.githubworld import world


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    with GitHubServer(world()) as running:
        yield running


@pytest.fixture
def repository(server: GitHubServer) -> Repository:
    return server.world.repositories[0]
