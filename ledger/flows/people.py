"""People as others name them: `@name`, a user's id, an account or a wallet. Nothing is guessed."""

from __future__ import annotations

from ledger.core.errors import InputError
from ledger.core.identity import known_users, resolve_accounts
from ledger.core.values import UserId
from ledger.flows.accounts import account_key
from ledger.flows.identity import display_names
from ledger.flows.session import Session
from ledger.store.layout import IDENTITIES

_HINT = "`ledger identity list` shows people, their names and ids; `ledger identity bind` makes a new one."


def find_user(session: Session, text: str) -> UserId:
    """The one user of this id, name (with or without `@`) or account (`provider:account`, or a wallet's `0x…`).

    InputError where nobody or more than one answers to it.
    """
    log, name = session.node.bindings(), text.strip().removeprefix("@")
    users = known_users(log)
    if name in users:
        return UserId(name)
    provider, mark, account = ("wallet", ":", name) if name.startswith("0x") else name.partition(":")
    if mark:
        bound = resolve_accounts(log).get(account_key(session, provider, account))
        if bound is None:
            raise InputError(f"no user has the {provider} account {account!r}", path=IDENTITIES, hint=_HINT)
        return bound
    names = display_names(session)
    found = {user for user in users if names.get(user) == name}
    if len(found) != 1:
        problem = "no user is" if not found else f"{len(found)} users are"
        raise InputError(f"{problem} named {text!r}", path=IDENTITIES, hint=_HINT)
    return found.pop()
