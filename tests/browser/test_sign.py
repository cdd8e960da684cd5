"""The signing page with a real key behind an injected wallet: what it offers and refuses; it sends nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from ledger.core.signing import CURVE_ORDER, signed_text
from ledger.flows.approvers import sign_set
from ledger.flows.collect import collect
from ledger.flows.identity import bind
from ledger.flows.sign import current_statement, finalize, sign
from tests.browser.support import Watched, needs_browser, publish, served, watched, write_page
from tests.nodes import KEYS, WALLETS, at, make_node, sign_as, sign_sets, signature

pytestmark = needs_browser

REVIEW = "https://github.com/example/ledger/pull/7"
PROVIDER = """
(() => {
  const listeners = {};
  const provider = {
    isExample: true,
    async request({ method, params }) {
      const answer = JSON.parse(await window.__wallet(JSON.stringify({ method, params: params ?? [] })));
      for (const [name, value] of answer.events ?? []) for (const heard of listeners[name] ?? []) heard(value);
      if (answer.error) throw Object.assign(new Error(answer.error.message), { code: answer.error.code });
      return answer.result;
    },
    on(name, heard) { (listeners[name] ??= []).push(heard); },
  };
  if (ANNOUNCED) {
    const info = { uuid: "1", name: "Example <b>Wallet</b>", icon: "", rdns: "org.example" };
    const detail = Object.freeze({ info, provider });
    const announce = () => dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail }));
    if (ANNOUNCED !== "later") addEventListener("eip6963:requestProvider", announce);
    if (ANNOUNCED === "later") setTimeout(announce, 300);
    else for (let times = 0; times < (ANNOUNCED === "twice" ? 2 : 1); times += 1) announce();
  }
  window.ethereum = provider;
})();
"""


class Wallet:
    """A wallet whose key stays in Python: answers what an EIP-1193 provider would, or refuses."""

    def __init__(self, person: str = "ann") -> None:
        self.person = person
        self.accounts = [WALLETS[person]]
        self.error: tuple[int, str] | None = None
        self.events: list[tuple[str, object]] = []
        self.change = lambda raw: raw
        self.asked: list[tuple[str, list[str]]] = []

    def __call__(self, text: str) -> str:
        call = json.loads(text)
        self.asked.append((call["method"], call["params"]))
        if call["method"] == "eth_requestAccounts" and (self.error is None or self.error[0] == 4001):
            return json.dumps({"result": self.accounts})
        if self.error is not None:
            return json.dumps({"error": {"code": self.error[0], "message": self.error[1]}})
        message = bytes.fromhex(call["params"][0].removeprefix("0x"))
        made = Account.sign_message(encode_defunct(primitive=message), KEYS[self.person]).signature
        return json.dumps({"result": "0x" + bytes(self.change(made)).hex(), "events": self.events})


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Epoch 1 in review; nobody has signed it, both have signed the approver set."""
    root = make_node(tmp_path_factory.mktemp("node"))
    with at(root, "2026-01-06T00:00:00Z") as session:
        bind(session, "file", "alice", login="alice", actor="ann")
        bind(session, "file", "bob", login="<img src=x onerror=window.hacked=1>", actor="ann")
    with at(root, "2026-01-14T00:00:00Z") as session:
        collect(session)
        sign_sets(session, "default", "ann", "ben")
    return root


@pytest.fixture(scope="module")
def folder(node: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = publish(node, tmp_path_factory.mktemp("site"))
    write_page(out, "sign", "default", 1, f'data-review="{REVIEW}"')
    return out


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[str]:
    with served(folder) as origin:
        yield origin


def text_of(node: Path) -> str:
    with at(node, "2026-01-14T01:00:00Z") as session:
        return signed_text(current_statement(session, session.node.epoch("default", 1)))


@contextmanager
def opened(browser: Any, origin: str, wallet: Wallet | None, announced: str | None = "at once") -> Iterator[Watched]:
    """The signing page after its own recheck."""
    with watched(browser) as seen:
        if wallet is not None:
            seen.page.expose_function("__wallet", wallet)
            seen.page.add_init_script(PROVIDER.replace("ANNOUNCED", json.dumps(announced)))
        seen.page.goto(f"{origin}sign-default-1.html")
        seen.page.locator("[data-sign][data-verdict]").wait_for()
        yield seen
        assert seen.problems == []
        assert seen.foreign(origin) == []


def told(seen: Watched) -> str:
    text: str = seen.page.locator("[aria-live=assertive]").inner_text()
    return text


def test_a_signature_made_here_is_one_that_the_ledger_takes(
    browser: Any, site: str, node: Path, tmp_path: Path
) -> None:
    wallet = Wallet()
    with opened(browser, site, wallet) as seen:
        page = seen.page
        assert "Nothing differs" in page.locator(".ledger-progress").inner_text()
        assert page.locator("[data-sign] pre").first.inner_text() == text_of(node)
        assert "people share a pool of 10,000 credits" in page.locator("[data-sign]").inner_text()
        before = len(seen.requests)
        page.get_by_role("button", name="Sign with Example <b>Wallet</b>").click()
        page.get_by_text("a pinned approver").wait_for()
        assert f"Signed by {WALLETS['ann']}" in told(seen)
        line = page.locator("#ledger-sign-line").inner_text()
        assert page.get_by_role("link", name="Open the review").get_attribute("href") == REVIEW
        assert len(seen.requests) == before, "signing made a request"
        assert page.evaluate("window.hacked") is None
    assert wallet.asked == [
        ("eth_requestAccounts", []),
        ("personal_sign", ["0x" + text_of(node).encode().hex(), WALLETS["ann"]]),
    ]
    assert line == f"/sign {signature(text_of(node), 'ann')}"
    copy = shutil.copytree(node, tmp_path / "copy")
    with at(copy, "2026-01-14T01:00:00Z") as session:
        folder = session.node.epoch("default", 1)
        sign(session, folder, line.removeprefix("/sign "))
        sign_as(session, folder, "ben")
        finalize(session, folder)


def test_after_signing_the_page_leads_to_the_next_epoch_as_soon_as_one_waits(
    browser: Any, site: str, folder: Path
) -> None:
    listed = folder / "api/v1/ledger/epochs.json"
    before = listed.read_text("utf-8")
    with opened(browser, site, Wallet()) as seen:
        seen.page.get_by_role("button", name="Sign with").click()
        seen.page.get_by_text("No other epoch waits for signatures").wait_for()
        found = json.loads(before)
        found["epochs"] += [
            {**found["epochs"][0], "epoch_id": 2},
            {**found["epochs"][0], "epoch_id": 3, "state": "open"},
        ]
        try:
            listed.write_text(json.dumps(found), "utf-8")
            seen.page.get_by_role("button", name="Look for the next epoch").click()
            link = seen.page.get_by_role("link", name="Sign default/2 next")
            assert link.evaluate("one => one.href") == f"{site}sign/default/2/"
        finally:
            listed.write_text(before, "utf-8")
        assert seen.page.locator(".ledger-next a").count() == 1


def test_a_wallet_that_does_not_announce_itself_is_found_too(browser: Any, site: str) -> None:
    with opened(browser, site, Wallet(), announced=None) as seen:
        assert seen.page.locator(".ledger-wallets button").all_inner_texts() == ["Sign with Browser wallet"]
        seen.page.get_by_role("button", name="Sign with Browser wallet").click()
        seen.page.locator("#ledger-sign-line").wait_for()


@pytest.mark.parametrize("announced", ["at once", "later", "twice"])
def test_an_announced_wallet_is_offered_once_and_nothing_says_that_there_is_none(
    browser: Any, site: str, announced: str
) -> None:
    with opened(browser, site, Wallet(), announced) as seen:
        wallet = "Browser wallet" if announced == "later" else "Example <b>Wallet</b>"
        seen.page.get_by_role("button", name=f"Sign with {wallet}").wait_for()
        assert seen.page.locator(".ledger-wallets button").all_inner_texts() == [f"Sign with {wallet}"]
        assert seen.page.get_by_text("No wallet was found").count() == 0


def test_a_wallet_that_comes_late_takes_the_place_of_the_note_that_there_is_none(browser: Any, site: str) -> None:
    with opened(browser, site, None) as seen:
        seen.page.get_by_text("No wallet was found").wait_for()
        seen.page.evaluate(
            """() => {
              const provider = { request: async () => [], on() {} };
              const detail = { info: { uuid: "9", name: "Late", icon: "", rdns: "org.example" }, provider };
              for (let times = 0; times < 2; times += 1)
                dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail }));
            }"""
        )
        assert seen.page.locator(".ledger-wallets button").all_inner_texts() == ["Sign with Late"]
        assert seen.page.get_by_text("No wallet was found").count() == 0


def test_without_a_wallet_the_page_says_how_to_go_on(browser: Any, site: str) -> None:
    with opened(browser, site, None) as seen:
        assert seen.page.get_by_text("No wallet was found in this browser").is_visible()


@pytest.mark.parametrize(
    ("code", "message", "words"),
    [
        (4001, "User rejected the request.", "You refused in the wallet"),
        (4100, "Unauthorized", "has not let this page in"),
        (-32002, "Request already pending", "already waits for your answer"),
        (-32603, "<img src=x onerror=window.hacked=1>", "answered with an error: <img src=x onerror=window.hacked=1>"),
    ],
)
def test_what_a_wallet_refuses_is_said_in_words(browser: Any, site: str, code: int, message: str, words: str) -> None:
    wallet = Wallet()
    wallet.error = (code, message)
    with opened(browser, site, wallet) as seen:
        seen.page.locator(".ledger-wallets button").click()
        seen.page.get_by_text(words).wait_for()
        assert seen.page.locator("#ledger-sign-line").count() == 0
        wallet.error = None  # the next try works without loading the page anew
        seen.page.locator(".ledger-wallets button").click()
        seen.page.locator("#ledger-sign-line").wait_for()
        assert seen.page.evaluate("window.hacked") is None


@pytest.mark.parametrize("v", [0, 27])
def test_both_ways_to_write_v_give_the_same_line(browser: Any, site: str, node: Path, v: int) -> None:
    wallet = Wallet()
    wallet.change = lambda raw: raw[:64] + bytes([raw[64] - 27 + v])
    with opened(browser, site, wallet) as seen:
        seen.page.locator(".ledger-wallets button").click()
        line = seen.page.locator("#ledger-sign-line").inner_text()
        assert line == f"/sign {signature(text_of(node), 'ann')}"


def test_an_account_that_was_not_pinned_is_not_asked_to_sign(browser: Any, site: str) -> None:
    wallet = Wallet("eve")
    with opened(browser, site, wallet) as seen:
        seen.page.locator(".ledger-wallets button").click()
        seen.page.get_by_text("none of the approvers pinned").wait_for()
        assert WALLETS["eve"] in told(seen)
    assert [method for method, _ in wallet.asked] == ["eth_requestAccounts"]


def test_a_wallet_that_signs_with_another_key_is_found_out(browser: Any, site: str) -> None:
    wallet = Wallet("eve")
    wallet.accounts = [WALLETS["ann"].lower()]  # claims to be ann, and not checksummed
    with opened(browser, site, wallet) as seen:
        seen.page.locator(".ledger-wallets button").click()
        seen.page.get_by_text("none of the pinned approvers").wait_for()
        assert WALLETS["eve"] in told(seen)
        assert seen.page.locator("#ledger-sign-line").count() == 0


def test_a_pinned_account_is_chosen_among_several(browser: Any, site: str) -> None:
    wallet = Wallet("ben")
    wallet.accounts = [WALLETS["eve"], WALLETS["ben"].lower()]
    with opened(browser, site, wallet) as seen:
        seen.page.locator(".ledger-wallets button").click()
        seen.page.get_by_text(f"Signed by {WALLETS['ben']}, a pinned approver").wait_for()


def test_a_changed_account_takes_the_line_back_and_a_changed_chain_does_not(browser: Any, site: str) -> None:
    wallet = Wallet()
    with opened(browser, site, wallet) as seen:
        page = seen.page
        page.locator(".ledger-wallets button").click()
        page.locator("#ledger-sign-line").wait_for()
        wallet.events = [("chainChanged", "0x89")]
        page.evaluate("window.ethereum.request({ method: 'personal_sign', params: ['0x61'] })")
        page.get_by_text("this makes no difference").wait_for()
        assert page.locator("#ledger-sign-line").count() == 1
        wallet.events = [("accountsChanged", [WALLETS["eve"]])]
        page.evaluate("window.ethereum.request({ method: 'personal_sign', params: ['0x61'] })")
        page.get_by_text("The wallet's account changed").wait_for()
        assert page.locator("#ledger-sign-line").count() == 0


def test_an_account_that_changes_while_the_wallet_signs_voids_the_answer(browser: Any, site: str) -> None:
    wallet = Wallet()
    wallet.events = [("accountsChanged", [WALLETS["ben"]])]
    with opened(browser, site, wallet) as seen:
        seen.page.locator(".ledger-wallets button").click()
        seen.page.get_by_text("account changed while it signed").wait_for()
        assert seen.page.locator("#ledger-sign-line").count() == 0
        wallet.events = [("chainChanged", "0x89"), ("accountsChanged", [WALLETS["ann"].lower()])]
        seen.page.locator(".ledger-wallets button").click()
        seen.page.get_by_text("a pinned approver").wait_for()
        assert seen.page.locator("#ledger-sign-line").count() == 1


def test_each_of_several_wallets_has_its_own_button(browser: Any, site: str) -> None:
    """One announces itself late, one twice, and one is no wallet at all."""
    wallet = Wallet()
    with opened(browser, site, wallet) as seen:
        seen.page.evaluate(
            """() => {
                const announce = (name, provider) => dispatchEvent(new CustomEvent("eip6963:announceProvider",
                    { detail: { info: { uuid: name, name, icon: "", rdns: "org.example" }, provider } }));
                const late = { request: async ({ method }) => {
                    if (method === "eth_requestAccounts") return [];
                    throw Object.assign(new Error("no"), { code: 4200 });
                } };
                announce("Late wallet", late);
                announce("Late wallet again", late);
                announce("No wallet", {});
                dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail: null }));
            }"""
        )
        buttons = seen.page.locator(".ledger-wallets button")
        assert buttons.all_inner_texts() == ["Sign with Example <b>Wallet</b>", "Sign with Late wallet"]
        buttons.nth(1).click()
        seen.page.get_by_text("No account is connected that is none of the approvers").wait_for()
        assert wallet.asked == []
        buttons.nth(0).click()
        seen.page.locator("#ledger-sign-line").wait_for()


def test_a_built_page_leads_to_the_review_of_its_epoch(browser: Any, sites: dict[str, Path]) -> None:
    node = sites["hostile"].with_name("node")
    with served(sites["hostile"]) as origin, watched(browser) as seen:
        page = seen.page
        page.goto(f"{origin}epochs/default/1/")
        page.get_by_role("link", name="Sign, as an approver").click()
        page.locator("[data-sign][data-verdict]").wait_for()
        page.get_by_label("Or check a signature").fill(signature(text_of(node), "ben"))
        before = len(seen.requests)
        page.get_by_role("button", name="Check the signature").click()
        link = page.get_by_role("link", name="Open the review")
        wanted = "https://github.com/example/ledger/pulls?q=is:pr+head:epoch/default/1"
        assert link.get_attribute("href") == wanted
        assert "noopener" in str(link.get_attribute("rel"))
        assert len(seen.requests) == before
        assert seen.problems == []


def test_signatures_made_elsewhere_are_judged(browser: Any, site: str, node: Path) -> None:
    good = signature(text_of(node), "ben")
    raw = bytes.fromhex(good[2:])
    high = raw[:32] + (CURVE_ORDER - int.from_bytes(raw[32:64])).to_bytes(32) + bytes([55 - raw[64]])
    with opened(browser, site, None) as seen:
        page = seen.page
        answers = {
            good: "a pinned approver",
            f"  /sign {good}\n": "a pinned approver",
            "0x" + good[2:].upper(): "a pinned approver",
            signature(text_of(node), "eve"): "none of the pinned approvers",
            signature(text_of(node) + "\n", "ben"): "none of the pinned approvers",
            signature(text_of(node).replace("\n", "\r\n"), "ben"): "none of the pinned approvers",
            "0x" + high.hex(): "lower half",
            good[:-2] + "25": "it must be 27 or 28",
            good[:-2]: "a compact one (EIP-2098)",
            good + signature(text_of(node), "ann")[2:]: "as contract wallets answer (Safe",
            good[:-4]: "65 bytes",
            "": "65 bytes",
            "0x" + "00" * 65: "out of range",
            "<script>window.hacked=1</script>": "65 bytes",
        }
        for text, words in answers.items():
            page.get_by_label("Or check a signature").fill(text)
            page.get_by_role("button", name="Check the signature").click()
            assert words in told(seen), text
            lines = page.locator("#ledger-sign-line").all_inner_texts()
            assert lines == ([f"/sign {good}"] if words == "a pinned approver" else [])
        assert page.evaluate("window.hacked") is None


def test_nothing_is_offered_when_the_statement_does_not_recompute(browser: Any, node: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(node, tmp_path / "copy")
    path = copy / "data/epochs/default/0001/statement.json"
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"unresolved_count":', b'"unresolved_count":1', 1))
    assert path.read_bytes() != data
    folder = publish(copy, tmp_path / "site")
    write_page(folder, "sign", "default", 1)
    wallet = Wallet()
    with served(folder) as origin, opened(browser, origin, wallet) as seen:
        assert seen.page.get_by_text("Signing is not offered").is_visible()
        assert "statement.unresolved_count" in seen.page.locator("[data-sign]").inner_text()
        assert seen.page.locator("button").count() == 0
        assert seen.page.locator("textarea").count() == 0
    assert wallet.asked == []


def test_on_the_first_epoch_set_and_statement_are_signed_in_one_visit(browser: Any, tmp_path: Path) -> None:
    root = make_node(tmp_path / "node")
    with at(root, "2026-01-14T00:00:00Z") as session:
        collect(session)
    folder = publish(root, tmp_path / "site")
    write_page(folder, "sign", "default", 1)
    with served(folder) as origin, opened(browser, origin, Wallet()) as seen:
        assert "First: approver set 1" in seen.page.locator("[data-sign]").inner_text()
        seen.page.locator(".ledger-wallets button").click()
        lines = seen.page.locator("#ledger-sign-line").inner_text().split("\n")
        assert f"Approver set 1 is signed by {WALLETS['ann']}" in told(seen)
    with at(root, "2026-01-14T01:00:00Z") as session:
        first, second = (line.removeprefix("/sign ") for line in lines)
        assert sign_set(session, "default", first).added
        sign_sets(session, "default", "ben")
        epoch = session.node.epoch("default", 1)
        assert sign(session, epoch, second).added
        sign_as(session, epoch, "ben")
        finalize(session, epoch)


def test_an_approver_who_left_the_file_counts_while_he_is_pinned(browser: Any, node: Path, tmp_path: Path) -> None:
    folder = publish(node, tmp_path / "site")
    path = folder / "api/v1/ledger/scopes.json"
    scopes = json.loads(path.read_bytes())
    scopes["scopes"][0]["approvers"] = [one for one in scopes["scopes"][0]["approvers"] if one["id"] != "ann"]
    path.write_text(json.dumps(scopes), "utf-8")
    write_page(folder, "sign", "default", 1)
    with served(folder) as origin, opened(browser, origin, Wallet()) as seen:
        seen.page.locator(".ledger-wallets button").click()
        seen.page.get_by_text("a pinned approver").wait_for()
        assert seen.page.locator("#ledger-sign-line").count() == 1


def test_who_signed_already_is_said_and_a_closed_epoch_offers_no_wallet(
    browser: Any, node: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(node, tmp_path / "copy")
    with at(copy, "2026-01-14T01:00:00Z") as session:
        sign_as(session, session.node.epoch("default", 1), "ann")
    folder = publish(copy, tmp_path / "site")
    write_page(folder, "sign", "default", 1)
    with served(folder) as origin:
        with opened(browser, origin, Wallet()) as seen:
            assert f"{WALLETS['ann']} (has signed)" in seen.page.locator("[data-sign]").inner_text()
            seen.page.locator(".ledger-wallets button").click()
            seen.page.get_by_text("already on record").wait_for()
        with at(copy, "2026-01-14T02:00:00Z") as session:
            sign_as(session, session.node.epoch("default", 1), "ben")
            finalize(session, session.node.epoch("default", 1))
        shutil.rmtree(folder / "api")
        publish(copy, folder)
        with opened(browser, origin, Wallet()) as seen:
            assert seen.page.get_by_text("This epoch is finalized").is_visible()
            assert seen.page.locator(".ledger-wallets").count() == 0


def test_an_open_epoch_is_shown_and_offers_nothing_to_sign(browser: Any, tmp_path: Path) -> None:
    root = make_node(tmp_path / "node")
    with at(root, "2026-01-08T00:00:00Z") as session:
        bind(session, "file", "alice", login="alice", actor="ann")
        collect(session)
    folder = publish(root, tmp_path / "site")
    write_page(folder, "sign", "default", 1)
    with served(folder) as origin, opened(browser, origin, Wallet()) as seen:
        assert seen.page.get_by_text("The epoch is still open: there is nothing to sign yet.").is_visible()
        assert seen.page.locator("textarea").count() == 0
        assert seen.page.locator(".ledger-wallets").count() == 0


@pytest.mark.parametrize("address", ["javascript:alert(1)", "http://example.org/", "https://a@evil.example/", "//x"])
def test_a_review_address_that_is_no_plain_link_is_left_out(
    browser: Any, node: Path, tmp_path: Path, address: str
) -> None:
    folder = publish(node, tmp_path / "site")
    write_page(folder, "sign", "default", 1, f'data-review="{address}"')
    with served(folder) as origin, opened(browser, origin, Wallet()) as seen:
        seen.page.locator(".ledger-wallets button").click()
        seen.page.locator("#ledger-sign-line").wait_for()
        assert seen.page.get_by_role("link", name="Open the review").count() == 0
