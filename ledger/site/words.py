"""Figures as people read them. `site_templates/assets/verifier/words.js` writes the same texts from the raw files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ledger.core.identity import names_of
from ledger.core.records.decisions import Binding
from ledger.core.values import UserId

MONEY: Mapping[str, str] = {
    "earned": "allocated",
    "allocated": "in a plan",
    "paid": "paid",
    "outstanding": "outstanding",
}
"""What pages call the figures of an account book (`book/1`), the same on each: *allocated* is all that final statements
gave; of it a signed plan that is not settled names what is *in a plan*, a settlement makes it *paid*, the rest is
*outstanding*."""


def number(value: int | str) -> str:
    """A number with its thousands apart: 1057737 is `1,057,737`, and the text `-1057.50` is `-1,057.50`."""
    if type(value) is int:
        return f"{value:,}"
    text = str(value)
    whole, point, fraction = text.removeprefix("-").partition(".")
    return f"{'-' if text.startswith('-') else ''}{int(whole):,}{point}{fraction}"


def units(milli: int | str) -> str:
    """Milli-units as units, thousands apart: 12345678 is `12,345.678`."""
    value = int(milli)
    return f"{value // 1000:,}.{value % 1000:03d}"


def share(text: str | None) -> str:
    """A share in percent, cut after two digits and never rounded: `0.547619` is `54.76 %`."""
    whole, _, part = (text or "0.000000").partition(".")
    return f"{int(whole + part[:2])}.{part[2:4]} %"


def bound_names(bindings: Sequence[Binding]) -> dict[UserId, str]:
    """What each user is called after these lines: the last login that a binding carries, else the id's first digits."""
    return {line.user_id: line.user_id[:8] for line in bindings} | names_of(bindings)


def renamed(then: Mapping[UserId, str], now: Mapping[str, str]) -> dict[str, str]:
    """The users who were called otherwise (`bound_names`) than they are `now`, as an epoch's page names them."""
    return {user: f"{name}, now {today}" for user, name in then.items() if (today := now.get(user)) not in (None, name)}
