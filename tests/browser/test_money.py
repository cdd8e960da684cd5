"""The check of money in the browser: a distribution that holds, and each way in which files were bent."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger.compute.engine import Engine
from ledger.core.canonical import encode
from ledger.flows.identity import bind, unbind
from ledger.flows.paying.instruct import Wish, draft, instruct
from ledger.flows.paying.plan import abandon
from ledger.flows.paying.settle import by_hand
from ledger.flows.session import Session
from ledger.flows.verify import verify
from ledger.site.build import build_site
from tests.browser.support import needs_browser, served, watched
from tests.browser.test_pages import CUT_OFF, RULES, VENDOR, WIDTHS, looked, take_picture, unfold
from tests.nodes import at, make_node, signature
from tests.paying.world import CARRY, HOLD, close_epoch, held_epochs, owed_node, prove_wallet, signed_plan, user_of

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


def bent_book(api: Path, change: Callable[[dict[str, Any], dict[str, Any]], object]) -> str:
    """The book with a change of its first two people, written canonically."""
    book = json.loads((api / "book/default.json").read_bytes())
    change(*book["people"][:2])
    return encode(book).decode() + "\n"


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
        *(
            (api / "book/default.json", bent_book(api, change), "BALANCE_CONSERVED")
            for change in (
                lambda one, _: one.update(paid="1" + one["paid"]),
                lambda one, _: one.update(moved="7"),
                lambda one, _: one.update(moved="7", outstanding=str(int(one["outstanding"]) + 7)),
                lambda one, other: (one.update(outstanding="7"), other.update(outstanding="-7")),
                lambda one, other: one.update(name=other["name"]),
            )
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


PAGES = {
    "an amount": ("paid/default/1/", "40.00", "40.01"),
    "the sum": ("paid/default/1/", "100.00", "900.00"),
    "a state": ("paid/default/1/", ">failed<", ">paid on 2026-01-13 00:00<"),
    "who gets it": ("paid/default/1/", "<bdi>alice</bdi>", "<bdi>mallory</bdi>"),
    "how it was seen": ("paid/default/1/", "R-settled", "R-settlad"),
    "what is outstanding": ("paid/", '<td class="num">7,000</td>', '<td class="num">7,001</td>'),
    "the sum of what was paid": ("paid/", ">4,000</span> paid", ">5,000</span> paid"),
    "a person of the book": ("paid/", "<bdi>carol</bdi>", "<bdi>mallory</bdi>"),
}


@pytest.mark.parametrize("what", [None, *PAGES])
def test_the_page_in_front_of_the_reader_is_held_to_the_record_too(browser: Any, site: Path, what: str | None) -> None:
    for place in ("paid/", "paid/default/1/") if what is None else (PAGES[what][0],):
        file = site / place / "index.html"
        before = file.read_text("utf-8")
        old, new = PAGES[what][1:] if what is not None else ("", "")
        assert old in before
        with served(site) as origin, watched(browser) as seen:
            file.write_text(before.replace(old, new, 1), "utf-8")
            try:
                seen.page.goto(f"{origin}{place}")
                seen.page.get_by_role("button", name="Check the money in this browser").click()
                seen.page.locator("[data-money][data-verdict]").wait_for()
            finally:
                file.write_text(before, "utf-8")
            told = seen.page.locator("[data-money]").inner_text()
            verdict = seen.page.locator("[data-money]").get_attribute("data-verdict")
            assert (verdict, "1 figure on this page is WRONG" in told) == (
                "pass" if what is None else "fail",
                what is not None,
            ), told
            assert seen.problems == []


def test_held_shares_that_were_claimed_given_up_and_bound_anew_are_reckoned_as_the_ledger_does(
    browser: Any, tmp_path: Path
) -> None:
    root = held_epochs(make_node(tmp_path / "node"), HOLD)
    with at(root, "2026-01-13T00:00:00Z", "ann") as session:
        bind(session, "file", "bob", login="bob", actor="ann")
        text = signed_plan(session).plan.abandoned_text("wrong")
        abandon(session, "default", None, "wrong", [signature(text, "ann"), signature(text, "ben")])
    with at(root, "2026-01-14T00:00:00Z", "ann") as session, Engine(root) as engine:
        assert len(signed_plan(session).plan.lines) == 2
        unbind(session, "file", "bob", evidence="another", actor="ann")
        bind(session, "file", "bob", login="bobby", actor="ann")
        build_site(session.node, engine, tmp_path / "site", verification=None, commit=None)
    with served(tmp_path / "site") as origin, watched(browser) as seen:
        for place in ("paid/", "paid/default/1/", "paid/default/2/"):
            seen.page.goto(origin + place)
            seen.page.get_by_role("button", name="Check the money in this browser").click()
            seen.page.locator("[data-money][data-verdict]").wait_for()
            told = seen.page.locator("[data-money]").inner_text()
            assert seen.page.locator("[data-money]").get_attribute("data-verdict") == "pass", told
        seen.page.goto(f"{origin}paid/")
        assert "are held for accounts that nobody has bound" in seen.page.locator("#default-sums").inner_text()
        assert seen.problems == []


def told_of_the_money(browser: Any, root: Path, out: Path, time: str) -> tuple[bool, str]:
    """Whether `ledger verify` finds the node right, and the browser's verdict over its site with what it says."""
    with at(root, time, "ann") as session, Engine(root) as engine:
        ok = verify(session).ok
        build_site(session.node, engine, out, verification=None, commit=None)
    with served(out) as origin, watched(browser) as seen:
        seen.page.goto(f"{origin}paid/")
        seen.page.get_by_role("button", name="Check the money in this browser").click()
        shown = seen.page.locator("[data-money][data-verdict]")
        shown.wait_for()
        assert seen.problems == []
        return ok, f"{shown.get_attribute('data-verdict')}: {shown.inner_text()}"


@pytest.mark.parametrize("once", [False, True], ids=["never his", "bound and left before the epoch ended"])
def test_a_held_share_that_lapsed_is_not_claimed_by_who_came_later(browser: Any, tmp_path: Path, once: bool) -> None:
    root = make_node(tmp_path / "node")
    if once:
        with at(root, "2026-01-06T00:00:00Z") as session:
            bind(session, "file", "bob", login="bob", actor="ann")
            unbind(session, "file", "bob", evidence="gone", actor="ann")
    held_epochs(root, CARRY, epochs=2)
    with at(root, "2026-01-20T00:00:00Z") as session:
        bind(session, "file", "bob", login="bob", actor="ann")
    close_epoch(root, 3)
    with at(root, "2026-01-27T00:00:00Z", "ann") as session:
        signed_plan(session)
    ok, told = told_of_the_money(browser, root, tmp_path / "site", "2026-01-28T00:00:00Z")
    assert ok
    assert told.startswith("pass"), told


def give(session: Session, wish: Wish) -> None:
    instruct(session, "default", wish, signature=signature(draft(session, "default", wish).signed_text, "eve"))


GIFTS = {
    "everything": Wish("", "gift", None, "pool"),
    "from a later epoch": Wish("", "gift", None, "pool", 9),
    "nothing, for it was taken back": Wish("", "gift", None, "pool"),
}


@pytest.mark.parametrize("what", GIFTS)
def test_who_gave_a_held_share_away_has_claimed_it_if_something_moved(browser: Any, tmp_path: Path, what: str) -> None:
    root = held_epochs(make_node(tmp_path / "node"), HOLD)
    with at(root, "2026-01-13T00:00:00Z", "ann") as session:
        bob = bind(session, "file", "bob", login="bob", actor="ann").user_id
        prove_wallet(session, "bob", "eve")
        give(session, replace(GIFTS[what], user_id=bob))
        if "back" in what:
            give(session, Wish(bob, "clear"))
        give(session, Wish(bob, "hold"))
        assert [line.user_id for line in signed_plan(session).plan.lines] == [user_of(session, "alice")]
        unbind(session, "file", "bob", evidence="another", actor="ann")
        bind(session, "file", "bob", login="bobby", actor="ann")
    ok, told = told_of_the_money(browser, root, tmp_path / "site", "2026-01-14T00:00:00Z")
    assert ok
    assert told.startswith("pass"), told


def test_a_gift_that_is_used_up_claims_no_further_share(browser: Any, tmp_path: Path) -> None:
    root = held_epochs(make_node(tmp_path / "node"), HOLD)
    with at(root, "2026-01-13T00:00:00Z", "ann") as session:
        bob = bind(session, "file", "bob", login="bob", actor="ann").user_id
        prove_wallet(session, "bob", "eve")
        give(session, Wish(bob, "gift", 100, "pool"))
        give(session, Wish(bob, "hold"))
        signed_plan(session)
    with at(root, "2026-01-14T00:00:00Z", "ann") as session:
        bind(session, "file", "carol", user_id=bob, actor="ann")
    close_epoch(root, 2)
    with at(root, "2026-01-20T00:00:00Z", "ann") as session:
        signed_plan(session)
        unbind(session, "file", "carol", evidence="another", actor="ann")
        bind(session, "file", "carol", login="carla", actor="ann")
    ok, told = told_of_the_money(browser, root, tmp_path / "site", "2026-01-21T00:00:00Z")
    assert ok
    assert told.startswith("pass"), told


def test_who_claimed_a_share_and_lost_its_account_is_paid_his_next_credits(browser: Any, tmp_path: Path) -> None:
    root = held_epochs(make_node(tmp_path / "node"), HOLD)
    with at(root, "2026-01-13T00:00:00Z", "ann") as session:
        bob = bind(session, "file", "bob", login="bob", actor="ann").user_id
        prove_wallet(session, "bob", "eve")
        signed_plan(session)
        unbind(session, "file", "bob", evidence="another", actor="ann")
        bind(session, "file", "bob", login="bobby", actor="ann")
        bind(session, "file", "carol", user_id=bob, actor="ann")
    with at(root, "2026-01-14T00:00:00Z", "ann") as session:
        assert bob in {line.user_id for line in signed_plan(session).plan.lines}
    ok, told = told_of_the_money(browser, root, tmp_path / "site", "2026-01-15T00:00:00Z")
    assert ok
    assert told.startswith("pass"), told


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
