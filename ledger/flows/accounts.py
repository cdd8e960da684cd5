"""Accounts as people name them and as the log writes them: hashed, keyed, checksummed, or refused in words.

A binding that can never match an event is worse than none, because it looks done. So what a provider's accounts look
like is known here. Holds ADDRESS_CHECKSUMMED, and that no address is stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ledger.core.errors import CredentialsError, InputError, UsageError
from ledger.core.identity import NOBODY, AccountKey, git_account, noreply_number, resolve_accounts
from ledger.core.records.activity import RECEIPT
from ledger.core.records.decisions import Binding
from ledger.core.values import checksummed
from ledger.flows.session import Session
from ledger.sources.keyed import keyed_account

_HASH = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(r"[1-9][0-9]{0,19}")
_KEYED_BY_DEFAULT = {"discord": "keyed", "github": "plain"}
_PROVIDERS = {"did", "discord", "file", "git", "github", "sourcecred", "wallet"}
_NEEDED = {
    "discord": ("the account's number", "In Discord: Settings, Advanced, Developer Mode; then Copy User ID."),
    "git": ("an address, or the SHA-256 of its lower-cased form", "`ledger identity unresolved` shows it."),
    "github": ("the account's number, not its name", "`gh api users/NAME --jq .id` tells it."),
}


def account_key(session: Session, provider: str, external_id: str) -> AccountKey:
    """The account as the log writes it: a wallet checksummed, an address hashed, an id keyed where the log keys it.

    An address under `github` is a co-author's who is known by it alone. Keying takes the node's secret, and
    CredentialsError says so. InputError for what cannot be an account of the provider, and for one that is nobody's.
    """
    if provider in ("onchain", "wallet"):
        try:
            return provider, checksummed(external_id)
        except ValueError as error:
            raise InputError(str(error), rule="ADDRESS_CHECKSUMMED") from None
    if provider == RECEIPT:
        raise InputError("a receipt names the user himself; there is no account to bind", hint="`ledger receipt list`.")
    if (provider, external_id) in _nobody(session) or (provider == "git" and not external_id):
        raise InputError(
            f"{provider} account {external_id!r} stands for anybody, so it binds to no one",
            hint="Deleted accounts and commits without an address share it. Give single events to a person instead: "
            "ledger curate resolve EVENT --user UUID.",
        )
    if provider not in _NEEDED:
        if provider not in (known := known_providers(session)):
            raise InputError(
                f"no account of {provider!r} can ever match an event here",
                hint=f"Known: {', '.join(known)}. A source that a scope collects from is known by its name.",
            )
        return provider, external_id
    if provider == "github" and (number := noreply_number(external_id)):
        plain = number
    elif provider != "discord" and "@" in external_id:
        plain = git_account(external_id)
    elif _HASH.fullmatch(external_id):
        return provider, external_id
    elif provider != "git" and _NUMBER.fullmatch(external_id):
        plain = external_id
    else:
        needed, hint = _NEEDED[provider]
        raise InputError(f"{external_id!r} is no {provider} account: needed is {needed}", hint=hint)
    return provider, _keyed(session, provider, plain) if _is_keyed(session, provider) else plain


def known_providers(session: Session) -> list[str]:
    """Whose accounts can be bound: the ledger's own kinds, and every source that a scope collects from."""
    collected = {entry.source for scope in session.node.scopes.values() for entry in scope.sources}
    return sorted((_PROVIDERS | collected) - {RECEIPT})


def voucher(session: Session) -> str:
    """Who vouches for a binding: `--actor`, else the node's only approver. UsageError or InputError for anyone else."""
    people = sorted({person.id for scope in session.node.scopes.values() for person in scope.approvers})
    actor = session.actor or (people[0] if len(people) == 1 else None)
    if actor is None:
        named = f"Add --actor (or set LEDGER_ACTOR) with one of: {', '.join(people)}."
        raise UsageError("who vouches for it?", hint=named if people else "Add an approver to a scope's file first.")
    if actor not in people:
        raise InputError(
            f"{actor} is no approver of this node, and only an approver vouches for somebody's account",
            rule="APPROVERS_PER_SCOPE",
            hint=f"Approvers: {', '.join(people) or 'none yet'}. Your own account needs none: `ledger identity prove`.",
        )
    return actor


def _nobody(session: Session) -> frozenset[AccountKey]:
    """The accounts that stand for anybody, also as the node's secret keys them."""
    secret = session.environ.get("LEDGER_SECRET", "").encode()
    return NOBODY | {(provider, keyed_account(secret, account)) for provider, account in NOBODY if secret}


def held_account(session: Session, log: Iterable[Binding], provider: str, external_id: str) -> AccountKey:
    """The account of a binding that is there: as it was written, even if it would be refused today."""
    written = (provider, external_id)
    return written if written in resolve_accounts(log) else account_key(session, provider, external_id)


def _is_keyed(session: Session, provider: str) -> bool:
    """Whether some scope collects this provider with `ids: keyed`."""
    entries = [entry for scope in session.node.scopes.values() for entry in scope.sources if entry.source == provider]
    default = _KEYED_BY_DEFAULT.get(provider)
    return any(entry.options.get("ids", default) == "keyed" for entry in entries)


def _keyed(session: Session, provider: str, account: str) -> str:
    secret = session.environ.get("LEDGER_SECRET")
    if not secret:
        raise CredentialsError(
            f"this node publishes keyed {provider} ids, and the key is not here",
            hint="Set LEDGER_SECRET to the node's secret, or give the keyed id that `identity unresolved` shows.",
        )
    return keyed_account(secret.encode(), account)
