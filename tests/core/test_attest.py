"""What a witness signs: never mistaken for an approver's signature, no line can be brought in, every field is bound."""

from __future__ import annotations

from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.attest import attestation_findings, attested_text
from ledger.core.errors import FormatError, SignatureError
from ledger.core.records.statement import Attestation, Statement
from ledger.core.signing import recover_signer, signed_text
from tests.core.samples import NODE, OTHER_WALLET, SOME_HASH, WALLET, record

KEY = b"unicorns" * 4  # eth-account's own test key; its account is OTHER_WALLET
PATH = "data/epochs/default/0001/attestations.jsonl"
STATEMENT: Statement = record("statement")


def sign(text: str) -> str:
    return "0x" + bytes(Account.sign_message(encode_defunct(text=text), KEY).signature).hex()


def attestation(tool: str = "ledger", tool_version: str = "0.1.0", **changes: Any) -> Attestation:
    """A line that holds, by OTHER_WALLET over STATEMENT, with some fields changed after it was signed."""
    fields = {
        "signature": sign(attested_text(STATEMENT, tool, tool_version)),
        "signer_wallet": OTHER_WALLET,
        "statement_hash": STATEMENT.statement_hash,
        "tool": tool,
        "tool_version": tool_version,
    }
    found: Attestation = record("attestation", **{**fields, **changes})
    return found


def told(*lines: Attestation, statement: Statement | None = STATEMENT) -> list[tuple[str, str, int | None]]:
    found = list(attestation_findings(PATH, lines, statement))
    assert {(each.rule, each.path) for each in found} <= {("ATTESTATION_VALID", PATH)}
    return [(each.message, each.actual or "", each.line) for each in found]


def test_the_attested_text_is_eight_lines_and_no_line_end() -> None:
    assert attested_text(STATEMENT, "ledger", "0.1.0") == (
        "Ledger Epoch Attestation\n"
        "I recomputed this epoch and got the same bytes.\n"
        f"Node: {NODE}\n"
        "Scope: default\n"
        "Epoch: 1\n"
        f"Statement Hash: {STATEMENT.statement_hash}\n"
        "Tool: ledger\n"
        "Tool Version: 0.1.0"
    )


@pytest.mark.parametrize("tool", ["", "A", "two words", "x\n", "x\nTool Version: 9", "x\r", "ä", "x\u2028y", "a" * 64])
def test_a_tool_that_could_bring_in_a_line_is_refused(tool: str) -> None:
    with pytest.raises(FormatError, match="tool ") as caught:
        attested_text(STATEMENT, tool, "0.1.0")
    assert caught.value.rule == "ATTESTATION_VALID"


@given(st.text(max_size=8) | st.from_regex(r"\A[0-9.]{1,4}\n?\Z"))
def test_whatever_the_version_says_the_text_has_eight_lines_or_is_refused(version: str) -> None:
    try:
        text = attested_text(STATEMENT, "ledger", version)
    except FormatError:
        return
    assert len(text.splitlines()) == 8
    assert text.endswith(f"\nTool Version: {version}")


def test_a_valid_attestation_has_nothing_against_it() -> None:
    assert told(attestation(), attestation(tool_version="0.2.0+local"), attestation(tool="other")) == []


def test_a_signature_over_the_statement_is_no_attestation() -> None:
    (found,) = told(attestation(signature=sign(signed_text(STATEMENT))))
    assert found[0] == "attestation is not by its signer over this statement"
    assert found[1] != OTHER_WALLET


def test_an_attestation_is_no_signature_over_the_statement() -> None:
    try:
        signer: str | None = recover_signer(signed_text(STATEMENT), attestation().signature)
    except SignatureError:
        signer = None
    assert signer != OTHER_WALLET


@pytest.mark.parametrize(
    "changes",
    [
        {"tool": "other"},
        {"tool_version": "0.1.1"},
        {"signer_wallet": WALLET},
        {"signature": "0x" + "1" * 128 + "1b"},
        {"signature": "0x" + "f" * 128 + "1b"},
        {"signature": sign(attested_text(STATEMENT, "ledger", "0.1.0"))[:-2] + "00"},
    ],
    ids=str,
)
def test_a_line_that_says_other_than_what_was_signed_is_told(changes: dict[str, str]) -> None:
    (found,) = told(attestation(), Attestation.read({**attestation().fields(), **changes}))
    assert (found[0], found[2]) == ("attestation is not by its signer over this statement", 2)


@pytest.mark.parametrize(
    "changes",
    [{"epoch_id": 2}, {"scope_id": "other"}, {"node_id": WALLET.lower()[2:10] + NODE[8:]}, {"version": 2}],
    ids=str,
)
def test_an_attestation_of_another_epoch_scope_node_or_statement_does_not_hold(changes: dict[str, Any]) -> None:
    other: Statement = record("statement", **changes)
    copied = attestation(statement_hash=other.statement_hash)
    (found,) = told(copied, statement=other)
    assert found[0] == "attestation is not by its signer over this statement"


def test_an_attestation_of_another_statement_is_told_with_both_hashes() -> None:
    assert told(attestation(statement_hash=SOME_HASH)) == [("attests another statement", SOME_HASH, 1)]


def test_nothing_attests_an_epoch_that_is_not_finalized() -> None:
    assert told(attestation(), statement=None) == [("attests an epoch that is not finalized", "", 1)]


def test_a_wallet_attests_once_with_one_tool_and_version() -> None:
    again = "this wallet attested the epoch with this tool and version before"
    assert told(attestation(), attestation(attested_at="2026-03-01T00:00:00.000Z")) == [(again, OTHER_WALLET, 2)]
