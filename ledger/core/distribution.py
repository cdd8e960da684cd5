"""A distribution as records: the plan, its signatures, what became of each line, and the texts that people sign.

One plan pays the balances of a scope's account book by one rail in one asset. The plan is written once; it stands from
the threshold's signature until it is abandoned (specification, section 11). Pure: no disk, no clock, no network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator

from ledger.core.bankdata import private_text
from ledger.core.canonical import sha256_hex
from ledger.core.money import AmountMinor, Asset, Destination, RailName
from ledger.core.records.record import Record, ScopeRecord, as_tuples
from ledger.core.records.statement import PrefixPin
from ledger.core.signing import recover_signer
from ledger.core.values import (
    SIGNATURE_PATTERN,
    AmountCredits,
    Flat,
    Hash,
    Number,
    Reason,
    Sha256,
    Text,
    Time,
    User,
    Wallet,
)

OnDecline = Literal["redistribute", "return"]
LeftOutReason = Literal["below_minimum", "declined", "held", "no_destination", "on_request"]
SettlementState = Literal["submitted", "settled", "failed", "abandoned"]
EVIDENCE: dict[str, tuple[str, ...]] = {
    "bank_ref": ("ref",),
    "evm_log": ("block_hash", "block_number", "log_index", "transaction"),
    "hand": ("note",),
    "provider_ref": ("ref",),
    "recipient_ack": ("signature", "wallet"),
}
"""Every kind of evidence with the fields that it cannot do without."""


def _public(value: str) -> str:
    found = private_text(value)
    if found is not None:
        raise ValueError(f"holds {found}; bank details and addresses stay in the operator's own files")
    return value


PublicReason = Annotated[Reason, AfterValidator(_public)]
PublicText = Annotated[Text, AfterValidator(_public)]
Reference = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,8}-[0-9a-f]{16}$")]
SignatureText = Annotated[str, StringConstraints(pattern=SIGNATURE_PATTERN)]


def reference_of(node_id: str, scope_id: str, distribution: int, user_id: str) -> str:
    """The line's own mark in bank files, at most 26 characters: it names nobody and is the same on every machine."""
    return f"{distribution}-{sha256_hex(f'{node_id}/{scope_id}/{distribution}/{user_id}'.encode())[:16]}"


class _Part(BaseModel):
    """Base of the objects inside a plan."""

    model_config = Record.model_config


class Cover(_Part):
    """One statement that the plan's balances rest on: the version that was in force."""

    epoch_id: Number
    statement_hash: Sha256
    version: Number


class Rate(_Part):
    """Minor units per credit as an exact fraction, with its source in words or a link."""

    at: Time
    denominator: AmountMinor
    numerator: AmountMinor
    source: PublicReason

    @model_validator(mode="after")
    def _positive(self) -> Self:
        if not self.numerator or not self.denominator:
            raise ValueError("numerator and denominator are at least 1")
        return self


class PlanLine(_Part):
    """What one person gets: credits of his balance, and minor units at his destination."""

    amount_credits: AmountCredits
    amount_minor: AmountMinor
    destination: Destination
    reference: Reference
    user_id: User


class LeftOut(_Part):
    """A positive balance, or a part of one, that the plan does not pay, and why."""

    amount_credits: AmountCredits
    reason: LeftOutReason
    user_id: User


class Plan(ScopeRecord):
    """`plan.json` (`distribution/1`): written once; everything else in its folder is about it.

    Lines are sorted by user, one a person; `left_out` by user and reason. Sums are held here (DISTRIBUTION_BALANCED).
    """

    asset: Asset
    at: Time
    covers: tuple[Cover, ...]
    decimals: Annotated[int, Field(ge=0, le=36)]
    distribution: Number
    identities: PrefixPin
    instructions: PrefixPin
    left_out: tuple[LeftOut, ...]
    lines: tuple[PlanLine, ...]
    minimum_minor: AmountMinor
    on_decline: OnDecline
    rail: RailName
    rate: Rate
    schema_: Literal["distribution/1"] = Field(default="distribution/1", alias="schema")
    total_minor: AmountMinor

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, value: Any) -> Any:
        return as_tuples(value, "covers", "left_out", "lines")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        users = [line.user_id for line in self.lines]
        if users != sorted(set(users)):
            raise ValueError("lines are not sorted by user_id, one a person")
        left = [(line.user_id, line.reason) for line in self.left_out]
        if left != sorted(set(left)):
            raise ValueError("left_out is not sorted and unique")
        epochs = [cover.epoch_id for cover in self.covers]
        if epochs != sorted(set(epochs)):
            raise ValueError("covers is not sorted by epoch, one version each")
        if sum(line.amount_minor for line in self.lines) != self.total_minor:
            raise ValueError("total_minor is not the sum of the lines")
        for line in self.lines:
            if not line.amount_minor or not line.amount_credits:
                raise ValueError(f"the line of {line.user_id} pays nothing")
            if line.reference != reference_of(self.node_id, self.scope_id, self.distribution, line.user_id):
                raise ValueError(f"the reference of {line.user_id} is not his")
        return self

    def file_bytes(self) -> bytes:
        """The bytes of `plan.json`."""
        return self.encode() + b"\n"

    @cached_property
    def plan_hash(self) -> Hash:
        """SHA-256 of the file's bytes."""
        return Hash(sha256_hex(self.file_bytes()))

    @property
    def signed_text(self) -> str:
        """What approvers sign so that the plan stands: seven lines, no line end after the last."""
        return "\n".join(("Ledger Distribution", *self._head, f"Plan Hash: {self.plan_hash}"))

    @property
    def _head(self) -> tuple[str, ...]:
        return (
            f"Node: {self.node_id}",
            f"Scope: {self.scope_id}",
            f"Distribution: {self.distribution}",
            f"Asset: {self.asset}",
            f"Total: {self.total_minor}",
        )

    def abandoned_text(self, reason: str) -> str:
        """What approvers sign so that a plan that stood is given up: eight lines."""
        return "\n".join(
            ("Ledger Distribution Abandoned", *self._head, f"Plan Hash: {self.plan_hash}", f"Reason: {reason}")
        )

    def received_text(self, line: PlanLine) -> str:
        """What the person of a line signs once the money has arrived: seven lines."""
        return "\n".join(
            (
                "Ledger Payment Received",
                f"Node: {self.node_id}",
                f"Scope: {self.scope_id}",
                f"Distribution: {self.distribution}",
                f"Line: {line.reference}",
                f"Asset: {self.asset}",
                f"Amount: {line.amount_minor}",
            )
        )

    @cached_property
    def by_reference(self) -> dict[str, PlanLine]:
        """The lines by their reference."""
        return {line.reference: line for line in self.lines}


class PlanSignature(ScopeRecord):
    """One approver's signature over a plan (`signatures.jsonl` of a distribution); the signer is recovered."""

    distribution: Number
    evidence: Text
    plan_hash: Sha256
    seq: Number
    signature: SignatureText
    signed_at: Time
    signer_wallet: Wallet


class Settlement(ScopeRecord):
    """What became of a line, or with `reference` null of all lines that were still out (`settlements.jsonl`).

    `evidence` says what was seen and by what means it was checked. An `abandoned` line has the reason and the
    signatures of the threshold too (none where the plan was a draft); they are absent elsewhere.
    """

    actor: Reason
    at: Time
    distribution: Number
    evidence: Flat
    reason: PublicReason | None = None
    reference: Reference | None
    seq: Number
    signatures: tuple[SignatureText, ...] | None = None
    state: SettlementState

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, value: Any) -> Any:
        return as_tuples(value, "signatures")

    @model_validator(mode="after")
    def _fields_fit_state(self) -> Self:
        given_up = self.state == "abandoned"
        if (self.reason is not None) != given_up or (self.signatures is not None) != given_up:
            raise ValueError("reason and signatures go with abandoned, and only with it")
        if given_up and (self.reference is not None or self.evidence):
            raise ValueError("a plan is abandoned as a whole: reference is null and evidence empty")
        for value in self.evidence.values():
            _public(value if isinstance(value, str) else "")
        kind = self.evidence.get("kind")
        if not given_up and (not isinstance(kind, str) or kind not in EVIDENCE):
            raise ValueError(f"evidence needs a kind: {', '.join(EVIDENCE)}")
        for name in EVIDENCE.get(str(kind), ()):
            if self.evidence.get(name) in (None, "") and not (self.state == "failed" and name == "log_index"):
                raise ValueError(f"evidence of kind {kind} needs {name}")
        return self

    def fields(self) -> dict[str, Any]:
        """The JSON object; `reason` and `signatures` are left out where they do not belong."""
        found = self.model_dump(by_alias=True)
        return {
            name: value for name, value in found.items() if name not in ("reason", "signatures") or value is not None
        }

    @property
    def unique_key(self) -> tuple[str, ...] | None:
        """What may settle one line only: the log of a transaction, or a bank's or provider's reference."""
        found = self.evidence
        if self.state in ("failed", "abandoned"):
            return None
        if found.get("kind") == "evm_log":
            return ("evm_log", str(found.get("chain_id")), str(found["transaction"]), str(found["log_index"]))
        if found.get("kind") in ("bank_ref", "provider_ref"):
            return (str(found["kind"]), str(found["ref"]))
        return None


def standing_since(
    plan: Plan, signatures: Sequence[PlanSignature], people: Mapping[str, str], threshold: int
) -> str | None:
    """When the plan began to stand: the time of the signature that completed the threshold; None while it does not.

    `people`: the approvers' wallets with whose they are. Several wallets of one person count once; a line that is not
    by its signer over this plan counts for nobody (`signature_faults` of the check names it).
    """
    seen: set[str] = set()
    for line in signatures:
        person = people.get(line.signer_wallet)
        if person is None or line.plan_hash != plan.plan_hash:
            continue
        if recover_signer(plan.signed_text, line.signature) != line.signer_wallet:
            continue
        seen.add(person)
        if len(seen) >= threshold:
            return line.signed_at
    return None


def line_states(plan: Plan, settlements: Sequence[Settlement]) -> dict[str, Settlement]:
    """The settlement that counts for each line that has one, by reference; a settled line stays settled."""
    found: dict[str, Settlement] = {}
    for entry in settlements:
        if entry.state == "abandoned":
            continue
        for reference in [entry.reference] if entry.reference is not None else plan.by_reference:
            before = found.get(reference)
            if before is None or before.state != "settled":
                found[reference] = entry
    return found


def abandonment(settlements: Sequence[Settlement]) -> Settlement | None:
    """The line by which the plan was given up, if there is one."""
    return next((entry for entry in settlements if entry.state == "abandoned"), None)
