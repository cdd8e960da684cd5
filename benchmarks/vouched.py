"""A generated node whose log of receipts is as long as it may be: two of five approved, the others still proposed.

Lines are written as text for speed; a test has `ledger verify` agree with a small one. Nothing here is needed by the
ledger.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import coincurve
from eth_account import Account

from benchmarks.generate import ANCHOR, NODE, SCOPE, line_of, time_of, user_of, write_epoch, write_identities
from ledger.core.keccak import keccak
from ledger.core.receipts import Receipt, decision_text, receipt_text
from ledger.core.records.approvers import set_text
from ledger.core.values import parse_time
from ledger.flows.approvers import propose, sign_set
from ledger.flows.session import open_session
from ledger.flows.start import NodePlan, init_node
from ledger.store.layout import RECEIPTS, scope_path

KEYS = tuple(coincurve.PrivateKey(bytes([number]) * 32) for number in (0x51, 0x52))
"""Two issuers who approve each other's receipts; keys that everybody knows."""
WALLETS = tuple(str(Account.from_key(key.secret).address) for key in KEYS)
ROLES = (("author", 5), ("reviewer", 3), ("reviewer", 2), ("approver", 5))
"""The receipts of one work item of five points."""
APPROVED_OF_FIVE = 2
"""So many of five receipts are approved, so that 100,000 of them fit into the 100 MB that a file may have."""


def write_vouched(root: Path, *, receipts: int, users: int = 1_000) -> Path:
    """A node with one open epoch and a log of `receipts` receipts; returns the log."""
    start = parse_time(f"{ANCHOR:%Y-%m-%d}")
    init_node(root, NodePlan(name="Benchmark", start=start, node_id=NODE, approvers=[("curator", WALLETS[0])]))
    issuers = "".join(
        f'  - id: {name}\n    wallets: ["{wallet}"]\n    can_approve: true\n'
        for name, wallet in zip(("curator", "second"), WALLETS, strict=True)
    )
    scope = root / scope_path(SCOPE)
    scope.write_text(scope.read_text("utf-8") + "issuers:\n" + issuers, "utf-8")
    write_identities(root, users)
    session = open_session(root, start)
    proposed = propose(session, SCOPE)
    assert proposed is not None
    sign_set(session, SCOPE, _signed(0, set_text(proposed)))
    session.close()
    write_epoch(root, events=10, users=users)
    log = root / RECEIPTS
    with log.open("w", encoding="utf-8", newline="\n") as out:
        out.writelines(_acts(receipts, users))
    return log


def _signed(who: int, text: str) -> str:
    body = text.encode()
    digest = keccak(b"\x19Ethereum Signed Message:\n%d%b" % (len(body), body))
    raw = KEYS[who].sign_recoverable(digest, hasher=None)
    return "0x" + raw[:64].hex() + f"{27 + raw[64]:02x}"


def _acts(receipts: int, users: int) -> Iterator[str]:
    seq = 0
    for number in range(receipts):
        item, (role, estimate) = number // len(ROLES), ROLES[number % len(ROLES)]
        moment = time_of(ANCHOR + timedelta(seconds=1 + number))
        receipt = {
            "artifact_url": f"https://example.org/work/{item}",
            "estimate": estimate,
            "issued_at": moment,
            "role": role,
            "scope_id": SCOPE,
            "user_id": user_of(1000 + number % users),
            "work_item_id": f"task.{item:05d}",
            "work_points": 5,
        }
        text, who = receipt_text(NODE, Receipt.read(receipt)), number % 2
        hash_ = hashlib.sha256(text.encode()).hexdigest()
        seq += 1
        fields = {"at": moment, "receipt_hash": hash_}
        yield _act(seq, who, text, {**fields, "act": "issued", "number": 0, "receipt": receipt})
        if number % 5 < APPROVED_OF_FIVE:
            seq += 1
            text = decision_text(NODE, SCOPE, hash_, "approved", 1)
            yield _act(seq, 1 - who, text, {**fields, "act": "approved", "number": 1, "receipt": None})


def _act(seq: int, who: int, text: str, fields: dict[str, object]) -> str:
    common = {"approvers_seq": 1, "evidence": "", "node_id": NODE, "reason": None, "seq": seq}
    signed = {"signature": _signed(who, text), "signer_wallet": WALLETS[who]}
    return line_of({**common, **signed, **fields})
