"""Everything rechecked at once, on the first page: every epoch, the list of contributors, and what a session keeps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.browser.support import needs_browser, served, watched

pytestmark = needs_browser


def test_everything_is_rechecked_and_what_is_wrong_is_named(browser: Any, sites: dict[str, Path]) -> None:
    listed = json.loads((sites["golden"] / "api/v1/ledger/epochs.json").read_bytes())["epochs"]
    with served(sites["golden"]) as origin, watched(browser) as seen:
        page = seen.page
        page.goto(origin)
        page.get_by_role("button", name="Recheck everything").click()
        page.locator("[data-recheck-all][data-verdict=pass]").wait_for()
        told = page.locator("[data-recheck-all]").inner_text()
        assert f"{len(listed)} epochs with" in told
        assert "Nothing differs." in told
        page.locator("[data-recheck-all] summary").click()
        places = page.locator("[data-recheck-all] tbody a").evaluate_all("all => all.map((one) => one.href)")
        assert places == [f"{origin}epochs/{one['scope_id']}/{one['epoch_id']}/" for one in listed]
        page.reload()
        page.locator("[data-recheck-all][data-verdict=pass]").wait_for()
        assert "earlier in this session" in page.locator("[data-recheck-all]").inner_text()

        page.route("**/guild/2/pool.jsonl", lambda route: route.fulfill(body=route.fetch().body() + b"{}\n"))
        page.route("**/default/1/allocations.json", lambda route: route.fulfill(json=credited(route.fetch().json())))
        page.route("**/contributors/index.json", lambda route: route.fulfill(json=summed(route.fetch().json())))
        page.get_by_role("button", name="Recheck everything").click()
        page.locator("[data-recheck-all][data-verdict=fail]").wait_for()
        told = page.locator("[data-recheck-all]").inner_text()
        assert "2 epochs DIFFER, and the list of contributors is WRONG" in told
        assert "POOL_IMMUTABLE" in told
        assert "epochs/default/1/allocations.json, allocations" in told
        assert "credits of alice: it says 77" in told
        assert seen.problems == []
        assert seen.foreign(origin) == []


def credited(data: dict[str, Any]) -> dict[str, Any]:
    data["allocations"][0]["amount_credits"] = "9999"
    return data


def summed(data: dict[str, Any]) -> dict[str, Any]:
    next(one for one in data["contributors"] if one["name"] == "alice")["final_credits"] = "77"
    return data


def test_page_trial_and_signing_page_call_people_the_same(browser: Any, sites: dict[str, Path]) -> None:
    with served(sites["golden"]) as origin, watched(browser) as seen:
        page = seen.page
        page.goto(f"{origin}epochs/default/1/")
        shown = page.locator("table[data-of=people] .who bdi").all_inner_texts()
        assert "carol, now erin" in shown, "somebody was renamed since"
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        page.get_by_role("button", name="Try other weights").click()
        page.locator(".ledger-trial tbody tr").first.wait_for()
        assert sorted(page.locator(".ledger-trial tbody bdi").all_inner_texts()) == sorted(shown)
    with served(sites["harbour"]) as origin, watched(browser) as seen:
        page = seen.page
        page.goto(f"{origin}epochs/default/4/")
        shown = page.locator("table[data-of=people] .who bdi").all_inner_texts()
        page.get_by_role("link", name="Sign, as an approver").click()
        page.locator("[data-sign][data-verdict=pass]").wait_for()
        signed = page.locator("[data-sign] table").first
        assert signed.locator("tbody bdi").all_inner_texts() == shown
        assert "Since last epoch" in signed.inner_text()
        assert seen.problems == []


def test_a_name_without_an_end_takes_one_line(browser: Any, sites: dict[str, Path]) -> None:
    for width in (1280, 390):
        with (
            served(sites["hostile"]) as origin,
            watched(browser, viewport={"width": width, "height": 900}) as seen,
        ):
            page = seen.page
            page.goto(f"{origin}sign/default/1/")
            page.locator("[data-sign][data-verdict=pass]").wait_for()
            for table in ("[data-sign] table", "table[data-of=people]", "table[data-of=decisions]"):
                if table == "table[data-of=people]":
                    page.goto(f"{origin}epochs/default/1/")
                rows = page.locator(f"{table} tbody tr").evaluate_all("all => all.map((one) => one.offsetHeight)")
                assert rows
                assert max(rows) < (520 if "decisions" in table else 160), f"{table} at {width}"
