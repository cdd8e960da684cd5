"""Long lists in a real browser: a range for charts, totals and rows, views that can be sent, what is shown as CSV."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger.site.timeline import Span, percent, timeline
from tests.browser.support import Watched, needs_browser, served, watched

pytestmark = needs_browser


@pytest.fixture
def seen(browser: Any, sites: dict[str, Path]) -> Iterator[Watched]:
    """A page that may download on the golden node's site."""
    with served(sites["golden"]) as origin, watched(browser, base_url=origin, accept_downloads=True) as found:
        yield found
        assert found.problems == []
        assert found.foreign(origin) == []


def test_a_range_in_the_address_holds_for_charts_totals_and_rows(seen: Watched) -> None:
    page = seen.page
    page.goto("epochs/")
    whole = page.locator("[data-charts]").first.inner_html()
    page.goto("epochs/?from=2026-01-01&to=2026-12-31")
    page.get_by_text("6 epochs begin in this range.").wait_for()
    squeezed = "html => html.replace(/>\\s+</g, '><').trim()"
    drawn = page.locator("[data-charts]").first.inner_html()
    assert page.evaluate(squeezed, drawn) == page.evaluate(squeezed, whole)
    page.get_by_label("From", exact=True).fill("2026-01-12")
    page.get_by_text("3 epochs begin in this range.").wait_for()
    assert page.locator("[data-sums]").first.inner_text() == "2 epochs · 7 events · 20,333 credits allocated"
    assert page.locator("[data-scope=default] tr[data-from]:visible").count() == 2
    assert page.locator("[data-scope=design] .year").is_hidden()
    assert "from=2026-01-12" in page.url
    page.get_by_role("button", name="All of it").click()
    assert page.locator("tr[data-from]:visible").count() == 6


def test_a_view_as_one_table_can_be_sent_and_downloaded(seen: Watched) -> None:
    page = seen.page
    page.goto("epochs/?view=table&sort=-allocated&to=2026-01-25")
    table = page.locator("[data-scope=default] [data-flat]")
    table.locator("th[aria-sort=descending]", has_text="Allocated").wait_for()
    assert table.locator("tbody td:first-child").all_inner_texts()[0] == "2"
    with page.expect_download() as saved:
        table.get_by_role("button", name="CSV").click()
    with Path(saved.value.path()).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["Epoch"], row["Allocated"]) for row in rows] == [("2", "10333"), ("3", "10000"), ("1", "10000")]


def test_texts_sort_from_a_numbers_from_the_most_and_the_address_remembers(seen: Watched) -> None:
    page = seen.page
    page.goto("contributors/")
    rows = page.locator("tbody tr")
    page.get_by_role("button", name="Who").click()
    page.wait_for_function("() => location.search === '?sort=who'")
    assert [text.split()[1] for text in rows.all_inner_texts()] == ["alice", "bob", "dave", "erin", "grace"]
    page.get_by_role("button", name="Events").click()
    page.wait_for_function("() => location.search === '?sort=-events'")
    page.reload()
    page.locator("th[aria-sort=descending]").wait_for()
    assert rows.first.inner_text().split()[1] == "alice"


def test_a_cell_that_a_spreadsheet_would_compute_is_saved_as_text(seen: Watched) -> None:
    page = seen.page
    page.goto("contributors/")
    names = ["=1+1", "@x", "-a", "+1", '"q",']
    change = "names => document.querySelectorAll('tbody bdi').forEach((one, n) => { one.textContent = names[n]; })"
    page.evaluate(change, names)
    with page.expect_download() as saved:
        page.get_by_role("button", name="CSV").click()
    with Path(saved.value.path()).open(encoding="utf-8", newline="") as file:
        assert [row[0] for row in csv.reader(file)] == ["Who", "'=1+1", "'@x", "'-a", "'+1", '"q",']


def test_the_browser_draws_ten_years_as_the_builder_does(seen: Watched) -> None:
    days = [date(2020, 1, 6) + timedelta(7 * week) for week in range(521)]
    spans = [
        Span(f"{start}", f"{end}", (week * 37) % 101, week < 500, f"epoch {week + 1}")
        for week, (start, end) in enumerate(itertools.pairwise(days))
    ]
    seen.page.goto("epochs/")
    for part in (spans, spans[:100], spans[10:200], spans[:2]):
        chart = timeline("Credits", part)
        assert chart is not None
        given = [[s.start, s.end, s.value, s.final, s.name] for s in part]
        drawn = seen.page.evaluate(
            """async ([url, rows]) => {
              const { drawn } = await import(new URL(url, document.baseURI));
              const span = ([start, end, value, final, name]) => ({ start, end, value: BigInt(value), final, name });
              const figure = drawn("Credits", rows.map(span));
              const all = (place, what) => [...figure.querySelectorAll(place)].map(what);
              const said = (one, ...names) => [...names.map((name) => one.getAttribute(name)), one.textContent];
              const pale = (one) => one.classList.contains("provisional");
              return [said(figure.querySelector("svg"), "aria-label")[0], all("text", (one) => said(one, "x")),
                all("rect", (one) => [...said(one, "x", "width", "height"), pale(one)])];
            }""",
            ["../assets/ui/range.js", given],
        )
        marks = [mark for mark in chart.marks if mark.height]
        assert drawn == [
            f"Credits per {chart.by}, from {chart.first} to {chart.last}: {chart.total:,} in all",
            [[percent(tick.x), tick.text] for tick in chart.ticks],
            [[percent(m.x), percent(m.width), str(120 - m.y * 6 // 5), m.text, not m.final] for m in marks],
        ]


def test_without_scripts_the_lists_are_whole_or_say_where_the_rest_is(browser: Any, sites: dict[str, Path]) -> None:
    with served(sites["golden"]) as origin, watched(browser, base_url=origin, java_script_enabled=False) as found:
        found.page.goto("epochs/")
        assert found.page.locator("tr[data-from]").count() == 6
        assert found.page.locator("noscript p a").is_visible()
