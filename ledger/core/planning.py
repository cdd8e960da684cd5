"""What a plan pays: every positive balance, less what its owner wishes otherwise, or a place among the left out.

Everything but the operator's terms follows from the record, so that a stored plan can be computed again to the byte
(DISTRIBUTION_BALANCED, DESTINATION_BOUND). Credits are signed integers here, since a corrected person may owe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ledger.core.balances import Opening, Waiver
from ledger.core.distribution import (
    Cover,
    LeftOut,
    LeftOutReason,
    OnDecline,
    Plan,
    PlanLine,
    Rate,
    Settlement,
    reference_of,
)
from ledger.core.errors import InputError
from ledger.core.identity import AccountKey, claimed_since, resolve_accounts
from ledger.core.instructions import POOL, Destinations, Instruction, Standing, standing_instructions
from ledger.core.money import MAX_MINOR, Minor, destination_kind
from ledger.core.records.decisions import Binding
from ledger.core.records.statement import PrefixPin
from ledger.core.values import Credits, NodeId, ScopeId, Timestamp, UserId


class HeldShare(NamedTuple):
    """What an epoch holds back for an account that nobody had bound (credits)."""

    source: str
    account: str
    credits: int


@dataclass(frozen=True, slots=True)
class Stated:
    """One version of an epoch's statement as the book needs it; `at` is when it became final."""

    epoch_id: int
    version: int
    statement_hash: str
    at: str
    path: str
    amounts: Mapping[UserId, int]
    held: tuple[HeldShare, ...] = ()
    identities_size: int = 0
    hold_epochs: int | None = None


@dataclass(frozen=True, slots=True)
class PlanOnRecord:
    """A plan with what became of it; `stands_at` is None while it is a draft."""

    plan: Plan
    path: str
    stands_at: str | None
    settlements: tuple[Settlement, ...] = ()


@dataclass(frozen=True, slots=True)
class BookInputs:
    """Everything on record that moves a balance of one scope. `openings` count from `openings_at`, if at all."""

    node_id: NodeId
    scope_id: ScopeId
    statements: Sequence[Stated] = ()
    bindings: Sequence[Binding] = ()
    instructions: Sequence[Instruction] = ()
    waivers: Sequence[Waiver] = ()
    openings: Sequence[Opening] = ()
    openings_at: str | None = None
    plans: Sequence[PlanOnRecord] = ()


class HeldKey(NamedTuple):
    """One held share: its epoch and account."""

    epoch_id: int
    source: str
    account: str


class Gift(NamedTuple):
    """Credits that moved by a person's instruction (its `seq`)."""

    giver: UserId
    receiver: str
    credits: int
    instruction: int


@dataclass
class Effects:
    """What a plan does to balances once it stands, in credits."""

    lines: dict[UserId, int] = field(default_factory=dict)
    declined: dict[UserId, tuple[int, int]] = field(default_factory=dict)
    gifts: list[Gift] = field(default_factory=list)
    claims: dict[HeldKey, UserId] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Terms:
    """What an operator decides about a plan; all the rest follows from the record."""

    distribution: int
    at: Timestamp
    asset: str
    decimals: int
    rail: str
    rate: Rate
    minimum_minor: int
    on_decline: OnDecline
    covers: tuple[Cover, ...]
    identities: PrefixPin
    instructions: PrefixPin

    @classmethod
    def of(cls, plan: Plan) -> Terms:
        """The terms of a plan on record."""
        return cls(**{name: getattr(plan, name) for name in cls.__dataclass_fields__})


_Left = tuple[UserId, LeftOutReason, int]
"""Who is not paid, why, and how many credits."""


def split_minor(total: int, credits: Mapping[UserId, int]) -> dict[UserId, int]:
    """`total` over people by their credits: largest remainder, ties to the smaller user id; exact for any size."""
    whole = sum(credits.values())
    if not whole:
        return dict.fromkeys(credits, 0)
    found = {user: amount * total // whole for user, amount in credits.items()}
    left = total - sum(found.values())
    for user in sorted(credits, key=lambda user: (-(credits[user] * total % whole), user))[:left]:
        found[user] += 1
    return found


class PlanState:
    """What the record says up to a moment: statements covered, shares held and claimed, all other movements."""

    def __init__(self, inputs: BookInputs) -> None:
        self.inputs = inputs
        self.by_version = {(each.epoch_id, each.version): each for each in inputs.statements}
        self.covered: dict[int, int] = {}
        """The version of each epoch's statement that the balances are at."""
        self.raw: dict[UserId, int] = {}
        """Credits by these statements; `other`: by everything else (plans, gifts, claims, waivers, openings)."""
        self.other: dict[UserId, int] = {}
        self.given: dict[int, int] = {}
        """Credits that each instruction has taken so far, by its `seq`."""
        self.claims: dict[HeldKey, UserId] = {}
        """Who took each held share; `held`: the credits of every share, taken or not."""
        self.held: dict[HeldKey, int] = {}
        self.lapses: dict[HeldKey, tuple[int, AccountKey]] = {}
        """The epoch in which a held share's time ends, and its account."""
        self.corrected: list[tuple[HeldKey, UserId, int]] = []
        """Shares that an amendment changed after they were claimed: whose, and by how many credits."""
        self._bound: dict[int, dict[AccountKey, UserId]] = {}
        self._claimed: dict[tuple[int, int], frozenset[AccountKey]] = {}

    def bound(self, size: int) -> dict[AccountKey, UserId]:
        """Who held each account after the first `size` bindings."""
        if size not in self._bound:
            self._bound[size] = resolve_accounts(self.inputs.bindings[:size])
        return self._bound[size]

    def cover(self, epoch_id: int, version: int) -> None:
        """Bring the balances to a version of an epoch's statement; InputError for one that is not final."""
        before = self.covered.get(epoch_id)
        if before == version:
            return
        stated = self.by_version.get((epoch_id, version))
        if stated is None:
            raise InputError(f"version {version} of epoch {epoch_id} is not final", rule="DISTRIBUTION_BALANCED")
        shares: dict[HeldKey, int] = {}
        if before is not None:
            old = self.by_version[epoch_id, before]
            for user, amount in old.amounts.items():
                self.raw[user] -= amount
            for share in old.held:
                key = HeldKey(epoch_id, share.source, share.account)
                shares[key] = -self.held.pop(key, 0)
                self.lapses.pop(key, None)
        raw = self.raw
        for user, amount in stated.amounts.items():
            raw[user] = raw.get(user, 0) + amount
        for share in stated.held:
            key = HeldKey(epoch_id, share.source, share.account)
            if share.credits:
                self.held[key] = share.credits
                shares[key] = shares.get(key, 0) + share.credits
            if stated.hold_epochs is not None:
                self.lapses[key] = (epoch_id + stated.hold_epochs, (share.source, share.account))
        for key, delta in shares.items():
            if delta and key in self.claims:  # claimed before it was corrected: the claim follows the correction
                user = self.claims[key]
                self.other[user] = self.other.get(user, 0) + delta
                self.corrected.append((key, user, delta))
        self.covered[epoch_id] = version

    def lapsed(self, key: HeldKey) -> bool:
        """Whether a held share fell back to the pool: nobody came for it until the epoch where its time ended."""
        if key not in self.lapses or key in self.claims:
            return False
        epoch_id, account = self.lapses[key]
        version = self.covered.get(epoch_id)
        if version is None:
            return False
        since, until = (self.by_version[each, 1].identities_size for each in (key.epoch_id, epoch_id))
        if (since, until) not in self._claimed:
            self._claimed[since, until] = claimed_since(self.inputs.bindings[:until], since)
        return account not in self._claimed[since, until]

    def open_held(self, bound: Mapping[AccountKey, UserId]) -> dict[HeldKey, UserId]:
        """Held shares that nobody claimed and whose account is somebody's by now."""
        return {
            key: bound[key.source, key.account]
            for key in self.held
            if key not in self.claims and (key.source, key.account) in bound and not self.lapsed(key)
        }

    def prepare(self, terms: Terms) -> tuple[Plan, Effects]:
        """The plan that these terms give, and what it will do; InputError where there is nothing to pay."""
        self._cover_all(terms.covers)
        last = max((cover.epoch_id for cover in terms.covers), default=1)
        claims = self.open_held(self.bound(terms.identities.size))
        balances = {user: self.raw.get(user, 0) + self.other.get(user, 0) for user in self.raw.keys() | self.other}
        for key, user in claims.items():
            balances[user] = balances.get(user, 0) + self.held[key]
        wishes = standing_instructions(self.inputs.instructions[: terms.instructions.size], self.inputs.scope_id)
        effects, left = Effects(), list[_Left]()
        self._give(balances, wishes, last, effects)
        places = self._sort(terms, balances, wishes, last, effects, left)
        minor = self._minor(terms, effects, left)
        effects.claims = {
            key: user for key, user in claims.items() if user in effects.lines or user in effects.declined
        }
        givers = {gift.giver for gift in effects.gifts}
        effects.claims |= {key: user for key, user in claims.items() if user in givers}
        return self._plan(terms, effects.lines, places, minor, left), effects

    def _cover_all(self, covers: Sequence[Cover]) -> None:
        for cover in covers:
            self.cover(cover.epoch_id, cover.version)
            stated = self.by_version[cover.epoch_id, cover.version]
            if stated.statement_hash != cover.statement_hash:
                raise InputError(
                    f"the statement of epoch {cover.epoch_id} is not the one that the plan covers",
                    rule="DISTRIBUTION_BALANCED",
                )

    def _sort(
        self,
        terms: Terms,
        balances: Mapping[UserId, int],
        wishes: Mapping[UserId, Standing],
        last: int,
        effects: Effects,
        left: list[_Left],
    ) -> dict[UserId, str]:
        """Where each person is paid; what each gets, or has declined, is put among `effects`, all else into `left`.

        `last`: the last epoch that is covered, by which instructions with an end are judged.
        """
        places, kind = (
            Destinations(self.inputs.bindings[: terms.identities.size]),
            destination_kind(terms.rail, terms.asset),
        )
        found: dict[UserId, str] = {}
        for user in sorted(user for user, balance in balances.items() if balance > 0):
            balance, mine = balances[user], wishes.get(user)
            if mine is not None and (decline := mine.get("decline", last)) is not None:
                taken = min(balance, self._allowance(decline, balance))
                if taken:
                    effects.declined[user] = (taken, decline.seq)
                    left.append((user, "declined", taken))
                    balance -= taken
            if not balance:
                continue
            carry = mine.get("carry_below", last) if mine is not None else None
            if mine is not None and mine.get("hold", last) is not None:
                left.append((user, "held", balance))
                continue
            place, elsewhere = places.of(user, kind, mine.get("pay_to", last) if mine is not None else None)
            if elsewhere or (carry is not None and balance < (carry.amount_credits or 0)):
                left.append((user, "on_request", balance))
            elif place is None:
                left.append((user, "no_destination", balance))
            elif balance * terms.rate.numerator // terms.rate.denominator < max(1, terms.minimum_minor):
                left.append((user, "below_minimum", balance))
            else:
                effects.lines[user], found[user] = balance, place
        return found

    def _plan(
        self,
        terms: Terms,
        pay: Mapping[UserId, int],
        places: Mapping[UserId, str],
        minor: Mapping[UserId, int],
        left: Sequence[_Left],
    ) -> Plan:
        """The record. `pay`: credits; `minor`: the minor units that they come to."""
        return Plan(
            node_id=self.inputs.node_id,
            scope_id=self.inputs.scope_id,
            asset=terms.asset,
            at=terms.at,
            covers=terms.covers,
            decimals=terms.decimals,
            distribution=terms.distribution,
            identities=terms.identities,
            instructions=terms.instructions,
            left_out=tuple(
                LeftOut(amount_credits=Credits(amount), reason=reason, user_id=user)
                for user, reason, amount in sorted(left)
            ),
            lines=tuple(
                PlanLine.model_construct(  # figures of our own; whoever reads the stored plan validates each line
                    amount_credits=Credits(pay[user]),
                    amount_minor=Minor(minor[user]),
                    destination=places[user],
                    reference=reference_of(self.inputs.node_id, self.inputs.scope_id, terms.distribution, user),
                    user_id=user,
                )
                for user in sorted(pay)
            ),
            minimum_minor=Minor(terms.minimum_minor),
            on_decline=terms.on_decline,
            rail=terms.rail,
            rate=terms.rate,
            total_minor=Minor(sum(minor.values())),
        )

    def _minor(self, terms: Terms, effects: Effects, left: list[_Left]) -> dict[UserId, int]:
        """The lines' minor units; whoever would get nothing is left out and the rest computed again."""
        pay = effects.lines
        extra = sum(taken for taken, _ in effects.declined.values()) if terms.on_decline == "redistribute" else 0
        while pay:
            total = (sum(pay.values()) + extra) * terms.rate.numerator // terms.rate.denominator
            if total > MAX_MINOR:
                raise InputError(f"the total is {total} minor units, more than 10^38-1", rule="ALL_MATH_BIGINT")
            minor = split_minor(total, pay)
            nothing = [user for user, amount in minor.items() if not amount]
            if not nothing:
                return minor
            for user in nothing:
                left.append((user, "below_minimum", pay.pop(user)))
        return {}

    def _allowance(self, line: Instruction, balance: int) -> int:
        """How much an instruction may still take: its amount, over all distributions, or everything."""
        if line.amount_credits is None:
            return balance
        return max(0, line.amount_credits - self.given.get(line.seq, 0))

    def _give(
        self, balances: dict[UserId, int], wishes: Mapping[UserId, Standing], last: int, effects: Effects
    ) -> None:
        """Gifts first, out of what each person has before any gift arrives."""
        received: dict[UserId, int] = {}
        for user in sorted(wishes):
            line, balance = wishes[user].get("gift", last), balances.get(user, 0)
            if line is None or balance <= 0:
                continue
            moved, to = min(balance, self._allowance(line, balance)), line.to or POOL
            if moved:
                balances[user] = balance - moved
                effects.gifts.append(Gift(user, to, moved, line.seq))
                if to != POOL:
                    received[UserId(to)] = received.get(UserId(to), 0) + moved
        for user, amount in received.items():
            balances[user] = balances.get(user, 0) + amount
