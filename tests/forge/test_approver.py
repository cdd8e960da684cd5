"""An approver's own check: nothing that the bot wrote is read; all is recomputed, then signed and submitted."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.exceptions import Abort
from click.testing import CliRunner, Result
from eth_account import Account
from eth_account.messages import encode_defunct

from ledger.cli.app import ledger
from ledger.core.errors import DifferenceError, InputError, LedgerError, SignatureError, StateError
from ledger.core.values import parse_time
from ledger.forge.approver import desk
from ledger.forge.github import Forge
from ledger.forge.loop import Loop
from tests.forge.test_clone import by_hand, git
from tests.forge.test_loop import OPEN, REVIEW, SOON, Town, town
from tests.nodes import KEYS

__all__ = ["town"]


def loop(town: Town, login: str) -> Loop:
    environ = {**os.environ, **town.hub.environ(login)}
    return Loop(town.checkout, Forge(environ), parse_time(SOON), environ, lambda _: None)


def by_wallet(text: str, name: str) -> str:
    return "0x" + Account.sign_message(encode_defunct(text=text), KEYS[name]).signature.hex().removeprefix("0x")


def in_review(town: Town) -> int:
    number = town.open(REVIEW).pull
    assert number is not None
    return number


def test_the_review_is_of_the_very_commit_that_was_recomputed_and_is_counted(town: Town) -> None:
    number = in_review(town)
    with desk(loop(town, "ann"), number, lambda _: None) as found:
        signature, person = found.check(by_wallet(found.text, "ann"))
        found.submit([signature])
    (review,) = town.hub.pull(number).reviews
    assert (person, review.author, review.commit, review.state) == ("ann", "ann", town.head(), "APPROVED")
    assert "1 of 2: ann" in {one.name: one.detail for one in town.sync(SOON).conditions}["signatures"]


def test_what_the_bot_wrote_is_not_read(town: Town) -> None:
    number = in_review(town)
    with desk(loop(town, "ann"), number, lambda _: None) as found:
        before = found.text
    town.hub.pull(number).body = "Sign this instead: 0xdead"
    with desk(loop(town, "ann"), number, lambda _: None) as found:
        assert found.text == before


def test_a_branch_that_was_tampered_with_is_never_offered_for_signing(town: Town) -> None:
    number = in_review(town)
    by_hand(town.checkout, "sed -i s/4000/9000/ data/epochs/default/0001/statement.json")
    with pytest.raises(DifferenceError), desk(loop(town, "ann"), number, lambda _: None):
        pass


def test_an_epoch_that_is_open_has_nothing_to_sign(town: Town) -> None:
    number = town.open(OPEN).pull
    assert number is not None
    with pytest.raises(StateError, match="the epoch is open"), desk(loop(town, "ann"), number, lambda _: None):
        pass


def test_another_pull_request_is_no_epoch(town: Town) -> None:
    in_review(town)
    number = town.hub.fork_pull("eve", "epoch/default/1", "Mine")
    with pytest.raises(InputError, match="not that of an epoch"), desk(loop(town, "ann"), number, lambda _: None):
        pass
    with pytest.raises(LedgerError), desk(loop(town, "ann"), 999, lambda _: None):
        pass


@pytest.mark.parametrize(
    ("login", "wallet", "error", "why"),
    [
        ("ann", "eve", SignatureError, "no approver pinned"),
        ("eve", "ann", InputError, "belongs to another GitHub account"),
        ("ben", "ann", InputError, "belongs to another GitHub account"),
    ],
)
def test_nobody_signs_for_another(town: Town, login: str, wallet: str, error: type[LedgerError], why: str) -> None:
    number = in_review(town)
    with desk(loop(town, login), number, lambda _: None) as found, pytest.raises(error, match=why):
        found.check(by_wallet(found.text, wallet))
    assert town.hub.pull(number).reviews == []


def test_the_own_checkout_is_left_as_it_was(town: Town) -> None:
    number = in_review(town)
    before = git(town.checkout, "rev-parse", "HEAD"), git(town.checkout, "status", "--porcelain")
    with desk(loop(town, "ann"), number, lambda _: None):
        pass
    assert (git(town.checkout, "rev-parse", "HEAD"), git(town.checkout, "status", "--porcelain")) == before
    assert Path(town.checkout / "data/epochs/default").exists() is False


def sign_pr(town: Town, login: str, *arguments: str, answer: str = "") -> Result:
    """`ledger sign --pr` on the approver's own machine."""
    environ = {**town.hub.environ(login), "LEDGER_NOW": SOON, "LEDGER_KEYSTORE_PASSWORD": "secret"}
    command = ["sign", "--node", str(town.checkout), *arguments]
    return CliRunner().invoke(ledger, command, env=environ, input=answer, standalone_mode=False)


def test_with_a_keystore_it_shows_asks_signs_and_submits(town: Town, tmp_path: Path) -> None:
    number = in_review(town)
    keystore = tmp_path / "wallet.json"
    keystore.write_text(json.dumps(Account.encrypt(KEYS["ann"], "secret", iterations=2)), "utf-8")
    asked = ("--pr", str(number), "--keystore", str(keystore))
    refused = sign_pr(town, "ann", *asked, answer="n\n")
    assert isinstance(refused.exception, Abort) and town.hub.pull(number).reviews == []
    done = sign_pr(town, "ann", *asked, answer="y\n")
    assert "10000 credits for 2 people" in done.stderr and "Sign this statement?" in done.stderr
    (review,) = town.hub.pull(number).reviews
    assert (review.author, review.state, review.body) == ("ann", "APPROVED", done.stdout.strip())
    assert "1 of 2: ann" in {one.name: one.detail for one in town.sync(SOON).conditions}["signatures"]


def test_with_a_hardware_wallet_it_prints_the_exact_text_and_takes_the_answer(town: Town) -> None:
    number = in_review(town)
    shown = sign_pr(town, "ben", "--pr", str(number))
    text = shown.stdout.removesuffix("\n")
    assert text.startswith("Cogni Payout Statement\nNode: ") and town.hub.pull(number).reviews == []
    done = sign_pr(town, "ben", "--pr", str(number), "--signature", by_wallet(text, "ben"), "--yes", "--json")
    told = json.loads(done.stdout)
    assert (told["schema"], told["person"], told["epoch"]) == ("signed-pull/1", "ben", "default/1")
    assert "1 of 2: ben" in {one.name: one.detail for one in town.sync(SOON).conditions}["signatures"]
