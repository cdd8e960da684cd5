"""Who signs for a scope, as records: sets of people with their rights, the text that is signed over one, signatures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, model_validator

from ledger.core import canonical
from ledger.core.records.record import Record, as_tuples
from ledger.core.values import SIGNATURE_PATTERN, Hash, Number, PersonId, Reason, Scope, Sha256, Text, Time, Wallet

Wallets = Annotated[tuple[Wallet, ...], Field(min_length=1)]


class Member(BaseModel):
    """One person of a set with all wallets that are his: they count once together."""

    model_config = Record.model_config

    id: PersonId
    wallets: Wallets

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, value: Any) -> Any:
        return as_tuples(value, "wallets")

    @model_validator(mode="after")
    def _sorted(self) -> Self:
        if self.wallets != tuple(sorted(set(self.wallets))):
            raise ValueError(f"wallets of {self.id} are not sorted and unique")
        return self


class IssuerRights(Member):
    """Who may vouch for work that no platform records, and what else that person may do."""

    can_approve: bool
    can_close_epoch: bool
    can_issue: bool


class ApproverSet(Record):
    """One line of `data/approvers/<scope_id>.jsonl`: who signs from the moment on at which this set counts.

    `previous` is the SHA-256 of the line before without its line end; null begins a root. `threshold` counts people.
    """

    approvers: Annotated[tuple[Member, ...], Field(min_length=1)]
    at: Time
    covers: bool
    issuers: tuple[IssuerRights, ...]
    previous: Sha256 | None
    reason: Reason
    scope_id: Scope
    self_approve: bool
    seq: Number
    threshold: Number

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, value: Any) -> Any:
        return as_tuples(value, "approvers", "issuers")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        holders: dict[str, str] = {}
        for name, people in (("approvers", self.approvers), ("issuers", self.issuers)):
            ids = [person.id for person in people]
            if ids != sorted(set(ids)):
                raise ValueError(f"{name} are not sorted by id and unique")
            for person in people:
                for wallet in person.wallets:
                    if holders.setdefault(wallet, person.id) != person.id:
                        raise ValueError(f"wallet {wallet} stands under {holders[wallet]} and under {person.id}")
        if self.threshold > len(self.approvers):
            raise ValueError(f"threshold {self.threshold} is larger than the {len(self.approvers)} approvers")
        return self

    @property
    def set_hash(self) -> Hash:
        """`approver_set_hash`: SHA-256 of the people and their rights in canonical form."""
        return approver_set_hash(self.approvers, self.issuers, covers=self.covers, self_approve=self.self_approve)

    @property
    def line_hash(self) -> Hash:
        """SHA-256 of the line without its line end: what the next line names, and a root's hash."""
        return Hash(canonical.sha256_hex(self.encode()))

    def person_of(self, wallet: str) -> str | None:
        """The approver who holds `wallet` in this set."""
        return holder(self.approvers, wallet)


class ApproverSignature(Record):
    """One line of `data/approvers/<scope_id>.signatures.jsonl`: the signer is recovered, never claimed."""

    approvers_seq: Number
    evidence: Text
    scope_id: Scope
    seq: Number
    signature: Annotated[str, Field(pattern=SIGNATURE_PATTERN)]
    signed_at: Time
    signer_wallet: Wallet


def approver_set_hash(
    approvers: Sequence[Member],
    issuers: Sequence[IssuerRights] = (),
    *,
    covers: bool = False,
    self_approve: bool = False,
) -> Hash:
    """SHA-256 of the canonical `{"approvers","covers","issuers","self_approve"}`."""
    value = {
        "approvers": [person.model_dump() for person in approvers],
        "covers": covers,
        "issuers": [person.model_dump() for person in issuers],
        "self_approve": self_approve,
    }
    return Hash(canonical.sha256_hex(canonical.encode(value)))


def holder(people: Sequence[Member], wallet: str) -> str | None:
    """The id of the person who holds `wallet`."""
    return next((person.id for person in people if wallet in person.wallets), None)


def set_text(line: ApproverSet) -> str:
    """The exact text that is signed (EIP-191): seven lines, no line end after the last."""
    return "\n".join(
        (
            "Ledger Approver Set",
            f"Node: {line.node_id}",
            f"Scope: {line.scope_id}",
            f"Version: {line.seq}",
            f"Threshold: {line.threshold}",
            f"Set Hash: {line.set_hash}",
            f"Previous: {line.previous or 'none'}",
        )
    )
