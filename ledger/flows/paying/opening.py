"""Opening balances from an older system, signed like a statement, and negative balances that approvers let go."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.core.balances import Opening, OpeningSignature, Waiver
from ledger.core.errors import InputError, StateError
from ledger.core.identity import known_users
from ledger.core.signing import normalize_signature, recover_signer
from ledger.core.tables import Form, read_rows
from ledger.core.values import parse_amount
from ledger.flows.approvers import must_approve
from ledger.flows.session import Session
from ledger.flows.statementlog import complete_log
from ledger.store.append import append_records
from ledger.store.files import write_file, write_lock
from ledger.store.moneybook import scope_book
from ledger.store.paylayout import WAIVERS, opening_path, opening_signatures_path
from ledger.store.payments import on_disk


@dataclass(frozen=True, slots=True)
class Opened:
    """Opening balances on record: how many people, credits in sum, the text to sign; whether this run wrote them."""

    people: int
    total: int
    text: str
    added: bool


def text_of(session: Session, scope_id: str) -> str:
    """What approvers sign over the opening balances of a scope; StateError when there are none."""
    files = on_disk(session.node.root, session.node.node_id)
    if not files.openings(scope_id):
        raise StateError(
            f"scope {scope_id} has no opening balances", hint="Write them: ledger opening write FILE, or ledger import."
        )
    return files.opening_text(scope_id)


_AMOUNTS = ("balance", "earned", "paid")
_BALANCES = Form(("user_id", "balance"), "Put this line right and run the command again; nothing was written.")


def write_openings(session: Session, scope_id: str, data: bytes, name: str) -> Opened:
    """Write a scope's opening balances from a CSV (`user_id,balance,earned,paid` in credits), once and for good.

    InputError names the line that is wrong, StateError says that there are some already.
    """
    node = session.node
    session.approver(node.scope(scope_id))
    users, lines = known_users(node.bindings()), []
    for line, row in read_rows(data, name, _BALANCES):
        user = str(row.get("user_id", "")).strip()
        try:
            balance, earned, paid = (parse_amount(str(row.get(each, "0")).strip()) for each in _AMOUNTS)
        except ValueError as error:
            raise _BALANCES.bad(name, line, str(error)) from None
        if "balance" not in row:
            raise _BALANCES.bad(name, line, "balance: missing")
        if user not in users:
            raise _BALANCES.bad(name, line, f"no user {user[:80]} in the bindings log")
        lines.append({"balance_credits": str(balance), "earned_credits": str(earned), "paid_credits": str(paid),
                      "node_id": node.node_id, "scope_id": scope_id, "user_id": user})  # fmt: skip
    lines.sort(key=lambda line: line["user_id"])
    if not lines or len({line["user_id"] for line in lines}) != len(lines):
        raise InputError("names nobody, or somebody twice", path=name)
    records = [Opening.read({**line, "seq": number}) for number, line in enumerate(lines, start=1)]
    wanted = b"".join(record.encode() + b"\n" for record in records)
    with write_lock(node.root):
        before = on_disk(node.root, node.node_id).read(opening_path(scope_id))
        if before is not None and before != wanted:
            raise StateError("opening balances are written once", path=opening_path(scope_id), rule="BALANCE_CONSERVED")
        if before is None:
            write_file(node.root, opening_path(scope_id), wanted)
    total = sum(record.balance_credits for record in records)
    return Opened(len(records), total, text_of(session, scope_id), before is None)


def sign_openings(session: Session, scope_id: str, signature: str, evidence: str = "") -> tuple[OpeningSignature, bool]:
    """Add an approver's signature over the opening balances; they count from the threshold's on.

    SignatureError for one by nobody who approves in the scope, StateError while no approver set counts.
    """
    node = session.node
    with write_lock(node.root):
        normal = normalize_signature(signature)
        wallet = recover_signer(text_of(session, scope_id), normal)
        people = must_approve(session, scope_id, wallet, "ledger opening sign --message").people
        files = on_disk(node.root, node.node_id)
        lines = files.opening_signatures(scope_id)
        for line in lines:
            if people.get(line.signer_wallet) == people[wallet]:
                complete_log(session, scope_id)
                return line, False
        record = OpeningSignature.read(
            {
                "evidence": evidence,
                "node_id": node.node_id,
                "opening_hash": files.opening_hash(scope_id),
                "scope_id": scope_id,
                "seq": len(lines) + 1,
                "signature": normal,
                "signed_at": session.now,
                "signer_wallet": wallet,
            }
        )
        append_records(node.root, opening_signatures_path(scope_id), [record])
        complete_log(session, scope_id)
    return record, True


def waive(session: Session, scope_id: str, user_id: str, amount: int, reason: str, evidence: str = "") -> Waiver:
    """Let a person's negative balance go by so many credits; StateError for more than is negative.

    The same words about the same person as in the last line are the same act: they change nothing.
    """
    node = session.node
    actor = session.approver(node.scope(scope_id))
    with write_lock(node.root):
        files = on_disk(node.root, node.node_id)
        for last in files.waivers(scope_id)[-1:]:
            if (last.user_id, last.amount_credits, last.actor, last.reason, last.evidence) == (
                user_id, amount, actor, reason, evidence,
            ):  # fmt: skip
                return last
        owed = -scope_book(node, scope_id).balances.get(user_id, 0)  # type: ignore[call-overload]
        if not 0 < amount <= owed:
            raise StateError(
                f"the balance of {user_id} is {-owed}: there is nothing of {amount} credits to let go",
                rule="BALANCE_CONSERVED",
                hint="Only what a correction took back after it was paid can be waived.",
            )
        record = Waiver.read(
            {
                "actor": actor,
                "amount_credits": str(amount),
                "at": session.now,
                "evidence": evidence,
                "node_id": node.node_id,
                "reason": reason,
                "scope_id": scope_id,
                "seq": files.waiver_count() + 1,
                "user_id": user_id,
            }
        )
        append_records(node.root, WAIVERS, [record])
    return record
