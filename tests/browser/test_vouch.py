"""Vouching in the browser: the page composes what the ledger takes, with any wallet, and nothing without a right."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ledger.cli import main
from tests.browser.sites import build
from tests.browser.support import Watched, needs_browser, served, watched
from tests.browser.test_sign import PROVIDER, Wallet
from tests.flows.test_receipts import issue
from tests.nodes import WALLETS
from tests.receipt_nodes import receipt_node

pytestmark = needs_browser


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A node with a proposed receipt, and its site."""
    root = receipt_node(tmp_path_factory.mktemp("vouch") / "node")
    issue(root, "care.1", "2026-01-06", "@dora")
    return root, build(root, root.parent / "site")


@contextmanager
def opened(browser: Any, address: str, wallet: Wallet) -> Iterator[Watched]:
    with watched(browser) as seen:
        seen.page.expose_function("__wallet", wallet)
        seen.page.add_init_script(PROVIDER.replace("ANNOUNCED", "true"))
        seen.page.goto(address)
        seen.page.locator("[data-ready]").wait_for()
        yield seen
        assert seen.problems == []
        assert {how for how, _ in seen.requests} == {"GET"}, "the page sent something"


def added(root: Path, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """The line that the page gave, as `ledger receipt add` takes it."""
    file = tmp_path / "signed.jsonl"
    file.write_text(line.removeprefix("/receipt ") + "\n", "utf-8")
    arguments = ["receipt", "add", str(file), "--node", str(root), "--now", "2027-06-01"]
    monkeypatch.setattr(sys, "argv", ["ledger", *arguments])
    return main()


def test_what_the_page_composes_and_a_wallet_signs_is_what_the_ledger_records(
    browser: Any, made: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(shutil.copytree(made[0], tmp_path / "node"))
    hash_ = json.loads((root / "data/receipts.jsonl").read_text("utf-8"))["receipt_hash"]
    with served(made[1]) as origin:
        with opened(browser, f"{origin}receipts/", Wallet("ann")) as seen:
            page = seen.page
            page.get_by_role("button", name="Sign with").click()
            assert "Name the work item" in page.locator("[data-vouch]").inner_text()
            for name, value in (("item", "talk.2"), ("points", "3"), ("estimate", "2"), ("role", "author")):
                page.locator(f"#ledger-vouch-{name}").fill(value)
            page.locator("#ledger-vouch-artifact").fill("https://example.org/\u200btalk")
            assert "nobody sees in a wallet" in page.locator("[data-vouch]").inner_text()
            page.locator("#ledger-vouch-artifact").fill("https://example.org/talk")
            page.locator("#ledger-vouch-who").select_option(label="emil")
            page.get_by_role("button", name="Sign with").click()
            line = page.locator("#ledger-receipt-line").inner_text()
        with opened(browser, f"{origin}receipts/{hash_}/", Wallet("ben")) as seen:
            seen.page.get_by_role("button", name="Sign with").click()
            approval = seen.page.locator("#ledger-receipt-line").inner_text()
        for person, said in (("ann", "may not do this"), ("eve", "may not do this")):
            with opened(browser, f"{origin}receipts/{hash_}/", Wallet(person)) as seen:
                seen.page.get_by_role("button", name="Sign with").click()
                seen.page.get_by_text(said).wait_for()
                assert seen.page.locator("#ledger-receipt-line").count() == 0
    assert added(root, line, tmp_path, monkeypatch) == 0
    assert added(root, approval, tmp_path, monkeypatch) == 0
    acts = [json.loads(one) for one in (root / "data/receipts.jsonl").read_text("utf-8").splitlines()]
    assert [(act["act"], act["signer_wallet"]) for act in acts[1:]] == [
        ("issued", WALLETS["ann"]),
        ("approved", WALLETS["ben"]),
    ]
    assert acts[1]["receipt"]["work_item_id"] == "talk.2"


def test_pages_show_each_receipt_with_its_signatures_and_lead_to_whom_it_is_about(made: tuple[Path, Path]) -> None:
    root, site = made
    act = json.loads((root / "data/receipts.jsonl").read_text("utf-8"))
    page = (site / "receipts" / act["receipt_hash"] / "index.html").read_text("utf-8")
    for text in (act["signature"], act["signer_wallet"], "Ledger Work Receipt", "proposed, not approved", "care.1"):
        assert text in page
    person = site / "contributors" / act["receipt"]["user_id"] / "index.html"
    assert f"receipts/{act['receipt_hash']}/" in person.read_text("utf-8")
    standing = json.loads((site / "api/v1/ledger/receipts.json").read_text("utf-8"))["receipts"]
    assert [(one["status"], one["epoch_id"]) for one in standing] == [("proposed", None)]
