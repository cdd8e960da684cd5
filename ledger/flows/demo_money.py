"""The demonstration goes on to money: a distribution in euro, and one in a chain's coin, settled as far as can be.

Where `LEDGER_RPC_URL` names a development chain with open accounts, the coin really moves there and is settled by its
transactions. Everything else is recorded by hand and says that it is a demonstration: nobody was paid.
"""

from __future__ import annotations

from collections.abc import Callable

from eth_account import Account

from ledger.chain.rpc import JsonRpc
from ledger.core.canonical import sha256_hex
from ledger.core.distribution import Plan
from ledger.core.errors import InputError
from ledger.core.proof import Challenge
from ledger.core.values import UserId
from ledger.flows.identity import bind
from ledger.flows.paying.chains import chain_from
from ledger.flows.paying.plan import PlanWish, plan, sign_plan
from ledger.flows.paying.settle import by_hand, by_transaction
from ledger.flows.session import Session
from ledger.store.moneybook import scope_book

Signer = Callable[[str, str], str]
"""Signs a text with a key."""
DEVELOPMENT = 31337
"""The chain id of development chains (anvil, hardhat): their coin is worth nothing, and their accounts are open."""
COIN = f"eip155:{DEVELOPMENT}/slip44:60"
NOTE = "demonstration: recorded by hand, nobody was paid"
MOST_WALLETS = 5
"""People of the demonstration who get a throw-away wallet."""
RATE_SOURCE = "demonstration: agreed by nobody"


def pay_in_euro(session: Session, scope_id: str, key: str, signer: Signer) -> None:
    """A distribution of all that is owed so far, settled by hand but for its last line, which stays allocated."""
    found = _signed(session, scope_id, PlanWish("csv", "EUR", "0.01", RATE_SOURCE), key, signer)
    if found is None:
        return
    for line in found.lines[: max(1, len(found.lines) - 1)]:
        by_hand(session, scope_id, None, state="settled", references=[line.reference],
                evidence={"kind": "hand", "note": NOTE})  # fmt: skip


def pay_in_coin(session: Session, scope_id: str, key: str, signer: Signer) -> None:
    """A distribution to those who are owed most, whose throw-away wallets prove themselves first."""
    book = scope_book(session.node, scope_id)
    owed = sorted((user for user, left in book.balances.items() if left > 0), key=lambda user: -book.balances[user])
    for user in owed[:MOST_WALLETS]:
        _prove_wallet(session, user, signer)
    found = _signed(session, scope_id, PlanWish("safe_csv", COIN, "0.000001", RATE_SOURCE), key, signer)
    if found is None:
        return
    chain = chain_from(session)
    if chain is not None and chain.chain_id() == DEVELOPMENT:
        _send(session, scope_id, found, chain)
        return
    by_hand(session, scope_id, None, state="settled", evidence={"kind": "hand", "note": NOTE})


def _signed(session: Session, scope_id: str, wish: PlanWish, key: str, signer: Signer) -> Plan | None:
    """A plan that stands; None where nothing is owed."""
    try:
        found = plan(session, scope_id, wish).plan
    except InputError:
        return None
    sign_plan(session, scope_id, None, signer(found.signed_text, key), "demonstration: throw-away wallet")
    return found


def _prove_wallet(session: Session, user: UserId, signer: Signer) -> None:
    key = sha256_hex(f"contribution ledger demonstration: everybody knows the key of {user}".encode())
    wallet = Account.from_key(key).address
    text = Challenge(session.node.node_id, user, ("wallet", wallet), 0).text
    evidence = f"proof nonce=0 eip191:{signer(text, key)}"
    bind(session, "wallet", wallet, user_id=user, actor="self", evidence=evidence)


def _send(session: Session, scope_id: str, found: Plan, chain: JsonRpc) -> None:
    """Send the coin of a development chain from its first open account, and settle each line by its transaction."""
    payer = chain.call("eth_accounts")[0]
    for line in found.lines:
        call = {"from": payer, "to": line.destination, "value": hex(line.amount_minor)}
        by_transaction(session, scope_id, None, chain.call("eth_sendTransaction", call), chain, 1)
