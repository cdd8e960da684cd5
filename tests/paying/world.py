"""A node whose first epochs are final and owed, and the acts on it, all through the public flows."""

from __future__ import annotations

from pathlib import Path

from ledger.core.proof import Challenge
from ledger.core.values import UserId
from ledger.flows.budget import add_component
from ledger.flows.collect import collect
from ledger.flows.identity import bind
from ledger.flows.ingest import Ingest
from ledger.flows.paying.plan import PlanWish, Prepared, plan, sign_plan
from ledger.flows.review import review
from ledger.flows.session import Session, locked
from ledger.flows.sign import finalize
from tests.nodes import WALLETS, at, make_node, set_in_scope, sign_as, signature

TOKEN = "eip155:31337/erc20:0x5FbDB2315678afecb367f032d93F642f64180aa3"
EURO = PlanWish("csv", "EUR", "0.01", "agreed in the open")
PEOPLE = ("alice", "bob", "carol")
HOLD = "unresolved: hold\n"
CARRY = f'{HOLD}hold_epochs: 1\npool_rules:\n  - rule: carry-over-v1\n    cap_credits: "0"\n'


def owed_node(root: Path, epochs: int = 1) -> Path:
    """Three people with accounts, and so many final epochs of 10,000 credits each."""
    make_node(root)
    with at(root, "2026-01-06T00:00:00Z") as session:
        for name in PEOPLE:
            bind(session, "file", name, login=name, actor="ann")
    for number in range(1, epochs + 1):
        close_epoch(root, number)
    return root


def held_epochs(root: Path, terms: str, epochs: int = 1) -> Path:
    """The first epochs of a node that holds shares for everybody but alice."""
    set_in_scope(root, terms)
    with at(root, "2026-01-06T00:00:00Z") as session:
        bind(session, "file", "alice", login="alice", actor="ann")
    for number in range(1, epochs + 1):
        close_epoch(root, number)
    return root


def close_epoch(root: Path, number: int, pool: int = 10_000) -> None:
    """Collect, review, sign and finalize an epoch at the end of its week."""
    day = 5 + 7 * number
    with at(root, f"2026-01-{day - 1:02d}T00:00:00Z", "ann") as session:
        collect(session)
    with at(root, f"2026-01-{day:02d}T01:00:00Z", "ann") as session:
        folder = session.node.epoch("default", number)
        if not folder.pool():
            add_component(session, folder, "base_issuance", pool, None)
        with locked(session):
            review(session, folder, Ingest(session))
        sign_as(session, folder, "ann", "ben")
        finalize(session, folder)


def user_of(session: Session, name: str) -> UserId:
    """The user who is bound with this login."""
    return next(line.user_id for line in session.node.bindings() if line.login == name)


def prove_wallet(session: Session, name: str, person: str) -> str:
    """Bind the wallet of a test key to a person by its own signature and his file account's approver; its address."""
    user, wallet = user_of(session, name), WALLETS[person]
    text = Challenge(session.node.node_id, user, ("wallet", wallet), 0).text
    bind(session, "wallet", wallet, user_id=user, actor="self",
         evidence=f"proof nonce=0 eip191:{signature(text, person)}")  # fmt: skip
    return wallet


def signed_plan(session: Session, wish: PlanWish = EURO) -> Prepared:
    """A plan that both approvers signed."""
    prepared = plan(session, "default", wish)
    for person in ("ann", "ben"):
        sign_plan(session, "default", None, signature(prepared.plan.signed_text, person))
    return prepared
