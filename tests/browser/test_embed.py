"""An epoch's table alone in a frame on somebody else's page: no script, nothing loaded, links that leave the frame."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import pytest

from tests.browser.support import needs_browser, served, watched

pytestmark = needs_browser


@pytest.mark.parametrize("width", [1280, 390])
def test_the_line_of_an_epochs_page_shows_its_table_in_a_frame_whose_links_leave_it(
    width: int, browser: Any, sites: dict[str, Path], tmp_path: Path
) -> None:
    site = sites["harbour"]
    page = (site / "epochs/default/3/index.html").read_text("utf-8")
    (line,) = re.findall(r"<code>(&lt;iframe .*?&lt;/iframe&gt;)</code>", page)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/ledger").symlink_to(site)  # below any path
    with served(tmp_path) as theirs, served(tmp_path) as host:
        text = html.unescape(line).replace("https://ledger.openharbour.example/", f"{theirs}deep/ledger/")
        (tmp_path / "page.html").write_text(f"<!doctype html><title>x</title><main>{text}</main>", "utf-8")
        with watched(browser, viewport={"width": width, "height": 800}) as seen:
            seen.page.goto(f"{host}page.html")
            seen.page.set_default_timeout(8_000)
            frame = seen.page.frame_locator("iframe")
            frame.get_by_role("heading", name="Epoch 3 of").wait_for()
            asked = [url for _, url in seen.requests if url.startswith(theirs)]
            assert asked == [f"{theirs}deep/ledger/embed/default/3/"]
            body = frame.locator("body")
            assert body.evaluate("one => one.scrollWidth <= one.clientWidth && one.scrollHeight <= 520")
            figures = frame.locator("tbody tr").evaluate_all("all => all.map((row) => row.cells[2].textContent)")
            frame.get_by_role("link", name="Recompute it").click()
            seen.page.wait_for_url(f"{theirs}deep/ledger/epochs/default/3/#recheck")
            rows = "all => all.map((row) => row.cells[4].querySelector('strong').textContent)"
            assert seen.page.locator("table[data-kind] tbody tr").evaluate_all(rows)[:10] == figures
            assert not [text for text in seen.problems if "Content Security Policy" in text]


def test_the_newest_final_epoch_has_an_address_that_stays(sites: dict[str, Path]) -> None:
    embed = sites["harbour"] / "embed"
    assert (embed / "default/latest/index.html").read_bytes() == (embed / "default/3/index.html").read_bytes()
    for file in embed.rglob("*.html"):
        text = file.read_text("utf-8")
        assert "<script" not in text and "default-src 'none'; style-src 'sha256-" in text
        assert all('target="_top"' in link for link in re.findall(r"<a [^>]*>", text))
        assert len(text) < 8_000
