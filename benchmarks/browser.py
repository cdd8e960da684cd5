"""The row that needs a browser: the second implementation's recheck of an epoch, from the press to the verdict."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.generate import write_node
from benchmarks.rows import Bench, Row
from tests.browser.support import CHROMIUM, publish, served, watched, write_page

EVENTS = 100_000
TIMES = 5


CLOCK = """
addEventListener("click", () => { window.pressed = performance.now(); }, true);
new MutationObserver((changes) => {
  if (changes.some(({ target: { dataset } }) => dataset.verdict === "pass")) window.taken =
    performance.now() - window.pressed;
}).observe(document, { subtree: true, attributeFilter: ["data-verdict"] });
"""
"""The page's own clock: whoever drives a browser asks only every tenth or half of a second whether it is done."""


def recheck(bench: Bench) -> Iterator[Row]:
    """`Recheck in this browser` on one epoch, by wall clock: the least of five, each in a fresh page at rest."""
    if CHROMIUM is None:
        raise RuntimeError("no chromium here; .ci/run installs it")
    from playwright.sync_api import sync_playwright

    root, site = bench.scratch / "rechecked", bench.scratch / "rechecked-site"
    write_node(root, events=EVENTS, users=500)
    name = write_page(publish(root, site), "recheck", "default", 1)
    taken = []
    with served(site) as origin, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for _ in range(TIMES):
            with watched(chromium) as seen:
                seen.page.add_init_script(CLOCK)
                seen.page.goto(origin + name, wait_until="networkidle")
                seen.page.get_by_role("button", name="Recheck in this browser").click()
                seen.page.locator("[data-recheck][data-verdict=pass]").wait_for()
                taken.append(seen.page.evaluate("window.taken") / 1000)
        chromium.close()
    yield Row(f"recheck of {EVENTS:,} events in a browser", min(taken), "s", 2)
