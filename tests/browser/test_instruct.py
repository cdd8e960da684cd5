"""The form for a person's word about his payouts: what its wallet signs here is what the ledger takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from ledger.cli.app import ledger
from ledger.flows.identity import bind
from tests.browser.support import needs_browser, served, watched, write_page
from tests.browser.test_sign import PROVIDER, Wallet
from tests.nodes import WALLETS, at, make_node
from tests.paying.world import prove_wallet, user_of

pytestmark = needs_browser


def test_what_a_wallet_signs_here_is_an_instruction_that_the_ledger_takes(browser: Any, tmp_path: Path) -> None:
    root = make_node(tmp_path / "node")
    with at(root, "2026-01-06T00:00:00Z") as session:
        for name in ("alice", "bob"):
            bind(session, "file", name, login=name, actor="ann")
        prove_wallet(session, "alice", "ann")
        alice, bob, node_id = user_of(session, "alice"), user_of(session, "bob"), session.node.node_id
    site = tmp_path / "site"
    site.mkdir()
    person = f'data-node="{node_id}" data-user="{alice}" data-number="1"'
    given = f'{person} data-scopes="default" data-wallets="{WALLETS["ann"]}"'
    page_name = write_page(site, "instruct", "default", 1, given)
    wallet = Wallet("eve")
    with served(site) as origin, watched(browser) as seen:
        page = seen.page
        page.expose_function("__wallet", wallet)
        page.add_init_script(PROVIDER.replace("ANNOUNCED", "true"))
        page.goto(f"{origin}{page_name}")
        page.locator("[data-instruct][data-ready]").wait_for()
        said = page.locator("[aria-live=assertive]")

        page.get_by_label("With what I am owed").select_option("gift")
        page.get_by_label("To", exact=False).last.fill(str(alice))
        assert "another user's id" in page.locator("[data-instruct]").inner_text()
        page.locator("#ledger-wish-to").fill(str(bob))
        page.locator("#ledger-wish-amount").fill("1e3")
        assert "whole number" in page.locator("[data-instruct]").inner_text()
        page.locator("#ledger-wish-amount").fill("250")
        page.get_by_role("button", name=re.compile("Sign with")).click()
        said.filter(has_text="none of this person's proved wallets").wait_for()
        assert page.locator("#ledger-wish-line").count() == 0

        wallet.person, wallet.accounts = "ann", [WALLETS["ann"]]
        page.get_by_role("button", name=re.compile("Sign with")).click()
        line = page.locator("#ledger-wish-line").inner_text()
        wanted = page.locator("#ledger-wish-text").inner_text()
        assert said.inner_text().startswith(f"Signed by {WALLETS['ann']}")

        page.locator("#ledger-wish-amount").fill("251")  # another text: the line for the one before is gone
        assert page.locator("#ledger-wish-line").count() == 0
        page.locator("#ledger-wish-signature").fill(line.rpartition(" ")[2])
        page.get_by_role("button", name="Check the signature").click()
        said.filter(has_text="another key signed, or another text").wait_for()
        assert seen.problems == []
        assert seen.foreign(origin) == []

    words = shlex.split(line)[1:]
    options = ["--node", str(root), "--now", "2026-01-07T00:00:00Z"]
    asked = CliRunner().invoke(ledger, [*words[:-2], "--message", *options])
    assert asked.output == wanted
    done = CliRunner().invoke(ledger, [*words, *options])
    assert done.exit_code == 0, done.output
    assert '"instruction":"gift"' in done.output
