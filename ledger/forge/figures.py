"""What a decision changed, in figures: whose units and credits, and which signatures it made void.

Read before and after; names stand in code spans, since people choose them.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.core.values import UserId, units_text
from ledger.flows.drafting import as_stated
from ledger.flows.identity import display_names
from ledger.flows.session import EpochFolder, Session
from ledger.flows.sign import tally
from ledger.forge.markdown import code

SHOWN = 8
"""People whose change is named, the largest first."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Milli-units and credits by user, the pool's credits, who has signed, and whether all of it is a projection."""

    people: dict[UserId, tuple[int, int]]
    pool: int
    signed: int
    projected: bool


def figures(session: Session, folder: EpochFolder) -> Figures:
    """The epoch's figures as they stand."""
    derived, state = as_stated(session, folder), folder.state()
    people: dict[UserId, tuple[int, int]] = {}
    for one in derived.statement.payouts:
        people[one.user_id] = (one.total_units, one.amount_credits)
    signed = len(tally(folder, derived.statement).people) if state == "review" else 0
    return Figures(people, derived.statement.pool_total_credits, signed, state == "open")


def changes(session: Session, before: Figures, after: Figures) -> str:
    """The difference in one sentence: `eve`: 4.5 → 6.5 units, 812 → 1,043 credits; `ann` -77 credits; …"""
    names = display_names(session)
    moved = []
    for user in sorted(before.people.keys() | after.people.keys()):
        units, credits = before.people.get(user, (0, 0))
        now_units, now_credits = after.people.get(user, (0, 0))
        if (units, credits) != (now_units, now_credits):
            by_units = "" if units == now_units else f"{_units(units)} → {_units(now_units)} units, "
            amount = f"{credits:,} → {now_credits:,} credits" if by_units else f"{now_credits - credits:+,} credits"
            moved.append(
                (not by_units, -abs(now_credits - credits), f"{code(names.get(user, user))}: {by_units}{amount}")
            )
    said = [text for _, _, text in sorted(moved)]
    more = [f"{len(said) - SHOWN} more people"] if len(said) > SHOWN else []
    pool = [f"the pool: {before.pool:,} → {after.pool:,} credits"] if before.pool != after.pool else []
    void = before.signed - after.signed
    lost = [f"{void} signature{'s' * (void > 1)} void; please review and sign again"] if void > 0 else []
    text = "; ".join([*pool, *said[:SHOWN], *more, *lost])
    if not text:
        return " No figure changes."
    return f" {text}" + (" (if the epoch closed now)." if after.projected else ".")


def _units(milli: int) -> str:
    text = units_text(milli).rstrip("0").rstrip(".")
    return text or "0"
