"""What people bring from an older system: its history line by line, and the opening balances that follow from it.

The history is kept in the older system's own minor units, exactly; credits come from it by one whole-numbered rate, and
what the division leaves is told (specification, section 11). Read once, in order; memory grows with people alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError, model_validator

from ledger.core.balances import Opening
from ledger.core.errors import FormatError, InputError
from ledger.core.evaluate import Finding
from ledger.core.explain import explain
from ledger.core.money import MINOR_PATTERN, AmountMinor
from ledger.core.payout import bounded_sum
from ledger.core.records.record import ScopeRecord
from ledger.core.values import WIRE, AmountCredits, Count, Flat, Number, Sha256, Text, Time, User, UserId

System = Literal["all-contributors", "csv", "opencollective", "sourcecred"]
RULE = "BALANCE_CONSERVED"
RECEIPTS_A_LINE = 5000
"""Receipts of one allocation that stand on one line; more go on in the next, so that none is too long."""
Who = Annotated[str, StringConstraints(min_length=1, max_length=256)]
MinorText = Annotated[str, StringConstraints(pattern=MINOR_PATTERN)]


class OpeningSource(ScopeRecord):
    """`data/opening/<scope_id>.<system>.json`: the older system's file by its hash, its history, and the rate.

    `credits_per_unit` credits for 10^`decimals` minor units; 0 where the history brings no balances. `remainder_minor`:
    what whole credits left of `total_minor` × `credits_per_unit`, in 10^-`decimals` of a credit.
    """

    credits_per_unit: AmountCredits
    decimals: Annotated[int, Field(ge=0, le=18)]
    file_name: Text
    file_sha256: Sha256
    history_lines: Count
    history_sha256: Sha256
    origin: Text
    remainder_minor: AmountMinor
    schema_: Literal["opening-source/1"] = Field(default="opening-source/1", alias="schema")
    system: System
    total_credits: AmountCredits
    total_minor: AmountMinor
    unit: Text


class _Line(ScopeRecord):
    seq: Number


class Person(_Line):
    """Somebody of the older system and who that is here; null: nobody yet, or left out, so that nothing is owed."""

    id: Who
    kind: Literal["person"] = "person"
    name: Text
    user_id: User | None


class Allocation(_Line):
    """A share-out: to whom how much by which rule. `counts`: whether it went into balances there."""

    allocation: Text
    at: Time
    budget_minor: AmountMinor
    counts: bool
    distribution: Text
    kind: Literal["allocation"] = "allocation"
    policy: Text
    receipts: tuple[tuple[Who, MinorText], ...]
    until: Time

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and isinstance(value.get("receipts"), list):
            pairs = tuple(tuple(each) if isinstance(each, list) else each for each in value["receipts"])
            return {**value, "receipts": pairs}
        return value


class Transfer(_Line):
    """Somebody gave to somebody: a payment out, where the receiver is the sink of payments."""

    amount_minor: AmountMinor
    at: Time
    giver: Who
    kind: Literal["transfer"] = "transfer"
    memo: Text
    receiver: Who


class Reset(_Line):
    """All balances there became nothing: from then on the older system paid outside its own book."""

    at: Time
    kind: Literal["reset"] = "reset"


class Balance(_Line):
    """A balance that the older system told as one number."""

    balance_minor: AmountMinor
    earned_minor: AmountMinor
    id: Who
    kind: Literal["balance"] = "balance"


class Contribution(_Line):
    """Something that somebody did or gave there; `at` null: the older system kept no date."""

    at: Time | None
    facts: Flat
    id: Who
    kind: Literal["contribution"] = "contribution"
    what: Text


HistoryLine = Person | Allocation | Transfer | Reset | Balance | Contribution
_LINES: TypeAdapter[HistoryLine] = TypeAdapter(Annotated[HistoryLine, Field(discriminator="kind")])


def read_line(value: Mapping[str, Any]) -> HistoryLine:
    """The history line of a decoded object; FormatError names the first field that is wrong."""
    try:
        return _LINES.validate_python(value, context=WIRE, by_alias=True, by_name=False)
    except ValidationError as error:
        raise FormatError(explain(error, whole="record")) from None


@dataclass(slots=True)
class Figures:
    """One person in minor units: what ever came in, and what is left. What went out is the difference."""

    earned: int = 0
    balance: int = 0


@dataclass
class Totals:
    """Everybody's figures after the lines so far, by user; `nobody`: of those who are no user here, in sum."""

    people: dict[UserId, Figures] = field(default_factory=dict)
    nobody: Figures = field(default_factory=Figures)
    users: dict[str, UserId | None] = field(default_factory=dict)
    lines: int = 0

    def add(self, line: HistoryLine) -> None:
        """Reckon with one more line; FormatError for somebody whom no line before it names."""
        self.lines += 1
        if isinstance(line, Person):
            self.users[line.id] = line.user_id
        elif isinstance(line, Allocation):
            for who, amount in line.receipts:
                self._move(who, int(amount), line.counts)
        elif isinstance(line, Transfer):
            self._move(line.receiver, line.amount_minor, True)
            self._of(line.giver).balance -= line.amount_minor
        elif isinstance(line, Balance):
            figures = self._of(line.id)
            figures.earned += line.earned_minor
            figures.balance += line.balance_minor
        elif isinstance(line, Reset):
            for figures in (*self.people.values(), self.nobody):
                figures.balance = 0

    def _move(self, who: str, amount: int, counts: bool) -> None:
        figures = self._of(who)
        figures.earned += amount
        figures.balance += amount if counts else 0

    def _of(self, who: str) -> Figures:
        if who not in self.users:
            raise FormatError(f"{who!r} is nobody whom a line before this names", rule=RULE)
        user = self.users[who]
        if user is None:
            return self.nobody
        figures = self.people.get(user)
        if figures is None:
            figures = self.people[user] = Figures()
        return figures


def total_of(lines: Iterable[HistoryLine]) -> Totals:
    """Everybody's figures after all lines."""
    totals = Totals()
    for line in lines:
        totals.add(line)
    return totals


@dataclass(frozen=True, slots=True)
class Converted:
    """Opening figures in credits by user: (balance, earned, paid); the sum, and what whole credits left."""

    people: dict[UserId, tuple[int, int, int]]
    total_minor: int
    total_credits: int
    remainder_minor: int


def convert(people: Mapping[UserId, Figures], rate: int, decimals: int) -> Converted:
    """Minor units into credits: the sum is floored once and split by largest remainder, ties to the smaller user.

    `rate` credits for 10^`decimals` minor units. What a person earned is floored, but never below his balance; what he
    was paid is the difference. InputError for a negative balance and for totals past 2^63-1.
    """
    one, exact = 10**decimals, {user: figures.balance * rate for user, figures in people.items()}
    worst = min(exact.values(), default=0)
    if worst < 0:
        raise InputError("somebody's balance in the older system is below nothing", rule=RULE)
    total = sum(exact.values())
    credits = {user: amount // one for user, amount in exact.items()}
    left = total // one - sum(credits.values())
    for user in sorted(exact, key=lambda user: (-(exact[user] % one), user))[:left]:
        credits[user] += 1
    found = {}
    for user in sorted(people):
        earned = max(people[user].earned * rate // one, credits[user])
        if earned:
            found[user] = (credits[user], earned, earned - credits[user])
    bounded_sum((earned for _, earned, _ in found.values()), "what was earned before")
    return Converted(found, sum(each.balance for each in people.values()), total // one, total % one)


def opening_records(node_id: str, scope_id: str, converted: Converted) -> list[Opening]:
    """The lines of `data/opening/<scope_id>.jsonl`, sorted by user."""
    return [
        Opening.read(
            {
                "balance_credits": str(balance),
                "earned_credits": str(earned),
                "node_id": node_id,
                "paid_credits": str(paid),
                "scope_id": scope_id,
                "seq": seq,
                "user_id": user,
            }
        )
        for seq, (user, (balance, earned, paid)) in enumerate(sorted(converted.people.items()), start=1)
    ]


def source_findings(
    source: OpeningSource, totals: Totals, digest: str, openings: Sequence[Opening], path: str
) -> Iterator[Finding]:
    """Where source, history and opening balances do not follow from each other; `path` is the source's."""
    if (digest, totals.lines) != (source.history_sha256, source.history_lines):
        yield Finding(RULE, "the history is not that which the source names", path, 1, source.history_sha256, digest)
    if not source.credits_per_unit:
        return
    try:
        converted = convert(totals.people, source.credits_per_unit, source.decimals)
        wanted = opening_records(source.node_id, source.scope_id, converted)
    except InputError as error:
        yield Finding(RULE, error.message, path, 1)
        return
    stated = (source.total_minor, source.total_credits, source.remainder_minor)
    given = (converted.total_minor, converted.total_credits, converted.remainder_minor)
    if stated != given:
        words = ["/".join(str(each) for each in figures) for figures in (given, stated)]
        yield Finding(RULE, "its sums are not what the history gives", path, 1, *words)
    if list(openings) != wanted:
        yield Finding(RULE, "the opening balances are not what the history gives at this rate", path, 1)
