"""What an epoch ends in: units by person, the statement with all that it pins, who signed it and who attests it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, model_validator

from ledger.core import canonical
from ledger.core.errors import FormatError
from ledger.core.records.epoch import Unresolved
from ledger.core.records.record import EpochRecord, Record, as_tuples
from ledger.core.values import (
    SHARE_PATTERN,
    SIGNATURE_PATTERN,
    VERSION_PATTERN,
    Account,
    AmountCredits,
    AmountUnits,
    Count,
    Hash,
    Name,
    Number,
    Sha256,
    Text,
    Time,
    User,
    Uuid,
    Wallet,
)

Share = Annotated[str, Field(pattern=SHARE_PATTERN)]


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
        return as_tuples(value, "gaps", "held", "payouts")

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
