"""Who an account belongs to: the bindings log folded into one answer (IDENTITY_BEST_EFFORT).

One account resolves to at most one user at a time; the latest line of an account wins.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from itertools import islice

from ledger.core.canonical import sha256_hex
from ledger.core.records.decisions import Binding
from ledger.core.values import Timestamp, UserId, name_uuid

AccountKey = tuple[str, str]
"""`(provider, external_id)`; for an event `(source, platform_user_id)`."""

GHOST = "ghost"
"""The account on GitHub of all whose account was deleted."""
NOBODY = frozenset(
    {("discord", "456226577798135808"), ("git", sha256_hex(b"")), ("github", GHOST), ("github", "10137")}
)
"""Accounts that stand for anybody: deleted ones (on GitHub by word or number), commits without an address. They bind to
no one (specification, section 3)."""

_NUMBERED = re.compile(r"([1-9][0-9]{0,18})\+[^@\s]+@users\.noreply\.github\.com", re.ASCII | re.IGNORECASE)


def git_account(address: str) -> str:
    """The git account of an address: SHA-256 of its lower-cased form (specification, section 3).

    GitHub's `<number>+<name>@users.noreply.github.com` counts without the name, which its owner may change.
    """
    number = noreply_number(address)
    return sha256_hex(f"{number}@users.noreply.github.com".encode() if number else address.lower().encode())


def noreply_number(address: str) -> str | None:
    """The number of the GitHub account that an address `<number>+<name>@users.noreply.github.com` is of."""
    match = _NUMBERED.fullmatch(address)
    return match[1] if match else None


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


def claimed_since(bindings: Iterable[Binding], size: int) -> frozenset[AccountKey]:
    """The accounts that somebody was bound to by a line behind the first `size`, whether he still is or not.

    What is held for an account lapses only where nobody came (specification, section 4, rule 6).
    """
    lines = islice(bindings, size, None)
    return frozenset((line.provider, line.external_id) for line in lines if line.action == "bind")


def bound_since(bindings: Iterable[Binding], provider: str) -> dict[str, Timestamp]:
    """The accounts of a provider that are bound after all `bindings`, each with the time since which it always was."""
    since: dict[str, Timestamp] = {}
    for line in bindings:
        if line.provider == provider and line.action == "bind":
            since.setdefault(line.external_id, Timestamp(line.at))
        elif line.provider == provider:
            since.pop(line.external_id, None)
    return since


def known_users(bindings: Iterable[Binding]) -> frozenset[UserId]:
    """Every user that the log ever named, bound now or not."""
    return frozenset(line.user_id for line in bindings)


def new_user_id(node_id: str, provider: str, external_id: str, used: Collection[str] = ()) -> UserId:
    """The id of a new user: UUIDv5(node_id, `<provider>:<external_id>`), or with `#2`, `#3`, … behind that name.

    `used` are the ids that the log ever named: the first that is not among them is taken, so that an account which was
    parted from a user never comes back as him.
    """
    name = f"{provider}:{external_id}"
    found, number = name_uuid(node_id, name), 1
    while found in used:
        number += 1
        found = name_uuid(node_id, f"{name}#{number}")
    return UserId(found)


def names_of(bindings: Iterable[Binding]) -> dict[UserId, str]:
    """A readable name per user of a bindings log: the last login that one of his bindings carries."""
    return {line.user_id: line.login for line in bindings if line.login and line.action == "bind"}
