"""A generated scope that owes money: years of final statements, a plan over ten thousand people, one great transaction.

`python -m benchmarks.money STAGE ROOT` runs one stage in a process of its own and prints its seconds.
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from eth_account import Account
from eth_account.messages import encode_defunct

from benchmarks.finished import KEY
from benchmarks.generate import ANCHOR, NODE, SCOPE
from ledger.chain.rpc import Transaction, Transfer
from ledger.core.canonical import encode, sha256_hex
from ledger.core.distribution import Plan, PlanLine
from ledger.core.proof import Challenge
from ledger.core.records.approvers import set_text
from ledger.core.records.decisions import Binding
from ledger.core.records.epoch import Epoch, Transition, weight_config_hash
from ledger.core.values import UserId, checksummed, parse_time, timestamp
from ledger.flows.approvers import propose, sign_set
from ledger.flows.paying.export import export
from ledger.flows.paying.plan import PlanWish, plan, sign_plan
from ledger.flows.paying.settle import by_transaction
from ledger.flows.session import Session, open_session
from ledger.flows.start import NodePlan, init_node
from ledger.store.layout import IDENTITIES
from ledger.store.moneybook import scope_book
from ledger.store.node import load_node

WALLET = Account.from_key(KEY).address
USDC = "eip155:1/erc20:0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
IBAN = "DE89370400440532013000"


def users(count: int) -> list[str]:
    """User ids, the same on every run."""
    return sorted(str(uuid.uuid5(uuid.UUID(NODE), f"owed:{number}")) for number in range(count))


def write_owed(root: Path, epochs: int, people: int, *, wallets: bool = False) -> None:
    """A node with `epochs` final epochs that each give something to `people` people: the files that the book reads.

    `wallets`: everybody has bound one that proved itself, which takes some milliseconds each to make.
    """
    start = parse_time(f"{ANCHOR:%Y-%m-%d}")
    init_node(root, NodePlan(name="Benchmark", start=start, node_id=NODE, approvers=[("curator", WALLET)]))
    everyone, lines = users(people), []
    for seq, user in enumerate(everyone, start=1):
        account, evidence = ("file", f"p{seq}"), ""
        if wallets:
            key = f"0x{seq:064x}"
            account = ("wallet", Account.from_key(key).address)
            evidence = f"proof nonce=0 eip191:{_sign(Challenge(NODE, UserId(user), account, 0).text, key)}"
        bound = {
            "action": "bind", "actor": "self", "at": start, "evidence": evidence, "external_id": account[1],
            "login": None, "node_id": NODE, "provider": account[0], "seq": seq, "user_id": user,
        }  # fmt: skip
        lines.append(Binding.read(bound).encode())
    (root / IDENTITIES).write_bytes(b"".join(line + b"\n" for line in lines))
    for number in range(1, epochs + 1):
        _epoch(root, number, everyone)


def _epoch(root: Path, number: int, everyone: list[str]) -> None:
    folder = load_node(root).epoch(SCOPE, number)
    at = root / folder.relative
    at.mkdir(parents=True)
    begin = ANCHOR + timedelta(days=7 * (number - 1))
    end = timestamp(begin + timedelta(days=7))
    place = {**folder.place}
    epoch = {
        **place, "algorithm": "weight-sum-v1", "anchor": timestamp(ANCHOR), "hold_epochs": None, "length": 7,
        "opened_at": timestamp(begin), "period_end": end, "period_start": timestamp(begin), "pool_rules": [],
        "schema": "epoch/2", "unit": "days", "unresolved": "share", "weight_config": {}, "windows": 1,
        "weight_config_hash": weight_config_hash({}), "weight_policy": "weights/default.yaml",
    }  # fmt: skip
    (at / "epoch.json").write_bytes(Epoch.read(epoch).encode() + b"\n")
    payouts = [
        {"amount_credits": str(1000 + n), "award_credits": "0", "share": "0.000500", "share_credits": str(1000 + n),
         "total_units": str(8000 + n), "user_id": user}
        for n, user in enumerate(everyone)
    ]  # fmt: skip
    statement = encode({**place, "held": [], "identities": {"sha256": "0" * 64, "size": 0}, "payouts": payouts,
                        "schema": "statement/2", "version": 1}) + b"\n"  # fmt: skip
    (at / "statement.json").write_bytes(statement)
    steps: list[dict[str, object]] = [
        {"from": None, "to": "open"},
        {"from": "open", "to": "review", "approvers_seq": 1, "approver_set_hash": "0" * 64, "threshold": 1, "gaps": []},
        {"from": "review", "to": "finalized", "statement_hash": sha256_hex(statement)},
    ]
    records = [Transition.read({**place, "actor": "curator", "at": end, **step}) for step in steps]
    (at / "transitions.jsonl").write_bytes(b"".join(record.encode() + b"\n" for record in records))


def _sign(text: str, key: str = KEY) -> str:
    signature: str = Account.sign_message(encode_defunct(text=text), key).signature.hex()
    return "0x" + signature.removeprefix("0x")


class Mined:
    """A chain that mined one transaction which pays every line."""

    def __init__(self, lines: Sequence[PlanLine]) -> None:
        token = checksummed(USDC.rpartition(":")[2])
        payer = checksummed("0x" + "11" * 20)
        logs = [
            Transfer(token, payer, checksummed(line.destination), line.amount_minor, at)
            for at, line in enumerate(lines)
        ]
        self.found = Transaction("0x" + "ab" * 32, True, 1, "0x" + "cd" * 32, 100, True, tuple(logs), None, 0)

    def chain_id(self) -> int:
        """Mainnet."""
        return 1

    def transaction(self, tx_hash: str) -> Transaction:
        """The one."""
        return self.found

    def decimals(self, token: str) -> int:
        """Six."""
        return 6

    def receives(self, token: str | None, to: str) -> bool:
        """Everybody."""
        return True


def _approve(session: Session) -> None:
    """The scope's approver counts from now on."""
    line = propose(session, SCOPE)
    if line is not None:
        sign_set(session, SCOPE, _sign(set_text(line)))


def _planned(session: Session, wish: PlanWish) -> Plan:
    found = plan(session, SCOPE, wish).plan
    sign_plan(session, SCOPE, None, _sign(found.signed_text))
    return found


def main(stage: str, root: Path) -> float:
    """Seconds of one stage over the node at `root`: `book`, `plan` (with its payment file) or `settle`."""
    session = open_session(root, parse_time("2040-01-01"), actor="curator")
    if stage == "book":
        began = time.perf_counter()
        scope_book(session.node, SCOPE)
        return time.perf_counter() - began
    _approve(session)
    if stage == "plan":
        payees = root.parent / "payees.csv"
        rows = [f"{user},Person,{IBAN}" for user in {line.user_id for line in session.node.bindings()}]
        payees.write_text("user_id,name,iban\n" + "\n".join(rows) + "\n")
        options = {"debtor_name": "Acme", "debtor_iban": IBAN}
        began = time.perf_counter()
        _planned(session, PlanWish("sepa", "EUR", "0.01", "agreed"))
        export(session, SCOPE, None, root.parent / "out", payees=payees, options=options)
        return time.perf_counter() - began
    mined = Mined(_planned(session, PlanWish("safe_csv", USDC, "0.01", "agreed")).lines)
    began = time.perf_counter()
    done = by_transaction(session, SCOPE, None, mined.found.hash, mined)
    if done.open:
        raise SystemExit(f"{len(done.open)} lines were not settled")
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], Path(sys.argv[2]))))
