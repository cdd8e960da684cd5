"""The policy page: what holds now, every change with who merged it, and what each would have changed in credits.

Two sources that a reader can compare: what the epochs pinned, and the git history of `weights/` and `scopes/`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ledger.compute.derive import Derived
from ledger.core.approvers import Chain
from ledger.core.awards import award_credits, standing_awards
from ledger.core.config import ScopeSettings, WeightPolicy
from ledger.core.evaluate import EventOutcome
from ledger.core.identity import NOBODY, AccountKey
from ledger.core.payout import payout_table
from ledger.core.pool import ActivityScaledV1, Rule, rules_of, standing_components
from ledger.core.values import UserId, units_text
from ledger.site.history import History, Version
from ledger.site.views import EpochPage
from ledger.store.layout import scope_path
from ledger.store.node import Node
from ledger.store.yamlfile import parse_yaml

MOST_MOVED = 10
"""People whom a trial names: those with the largest difference."""


@dataclass(frozen=True)
class Pinned:
    """What an epoch fixed for itself, as far as the history shows it."""

    scope_id: str
    epoch_id: int
    start: str
    policy: str
    weights: Mapping[str, int]
    approvers: tuple[str, ...]
    threshold: int


def pinned(page: EpochPage) -> Pinned:
    """What one epoch pinned. Before review it has pinned no approvers."""
    statement = page.statement
    start = statement.period_start[:10]
    return Pinned(page.scope_id, page.epoch_id, start, page.policy, page.weights, page.approvers, statement.threshold)


@dataclass(frozen=True)
class Moved:
    """One person's credits under two weight tables."""

    user_id: str
    before: int
    after: int

    @property
    def difference(self) -> str:
        """With its sign."""
        return f"{self.after - self.before:+d}"


@dataclass(frozen=True)
class Trial:
    """A finalized epoch under other weights: who would have got how much more or less. `count`: all who would."""

    epoch_id: int
    moved: tuple[Moved, ...]
    count: int


@dataclass(frozen=True)
class Profile:
    """A finalized epoch, so far that other weights can be tried on it in time that does not grow with its events."""

    epoch_id: int
    pool: int
    counts: Mapping[str | AccountKey, Mapping[str, int]]
    """Per user (and account whose share is held) and kind, the quantity that counts by the policy's weight."""
    decided: Mapping[str | AccountKey, int]
    """Per user and account, the milli-units that people decided event by event."""
    final: Mapping[UserId, int | None]
    """Every user of the payout table with the milli-units that people set in place of the sum, or None."""
    waiting: frozenset[AccountKey]
    """Accounts without a user whose shares are held."""
    awards: Mapping[UserId, int]
    all_kinds: Mapping[str, int]
    """The quantity of all events by kind, decided or not, from which a pool that scales with activity is computed."""
    scaled: ActivityScaledV1 | None
    scaled_credits: int

    @classmethod
    def of(cls, derived: Derived, outcomes: Iterable[EventOutcome]) -> Profile:
        """The profile of an epoch."""
        statement, held = derived.statement, derived.epoch.unresolved == "hold"
        counts: dict[str | AccountKey, Counter[str]] = {}
        decided: Counter[str | AccountKey] = Counter()
        for event in outcomes:
            key: str | AccountKey = event.user_id or (event.source, event.platform_user_id)
            if not event.included or (event.user_id is None and not (held and key not in NOBODY)):
                continue
            if event.weight_source == "decision":
                decided[key] += event.units
            else:
                counts.setdefault(key, Counter())[f"{event.source}:{event.event_type}"] += event.quantity
        rule = next((rule for rule in rules_of(derived.epoch) if isinstance(rule, ActivityScaledV1)), None)
        given = [line for line in standing_components(derived.pool) if line.algorithm_version == "activity-scaled-v1"]
        return cls(
            epoch_id=statement.epoch_id,
            pool=statement.pool_total_credits,
            counts=counts,
            decided=decided,
            final={row.user_id: row.final_units for row in derived.evaluation.allocations},
            waiting=frozenset((line.source, line.platform_user_id) for line in statement.held),
            awards=award_credits(standing_awards(derived.awards).values()),
            all_kinds={f"{row.source}:{row.event_type}": row.quantity for row in derived.evaluation.totals},
            scaled=rule if given else None,
            scaled_credits=sum(line.amount_credits or 0 for line in given),
        )

    def credits(self, weights: Mapping[str, int]) -> dict[str, int]:
        """Everybody's credits under `weights`, by the same arithmetic that allocates."""
        units = {user: self._units(user, weights) if final is None else final for user, final in self.final.items()}
        accounts = {key: self._units(key, weights) for key in self.waiting}
        table = payout_table(units, self._pool(weights), awards=self.awards, accounts=accounts)
        return {row.user_id: row.amount_credits for row in table.payouts}

    def _units(self, key: str | AccountKey, weights: Mapping[str, int]) -> int:
        counted = self.counts.get(key, {})
        return sum(weights.get(kind, 0) * count for kind, count in counted.items()) + self.decided.get(key, 0)

    def _pool(self, weights: Mapping[str, int]) -> int:
        """The pool, anew in the part that a rule scales with activity at these weights."""
        if self.scaled is None:
            return self.pool
        units = sum(weights.get(kind, 0) * count for kind, count in self.all_kinds.items())
        return self.pool - self.scaled_credits + self.scaled.scaled_to(units)

    def trial(self, before: Mapping[str, int], after: Mapping[str, int]) -> Trial:
        """What the step from one table to the other would have changed."""
        old, new = self.credits(before), self.credits(after)
        moved = [Moved(user_id, old[user_id], new[user_id]) for user_id in old if old[user_id] != new[user_id]]
        moved.sort(key=lambda line: (-abs(line.after - line.before), line.user_id))
        return Trial(self.epoch_id, tuple(moved[:MOST_MOVED]), len(moved))


@dataclass(frozen=True)
class Difference:
    """One entry that changed, in words; None where it was not there."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class WeightChange:
    """A change of weights: the epoch or the commit that brought it, and what it would have done."""

    differences: tuple[Difference, ...]
    trial: Trial | None
    pinned: Pinned | None = None
    version: Version | None = None


@dataclass(frozen=True)
class ApproverChange:
    """From which epoch on whose signatures counted, and how many were needed."""

    pinned: Pinned
    joined: tuple[str, ...]
    left: tuple[str, ...]
    threshold_before: int | None


@dataclass(frozen=True)
class SettingsChange:
    """A change of a scope's file by a commit."""

    version: Version
    differences: tuple[Difference, ...]


@dataclass
class ScopePolicy:
    """Everything that the page shows of one scope. `chain`: its approver sets."""

    settings: ScopeSettings
    chain: Chain
    weights: Mapping[str, int]
    pinned_weights: list[WeightChange] = field(default_factory=list)
    approvers: list[ApproverChange] = field(default_factory=list)
    commits: list[WeightChange] = field(default_factory=list)
    settings_commits: list[SettingsChange] = field(default_factory=list)


def scope_policy(
    node: Node, history: History, scope_id: str, epochs: Sequence[Pinned], profile: Profile | None
) -> ScopePolicy:
    """One scope's policy. `epochs`: what each pinned, oldest first; `profile`: of the last finalized one."""
    settings = node.scope(scope_id)
    found = ScopePolicy(settings, node.chain(scope_id), node.weight_policy(settings.weights).weights)
    found.pinned_weights = _pinned_weights(epochs, profile)
    found.approvers = _pinned_approvers(epochs)

    def weights(data: bytes) -> dict[str, int]:
        return dict(WeightPolicy.load(parse_yaml(data, settings.weights), settings.weights).weights)

    def scope(data: bytes) -> dict[str, str]:
        path = scope_path(scope_id)
        return _in_words(ScopeSettings.load(parse_yaml(data, path), path))

    for version, old, new in history.changes(settings.weights, weights):
        trial = profile.trial(old, new) if profile and old is not None else None
        found.commits.append(WeightChange(_weight_differences(old or {}, new), trial, version=version))
    for version, before, after in history.changes(scope_path(scope_id), scope):
        found.settings_commits.append(SettingsChange(version, _differences(before or {}, after)))
    return found


def _pinned_weights(epochs: Sequence[Pinned], profile: Profile | None) -> list[WeightChange]:
    found: list[WeightChange] = []
    before: Mapping[str, int] = {}
    for epoch in epochs:
        if epoch.weights != before:
            trial = profile.trial(before, epoch.weights) if profile and found else None
            found.append(WeightChange(_weight_differences(before, epoch.weights), trial, pinned=epoch))
        before = epoch.weights
    return found[::-1]


def _pinned_approvers(epochs: Sequence[Pinned]) -> list[ApproverChange]:
    found: list[ApproverChange] = []
    last: Pinned | None = None
    for epoch in epochs:
        if not epoch.approvers:
            continue
        old = last.approvers if last else ()
        threshold = last.threshold if last else None
        if old != epoch.approvers or threshold != epoch.threshold:
            joined = tuple(sorted(set(epoch.approvers) - set(old)))
            left = tuple(sorted(set(old) - set(epoch.approvers)))
            found.append(ApproverChange(epoch, joined, left, threshold))
        last = epoch
    return found[::-1]


def _in_words(settings: ScopeSettings) -> dict[str, str]:
    """What of a scope's file bears on who decides and what is paid, by name."""
    base = settings.pool.base_issuance
    words = {
        "threshold": str(settings.threshold),
        "credits a window": "by hand or by rule" if base is None else str(base),
        "weights": settings.weights,
        "hours for questions": str(settings.objection_hours),
    }
    words |= {f"approver {person.id}": ", ".join(person.wallets) for person in settings.approvers}
    words |= {f"curator {person.id}": "may decide" for person in settings.curators}
    words |= {f"pool rule {rule.flat()['rule']}": _rule_in_words(rule) for rule in settings.pool_rules}
    unclaimed = "are shared among the others" if settings.unresolved == "share" else "are held"
    words["unclaimed shares"] = unclaimed + (f" for {settings.hold_epochs} epochs" if settings.hold_epochs else "")
    return words | {f"source {entry.name}": entry.source for entry in settings.sources}


def _rule_in_words(rule: Rule) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in rule.flat().items() if name != "rule")


def _differences(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Difference, ...]:
    changed = [name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]
    return tuple(Difference(name, before.get(name), after.get(name)) for name in changed)


def _weight_differences(before: Mapping[str, int], after: Mapping[str, int]) -> tuple[Difference, ...]:
    old = {kind: units_text(weight) for kind, weight in before.items()}
    return _differences(old, {kind: units_text(weight) for kind, weight in after.items()})
