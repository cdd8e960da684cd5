"""What sources report: events, how far each stream was read, and what a run saw of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ledger.core import canonical
from ledger.core.records.record import LogRecord, Record, as_tuples
from ledger.core.values import (
    UUID_PATTERN,
    Account,
    Count,
    EventKey,
    EventType,
    Flat,
    Hash,
    Name,
    Reason,
    Scope,
    Sha256,
    Text,
    Time,
)

RECEIPT = "receipt"
"""The source of events whose account is the user himself: work that people vouched for."""
Quantity = Annotated[int, Field(ge=1, le=canonical.MAX_SAFE_INTEGER)]


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
        return as_tuples(value, "covered")

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
        return as_tuples(value, "errors", "gaps")


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
