"""Who an account belongs to: the bindings log folded into one answer (IDENTITY_BEST_EFFORT).

One account resolves to at most one user at a time; the latest line of an account wins.
"""

from __future__ import annotations

from collections.abc import Iterable

from ledger.core.canonical import sha256_hex
from ledger.core.records import Binding
from ledger.core.values import UserId, name_uuid

AccountKey = tuple[str, str]
"""`(provider, external_id)`; for an event `(source, platform_user_id)`."""

GHOST = "ghost"
"""The account on GitHub of all whose account was deleted."""
NOBODY = frozenset({("github", GHOST), ("git", sha256_hex(b""))})
"""Accounts that stand for anybody: deleted ones on GitHub, commits without an address. They bind to no one."""


def resolve_accounts(bindings: Iterable[Binding]) -> dict[AccountKey, UserId]:
    """Every account that is bound after all `bindings`, with its user."""
    bound: dict[AccountKey, UserId] = {}
    for line in bindings:
        account = (line.provider, line.external_id)
        if line.action == "bind":
            bound[account] = line.user_id
        else:
            bound.pop(account, None)
    return bound


def known_users(bindings: Iterable[Binding]) -> frozenset[UserId]:
    """Every user that the log ever named, bound now or not."""
    return frozenset(line.user_id for line in bindings)


def new_user_id(node_id: str, provider: str, external_id: str) -> UserId:
    """The id of a user whose first binding this is: UUIDv5(node_id, `<provider>:<external_id>`)."""
    return UserId(name_uuid(node_id, f"{provider}:{external_id}"))
