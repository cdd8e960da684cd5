"""Issue, approve and revoke receipts: compose the texts, take in signatures, append the acts in one write.

Everything is refused before the first byte is written: RECEIPT_SIGNED, ISSUER_AUTHORIZED, IDEMPOTENT_RECEIPTS,
LATEST_EVENT_WINS, RECEIPT_ROLE_BUDGET and SIGNATURE_DOMAIN_BOUND, by the same rules that `verify` recomputes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ledger.core.errors import FormatError, InputError, LedgerError, SignatureError, StateError
from ledger.core.identity import known_users
from ledger.core.receiptlog import AUTHORIZED, BUDGET, IDEMPOTENT, LATEST, SIGNED, Problem, ReceiptState, issuer_of
from ledger.core.receipts import (
    ROLES,
    SOURCE,
    Action,
    Decision,
    Receipt,
    ReceiptAct,
    decision_text,
    receipt_hash,
    receipt_text,
)
from ledger.core.signing import normalize_signature, recover_signer
from ledger.core.values import Address, Hash, Timestamp
from ledger.flows.keystore import keystore_signature
from ledger.flows.receipts.events import receipt_events
from ledger.flows.receipts.log import Receipts, load_receipts
from ledger.flows.session import Session
from ledger.store import layout
from ledger.store.append import append_records
from ledger.store.files import write_lock

_NOBODY = Address("0x" + "0" * 40)
_UNSIGNED = "0x" + "0" * 130
_HINTS = {
    SIGNED: "Sign exactly the text that this command prints: no line end, no space more.",
    AUTHORIZED: "Issuers and their rights stand in the scope's file and count by the chain of approver sets.",
    IDEMPOTENT: "`ledger receipt show` tells what stands; revoke it first, then issue anew.",
    LATEST: "`ledger receipt show` tells the acts so far; run this command again for the text that counts now.",
    BUDGET: "Points of a role are shared among its people: name each with his part, such as @ann:3 @ben:2.",
}


@dataclass(frozen=True, slots=True)
class Draft:
    """An act before it is signed: its fields, and the exact text for the wallet."""

    act: Action
    scope_id: str
    receipt: Receipt | None
    receipt_hash: Hash
    number: int
    reason: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Acted:
    """An act on record and whether this run added it."""

    act: ReceiptAct
    added: bool


def draft_receipts(session: Session, wanted: Sequence[Receipt]) -> list[Draft]:
    """The unsigned acts that would issue these receipts; the first one that the rules refuse raises."""
    node, receipts = session.node, load_receipts(session)
    users, held, drafts = known_users(node.bindings()), event_places(session), list[Draft]()
    roles: set[tuple[str, str]] = set()
    for receipt in wanted:
        if receipt.user_id not in users:
            hint = "`ledger identity bind` makes a user; `ledger identity list` shows all."
            raise InputError(f"no user {receipt.user_id} in the bindings log", path=layout.IDENTITIES, hint=hint)
        if (receipt.scope_id, receipt.role) not in roles:  # the scope's files are read once a role, not once a receipt
            _require_role(session, receipt)
            roles.add((receipt.scope_id, receipt.role))
        _require_new_event(receipt, held)
        name = receipt_hash(node.node_id, receipt)
        drafts.append(Draft("issued", receipt.scope_id, receipt, name, 0, None, receipt_text(node.node_id, receipt)))
        if name not in receipts.book.states:
            _require_room(session, receipts, drafts[-1])
    return drafts


def draft_decisions(
    session: Session, hashes: Sequence[Hash], decision: Decision, reason: str | None = None
) -> list[Draft]:
    """The unsigned acts that would approve or revoke these receipts; the first one that the rules refuse raises."""
    receipts, drafts = load_receipts(session), list[Draft]()
    for hash_ in hashes:
        state = receipts.book.states[hash_]
        if state.status == decision:
            last = state.acts[-1]
            raise StateError(
                f"receipt {hash_[:12]} is {decision} already (by {last.signer_wallet}); nothing was changed",
                rule=LATEST,
                path=layout.RECEIPTS,
                line=last.seq,
            )
        number, scope = len(state.acts), state.receipt.scope_id
        text = decision_text(session.node.node_id, scope, hash_, decision, number, reason)
        drafts.append(Draft(decision, scope, None, hash_, number, reason, text))
        _require_room(session, receipts, drafts[-1])
    return drafts


def take(session: Session, drafts: Sequence[Draft], signatures: Sequence[str], evidence: str = "") -> list[Acted]:
    """Sign the drafts with what wallets gave, in any order, and append all acts in one write; or none of them.

    A draft that is on record, word for word, changes nothing. SignatureError for a signature over another text or by
    somebody without the right, InputError or StateError for what the rules do not allow.
    """
    stored = [normalize_signature(signature) for signature in signatures]
    with write_lock(session.node.root):
        receipts = load_receipts(session)
        for finding in receipts.findings:
            hint = "`ledger receipt verify` lists everything that is wrong; restore the log from git."
            raise FormatError(finding.message, rule=finding.rule, path=finding.path, line=finding.line, hint=hint)
        if len(stored) != len(drafts):
            raise SignatureError(f"{len(drafts)} acts need {len(drafts)} signatures, not {len(stored)}", rule=SIGNED)
        done = list(_acts(session, receipts, drafts, stored, evidence))
        append_records(session.node.root, layout.RECEIPTS, [acted.act for acted in done if acted.added])
        return done


def sign_with_keystore(
    session: Session, drafts: Sequence[Draft], keystore: Path, password: Callable[[], str], evidence: str = ""
) -> list[Acted]:
    """Sign every draft with one encrypted keystore file (Web3 Secret Storage), asked for its password once."""
    secret = password()
    return take(
        session, drafts, [keystore_signature(draft.text, keystore, lambda: secret) for draft in drafts], evidence
    )


def _acts(
    session: Session, receipts: Receipts, drafts: Sequence[Draft], signatures: Sequence[str], evidence: str
) -> Iterator[Acted]:
    left = list(signatures)
    for draft in drafts:
        before = receipts.book.states.get(draft.receipt_hash)
        if before is not None and draft.number < len(before.acts) and _same(before.acts[draft.number], draft):
            stands = before.acts[draft.number]
            own = [one for one in left if recover_signer(draft.text, one) == stands.signer_wallet]
            left.remove(own[0] if own else left[0])
            yield Acted(stands, added=False)
            continue
        signature, wallet = _match(receipts, session, draft, left)
        left.remove(signature)
        act = _act(session, receipts, draft, signature, wallet, evidence)
        problem = receipts.book.problem(act, receipts.chains, receipts.wallets)
        if problem is not None:
            raise _error(problem, draft)
        receipts.book.add(act)
        yield Acted(act, added=True)


def _same(act: ReceiptAct, draft: Draft) -> bool:
    return (act.act, act.reason, act.receipt) == (draft.act, draft.reason, draft.receipt)


def _match(receipts: Receipts, session: Session, draft: Draft, signatures: Sequence[str]) -> tuple[str, Address]:
    """The signature that an issuer of the scope made over this draft; else the first, told what it is over."""
    rights = receipts.chains[draft.scope_id].counted_at(_moment(session, receipts))
    for signature in signatures:  # mostly in the drafts' order, so that the first one is it
        wallet = recover_signer(draft.text, signature)
        if rights is not None and issuer_of(rights, wallet) is not None:
            return signature, wallet
    for signature in signatures:
        if (older := _older(receipts, draft, signature)) is not None:
            raise SignatureError(
                f"the signature is over an older act on this receipt (number {older}), not over number {draft.number}",
                rule=LATEST,
                hint=_HINTS[LATEST],
            )
    return signatures[0], recover_signer(draft.text, signatures[0])


def _older(receipts: Receipts, draft: Draft, signature: str) -> int | None:
    """The number of the act on the same receipt that an issuer signed with this, if it is one."""
    state = receipts.book.states.get(draft.receipt_hash)
    for number, act in enumerate(state.acts if state else ()):
        text = receipts.book.text_of(act)
        if text is not None and recover_signer(text, signature) == act.signer_wallet:
            return number
    return None


def _moment(session: Session, receipts: Receipts) -> Timestamp:
    """When the act is recorded: now, but never before the act before it (clocks of several machines differ)."""
    return max(session.now, receipts.book.last_at)


def _act(session: Session, receipts: Receipts, draft: Draft, signature: str, wallet: str, evidence: str) -> ReceiptAct:
    at = _moment(session, receipts)
    rights = receipts.chains[draft.scope_id].counted_at(at)
    if rights is None:
        raise StateError(
            f"no approver set of scope {draft.scope_id} counts yet, so nobody has the right to vouch",
            rule=AUTHORIZED,
            path=layout.approvers_path(draft.scope_id),
            hint="`ledger approvers propose`, then sign what `ledger approvers message` prints.",
        )
    return ReceiptAct(
        node_id=session.node.node_id,
        act=draft.act,
        approvers_seq=rights.seq,
        at=at,
        evidence=evidence,
        number=draft.number,
        reason=draft.reason,
        receipt=draft.receipt,
        receipt_hash=draft.receipt_hash,
        seq=receipts.book.length + 1,
        signature=signature,
        signer_wallet=Address(wallet),
    )


def _require_room(session: Session, receipts: Receipts, draft: Draft) -> None:
    """Raise what speaks against a draft whoever signs it, and take it in so that the drafts after it see it."""
    act = _act(session, receipts, draft, _UNSIGNED, _NOBODY, "")
    problem = receipts.book.problem_unsigned(act, receipts.chains)
    if problem is not None:
        raise _error(problem, draft)
    receipts.book.add(act)


def _error(problem: Problem, draft: Draft) -> LedgerError:
    what = draft.receipt.key if draft.receipt is not None else f"receipt {draft.receipt_hash[:12]}"
    told = f" ({problem.actual})" if problem.actual and problem.rule in (SIGNED, AUTHORIZED) else ""
    kind = SignatureError if problem.rule in (SIGNED, AUTHORIZED) else InputError
    return kind(
        f"{what}: {problem.message}{told}", rule=problem.rule, path=layout.RECEIPTS, hint=_HINTS.get(problem.rule, "")
    )


def _require_role(session: Session, receipt: Receipt) -> None:
    scope = session.node.scope(receipt.scope_id)
    named = {
        key.partition(":")[2]
        for key in session.node.weight_policy(scope.weights).weights
        if key.startswith(f"{SOURCE}:")
    }
    if receipt.role not in named | set(ROLES):
        raise InputError(
            f"there is no role {receipt.role!r}",
            path=scope.weights,
            hint=f"Roles: {', '.join(sorted(named | set(ROLES)))}. A line `{SOURCE}:{receipt.role}: 500` adds one.",
        )
    if receipt.role not in named:
        session.tell(f"{scope.weights} has no line `{SOURCE}:{receipt.role}`, so this role is worth nothing there")


def _require_new_event(receipt: Receipt, held: Mapping[str, str]) -> None:
    """Refuse a key whose event an epoch holds: it is in the node once, so a corrected receipt needs another item."""
    if receipt.event_id in held:
        raise StateError(
            f"{receipt.key} is an event of epoch {held[receipt.event_id]} already",
            rule=IDEMPOTENT,
            hint="Give the work item another id (task.0054 becomes task.0054-b); a finalized epoch is corrected by an "
            "amendment.",
        )


def event_places(session: Session) -> dict[str, str]:
    """The events of receipts in the node, each with its epoch as `scope/number`."""
    return {
        event_id: f"{scope_id}/{folder.epoch_id}"
        for scope_id in session.node.scopes
        for folder in session.node.epochs(scope_id)
        for event_id in receipt_events(folder)
    }


def find_receipts(session: Session, text: str) -> list[ReceiptState]:
    """The receipts that a person means: by hash (eight digits or more), by `item:user:role`, or all of a work item.

    InputError where there is none, or a short hash fits several.
    """
    states = list(load_receipts(session).book.states.values())
    name = text.strip()
    found = [state for state in states if name in (state.receipt_hash, state.receipt.key, state.event_id)]
    found = found or [state for state in states if state.receipt.work_item_id == name]
    if not found and len(name) >= 8:
        found = [state for state in states if state.receipt_hash.startswith(name)]
        if len(found) > 1:
            raise InputError(f"{name} begins {len(found)} receipts' hashes", hint="Give more digits.")
    if not found:
        hint = "`ledger receipt list` shows all; name one by its hash, by item:user:role, or by its work item."
        raise InputError(f"no receipt is named {text!r}", path=layout.RECEIPTS, hint=hint)
    return found
