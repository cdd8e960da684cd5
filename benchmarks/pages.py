"""The rows about the site's pages in a browser: what Lighthouse says, a crowd on a slow phone, all epochs rechecked.

Pages are served compressed from loopback, as a host on the internet sends them.
"""

from __future__ import annotations

import functools
import gzip
import http.server
import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.finished import write_finished
from benchmarks.generate import write_node
from benchmarks.measure import python
from benchmarks.rows import SMALL_EPOCHS, SMALL_EVENTS, Bench, Row
from tests.browser.sites import page_kinds
from tests.browser.support import CHROMIUM, served
from tests.servers.npm import LOCKS, installed

PEOPLE = 235
CROWD = 11_240
FLAGS = ("--no-sandbox", "--disable-gpu")
QUARTER = {"rate": 4}
"""The processor at a quarter of its speed."""
MOBILE = {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 750e3 / 8}
"""A slow phone's network: milliseconds, and bytes a second."""


def lighthouse(bench: Bench) -> Iterator[Row]:
    """Lighthouse, as its own command measures a phone, on every kind of page of six years with 235 people."""
    site = _site(bench, "lighthouse", lambda root: write_finished(root, events=5, users=PEOPLE, epochs=336, reviewed=1))
    yield from judged(site)


def judged(site: Path) -> Iterator[Row]:
    """The rows of a built site: the score of each kind of page, and the worst of what no load of the machine alters."""
    kinds = page_kinds(site)
    tools = installed(LOCKS / "lighthouse")
    found = []
    with served(site, _Compressed) as origin:
        for kind, path in kinds.items():
            command = ["node", "benchmarks/lighthouse.mjs", str(tools), str(CHROMIUM), origin + path]
            told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            found.append(told)
            yield Row(f"Lighthouse, {kind.removesuffix('index.html') or 'home'}", told["score"], "", least=90)
    yield Row("Lighthouse, most bytes of a page, compressed", max(one["bytes"] for one in found) / 1e3, "kB")
    yield Row("Lighthouse, most elements of a page", max(one["elements"] for one in found), "")
    yield Row("Lighthouse, most shift of a page's layout", max(one["shift"] for one in found), "", 0.1)
    yield Row("Lighthouse, requests to anybody else", sum(len(one["foreign"]) for one in found), "", 0)


def crowd(bench: Bench) -> Iterator[Row]:
    """How long a slow phone takes until the list of 11,240 contributors can be used."""
    site = _site(bench, "crowd", lambda root: write_node(root, events=26_000, users=CROWD))
    with served(site, _Compressed) as origin, _browser() as browser:
        times = [usable(browser, f"{origin}contributors/") for _ in range(3)]
    yield Row(f"{CROWD:,} contributors usable on a slow phone", sorted(times)[1], "s", 3)


def usable(browser: Any, address: str) -> float:
    """Seconds until the page's scripts have run and nothing blocks it, on a slow phone with an empty cache."""
    context = browser.new_context(viewport={"width": 412, "height": 823})
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", MOBILE)
    session.send("Emulation.setCPUThrottlingRate", QUARTER)
    page.add_init_script(
        "window.busy = 0; new PerformanceObserver((list) => list.getEntries().forEach((one) => {"
        " window.busy = one.startTime + one.duration; })).observe({ type: 'longtask', buffered: true });"
    )
    page.goto(address, wait_until="load")
    page.locator(".find").first.wait_for()
    page.wait_for_timeout(1500)
    done = "Math.max(window.busy, performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd)"
    seconds = float(page.evaluate(done)) / 1000
    context.close()
    return seconds


def reuse(bench: Bench) -> Iterator[Row]:
    """`ledger site build --reuse` of ten years: nothing changed, and one week more, beside a build from nothing."""
    before, after = (bench.scratch / f"reuse{end}" for end in ("", "-week"))
    write_finished(before, events=SMALL_EVENTS, users=300, epochs=SMALL_EPOCHS)
    write_finished(after, events=SMALL_EVENTS, users=300, epochs=SMALL_EPOCHS + 1)
    yield from reused(before, after, bench.scratch / "reuse-site")


def reused(before: Path, after: Path, out: Path) -> Iterator[Row]:
    """The rows of a node, and of the same node a week later; each build with an earlier one takes the place of that."""
    build = ("-m", "ledger", "site", "build", "--out")
    plain = python(*build, str(out.with_name(f"{out.name}-plain")), "--node", str(before))
    again = (*build, str(out), "--reuse", str(out), "--node")
    first, same, week = (python(*again, str(root)) for root in (before, before, after))
    kept, whole = (
        sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        for folder in (out / ".ledger-kept", out)
    )
    yield Row("site of ten years from nothing", plain.seconds, "s")
    yield Row("the same, processor time", plain.cpu, "s")
    for what, run, most in (
        ("first time", first, None),
        ("nothing changed", same, 0.15),
        ("one week more", week, 0.25),
    ):
        name = f"the same with --reuse, {what}, over from nothing"
        yield Row(name, run.seconds / plain.seconds, "×")
        yield Row(f"{name}, processor time", run.cpu / plain.cpu, "×", most)
    yield Row("the same, bytes that are kept over those that are published", kept / (whole - kept), "×")


def recheck_all(bench: Bench) -> Iterator[Row]:
    """*Recheck everything* of ten years in a browser."""
    write = functools.partial(write_finished, events=SMALL_EVENTS, users=300, epochs=SMALL_EPOCHS)
    site = _site(bench, "recheck", write)
    with served(site, _Compressed) as origin, _browser() as browser:
        yield Row(
            f"recheck of {SMALL_EPOCHS} epochs x {SMALL_EVENTS} events in a browser",
            rechecked(browser, origin),
            "s",
            60,
        )


def rechecked(browser: Any, origin: str) -> float:
    """Seconds from the click to the verdict on every epoch, which must be that all holds."""
    page = browser.new_page()
    page.goto(origin)
    page.evaluate("window.began = 0; addEventListener('click', () => { window.began = performance.now(); }, true)")
    page.get_by_role("button", name="Recheck everything").click()
    page.locator("[data-recheck-all][data-verdict]").wait_for(timeout=600_000)
    seconds = float(page.evaluate("(performance.now() - window.began) / 1000"))
    if page.locator("[data-recheck-all]").get_attribute("data-verdict") != "pass":
        raise RuntimeError(page.locator("[data-recheck-all]").inner_text()[:400])
    page.close()
    return seconds


def _site(bench: Bench, name: str, write: Any) -> Path:
    root, out = bench.scratch / name, bench.scratch / f"{name}-site"
    write(root)
    python("-m", "ledger", "site", "build", "--node", str(root), "--out", str(out))
    return out


@contextmanager
def _browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield found
        found.close()


class _Compressed(http.server.SimpleHTTPRequestHandler):
    """Files as a host sends them: texts compressed, connections kept."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # no host waits 40 ms between the head of an answer and its body
    texts = (".css", ".csv", ".html", ".js", ".json", ".jsonl", ".svg", ".txt", ".xml")

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        more: Mapping[str, str] = {}
        if path.suffix in self.texts:
            data, more = gzip.compress(data, 6), {"Content-Encoding": "gzip"}
        self.send_response(200)
        for key, value in {"Content-Type": self.guess_type(path), "Content-Length": str(len(data)), **more}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


PAGES = (lighthouse, crowd, recheck_all, reuse)
