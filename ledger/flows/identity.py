"""Bind accounts to users, and say who is unresolved and what they would be owed (IDENTITY_BEST_EFFORT).

One account resolves to at most one user at a time. A binding never changes a finalized epoch: each statement pins the
log as it stood.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from ledger.core.errors import InputError, LedgerError
from ledger.core.evaluate import UnresolvedAccount
from ledger.core.identity import AccountKey, known_users, names_of, new_user_id, resolve_accounts
from ledger.core.planning import HeldKey
from ledger.core.records.decisions import Binding
from ledger.core.statement import would_be_owed
from ledger.core.values import UserId
from ledger.flows.accounts import account_key, held_account
from ledger.flows.drafting import all_stated
from ledger.flows.session import EpochFolder, Session
from ledger.store import layout
from ledger.store.append import append_records
from ledger.store.files import write_lock
from ledger.store.moneybook import scope_book


@dataclass(frozen=True, slots=True)
class Bound:
    """The user of an account and whether this run changed the log."""

    user_id: UserId
    added: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """An account that is to be bound (`user_id` None: to a new user), and the file and line that ask for it.

    Those with the same word as `person`, within one act, are bound to one user.
    """

    provider: str
    external_id: str
    login: str | None = None
    evidence: str = ""
    user_id: str | None = None
    path: str = ""
    line: int | None = None
    person: str | None = None


@dataclass(frozen=True, slots=True)
class Owed:
    """What one unresolved account would earn in one epoch, in milli-units and in that epoch's state."""

    scope_id: str
    epoch_id: int
    state: str
    account: UnresolvedAccount


def bind(
    session: Session,
    provider: str,
    external_id: str,
    *,
    user_id: str | None = None,
    login: str | None = None,
    evidence: str = "",
    actor: str,
) -> Bound:
    """Bind an account to a user (None: a new one). Binding it again to the same user changes nothing.

    Raises InputError when the account belongs to someone else, or the named user does not exist.
    """
    with write_lock(session.node.root):
        account = account_key(session, provider, external_id)
        log = session.node.bindings()
        state = _State(session, resolve_accounts(log), set(known_users(log)), len(log))
        user, record = state.bind(account, Wanted(provider, external_id, login, evidence, user_id), actor)
        append_records(session.node.root, layout.IDENTITIES, [record] if record else [])
        return Bound(user, added=record is not None)


def bind_many(session: Session, wanted: Iterable[Wanted], *, actor: str) -> list[Bound]:
    """Bind many accounts in one act, in their order: all of them, or none where one of them cannot be.

    What is bound so already changes nothing. Errors name the line of the file that asked, where one did.
    """
    with write_lock(session.node.root):
        log = session.node.bindings()
        state = _State(session, resolve_accounts(log), set(known_users(log)), len(log))
        found, records = [], []
        for one in wanted:
            try:
                user, record = state.bind(account_key(session, one.provider, one.external_id), one, actor)
            except LedgerError as error:
                if one.path:
                    error.path, error.line = one.path, one.line
                raise
            found.append(Bound(user, added=record is not None))
            records += [record] if record else []
        append_records(session.node.root, layout.IDENTITIES, records)
        return found


def bind_all(session: Session, provider: str, accounts: Mapping[str, str | None], *, evidence: str, actor: str) -> None:
    """Bind many accounts `external_id: login`, each to a new user of its own, in one act; bound ones are left alone."""
    bound = resolve_accounts(session.node.bindings())
    new = [account for account in sorted(accounts) if (provider, account) not in bound]
    bind_many(session, [Wanted(provider, each, accounts[each], evidence) for each in new], actor=actor)


@dataclass
class _State:
    """The bindings log as it stands while lines are added: who is bound, every user it named, how many lines."""

    session: Session
    bound: dict[AccountKey, UserId]
    used: set[UserId]
    size: int
    people: dict[str | None, UserId] = field(default_factory=dict)

    def bind(self, account: AccountKey, one: Wanted, actor: str) -> tuple[UserId, Binding | None]:
        """The user, and the line that binds the account (None: it is bound so); InputError where it cannot be."""
        holder = self.bound.get(account)
        fresh = new_user_id(self.session.node.node_id, *account, self.used)
        user = UserId(one.user_id) if one.user_id else self.people.get(one.person) or holder or fresh
        if one.person is not None:
            self.people[one.person] = user
        if holder == user:
            return user, None
        if holder is not None:
            raise InputError(
                f"{one.provider} account {one.external_id} is bound to user {holder}",
                path=layout.IDENTITIES,
                hint="Unbind it first, with evidence: one account resolves to at most one user at a time.",
            )
        if user not in self.used and user != fresh:
            raise InputError(
                f"no user {one.user_id} in the bindings log",
                path=layout.IDENTITIES,
                hint="Leave out --user to make a new user from this account; `ledger identity list` shows all.",
            )
        self.size += 1
        self.bound[account] = user
        self.used.add(user)
        return user, _record(self.session, "bind", account, user, one.login, one.evidence, actor, self.size)


def unbind(session: Session, provider: str, external_id: str, *, evidence: str, actor: str) -> Bound:
    """Take an account from its user; InputError when nobody holds it."""
    with write_lock(session.node.root):
        log = session.node.bindings()
        account = held_account(session, log, provider, external_id)
        user = resolve_accounts(log).get(account)
        if user is None:
            last = [line for line in log if (line.provider, line.external_id) == account]
            if last:
                return Bound(last[-1].user_id, added=False)
            raise InputError(f"{provider} account {external_id} was never bound", path=layout.IDENTITIES)
        append_records(
            session.node.root,
            layout.IDENTITIES,
            [_record(session, "unbind", account, user, None, evidence, actor, len(log) + 1)],
        )
        return Bound(user, added=True)


def _record(
    session: Session,
    action: str,
    account: AccountKey,
    user: str,
    login: str | None,
    evidence: str,
    actor: str,
    seq: int,
) -> Binding:
    return Binding.read(
        {
            "action": action,
            "actor": actor,
            "at": session.now,
            "evidence": evidence,
            "external_id": account[1],
            "login": login,
            "node_id": session.node.node_id,
            "provider": account[0],
            "seq": seq,
            "user_id": user,
        }
    )


def unresolved(session: Session, scope_id: str | None = None) -> list[Owed]:
    """Accounts that nobody has bound up to now, per epoch that holds included events of theirs, oldest first."""
    bound = resolve_accounts(session.node.bindings())
    found = []
    for scope in session.scope_ids(scope_id):
        for folder, _, derived in all_stated(session, scope):
            state = folder.state()
            found += [
                Owed(scope, folder.epoch_id, state, account)
                for account in derived.evaluation.unresolved
                if (account.source, account.platform_user_id) not in bound
            ]
    return found


def _owes(folder: EpochFolder) -> bool:
    """Whether the epoch is finalized with unresolved events."""
    statement = folder.statement()
    return folder.state() == "finalized" and statement is not None and bool(statement.unresolved_count)


@dataclass(frozen=True, slots=True)
class OwedTotal:
    """What one account's unresolved events earned in finalized epochs and is open still: milli-units and credits."""

    source: str
    account: str
    login: str | None
    user_id: UserId | None
    epochs: int
    units: int
    credits: int


def owed_totals(session: Session, scope_id: str | None = None) -> list[OwedTotal]:
    """Per account, over all finalized epochs of the scope(s); `user_id` is who has bound it since, if anyone.

    Of an epoch that holds shares only what waits still: what was claimed is in the account book, what lapsed in a pool.
    """
    bound = resolve_accounts(session.node.bindings())
    found: dict[AccountKey, OwedTotal] = {}
    for scope in session.scope_ids(scope_id):
        held = dict(scope_book(session.node, scope).waiting)
        for folder, statement, derived in all_stated(session, scope, _owes):
            pool, holds = (statement.pool_total_credits, statement.unresolved == "hold") if statement else (0, False)
            waiting = would_be_owed(derived.evaluation, pool, derived.awards)
            for account in derived.evaluation.unresolved:
                key = (account.source, account.platform_user_id)
                if holds and HeldKey(folder.epoch_id, *key) not in held:
                    continue
                before = found.get(key) or OwedTotal(*key, None, bound.get(key), 0, 0, 0)
                found[key] = replace(
                    before,
                    login=account.platform_login or before.login,
                    epochs=before.epochs + 1,
                    units=before.units + account.units,
                    credits=before.credits + waiting.get(key, 0),
                )
    return [found[key] for key in sorted(found)]


def display_names(session: Session) -> dict[UserId, str]:
    """A readable name per user: the last login that one of his bindings carries."""
    return names_of(session.node.bindings())


@dataclass(frozen=True, slots=True)
class BoundAccount:
    """One bound account with its user and the login that its binding carries."""

    user_id: UserId
    provider: str
    external_id: str
    login: str


def bound_accounts(session: Session) -> list[BoundAccount]:
    """Every account that is bound now, sorted by user and account."""
    log = session.node.bindings()
    logins = {(line.provider, line.external_id): line.login or "" for line in log}
    accounts = resolve_accounts(log).items()
    return [
        BoundAccount(user, account[0], account[1], logins[account])
        for account, user in sorted(accounts, key=lambda item: (item[1], item[0]))
    ]
