"""Which lines of a distribution another one pays, so that no payment file pays the same credits twice (PAID_ONCE).

A line that failed is owed again, and the next plan takes it over. From then on one of the two may be paid: the line of
the next plan or, where the first payment arrived after all, that one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ledger.core.book import build_book
from ledger.core.distribution import PlanLine, Settlement, abandonment, line_states
from ledger.core.planning import PlanOnRecord
from ledger.flows.session import Session
from ledger.store.moneybook import approvers_at, book_inputs, on_record
from ledger.store.payments import distributions_on_disk, on_disk


def paid_elsewhere(session: Session, scope_id: str, found: PlanOnRecord) -> dict[str, int]:
    """The lines of a plan, by reference, whose credits another distribution of the scope pays, and its number.

    A line over more than the other one pays is none of them: its rest is owed, and a later plan offsets the excess.
    """
    node = session.node
    files, approvers = on_disk(node.root, node.node_id), approvers_at(node, scope_id)
    plans = [on_record(files, scope_id, number, approvers) for number in distributions_on_disk(node.root, scope_id)]
    states = line_states(found.plan, found.settlements)
    taken: dict[str, int] = {}
    for line in found.plan.lines:
        entry = states.get(line.reference)
        if entry is None:
            number = _arrived_after_all(line, found, plans)
        else:
            number = _taken_over(line, entry, found, plans) if entry.state == "failed" else None
        if number is not None:
            taken[line.reference] = number
    return taken


def no_longer_owed(session: Session, scope_id: str, found: PlanOnRecord) -> list[str]:
    """The failed lines of a plan, by reference, whose credits their person no longer has.

    They were given away, declined or taken back by what counts since, so that to pay them is to pay them twice. A draft
    counts as if it were signed, for it may be at any time.
    """
    states = line_states(found.plan, found.settlements)
    failed = [one for one in found.plan.lines if one.reference in states and states[one.reference].state == "failed"]
    if not failed:
        return []
    inputs = book_inputs(session.node, scope_id)
    plans = tuple(replace(each, stands_at=each.stands_at or each.plan.at) for each in inputs.plans)
    owed = build_book(replace(inputs, plans=plans), whose=()).balances
    return [line.reference for line in failed if owed.get(line.user_id, 0) < line.amount_credits]


def _taken_over(line: PlanLine, failed: Settlement, found: PlanOnRecord, plans: Sequence[PlanOnRecord]) -> int | None:
    """The later plan that pays what failed."""
    later = [each for each in plans if each.plan.distribution > found.plan.distribution and each.plan.at >= failed.at]
    for each in later:
        if not abandonment(each.settlements) and _lines_of(line.user_id, each):
            return each.plan.distribution
    return None


def _arrived_after_all(line: PlanLine, found: PlanOnRecord, plans: Sequence[PlanOnRecord]) -> int | None:
    """The earlier plan whose line had failed when this one was prepared, and is on its way or paid since."""
    number, credits = None, 0
    for each in plans:
        if each.plan.distribution < found.plan.distribution:
            then = line_states(each.plan, [entry for entry in each.settlements if entry.at <= found.plan.at])
            now = line_states(each.plan, each.settlements)
            for other in _lines_of(line.user_id, each):
                if _state(then, other) == "failed" and _state(now, other) != "failed":
                    number, credits = each.plan.distribution, credits + other.amount_credits
    return number if credits >= line.amount_credits else None


def _lines_of(user_id: str, each: PlanOnRecord) -> list[PlanLine]:
    return [line for line in each.plan.lines if line.user_id == user_id]


def _state(states: Mapping[str, Settlement], line: PlanLine) -> str:
    entry = states.get(line.reference)
    return entry.state if entry is not None else "allocated"
