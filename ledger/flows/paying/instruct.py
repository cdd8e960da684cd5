"""Take in a person's own word about his payouts: the text to sign, and the line once it is proved."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from ledger.core.errors import InputError, SignatureError
from ledger.core.explain import explain
from ledger.core.identity import known_users, resolve_accounts
from ledger.core.instructions import POOL, Instruction, InstructionKind, instruction_draft
from ledger.core.proof import event_says
from ledger.core.signing import normalize_signature, recover_signer
from ledger.core.values import UserId
from ledger.flows.paying.check import wallet_of
from ledger.flows.proof import find_event, secret_of
from ledger.flows.session import Session
from ledger.store.append import append_records
from ledger.store.files import write_lock
from ledger.store.paylayout import INSTRUCTIONS
from ledger.store.payments import on_disk


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants, before it is proved."""

    user_id: str
    kind: InstructionKind
    amount: int | None = None
    to: str | None = None
    from_epoch: int = 1


@dataclass(frozen=True, slots=True)
class Instructed:
    """The instruction on record and whether this run added it."""

    instruction: Instruction
    added: bool


def draft(session: Session, scope_id: str, wish: Wish) -> Instruction:
    """The instruction as it would stand in the log, for its text and code; InputError for a wish that cannot be."""
    node = session.node
    node.scope(scope_id)
    users = known_users(node.bindings())
    if UserId(wish.user_id) not in users:
        raise InputError(f"no user {wish.user_id} in the bindings log", hint="`ledger identity list` shows users.")
    if wish.kind == "gift" and wish.to != POOL and UserId(wish.to or "") not in users:
        raise InputError(f"no user {wish.to} to give to", hint="A gift goes to a user of this node, or to `pool`.")
    lines = on_disk(node.root, node.node_id).instructions()
    try:
        return instruction_draft(
            amount_credits=wish.amount,
            at=session.now,
            from_epoch=wish.from_epoch,
            instruction=wish.kind,
            node_id=node.node_id,
            number=sum(line.user_id == wish.user_id for line in lines) + 1,
            scope_id=scope_id,
            seq=len(lines) + 1,
            to=wish.to,
            user_id=wish.user_id,
        )
    except ValidationError as error:
        raise InputError(explain(error), hint="`ledger instruct --help` says what each kind takes.") from None


def instruct(
    session: Session, scope_id: str, wish: Wish, *, signature: str | None = None, event: str | None = None
) -> Instructed:
    """Check the proof of a person's word and add its line; the same proof again changes nothing.

    `signature`: by a proved wallet of his over the text; `event`: a collected message of an account of his that says
    the code. Raises SignatureError for anybody else's.
    """
    node = session.node
    with write_lock(node.root):
        files = on_disk(node.root, node.node_id)
        proof = {"kind": "wallet", "signature": normalize_signature(signature)} if signature else _post(event)
        for line in files.instructions():
            if line.proof == proof and _says(line, wish):
                return Instructed(line, added=False)
        wanted = draft(session, scope_id, wish)
        bindings = node.bindings()
        if signature:
            signer = recover_signer(wanted.signed_text, proof["signature"])
            if not wallet_of(bindings, signer, wish.user_id):
                raise SignatureError(
                    f"the signature is by {signer}, which is no proved wallet of user {wish.user_id}",
                    rule="DESTINATION_BOUND",
                    hint="Sign exactly the text of `ledger instruct --message` with a wallet that you bound by "
                    "`ledger identity prove`.",
                )
        else:
            found = find_event(session, proof["event"])
            owner = resolve_accounts(bindings).get((found.source, found.platform_user_id))
            if owner != wish.user_id or not event_says(found, wanted.code, secret_of(session)):
                raise SignatureError(
                    f"event {found.id} is not user {wish.user_id} saying {wanted.code}",
                    rule="DESTINATION_BOUND",
                    hint="Post exactly the code from an account that is bound to you, collect, and run this again.",
                )
        record = Instruction.read({**wanted.fields(), "proof": proof})
        append_records(node.root, INSTRUCTIONS, [record])
    return Instructed(record, added=True)


def _says(line: Instruction, wish: Wish) -> bool:
    said = (line.user_id, line.instruction, line.amount_credits, line.to, line.from_epoch)
    return said == (wish.user_id, wish.kind, wish.amount, wish.to, wish.from_epoch)


def _post(event: str | None) -> dict[str, str]:
    if not event:
        raise InputError("an instruction needs a proof", hint="Give --signature 0x… or --event EVENT.")
    return {"kind": "post", "event": event}
