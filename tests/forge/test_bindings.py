"""Claiming accounts by an issue: what is proved comes to one pull request, the rest is said, nothing conflicts."""

from __future__ import annotations

from pathlib import Path

from eth_account import Account
from eth_account.messages import encode_defunct

from ledger.core.identity import resolve_accounts
from ledger.core.values import parse_time
from ledger.flows.identity import bound_accounts
from ledger.flows.session import open_session
from ledger.flows.verify import verify
from tests.forge.support import ACCOUNTS
from tests.forge.test_clone import git
from tests.forge.test_loop import LATER, OPEN, SOON, Town
from tests.forge.test_loop import town as town
from tests.nodes import KEYS, WALLETS


def form(wallet: str = "", signature: str = "", others: str = "") -> str:
    """What GitHub makes of the form."""
    parts = {"Wallet": wallet, "Signature": signature, "Others": others, "Consent": "- [X] I want these accounts shown"}
    return "\n\n".join(f"### {label}\n\n{text or '_No response_'}" for label, text in parts.items())


def claim(town: Town, login: str, body: str = "") -> int:
    return town.hub.open_issue(login, "Bind my accounts", body or form(), ["ledger:bind"])


def sync(town: Town, time: str) -> None:
    town.hub.now = time
    town.loop(time).sync()


def said(town: Town, number: int) -> list[str]:
    return [one.body for one in town.hub.thread(number).comments if one.author == "github-actions[bot]"]


def on_branch(town: Town, ref: str = "origin/bindings") -> dict[tuple[str, str], str]:
    git(town.checkout, "fetch", "--quiet", "--prune", "origin", "+refs/heads/*:refs/remotes/origin/*")
    git(town.checkout, "checkout", "--quiet", "--detach", ref)
    session = open_session(town.checkout, parse_time(LATER))
    return dict(resolve_accounts(session.node.bindings()))


def save(town: Town, message: str) -> None:
    git(town.checkout, "add", "--all")
    git(town.checkout, "commit", "--quiet", "-m", message)
    town.hub.push_main(town.checkout)


def bindings_pull(town: Town) -> int:
    return next(
        n for n, one in town.hub.threads.items() if getattr(one, "head", "") == "bindings" and one.state == "open"
    )


def test_two_claims_at_once_come_to_one_pull_request_that_merges(town: Town) -> None:
    first, second = claim(town, "eve"), claim(town, "dan")
    sync(town, SOON)
    number = bindings_pull(town)
    assert "is proved (the author of the issue)" in said(town, first)[0] and f"#{number}" in said(town, second)[0]
    bound = on_branch(town)
    assert ("github", str(ACCOUNTS["eve"])) in bound and ("github", str(ACCOUNTS["dan"])) in bound
    head = town.hub.pull(number).head_sha
    sync(town, LATER)
    assert town.hub.pull(number).head_sha == head and len(said(town, first)) == 1, "nothing is said or pushed twice"
    assert {one.context for one in town.hub.latest(head)} >= {"ledger/guard", "ledger/verify", "ledger/statement"}
    town.hub.review(number, "ben", "APPROVED", "")
    town.hub.merge(number, "ann")
    sync(town, LATER)
    assert town.hub.thread(first).state == "closed" and "Everything here is on the record" in said(town, first)[-1]
    assert on_branch(town, "origin/main").keys() >= {("github", str(ACCOUNTS[name])) for name in ("eve", "dan")}
    assert verify(open_session(town.checkout, parse_time(LATER))).ok


def test_the_branch_is_built_anew_when_main_took_other_lines_meanwhile(town: Town) -> None:
    claim(town, "eve")
    sync(town, SOON)
    git(town.checkout, "checkout", "--quiet", "main")
    from ledger.flows.identity import bind

    session = open_session(town.checkout, parse_time(SOON))
    bind(session, "file", "carol", login="carol", evidence="a call", actor="ann")
    git(town.checkout, "commit", "--quiet", "-am", "By hand")
    town.hub.push_main(town.checkout)
    sync(town, LATER)
    bound = on_branch(town)
    assert ("file", "carol") in bound and ("github", str(ACCOUNTS["eve"])) in bound


def test_a_wallet_joins_by_its_signature_over_the_text_in_the_answer(town: Town) -> None:
    number = claim(town, "eve", form(WALLETS["eve"]))
    sync(town, SOON)
    text = said(town, number)[0].split("```text\n")[1].split("\n```")[0]
    assert text.startswith("Contribution Ledger Identity Proof") and WALLETS["eve"] in text
    for key, word in ((KEYS["ben"], "is not by"), (KEYS["eve"], "is proved (its own answer)")):
        signature = "0x" + Account.sign_message(encode_defunct(text=text), key).signature.hex().removeprefix("0x")
        town.hub.edit_thread(number, "eve", body=form(WALLETS["eve"], signature))
        sync(town, LATER)
        assert word in said(town, number)[-1]
    bound = on_branch(town)
    assert bound["wallet", WALLETS["eve"]] == bound["github", str(ACCOUNTS["eve"])]


def test_what_is_proved_merges_itself_where_every_scope_says_so_and_nothing_vouched_for_does(town: Town) -> None:
    path = town.checkout / "scopes" / "default.yaml"
    path.write_text(path.read_text("utf-8") + "merge_bindings: self_proved\n", "utf-8")
    save(town, "What is proved needs no click")
    first = claim(town, "eve")
    sync(town, SOON)
    assert town.hub.thread(first).state == "closed" and "Everything here is on the record" in said(town, first)[-1]
    assert ("github", str(ACCOUNTS["eve"])) in on_branch(town, "origin/main")
    assert "origin/bindings" not in git(town.checkout, "branch", "--remotes")
    second = claim(town, "dan")
    town.hub.comment(second, "ann", "/bind file:carol @carol")
    sync(town, LATER)
    assert not town.hub.pull(bindings_pull(town)).merged and town.hub.thread(second).state == "open"
    assert ("file", "carol") not in on_branch(town, "origin/main")


def test_what_somebody_else_edited_is_not_taken(town: Town) -> None:
    number = claim(town, "eve")
    town.hub.edit_thread(number, "ann", body=form(WALLETS["ann"]))
    sync(town, SOON)
    assert "somebody else edited this issue" in said(town, number)[0]
    assert "origin/bindings" not in git(town.checkout, "branch", "--remotes")


def test_an_approver_vouches_for_many_and_nobody_else_does(town: Town) -> None:
    number = claim(town, "eve")
    town.hub.comment(number, "ann", "/bind file:carol @carol\n/BIND github:999 @zoe\n/bind gitlab:5 @x")
    town.hub.comment(number, "dan", "/bind github:105 @carol")
    sync(town, SOON)
    answers = "\n".join(said(town, number))
    assert "ann vouches" in answers and "only an approver vouches" in answers and "no account of 'gitlab'" in answers
    git(town.checkout, "fetch", "--quiet", "origin", "bindings")
    bound = on_branch(town)
    assert ("file", "carol") in bound and ("github", "999") in bound and ("github", "105") not in bound
    session = open_session(town.checkout, parse_time(LATER))
    assert {one.login for one in bound_accounts(session)} >= {"carol", "zoe"}


def test_a_claim_does_not_disturb_an_epoch_in_progress(town: Town, tmp_path: Path) -> None:
    number = town.open(OPEN).pull
    assert number is not None
    claim(town, "eve")
    assert town.sync(SOON).errors == []
    assert town.hub.pull(number).draft and bindings_pull(town) != number


def test_with_two_scopes_what_is_proved_merges_itself_only_where_both_say_so(town: Town) -> None:
    first = town.checkout / "scopes" / "default.yaml"
    second = first.with_name("garden.yaml")
    text = first.read_text("utf-8")
    second.write_text(text.replace("scope_id: default", "scope_id: garden") + "covers: false\n", "utf-8")
    first.write_text(text + "merge_bindings: self_proved\n", "utf-8")
    save(town, "A second scope, whose owners want to look")
    number = claim(town, "eve")
    sync(town, SOON)
    pull = bindings_pull(town)
    assert not town.hub.pull(pull).merged and f"#{pull}" in said(town, number)[-1]
    second.write_text(second.read_text("utf-8") + "merge_bindings: self_proved\n", "utf-8")
    save(town, "They need not")
    sync(town, LATER)
    assert town.hub.pull(pull).merged and town.hub.thread(number).state == "closed"
    assert ("github", str(ACCOUNTS["eve"])) in on_branch(town, "origin/main")
