"""Recompute a finalized epoch and say so with a signature that anybody can check (ATTESTATION_VALID).

Nothing is signed, and no text is given out to be signed, before everything was recomputed and nothing differs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ledger import __version__
from ledger.core.attest import RULE, attested_text
from ledger.core.errors import DifferenceError, InputError, SignatureError, StateError
from ledger.core.records.statement import Attestation, Statement
from ledger.core.signing import normalize_signature, recover_signer
from ledger.core.values import checksummed
from ledger.flows.keystore import keystore_signature
from ledger.flows.session import Session
from ledger.flows.verify import verify
from ledger.store.append import append_records
from ledger.store.epochfolder import EpochFolder
from ledger.store.files import write_lock

TOOL = "ledger"
"""How this program names itself in what a witness signs."""


@dataclass(frozen=True, slots=True)
class Attested:
    """An attestation on record and whether this run added it. `path`: its file, relative to the node."""

    attestation: Attestation
    path: str
    added: bool


def attestable(session: Session, scope_id: str, epoch_id: int | None) -> EpochFolder:
    """The finalized epoch asked for, or the scope's last finalized one; StateError where there is none."""
    if epoch_id is not None:
        folder = session.folder(scope_id, epoch_id)
        if folder.state() != "finalized":
            raise StateError(
                f"epoch {epoch_id} is not finalized; only what can no longer change is attested",
                path=folder.path("transitions.jsonl"),
                hint="`ledger status` says where each epoch stands.",
            )
        return folder
    for folder in reversed(session.node.epochs(scope_id)):
        if folder.state() == "finalized":
            return folder
    raise StateError(f"scope {scope_id} has no finalized epoch yet", hint="`ledger status` says where each stands.")


def recomputed(session: Session, folder: EpochFolder) -> Statement:
    """The epoch's statement once all of it was recomputed from the stored files; DifferenceError where it differs."""
    found = verify(session, folder.scope_id, folder.epoch_id)
    if not found.ok:
        first = found.all_findings[0]
        more = f" (and {len(found.all_findings) - 1} more)" if len(found.all_findings) > 1 else ""
        raise DifferenceError(
            f"{first.message}{more}; nothing is attested",
            rule=first.rule,
            path=first.path,
            line=first.line,
            hint=f"`ledger verify --scope {folder.scope_id} --epoch {folder.epoch_id}` shows all of it.",
        )
    statement = folder.statement()
    if statement is None:
        raise InputError("there is no statement", path=folder.path("statement.json"))
    return statement


def message(session: Session, folder: EpochFolder) -> str:
    """The exact text for a witness to sign, after recomputing."""
    return attested_text(recomputed(session, folder), TOOL, __version__)


def attest(
    session: Session, folder: EpochFolder, signature: str, wallet: str | None = None, evidence: str = ""
) -> Attested:
    """Recompute, recover who signed this program's text, and add the line; a second time changes nothing.

    `wallet`: who should have signed. Anybody may attest, so without it a signature over another text goes unnoticed
    here: it looks like that of a stranger. Raises SignatureError when it is not by `wallet` or malformed.
    """
    return _add(session, folder, recomputed(session, folder), normalize_signature(signature), wallet, evidence)


def attest_with_keystore(
    session: Session, folder: EpochFolder, keystore: Path, password: Callable[[], str], evidence: str = ""
) -> Attested:
    """Recompute, sign with an encrypted keystore file (Web3 Secret Storage) and add the line."""
    statement = recomputed(session, folder)
    signature = keystore_signature(attested_text(statement, TOOL, __version__), keystore, password)
    return _add(session, folder, statement, normalize_signature(signature), None, evidence)


def _add(
    session: Session, folder: EpochFolder, statement: Statement, signature: str, wallet: str | None, evidence: str
) -> Attested:
    signer = recover_signer(attested_text(statement, TOOL, __version__), signature)
    if wallet is not None and signer != _address(wallet):
        raise SignatureError(
            f"the signature is by {signer} over this text, not by {wallet}",
            rule=RULE,
            hint=f"Sign exactly what `ledger attest --message` of {TOOL} {__version__} prints: no line end, no space.",
        )
    path = folder.path("attestations.jsonl")
    with write_lock(session.node.root):
        for line in folder.attestations():
            if (line.signer_wallet, line.tool, line.tool_version) == (signer, TOOL, __version__):
                return Attested(line, path, added=False)
        record = Attestation.read(
            {
                **folder.place,
                "attested_at": session.now,
                "evidence": evidence,
                "signature": signature,
                "signer_wallet": signer,
                "statement_hash": statement.statement_hash,
                "tool": TOOL,
                "tool_version": __version__,
            }
        )
        append_records(folder.root, path, [record])
    return Attested(record, path, added=True)


def _address(text: str) -> str:
    try:
        return checksummed(text)
    except ValueError as error:
        raise InputError(str(error)) from None
