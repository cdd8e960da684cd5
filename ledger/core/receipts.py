"""Work that no platform records, vouched for by who saw it: the records of `data/receipts.jsonl` and what is signed.

A line is one act on one receipt: issued, approved, revoked. The text is rebuilt from the line (EIP-191), names node,
scope and act, and begins unlike any other text that is signed here (SIGNATURE_DOMAIN_BOUND). Rules over the whole log
are in `ledger.core.receiptlog`. Knows records, not files.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, ValidationError, model_validator

from ledger.core.canonical import MAX_SAFE_INTEGER, sha256_hex
from ledger.core.errors import FormatError
from ledger.core.explain import explain
from ledger.core.records.activity import RECEIPT
from ledger.core.records.record import Record
from ledger.core.values import (
    SIGNATURE_PATTERN,
    Count,
    EventId,
    EventType,
    Hash,
    Number,
    Reason,
    Scope,
    Sha256,
    Text,
    Time,
    User,
    Wallet,
)

SOURCE = RECEIPT
"""The source, and the producer, of the events that approved receipts become."""
PRODUCER_VERSION = "1"
WORK_ITEM_PATTERN = r"^[A-Za-z0-9._/-]{1,128}$"
ROLES = ("author", "reviewer", "approver")
"""The roles that every node has; a weight file adds others by a line `receipt:<role>`."""

Action = Literal["issued", "approved", "revoked"]
Decision = Literal["approved", "revoked"]

_UNSEEN = re.compile("[\x85\xad\u061c\u2028\u2029\ufeff\u200b-\u200f\u202a-\u202e\u2060-\u206f]")
"""Line ends that are not `\\n`, and marks that are not seen or turn text around: a wallet would show another text."""


def _seen(value: str) -> str:
    if hidden := _UNSEEN.search(value):
        raise ValueError(f"holds U+{ord(hidden[0]):04X}, which nobody sees in a wallet")
    return value


Shown = Annotated[Reason, AfterValidator(_seen)]
"""Text that stands in what a wallet shows."""
WorkItem = Annotated[str, StringConstraints(pattern=WORK_ITEM_PATTERN)]
Points = Annotated[int, Field(ge=1, le=MAX_SAFE_INTEGER)]


class Receipt(BaseModel):
    """What somebody did on a work item, in a role, for how many of the item's points.

    `work_points` are the points of the whole item, the same in all its receipts; `estimate` are this person's in this
    role. `issued_at` stands in the signed text, so that the same words signed again later are another receipt.
    """

    model_config = Record.model_config

    artifact_url: Shown
    estimate: Points
    issued_at: Time
    role: EventType
    scope_id: Scope
    user_id: User
    work_item_id: WorkItem
    work_points: Points

    @classmethod
    def read(cls, value: object) -> Self:
        """A receipt from decoded JSON; FormatError names the first field that is wrong."""
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            raise FormatError(explain(error)) from None

    @property
    def key(self) -> str:
        """`<work_item_id>:<user_id>:<role>`: of one key at most one receipt stands (IDEMPOTENT_RECEIPTS)."""
        return f"{self.work_item_id}:{self.user_id}:{self.role}"

    @property
    def event_id(self) -> EventId:
        """The id of the event that this receipt becomes once it is approved."""
        return EventId(f"{SOURCE}:{self.key}")


class ReceiptAct(Record):
    """One line of `data/receipts.jsonl`: the signer is recovered, never claimed (RECEIPT_SIGNED).

    `number` counts the acts on this receipt: 0 when it is issued, then 1, 2, 3 …, so that the signature over an older
    act is none over a new one. `approvers_seq` names the scope's approver set whose rights count.
    """

    act: Action
    approvers_seq: Number
    at: Time
    evidence: Text
    number: Count
    reason: Shown | None
    receipt: Receipt | None
    receipt_hash: Sha256
    seq: Number
    signature: Annotated[str, Field(pattern=SIGNATURE_PATTERN)]
    signer_wallet: Wallet

    @model_validator(mode="after")
    def _fields_fit_act(self) -> Self:
        if (self.receipt is not None) != (self.act == "issued"):
            raise ValueError("receipt goes with issued, and only with it")
        if (self.number == 0) != (self.act == "issued"):
            raise ValueError("number is 0 for issued, and counts from 1 for what follows")
        if (self.reason is not None) != (self.act == "revoked"):
            raise ValueError("reason goes with revoked, and only with it")
        if self.receipt is not None and self.receipt_hash != receipt_hash(self.node_id, self.receipt):
            raise ValueError("receipt_hash is not the hash of the receipt's text")
        return self


def receipt_text(node_id: str, receipt: Receipt) -> str:
    """The exact text that who issues signs: nine lines, no line end after the last."""
    return "\n".join(
        (
            "Ledger Work Receipt",
            f"Node: {node_id}",
            f"Scope: {receipt.scope_id}",
            f"Work Item: {receipt.work_item_id}",
            f"Subject: {receipt.user_id}",
            f"Role: {receipt.role}",
            f"Estimate: {receipt.estimate} of {receipt.work_points}",
            f"Artifact: {receipt.artifact_url}",
            f"Issued At: {receipt.issued_at}",
        )
    )


def receipt_hash(node_id: str, receipt: Receipt) -> Hash:
    """SHA-256 of the receipt's text, never of a signature: what names it for ever."""
    return Hash(sha256_hex(receipt_text(node_id, receipt).encode()))


def decision_text(
    node_id: str, scope_id: str, hash_: str, decision: Decision, number: int, reason: str | None = None
) -> str:
    """The exact text that who approves or revokes signs: seven lines, no line end after the last."""
    return "\n".join(
        (
            "Ledger Receipt Decision",
            f"Node: {node_id}",
            f"Scope: {scope_id}",
            f"Receipt Hash: {hash_}",
            f"Decision: {decision}",
            f"Number: {number}",
            f"Reason: {reason or 'none'}",
        )
    )


def event_payload(hash_: str, receipt: Receipt) -> dict[str, Any]:
    """The payload of the event that an approved receipt becomes: one for each point, worth what the role is."""
    return {
        "artifact_url": receipt.artifact_url,
        "event_time": receipt.issued_at,
        "event_type": receipt.role,
        "id": receipt.event_id,
        "metadata": {"receipt_hash": hash_, "work_points": receipt.work_points},
        "platform_user_id": receipt.user_id,
        "quantity": receipt.estimate,
        "source": SOURCE,
    }
