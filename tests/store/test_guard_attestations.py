"""What strangers may add to a finalized epoch, which is attestations that hold, and nothing else anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ledger.core.attest import attested_text
from ledger.core.canonical import decode, encode
from ledger.core.records.statement import Statement
from ledger.core.signing import signed_text
from ledger.flows.sign import finalize
from ledger.store.guard import guard
from tests.nodes import WALLETS, at, sign_as, signature
from tests.store.repositories import (
    FIRST,
    IN_REVIEW,
    SECOND,
    append,
    commit,
    edit,
    git,
    review_second,
    rules,
)

FILE = f"{FIRST}/attestations.jsonl"


def stored(root: Path, folder: str = FIRST) -> Statement:
    return Statement.read(decode((root / folder / "statement.json").read_bytes()[:-1]))


def line(root: Path, folder: str = FIRST, person: str = "eve", version: str = "0.1.0", **changes: Any) -> Any:
    """A right attestation, with some fields changed after it was signed."""
    statement = stored(root, folder)
    return {
        "attested_at": "2026-02-01T00:00:00.000Z",
        "epoch_id": statement.epoch_id,
        "evidence": "",
        "node_id": statement.node_id,
        "scope_id": "default",
        "signature": signature(attested_text(statement, "ledger", version), person),
        "signer_wallet": WALLETS[person],
        "statement_hash": statement.statement_hash,
        "tool": "ledger",
        "tool_version": version,
        **changes,
    }


def told(root: Path, base: str = "HEAD") -> list[tuple[str, str, int | None]]:
    return [(found.rule, found.path, found.line) for found in guard(root, base)]


def close_second(root: Path) -> None:
    review_second(root)
    with at(root, IN_REVIEW) as session:
        folder = session.node.epoch("default", 2)
        sign_as(session, folder, "ann", "ben")
        finalize(session, folder)


# --- what is let through


def test_a_stranger_may_attest_a_finalized_epoch(root: Path) -> None:
    append(root, FILE, line(root))
    assert guard(root, "HEAD") == []


def test_several_witnesses_and_versions_add_to_each_other(root: Path) -> None:
    append(root, FILE, line(root))
    base = commit(root)
    append(root, FILE, line(root, person="ann"))
    append(root, FILE, line(root, version="0.2.0"))
    assert guard(root, base) == []


def test_an_epoch_may_arrive_finalized_with_its_attestations(root: Path) -> None:
    base = git(root, "rev-parse", "HEAD").strip()
    close_second(root)
    append(root, f"{SECOND}/attestations.jsonl", line(root, SECOND))
    assert guard(root, base) == []


# --- what is refused


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"signer_wallet": WALLETS["ann"]}, "ATTESTATION_VALID"),
        ({"signature": "0x" + "11" * 64 + "1b"}, "ATTESTATION_VALID"),
        ({"signature": "0x" + "11" * 64 + "00"}, "ATTESTATION_VALID"),
        ({"signature": "0x12"}, "ATTESTATION_VALID"),
        ({"statement_hash": "0" * 64}, "ATTESTATION_VALID"),
        ({"tool": "other"}, "ATTESTATION_VALID"),
        ({"tool_version": "9.9.9"}, "ATTESTATION_VALID"),
        ({"tool_version": "0.1.0\nTool Version: 9"}, "ATTESTATION_VALID"),
        ({"evidence": None}, "ATTESTATION_VALID"),
        ({"note": "hello"}, "ATTESTATION_VALID"),
        ({"signer_wallet": WALLETS["eve"].lower()}, "ATTESTATION_VALID"),
        ({"node_id": "22222222-2222-4222-8222-222222222222"}, "NODE_SCOPED"),
        ({"scope_id": "other"}, "SCOPE_SCOPED"),
        ({"epoch_id": 2}, "SCOPE_SCOPED"),
    ],
    ids=str,
)
def test_a_line_that_does_not_hold_is_told_with_its_place(root: Path, changes: dict[str, Any], rule: str) -> None:
    append(root, FILE, line(root, person="ben"))
    base = commit(root)
    append(root, FILE, line(root, **changes))
    assert told(root, base) == [(rule, FILE, 2)]


def test_a_signature_over_the_statement_is_no_attestation(root: Path) -> None:
    append(root, FILE, line(root, person="ann", signature=signature(signed_text(stored(root)), "ann")))
    assert told(root) == [("ATTESTATION_VALID", FILE, 1)]


def test_an_attestation_is_no_signature_over_the_statement(root: Path) -> None:
    base = review_second(root)
    attested = line(root, SECOND, "ann")
    fields = {name: attested[name] for name in attested if not name.startswith(("tool", "attested"))}
    append(root, f"{SECOND}/signatures.jsonl", {**fields, "signed_at": "2026-01-20T00:00:00.000Z"})
    assert told(root, base) == [("SIGNATURE_SCOPE_BOUND", f"{SECOND}/signatures.jsonl", 1)]


def test_a_wallet_attests_once(root: Path) -> None:
    append(root, FILE, line(root))
    base = commit(root)
    append(root, FILE, line(root, attested_at="2026-03-01T00:00:00.000Z"))
    assert told(root, base) == [("ATTESTATION_VALID", FILE, 2)]


def test_an_attestation_of_another_epoch_is_not_let_in(root: Path) -> None:
    close_second(root)
    base = commit(root)
    append(root, FILE, line(root, SECOND))
    append(root, f"{SECOND}/attestations.jsonl", line(root, SECOND, epoch_id=1))
    assert told(root, base) == [("SCOPE_SCOPED", FILE, 1), ("SCOPE_SCOPED", f"{SECOND}/attestations.jsonl", 1)]


def test_lines_that_were_there_stay_as_they_are(root: Path) -> None:
    append(root, FILE, line(root))
    append(root, FILE, line(root, person="ann"))
    base = commit(root)
    edit(root, FILE, lambda data: data.split(b"\n")[1] + b"\n")
    assert told(root, base) == [("ACTIVITY_APPEND_ONLY", FILE, 1)]
    (root / FILE).unlink()
    assert told(root, base) == [("ACTIVITY_APPEND_ONLY", FILE, None)]


@pytest.mark.parametrize("data", [b"{}\n", b"x\n", b"\n", b"\xff\n"], ids=repr)
def test_what_is_no_record_is_not_let_in(root: Path, data: bytes) -> None:
    append(root, FILE, line(root))
    edit(root, FILE, lambda before: before + data)
    assert told(root) == [("ATTESTATION_VALID", FILE, 2)]


def test_a_line_that_is_torn_or_not_canonical_is_not_let_in(root: Path) -> None:
    edit(root, FILE, lambda _: encode(line(root)))
    assert rules(root) == {"ATTESTATION_VALID"}
    edit(root, FILE, lambda data: data.replace(b'","', b'", "', 1) + b"\n")
    assert told(root) == [("ATTESTATION_VALID", FILE, 1)]


def test_an_open_epoch_and_one_in_review_take_no_attestation(root: Path) -> None:
    forged = line(root, FIRST, epoch_id=2)
    append(root, f"{SECOND}/attestations.jsonl", forged)
    assert told(root) == [("ATTESTATION_VALID", f"{SECOND}/attestations.jsonl", 1)]
    (root / SECOND / "attestations.jsonl").unlink()
    base = review_second(root)
    append(root, f"{SECOND}/attestations.jsonl", line(root, SECOND))
    assert told(root, base) == [("ATTESTATION_VALID", f"{SECOND}/attestations.jsonl", 1)]


def test_nothing_else_comes_in_with_an_attestation(root: Path) -> None:
    append(root, FILE, line(root))
    edit(root, f"{FIRST}/signatures.jsonl", lambda data: data + data)
    edit(root, f"{FIRST}/sha256sums.txt", lambda data: data.replace(b"0", b"1", 1))
    assert {(found.rule, found.path) for found in guard(root, "HEAD")} == {
        ("CURATION_FREEZE_ON_FINALIZE", f"{FIRST}/signatures.jsonl"),
        ("CURATION_FREEZE_ON_FINALIZE", f"{FIRST}/sha256sums.txt"),
    }


def test_a_statement_changed_beside_its_attestation_is_refused(root: Path) -> None:
    edit(root, f"{FIRST}/statement.json", lambda data: data.replace(b'"threshold":2', b'"threshold":1'))
    append(root, FILE, line(root))
    assert told(root) == [
        ("CURATION_FREEZE_ON_FINALIZE", f"{FIRST}/statement.json", 1),
        ("STATEMENT_LOGGED", "data/log/default.jsonl", 2),
    ]


def test_an_epochs_branch_takes_no_attestation_of_another_epoch(root: Path) -> None:
    append(root, FILE, line(root))
    assert rules(root, epoch_branch=("default", 2)) == {"WRITES_VIA_WORKFLOW"}


@pytest.mark.parametrize("name", ["attestations.json", "Attestations.jsonl", "attestations-0002.jsonl"])
def test_a_file_that_only_looks_like_it_is_foreign(root: Path, name: str) -> None:
    append(root, f"{FIRST}/{name}", line(root))
    assert rules(root) == {"WRITES_VIA_WORKFLOW"}
