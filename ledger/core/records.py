"""Every record of a node's files as a strict, frozen model (specification, section 3).

A record knows its fields and its own hash, not where it is stored. `read` takes the decoded object of a line and
refuses unknown, missing and mistyped fields; `encode` gives the canonical bytes without a line end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, model_validator

from ledger.core import canonical
from ledger.core.errors import FormatError
from ledger.core.explain import explain as explain  # readers of records name it from here
from ledger.core.values import (
    AWARD_PATTERN,
    META_KEY_PATTERN,
    NAME_PATTERN,
    SIGNATURE_PATTERN,
    UUID_PATTERN,
    VERSION_PATTERN,
    WIRE,
    Account,
    AmountCredits,
    AmountUnits,
    Count,
    EventKey,
    EventType,
    Flat,
    Hash,
    Name,
    Node,
    Number,
    Reason,
    Scope,
    Sha256,
    Text,
    Time,
    User,
    Uuid,
    Wallet,
    Weight,
)

ALGORITHM: Literal["weight-sum-v1"] = "weight-sum-v1"
RECEIPT = "receipt"
"""The source of events whose account is the user himself: work that people vouched for."""
STATES = ("open", "review", "finalized")
State = Literal["open", "review", "finalized"]
ComponentId = Literal["base_issuance", "carry_over", "kpi_bonus_v0", "top_up"]
Unit = Literal["days", "months"]
Unresolved = Literal["hold", "share"]
CurationAction = Literal["include", "exclude", "weight", "resolve", "note"]
Share = Annotated[str, Field(pattern=r"^(0\.[0-9]{6}|1\.000000)$")]
AwardName = Annotated[str, Field(pattern=AWARD_PATTERN)]
Quantity = Annotated[int, Field(ge=1, le=canonical.MAX_SAFE_INTEGER)]
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


def _as_tuples(value: Any, *names: str) -> Any:
    """A decoded object whose lists under these names are tuples, as frozen records hold them."""
    if isinstance(value, Mapping):
        return {name: tuple(v) if name in names and isinstance(v, list) else v for name, v in value.items()}
    return value


M = TypeVar("M", bound=BaseModel)


def made(model: type[M], rows: Iterable[dict[str, Any]]) -> tuple[M, ...]:
    """Records of values that need no check, being our own whole numbers and what checked records hold.

    For the records of which there is one a person and epoch: it takes a tenth of the time. All fields must be given.
    """
    fields = set(model.__pydantic_fields__)  # one for all of them: nothing adds to that of a frozen record
    new, give, found = model.__new__, object.__setattr__, []
    for values in rows:
        record = new(model)
        give(record, "__dict__", values)
        give(record, "__pydantic_fields_set__", fields)
        give(record, "__pydantic_extra__", None)
        give(record, "__pydantic_private__", None)
        found.append(record)
    return tuple(found)


class Record(BaseModel):
    """Base of all records: strict types, no unknown fields, never changed once made."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", defer_build=True, populate_by_name=True)

    node_id: Node

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> Self:
        """The record of a decoded line; FormatError names the first field that is wrong."""
        if "schema_" in cls.__pydantic_fields__ and "schema" not in value:  # its default is for code, not for files
            raise FormatError("schema: missing field")
        try:
            return cls.model_validate(value, context=WIRE, by_alias=True, by_name=False)
        except ValidationError as error:
            raise FormatError(explain(error, whole="record")) from None

    def fields(self) -> dict[str, Any]:
        """The JSON object of the record: amounts as text, names as in the file."""
        return self.model_dump(by_alias=True)

    def encode(self) -> bytes:
        """The canonical bytes, without a line end (RFC 8785)."""
        return canonical.encode(self.fields())


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
        return _as_tuples(value, "pool_rules")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.period_start >= self.period_end:
            raise ValueError("period_start is not before period_end")
        if self.hold_epochs is not None and self.unresolved != "hold":
            raise ValueError("hold_epochs goes with unresolved: hold")
        if self.weight_config_hash != weight_config_hash(self.weight_config):
            raise ValueError("weight_config_hash is not the hash of weight_config")
        return self


class ActivityEvent(Record):
    """One immutable fact that a source reported (`activity.jsonl`). `quantity`: how many; 1 for a single act.

    An event of a receipt names the user himself instead of an account.
    """

    artifact_url: Text
    event_time: Time
    event_type: EventType
    id: EventKey
    ingested_at: Time
    metadata: Flat
    payload_hash: Sha256
    platform_login: Text | None
    platform_user_id: Account
    producer: Name
    producer_version: Text
    quantity: Quantity
    retrieved_at: Time
    scope_id: Scope
    source: Name

    @model_validator(mode="after")
    def _receipt_names_user(self) -> Self:
        if self.source == RECEIPT and re.fullmatch(UUID_PATTERN, self.platform_user_id) is None:
            raise ValueError("platform_user_id of a receipt's event must be a user's id")
        return self


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


class EpochRecord(Record):
    """Base of the records in an epoch's folder."""

    epoch_id: Number
    scope_id: Scope


class LogRecord(EpochRecord):
    """Base of the numbered append-only logs: `seq` counts 1, 2, 3 … in its file."""

    seq: Number


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
        return _as_tuples(value, "gaps")

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


class Interval(BaseModel):
    """A closed stretch of time `[from, to)` of a stream that was read in full."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", defer_build=True, populate_by_name=True)

    from_: Time = Field(alias="from")
    to: Time

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.from_ >= self.to:
            raise ValueError("from is not before to")
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


class Cursor(LogRecord):
    """What one stream of a source has covered so far (`cursors.jsonl`, CURSOR_STATE_PERSISTED); the last line counts.

    `covered` are sorted, disjoint intervals; `state` is the adapter's own flat note (null when it needs none).
    """

    at: Time
    covered: tuple[Interval, ...]
    source: Name
    state: Flat | None
    stream: Reason

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, value: Any) -> Any:
        return _as_tuples(value, "covered")

    @model_validator(mode="after")
    def _disjoint(self) -> Self:
        for before, after in zip(self.covered, self.covered[1:], strict=False):
            if before.to >= after.from_:
                raise ValueError("covered intervals are not sorted and apart")
        return self


class Collection(LogRecord):
    """What one run saw of one stream (`collection.jsonl`), so that under-collection differs from a quiet week.

    `events_seen` of `[covered_from, covered_to)`; `events_stated` is the source's own count where it states one;
    `counts` are further whole numbers by name (what a stated rule left out, for example).
    """

    at: Time
    counts: Flat
    covered_from: Time
    covered_to: Time
    errors: tuple[Text, ...]
    events_seen: Count
    events_stated: Count | None
    gaps: tuple[Text, ...]
    source: Name
    stream: Reason

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, value: Any) -> Any:
        return _as_tuples(value, "errors", "gaps")


class Allocation(EpochRecord):
    """One user's milli-units (`allocations.jsonl`): proposed by the weights and, where set, final by decision."""

    activity_count: Count
    final_units: AmountUnits | None
    override_reason: Text | None
    proposed_units: AmountUnits
    user_id: User

    @property
    def units(self) -> int:
        """`final_units` where set, else `proposed_units` (milli-units)."""
        return self.proposed_units if self.final_units is None else self.final_units

    def encode(self) -> bytes:
        """The canonical bytes, without a line end: as of any record, written directly, for there is one a person."""
        final = "null" if self.final_units is None else f'"{self.final_units}"'
        reason = "null" if self.override_reason is None else canonical.encode(self.override_reason).decode()
        return (
            f'{{"activity_count":{self.activity_count},"epoch_id":{self.epoch_id},"final_units":{final},'
            f'"node_id":"{self.node_id}","override_reason":{reason},"proposed_units":"{self.proposed_units}",'
            f'"scope_id":"{self.scope_id}","user_id":"{self.user_id}"}}'
        ).encode()


class PrefixPin(BaseModel):
    """An append-only log as it stood: how many lines, and the SHA-256 of that prefix."""

    model_config = Record.model_config

    sha256: Sha256
    size: Count

    @classmethod
    def of(cls, data: bytes, size: int | None = None) -> PrefixPin:
        """The pin of the first `size` lines of a log's bytes (None: all); FormatError when there are fewer."""
        lines = data.split(b"\n")[:-1]
        if size is not None and size > len(lines):
            raise FormatError(f"log has {len(lines)} lines, {size} are pinned")
        prefix = b"".join(line + b"\n" for line in lines[:size])
        return cls(sha256=Hash(canonical.sha256_hex(prefix)), size=len(lines) if size is None else size)


class LogPin(BaseModel):
    """The scope's statement log as it stood at review: its lines and the RFC 9162 root over their hashes."""

    model_config = Record.model_config

    root: Sha256
    size: Count


class Payout(BaseModel):
    """One line of the payout table: credits (by award, by share, and their sum), the share cut, milli-units."""

    model_config = Record.model_config

    amount_credits: AmountCredits
    award_credits: AmountCredits
    share: Share
    share_credits: AmountCredits
    total_units: AmountUnits
    user_id: User


class Held(BaseModel):
    """What falls to an account that no user has claimed: credits that wait, the share cut, milli-units."""

    model_config = Record.model_config

    amount_credits: AmountCredits
    platform_user_id: Account
    share: Share
    source: Name
    total_units: AmountUnits

    @property
    def key(self) -> str:
        """`<source>:<platform_user_id>`, by which held lines are sorted."""
        return f"{self.source}:{self.platform_user_id}"


class Statement(EpochRecord):
    """`statement.json`: the payout table and all that it was computed from, by hash. No time, no tool version."""

    activity_count: Count
    activity_root: Sha256
    algorithm: Literal["weight-sum-v1"]
    allocation_set_hash: Sha256
    approver_set_hash: Sha256
    approvers_seq: Number
    awards_hash: Sha256
    awards_total_credits: AmountCredits
    collection_hash: Sha256
    curation_hash: Sha256
    cursors_hash: Sha256
    epoch_hash: Sha256
    gaps: tuple[Text, ...]
    held: tuple[Held, ...]
    identities: PrefixPin
    log: LogPin
    overrides_hash: Sha256
    payouts: tuple[Payout, ...]
    period_end: Time
    period_start: Time
    pool_hash: Sha256
    pool_total_credits: AmountCredits
    previous_statement_hash: Sha256 | None
    receipts: PrefixPin
    schema_: Literal["statement/2"] = Field(default="statement/2", alias="schema")
    statement_id: Uuid
    supersedes_statement_hash: Sha256 | None
    supersedes_statement_id: Uuid | None
    threshold: Number
    undistributed_credits: AmountCredits
    unresolved: Unresolved
    unresolved_count: Count
    version: Number
    weight_config_hash: Sha256

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, value: Any) -> Any:
        return _as_tuples(value, "gaps", "held", "payouts")

    def encode(self) -> bytes:
        """The canonical bytes, without a line end: as of any record, the payouts written directly."""
        rest = self.model_dump(by_alias=True, exclude={"payouts"})
        rows = ",".join(
            [
                f'{{"amount_credits":"{row.amount_credits}","award_credits":"{row.award_credits}","share":"{row.share}",'
                f'"share_credits":"{row.share_credits}","total_units":"{row.total_units}","user_id":"{row.user_id}"}}'
                for row in self.payouts
            ]
        )
        head, _, tail = canonical.encode({**rest, "payouts": []}).partition(
            b'"payouts":[]'
        )  # no text holds a bare quote
        return b'%b"payouts":[%b]%b' % (head, rows.encode(), tail)

    def file_bytes(self) -> bytes:
        """The bytes of `statement.json`."""
        return self._file_bytes

    @cached_property
    def _file_bytes(self) -> bytes:
        return self.encode() + b"\n"

    @cached_property
    def statement_hash(self) -> Hash:
        """SHA-256 of the file's bytes."""
        return Hash(canonical.sha256_hex(self.file_bytes()))

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy that computes its own hash: it may differ in `update`."""
        copied = super().model_copy(update=update, deep=deep)
        for made in ("statement_hash", "_file_bytes"):
            copied.__dict__.pop(made, None)
        return copied


class Signature(EpochRecord):
    """One counted signature (`signatures.jsonl`): the signer is recovered, never claimed."""

    evidence: Text
    signature: Annotated[str, Field(pattern=SIGNATURE_PATTERN)]
    signed_at: Time
    signer_wallet: Wallet
    statement_hash: Sha256


class Attestation(EpochRecord):
    """A witness recomputed the finalized epoch and says so (`attestations.jsonl`, ATTESTATION_VALID).

    The signature covers node, scope, epoch, statement, tool and version; `attested_at` and `evidence` are the
    witness's word.
    """

    attested_at: Time
    evidence: Text
    signature: Annotated[str, Field(pattern=SIGNATURE_PATTERN)]
    signer_wallet: Wallet
    statement_hash: Sha256
    tool: Name
    tool_version: Annotated[str, Field(pattern=VERSION_PATTERN)]


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


PAYLOAD_FIELDS = (
    "artifact_url",
    "event_time",
    "event_type",
    "id",
    "metadata",
    "platform_user_id",
    "quantity",
    "source",
)


def payload_hash(fields: Mapping[str, Any]) -> Hash:
    """SHA-256 of the canonical object of exactly the payload's eight fields, whatever else `fields` holds."""
    return Hash(canonical.sha256_hex(canonical.encode({name: fields[name] for name in PAYLOAD_FIELDS})))
