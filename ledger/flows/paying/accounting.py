"""A person's statement of account for a year, for bookkeepers and tax papers: CSV, beancount, hledger, Koinly.

Opening balance, every posting with its statement's hash, every payment with its reference and evidence, closing
balance. Credits are a commodity of their own; money enters where a settlement is on record, at what was paid.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ledger.core.book import Posting
from ledger.core.distribution import line_states
from ledger.core.errors import InputError
from ledger.core.money import asset_symbol, decimal_text
from ledger.core.planning import BookInputs
from ledger.core.values import UserId
from ledger.flows.identity import display_names
from ledger.flows.session import Session
from ledger.store.moneybook import book_inputs, scope_book

HEAD = ("date", "what", "credits", "balance", "amount", "asset", "reference", "evidence", "hash", "source")
KOINLY = (
    "Date", "Sent Amount", "Sent Currency", "Received Amount", "Received Currency", "Fee Amount", "Fee Currency",
    "Net Worth Amount", "Net Worth Currency", "Label", "Description", "TxHash",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a statement of account; `amount` and `asset` only where money was paid, credits signed."""

    at: str
    what: str
    credits: int
    balance: int
    amount: str = ""
    asset: str = ""
    reference: str = ""
    evidence: str = ""
    hash: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class YearOfAccount:
    """One person's year in a scope: credits owed at its beginning and end, and what came between."""

    scope_id: str
    user_id: UserId
    name: str
    year: int
    opening: int
    items: tuple[Item, ...]

    @property
    def closing(self) -> int:
        """The balance at the end of the year."""
        return self.items[-1].balance if self.items else self.opening


def year_of_account(session: Session, scope_id: str, who: str, year: int) -> YearOfAccount:
    """One person's year, by user id or login; InputError for nobody or several."""
    names = display_names(session)
    wanted = {user for user, name in names.items() if name.lower() == who.lower()} | {UserId(who)}
    inputs = book_inputs(session.node, scope_id)
    book = scope_book(session.node, scope_id, None, wanted)
    if len(book.postings) != 1:
        raise InputError(f"{len(book.postings)} people of scope {scope_id} are called {who}", hint="See `ledger book`.")
    user, postings = next(iter(book.postings.items()))
    hashes = {(one.epoch_id, one.path): one.statement_hash for one in inputs.statements}
    events = [(line.at, 0, _posted(line, hashes)) for line in postings]
    events += [(item.at, 1, item) for item in _payments(inputs, user)]
    opening = balance = 0
    items = []
    for at, _, item in sorted(events, key=lambda event: event[:2]):
        balance += item.credits
        if at[:4] < f"{year:04d}":
            opening = balance
        elif at[:4] == f"{year:04d}":
            items.append(Item(**{**{name: getattr(item, name) for name in Item.__slots__}, "balance": balance}))
    return YearOfAccount(scope_id, user, names.get(user, ""), year, opening, tuple(items))


def _posted(line: Posting, hashes: dict[tuple[int, str], str]) -> Item:
    found = hashes.get((line.epoch_id or 0, line.source), "")
    source = line.source + (f":{line.line}" if line.line else "")
    return Item(line.at, line.kind, line.credits, 0, hash=found, source=source)


def _payments(inputs: BookInputs, user: UserId) -> list[Item]:
    """What arrived, as items without credits: these left the balance when the plan came to stand."""
    found = []
    for each in inputs.plans:
        states = line_states(each.plan, each.settlements)
        for line in each.plan.lines:
            entry = states.get(line.reference)
            if line.user_id == user and entry is not None and entry.state == "settled":
                seen = entry.evidence
                ref = seen.get("transaction") or seen.get("ref") or seen.get("note") or ""
                found.append(
                    Item(
                        entry.at,
                        "paid",
                        0,
                        0,
                        amount=decimal_text(line.amount_minor, each.plan.decimals),
                        asset=asset_symbol(each.plan.asset),
                        reference=line.reference,
                        evidence=f"{seen['kind']} {ref}".strip(),
                        hash=each.plan.plan_hash,
                        source=f"{each.path.replace('plan.json', 'settlements.jsonl')}:{entry.seq}",
                    )
                )
    return found


def as_csv(year: YearOfAccount) -> str:
    """The year as a table; opening and closing balance are its first and last row."""
    rows: list[tuple[str, ...]] = [_opening(year, f"{year.year}-01-01", "opening balance", year.opening)]
    rows += [
        (one.at[:10], one.what, str(one.credits), str(one.balance), one.amount, one.asset, one.reference,
         _cell(one.evidence), one.hash, one.source)
        for one in year.items
    ]  # fmt: skip
    return _table(HEAD, [*rows, _opening(year, f"{year.year}-12-31", "closing balance", year.closing)])


def _opening(year: YearOfAccount, day: str, what: str, balance: int) -> tuple[str, ...]:
    return (day, what, "0", str(balance), "", "", "", "", "", "")


def _cell(text: str) -> str:
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows([head, *rows])
    return out.getvalue()


def as_koinly(year: YearOfAccount) -> str:
    """What arrived, in the columns of Koinly's universal file."""
    rows = [
        (f"{one.at[:10]} {one.at[11:19]} UTC", "", "", one.amount, _commodity(one.asset), "", "", "", "", "reward",
         _cell(f"{year.scope_id} {one.reference}"), one.evidence.partition(" ")[2] if "evm_log" in one.evidence else "")
        for one in year.items
        if one.amount
    ]  # fmt: skip
    return _table(KOINLY, rows)


def _commodity(asset: str) -> str:
    """A commodity's name that all tools take: capitals and digits, at most 24."""
    found = re.sub(r"[^A-Z0-9]", "", asset.upper())[-20:]
    return found if re.fullmatch(r"[A-Z][A-Z0-9]{1,19}", found) else f"T{found}X"


def as_beancount(year: YearOfAccount) -> str:
    """The year as beancount text."""
    lines = [
        f"{year.year}-01-01 open {account}"
        for account in ("Assets:Outstanding", "Assets:Received", "Equity:Opening", "Equity:Allocated", "Income:Credits",
                        "Income:Payments")
    ]  # fmt: skip
    lines += _entries(year, _beancount_entry, year.opening)
    lines.append(f"{year.year + 1}-01-01 balance Assets:Outstanding  {year.closing} CREDIT")
    return "\n".join(lines) + "\n"


def as_hledger(year: YearOfAccount) -> str:
    """The year as hledger text."""
    lines = _entries(year, _hledger_entry, year.opening)
    lines.append(f"{year.year + 1}-01-01 closing\n    Assets:Outstanding  0 CREDIT = {year.closing} CREDIT\n")
    return "\n".join(lines) + "\n"


Entry = Callable[[str, str, list[tuple[str, str]], list[tuple[str, str]]], str]
FORMATS: dict[str, Callable[[YearOfAccount], str]] = {
    "beancount": as_beancount,
    "csv": as_csv,
    "hledger": as_hledger,
    "koinly": as_koinly,
}
"""The forms that a year can be written in."""


def _entries(year: YearOfAccount, write: Entry, opening: int) -> list[str]:
    found = []
    if opening:
        both = [("Assets:Outstanding", f"{opening} CREDIT"), ("Equity:Opening", f"{-opening} CREDIT")]
        found.append(write(f"{year.year}-01-01", "opening balance", [], both))
    for one in year.items:
        tags = [
            (name, getattr(one, name)) for name in ("reference", "evidence", "hash", "source") if getattr(one, name)
        ]
        if one.amount:
            commodity = _commodity(one.asset)
            both = [("Assets:Received", f"{one.amount} {commodity}"), ("Income:Payments", f"-{one.amount} {commodity}")]
        else:
            other = "Equity:Allocated" if one.what in ("allocated", "failed", "abandoned") else "Income:Credits"
            both = [("Assets:Outstanding", f"{one.credits} CREDIT"), (other, f"{-one.credits} CREDIT")]
        found.append(write(one.at[:10], one.what, tags, both))
    return found


def _text(value: str) -> str:
    return re.sub(r'["\\;\n]', "'", value)


def _beancount_entry(day: str, what: str, tags: list[tuple[str, str]], both: list[tuple[str, str]]) -> str:
    lines = [f'{day} * "{_text(what)}"']
    lines += [f'  {name}: "{_text(value)}"' for name, value in tags]
    lines += [f"  {account}  {amount}" for account, amount in both]
    return "\n".join(lines) + "\n"


def _hledger_entry(day: str, what: str, tags: list[tuple[str, str]], both: list[tuple[str, str]]) -> str:
    lines = [f"{day} * {_text(what)}"]
    lines += [f"    ; {name}: {_text(value).replace(',', ' ')}" for name, value in tags]
    lines += [f"    {account}  {amount}" for account, amount in both]
    return "\n".join(lines) + "\n"
