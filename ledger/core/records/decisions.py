"""What people decide on record: whose an account is, on events and units, the pool, awards, answers to questions."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ledger.core.records.record import LogRecord, Record
from ledger.core.values import (
    AWARD_PATTERN,
    Account,
    AmountCredits,
    AmountUnits,
    EventKey,
    Flat,
    Name,
    Number,
    Reason,
    Text,
    Time,
    User,
    Uuid,
    Weight,
)

ComponentId = Literal["base_issuance", "carry_over", "kpi_bonus_v0", "top_up"]
CurationAction = Literal["include", "exclude", "weight", "resolve", "note"]
AwardName = Annotated[str, Field(pattern=AWARD_PATTERN)]


class Binding(Record):
    """One line of `data/identities.jsonl`: an account is bound to, or unbound from, a user."""

    action: Literal["bind", "unbind"]
    actor: Reason
    at: Time
    evidence: Text
    external_id: Account
    login: Text | None
    provider: Name
    seq: Number
    user_id: User


class Curation(LogRecord):
    """One decision on an event (`curation.jsonl`). The latest line of an action group wins; null clears a resolve."""

    action: CurationAction
    actor: Reason
    at: Time
    event_id: EventKey
    evidence: Text | None
    note: Reason | None
    user_id: User | None
    weight_override_milli: Weight | None

    @model_validator(mode="after")
    def _fields_fit_action(self) -> Self:
        if self.user_id is not None and self.action != "resolve":
            raise ValueError("user_id goes with resolve, and only with it")
        if self.weight_override_milli is not None and self.action != "weight":
            raise ValueError("weight_override_milli goes with weight only")
        if self.note is None and self.action != "resolve":
            raise ValueError("a reason (note) is required")
        return self


class Override(LogRecord):
    """One decision on a user's final units (`overrides.jsonl`); null clears. Milli-units."""

    actor: Reason
    at: Time
    evidence: Text | None
    final_units: AmountUnits | None
    reason: Reason
    user_id: User


class PoolComponent(LogRecord):
    """One line of `pool.jsonl`: a part of the epoch's credit budget is recorded, or taken back (POOL_IMMUTABLE).

    A line never changes; a component that was withdrawn may be recorded anew, and stands once (POOL_UNIQUE_PER_TYPE).
    """

    action: Literal["record", "withdraw"]
    actor: Reason
    algorithm_version: Text | None
    amount_credits: AmountCredits | None
    component_id: ComponentId
    computed_at: Time | None
    evidence_ref: Text | None
    id: Uuid | None
    inputs: Flat | None
    reason: Reason | None

    @model_validator(mode="after")
    def _fields_fit_action(self) -> Self:
        computed = (self.algorithm_version, self.amount_credits, self.computed_at, self.id, self.inputs)
        if any((each is None) != (self.action == "withdraw") for each in computed):
            raise ValueError("algorithm_version, amount_credits, computed_at, id and inputs go with record")
        if (self.reason is not None) != (self.action == "withdraw"):
            raise ValueError("a reason goes with withdraw, and only with it")
        if self.action == "withdraw" and self.evidence_ref is not None:
            raise ValueError("evidence_ref goes with record only")
        if self.action == "record" and self.component_id == "top_up" and not (self.evidence_ref or "").strip():
            raise ValueError("top_up needs evidence_ref")
        return self


class Award(LogRecord):
    """Credits for one person, paid out of the pool before it is split (`awards.jsonl`), or such an award cancelled."""

    action: Literal["award", "cancel"]
    actor: Reason
    amount_credits: AmountCredits | None
    at: Time
    award: AwardName
    evidence: Text | None
    reason: Reason
    user_id: User | None

    @model_validator(mode="after")
    def _fields_fit_action(self) -> Self:
        if any((each is not None) != (self.action == "award") for each in (self.amount_credits, self.user_id)):
            raise ValueError("amount_credits and user_id go with award, both of them")
        return self


class Objection(LogRecord):
    """A question about the epoch, raised in public, or an approver's answer to it (`objections.jsonl`).

    `issue` is its number where it was asked; `person` the user whom it concerns, where it names one. `note` is the
    answer, and null where the question is raised: its text stays where it was asked.
    """

    action: Literal["raised", "answered"]
    actor: Reason
    at: Time
    evidence: Text
    issue: Number
    note: Reason | None
    person: User | None

    @model_validator(mode="after")
    def _answer_has_words(self) -> Self:
        if (self.note is not None) != (self.action == "answered"):
            raise ValueError("note goes with answered, and only with it")
        return self
