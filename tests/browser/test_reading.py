"""Recheck reads the page in front of the reader too: each figure and name is what the raw files give, or is named."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.core.canonical import encode
from tests.browser.support import needs_browser, served, watched

pytestmark = needs_browser

PAGES = {
    "golden": ["default/1", "default/2", "default/3", "guild/1", "guild/2"],
    "harbour": ["default/3", "default/4"],
    "hostile": ["default/1"],
}
ASK = """async () => {
  const { placeOf, Verifier } = await import(new URL("assets/ui/client.js", ROOT).href);
  const { readPage } = await import(new URL("assets/ui/reading.js", ROOT).href);
  const verifier = new Verifier();
  const place = placeOf(document.querySelector("[data-recheck]"));
  const { figures } = await verifier.ask("recheck", { ...place, read: true });
  verifier.end();
  window.page = document.querySelector(".ledger");
  window.figures = figures;
  window.readPage = readPage;
}"""
ALTER = """() => {
  const kinds = new Map();
  const group = (id) => id.replace(/-?[0-9a-f]{8}-.*|[0-9].*|:.*/, "").replace(/-.*/, "");
  const add = (name, element) => { if (!kinds.has(name)) kinds.set(name, element); };
  for (const one of page.querySelectorAll("[data-figure]"))
    add(`${group(one.closest("tr[id], [data-row]")?.id ?? "page")} ${one.dataset.figure.replace(/-[0-9]+$/, "")}`, one);
  for (const table of page.querySelectorAll("table[data-fields]"))
    for (const row of table.tBodies[0].rows)
      for (const [index, field] of table.dataset.fields.split(" ").entries())
        if (field !== "-" && row.cells[index].textContent.trim())
          add(`${table.dataset.of.replace(/^[0-9a-f]{8}-.*|^nobody$/, "events")} ${field}`, row.cells[index]);
  const before = readPage(page, figures).wrong.length;
  const found = {};
  for (const [name, element] of kinds) {
    const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    let text = texts.nextNode();
    while (text && (!text.data.trim() || text.parentElement.closest("[aria-hidden], .tag"))) text = texts.nextNode();
    const was = text.data;
    text.data = `${was}9`;
    const { wrong } = readPage(page, figures);
    const marked = element.closest(".wrong") !== null || element.querySelector(".wrong") !== null;
    found[name] = [wrong.length, marked, wrong[0]?.seen ?? null, wrong[0]?.due ?? null];
    text.data = was;
  }
  return { before, found, after: readPage(page, figures).wrong.length };
}"""


@pytest.fixture(scope="module", params=sorted(PAGES))
def site(request: pytest.FixtureRequest, sites: dict[str, Path]) -> Iterator[tuple[str, str]]:
    """A site's name and address."""
    with served(sites[request.param]) as origin:
        yield request.param, origin


KINDS: set[str] = set()


def test_every_kind_of_figure_that_is_altered_on_the_page_is_named_and_marked(
    browser: Any, site: tuple[str, str]
) -> None:
    name, origin = site
    with watched(browser) as seen:
        for place in PAGES[name]:
            seen.page.goto(f"{origin}epochs/{place}/")
            seen.page.evaluate(ASK.replace("ROOT", json.dumps(origin)))
            told = seen.page.evaluate(ALTER)
            assert (told["before"], told["after"]) == (0, 0), f"{name} {place} is right as it is"
            wrong = {kind: one for kind, one in told["found"].items() if one[0] != 1 or not one[1]}
            assert not wrong, f"{name} {place}: these were altered and not named alone"
            assert all(one[2] != one[3] and one[3] != "nothing" for one in told["found"].values())
            KINDS.update(told["found"])
        assert seen.problems == []


def test_the_figures_that_were_altered_are_of_every_part_of_the_page() -> None:
    """Runs after the test above, over all that its sites have."""
    wanted = {
        "page state", "page start", "page pool", "page units", "page held", "page signed", "page by_people",
        "page step",
        "page approver", "page hash-statement", "page hash-previous", "page recomputes",
        "people name", "people units", "people credits", "people share", "user override", "user excluded",
        "why name", "why term", "why whole", "why reason", "why total", "events event", "events kind", "events units",
        "kinds kind", "kinds each", "accounts login", "accounts credits", "decisions what", "decisions why",
        "questions what", "pool how", "pool credits", "held credits", "runs seen", "signatures wallet",
        "signatures over", "checks verdict",
    }  # fmt: skip
    if len(KINDS) > 20:  # all three sites ran in this process
        assert wanted <= KINDS, sorted(wanted - KINDS)


def test_a_row_that_is_taken_out_or_put_in_is_named(browser: Any, sites: dict[str, Path]) -> None:
    with served(sites["golden"]) as origin, watched(browser) as seen:
        seen.page.goto(f"{origin}epochs/default/1/")
        seen.page.evaluate(ASK.replace("ROOT", json.dumps(origin)))
        for of in ("people", "decisions", "pool", "signatures", "kinds", "runs"):
            wrong = seen.page.evaluate(
                """(of) => {
                  const body = page.querySelector(`table[data-of="${of}"]`).tBodies[0];
                  const row = body.rows[0];
                  const next = row.nextSibling;
                  row.remove();
                  const less = readPage(page, figures).wrong.map(({ where }) => where);
                  body.insertBefore(row, next);
                  const copy = row.cloneNode(true);
                  copy.id = `${row.id}0`;
                  row.after(copy);
                  const more = readPage(page, figures).wrong.length;
                  copy.remove();
                  return [row.id, less, more];
                }""",
                of,
            )
            row, less, more = wrong
            assert any(f"row {row} of" in where for where in less), of
            assert more > 0, of


def test_a_page_with_other_figures_and_another_name_says_so_when_it_is_rechecked(
    browser: Any, sites: dict[str, Path]
) -> None:
    page_file = sites["golden"] / "epochs/default/1/index.html"
    forged = page_file.read_text("utf-8").replace("4,444", "9,999").replace(">alice<", ">mallory<")
    with served(sites["golden"]) as origin, watched(browser) as seen:
        seen.page.route("**/epochs/default/1/", lambda route: route.fulfill(body=forged, content_type="text/html"))
        seen.page.goto(f"{origin}epochs/default/1/")
        seen.page.get_by_role("button", name="Recheck in this browser").click()
        seen.page.locator("[data-recheck][data-verdict=fail]").wait_for()
        told = seen.page.locator("[data-recheck]").inner_text()
        assert "figures on this page are WRONG" in told
        assert "the page says 9,999, the records give 4,444" in told
        assert "the page says mallory, the records give alice" in told
        assert "recomputed: 4,444" in seen.page.locator("tr[id^=user-] td.wrong", has_text="9,999").inner_text()
        seen.page.locator(".ledger-go", has_text="credits").first.click()
        assert seen.problems == []


ALICE = "7a921390-31f3-5c67-a8de-020b9bff7a6e"
LISTS: dict[str, list[tuple[Callable[[Any], object], str]]] = {
    "/default/1/allocations.json": [
        (lambda data: data["allocations"][0].update(amount_credits="9999"), "(alice), amount_credits: it says 9999"),
        (lambda data: data["allocations"][0].update(name="mallory"), "(alice), name: it says mallory"),
        (lambda data: data["allocations"].pop(), "(bob): it says none"),
        (lambda data: data.update(state="open"), "state: it says open"),
    ],
    "/default/1/outcomes.json": [
        (lambda data: next(iter(data["users"].values()))[0].__setitem__(4, False), "(alice): it says [[0,1,4000"),
        (lambda data: data["unresolved"].append([0, 1, 4000, "policy", True, False]), "events of accounts without"),
    ],
    "/default/1/verify.json": [
        (lambda data: data["checks"][0].update(verdict="fail"), "ACTIVITY_APPEND_ONLY: it says fail"),
        (lambda data: data.update(statement_hash="0" * 64), "statement_hash: it says 0000"),
    ],
    "/ledger/epochs.json": [
        (lambda data: data["epochs"][0].update(pool_total_credits="1"), "epoch default/1, pool_total_credits: it"),
        (lambda data: data["epochs"][0].update(activity_count=6), "epoch default/1, activity_count: it says 6"),
    ],
    "/contributors/index.json": [
        (lambda data: data["contributors"][0].update(name="mallory"), ": it says mallory, the records give alice"),
    ],
    f"/contributors/{ALICE}.json": [
        (lambda data: data["epochs"][0].update(amount_credits="1"), "epoch default/1, amount_credits: it says 1"),
        (lambda data: data.update(name="mallory"), "name: it says mallory"),
        (lambda data: data.update(event_count=77), "event_count: it says 77"),
    ],
    "/odd-names.json": [
        (lambda data: data.update({ALICE: ["hidden letters", "No."]}), f"mark of user {ALICE} (alice): it says"),
        (lambda data: data.update(eve=["mixed", "No."]), 'mark of user eve (not known): it says ["mixed","No."]'),
    ],
    f"/{ALICE}/events.jsonl": [
        (lambda data: data[0].update(milli_units="1"), "line 1 of epoch default/1: it says {"),
        (lambda data: data[1].update(title="Something else"), "line 2 of epoch default/1: it says {"),
    ],
}  # fmt: skip
"""By file: what is changed in it, and what the recheck says of that."""


def test_a_published_list_that_is_not_what_the_records_give_is_named(browser: Any, sites: dict[str, Path]) -> None:
    with served(sites["golden"]) as origin, watched(browser) as seen:
        seen.page.route(f"{origin}api/v1/ledger/**", altered)
        seen.page.goto(f"{origin}epochs/default/1/")
        seen.page.get_by_role("button", name="Recheck in this browser").click()
        seen.page.locator("[data-recheck][data-verdict=fail]").wait_for()
        told = seen.page.locator(".ledger-reading li").all_inner_texts()
        for file, changes in LISTS.items():
            of_file = [line for line in told if file.rpartition("/")[2] in line]
            for _, wanted in changes:
                assert any(wanted in line for line in of_file), f"{file}: {wanted}"
        assert len(told) == sum(len(changes) for changes in LISTS.values()), "nothing else is wrong"
        assert "a published list is WRONG" in seen.page.locator("[data-recheck]").inner_text()
        assert seen.problems == []


def altered(route: Any) -> None:
    """Answer a file with its changes; any other as it is."""
    file = next((name for name in LISTS if route.request.url.endswith(name)), None)
    if file is None:
        route.continue_()
        return
    text = route.fetch().body().decode()
    lines = file.endswith(".jsonl")
    data = [json.loads(line) for line in text.splitlines()] if lines else json.loads(text)
    for change, _ in LISTS[file]:
        change(data)
    route.fulfill(body=b"".join(encode(line) + b"\n" for line in data) if lines else json.dumps(data))


LOOSE = """() => {
  const loose = [];
  const texts = document.createTreeWalker(document.querySelector(".ledger"), NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    const at = text.parentElement;
    const ours = "[data-figure], pre, .running, .crumbs, caption, h1, .tag, [data-recheck], [aria-hidden], .table-foot";
    if (!/[0-9]/.test(text.data) || at.closest(ours)) continue;
    const cell = at.closest("table[data-fields] tbody td");
    const field = cell?.closest("table").dataset.fields.split(" ")[cell.cellIndex];
    if (cell && (field !== "-" || /line [0-9]+$/.test(text.data))) continue;
    loose.push(text.data.trim());
  }
  return loose;
}"""


def test_no_figure_stands_on_the_page_that_recheck_does_not_read(browser: Any, site: tuple[str, str]) -> None:
    name, origin = site
    allowed = re.compile(
        r"line \d+|ledger attest .*|Nobody’s: \d+ events? .*|[\w/.-]+\.(json|jsonl|yaml)|Version \d+|[0-9a-f]{40}"
    )
    with watched(browser) as seen:
        for place in PAGES[name]:
            seen.page.goto(f"{origin}epochs/{place}/")
            loose = [text for text in seen.page.evaluate(LOOSE) if not allowed.fullmatch(text)]
            assert loose == [], f"{name} {place}"
