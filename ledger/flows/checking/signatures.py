"""The signatures of an epoch: each by its signer over this statement, the signer pinned, and enough people."""

from __future__ import annotations

from ledger.core.errors import LedgerError
from ledger.core.evaluate import Finding
from ledger.core.lifecycle import Pin
from ledger.core.records.statement import Signature, Statement
from ledger.core.signing import recover_signer, signed_text
from ledger.flows.checking.findings import EpochFindings


def check_signatures(found: EpochFindings, state: str, statement: Statement, pin: Pin) -> None:
    """SIGNATURE_SCOPE_BOUND, APPROVERS_PINNED_AT_REVIEW and APPROVERS_PER_SCOPE. `state`: the epoch's."""
    pinned, stated = pin.approver_set_hash, statement.approver_set_hash
    found.differ("APPROVERS_PINNED_AT_REVIEW", "approver set", "statement.json", pinned, stated)
    text, people = signed_text(statement), set[str]()
    for number, line in enumerate(found.lines(found.folder.signatures), start=1):
        if line.statement_hash != statement.statement_hash:
            continue  # over an older draft: kept on record, counts for nothing
        _check_signature(found, number, line, text, pin)
        person = pin.person_of(line.signer_wallet)
        if person in people:
            found.differ("APPROVERS_PER_SCOPE", f"{person} counted twice", "signatures.jsonl", 1, 2, number)
        if person is not None:
            people.add(person)
    if state == "finalized" and len(people) < pin.threshold:
        found.differ(
            "APPROVERS_PER_SCOPE", "approvers who signed", "signatures.jsonl", pin.threshold, len(people), None
        )


def _check_signature(found: EpochFindings, number: int, line: Signature, text: str, pin: Pin) -> None:
    path, wallet = found.folder.path("signatures.jsonl"), line.signer_wallet
    try:
        signer = str(recover_signer(text, line.signature))
    except LedgerError as error:
        signer = error.message
    if signer != wallet:
        message = "signature is not by its signer over this statement"
        found.add(Finding("SIGNATURE_SCOPE_BOUND", message, path, number, wallet, signer))
    if pin.person_of(wallet) is None:
        wallets = ",".join(pin.wallets)
        found.add(Finding("APPROVERS_PINNED_AT_REVIEW", "signer was not pinned", path, number, wallets, wallet))
