"""One browser a module: Playwright's loop may not stay open while other modules run theirs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.flows.verify import verify
from ledger.site.build import build_site
from tests.browser.support import CHROMIUM
from tests.nodes import GOLDEN, at


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


@pytest.fixture(scope="module")
def golden_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The golden node as `ledger site build` publishes it."""
    out = tmp_path_factory.mktemp("golden") / "site"
    with at(GOLDEN, "2026-02-01") as session:
        report = verify(session)
        from ledger.cli.output import plain

        build_site(session.node, session.engine, out, verification=plain(report), commit=None)
    return out
