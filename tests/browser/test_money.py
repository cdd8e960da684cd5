"""The check of money in the browser: a distribution that holds, and each way in which files were bent."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from ledger.compute.engine import Engine
from ledger.flows.paying.settle import by_hand
from ledger.site.build import build_site
from tests.browser.support import needs_browser, served, watched
from tests.browser.test_pages import CUT_OFF, RULES, VENDOR, WIDTHS, looked, take_picture, unfold
from tests.nodes import at
from tests.paying.world import close_epoch, owed_node, prove_wallet, signed_plan

pytestmark = needs_browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two distributions that stand; lines of the first were settled, failed and left."""
    top = tmp_path_factory.mktemp("money")
    root = owed_node(top / "node")
    with at(root, "2026-01-13T00:00:00Z", "ann") as session:
        prove_wallet(session, "alice", "ann")
        lines = [line.reference for line in signed_plan(session).plan.lines]
        for reference, state in zip(lines, ("settled", "failed"), strict=False):
            evidence = {"kind": "bank_ref", "ref": f"R-{state}", "date": "2026-01-13"}
            by_hand(session, "default", None, state=state, references=[reference], evidence=evidence)
    close_epoch(root, 2, pool=3_000)
    with at(root, "2026-01-31T00:00:00Z", "ann") as session, Engine(root) as engine:
        signed_plan(session)
        build_site(session.node, engine, top / "site", verification=None, commit=None)
    return top / "site"


def test_the_money_of_a_site_is_checked_in_the_browser_and_what_was_bent_is_found(browser: Any, site: Path) -> None:
    api = site / "api/v1/ledger"
    first = api / "distributions/default/0001"
    second = api / "distributions/default/0002/plan.json"
    plan = json.loads(second.read_text())
    credits = plan["lines"][0]["amount_credits"]
    settled = (first / "settlements.jsonl").read_text()
    again = settled.splitlines(keepends=True)[0].replace('"seq":1', '"seq":3')
    bent = [
        (first / "settlements.jsonl", settled + again, "PAID_ONCE"),
        (first / "settlements.jsonl", settled.replace('"seq":2', '"seq":3'), "SETTLEMENT_APPEND_ONLY"),
        (
            second,
            second.read_text().replace(f'"amount_credits":"{credits}"', f'"amount_credits":"9{credits}"', 1),
            "PAID_ONCE",
        ),
        (second, second.read_text().replace('"amount_minor":"', '"amount_minor":"1', 1), "DISTRIBUTION_BALANCED"),
        (
            api / "book/default.json",
            (api / "book/default.json").read_text().replace('"paid":"', '"paid":"1', 1),
            "BALANCE_CONSERVED",
        ),
    ]
    with served(site) as origin, watched(browser) as seen:
        page = seen.page

        def asked(verdict: str) -> str:
            page.goto(f"{origin}paid/default/1/")
            page.get_by_role("button", name="Check the money in this browser").click()
            page.locator("[data-money][data-verdict]").wait_for()
            assert page.locator("[data-money]").get_attribute("data-verdict") == verdict, page.locator(
                "[data-money]"
            ).inner_text()
            return str(page.locator("[data-money]").inner_text())

        assert "2 distributions were checked, 2 of them stand" in asked("pass")
        for path, text, rule in bent:
            before = path.read_text()
            assert text != before
            path.write_text(text)
            told = asked("fail")
            rows = [row for row in told.split("\n") if row.strip()]
            assert any(rule in row for row in rows)
            failed = page.locator("[data-money] tr", has=page.locator(".badge.bad")).all_inner_texts()
            assert any(rule in row for row in failed), (rule, failed)
            path.write_text(before)
        assert seen.problems == []
        assert seen.foreign(origin) == []


@pytest.mark.parametrize("width", ["desktop", "phone"])
def test_pages_of_money_keep_the_rules_of_accessible_pages(browser: Any, site: Path, width: str) -> None:
    axe = gzip.decompress((VENDOR / "axe.min.js.gz").read_bytes()).decode()
    listed = json.loads((site / "api/v1/ledger/contributors/index.json").read_text())["contributors"]
    alice = next(one["user_id"] for one in listed if one["name"] == "alice")
    with served(site) as origin, looked(browser, width, "light") as seen:
        for path in ("paid/", "paid/default/1/", f"contributors/{alice}/", "epochs/default/1/"):
            seen.page.goto(origin + path)
            unfold(seen.page)
            seen.page.evaluate(axe)
            found = seen.page.evaluate("(rules) => axe.run(document, rules)", RULES)
            broken = [(rule["id"], node["html"][:200]) for rule in found["violations"] for node in rule["nodes"][:3]]
            assert broken == [], path
            assert seen.page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width], path
            name = path.strip("/").replace("/", "-").replace(alice, "person")
            take_picture(seen.page, f"money-{name}-{width}")
        assert seen.problems == []


@pytest.mark.parametrize("width", [390, 360])
def test_no_table_of_money_is_cut_on_a_phone(browser: Any, site: Path, width: int) -> None:
    listed = json.loads((site / "api/v1/ledger/contributors/index.json").read_text())["contributors"]
    pages = ["", "paid/", "paid/default/1/", "epochs/default/1/", "epochs/default/2/"]
    pages += [f"contributors/{one['user_id']}/" for one in listed]
    with served(site) as origin, watched(browser, viewport={"width": width, "height": 800}) as seen:
        for path in pages:
            seen.page.goto(origin + path)
            seen.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
            seen.page.evaluate("new Promise((done) => { requestIdleCallback(done); })")
            assert seen.page.evaluate("document.documentElement.scrollWidth") <= width, path
            assert seen.page.evaluate(CUT_OFF) == [], path
            take_picture(seen.page, f"money-{path.strip('/').replace('/', '-')}-{width}")
        assert seen.problems == []
