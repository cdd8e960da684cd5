"""A large epoch stays usable: its page holds the first rows, and the others come from the API when asked for."""

from __future__ import annotations

import functools
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.finished import write_finished
from benchmarks.generate import write_node
from ledger.compute.engine import Engine
from ledger.core.errors import LedgerError
from ledger.site import views, views_payouts, views_people
from ledger.site.build import build_site
from ledger.store.node import load_node
from tests.browser.support import CHROMIUM, needs_browser

PEOPLE = 1_500


def build(root: Path, out: Path) -> Path:
    with Engine(root) as engine:
        build_site(load_node(root), engine, out, verification=None, commit=None)
    return out


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One epoch of 4,000 events by more than 1,000 people: many times the rows that a page shows at first."""
    root = tmp_path_factory.mktemp("large") / "node"
    write_node(root, events=4_000, users=PEOPLE)
    return build(root, root.parent / "site")


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four finalized epochs, on a site whose pages hold two rows of each table."""
    root = tmp_path_factory.mktemp("long") / "node"
    write_finished(root, events=60, users=20, epochs=4)
    with pytest.MonkeyPatch.context() as patch:
        for room, name in ((views_payouts, "MOST_ROWS"), (views, "MOST_EVENTS"), (views_people, "MOST_EPOCHS")):
            patch.setattr(room, name, 2)
        return build(root, root.parent / "site")


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def page(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A browser's page on the site of the named fixture; whatever it complains about fails the test."""
    from playwright.sync_api import sync_playwright

    folder = request.getfixturevalue(request.param)
    problems: list[str] = []
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        shown = browser.new_page(base_url=f"http://127.0.0.1:{server.server_port}/")
        shown.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        shown.on("pageerror", lambda error: problems.append(str(error)))
        yield shown
        browser.close()
        server.shutdown()
    assert problems == []


def allocations(site: Path, epoch: int) -> list[dict[str, Any]]:
    path = site / f"api/v1/ledger/epochs/default/{epoch}/allocations.json"
    rows: list[dict[str, Any]] = json.loads(path.read_bytes())["allocations"]
    return rows


def test_the_page_of_a_large_epoch_is_no_larger_than_that_of_a_small_one(large: Path) -> None:
    html = (large / "epochs/default/1/index.html").read_text("utf-8")
    assert html.count('id="user-') == views_payouts.MOST_ROWS
    assert len(html) < 500_000
    assert len(allocations(large, 1)) > 4 * views_payouts.MOST_ROWS


def test_no_file_is_made_for_an_event(large: Path) -> None:
    people = len(allocations(large, 1))
    files = [path for path in large.rglob("*") if path.is_file()]
    assert len(files) < 3 * PEOPLE + 250
    assert sum("contributors/" in path.as_posix() for path in files) >= 2 * people


@needs_browser
@pytest.mark.parametrize("page", ["large"], indirect=True)
def test_sorting_and_finding_reach_everybody_in_a_large_epoch(page: Any, large: Path) -> None:
    rows = allocations(large, 1)
    page.goto("epochs/default/1/")
    table = page.locator("table[data-rows]")
    assert table.locator("tbody tr").count() == views_payouts.MOST_ROWS
    status = page.locator(".table-foot p[role=status]").first
    assert status.inner_text() == f"Rows 1 to {views_payouts.MOST_ROWS} of {len(rows):,}."
    least = min(rows, key=lambda row: int(row["units"]))
    page.get_by_label("Show only rows that contain").first.fill(least["name"])
    table.locator(f"#user-{least['user_id']}").wait_for()
    assert len(table.locator("tbody tr").all()) == sum(least["name"] in row["name"] for row in rows)
    page.get_by_label("Show only rows that contain").first.fill("")
    units = sorted((int(row["units"]) for row in rows), reverse=True)
    for expected in (units, units[::-1]):
        table.get_by_role("button", name="Units").click()
        page.wait_for_function(
            "([place, text]) => document.querySelector(place).innerText === text",
            arg=["table[data-rows] tbody tr td:nth-child(3)", f"{expected[0] // 1000}.{expected[0] % 1000:03d}"],
        )
        shown = table.locator("tbody tr td:nth-child(3)").all_inner_texts()
        assert shown == [f"{each // 1000}.{each % 1000:03d}" for each in expected[: len(shown)]]


@needs_browser
@pytest.mark.parametrize("page", ["long"], indirect=True)
def test_more_rows_come_by_keyboard(page: Any, long: Path) -> None:
    rows = allocations(long, 1)
    page.goto("epochs/default/1/")
    assert page.locator("table[data-rows] tbody tr").count() == 2
    more = page.get_by_role("button", name="more").first
    more.focus()
    page.keyboard.press("Enter")
    page.locator(f"#user-{rows[-1]['user_id']}").wait_for()
    assert page.locator("table[data-rows] tbody tr").count() == len(rows)
    assert not more.is_visible()
    assert page.evaluate("document.activeElement.innerText") == f"{len(rows)} rows."


TRICKY = [
    "Dário Ñandú",
    "谷口 健",
    "a.b-c_d",
    "..",
    "ß",
    "x",
    "１２ three",
    "\U0001d4d0\U0001d4d1 two",
    "W" * 100,
    "ab\u202ecd",
]
"""Names whose picture another language would make otherwise: of two units, of no letter, longer in capitals."""


@needs_browser
@pytest.mark.parametrize("page", ["long"], indirect=True)
def test_rows_from_the_api_look_like_those_that_the_page_came_with(page: Any, long: Path) -> None:
    data = json.loads((long / "api/v1/ledger/epochs/default/1/allocations.json").read_bytes())
    html = (long / "epochs/default/1/index.html").read_text("utf-8")
    absent = [row["user_id"] for row in data["allocations"] if f'id="user-{row["user_id"]}"' not in html]
    names = dict(zip(absent, TRICKY, strict=False))
    assert len(names) == len(TRICKY)
    for row in data["allocations"]:
        row["name"] = names.get(row["user_id"], row["name"])
    page.route("**/allocations.json", lambda route: route.fulfill(json=data))
    page.goto("epochs/default/1/")
    table = page.locator("table[data-rows]")
    rows = "all => all.map((row) => row.outerHTML.replace(/ <a class=\"flag\".*?<\\/a>/g, ''))"
    came = table.locator("tbody tr").evaluate_all(rows)  # what was left out of a sum, its file does not say
    page.get_by_role("button", name="more").first.click()
    table.locator("tbody tr").nth(len(data["allocations"]) - 1).wait_for()
    assert table.locator("tbody tr").evaluate_all(rows)[: len(came)] == came
    for row in data["allocations"]:
        picture = table.locator(f"#user-{row['user_id']} .avatar")
        assert picture.text_content() == views_people.initials(row["name"])
        assert picture.get_attribute("class") == f"avatar hue{views_people.hue(row['user_id'])}"
        told = table.locator(f"#user-{row['user_id']} bdi").text_content()
        assert told == (row["name"] if len(row["name"]) <= 80 else row["name"][:80] + "…")


@needs_browser
@pytest.mark.parametrize("page", ["long"], indirect=True)
def test_a_name_is_sorted_and_found_by_itself_and_not_by_its_picture(page: Any, long: Path) -> None:
    page.goto("epochs/default/1/")
    table = page.locator("table[data-rows]")
    table.get_by_role("button", name="Who").click()
    table.locator("tbody tr").nth(2).wait_for()
    names = [row["name"] for row in allocations(long, 1)]
    assert table.locator("bdi").all_inner_texts() == sorted(names, key=str.casefold)


@needs_browser
@pytest.mark.parametrize("page", ["long"], indirect=True)
def test_a_link_to_anybodys_events_opens_them(page: Any, long: Path) -> None:
    rows = allocations(long, 2)
    html = (long / "epochs/default/2/index.html").read_text("utf-8")
    absent = next(row for row in rows if f'id="why-{row["user_id"]}"' not in html and row["activity_count"] > 1)
    present = next(row for row in rows if f'id="why-{row["user_id"]}"' in html and row["activity_count"] > 1)
    for row in (absent, present):
        page.goto("about:blank")
        page.goto(f"epochs/default/2/#why-{row['user_id']}")
        events = page.locator(f"#why-{row['user_id']} tbody tr")
        events.first.wait_for()
        outcomes = json.loads((long / "api/v1/ledger/epochs/default/2/outcomes.json").read_bytes())
        assert events.count() == len(outcomes["users"][row["user_id"]])
        log = (long / "api/v1/ledger/epochs/default/2/activity.jsonl").read_text("utf-8").splitlines()
        ids = [json.loads(log[line - 1])["id"] for _, line, *_ in outcomes["users"][row["user_id"]]]
        assert events.locator("td:first-child .id").all_inner_texts() == ids


@needs_browser
@pytest.mark.parametrize("page", ["long"], indirect=True)
def test_a_contributors_older_epochs_come_from_the_api(page: Any, long: Path) -> None:
    user = allocations(long, 1)[0]["user_id"]
    history = json.loads((long / f"api/v1/ledger/contributors/{user}.json").read_bytes())["epochs"]
    page.goto(f"contributors/{user}/")
    table = page.locator("table[data-kind=epochs]")
    assert table.locator("tbody tr").count() == 2
    before = table.locator("tbody tr").all_inner_texts()
    table.locator("xpath=../following-sibling::div[1]").get_by_role("button", name="more").click()
    table.locator("tbody tr").nth(len(history) - 1).wait_for()
    assert table.locator("tbody tr").all_inner_texts()[:2] == before
    assert table.locator("tbody tr td:nth-child(7)").all_inner_texts() == [
        f"{int(row['amount_credits']):,}" for row in reversed(history)
    ]


@needs_browser
@pytest.mark.parametrize("page", ["long"], indirect=True)
def test_rows_that_cannot_be_loaded_are_said_to_be_missing(page: Any, long: Path) -> None:
    page.route("**/allocations.json", lambda route: route.fulfill(status=200, body="{"))
    page.goto("epochs/default/1/")
    page.get_by_role("button", name="more").first.click()
    page.get_by_text("The other rows could not be loaded").wait_for()
    assert page.locator("table[data-rows] tbody tr").count() == 2


def test_a_broken_epoch_stops_the_build_with_a_clear_word(tmp_path: Path) -> None:
    root = tmp_path / "node"
    epoch = write_node(root, events=20, users=5)[0]
    epoch.shards[0].write_bytes(epoch.shards[0].read_bytes().replace(b"{", b"{ ", 1))
    with pytest.raises(LedgerError, match=r"activity\.jsonl:1"):
        build(root, tmp_path / "site")
    assert not (tmp_path / "site").exists()
