"""A person's page in a real browser: months, epochs and all events, as the builder writes them and page by page."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.finished import write_finished
from ledger.compute.engine import Engine
from ledger.site import person_events, views_people
from ledger.site.build import build_site
from ledger.store.node import load_node
from tests.browser.support import Watched, needs_browser, served, watched

pytestmark = needs_browser
WIDTHS = (1280, 390)


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site on which two people have some hundred events each, in many files; pages hold one month and ten events."""
    root = tmp_path_factory.mktemp("busy") / "node"
    write_finished(root, events=280, users=2, epochs=6)
    with pytest.MonkeyPatch.context() as patch, Engine(root) as engine:
        patch.setattr(person_events, "SHARD_BYTES", 20_000)
        patch.setattr(person_events, "MOST_RECENT", 10)
        patch.setattr(views_people, "MOST_MONTHS", 1)
        build_site(load_node(root), engine, root.parent / "site", verification=None, commit=None)
    return root.parent / "site"


def people(site: Path) -> list[dict[str, Any]]:
    """Everybody as the API tells them, who did most first."""
    found = [json.loads(path.read_bytes()) for path in (site / "api/v1/ledger/contributors").glob("*-*.json")]
    return sorted(found, key=lambda one: (-one["event_count"], one["user_id"]))


def told(site: Path, person: dict[str, Any]) -> list[dict[str, Any]]:
    """A person's events, the last first."""
    lines = [line for file in person["event_files"] for line in (site / "api/v1/ledger" / file["path"]).open("rb")]
    return [json.loads(line) for line in reversed(lines)]


@pytest.fixture(params=WIDTHS)
def seen(request: pytest.FixtureRequest, browser: Any, busy: Path) -> Iterator[Watched]:
    size = {"width": request.param, "height": 900}
    with served(busy) as origin, watched(browser, base_url=origin, viewport=size, accept_downloads=True) as found:
        yield found
        assert found.problems == []
        assert found.foreign(origin) == []


def test_all_events_are_paged_through_and_a_page_fetches_only_its_own_files(seen: Watched, busy: Path) -> None:
    person = people(busy)[0]
    events, page = told(busy, person), seen.page
    assert len(person["event_files"]) > 8
    page.goto(f"contributors/{person['user_id']}/")
    table = page.locator("table.events")
    ids = table.locator("tbody td:first-child .id")
    fetched = lambda: [url for _, url in seen.requests if "/events" in url and url.endswith(".jsonl")]  # noqa: E731
    assert ids.all_inner_texts() == [one["id"] for one in events[:10]] and fetched() == []
    foot = table.locator("xpath=../following-sibling::div[1]")
    foot.get_by_role("button", name="more").click()
    ids.nth(99).wait_for()
    assert ids.all_inner_texts() == [one["id"] for one in events[:100]]
    foot.get_by_role("button", name="Next").click()
    page.wait_for_function("() => location.search === '?page3=2'")
    assert ids.all_inner_texts() == [one["id"] for one in events[100:200]]
    assert 0 < len(fetched()) < len(person["event_files"])
    assert len(set(fetched())) == len(fetched())
    page.reload()
    ids.nth(99).wait_for()
    assert ids.all_inner_texts() == [one["id"] for one in events[100:200]]


def test_a_kind_is_looked_for_in_all_events_and_what_is_found_is_saved(seen: Watched, busy: Path) -> None:
    person = people(busy)[0]
    events = told(busy, person)
    kinds = json.loads((busy / "api/v1/ledger/kinds.json").read_bytes())
    count = Counter(f"{one['source']}:{one['event_type']}" for one in events)
    kind, number = count.most_common()[-1]
    seen.page.goto(f"contributors/{person['user_id']}/?find3={kinds[kind]}")
    table = seen.page.locator("table.events")
    foot = table.locator("xpath=../following-sibling::div[1]")
    foot.get_by_text(f"{number} rows." if number <= 100 else f"Rows 1 to 100 of {number}.").wait_for()
    with seen.page.expect_download() as saved:
        foot.get_by_role("button", name="CSV").click()
    with Path(saved.value.path()).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    due = [one for one in events if f"{one['source']}:{one['event_type']}" == kind]
    assert [row["Event"].split()[-1] for row in rows] == [one["id"] for one in due]
    assert {row["Kind"] for row in rows} == {kinds[kind]}


def test_what_somebody_got_in_a_month_is_one_row_that_leads_to_why(seen: Watched, busy: Path) -> None:
    person = people(busy)[0]
    sums: Counter[str] = Counter()
    for row in person["epochs"]:
        sums[row["period_start"][:7]] += int(row["amount_credits"])
    assert len(sums) > 1
    seen.page.goto(f"contributors/{person['user_id']}/")
    table = seen.page.locator("table.months")
    assert table.locator("tbody tr").count() == 1
    table.locator("xpath=../following-sibling::div[1]").get_by_role("button", name="more").click()
    table.locator("tbody tr").nth(len(sums) - 1).wait_for()
    rows = [row.locator("td").all_inner_texts() for row in table.locator("tbody tr").all()]
    assert [(cells[0][:7], cells[2]) for cells in rows] == [(month, f"{sums[month]:,}") for month in sorted(sums)[::-1]]
    table.locator("tbody tr").last.get_by_role("link").first.click()
    seen.page.wait_for_url(f"**/epochs/default/1/#why-{person['user_id']}")


@pytest.mark.parametrize("name", ["harbour", "hostile"])
def test_rows_from_the_files_are_those_that_the_builder_writes(name: str, browser: Any, sites: dict[str, Path]) -> None:
    site = sites[name]
    compare = """async (kind) => {
      const table = document.querySelector(`table[data-kind=${kind}]`);
      if (!table) return null;
      const load = PERSON_ROWS[kind](table);
      const rows = await load(0, Number(table.dataset.total), () => {});
      const clean = (row) => {
        for (const one of row.querySelectorAll("td:nth-child(7) .quiet")) {
          one.previousSibling?.remove();
          one.remove();
        }
        return row.outerHTML;
      };
      const made = rows.map(({ keys, make }) => {
        const row = label(table, make());
        return [clean(row), keys.join("|"), [...row.cells].map(textOf).join("|")];
      });
      const came = [...table.tBodies[0].rows].map((row) => clean(row.cloneNode(true)));
      return [made.map((one) => one[0]), came, made];
    }"""
    some = 0
    with served(site) as origin, watched(browser, base_url=origin) as found:
        for person in people(site):
            found.page.goto(f"contributors/{person['user_id']}/")
            for kind in ("months", "epochs", "events"):
                if (both := found.page.evaluate(compare, kind)) is None:
                    continue
                made, static, texts = both
                assert made == static
                some += len(made)
                if kind != "epochs":  # where a correction or a payment is said beside the figure
                    assert [keys for _, keys, _ in texts] == [shown for *_, shown in texts]
        assert some > 8
        assert found.problems == []


@pytest.mark.parametrize("width", WIDTHS)
def test_without_scripts_a_persons_page_says_where_all_events_are(width: int, browser: Any, busy: Path) -> None:
    person = people(busy)[0]
    options: dict[str, Any] = {"java_script_enabled": False, "viewport": {"width": width, "height": 900}}
    with served(busy) as origin, watched(browser, base_url=origin, **options) as found:
        found.page.goto(f"contributors/{person['user_id']}/")
        assert found.page.locator("table.events tbody tr").count() == 10
        note = found.page.locator("noscript p", has_text="All of them, each with what it came to")
        assert [link.get_attribute("href").rpartition("ledger/")[2] for link in note.get_by_role("link").all()] == [
            file["path"] for file in person["event_files"][:12]
        ]


def test_a_recheck_of_one_epoch_reads_a_persons_files_where_the_epoch_lies(browser: Any, busy: Path) -> None:
    """Of many files only some, and what is wrong in one of them is named by its place there."""
    person = people(busy)[0]
    files = [file["path"] for file in person["event_files"]]
    events = list(reversed(told(busy, person)))
    of_third = [index for index, one in enumerate(events) if one["epoch_id"] == 3]
    with served(busy) as origin, watched(browser, base_url=origin) as found:
        page = found.page
        page.goto("epochs/default/3/")
        page.get_by_role("button", name="Recheck in this browser").click()
        page.locator("[data-recheck][data-verdict=pass]").wait_for()
        read = {url for _, url in found.requests if url.endswith(tuple(files))}
        assert 0 < len(read) < len(files)
        sizes = [file["event_count"] for file in person["event_files"]]
        last = next(number for number in range(len(files)) if sum(sizes[: number + 1]) > of_third[-1])
        text = f'"id":"{events[of_third[-1]]["id"]}"'

        def altered(route: Any) -> None:
            route.fulfill(body=route.fetch().body().replace(text.encode(), b'"id":"another"'))

        page.route(f"**/{files[last]}", altered)
        page.get_by_role("button", name="Recheck in this browser").click()
        page.locator("[data-recheck][data-verdict=fail]").wait_for()
        (line,) = page.locator(".ledger-reading li").all_inner_texts()
        assert line.startswith(f"{files[last]}, line {len(of_third)} of epoch default/3: it says {{")
        assert found.problems == []
