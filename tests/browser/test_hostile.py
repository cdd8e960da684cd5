"""A site whose every text is an attack: shown as text on every page, in every tool's results and in every error."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.core.canonical import encode
from ledger.site import views, views_payouts
from tests.browser.sites import HOSTILE, build, page_kinds
from tests.browser.support import Watched, needs_browser, served, watched
from tests.browser.test_pages import unfold

pytestmark = needs_browser

EPOCH = "epochs/default/1/"
SIGN = "sign/default/1/"
FOREIGN = "img[src='x'], svg[onload], [onerror], [href^='javascript:' i], [href^='data:text' i], [href*='@evil']"


def inert(seen: Watched, origin: str) -> None:
    """Nothing that a text asked for has happened."""
    assert seen.page.evaluate("window.hacked") is None
    assert seen.page.locator(FOREIGN).count() == 0
    assert seen.problems == []
    assert seen.foreign(origin) == []


def test_every_page_and_every_tool_shows_attacks_as_text(browser: Any, sites: dict[str, Path]) -> None:
    site = sites["hostile"]
    shown = ""
    with served(site) as origin, watched(browser) as seen:
        pages = {file.relative_to(site).as_posix() for file in site.rglob("*.html")}
        assert pages >= set(page_kinds(site).values())
        for path in sorted(pages):
            seen.page.goto(origin + path)
            unfold(seen.page)
            inert(seen, origin)
            shown += seen.page.inner_text("body")
    for text in (*HOSTILE[:5], "file:work:x0", "file:design: 4.000 → 7.000", f"gone: {HOSTILE[2]}"):
        assert text in shown, f"{text} is nowhere to be seen, so nothing was tried"


def test_a_name_that_is_not_what_it_looks_like_is_marked_also_where_a_script_shows_it(
    browser: Any, sites: dict[str, Path]
) -> None:
    site = sites["hostile"]
    odd = json.loads((site / "api/v1/ledger/odd-names.json").read_bytes())
    ((user, (mark, words)),) = odd.items()
    assert mark == "hidden letters"
    compare = """async () => {
      const table = document.querySelector("table[data-rows]");
      const made = (await rowsFromFile(table)).map(({ make }) => label(table, make()).outerHTML);
      return [made, [...table.tBodies[0].rows].map((row) => row.outerHTML.replace(/ <a class="flag".*?<\\/a>/g, ""))];
    }"""
    with served(site) as origin, watched(browser) as seen:
        for path in ("contributors/", EPOCH):
            seen.page.goto(origin + path)
            made, came = seen.page.evaluate(compare)
            assert made == came
            assert sum(f'title="{words}">{mark}</span>' in row for row in made) == 1
        seen.page.goto(f"{origin}search/?q={user}")
        seen.page.get_by_text(f"{mark}; ").first.wait_for()
        inert(seen, origin)


def test_the_trial_and_the_signing_part_show_people_and_titles_as_text(browser: Any, sites: dict[str, Path]) -> None:
    with served(sites["hostile"]) as origin, watched(browser) as seen:
        page = seen.page
        page.goto(origin + EPOCH)
        unfold(page)
        page.get_by_role("searchbox", name="Find events by title").fill("hacked")
        page.locator(".ledger-events li", has_text=HOSTILE[0]).locator("input").click()
        page.get_by_text("1 change moves").wait_for()
        assert HOSTILE[0] in page.locator(".ledger-trial").inner_text()
        assert page.locator(".ledger-trial .tag").all_inner_texts() == ["hidden letters"]
        inert(seen, origin)
        page.goto(origin + SIGN)
        page.locator("[data-sign][data-verdict]").wait_for()
        assert page.locator("[data-sign] .tag").all_inner_texts() == ["hidden letters"]
        assert HOSTILE[3] in page.locator("[data-sign]").inner_text()
        inert(seen, origin)


def test_rows_and_events_that_come_from_the_api_show_attacks_as_text(
    browser: Any, sites: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views_payouts, "MOST_ROWS", 1)
    monkeypatch.setattr(views, "MOST_EVENTS", 1)
    site = build(sites["hostile"].with_name("node"), tmp_path / "site")
    with served(site) as origin, watched(browser) as seen:
        page = seen.page
        page.goto(origin + EPOCH)
        page.get_by_role("button", name="more").first.click()
        total = int(page.locator("table[data-rows]").get_attribute("data-total"))
        page.locator("table[data-rows] tbody tr").nth(total - 1).wait_for()
        people = page.locator("table[data-rows] tbody tr").evaluate_all("all => all.map((row) => row.id)")
        shown = page.inner_text("body")
        for user in people:
            page.goto(f"{origin}{EPOCH}#{user.replace('user', 'why')}")
            events = page.locator(f"#{user.replace('user', 'why')}")
            events.locator("tbody tr").first.wait_for()
            shown += events.inner_text()
        inert(seen, origin)
    for text in (*HOSTILE[:5], "file:work:x0", "file:work:x3"):
        assert text in shown, f"{text} is nowhere to be seen, so nothing was tried"


def change(name: str, number: int, **fields: object) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        lines = (folder / name).read_bytes().split(b"\n")
        lines[number - 1] = encode(json.loads(lines[number - 1]) | fields)
        (folder / name).write_bytes(b"\n".join(lines))

    return act


def listed(value: object) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        index = folder.parents[2] / "epochs.json"
        found = json.loads(index.read_bytes())
        for entry in found["epochs"]:
            entry["files"].append(value)
        index.write_text(json.dumps(found), "utf-8")

    return act


def unreadable(folder: Path) -> None:
    (folder.parents[2] / "epochs.json").write_text(json.dumps(HOSTILE), "utf-8")


CHANGES: dict[str, Callable[[Path], None]] = {
    "a title, so that the line is shown": change("activity.jsonl", 1, metadata={"title": HOSTILE[1]}),
    "a field that is told with its value": change("activity.jsonl", 1, node_id=HOSTILE[0]),
    "a field's name": change("curation.jsonl", 2, **{HOSTILE[1]: 1}),
    "a kind of event": change("epoch.json", 1, weight_config={HOSTILE[0]: 1}),
    "a payout": change("statement.json", 1, gaps=list(HOSTILE)),
    "an address": change("signatures.jsonl", 1, signer_wallet=HOSTILE[1]),
    "a step": change("transitions.jsonl", 1, actor=HOSTILE[4], to=HOSTILE[0]),
    "a listed file": listed(f"epochs/default/1/{HOSTILE[1]}"),
    "no list at all": unreadable,
}


@pytest.mark.parametrize("changed", CHANGES)
def test_what_a_failed_recheck_says_is_text(browser: Any, sites: dict[str, Path], tmp_path: Path, changed: str) -> None:
    site = shutil.copytree(sites["hostile"], tmp_path / "site")
    CHANGES[changed](site / "api/v1/ledger" / EPOCH)
    with served(site) as origin, watched(browser) as seen:
        page = seen.page
        page.goto(origin + EPOCH)
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        page.locator("[data-recheck] > button").click()
        page.locator("[data-recheck]:is([data-verdict=fail], [data-verdict=error])").wait_for()
        page.locator("[data-whatif] > button").click()
        page.locator("[data-whatif] .bad").or_(page.locator("[data-whatif][data-ready]")).first.wait_for()
        told = page.locator("[data-recheck]").inner_text()
        assert any(text in told for text in HOSTILE) or "could not be made: epochs.json is no list of epochs" in told
        inert(seen, origin)
        page.goto(origin + SIGN)
        page.locator("[data-sign]:is([data-verdict=fail], [data-verdict=error])").wait_for()
        inert(seen, origin)
