"""The account book for people to read: one row a person, and one person's statement of account, posting by posting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.core.accounting import YearOfAccount, items_of, payments, statement_hashes, year_of
from ledger.core.book import Book, Posting, build_book
from ledger.core.errors import InputError
from ledger.core.planning import BookInputs
from ledger.core.values import UserId
from ledger.flows.identity import display_names
from ledger.flows.session import Session
from ledger.store.moneybook import book_inputs, scope_book
from ledger.store.node import Node


@dataclass(frozen=True, slots=True)
class Row:
    """One person in credits. `allocated`: in a signed plan and not settled; `outstanding`: owed beyond that."""

    user_id: UserId
    name: str
    earned: int
    moved: int
    allocated: int
    paid: int
    outstanding: int


@dataclass(frozen=True, slots=True)
class Page:
    """A scope's book as of a time: people, and what waits for accounts that nobody has bound."""

    scope_id: str
    until: str | None
    rows: tuple[Row, ...]
    waiting: int
    waiting_accounts: int
    to_pool: int
    declined: int
    waived: int


@dataclass(frozen=True, slots=True)
class Account:
    """One person's postings in the order of time, each with the balance after it."""

    row: Row
    postings: tuple[tuple[Posting, int], ...]


def page(session: Session, scope_id: str, until: str | None = None) -> Page:
    """Everyone's balance in a scope."""
    book, names = scope_book(session.node, scope_id, until), display_names(session)
    rows = tuple(_row(book, user, names.get(user, "")) for user in sorted(book.balances))
    waiting = sum(credits for _, credits in book.waiting)
    accounts = len({(key.source, key.account) for key, _ in book.waiting})
    return Page(scope_id, until, rows, waiting, accounts, book.to_pool, book.declined, book.waived)


def account(session: Session, scope_id: str, who: str, until: str | None = None) -> Account:
    """One person's account, by user id or by the login that he is bound with; InputError for nobody or several."""
    names = display_names(session)
    wanted = {user for user, name in names.items() if name.lower() == who.lower()} | {UserId(who)}
    book = scope_book(session.node, scope_id, until, wanted)
    found = list(book.postings)
    if len(found) != 1:
        raise InputError(
            f"{len(found)} people of scope {scope_id} are called {who}", hint="`ledger book` lists them with their ids."
        )
    lines, balance = [], 0
    for posting in sorted(book.postings[found[0]], key=lambda line: line.at):
        balance += posting.credits
        lines.append((posting, balance))
    return Account(_row(book, found[0], names.get(found[0], "")), tuple(lines))


def year_of_account(session: Session, scope_id: str, who: str, year: int) -> YearOfAccount:
    """One person's year, by user id or login; InputError for nobody or several."""
    names = display_names(session)
    wanted = {user for user, name in names.items() if name.lower() == who.lower()} | {UserId(who)}
    inputs = book_inputs(session.node, scope_id)
    book = build_book(inputs, None, wanted)
    if len(book.postings) != 1:
        raise InputError(f"{len(book.postings)} people of scope {scope_id} are called {who}", hint="See `ledger book`.")
    user, postings = next(iter(book.postings.items()))
    return _year(inputs, user, postings, names.get(user, ""), year)


def account_year(node: Node, scope_id: str, user_id: str, name: str, year: int) -> YearOfAccount:
    """The year of one user id, under the name given; InputError when the book does not know it."""
    inputs, user = book_inputs(node, scope_id), UserId(user_id)
    postings = build_book(inputs, None, {user}).postings.get(user)
    if postings is None:
        raise InputError(f"nobody in scope {scope_id} has the id {user_id[:80]}")
    return _year(inputs, user, postings, name, year)


def _year(inputs: BookInputs, user: UserId, postings: Sequence[Posting], name: str, year: int) -> YearOfAccount:
    items = items_of(postings, payments(inputs).get(user, []), statement_hashes(inputs))
    return year_of(inputs.scope_id, user, name, items, year)


def _row(book: Book, user: UserId, name: str) -> Row:
    earned = book.earned.get(user, 0)
    allocated, paid = book.allocated.get(user, 0), book.settled.get(user, 0)
    balance = book.balances.get(user, 0)
    return Row(user, name, earned, balance + allocated + paid - earned, allocated, paid, balance)
