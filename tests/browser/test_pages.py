"""Every kind of page, on phone and desktop, in light and dark: accessible, within its width, inert, and pictured."""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.browser.sites import page_kinds
from tests.browser.support import Watched, needs_browser, served, watched

VENDOR = Path(__file__).parent / "vendor"
PICTURES = os.environ.get("LEDGER_PICTURES")
"""A folder into which the pages are pictured, for people to look at; no test compares them."""

WIDTHS = {"desktop": 1280, "phone": 390}
# What breaks a rule is told whole; of what keeps it one node a rule, for naming them all took two thirds of the time.
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
MOST_MOVED = 0.1
"""Above this a page's layout counts as unstable (web.dev, Cumulative Layout Shift)."""
SHIFTS = """window.moved = 0; new PerformanceObserver((list) => list.getEntries().forEach((one) => {
    window.moved += one.value;
})).observe({ type: 'layout-shift', buffered: true })"""
CUT_OFF = """[...document.querySelectorAll('.ledger .scroll')].filter((one) => one.scrollWidth > one.clientWidth + 1)
    .map((one) => `${one.querySelector('caption')?.textContent}: ${one.scrollWidth} of ${one.clientWidth}`)"""
Scheme = Literal["light", "dark"]
LOOKS: list[tuple[str, str, Scheme]] = [
    ("golden", "desktop", "light"),
    ("golden", "phone", "dark"),
    ("harbour", "desktop", "light"),
    ("hostile", "phone", "dark"),
]
"""Each width and each scheme once: what a colour breaks, no width mends. Hostile text breaks what is narrow."""


@contextmanager
def looked(browser: Any, width: str, scheme: Scheme) -> Iterator[Watched]:
    """A page as this reader has it, with nothing that moves."""
    size = {"width": WIDTHS[width], "height": 900}
    with watched(browser, viewport=size, color_scheme=scheme, reduced_motion="reduce") as seen:
        seen.page.add_init_script(SHIFTS)
        yield seen


def take_picture(page: Any, name: str) -> None:
    """A picture of the whole page, where somebody asked for pictures."""
    if PICTURES is not None:
        page.screenshot(path=Path(PICTURES, f"{name}.png"), full_page=True, animations="disabled")


def unfold(page: Any) -> None:
    """Open all that is folded and use every tool, so that what they write is looked at too."""
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    for tool, done in (("recheck", "verdict"), ("money", "verdict"), ("whatif", "ready"), ("sign", "verdict")):
        for place in page.locator(f"[data-{tool}]").all():
            if tool != "sign":
                place.locator("> button").click()
            place.and_(page.locator(f"[data-{done}]")).wait_for()
    for place in page.locator("[data-whatif]").all():
        place.locator(".ledger-trial tbody tr").first.wait_for()


@needs_browser
@pytest.mark.parametrize(("name", "width", "scheme"), LOOKS)
def test_no_kind_of_page_breaks_a_rule_of_axe(
    browser: Any, sites: dict[str, Path], name: str, width: str, scheme: Scheme
) -> None:
    folder = sites[name]
    axe = gzip.decompress((VENDOR / "axe.min.js.gz").read_bytes()).decode()
    broken = []
    with served(folder) as origin, looked(browser, width, scheme) as seen:
        page = seen.page
        for kind, path in page_kinds(folder).items():
            page.goto(origin + path)
            page.evaluate("new Promise((done) => { requestIdleCallback(done); })")
            moved = page.evaluate("window.moved")
            assert moved <= MOST_MOVED, f"{path} moves under its reader by {moved}"
            unfold(page)
            page.evaluate(axe)
            found = page.evaluate("(rules) => axe.run(document, rules)", RULES)
            broken += [
                f"{path}: {rule['id']} ({rule['help']}): {node['html'][:200]} {node['any'][:1]}"
                for rule in found["violations"]
                for node in rule["nodes"][:3]
            ]
            assert len(found["passes"]) > 10, f"axe looked at nothing on {path}"
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= WIDTHS[width], f"{path} is {wide} pixels wide"
            if width == "phone":
                assert page.evaluate(CUT_OFF) == [], f"a table of {path} is cut at the right"
            verdicts = page.locator("[data-verdict]").evaluate_all("all => all.map((one) => one.dataset.verdict)")
            assert set(verdicts) <= {"pass"}, f"{path} does not recheck"
            page.evaluate("scrollTo(0, 0)")
            take_picture(page, f"{name}/{kind.replace('/', '-').removesuffix('.html')}-{width}-{scheme}")
        assert seen.problems == []
        assert seen.foreign(origin) == []
    assert broken == [], "\n".join(broken)


def test_the_rules_that_pages_are_held_to_are_those_of_the_named_release() -> None:
    script = gzip.decompress((VENDOR / "axe.min.js.gz").read_bytes())
    assert f"{hashlib.sha256(script).hexdigest()}  axe.min.js\n" == (VENDOR / "axe.min.js.sha256").read_text("utf-8")
    release = (VENDOR / "README.md").read_text("utf-8").partition("axe-core) ")[2].split()[0]
    assert script.startswith(f"/*! axe v{release}\n".encode())
    assert "Mozilla Public License, version 2.0" in (VENDOR / "LICENSE").read_text("utf-8")
