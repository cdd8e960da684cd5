"""A large epoch in the browser: right, without freezing the page; how long it takes is printed, never judged."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any

from benchmarks.generate import write_node
from tests.browser.support import needs_browser, publish, served, watched, write_page

EVENTS = 100_000


@needs_browser
def test_a_hundred_thousand_events_are_rechecked_while_the_page_stays_alive(browser: Any, tmp_path: Path) -> None:
    (epoch,) = write_node(tmp_path / "node", events=EVENTS, users=500)
    data = b"".join(shard.read_bytes() for shard in epoch.shards)
    began = time.perf_counter()
    hashlib.sha256(data).hexdigest()
    hashing = time.perf_counter() - began
    site = publish(tmp_path / "node", tmp_path / "site")
    name = write_page(site, "recheck", "default", 1)
    with served(site) as origin, watched(browser) as seen:
        page = seen.page
        page.goto(origin + name)
        page.evaluate("addEventListener('ledger-report', ({ detail }) => { window.report = detail; })")
        page.evaluate(
            """() => {
                window.gaps = [];
                let last = performance.now();
                setInterval(() => { const now = performance.now(); gaps.push(now - last); last = now; }, 10);
            }"""
        )
        began = time.perf_counter()
        page.get_by_role("button", name="Recheck in this browser").click()
        page.locator("[data-recheck][data-verdict=pass]").wait_for()
        taken = time.perf_counter() - began
        report, gaps = page.evaluate("window.report"), page.evaluate("window.gaps")
        assert (report["events"], report["ok"], report["state"]) == (EVENTS, True, "open")
        assert seen.problems == []
        assert len(gaps) > 10, "the page did nothing else while it rechecked"
        print(  # noqa: T201 - a measurement, to be seen with `pytest -s`
            f"\n{EVENTS} events, {len(data) / 1e6:.0f} MB: {taken:.1f} s, {taken / hashing:.0f} times one SHA-256 of "
            f"these bytes by Python; the page's longest pause was {max(gaps):.0f} ms"
        )
