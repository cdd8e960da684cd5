"""The account book of a scope: who is owed what, every posting with its source (BALANCE_CONSERVED, PAID_ONCE).

Derived, never stored. One pass over what is on record in the order of time: statements and their later versions, held
shares once their account is bound, opening balances, waivers, and the plans that stand. A plan's effects are what
`planning` gives for the state before it, so that planning, booking and verifying are one function.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, NamedTuple

from ledger.core.balances import Opening, Waiver
from ledger.core.distribution import Plan, Settlement
from ledger.core.errors import InputError
from ledger.core.identity import resolve_accounts
from ledger.core.instructions import POOL
from ledger.core.planning import BookInputs, Effects, Gift, HeldKey, PlanOnRecord, PlanState, Terms
from ledger.core.values import UserId

PostingKind = Literal[
    "statement", "amendment", "held", "opening", "gift", "declined", "waived", "allocated", "failed", "abandoned"
]


EARNED = ("statement", "amendment", "held", "opening")
"""Kinds of postings by which credits come into the book."""


class Posting(NamedTuple):
    """One movement of a person's balance: signed credits, when, why, and the file (and line) that says so."""

    at: str
    kind: PostingKind
    credits: int
    source: str
    line: int | None = None
    epoch_id: int | None = None
    distribution: int | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """A plan on record beside what the record before it gives; `error` where nothing can be computed."""

    on_record: PlanOnRecord
    plan: Plan | None
    error: InputError | None = None


@dataclass
class Book:
    """Balances by person, held shares that wait for somebody, and what left the book without being paid.

    `earned`: by statements, their amendments, held shares and opening balances. `postings`: of whom they were asked.
    """

    postings: dict[UserId, list[Posting]] = field(default_factory=dict)
    earned: dict[UserId, int] = field(default_factory=dict)
    balances: dict[UserId, int] = field(default_factory=dict)
    waiting: list[tuple[HeldKey, int]] = field(default_factory=list)
    to_pool: int = 0
    declined: int = 0
    claimed: int = 0
    waived: int = 0
    expected: list[Expected] = field(default_factory=list)
    allocated: dict[UserId, int] = field(default_factory=dict)
    settled: dict[UserId, int] = field(default_factory=dict)


class _Books:
    """The pass over the record in the order of time, which fills a book."""

    def __init__(self, inputs: BookInputs, until: str | None, whose: Collection[UserId] | None) -> None:
        self.inputs, self.until, self.whose = inputs, until, whose
        self.replay, self.book = PlanState(inputs), Book()
        self.effects: dict[int, Effects] = {}
        self.states: dict[tuple[int, str], str] = {}

    def fill(self) -> Book:
        """Every posting up to `until`, then what is held for accounts that are somebody's by now."""
        self._statements()
        events = [event for event in self._events() if self.until is None or event[0] <= self.until]
        for _, _, _, _, act in sorted(events, key=lambda event: event[:4]):
            act()
        self._held()
        return self.book

    def _post(self, user: UserId, posting: Posting, *, unearned: bool = False) -> None:
        self._sum(user, posting.credits, posting.kind in EARNED or unearned)
        if self.whose is None or user in self.whose:
            self.book.postings.setdefault(user, []).append(posting)

    def _sum(self, user: UserId, credits: int, earned: bool) -> None:
        book = self.book
        book.balances[user] = book.balances.get(user, 0) + credits
        if earned:
            book.earned[user] = book.earned.get(user, 0) + credits

    def _move(self, user: UserId, posting: Posting, *, unearned: bool = False) -> None:
        """A posting that later plans reckon with, apart from what the statements they cover say.

        `unearned`: it takes back what counted as earned.
        """
        self._post(user, posting, unearned=unearned)
        self.replay.other[user] = self.replay.other.get(user, 0) + posting.credits

    def _statements(self) -> None:
        before: dict[int, Mapping[UserId, int]] = {}
        earned, whose = self.book.earned, self.whose
        for each in sorted(self.inputs.statements, key=lambda each: (each.epoch_id, each.version)):
            if self.until is not None and each.at > self.until:
                continue
            old = before.get(each.epoch_id)
            before[each.epoch_id] = each.amounts
            if old is None and whose is not None and not whose:  # a million lines in ten years: sums, and no postings
                for user, amount in each.amounts.items():
                    earned[user] = earned.get(user, 0) + amount
                continue
            kind: PostingKind = "statement" if old is None else "amendment"
            for user in each.amounts if old is None else sorted(old.keys() | each.amounts.keys()):
                delta = each.amounts.get(user, 0) - (old.get(user, 0) if old else 0)
                if delta or old is None:
                    self._post(user, Posting(each.at, kind, delta, each.path, None, each.epoch_id))
        self.book.balances = dict(earned)

    def _events(self) -> Iterable[tuple[str, int, int, int, Callable[[], None]]]:
        inputs = self.inputs
        if inputs.openings_at is not None:
            for line in inputs.openings:
                yield inputs.openings_at, 1, line.seq, 0, partial(self._open, line)
        for waiver in inputs.waivers:
            yield waiver.at, 2, waiver.seq, 0, partial(self._waive, waiver)
        for each in inputs.plans:
            number = each.plan.distribution
            yield each.plan.at, 3, number, 0, partial(self._expect, each)
            if each.stands_at is not None:
                yield each.stands_at, 3, number, 1, partial(self._stand, each)
            for entry in each.settlements:
                yield entry.at, 3, number, 1 + entry.seq, partial(self._settle, each, entry)

    def _open(self, line: Opening) -> None:
        path = f"data/opening/{self.inputs.scope_id}.jsonl"
        at = self.inputs.openings_at or ""
        self._move(line.user_id, Posting(at, "opening", line.balance_credits, path, line.seq))

    def _waive(self, line: Waiver) -> None:
        self.book.waived += line.amount_credits
        self._move(line.user_id, Posting(line.at, "waived", line.amount_credits, "data/waivers.jsonl", line.seq))

    def _expect(self, each: PlanOnRecord) -> None:
        plan = each.plan
        try:
            expected, effects = self.replay.prepare(Terms.of(plan))
        except InputError as error:
            self.book.expected.append(Expected(each, None, error))
            effects = Effects()
        else:
            self.book.expected.append(Expected(each, expected))
        self._corrections()
        effects.lines = {line.user_id: line.amount_credits for line in plan.lines}
        self.effects[plan.distribution] = effects

    def _stand(self, each: PlanOnRecord) -> None:
        plan, effects = each.plan, self.effects[each.plan.distribution]
        at, number = each.stands_at or "", plan.distribution
        for key, user in effects.claims.items():
            self.replay.claims[key] = user
            self.book.claimed += self.replay.held.get(key, 0)
            path = self._path_of(key.epoch_id)
            self._move(user, Posting(at, "held", self.replay.held.get(key, 0), path, None, key.epoch_id, number))
        for gift in effects.gifts:
            self._gift(gift, at, number, 1)
        for user, (credits, seq) in effects.declined.items():
            self.replay.given[seq] = self.replay.given.get(seq, 0) + credits
            self.book.declined += credits
            self._move(user, Posting(at, "declined", -credits, "data/instructions.jsonl", seq, None, number))
        for user, credits in effects.lines.items():
            self._move(user, Posting(at, "allocated", -credits, each.path, None, None, number))
            self._count(self.book.allocated, user, credits)

    def _gift(self, gift: Gift, at: str, number: int, sign: int) -> None:
        kind: PostingKind = "gift" if sign > 0 else "abandoned"
        place = ("data/instructions.jsonl", gift.instruction, None, number)
        credits = sign * gift.credits
        self.replay.given[gift.instruction] = self.replay.given.get(gift.instruction, 0) + credits
        self._move(gift.giver, Posting(at, kind, -credits, *place))
        if gift.receiver == POOL:
            self.book.to_pool += credits
        else:
            self._move(UserId(gift.receiver), Posting(at, kind, credits, *place))

    @staticmethod
    def _count(table: dict[UserId, int], user: UserId, credits: int) -> None:
        table[user] = table.get(user, 0) + credits

    def _settle(self, each: PlanOnRecord, entry: Settlement) -> None:
        if each.stands_at is None or entry.at < each.stands_at:
            return  # nothing was out; the check of settlements says so
        plan, path = each.plan, each.path.replace("plan.json", "settlements.jsonl")
        lines = plan.lines
        if entry.reference is not None:
            line = plan.by_reference.get(entry.reference)
            lines = (line,) if line is not None else ()
        for line in lines:
            key, user, credits = (plan.distribution, line.reference), line.user_id, line.amount_credits
            was = self.states.get(key, "allocated")
            if was == "settled" or (entry.state == "abandoned" and was == "failed"):
                continue
            self.states[key] = entry.state
            place = (path, entry.seq, None, plan.distribution)
            if was == "failed" and entry.state in ("submitted", "settled"):
                self._move(user, Posting(entry.at, "allocated", -credits, *place))
                self._count(self.book.allocated, user, credits)
            elif was != "failed" and entry.state in ("failed", "abandoned"):
                self._move(
                    user, Posting(entry.at, "failed" if entry.state == "failed" else "abandoned", credits, *place)
                )
                self._count(self.book.allocated, user, -credits)
            if entry.state == "settled":
                self._count(self.book.allocated, user, -credits)
                self._count(self.book.settled, user, credits)
        if entry.state == "abandoned":
            self._undo(each, entry, path)

    def _undo(self, each: PlanOnRecord, entry: Settlement, path: str) -> None:
        """A plan that was given up before anything of it settled is as if it had never stood."""
        plan = each.plan
        if any(self.states.get((plan.distribution, line.reference)) == "settled" for line in plan.lines):
            return
        effects = self.effects[plan.distribution]
        place = (path, entry.seq, None, plan.distribution)
        for gift in effects.gifts:
            self._gift(gift, entry.at, plan.distribution, -1)
        for user, (credits, seq) in effects.declined.items():
            self.replay.given[seq] -= credits
            self.book.declined -= credits
            self._move(user, Posting(entry.at, "abandoned", credits, *place))
        for key, user in effects.claims.items():
            del self.replay.claims[key]
            credits = self.replay.held.get(key, 0)
            self.book.claimed -= credits
            self._move(user, Posting(entry.at, "abandoned", -credits, *place), unearned=True)

    def _corrections(self) -> None:
        """Held shares that were claimed and then corrected by a later version of their epoch."""
        for key, user, credits in self.replay.corrected:
            stated = self.replay.by_version[key.epoch_id, self.replay.covered[key.epoch_id]]
            self.book.claimed += credits
            self._post(user, Posting(stated.at, "held", credits, stated.path, None, key.epoch_id))
        self.replay.corrected.clear()

    def _path_of(self, epoch_id: int) -> str:
        return self.replay.by_version[epoch_id, self.replay.covered[epoch_id]].path

    def _held(self) -> None:
        """What is held for accounts that somebody has bound since, and what still waits."""
        for each in sorted(self.inputs.statements, key=lambda each: (each.epoch_id, each.version)):
            if self.until is None or each.at <= self.until:
                self.replay.cover(each.epoch_id, each.version)
        self._corrections()
        if not self.replay.held:
            return
        lines = [line for line in self.inputs.bindings if self.until is None or line.at <= self.until]
        since = {(line.provider, line.external_id): line.at for line in lines}
        owners = self.replay.open_held(resolve_accounts(lines))
        for key, credits in self.replay.held.items():
            if key in owners:
                at = max(since[key.source, key.account], self.replay.by_version[key.epoch_id, 1].at)
                path = self._path_of(key.epoch_id)
                self.book.claimed += credits
                self._post(owners[key], Posting(at, "held", credits, path, None, key.epoch_id))
            elif key not in self.replay.claims and not self.replay.lapsed(key):
                self.book.waiting.append((key, credits))


def build_book(inputs: BookInputs, until: str | None = None, whose: Collection[UserId] | None = None) -> Book:
    """The account book of a scope as of `until` (None: all that is on record).

    `whose`: the people whose postings are kept (None: everyone's, which for many years is a million).
    """
    return _Books(inputs, until, whose).fill()


def prepare_plan(inputs: BookInputs, terms: Terms) -> Plan:
    """The plan that `terms` give over everything on record: what `ledger distribute plan` writes."""
    books = _Books(inputs, None, ())
    for _, _, _, _, act in sorted(books._events(), key=lambda event: event[:4]):
        act()
    return books.replay.prepare(terms)[0]


def conserved(inputs: BookInputs, book: Book) -> tuple[int, int]:
    """Both sides of BALANCE_CONSERVED in credits: where they are now, and where they came from."""
    paid = sum(book.allocated.values()) + sum(book.settled.values())
    here = sum(book.balances.values()) + paid + book.to_pool + book.declined - book.waived
    in_force = {
        each.epoch_id: each for each in sorted(inputs.statements, key=lambda each: (each.epoch_id, each.version))
    }
    came = sum(sum(each.amounts.values()) for each in in_force.values()) + book.claimed
    return here, came + (sum(line.balance_credits for line in inputs.openings) if inputs.openings_at is not None else 0)
