"""Were they paid? What the record says about it, for the page, the badge and `/.well-known/contribution-ledger.json`.

Paid is what was settled; all else is allocated or outstanding. Every figure names the file that it comes from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from ledger.core.book import Book
from ledger.core.canonical import encode
from ledger.core.distribution import Plan, Settlement, abandonment, line_states
from ledger.core.money import asset_symbol, decimal_text
from ledger.core.planning import BookInputs, PlanOnRecord
from ledger.core.settling import PlanStatus, status
from ledger.core.values import Timestamp, to_milliseconds
from ledger.core.windows import DAY
from ledger.rails.merkle_oz import OpenZeppelinMerkle
from ledger.rails.port import Order
from ledger.site.brought import Brought, brought_along, brought_files
from ledger.site.money import LEFT_OUT, Due, ScopeMoney, seen_by
from ledger.store.moneybook import approvers_at
from ledger.store.node import Node
from ledger.store.paylayout import (
    INSTRUCTIONS,
    PLAN_FILES,
    WAIVERS,
    distribution_path,
    opening_path,
    opening_signatures_path,
)
from ledger.store.payments import on_disk


@dataclass(frozen=True, slots=True)
class PaidLine:
    """One line of a distribution as people read it; `days`: from the last statement it covers to its settlement."""

    name: str
    user_id: str
    amount: str
    credits: int
    state: str
    at: str
    evidence: str
    days: int | None
    reference: str
    destination: str
    seen: str
    by: str


@dataclass(frozen=True, slots=True)
class PaidPlan:
    """One distribution with its lines."""

    scope_id: str
    status: PlanStatus
    symbol: str
    total: str
    open: str
    place: str
    lines: tuple[PaidLine, ...]
    left_out: tuple[tuple[str, str, int, str], ...]
    """Name, user, credits and why."""
    signers: tuple[tuple[str, str, str], ...]
    """Person, wallet and time of each signature by somebody who counts."""
    given_up: str
    claims: bool
    """Whether people claim by a proof of their own that lies beside the plan."""

    @property
    def path(self) -> str:
        """The distribution's page, from the site's top."""
        return f"paid/{self.scope_id}/{self.status.distribution}"

    @property
    def rate(self) -> str:
        """What one credit gave, as the plan has it."""
        rate = self.status.plan.rate
        unit = 10**self.status.plan.decimals
        exact = Fraction(rate.numerator, rate.denominator * unit)
        return f"{exact.numerator}/{exact.denominator}" if exact.denominator > 1 else str(exact.numerator)


class BookRow(NamedTuple):
    """One person in the account book, in credits."""

    name: str
    user_id: str
    earned: int
    allocated: int
    paid: int
    outstanding: int

    @property
    def moved(self) -> int:
        """What gifts, corrections and waivers added to what statements gave, so that the row adds up."""
        return self.allocated + self.paid + self.outstanding - self.earned


@dataclass(frozen=True, slots=True)
class PaidScope:
    """One scope in credits and people, with its distributions, the last first."""

    scope_id: str
    earned: int
    allocated: int
    paid: int
    outstanding: int
    held: int
    people_paid: int
    people_owed: int
    median_days: int | None
    last_at: str
    acknowledged: int
    plans: tuple[PaidPlan, ...]
    brought: tuple[Brought, ...]
    due: tuple[tuple[str, Due], ...]
    """Whom something is due beyond every plan, the longest first, with the name."""
    as_of: str
    people: tuple[BookRow, ...]
    """The account book, those who earned most first; empty where nothing is ever paid."""

    @property
    def words(self) -> str:
        """The badge: how much of what was earned was paid."""
        return f"{self.paid * 100 // self.earned if self.earned else 0}% of credits paid"


def paid_scope(node: Node, money: ScopeMoney, names: Mapping[str, str]) -> PaidScope:
    """What the record says about one scope."""
    inputs, book = money.inputs, money.book
    plans = tuple(_plan(node, inputs, each, names) for each in reversed(inputs.plans))
    lines = [line for plan in plans for line in plan.lines if line.state == "settled"]
    days = sorted(line.days for line in lines if line.days is not None)
    return PaidScope(
        scope_id=money.scope_id,
        earned=sum(book.earned.values()),
        allocated=sum(book.allocated.values()),
        paid=sum(book.settled.values()),
        outstanding=sum(balance for balance in book.balances.values() if balance > 0),
        held=sum(credits for _, credits in book.waiting),
        people_paid=sum(credits > 0 for credits in book.settled.values()),
        people_owed=_owed(book),
        median_days=days[len(days) // 2] if days else None,
        last_at=max((line.at for line in lines), default=""),
        acknowledged=sum(line.evidence == "recipient_ack" for line in lines),
        plans=plans,
        brought=tuple(brought_along(node, money.scope_id, inputs.openings_at)),
        due=tuple((names.get(one.user_id, one.user_id[:8]), one) for one in money.due),
        as_of=money.as_of,
        people=_book_rows(money, names) if money.in_use else (),
    )


def _book_rows(money: ScopeMoney, names: Mapping[str, str]) -> tuple[BookRow, ...]:
    book = money.book
    rows = [
        BookRow(names.get(user, user[:8]), user, book.earned.get(user, 0), book.allocated.get(user, 0),
                book.settled.get(user, 0), left)
        for user, left in book.balances.items()
    ]  # fmt: skip
    return tuple(sorted(rows, key=lambda row: (-row.earned, row.user_id)))


def _owed(book: Book) -> int:
    return len({user for table in (book.balances, book.allocated) for user, credits in table.items() if credits > 0})


def _plan(node: Node, inputs: BookInputs, each: PlanOnRecord, names: Mapping[str, str]) -> PaidPlan:
    plan, found = each.plan, status(each)
    states = line_states(plan, each.settlements)
    covered = {(cover.epoch_id, cover.version) for cover in plan.covers}
    since = max((stated.at for stated in inputs.statements if (stated.epoch_id, stated.version) in covered), default="")
    waiting = found.state if found.state in ("draft", "abandoned") else "allocated"
    lines = []
    for line in plan.lines:
        entry = states.get(line.reference)
        lines.append(
            PaidLine(
                name=names.get(line.user_id, line.user_id[:8]),
                user_id=line.user_id,
                amount=decimal_text(line.amount_minor, plan.decimals),
                credits=line.amount_credits,
                state=entry.state if entry is not None else waiting,
                at=entry.at if entry is not None else "",
                evidence=str(entry.evidence.get("kind", "")) if entry is not None else "",
                days=_days(since, entry),
                reference=line.reference,
                destination=line.destination,
                seen=seen_by(entry),
                by=entry.actor if entry is not None else "",
            )
        )
    abandoned = abandonment(each.settlements)
    return PaidPlan(
        scope_id=plan.scope_id,
        status=found,
        symbol=asset_symbol(plan.asset),
        total=decimal_text(plan.total_minor, plan.decimals),
        open=decimal_text(found.open_minor, plan.decimals),
        place=f"distributions/{plan.scope_id}/{plan.distribution:04d}",
        lines=tuple(lines),
        left_out=tuple(
            (names.get(left.user_id, left.user_id[:8]), left.user_id, left.amount_credits, LEFT_OUT[left.reason])
            for left in plan.left_out
        ),
        signers=_signers(node, plan),
        given_up=(abandoned.reason or "") if abandoned is not None else "",
        claims=plan.rail == OpenZeppelinMerkle.kind,
    )


def _signers(node: Node, plan: Plan) -> tuple[tuple[str, str, str], ...]:
    """Who signed the plan, of the approvers who counted then."""
    approvers, found = approvers_at(node, plan.scope_id), []
    for line in on_disk(node.root, node.node_id).signatures(plan.scope_id, plan.distribution):
        person = approvers(line.signed_at).people.get(line.signer_wallet)
        if person is not None and line.plan_hash == plan.plan_hash:
            found.append((person, str(line.signer_wallet), str(line.signed_at)))
    return tuple(found)


def _days(since: str, entry: Settlement | None) -> int | None:
    if entry is None or entry.state != "settled" or not since:
        return None
    return (to_milliseconds(entry.at) - to_milliseconds(Timestamp(since))) // DAY


def claim_files(one: PaidPlan) -> dict[str, bytes]:
    """A claim tree with each person's own proof (`claim-proof/1`), for plans that people claim from a contract."""
    if not one.claims:
        return {}
    plan = one.status.plan
    found = {
        f"{one.place}/{name}": data
        for name, data in OpenZeppelinMerkle().files(Order(plan, plan.lines, {}, {}, {})).items()
    }
    whole = json.loads(found[f"{one.place}/merkle-proofs.json"])
    for line in plan.lines:
        claim = whole["claims"][line.destination]
        mine = {
            "asset": plan.asset,
            "leaf_encoding": ["address", "uint256"],
            "proof": claim["proof"],
            "root": whole["root"],
            "schema": "claim-proof/1",
            "value": [line.destination, claim["amount"]],
        }
        found[f"{one.place}/claims/{line.user_id}.json"] = encode(mine) + b"\n"
    return found


def paid_facts(node: Node, scopes: list[PaidScope], api: str) -> dict[str, Any]:
    """The same as one JSON object for strangers (`paid/1`): figures as text, and where each file lies."""
    return {
        "api": api,
        "name": node.settings.name,
        "node_id": node.node_id,
        "schema": "paid/1",
        "scopes": [
            {
                "acknowledged": one.acknowledged,
                "credits": {
                    name: str(getattr(one, name)) for name in ("allocated", "earned", "held", "outstanding", "paid")
                },
                "distributions": [
                    {
                        "asset": plan.status.plan.asset,
                        "decimals": plan.status.plan.decimals,
                        "distribution": plan.status.distribution,
                        "files": {name: f"{plan.place}/{name}" for name in PLAN_FILES},
                        "lines": plan.status.lines,
                        "open_minor": str(plan.status.open_minor),
                        "plan_hash": plan.status.plan.plan_hash,
                        "stands_at": plan.status.stands_at,
                        "state": plan.status.state,
                        "total_minor": str(plan.status.plan.total_minor),
                    }
                    for plan in one.plans
                ],
                "last_paid_at": one.last_at or None,
                "median_days": one.median_days,
                "people": {"owed": one.people_owed, "paid": one.people_paid},
                "scope_id": one.scope_id,
            }
            for one in scopes
        ],
    }


def plan_files(node: Node, one: PaidScope) -> dict[str, str]:
    """The files of a scope's distributions: place in the API by path in the node."""
    return {
        f"{distribution_path(one.scope_id, plan.status.distribution)}/{name}": f"{plan.place}/{name}"
        for plan in one.plans
        for name in PLAN_FILES
    }


def money_logs(node: Node) -> list[str]:
    """The logs of money besides the distributions, by their paths in the node."""
    scopes = [path for scope_id in node.scopes for path in (opening_path(scope_id), opening_signatures_path(scope_id))]
    return [INSTRUCTIONS, WAIVERS, *scopes, *brought_files(node)]


def badge(words: str) -> bytes:
    """A small picture of the words, which are ours: figures only."""
    width = 46 + 7 * len(words)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="ledger: {words}">'
        f"<title>ledger: {words}</title>"
        f'<rect width="{width}" height="20" rx="3" fill="#444"/><rect x="44" width="{width - 44}" height="20" rx="3" '
        f'fill="#2a6f3b"/><g fill="#fff" font-family="Verdana,sans-serif" font-size="11">'
        f'<text x="5" y="14">ledger</text><text x="50" y="14">{words}</text></g></svg>\n'
    ).encode()


def well_known(facts: Mapping[str, Any]) -> bytes:
    """The bytes of `/.well-known/contribution-ledger.json`."""
    return encode(facts) + b"\n"
