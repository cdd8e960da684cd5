"""The same site under any address: below a sub-path, without one's own address, from a file, without scripts."""

from __future__ import annotations

import functools
import http.server
import re
import shutil
import threading
from pathlib import Path
from typing import Any

from ledger.site.check import broken_links
from tests.browser.sites import page_kinds
from tests.browser.support import needs_browser, served, watched

TOOLS = ("recheck", "recheck-all", "whatif", "sign", "money", "instruct", "vouch", "decide", "search", "range")


class OwnLostPage(http.server.SimpleHTTPRequestHandler):
    """A host that answers for an unknown address with the site's own page, as GitHub Pages does."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        body = (Path(self.directory) / "org/site/404.html").read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@needs_browser
def test_a_lost_reader_of_a_site_without_an_address_finds_home_below_any_path(
    browser: Any, sites: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "org").mkdir()
    (tmp_path / "org/site").symlink_to(sites["golden"])
    handler = functools.partial(OwnLostPage, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, watched(browser) as seen:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        top = f"http://127.0.0.1:{server.server_port}/org/site/"
        seen.page.goto(f"{top}nope/not/here/")
        seen.page.locator("a[href]", has_text="epochs").wait_for()
        assert [link.get_attribute("href") for link in seen.page.locator("a").all()] == [
            f"/org/site/{path}" for path in ("", "epochs/", "contributors/", "search/")
        ]
        assert seen.page.evaluate("document.documentElement.scrollHeight") <= 900
        assert seen.page.evaluate("getComputedStyle(document.body).maxWidth") == "640px", "it is styled"
        assert all("404" in problem for problem in seen.problems), seen.problems
        seen.page.get_by_role("link", name="epochs").click()
        assert seen.page.url == f"{top}epochs/"
        server.shutdown()


@needs_browser
def test_a_site_opened_from_a_file_says_what_does_not_work_and_its_links_lead_to_pages(
    browser: Any, sites: dict[str, Path]
) -> None:
    with watched(browser) as seen:
        seen.page.goto((sites["golden"] / "epochs/default/1/index.html").as_uri())
        assert "opened from a file" in seen.page.locator(".ledger > .notice").first.inner_text()
        seen.page.get_by_role("link", name="Epochs").first.click()
        seen.page.wait_for_url("**/epochs/index.html")
        assert seen.page.locator("h1").inner_text() == "Epochs"
    with served(sites["golden"]) as origin, watched(browser) as seen:
        seen.page.goto(f"{origin}epochs/")
        assert seen.page.get_by_text("opened from a file").count() == 0


def test_where_a_tool_would_be_a_reader_without_scripts_is_told_what_to_do(sites: dict[str, Path]) -> None:
    for name in ("golden", "harbour"):
        for kind, path in page_kinds(sites[name]).items():
            html = (sites[name] / path).read_text("utf-8")
            for tool in TOOLS:
                for part in re.split(rf"<div [^>]*data-{tool} ", html)[1:]:
                    assert part.partition(">")[2].lstrip().startswith("<noscript>"), (kind, tool)


def test_a_link_to_a_sum_that_an_epoch_does_not_have_is_found(sites: dict[str, Path], tmp_path: Path) -> None:
    site = Path(shutil.copytree(sites["golden"], tmp_path / "site"))
    user, stranger = "7a921390-31f3-5c67-a8de-020b9bff7a6e", "00000000-31f3-5c67-a8de-020b9bff7a6e"
    for person, wrong in ((user, []), (stranger, [f"check/index.html: ../epochs/default/1/#why-{stranger}"])):
        page = site / "check/index.html"
        page.write_text(page.read_text("utf-8") + f'<a href="../epochs/default/1/#why-{person}">why</a>', "utf-8")
        assert broken_links(site) == wrong
