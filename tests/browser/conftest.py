"""One browser a module: Playwright's loop may not stay open while other modules run theirs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.harbour import harbour_node
from tests.browser.sites import build, hostile_node
from tests.browser.support import CHROMIUM
from tests.nodes import GOLDEN


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """The system's Chromium; where there is none, continuous integration fails here."""
    from playwright.sync_api import sync_playwright

    assert CHROMIUM is not None, "continuous integration must have a chromium; .ci/run installs it"
    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield found
        found.close()


class _Sites(dict[str, Path]):
    """Sites by name, each built when it is first asked for: who runs one file of tests waits for no other's site."""

    def __init__(self, **makers: Callable[[], Path]) -> None:
        self._makers = makers

    def __missing__(self, name: str) -> Path:
        self[name] = self._makers[name]()
        return self[name]


@pytest.fixture(scope="session")
def sites(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Built sites to look at, never to write into: "golden", "harbour" as life makes it, "hostile" all attacks."""
    root = tmp_path_factory.mktemp("sites")
    return _Sites(
        golden=lambda: build(GOLDEN, root / "golden"),
        harbour=lambda: build(harbour_node(root / "harbour-node"), root / "harbour"),
        hostile=lambda: build(hostile_node(root / "node"), root / "hostile"),
    )


@pytest.fixture(scope="module")
def golden_site(sites: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the golden node's site, to put pages of our own beside its own."""
    return shutil.copytree(sites["golden"], tmp_path_factory.mktemp("golden") / "site")
