"""The row that needs a browser: the second implementation's recheck of an epoch, from the press to the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.generate import write_node
from benchmarks.rows import Bench, Row
from ledger.compute.engine import Engine
from ledger.site.build import build_site
from ledger.store.node import load_node
from tests.browser.support import CHROMIUM, publish, served, watched, write_page

EVENTS = 100_000
TIMES = 5


CLOCK = """
addEventListener("click", () => { window.pressed = performance.now(); }, true);
new MutationObserver((changes) => {
  if (!changes.some(({ target: { dataset } }) => dataset.verdict === "pass")) return;
  window.taken = performance.now() - window.pressed;
  requestAnimationFrame(() => setTimeout(() => { window.painted = performance.now() - window.pressed; }));
}).observe(document, { subtree: true, attributeFilter: ["data-verdict"] });
"""
"""The page's own clock: whoever drives a browser asks only every tenth or half of a second whether it is done."""


def recheck(bench: Bench) -> Iterator[Row]:
    """`Recheck in this browser` on one epoch, by wall clock: the least of five, each in a fresh page at rest.

    First the check of what is signed, from the log to the payouts, on a page without figures; then as a reader has it:
    on the epoch's own page of a site, which is held to the record with all published lists, until it is painted.
    """
    if CHROMIUM is None:
        raise RuntimeError("no chromium here; .ci/run installs it")
    from playwright.sync_api import sync_playwright

    root, bare, site = bench.scratch / "rechecked", bench.scratch / "rechecked-bare", bench.scratch / "rechecked-site"
    write_node(root, events=EVENTS, users=500)
    name = write_page(publish(root, bare), "recheck", "default", 1)
    with Engine(root) as engine:
        build_site(load_node(root), engine, site, verification=None, commit=None)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        row = f"recheck of {EVENTS:,} events in a browser"
        yield Row(row, _least(chromium, bare, name, "taken"), "s", 2)
        yield Row(f"{row}, on its page of the site", _least(chromium, site, "epochs/default/1/", "painted"), "s")
        chromium.close()


def _least(chromium: Any, site: Path, name: str, until: str) -> float:
    """Seconds from the press. `until`: where the page's clock keeps its end."""
    taken = list[float]()
    with served(site) as origin:
        for _ in range(TIMES):
            with watched(chromium) as seen:
                seen.page.add_init_script(CLOCK)
                seen.page.goto(origin + name, wait_until="networkidle")
                seen.page.get_by_role("button", name="Recheck in this browser").click()
                seen.page.locator("[data-recheck][data-verdict=pass]").wait_for()
                seen.page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))")
                taken.append(seen.page.evaluate(f"window.{until}") / 1000)
    return min(taken)
