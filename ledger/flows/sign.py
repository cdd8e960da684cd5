"""Take in signatures that wallets made, and close the epoch once enough people signed.

Holds SIGNATURE_SCOPE_BOUND, APPROVERS_PER_SCOPE, APPROVERS_PINNED_AT_REVIEW, POOL_REQUIRES_BASE, ADMIN_FINALIZES_ONCE
and EPOCH_FINALIZE_IDEMPOTENT. People are counted, not keys.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ledger.core.errors import SignatureError, StateError
from ledger.core.lifecycle import require
from ledger.core.objections import objections_end, unanswered
from ledger.core.records.epoch import Transition
from ledger.core.records.statement import Signature, Statement
from ledger.core.signing import normalize_signature, recover_signer, signed_text, slip_of
from ledger.core.values import Address
from ledger.flows.amend import require_single_pay
from ledger.flows.checksums import checksums
from ledger.flows.drafting import as_stated, require_order, require_sound
from ledger.flows.keystore import keystore_signature
from ledger.flows.opening import RUN_ACTOR
from ledger.flows.session import Session
from ledger.flows.statementlog import complete_log
from ledger.store import layout
from ledger.store.amendments import AmendmentFolder
from ledger.store.append import append_records, write_derived
from ledger.store.epochfolder import EpochFolder
from ledger.store.files import write_lock


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature on record and whether this run added it."""

    signature: Signature
    person: str
    added: bool


@dataclass(frozen=True, slots=True)
class Tally:
    """Who has signed the statement as it stands: people (sorted), of how many, and signatures that are void."""

    people: tuple[str, ...]
    threshold: int
    void: int

    @property
    def reached(self) -> bool:
        """Whether enough people signed."""
        return len(self.people) >= self.threshold


@dataclass(frozen=True, slots=True)
class Finalized:
    """The closed epoch's statement and whether this run closed it."""

    statement: Statement
    already: bool


def current_statement(session: Session, folder: EpochFolder) -> Statement:
    """The drafted statement, proved to be what the stored files give; StateError when it is stale or missing."""
    derived = require_sound(as_stated(session, folder))
    for name, data in derived.files.items():
        if folder.read(name) != data:
            raise StateError(
                f"{name} is not what the stored records give",
                rule="PAYOUT_DETERMINISTIC",
                path=folder.path(name),
                hint="Run `ledger statement` to draft it anew (signatures over the old draft become void).",
            )
    return derived.statement


def sign(session: Session, folder: EpochFolder, signature: str, evidence: str = "") -> Signed:
    """Add one wallet's signature over the present statement; the signer is recovered, never claimed."""
    with write_lock(session.node.root):
        state = folder.state()
        if state == "finalized":
            return _already_signed(folder, signature)
        require("sign", state, folder.epoch_id)
        complete_log(session, folder.scope_id, amending=folder.version > 1)
        statement = current_statement(session, folder)
        stored = normalize_signature(signature)
        person = signer_of(folder, statement, stored)
        wallet = recover_signer(signed_text(statement), stored)
        for line in folder.signatures():
            if line.statement_hash != statement.statement_hash:
                continue
            if line.signer_wallet == wallet:
                return Signed(line, person, added=False)
            if check_signer(folder, line.signer_wallet) == person:
                raise SignatureError(
                    f"{person} has signed already, with wallet {line.signer_wallet}",
                    rule="APPROVERS_PER_SCOPE",
                    hint="People are counted, not keys; another approver must sign.",
                )
        record = Signature(
            **folder.place,
            evidence=evidence,
            signature=stored,
            signed_at=session.now,
            signer_wallet=wallet,
            statement_hash=statement.statement_hash,
        )
        append_records(folder.root, folder.path("signatures.jsonl"), [record])
        return Signed(record, person, added=True)


def _already_signed(folder: EpochFolder, signature: str) -> Signed:
    stored = normalize_signature(signature)
    for line in folder.signatures():
        if line.signature == stored:
            return Signed(line, line.signer_wallet, added=False)
    require("sign", "finalized", folder.epoch_id)
    raise AssertionError("a finalized epoch takes no signature")


def signer_of(folder: EpochFolder, statement: Statement, signature: str) -> str:
    """The pinned person who signed a statement; SignatureError says what was signed in its place, where that shows."""
    text = signed_text(statement)
    try:
        return check_signer(folder, recover_signer(text, signature))
    except SignatureError:
        pin = folder.pin()
        if pin is not None and (slip := slip_of(text, signature, pin.wallets)) is not None:
            raise SignatureError(
                f"the signature is over the right text {slip}",
                rule="SIGNATURE_SCOPE_BOUND",
                hint="Sign exactly what `ledger statement --message` prints: seven lines, no line end behind the last.",
            ) from None
        raise


def check_signer(folder: EpochFolder, wallet: Address) -> str:
    """The person behind a recovered wallet, by the approver set that review pinned; SignatureError for a stranger."""
    pin = folder.pin()
    person = pin.person_of(wallet) if pin else None
    if person is None:
        raise SignatureError(
            f"the signature is by {wallet}, who is no approver pinned for epoch {folder.epoch_id}",
            rule="APPROVERS_PINNED_AT_REVIEW",
            hint="Sign exactly the text of `ledger statement --message` with an approver's wallet. A signature over "
            "another text (an older statement, another epoch) looks like that of a stranger.",
        )
    return person


def sign_with_keystore(
    session: Session, folder: EpochFolder, keystore: Path, password: Callable[[], str], evidence: str = ""
) -> Signed:
    """Sign the present statement with an encrypted keystore file (Web3 Secret Storage) and add the signature."""
    require("sign", folder.state(), folder.epoch_id)
    text = signed_text(current_statement(session, folder))
    return sign(session, folder, keystore_signature(text, keystore, password), evidence)


def tally(folder: EpochFolder, statement: Statement) -> Tally:
    """Count the people behind the stored signatures over `statement`, by the approver set that review pinned.

    SignatureError for one that is not by whom its line names.
    """
    text, people, void = signed_text(statement), set(), 0
    for number, line in enumerate(folder.signatures(), start=1):
        if line.statement_hash != statement.statement_hash:
            void += 1
            continue
        if recover_signer(text, line.signature) != line.signer_wallet:
            raise SignatureError(
                f"the stored signature is not by {line.signer_wallet}",
                rule="SIGNATURE_SCOPE_BOUND",
                path=folder.path("signatures.jsonl"),
                line=number,
                hint="Restore the log from git.",
            )
        try:
            people.add(check_signer(folder, line.signer_wallet))
        except SignatureError:
            void += 1
    return Tally(tuple(sorted(people)), statement_threshold(folder), void)


def statement_threshold(folder: EpochFolder) -> int:
    """How many people must sign, as pinned at review."""
    pin = folder.pin()
    return pin.threshold if pin else 1


def finalize(session: Session, folder: EpochFolder) -> Finalized:
    """Close the epoch for good; a second time returns the same statement and changes nothing.

    StateError while its pool has no base issuance, or too few people signed this statement.
    """
    with write_lock(session.node.root):
        state = folder.state()
        stored = folder.statement()
        complete_log(session, folder.scope_id, amending=folder.version > 1)
        if state == "finalized" and stored is not None:
            return Finalized(stored, already=True)
        require("finalize", state, folder.epoch_id)
        statement = current_statement(session, folder)
        if not any(component.component_id == "base_issuance" for component in folder.components()):
            raise StateError(
                "the pool has no base_issuance",
                rule="POOL_REQUIRES_BASE",
                path=folder.path("pool.jsonl"),
                hint="Record it: ledger pool add base_issuance AMOUNT.",
            )
        count = tally(folder, statement)
        if not count.reached:
            void = f" ({count.void} over an older statement or by people who left do not count)" if count.void else ""
            raise StateError(
                f"{len(count.people)} of {count.threshold} approvers signed this statement{void}",
                rule="APPROVERS_PER_SCOPE",
                hint="Get the missing signatures over the text of `ledger statement --message`.",
            )
        require_set(folder)
        require_answered(session, folder)
        if isinstance(folder, AmendmentFolder):
            require_single_pay(session, folder, statement)
        require_order(session, folder)
        _close(session, folder, statement)
        complete_log(session, folder.scope_id, amending=folder.version > 1)
        return Finalized(statement, already=False)


def require_set(folder: EpochFolder) -> None:
    """StateError while the approver set that review pinned does not count (APPROVERS_CHAINED)."""
    chain, pin = folder.chain(), folder.pin()
    line = chain.get(pin.approvers_seq) if pin else None
    if line is not None and not chain.counts(line.seq):
        how = chain.progress(line)
        raise StateError(
            f"approver set {line.seq} does not count yet: {len(how.by)} of {how.threshold} who decide about it signed",
            rule="APPROVERS_CHAINED",
            path=layout.approvers_path(folder.scope_id),
            line=line.seq,
            hint="They sign the text of `ledger approvers message`: ledger approvers sign --signature 0x….",
        )


def require_answered(session: Session, folder: EpochFolder) -> None:
    """StateError while questions may still be raised, or one that was raised in time has no answer."""
    hours = session.node.scope(folder.scope_id).objection_hours
    until = objections_end(folder.transitions(), hours)
    if until is None or (hours and session.now < until):
        raise StateError(
            f"questions may be raised until {until}",
            path=f"scopes/{folder.scope_id}.yaml",
            hint="Run this again then; objection_hours in the scope's file says how long.",
        )
    waiting = unanswered(folder.objections(), until)
    if waiting:
        issues = ", ".join(f"#{line.issue}" for line in waiting)
        raise StateError(
            f"questions without an answer: {issues}",
            path=folder.path("objections.jsonl"),
            line=waiting[0].seq,
            hint="An approver answers each: ledger answer ISSUE TEXT, or `/answer ISSUE text` in the pull request.",
        )


def _close(session: Session, folder: EpochFolder, statement: Statement) -> None:
    step = Transition.read(
        {
            **folder.place,
            "actor": session.actor or RUN_ACTOR,
            "at": session.now,
            "from": "review",
            "statement_hash": statement.statement_hash,
            "to": "finalized",
        }
    )
    closed = folder.read("transitions.jsonl") + step.encode() + b"\n"
    sums = checksums(folder, {"transitions.jsonl": closed}).encode()
    write_derived(folder.root, folder.path(layout.CHECKSUMS), sums)
    append_records(folder.root, folder.path("transitions.jsonl"), [step])  # the one act that closes the epoch
    session.tell(f"{folder.scope_id}: epoch {folder.epoch_id} is finalized")
