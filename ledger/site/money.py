"""A scope's money as pages show it: what became of each person's credits, and each person's account with its files.

Gathered once for each scope. Credits are allocated where a plan that stands names them, and paid where a settlement is
on record; everything else is due. How long is told as of the last entry of the record, since a build has no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ledger.core.accounting import FORMATS, Item, items_of, payments, statement_hashes, year_json, year_of
from ledger.core.book import Book, build_book
from ledger.core.canonical import encode
from ledger.core.distribution import Settlement, abandonment, line_states
from ledger.core.instructions import Destinations, Instruction, standing_instructions
from ledger.core.money import asset_symbol, decimal_text
from ledger.core.planning import BookInputs, PlanOnRecord, Stated
from ledger.core.values import Timestamp, UserId, to_milliseconds
from ledger.core.windows import DAY
from ledger.site.words import number
from ledger.store.moneybook import book_inputs
from ledger.store.node import Node

MOST_POSTINGS = 200_000
"""Postings of a scope up to which each person's account is written out; above it `ledger book USER` gives it."""
MOST_ITEMS = 100
"""Lines of an account that a person's page renders, the last; the files have all."""
LEFT_OUT = {
    "below_minimum": "below the smallest amount that is paid",
    "declined": "declined by the person",
    "held": "kept on the book as the person asked",
    "no_destination": "no proved wallet or account to pay to",
    "on_request": "to be paid another way or later, as the person asked",
}
"""Why a plan leaves somebody out, in words."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What became of somebody's credits, the plan's line that says so (from the site's top), and how it was seen."""

    state: str
    words: str
    place: str = ""
    seen: str = ""


@dataclass(frozen=True, slots=True)
class Due:
    """Credits that are owed beyond every plan, since when, and how many days that is by the record's last entry."""

    user_id: UserId
    credits: int
    since: str
    days: int


@dataclass(frozen=True, slots=True)
class PersonMoney:
    """One person's account in one scope, for his page."""

    scope_id: str
    earned: int
    allocated: int
    paid: int
    outstanding: int
    due: Due | None
    items: tuple[Item, ...]
    item_count: int
    years: tuple[int, ...]
    lines: tuple[tuple[int, str, str, Mark], ...]
    """Distribution, reference, amount with its asset, and what became of it."""


class _Stood(NamedTuple):
    """A plan that came to stand: what became of its lines, which epochs it covers, and each person's line."""

    on_record: PlanOnRecord
    states: Mapping[str, Settlement]
    epochs: frozenset[int]
    lines: Mapping[UserId, str]


class ScopeMoney:
    """Everything on record about a scope's money, and what pages and files take from it."""

    def __init__(self, node: Node, scope_id: str) -> None:
        self.scope_id = scope_id
        self.inputs: BookInputs = book_inputs(node, scope_id)
        self._many = sum(len(each.amounts) for each in self.inputs.statements) > MOST_POSTINGS
        self.book: Book = build_book(self.inputs, None, () if self._many else None)

    @property
    def in_use(self) -> bool:
        """Whether anything was ever to be paid here: without it pages say nothing about payment."""
        return bool(self.inputs.plans or self.inputs.openings)

    @cached_property
    def as_of(self) -> str:
        """The last entry of the scope's record."""
        times = [each.at for each in self.inputs.statements]
        for plan in self.inputs.plans:
            times += [plan.plan.at, plan.stands_at or "", *(entry.at for entry in plan.settlements)]
        return max(times, default="")

    @cached_property
    def in_force(self) -> list[Stated]:
        """The statements that count, oldest first."""
        found = {each.epoch_id: each for each in sorted(self.inputs.statements, key=lambda one: one.version)}
        return [found[number] for number in sorted(found)]

    @cached_property
    def _standing(self) -> list[_Stood]:
        """Plans that stood, oldest first; of one that was given up only what was settled before."""
        found = []
        for each in self.inputs.plans:
            if each.stands_at is None:
                continue
            states, gone = line_states(each.plan, each.settlements), abandonment(each.settlements)
            lines = {
                line.user_id: line.reference
                for line in each.plan.lines
                if not gone or (line.reference in states and states[line.reference].state == "settled")
            }
            epochs = frozenset(cover.epoch_id for cover in each.plan.covers)
            found.append(_Stood(each, states, epochs, lines))
        return found

    def marks(self, epoch_id: int, people: Iterable[str]) -> dict[UserId, Mark]:
        """What became of the credits of these people in a final epoch: the first plan over it that names each."""
        found: dict[UserId, Mark] = {}
        amounts = self._amounts.get(epoch_id, {})
        waiting = [user for user in map(UserId, people) if amounts.get(user)]
        for stood in self._standing:
            if epoch_id not in stood.epochs or not waiting:
                continue
            still = []
            for user in waiting:
                entry = stood.states.get(stood.lines.get(user, ""))
                if user in stood.lines and (entry is None or entry.state != "failed"):
                    found[user] = self._mark(stood.on_record, stood.lines[user], entry)
                else:
                    still.append(user)
            waiting = still
        for user in waiting:
            if self.book.balances.get(user, 0) > 0:
                found[user] = Mark("due", f"due since {self._at(epoch_id)[:10]}", "", self._why(user))
        return found

    @cached_property
    def _amounts(self) -> dict[int, Mapping[UserId, int]]:
        return {each.epoch_id: each.amounts for each in self.in_force}

    def _at(self, epoch_id: int) -> str:
        return next((each.at for each in self.inputs.statements if each.epoch_id == epoch_id), "")

    @cached_property
    def _reasons(self) -> dict[UserId, str]:
        plan = next((each.plan for each in reversed(self.inputs.plans) if not abandonment(each.settlements)), None)
        return {line.user_id: line.reason for line in plan.left_out} if plan is not None else {}

    def _why(self, user: UserId) -> str:
        return LEFT_OUT.get(self._reasons.get(user, ""), "")

    def _mark(self, each: PlanOnRecord, reference: str, entry: Settlement | None) -> Mark:
        number = each.plan.distribution
        place = f"paid/{self.scope_id}/{number}/#l{reference}"
        if entry is None or entry.state == "failed":
            state, words = ("allocated", "allocated") if entry is None else ("failed", "payment failed, due again")
        elif entry.state == "settled":
            state, words = "settled", f"paid on {entry.at[:10]}"
        else:
            state, words = "submitted", f"submitted on {entry.at[:10]}, not seen to arrive"
        return Mark(state, words, place, seen_by(entry))

    @cached_property
    def due(self) -> list[Due]:
        """Who is owed what beyond every plan, the longest first: what came last is what is still due."""
        found = []
        for user, credits in self.book.balances.items():
            if credits > 0:
                since = self._due_since(user, credits)
                days = (to_milliseconds(Timestamp(self.as_of)) - to_milliseconds(Timestamp(since))) // DAY
                found.append(Due(user, credits, since, days))
        return sorted(found, key=lambda one: (one.since, -one.credits, one.user_id))

    def _due_since(self, user: UserId, credits: int) -> str:
        since = self.inputs.openings_at or ""
        for each in reversed(self.in_force):
            if credits <= 0:
                break
            if amount := each.amounts.get(user, 0):
                credits, since = credits - amount, each.at
        return since or self.as_of

    @cached_property
    def _payments(self) -> dict[UserId, list[Item]]:
        return payments(self.inputs)

    @cached_property
    def _due_by_user(self) -> dict[UserId, Due]:
        return {one.user_id: one for one in self.due}

    @cached_property
    def _lines_of(self) -> dict[UserId, list[tuple[int, str, str, Mark]]]:
        found: dict[UserId, list[tuple[int, str, str, Mark]]] = {}
        for stood in reversed(self._standing):
            each, states = stood.on_record, stood.states
            for line in (line for line in each.plan.lines if line.user_id in stood.lines):
                amount = (
                    f"{number(decimal_text(line.amount_minor, each.plan.decimals))} {asset_symbol(each.plan.asset)}"
                )
                mark = self._mark(each, line.reference, states.get(line.reference))
                found.setdefault(line.user_id, []).append((each.plan.distribution, line.reference, amount, mark))
        return found

    def items(self, user: UserId) -> list[Item]:
        """Every line of a person's account, oldest first; none where the scope is too large for that."""
        return items_of(self.book.postings.get(user, []), self._payments.get(user, []), statement_hashes(self.inputs))

    def person(self, user_id: str) -> PersonMoney | None:
        """A person's account; None for whom the book does not know."""
        user, book = UserId(user_id), self.book
        if user not in book.balances:
            return None
        items = self.items(user)
        return PersonMoney(
            scope_id=self.scope_id,
            earned=book.earned.get(user, 0),
            allocated=book.allocated.get(user, 0),
            paid=book.settled.get(user, 0),
            outstanding=book.balances[user],
            due=self._due_by_user.get(user),
            items=tuple(items[-MOST_ITEMS:]),
            item_count=len(items),
            years=tuple(sorted({int(one.at[:4]) for one in items}, reverse=True)),
            lines=tuple(self._lines_of.get(user, ())),
        )

    def files(self, user_id: str, name: str) -> dict[str, bytes]:
        """A person's statements of account, one a year and form, by their names."""
        items, found = self.items(UserId(user_id)), {}
        for year in sorted({int(one.at[:4]) for one in items}):
            account = year_of(self.scope_id, UserId(user_id), name, items, year)
            for form in ("csv", "beancount", "hledger"):
                found[f"{self.scope_id}-{year}.{form}"] = FORMATS[form](account).encode()
            found[f"{self.scope_id}-{year}.json"] = year_json(account)
        return found


def book_json(money: ScopeMoney, names: Mapping[str, str]) -> bytes:
    """The account book as data (`book/1`), with the names that `ledger book --json` gives; credits as text."""
    book, people = money.book, []
    for user in sorted(book.balances):
        earned, balance = book.earned.get(user, 0), book.balances[user]
        allocated, paid = book.allocated.get(user, 0), book.settled.get(user, 0)
        figures = {"allocated": allocated, "earned": earned, "outstanding": balance, "paid": paid,
                   "moved": balance + allocated + paid - earned}  # fmt: skip
        texts = {name: str(value) for name, value in figures.items()}
        people.append({**texts, "name": names.get(user, user[:8]), "user_id": user})
    totals = {name: str(getattr(book, name)) for name in ("to_pool", "declined", "waived")}
    waiting = str(sum(credits for _, credits in book.waiting))
    head = {"schema": "book/1", "scope_id": money.scope_id, "until": None, "waiting": waiting}
    return encode({**head, **totals, "people": people}) + b"\n"


def seen_by(entry: Settlement | None) -> str:
    """How a settlement was seen, in words for people."""
    if entry is None:
        return ""
    seen = entry.evidence
    kind = str(seen.get("kind", ""))
    ref = str(seen.get("transaction") or seen.get("ref") or seen.get("note") or "")
    return {
        "evm_log": f"transaction {ref}, block {seen.get('block_number')}",
        "bank_ref": f"bank reference {ref}",
        "provider_ref": f"provider's reference {ref}",
        "recipient_ack": "acknowledged by the person",
        "hand": f"by hand: {ref}",
    }.get(kind, kind)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person told about his payouts, and what his next word needs: its number, and wallets that may sign it."""

    standing: tuple[Instruction, ...]
    number: int
    wallets: tuple[str, ...]


class Instructed:
    """The instructions of a node's people, and the wallets that may sign the next ones."""

    def __init__(self, node: Node, lines: list[Instruction]) -> None:
        self._destinations = Destinations(node.bindings())
        self._standing = {scope_id: standing_instructions(lines, scope_id) for scope_id in node.scopes}
        self._counts: dict[str, int] = {}
        for line in lines:
            self._counts[line.user_id] = self._counts.get(line.user_id, 0) + 1

    def of(self, user_id: str) -> Wishes:
        """One person's."""
        user = UserId(user_id)
        standing = [
            line
            for by_user in self._standing.values()
            if user in by_user
            for _, line in sorted(by_user[user].by_kind.items())
        ]
        return Wishes(tuple(standing), self._counts.get(user_id, 0) + 1, tuple(self._destinations.wallets(user)))
