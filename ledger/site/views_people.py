"""A contributor over all epochs, and the picture that each name gets: generated, no request to anybody."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby, islice

from ledger.core.records.decisions import Binding
from ledger.site.timeline import Span, Timeline, timeline
from ledger.site.views import EpochRow

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
MOST_EPOCHS = 52
"""Epochs that a contributor's page renders, the last; its script brings the others."""
MOST_MONTHS = 12
"""Months, of each scope, that a contributor's page renders, the last; its script brings the others."""


@dataclass(frozen=True, slots=True)
class Share:
    """One user in one epoch, on his own page. Ten years of a large node are a million of them."""

    epoch: EpochRow
    credits: int
    share: str
    units: str
    event_count: int
    reason: str | None
    corrected: int | None = None
    """Credits by the version in force, where that is not the first."""

    @property
    def in_force(self) -> int:
        """Credits by the version in force."""
        return self.credits if self.corrected is None else self.corrected


@dataclass(frozen=True)
class Series:
    """One person in one scope: credits of the finalized epochs, how many these are, all epochs on an axis of time."""

    scope_id: str
    credits: int
    final: int
    chart: Timeline | None


@dataclass(frozen=True)
class Month:
    """One person in one scope: the epochs that begin in a month, the first first. Events are those that count.

    `credits`: of the finalized ones, in force; `pending`: of the others, as they stand.
    """

    name: str
    scope_id: str
    shares: tuple[Share, ...]
    events: int
    credits: int
    pending: int

    @classmethod
    def of(cls, month: str, scope_id: str, shares: Iterable[Share]) -> Month:
        """`month`: year and month, `2026-03`."""
        mine = tuple(shares)
        final, other = (
            sum(share.in_force for share in mine if (share.epoch.state == "finalized") is wanted)
            for wanted in (True, False)
        )
        events = sum(share.event_count for share in mine)
        return cls(f"{month} {MONTHS[int(month[5:]) - 1]}", scope_id, mine, events, final, other)


def _series(scope_id: str, shares: list[Share]) -> Series:
    spans = [
        Span(
            share.epoch.start,
            share.epoch.end,
            share.in_force,
            share.epoch.state == "finalized",
            f"epoch {share.epoch.epoch_id}, {share.epoch.start}",
        )
        for share in shares
    ]
    final = [share.in_force for share in shares if share.epoch.state == "finalized"]
    return Series(scope_id, sum(final), len(final), timeline("Credits of this person", spans))


@dataclass
class Contributor:
    """One user over all epochs."""

    user_id: str
    name: str
    accounts: list[tuple[str, str, str]] = field(default_factory=list)
    shares: list[Share] = field(default_factory=list)
    bindings: list[Binding] = field(default_factory=list)
    event_count: int = 0

    @property
    def places(self) -> frozenset[tuple[str, int]]:
        """The epochs in which this person has a sum of their own."""
        return frozenset((share.epoch.scope_id, share.epoch.epoch_id) for share in self.shares)

    @property
    def shown(self) -> list[Share]:
        """The epochs that the page renders: the last ones."""
        return self.shares[-MOST_EPOCHS:]

    @property
    def months(self) -> list[Month]:
        """What they got in the months that the page renders, the last first, by scope: the credits of two scopes are
        different money.
        """
        by_month = sorted(self.shares, key=lambda share: (share.epoch.scope_id, share.epoch.epoch_id))
        by_month.sort(key=_month_of, reverse=True)
        every = groupby(by_month, lambda share: (_month_of(share), _scope_of(share)))
        most = MOST_MONTHS * len(set(map(_scope_of, self.shares)))
        return [Month.of(*key, found) for key, found in islice(every, most)]

    @property
    def month_count(self) -> int:
        """How many months there are, those of each scope."""
        return len({(_month_of(share), _scope_of(share)) for share in self.shares})

    @property
    def series(self) -> list[Series]:
        """What they got by scope: the credits of two scopes are different money. Over all epochs, however many."""
        return [
            _series(scope_id, list(shares))
            for scope_id, shares in groupby(
                sorted(self.shares, key=lambda share: (share.epoch.scope_id, share.epoch.epoch_id)),
                lambda share: share.epoch.scope_id,
            )
        ]

    @property
    def final_credits(self) -> int:
        """Credits of finalized epochs."""
        return sum(share.in_force for share in self.shares if share.epoch.state == "finalized")


def _month_of(share: Share) -> str:
    return share.epoch.start[:7]


def _scope_of(share: Share) -> str:
    return share.epoch.scope_id


def initials(name: str) -> str:
    """Up to two letters or digits for a picture of someone: of the first two words, or of the only one."""
    words = ["".join(filter(str.isalnum, word)) for word in re.split(r"[\s._-]+", name[:64])]
    words = [word for word in words if word]
    letters = words[0][:1] + words[1][:1] if len(words) > 1 else "".join(words)[:2]
    return letters.upper()[:2] or "?"


def hue(user_id: str) -> int:
    """Which of the eight colours of pictures a user has, always the same one."""
    return int(user_id[:8], 16) % 8
