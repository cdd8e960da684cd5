"""Receipts for tests: who may do what, acts with real signatures, a log that grows only by what the rules let pass."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from eth_account import Account
from eth_account.messages import encode_defunct

from ledger.core.approvers import Chain
from ledger.core.receiptlog import Problem, ReceiptBook, Wallets
from ledger.core.receipts import Receipt, ReceiptAct, decision_text, receipt_hash, receipt_text
from ledger.core.records.approvers import ApproverSet, IssuerRights, Member
from ledger.core.records.decisions import Binding
from ledger.core.values import Timestamp
from tests.core.samples import NODE, user

KEYS = {name: "0x" + f"{number:02x}" * 32 for number, name in enumerate(("ann", "ben", "cat", "eve"), start=0x41)}
WALLETS = {name: str(Account.from_key(key).address) for name, key in KEYS.items()}
NO_SIGNATURE = "0x" + "11" * 64 + "1b"
START = Timestamp("2026-01-05T00:00:00.000Z")


def moment(number: int) -> Timestamp:
    """The number-th second after the chain began to count."""
    return Timestamp(f"2026-01-05T{number // 3600:02d}:{number // 60 % 60:02d}:{number % 60:02d}.000Z")


def rights(name: str, *, issue: bool = True, approve: bool = True, wallets: Sequence[str] = ()) -> IssuerRights:
    """An issuer of this name with a wallet of his own."""
    mine = tuple(sorted({WALLETS[name], *wallets}))
    return IssuerRights(id=name, wallets=mine, can_issue=issue, can_approve=approve, can_close_epoch=False)


def approver_set(
    *issuers: IssuerRights, seq: int = 1, self_approve: bool = False, scope: str = "default"
) -> ApproverSet:
    """One approver set with these issuers."""
    return ApproverSet(
        node_id=NODE,
        scope_id=scope,
        approvers=(Member(id="root", wallets=(WALLETS["eve"],)),),
        at=START,
        covers=False,
        issuers=tuple(sorted(issuers, key=lambda person: person.id)),
        previous=None,
        reason="test",
        self_approve=self_approve,
        seq=seq,
        threshold=1,
    )


ISSUERS = (rights("ann"), rights("ben"), rights("cat", approve=False))


def chain(*sets: tuple[ApproverSet, Timestamp | None]) -> Chain:
    """A chain whose sets count since the given times."""
    return Chain(tuple(line for line, _ in sets), tuple(since for _, since in sets))


CHAIN = chain((approver_set(*ISSUERS), START))
CHAINS = {"default": CHAIN}


def wallet_of(name: str, owner: str, at: Timestamp = START) -> Binding:
    """The line that binds a person's wallet to a user."""
    return Binding(
        node_id=NODE,
        action="bind",
        actor="ann",
        at=at,
        evidence="",
        external_id=WALLETS[name],
        login=None,
        provider="wallet",
        seq=1,
        user_id=owner,
    )


def receipt(**changes: Any) -> Receipt:
    """A receipt for 5 of 5 points, with what a test wants to differ."""
    value = {
        "artifact_url": "https://example.org/work/54",
        "estimate": 5,
        "issued_at": START,
        "role": "author",
        "scope_id": "default",
        "user_id": user(1),
        "work_item_id": "task.0054",
        "work_points": 5,
    }
    return Receipt.read({**value, **changes})


def sign(name: str, text: str) -> str:
    """What the person's wallet answers to personal_sign."""
    return "0x" + Account.sign_message(encode_defunct(text=text), KEYS[name]).signature.hex().removeprefix("0x")


class Log:
    """A log under way; its acts return what speaks against them, and None once they are in the log."""

    def __init__(self, chains: dict[str, Chain] | None = None, bindings: Sequence[Binding] = (), *, real: bool = False):
        self.book, self.acts = ReceiptBook(NODE), list[ReceiptAct]()
        self.chains, self.wallets, self.real = chains or CHAINS, Wallets(bindings), real
        self.clock = 0

    def issue(self, by: str, what: Receipt, **changes: Any) -> Problem | None:
        text = receipt_text(NODE, what)
        fields = {"act": "issued", "number": 0, "receipt": what, "receipt_hash": receipt_hash(NODE, what)}
        return self.take(by, text, **{**fields, **changes})

    def approve(self, by: str, what: Receipt, number: int = 1, **changes: Any) -> Problem | None:
        return self._decide(by, what, "approved", number, None, **changes)

    def revoke(self, by: str, what: Receipt, number: int = 1, **changes: Any) -> Problem | None:
        return self._decide(by, what, "revoked", number, "a mistake", **changes)

    def _decide(
        self, by: str, what: Receipt, act: Any, number: int, reason: str | None, **changes: Any
    ) -> Problem | None:
        found = receipt_hash(NODE, what)
        text = decision_text(NODE, what.scope_id, found, act, number, reason)
        return self.take(by, text, act=act, number=number, receipt=None, receipt_hash=found, reason=reason, **changes)

    def act(self, by: str, text: str, **fields: Any) -> ReceiptAct:
        """The next line of the log."""
        self.clock += 1
        value = {
            "approvers_seq": 1,
            "at": moment(self.clock),
            "evidence": "",
            "node_id": NODE,
            "reason": None,
            "seq": len(self.acts) + 1,
            "signature": sign(by, text) if self.real else NO_SIGNATURE,
            "signer_wallet": WALLETS[by],
        }
        return ReceiptAct(**{**value, **fields})

    def take(self, by: str, text: str, **fields: Any) -> Problem | None:
        """Hold an act to the rules, and take it in where nothing speaks against it."""
        act = self.act(by, text, **fields)
        found = self.book.problem(act, self.chains, self.wallets, check_signature=self.real)
        if found is None:
            self.book.add(act)
            self.acts.append(act)
        return found


def rule(problem: Problem | None) -> str | None:
    """The rule that a problem breaks."""
    return None if problem is None else problem.rule


SOME_HASH = hashlib.sha256(b"another receipt").hexdigest()
