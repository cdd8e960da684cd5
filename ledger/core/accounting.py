"""A person's statement of account for a year, for bookkeepers and tax papers: CSV, beancount, hledger, Koinly.

Opening balance, every posting with its statement's hash, every payment with its reference and evidence, closing
balance. Credits are a commodity of their own; money enters where a settlement is on record, at what was paid.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ledger.core.book import Posting
from ledger.core.canonical import encode
from ledger.core.distribution import Settlement, line_states
from ledger.core.money import asset_symbol, decimal_text
from ledger.core.planning import BookInputs
from ledger.core.values import UserId

StatementHashes = Mapping[tuple[int, str], str]
HEAD = ("date", "what", "credits", "balance", "amount", "asset", "reference", "evidence", "hash", "source")
KOINLY = (
    "Date", "Sent Amount", "Sent Currency", "Received Amount", "Received Currency", "Fee Amount", "Fee Currency",
    "Net Worth Amount", "Net Worth Currency", "Label", "Description", "TxHash",
)  # fmt: skip


class _Text(list[str]):
    """What the csv module writes into."""

    write = list[str].append


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


def year_of(scope_id: str, user: UserId, name: str, items: Sequence[Item], year: int) -> YearOfAccount:
    """What falls into a year of all items of a person, which are in the order of time."""
    opening = next((one.balance for one in reversed(items) if one.at[:4] < f"{year:04d}"), 0)
    return YearOfAccount(
        scope_id, user, name, year, opening, tuple(one for one in items if one.at[:4] == f"{year:04d}")
    )


def items_of(postings: Sequence[Posting], payments: Sequence[Item], hashes: StatementHashes) -> list[Item]:
    """A person's postings and what he was paid, in the order of time, each with the balance after it."""
    events = [(line.at, 0, _posted(line, hashes)) for line in postings]
    events += [(item.at, 1, item) for item in payments]
    balance, found = 0, []
    for _, _, item in sorted(events, key=lambda event: event[:2]):
        balance += item.credits
        found.append(replace(item, balance=balance))
    return found


def statement_hashes(inputs: BookInputs) -> StatementHashes:
    """The hash of each version of each epoch's statement, by epoch and file."""
    return {(one.epoch_id, one.path): one.statement_hash for one in inputs.statements}


def _posted(line: Posting, hashes: StatementHashes) -> Item:
    found = hashes.get((line.epoch_id or 0, line.source), "")
    source = line.source + (f":{line.line}" if line.line else "")
    return Item(line.at, line.kind, line.credits, 0, hash=found, source=source)


def payments(inputs: BookInputs) -> dict[UserId, list[Item]]:
    """What arrived with whom, as items without credits: these left the balance when the plan came to stand."""
    found: dict[UserId, list[Item]] = {}
    for each in inputs.plans:
        for reference, entry in line_states(each.plan, each.settlements).items():
            line = each.plan.by_reference.get(reference)
            if line is None or entry.state != "settled":
                continue
            item = Item(
                entry.at,
                "paid",
                0,
                0,
                amount=decimal_text(line.amount_minor, each.plan.decimals),
                asset=asset_symbol(each.plan.asset),
                reference=reference,
                evidence=evidence_words(entry),
                hash=each.plan.plan_hash,
                source=f"{each.path.replace('plan.json', 'settlements.jsonl')}:{entry.seq}",
            )
            found.setdefault(line.user_id, []).append(item)
    return found


def evidence_words(entry: Settlement) -> str:
    """How a settlement was seen: its kind, and the transaction, reference or note."""
    seen = entry.evidence
    return f"{seen['kind']} {seen.get('transaction') or seen.get('ref') or seen.get('note') or ''}".strip()


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
    out = _Text()
    csv.writer(out, lineterminator="\n").writerows([head, *rows])
    return "".join(out)


def year_json(account: YearOfAccount) -> bytes:
    """A year of account as data (`account-year/1`); credits as text."""
    items = [
        {
            **{name: getattr(one, name) for name in Item.__slots__},
            "credits": str(one.credits),
            "balance": str(one.balance),
        }
        for one in account.items
    ]
    return encode(
        {
            "closing_credits": str(account.closing),
            "items": items,
            "name": account.name,
            "opening_credits": str(account.opening),
            "schema": "account-year/1",
            "scope_id": account.scope_id,
            "user_id": account.user_id,
            "year": account.year,
        }
    ) + b"\n"  # fmt: skip


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
