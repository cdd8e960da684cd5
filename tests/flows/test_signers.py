"""Signers recovered ahead in other processes are those that are recovered one by one, and no rule hears of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.vouched import write_vouched
from ledger.core import recover
from ledger.core.errors import SignatureError
from ledger.core.receiptlog import Wallets, fold, signed_texts
from ledger.core.recover import recover_signer
from ledger.flows import signers, verify
from ledger.flows.receipts.check import Checked, check_receipts
from ledger.flows.signers import recover_ahead
from tests.core.receipts import CHAINS, WALLETS, Log, receipt, sign
from tests.core.samples import NODE
from tests.nodes import at

NOBODY = "0x" + "00" * 31 + "05" + "11" * 32 + "1b"
"""In its stored form, and of no key: r is no point of the curve."""


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recover, "_AHEAD", {})
    monkeypatch.setattr(signers, "FEW", 4)
    monkeypatch.setattr(signers, "FEW_SLOW", 4)
    monkeypatch.setenv("PYTHON_CPU_COUNT", "2")


def test_signers_are_the_same_whether_other_processes_recover_them_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(real=True)
    for number in range(3):
        assert log.issue("ann", receipt(work_item_id=f"task.{number}")) is None
        assert log.approve("ben", receipt(work_item_id=f"task.{number}")) is None
    log.acts[3] = log.acts[3].model_copy(update={"signature": NOBODY})
    log.acts[5] = log.acts[5].model_copy(update={"signature": log.acts[1].signature})
    alone = fold(NODE, log.acts, CHAINS, Wallets())
    pairs = list(signed_texts(NODE, log.acts))
    assert [finding.line for finding in alone.findings] == [4, 6]

    assert recover_ahead([*pairs, *pairs]) == 6, "each distinct one once"
    monkeypatch.setattr(recover, "_recovery", None)  # nothing is recovered here any more
    with pytest.raises(SignatureError, match="no signer"):
        recover_signer(*pairs[3])
    together = fold(NODE, log.acts, CHAINS, Wallets())
    assert together.findings == alone.findings


def test_few_signatures_start_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signers, "helpers", None)
    assert recover_ahead([("a text", sign("ann", "a text"))] * 9) == 0
    assert recover_signer("a text", sign("ann", "a text")) == WALLETS["ann"]


def test_what_was_found_for_one_text_says_nothing_about_another() -> None:
    recover.remember("a text", sign("ann", "a text"), recover_signer("a text", sign("ann", "a text")))
    assert recover_signer("a text", sign("ben", "a text")) == WALLETS["ben"]
    assert recover_signer("another", sign("ann", "a text")) != WALLETS["ann"]
    assert recover_signer("a text", sign("ann", "a text")) == WALLETS["ann"]


def test_without_libsecp256k1_the_same_signers_are_found_and_the_same_words_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from ledger.core.recover import _recovery

    fast = _recovery()
    monkeypatch.setenv("ECC_BACKEND_CLASS", "eth_keys.backends.NativeECCBackend")
    monkeypatch.setattr(recover, "has_coincurve", lambda: False)
    slow = _recovery.__wrapped__()
    assert slow is not fast
    monkeypatch.setattr(recover, "_recovery", lambda: slow)
    assert recover_signer("a text", sign("ben", "a text")) == WALLETS["ben"]
    with pytest.raises(SignatureError, match=r"no signer can be recovered from the signature \(BadSignature\)"):
        recover_signer("a text", NOBODY)


def test_a_long_log_is_held_to_the_same_rules_while_others_recover_its_signers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = write_vouched(tmp_path / "node", receipts=10, users=3)

    def told() -> Checked:
        with at(tmp_path / "node", "2026-01-12") as session:
            return check_receipts(session)

    good = log.read_bytes()
    assert told() == Checked(14, {"approved": 4, "proposed": 6}, ())
    for change in (("task.00001", "task.00009"), ('"seq":12,', '"seq":13,')):
        log.write_bytes(good.replace(*(part.encode() for part in change)))
        together = told()
        with monkeypatch.context() as alone:
            alone.setattr(signers, "FEW", 100)
            assert together == told()
        assert together.findings


def test_without_coincurve_verify_has_approvers_recovered_in_other_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the committed example, whose signatures of each scope are asked for at once."""
    monkeypatch.setattr(verify, "has_coincurve", lambda: False)
    monkeypatch.setattr(signers, "has_coincurve", lambda: False)
    with at(Path(__file__).parents[2], "2026-11-01T00:00:00Z") as session:
        assert verify.verify(session, "default").ok
        folders = session.node.epochs("default")
    lines = [line.signature for folder in folders for line in folder.signatures()]
    pairs = list(verify._signed(folders))
    assert [signature for _, signature in pairs] == lines and len(lines) == 7
    assert all(recover._name(*pair) in recover._AHEAD for pair in pairs)
