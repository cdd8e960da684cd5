"""Were they paid? What the record says about it, for the page, the badge and `/.well-known/contribution-ledger.json`.

Paid is what was settled; all else is allocated or outstanding. Every figure names the file that it comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ledger.core.book import Book, build_book
from ledger.core.canonical import encode
from ledger.core.distribution import Settlement, line_states
from ledger.core.money import asset_symbol, decimal_text
from ledger.core.planning import BookInputs, PlanOnRecord
from ledger.core.settling import PlanStatus, status
from ledger.core.values import Timestamp, to_milliseconds
from ledger.site.brought import Brought, brought_along, brought_files
from ledger.store.moneybook import book_inputs
from ledger.store.node import Node
from ledger.store.paylayout import (
    INSTRUCTIONS,
    PLAN_FILES,
    WAIVERS,
    distribution_path,
    opening_path,
    opening_signatures_path,
)

DAY = 86_400_000


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


@dataclass(frozen=True, slots=True)
class PaidPlan:
    """One distribution with its lines."""

    status: PlanStatus
    symbol: str
    total: str
    open: str
    place: str
    lines: tuple[PaidLine, ...]


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

    @property
    def words(self) -> str:
        """The badge: how much of what was earned was paid."""
        return f"{self.paid * 100 // self.earned if self.earned else 0}% of credits paid"


def paid_scope(node: Node, scope_id: str, names: Mapping[str, str]) -> PaidScope:
    """What the record says about one scope."""
    inputs = book_inputs(node, scope_id)
    book = build_book(inputs, whose=())
    plans = tuple(_plan(inputs, each, names) for each in reversed(inputs.plans))
    lines = [line for plan in plans for line in plan.lines if line.state == "settled"]
    days = sorted(line.days for line in lines if line.days is not None)
    return PaidScope(
        scope_id=scope_id,
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
        brought=tuple(brought_along(node, scope_id, inputs.openings_at)),
    )


def _owed(book: Book) -> int:
    return len({user for table in (book.balances, book.allocated) for user, credits in table.items() if credits > 0})


def _plan(inputs: BookInputs, each: PlanOnRecord, names: Mapping[str, str]) -> PaidPlan:
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
            )
        )
    return PaidPlan(
        found,
        asset_symbol(plan.asset),
        decimal_text(plan.total_minor, plan.decimals),
        decimal_text(found.open_minor, plan.decimals),
        f"distributions/{plan.scope_id}/{plan.distribution:04d}",
        tuple(lines),
    )


def _days(since: str, entry: Settlement | None) -> int | None:
    if entry is None or entry.state != "settled" or not since:
        return None
    return (to_milliseconds(entry.at) - to_milliseconds(Timestamp(since))) // DAY


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
