"""Receipts in the browser: each rule of the log and its events, held to `ledger verify` on changed copies."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from ledger.core.canonical import encode, sha256_hex
from ledger.core.receiptlog import RULES
from ledger.core.receipts import Receipt, decision_text, receipt_text
from ledger.core.records.activity import PAYLOAD_FIELDS, payload_hash
from ledger.flows.receipts.check import ReceiptCheck
from tests.browser.support import ASSETS, needs_browser, publish, served, watched
from tests.browser.test_recheck import told
from tests.flows.test_receipts import MONDAY, close, decide, issue, run
from tests.flows.test_signers import NOBODY
from tests.nodes import NODE_ID, WALLETS, at, signature
from tests.receipt_nodes import receipt_node

pytestmark = needs_browser

PIN = re.compile("is not what statement.receipts pins|are pinned$")
"""What is said of the prefix that the statement pins, and not of a line."""
LOG = "data/receipts.jsonl"
RECHECK = """async ([copies, epoch]) => {
    const { checkEpoch } = await import("/assets/verifier/check.js");
    const { loadEpoch } = await import("/assets/verifier/load.js");
    return Promise.all(copies.map(async (copy) => {
        const read = async (path) => {
            const answer = await fetch(`/${copy}/api/v1/ledger/${path}`);
            return answer.ok ? new Uint8Array(await answer.arrayBuffer()) : null;
        };
        return (await checkEpoch(await loadEpoch(read, "default", epoch, () => {}))).report;
    }));
}"""
TOGETHER = """async (signed) => {
    const { recoverSigner, Signers } = await import("/assets/verifier/signatures.js");
    const told = (ask) => { try { return ask(); } catch (error) { return error.message; } };
    const signers = new Signers(signed);
    const together = signed.map(({ text, signature }) => told(() => signers.recover(text, signature)));
    const alone = signed.map(({ text, signature }) => told(() => recoverSigner(text, signature)));
    return [together, alone, signers.confirmed];
}"""
Lines = list[dict[str, Any]]
Tamper = Callable[[Lines], Lines | None]


def grown(root: Path) -> Path:
    """Two closed epochs of receipts: approved in time, revoked, approved anew, approved later, and never decided."""
    receipt_node(root)
    issue(root, "care.1", "2026-01-06", "@dora", "@emil")
    issue(root, "talk.2", "2026-01-07", "@fay", points=10)
    issue(root, "late.3", "2026-01-08", "@dora")
    decide(root, "care.1", "2026-01-08", "approved")
    decide(root, "talk.2", "2026-01-08", "approved")
    decide(root, "talk.2", "2026-01-09", "revoked", "was somebody else")
    decide(root, "talk.2", "2026-01-10", "approved")
    run(root, MONDAY)
    decide(root, "late.3", "2026-01-13T01:30:00Z", "approved")
    close(root, "2026-01-13T02:00:00Z")
    issue(root, "gone.4", "2026-01-14", "@emil")
    run(root, "2026-01-20T01:00:00Z")
    close(root, "2026-01-20T02:00:00Z")
    return root


def signed(line: dict[str, Any], who: str, **fields: Any) -> dict[str, Any]:
    """The act with other fields, signed anew by a wallet over what it then says."""
    made = {**line, **fields, "signer_wallet": WALLETS[who]}
    if made["receipt"] is not None:
        text = receipt_text(NODE_ID, Receipt.read(made["receipt"]))
        made["receipt_hash"] = sha256_hex(text.encode())
    else:
        text = decision_text(NODE_ID, "default", made["receipt_hash"], made["act"], made["number"], made["reason"])
    return {**made, "signature": signature(text, who)}


def field(place: int, **fields: Any) -> Tamper:
    def act(lines: Lines) -> None:
        lines[place - 1].update(fields)

    return act


def again(place: int, who: str, receipt: dict[str, Any] | None = None, **fields: Any) -> Tamper:
    """Line `place` changed, and signed by `who` over what it then says."""

    def act(lines: Lines) -> None:
        line = lines[place - 1]
        if receipt is not None:
            fields["receipt"] = {**line["receipt"], **receipt}
        lines[place - 1] = signed(line, who, **fields)

    return act


def same_key(lines: Lines) -> None:
    user = lines[0]["receipt"]["user_id"]
    lines[1] = signed(lines[1], "ann", receipt={**lines[1]["receipt"], "user_id": user})


def swap(lines: Lines) -> None:
    lines[0], lines[1] = lines[1], lines[0]


# Lines: 1-2 care.1 of dora (3 points) and emil (2), 3 talk.2, 4 late.3, 5-6 care.1 approved,
# 7 talk.2 approved, 8 revoked, 9 approved.
TAMPERS: dict[str, Tamper] = {
    "a signature by another": again(1, "eve"),
    "a signature over another text": lambda lines: lines[0].update(signature=lines[1]["signature"]),
    "a signature under another's name": field(3, signer_wallet=WALLETS["ben"]),
    "a signature of the known signer over another act": lambda lines: lines[8].update(signature=lines[6]["signature"]),
    "the link": lambda lines: lines[0]["receipt"].update(artifact_url="https://example.org/other"),
    "a mark that nobody sees": lambda lines: lines[0]["receipt"].update(artifact_url="https://example.org/\u200b"),
    "more points than the item has": again(1, "ann", {"estimate": 4}),
    "another number of points for the item": again(2, "ann", {"work_points": 6}),
    "the same key a second time": same_key,
    "approved by who issued it": again(5, "ann"),
    "approved by a stranger": again(5, "eve"),
    "a set that did not count": field(5, approvers_seq=2),
    "a number that was there": field(9, number=1),
    "a number that leaves one out": again(9, "ben", number=4),
    "an act about nothing": field(5, receipt_hash="0" * 64),
    "recorded before it was issued": field(1, at="2026-01-05T00:00:00.000Z"),
    "times that run back": field(5, at="2026-01-06T00:00:00.000Z"),
    "of another node": field(1, node_id="00000000-0000-4000-8000-000000000000"),
    "of another scope": again(1, "ann", {"scope_id": "elsewhere"}),
    "no reason": field(8, reason=None),
    "a receipt twice": lambda lines: lines[1].update({**lines[0], "seq": 2}),
    "the order": swap,
    "cut off": lambda lines: lines[:5],
    "the last act before review": lambda lines: lines[8].update(act="revoked", reason="x"),
}
EVENTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "an event's points": lambda event: event.update(quantity=event["quantity"] + 1),
    "an event's points without the hash": lambda event: event.update(quantity=9, payload_hash=event["payload_hash"]),
    "an event of a receipt that is not there": lambda event: event["metadata"].update(receipt_hash="0" * 64),
    "an event by another producer": lambda event: event.update(producer="file"),
    "an event of another source": lambda event: event.update(source="file"),
    "an event of a receipt that nobody finds": lambda event: event["metadata"].pop("receipt_hash"),
    "an event that is no receipt's": lambda event: event.update(id="file:x", source="file", producer="file"),
}


def changed_log(root: Path, tamper: Tamper) -> None:
    path = root / LOG
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    lines = tamper(lines) or lines
    path.write_bytes(b"".join(encode(line) + b"\n" for line in lines))


def changed_event(root: Path, change: Callable[[dict[str, Any]], Any], *, resealed: bool) -> None:
    path = root / "data/epochs/default/0001/activity.jsonl"
    first, *rest = path.read_bytes().split(b"\n")
    event = json.loads(first)
    change(event)
    if resealed:
        event["payload_hash"] = payload_hash({name: event[name] for name in PAYLOAD_FIELDS})
    path.write_bytes(b"\n".join([encode(event), *rest]))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return grown(tmp_path_factory.mktemp("receipts") / "node")


def site_of(folder: Path) -> Path:
    folder.mkdir()
    (folder / "assets").symlink_to(ASSETS)
    (folder / "empty.html").write_text("<!doctype html><meta charset=utf-8><link rel=icon href=data:,>", "utf-8")
    return folder


def rechecked(browser: Any, site: Path, epoch: int, copies: list[str]) -> list[dict[str, Any]]:
    with served(site) as origin, watched(browser) as seen:
        seen.page.goto(f"{origin}empty.html")
        reports: list[dict[str, Any]] = seen.page.evaluate(RECHECK, [copies, epoch])
        assert seen.problems == []
        return reports


def test_right_receipts_pass_in_every_epoch(browser: Any, root: Path, tmp_path: Path) -> None:
    site = site_of(tmp_path / "site")
    publish(root, site / "copy")
    for epoch, events in ((1, 3), (2, 1)):
        (report,) = rechecked(browser, site, epoch, ["copy"])
        verdicts = {check["invariant"]: check["verdict"] for check in report["checks"]}
        assert {name for name, verdict in verdicts.items() if verdict != "pass"} == {"ADAPTERS_NOT_IN_CORE"}
        assert report["events"] == events


def test_what_was_changed_is_told_as_ledger_verify_tells_it(browser: Any, root: Path, tmp_path: Path) -> None:
    site = site_of(tmp_path / "site")
    wanted: dict[str, set[tuple[Any, ...]]] = {}
    for name in (*TAMPERS, *EVENTS):
        forged = tmp_path / "forged"
        shutil.copytree(root, forged)
        if name in TAMPERS:
            changed_log(forged, TAMPERS[name])
        else:
            changed_event(forged, EVENTS[name], resealed="without" not in name)
        copy = str(len(wanted))
        publish(forged, site / copy)
        with at(forged, "2026-02-01") as session:
            found = ReceiptCheck(session).epoch_findings(session.node.epoch("default", 1))
            wanted[name] = {told(asdict(finding)) for finding in found}
        assert wanted[name], f"ledger verify found nothing: {name}"
        shutil.rmtree(forged)
    reports = rechecked(browser, site, 1, [str(number) for number in range(len(wanted))])
    for (name, findings), report in zip(wanted.items(), reports, strict=True):
        mine = {told(one) for check in report["checks"] for one in check["findings"] if one["rule"] in RULES}
        assert {one for one in mine if not PIN.search(one[1])} == findings, name
    assert {rule for findings in wanted.values() for rule, *_ in findings} >= set(RULES)


def test_signers_of_a_long_log_are_the_same_together_as_one_by_one(browser: Any, tmp_path: Path) -> None:
    """Both keys are common; one is the curve's base point itself, whose sums meet their own points."""
    signed = []
    for key in ("0x" + "42" * 32, "0x" + "00" * 31 + "01"):
        wallet = Account.from_key(key).address
        for number in range(30):
            text = f"text {number}"
            made = Account.sign_message(encode_defunct(text=text), key).signature.hex().removeprefix("0x")
            signed.append({"text": text, "signature": "0x" + made, "likely": wallet})
    for place, change in enumerate(
        (
            {"text": "another text"},
            {"likely": WALLETS["ann"]},
            {"signature": NOBODY},
            {"signature": signed[9]["signature"]},
            {"signature": signed[4]["signature"][:-2] + ("1b" if signed[4]["signature"].endswith("1c") else "1c")},
            {"signature": signed[5]["signature"].upper()},
            {"signature": signed[6]["signature"][:-2] + "00"},
            {"signature": "0x" + "00" * 64 + "1b"},
        )
    ):
        signed[place] |= change
    site = site_of(tmp_path / "site")
    with served(site) as origin, watched(browser) as seen:
        seen.page.goto(f"{origin}empty.html")
        together, alone, confirmed = seen.page.evaluate(TOGETHER, signed)
        assert seen.problems == []
    assert together == alone
    assert together[8:30] == [signed[8]["likely"]] * 22
    assert together[30:] == [signed[30]["likely"]] * 30
    wrong = [one["likely"] for one in signed[:8]]
    assert not any(found == likely for found, likely in zip(together, wrong, strict=False))
    assert confirmed >= 44, "they were recovered one by one"


def test_a_receipt_taken_back_before_its_first_review_and_approved_anew_must_be_an_event_later(
    browser: Any, tmp_path: Path
) -> None:
    node, site = receipt_node(tmp_path / "node"), site_of(tmp_path / "site")
    issue(node, "care.1", "2026-01-06", "@dora")
    decide(node, "care.1", "2026-01-07", "approved")
    decide(node, "care.1", "2026-01-08", "revoked", "too early")
    run(node, MONDAY)
    close(node, "2026-01-13T02:00:00Z")
    decide(node, "care.1", "2026-01-14", "approved")
    folder = run(node, "2026-01-20T01:00:00Z")
    publish(node, site / "right")
    (node / folder.path("activity.jsonl")).unlink()
    publish(node, site / "without")
    right, without = rechecked(browser, site, 2, ["right", "without"])
    told_missing = [
        [
            one["message"]
            for check in report["checks"]
            for one in check["findings"]
            if one["rule"] == "LATEST_EVENT_WINS"
        ]
        for report in (right, without)
    ]
    assert told_missing[0] == []
    assert any("was approved before review and is no event of the epoch" in message for message in told_missing[1])
