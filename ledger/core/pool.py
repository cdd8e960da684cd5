"""The credit budget of an epoch: which components stand, and the rules that compute them (POOL_REPRODUCIBLE).

A rule is pinned in `epoch.json` as a flat object; it gives one component whose `algorithm_version` names the rule and
whose `inputs` hold all that it was computed from, so that `verify` computes it again. Knows values, not files.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ledger.core.errors import FormatError
from ledger.core.explain import explain
from ledger.core.payout import bounded_sum
from ledger.core.records.decisions import ComponentId, PoolComponent
from ledger.core.records.epoch import Epoch
from ledger.core.values import (
    MAX_AMOUNT,
    WIRE,
    AmountCredits,
    AmountUnits,
    Credits,
    Flat,
    Hash,
    NodePath,
    Text,
    name_uuid,
)

RULE_ACTOR = "ledger"
"""The actor of components that a pinned rule gave."""
BY_HAND = "by-hand-v1"
"""`algorithm_version` of a component that a person recorded."""


@dataclass(frozen=True, slots=True)
class KpiReading:
    """A value of a reviewed CSV file in the node: its line, and the SHA-256 of the file through that line."""

    line: int
    sha256: Hash
    value: int


@dataclass(frozen=True, slots=True)
class PoolFacts:
    """What rules compute from: windows, milli-units of all events by the pinned weights, and the statement before.

    `undistributed` (credits) and `statement_hash` are version 1's of the epoch before (0 and None for the first);
    `lapsed` credits were held for accounts that nobody claimed in time; `readings` by rule file and column.
    """

    windows: int
    units: int
    undistributed: int
    statement_hash: Hash | None
    lapsed: int
    readings: Mapping[tuple[str, str], KpiReading]


class Rule(BaseModel, ABC):
    """Base of the rules as the scope's file writes them and `epoch.json` pins them."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", defer_build=True)

    @property
    def component(self) -> ComponentId:
        """The component that the rule gives."""
        return "base_issuance"

    def flat(self) -> Flat:
        """The rule as a flat object, amounts as text."""
        return self.model_dump()

    @abstractmethod
    def compute(self, facts: PoolFacts) -> tuple[int, Flat]:
        """The component's credits and inputs."""


class FixedV1(Rule):
    """base_issuance = configured × windows."""

    rule: Literal["fixed-v1"]
    amount_credits: AmountCredits

    def compute(self, facts: PoolFacts) -> tuple[int, Flat]:
        """The same credits for every window."""
        inputs: Flat = {"amount_credits": str(self.amount_credits), "windows": facts.windows}
        return self.amount_credits * facts.windows, inputs


class ActivityScaledV1(Rule):
    """base_issuance = floor(configured × min(units, full_at_units) / full_at_units): a quiet epoch issues less."""

    rule: Literal["activity-scaled-v1"]
    amount_credits: AmountCredits
    full_at_units: Annotated[AmountUnits, Field(ge=1)]

    def compute(self, facts: PoolFacts) -> tuple[int, Flat]:
        """By all events of the log at their pinned weights; no decision is involved."""
        inputs: Flat = {
            "amount_credits": str(self.amount_credits),
            "full_at_units": str(self.full_at_units),
            "units": str(facts.units),
        }
        return self.scaled_to(facts.units), inputs

    def scaled_to(self, units: int) -> int:
        """Credits at so many milli-units."""
        return self.amount_credits * min(units, self.full_at_units) // self.full_at_units


class CarryOverV1(Rule):
    """carry_over = min(cap, undistributed of the statement before) + held credits that lapse in this epoch."""

    rule: Literal["carry-over-v1"]
    cap_credits: AmountCredits

    @property
    def component(self) -> ComponentId:
        """What was left over returns as a part of its own."""
        return "carry_over"

    def compute(self, facts: PoolFacts) -> tuple[int, Flat]:
        """From version 1 of the statement before, whatever was amended since."""
        inputs: Flat = {
            "cap_credits": str(self.cap_credits),
            "lapsed_credits": str(facts.lapsed),
            "statement_hash": facts.statement_hash,
            "undistributed_credits": str(facts.undistributed),
        }
        return min(self.cap_credits, facts.undistributed) + facts.lapsed, inputs


class KpiLinearV1(Rule):
    """kpi_bonus_v0 = min(cap, floor(value × numerator / denominator)), value from a row of a reviewed CSV file.

    The row is the one whose column `key` holds the date of the epoch's `period_start`.
    """

    rule: Literal["kpi-linear-v1"]
    cap_credits: AmountCredits
    column: Text
    denominator: Annotated[AmountUnits, Field(ge=1)]
    file: NodePath
    key: Text
    numerator: AmountUnits

    @property
    def component(self) -> ComponentId:
        """A bonus beside the base."""
        return "kpi_bonus_v0"

    def compute(self, facts: PoolFacts) -> tuple[int, Flat]:
        """From the one reading; FormatError when the file has no such row."""
        reading = facts.readings.get((self.file, self.column))
        if reading is None:
            raise FormatError(
                f"no row for this epoch with a whole number under {self.column!r}",
                rule="POOL_REPRODUCIBLE",
                path=self.file,
                hint=f"Add a row whose {self.key!r} is the first day of the epoch, by a reviewed change.",
            )
        inputs: Flat = {
            **{name: value for name, value in self.flat().items() if name != "rule"},
            "line": reading.line,
            "sha256": reading.sha256,
            "value": str(reading.value),
        }
        return min(self.cap_credits, reading.value * self.numerator // self.denominator), inputs


AnyRule = Annotated[FixedV1 | ActivityScaledV1 | CarryOverV1 | KpiLinearV1, Field(discriminator="rule")]
_RULE: TypeAdapter[FixedV1 | ActivityScaledV1 | CarryOverV1 | KpiLinearV1] = TypeAdapter(AnyRule)


def read_rule(value: Mapping[str, Any]) -> Rule:
    """A pinned rule; FormatError names the first field that is wrong."""
    try:
        return _RULE.validate_python(dict(value), context=WIRE)
    except ValidationError as error:
        raise FormatError(f"pool rule: {explain(error)}", rule="POOL_REPRODUCIBLE") from None


def rules_of(epoch: Epoch) -> tuple[Rule, ...]:
    """The rules that an epoch pins."""
    return tuple(read_rule(value) for value in epoch.pool_rules)


def standing_components(lines: Iterable[PoolComponent]) -> tuple[PoolComponent, ...]:
    """The components that stand, in the order of their lines.

    FormatError with the line's number when one is recorded while it stands (POOL_UNIQUE_PER_TYPE), or withdrawn while
    it does not.
    """
    standing: dict[str, PoolComponent] = {}
    for line in lines:
        if line.action == "record" and line.component_id in standing:
            raise FormatError(f"{line.component_id} is recorded twice", rule="POOL_UNIQUE_PER_TYPE", line=line.seq)
        if line.action == "withdraw" and line.component_id not in standing:
            message = f"{line.component_id} is withdrawn, but does not stand"
            raise FormatError(message, rule="POOL_UNIQUE_PER_TYPE", line=line.seq)
        if line.action == "record":
            standing[line.component_id] = line
        else:
            del standing[line.component_id]
    return tuple(standing.values())


def component_key(epoch: Epoch, component_id: str) -> str:
    """The id of a component: UUIDv5(node_id, `<scope_id>/<epoch_id>/<component_id>`)."""
    return name_uuid(epoch.node_id, f"{epoch.scope_id}/{epoch.epoch_id}/{component_id}")


@dataclass(frozen=True, slots=True)
class Computed:
    """What a rule gives: the component's name, the rule's, credits and inputs."""

    component_id: ComponentId
    rule: str
    amount_credits: int
    inputs: Flat

    @classmethod
    def of(cls, rule: Rule, facts: PoolFacts) -> Self:
        """Apply one rule; FormatError when its credits leave 64 bits or its input is missing."""
        amount, inputs = rule.compute(facts)
        if amount > MAX_AMOUNT:
            raise FormatError(f"{rule.component} comes to {amount}, more than 2^63-1", rule="ALL_MATH_BIGINT")
        return cls(rule.component, str(rule.flat()["rule"]), amount, inputs)

    def matches(self, line: PoolComponent) -> bool:
        """Whether a recorded line is exactly what the rule gives."""
        return (line.amount_credits, line.inputs) == (self.amount_credits, self.inputs)


def pool_total(standing: Iterable[PoolComponent], projected: Iterable[Computed] = ()) -> Credits:
    """Sum of the components that stand, in credits (POOL_REPRODUCIBLE); InputError past 2^63-1.

    `projected`: what rules would add to the pool of an epoch that is still open.
    """
    amounts = [line.amount_credits or 0 for line in standing] + [each.amount_credits for each in projected]
    return Credits(bounded_sum(amounts, "pool credits"))
