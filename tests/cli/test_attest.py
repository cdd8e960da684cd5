"""`ledger attest` and `ledger witness` as people and workflows run them: what they print, and how they end."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from ledger.cli import main
from tests.nodes import KEYS, WALLETS, digest, golden_copy, signature

Ran = tuple[int, str, str]
Run = Callable[..., Ran]
FILE = "data/epochs/default/0003/attestations.jsonl"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """One call of the command line: exit code, stdout, stderr."""

    def call(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["ledger", *map(str, arguments)])
        code = main()
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return golden_copy(tmp_path / "node")


def spoil(root: Path) -> None:
    path = root / "data/epochs/default/0003/statement.json"
    path.write_bytes(path.read_bytes().replace(b'"3334"', b'"3335"'))


def attest(run: Run, root: Path, *arguments: object) -> Ran:
    return run("attest", "--node", root, "--scope", "default", "--now", "2026-02-01", *arguments)


def test_the_message_is_the_exact_text_and_nothing_else(run: Run, root: Path) -> None:
    code, text, _ = attest(run, root, "--message")
    assert code == 0
    assert text.startswith("Ledger Epoch Attestation\n")
    assert text.splitlines()[4] == "Epoch: 3"
    assert not text.endswith("\n")
    code, out, _ = attest(run, root, "--message", "--json")
    told: dict[str, Any] = json.loads(out)
    assert (code, told["schema"], told["message"], told["epoch_id"]) == (0, "attestation-text/1", text, 3)


def test_a_wallets_answer_becomes_a_line_and_the_next_step_is_told(run: Run, root: Path) -> None:
    _, text, _ = attest(run, root, "--message")
    code, out, err = attest(run, root, "--signature", signature(text, "eve"))
    assert (code, out) == (0, (root / FILE).read_text("utf-8"))
    assert f"attested by {WALLETS['eve']}" in err
    assert "if that is not your wallet" in err
    assert f"git switch -c attest/default/3 && git add {FILE}" in err
    before = digest(root)
    code, out, err = attest(run, root, "--signature", signature(text, "eve"), "--wallet", WALLETS["eve"], "--json")
    told = json.loads(out)
    assert (code, told["schema"], told["changed"], told["path"]) == (0, "attestation/1", False, FILE)
    assert told["attestation"]["signer_wallet"] == WALLETS["eve"]
    assert digest(root) == before
    assert run("verify", "--node", root, "-q")[0] == 0


def test_a_keystores_password_comes_from_the_environment(
    run: Run, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keystore = tmp_path / "wallet.json"
    keystore.write_text(json.dumps(Account.encrypt(KEYS["eve"], "secret", iterations=2)), "utf-8")
    monkeypatch.setenv("LEDGER_KEYSTORE_PASSWORD", "wrong")
    assert attest(run, root, "--keystore", keystore)[0] == 4
    monkeypatch.setenv("LEDGER_KEYSTORE_PASSWORD", "secret")
    code, _, err = attest(run, root, "--keystore", keystore, "--epoch", 1)
    assert (code, "if that is not your wallet" in err) == (0, False)
    assert (root / "data/epochs/default/0001/attestations.jsonl").exists()


def test_a_difference_ends_with_1_and_gives_no_text_to_sign(run: Run, root: Path) -> None:
    spoil(root)
    before = digest(root)
    for arguments in (["--message"], ["--signature", "0x" + "11" * 64 + "1b"]):
        code, out, err = attest(run, root, *arguments)
        assert (code, out) == (1, "")
        assert "nothing is attested" in err
        assert "ledger verify --scope default --epoch 3" in err
    assert digest(root) == before


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--message", "--signature", "0x12"],
        ["--keystore", "a", "--signature", "0x12"],
        ["--message", "--wallet", "0x"],
    ],
    ids=str,
)
def test_one_way_of_signing_is_asked_for(run: Run, root: Path, arguments: list[str]) -> None:
    assert attest(run, root, *arguments)[0] == 2


def test_a_witness_tells_what_is_new_and_then_that_it_is_the_same(run: Run, root: Path, tmp_path: Path) -> None:
    memory = tmp_path / "memory.jsonl"
    code, out, _ = run("witness", "--node", root, "--against", memory)
    assert (code, len(out.splitlines())) == (0, 7)
    assert out.splitlines()[0].startswith("new  default/1 51f2393d")
    code, out, _ = run("witness", "--node", root, "--against", memory)
    assert (code, out) == (0, "the same: 6 epochs recomputed, 6 seen before\n")
    code, out, _ = run("witness", "--node", root, "--against", memory, "--json")
    told = json.loads(out)
    assert code == 0
    assert {name: told[name] for name in ("schema", "ok", "epochs", "remembered", "new", "findings")} == {
        "schema": "witness/1", "ok": True, "epochs": 6, "remembered": 6, "new": [], "findings": [],
    }  # fmt: skip


def test_a_workflow_names_the_memory_by_the_environment(
    run: Run, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = run("witness", "--node", root)
    assert (code, "nothing was compared" in err) == (0, True)
    clone, memory = golden_copy(tmp_path / "clone"), tmp_path / "memory.jsonl"
    monkeypatch.setenv("LEDGER_WITNESS_MEMORY", f"{clone}:{memory}")
    code, out, err = run("witness", "--node", root)
    assert (code, out, err) == (0, "the same: 6 epochs recomputed, 6 seen before\n", "")
    assert memory.read_bytes().count(b"\n") == 6 + 3  # and the root of each scope


def test_a_witness_who_finds_a_difference_ends_with_1_and_names_it(run: Run, root: Path, tmp_path: Path) -> None:
    memory = tmp_path / "memory.jsonl"
    run("witness", "--node", root, "--against", memory)
    spoil(root)
    code, out, _ = run("witness", "--node", root, "--against", memory)
    assert code == 1
    assert out.splitlines()[0] == (
        "FAIL EPOCH_FINALIZE_IDEMPOTENT: data/epochs/default/0003/statement.json: "
        "a finalized statement is another one than this witness saw before"
    )
    assert out.splitlines()[1].startswith("       expected 844b1953")
    assert out.splitlines()[-1] == "DIFFERENT: 6 epochs recomputed, 6 seen before"
    code, out, _ = run("witness", "--node", root, "--against", memory, "--json")
    told = json.loads(out)
    assert (code, told["ok"]) == (1, False)
    assert told["findings"][0]["rule"] == "EPOCH_FINALIZE_IDEMPOTENT"


def test_a_memory_that_cannot_be_read_is_invalid_input(run: Run, root: Path, tmp_path: Path) -> None:
    memory = tmp_path / "memory.jsonl"
    memory.write_text("\x1b[31m{}\n", "utf-8")
    code, out, err = run("witness", "--node", root, "--against", memory)
    assert (code, out) == (3, "")
    assert f"{memory}:1" in err
    assert "\x1b" not in err
