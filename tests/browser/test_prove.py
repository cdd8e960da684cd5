"""Proving a wallet in the browser: what it signs is what the ledger takes, and no other text is offered to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ledger.core.proof import Challenge
from ledger.core.values import NodeId, UserId
from tests.browser.support import needs_browser, served, watched, write_page
from tests.browser.test_sign import PROVIDER, Wallet
from tests.nodes import NODE_ID, WALLETS, signature

pytestmark = needs_browser

USER = UserId("33333333-3333-4333-8333-333333333333")
TEXT = Challenge(NodeId(NODE_ID), USER, ("wallet", WALLETS["eve"]), 0).text


def test_the_text_of_the_answer_is_signed_and_nothing_else(browser: Any, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    name = write_page(site, "prove", "default", 1, f'data-node="{NODE_ID}"')
    wallet = Wallet("eve")
    with served(site) as origin, watched(browser) as seen:
        page = seen.page
        page.expose_function("__wallet", wallet)
        page.add_init_script(PROVIDER.replace("ANNOUNCED", "true"))
        page.goto(f"{origin}{name}")
        said, sign = page.locator("[aria-live=assertive]"), page.get_by_role("button", name="Sign with")
        for text, words in (
            ("I owe you a thousand", "not the text of the answer"),
            (TEXT + "\nand more", "not the text of the answer"),
            (TEXT.replace(NODE_ID, "22222222-2222-4222-8222-222222222222"), "another ledger"),
        ):
            page.get_by_label("The text from the answer").fill(text)
            sign.click()
            assert words in said.inner_text()
        assert wallet.asked == []
        wallet.accounts = [WALLETS["ben"]]
        page.get_by_label("The text from the answer").fill(f"\n{TEXT}\n")
        sign.click()
        page.get_by_text("Choose that account").wait_for()
        wallet.accounts = [WALLETS["eve"]]
        sign.click()
        assert page.locator("#ledger-proof-signature").inner_text() == signature(TEXT, "eve")
        wallet.person = "ben"
        sign.click()
        page.get_by_text("signed something else").wait_for()
        assert page.locator("#ledger-proof-signature").count() == 0
        assert seen.problems == [] and seen.foreign(origin) == []


@pytest.mark.parametrize("site_url", ["", "https://team.example.org/ledger/"])
def test_the_answer_to_a_claim_leads_to_the_page(site_url: str) -> None:
    from ledger.forge.claims import _Account, _how

    said = _how(site_url, "wallet:0x", _Account("wallet", "0x", ""), TEXT, "")
    assert TEXT in said and ("https://team.example.org/ledger/contributors/#prove" in said) == bool(site_url)
