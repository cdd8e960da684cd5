"""Whose an older system's accounts are here: people become bindings, as far as that is certain."""

from __future__ import annotations

import csv
import io
from collections.abc import Container, Sequence

from ledger.core.errors import CredentialsError, InputError
from ledger.core.identity import AccountKey, known_users, new_user_id, resolve_accounts
from ledger.core.values import UserId
from ledger.flows.accounts import account_key
from ledger.flows.identity import Wanted
from ledger.flows.importing.terms import Report, Terms
from ledger.flows.session import Session
from ledger.imports.found import Alias, Identity
from ledger.sources.titles import one_line


def bindings_of(
    session: Session, identities: Sequence[Identity], terms: Terms, report: Report, evidence: str
) -> tuple[list[Wanted], dict[str, UserId]]:
    """The bindings that follow for certain, and each identity's user. Who holds such an account here already is him.

    InputError where one identity would be two people here, or who is left out or told by name is not there.
    """
    log = session.node.bindings()
    held, used, told = resolve_accounts(log), known_users(log), _told_accounts(terms)
    without = {name.lower() for name in terms.leave_out}
    unknown = without - {each.name.lower() for each in identities}
    if unknown:
        raise InputError(f"nobody is called {min(unknown)!r} there", hint="--leave-out takes the name shown.")
    there = {(alias.provider, alias.name.lower()) for each in identities for alias in each.aliases}
    if stray := sorted(told.keys() - there):
        raise InputError(
            f"has {stray[0][0]} {stray[0][1]}, which is nobody's account there",
            path=terms.accounts_name,
            hint="Provider and name are those that the report shows; nothing was written.",
        )
    collected = {entry.source for scope in session.node.scopes.values() for entry in scope.sources}
    wanted: list[Wanted] = []
    users: dict[str, UserId] = {}
    taken: set[AccountKey] = set()
    for each in identities:
        if each.name.lower() in without:
            report.left_out[f"by name: {each.name}"] = 1
            continue
        keys: list[tuple[AccountKey, str, int]] = []
        own = [Alias("sourcecred", name, name, each.line) for name in each.ids] if report.system == "sourcecred" else []
        for alias in (*own, *each.aliases):
            account = told.get((alias.provider, alias.name.lower())) or alias.account
            found = _key_of(session, alias, account, collected)
            if isinstance(found, str):
                why = found
            elif found[0] in taken:
                why = "is somebody else's in this file too"
            else:
                taken.add(found[0])
                keys.append((*found, alias.line))
                continue
            report.unbound.append((each.name, f"{alias.provider} {alias.name}", why))
        if not keys:
            continue
        people = sorted({held[key] for key, _, _ in keys if key in held})
        if len(people) > 1:
            raise InputError(
                f"the accounts of {each.name} (line {each.line}) are two people's here: {', '.join(people)}",
                hint="Unbind one (ledger identity unbind), or leave this person out with --leave-out.",
            )
        user = people[0] if people else new_user_id(session.node.node_id, *keys[0][0], used)
        users[each.ids[0]] = user
        login = one_line(each.name) if terms.show_names else None
        for key, account, line in keys:
            place = f"{evidence} sha256:{report.file_sha256} line {line}"
            wanted.append(Wanted(key[0], account, login, place, people[0] if people else None, person=each.ids[0]))
    return wanted, users


def _key_of(
    session: Session, alias: Alias, account: str | None, collected: Container[str]
) -> tuple[AccountKey, str] | str:
    """The key of an alias and its account here, or why it cannot be bound. `collected`: kinds of source in use."""
    if alias.provider == "discord" and "discord" not in collected:
        return "no scope collects from Discord, so it could match nothing; add the source and import again"
    if account is not None:
        try:
            return account_key(session, alias.provider, account), account
        except (CredentialsError, InputError) as error:
            return error.message
    if alias.provider == "discord":
        return "is a bot's"
    if alias.provider == "wallet":
        return "the file states it without a proof; a wallet proves itself (ledger identity prove)"
    return "the file does not tell its number"


def _told_accounts(terms: Terms) -> dict[tuple[str, str], str]:
    """A table `provider,name,account` of what a person looked up."""
    if terms.accounts is None:
        return {}
    found: dict[tuple[str, str], str] = {}
    try:
        rows = csv.DictReader(io.StringIO(terms.accounts.decode("utf-8-sig"), newline=""), strict=True)
        if not {"provider", "name", "account"} <= set(rows.fieldnames or ()):
            raise InputError("has no columns provider, name and account", path=terms.accounts_name, line=1)
        for row in rows:
            if row["account"]:
                found[(row["provider"] or "").strip().lower(), (row["name"] or "").strip().lower()] = row[
                    "account"
                ].strip()
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"is no CSV in UTF-8: {error}", path=terms.accounts_name) from None
    return found
