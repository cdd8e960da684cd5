"""What an epoch's page shows of its pool: every line about it, awards, what would be added now, and what is held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ledger.compute.derive import Derived
from ledger.core.awards import standing_awards
from ledger.core.identity import claimed_since, resolve_accounts
from ledger.core.pool import BY_HAND, Computed, standing_components
from ledger.core.records.decisions import Award, PoolComponent
from ledger.core.records.statement import Held
from ledger.core.values import UserId
from ledger.store.epochfolder import EpochFolder
from ledger.store.node import Node


@dataclass(frozen=True)
class PoolLine:
    """One line about the pool. `stands`: it is a component that counts; `by_hand`: no rule gave it."""

    line: PoolComponent
    stands: bool

    @property
    def by_hand(self) -> bool:
        """Whether a person set the amount."""
        return self.line.algorithm_version == BY_HAND

    @property
    def inputs(self) -> list[tuple[str, str]]:
        """What the rule computed from, by name."""
        return inputs_in_words(self.line.inputs or {})


@dataclass(frozen=True)
class AwardLine:
    """One line about an award; `stands`: it is taken out of the pool."""

    line: Award
    stands: bool


@dataclass(frozen=True)
class HeldLine:
    """What waits for an account. `user_id`: whom it is bound to by now; `last_epoch`: with which it lapses if unbound.

    `lapsed`: nobody had claimed it in time, so that it went back into the pool of that epoch.
    """

    held: Held
    login: str | None
    event_count: int
    user_id: UserId | None
    last_epoch: int | None
    lapsed: bool


@dataclass(frozen=True)
class PoolView:
    """The money of one epoch. `projected`: what the rules would add to an open one if it closed now (credits)."""

    lines: tuple[PoolLine, ...]
    awards: tuple[AwardLine, ...]
    projected: tuple[Computed, ...]
    held: tuple[HeldLine, ...]
    held_credits: int
    hold_epochs: int | None
    allocated: int
    """Credits that people get: awards and shares, without what is held or undistributed."""


def inputs_in_words(inputs: Mapping[str, object]) -> list[tuple[str, str]]:
    """Names and values of a rule's inputs."""
    return [(name.replace("_", " "), "none" if value is None else str(value)) for name, value in inputs.items()]


def pool_view(node: Node, folder: EpochFolder, derived: Derived) -> PoolView:
    """The money of one epoch as it stands."""
    standing = {line.seq for line in standing_components(derived.pool)}
    awarded = {line.seq for line in standing_awards(derived.awards).values()}
    statement = derived.statement
    held = sum(line.amount_credits for line in statement.held)
    return PoolView(
        lines=tuple(PoolLine(line, line.seq in standing) for line in derived.pool),
        awards=tuple(AwardLine(line, line.seq in awarded) for line in derived.awards),
        projected=derived.projected,
        held=_held(node, folder, derived),
        held_credits=held,
        hold_epochs=derived.epoch.hold_epochs,
        allocated=statement.pool_total_credits - held - statement.undistributed_credits,
    )


def _held(node: Node, folder: EpochFolder, derived: Derived) -> tuple[HeldLine, ...]:
    if not derived.statement.held:
        return ()
    accounts = {(row.source, row.platform_user_id): row for row in derived.evaluation.unresolved}
    bound = resolve_accounts(node.bindings())
    epochs = derived.epoch.hold_epochs
    last = None if epochs is None else folder.epoch_id + epochs
    ending = node.epoch(folder.scope_id, last) if last is not None else None
    closing = ending.statement() if ending is not None and ending.exists() else None
    base = node.epoch(folder.scope_id, folder.epoch_id).statement() or derived.statement
    in_time = claimed_since(node.bindings_prefix(closing.identities.size)[1], base.identities.size) if closing else None
    found = []
    for line in sorted(derived.statement.held, key=lambda line: (-line.amount_credits, line.key)):
        key = (line.source, line.platform_user_id)
        lapsed = in_time is not None and key not in in_time
        row = accounts[key]
        found.append(HeldLine(line, row.platform_login, row.event_count, bound.get(key), last, lapsed))
    return tuple(found)
