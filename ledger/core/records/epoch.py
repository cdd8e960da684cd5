"""An epoch as a record: what it pins at open, the steps of its life, why it is amended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from ledger.core import canonical
from ledger.core.records.record import EpochRecord, Record, as_tuples
from ledger.core.values import (
    META_KEY_PATTERN,
    NAME_PATTERN,
    WIRE,
    Flat,
    Hash,
    Number,
    Reason,
    Scope,
    Sha256,
    Text,
    Time,
    Weight,
)

ALGORITHM: Literal["weight-sum-v1"] = "weight-sum-v1"
STATES = ("open", "review", "finalized")
State = Literal["open", "review", "finalized"]
Unit = Literal["days", "months"]
Unresolved = Literal["hold", "share"]
Length = Annotated[int, Field(ge=1, le=366)]
"""How many units a window lasts."""


def _rule(value: Flat) -> Flat:
    if not isinstance(value.get("rule"), str):
        raise ValueError("a pool rule names its rule")
    return value


PinnedRule = Annotated[Flat, AfterValidator(_rule)]
"""One rule of `pool_rules` as a flat object, with its `rule`; `ledger.core.pool` reads the rest."""
KindKey = Annotated[str, Field(pattern=NAME_PATTERN[:-1] + ":" + META_KEY_PATTERN[1:])]
"""`source:event_type`."""
WeightTable = dict[KindKey, Weight]
"""`source:event_type` to milli-units."""


class Epoch(Record):
    """`epoch.json`: written once, at open. Pins by content windows, weights, and how the pool is made and split.

    `windows` whole windows of `length` `unit`s from `anchor`; `unresolved` and `hold_epochs`: what falls to accounts
    without a user; `pool_rules`: flat objects, each with its `rule` (`ledger.core.pool`).
    """

    algorithm: Literal["weight-sum-v1"]
    anchor: Time
    epoch_id: Number
    hold_epochs: Number | None
    length: Length
    opened_at: Time
    period_end: Time
    period_start: Time
    pool_rules: tuple[PinnedRule, ...]
    schema_: Literal["epoch/2"] = Field(default="epoch/2", alias="schema")
    scope_id: Scope
    unit: Unit
    unresolved: Unresolved
    weight_config: WeightTable
    weight_config_hash: Sha256
    weight_policy: Text
    windows: Number

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, value: Any) -> Any:
        return as_tuples(value, "pool_rules")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.period_start >= self.period_end:
            raise ValueError("period_start is not before period_end")
        if self.hold_epochs is not None and self.unresolved != "hold":
            raise ValueError("hold_epochs goes with unresolved: hold")
        if self.weight_config_hash != weight_config_hash(self.weight_config):
            raise ValueError("weight_config_hash is not the hash of weight_config")
        return self


class Transition(EpochRecord):
    """One step of the epoch's life (`transitions.jsonl`, EPOCH_THREE_PHASE).

    A line to `review` pins the approver set (number, hash, threshold) and gaps (APPROVERS_PINNED_AT_REVIEW); the line
    to `finalized` carries the statement's hash. Fields that do not belong to a step are absent from its line.
    """

    actor: Reason
    at: Time
    from_: State | None = Field(alias="from")
    to: State
    approver_set_hash: Sha256 | None = None
    approvers_seq: Number | None = None
    gaps: tuple[Text, ...] | None = None
    threshold: Number | None = None
    statement_hash: Sha256 | None = None

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, value: Any) -> Any:
        return as_tuples(value, "gaps")

    @model_validator(mode="after")
    def _fields_fit_step(self, info: ValidationInfo) -> Self:
        if info.context == WIRE and any(getattr(self, name) is None for name in self.model_fields_set - {"from_"}):
            raise ValueError("a field that does not belong to the step is left out, not null")
        pins = (self.approver_set_hash, self.approvers_seq, self.gaps, self.threshold)
        if any((pin is not None) != (self.to == "review") for pin in pins):
            raise ValueError("approvers_seq, approver_set_hash, threshold and gaps go with review, all of them")
        if (self.statement_hash is not None) != (self.to == "finalized"):
            raise ValueError("statement_hash goes with finalized, and only with it")
        return self

    def fields(self) -> dict[str, Any]:
        """The JSON object; fields that do not belong to the step are left out, `from` stays when null."""
        found = self.model_dump(by_alias=True)
        return {name: value for name, value in found.items() if value is not None or name == "from"}


class AmendmentReason(EpochRecord):
    """`reason.json` of an amendment: written once, when a finalized epoch begins to be corrected."""

    actor: Reason
    at: Time
    evidence: Text
    kind: Literal["error", "late_evidence", "fraud", "revoked_receipt", "redaction"]
    reason: Reason
    schema_: Literal["amendment/1"] = Field(default="amendment/1", alias="schema")


def weight_config_hash(weights: Mapping[str, int]) -> Hash:
    """SHA-256 of the weight table in canonical form."""
    return Hash(canonical.sha256_hex(canonical.encode(dict(weights))))
