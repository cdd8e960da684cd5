"""What moves a balance besides statements and plans: opening balances from an older system, and waivers.

Opening balances count once the threshold signed the whole file (specification, section 11). Pure.
"""

from __future__ import annotations

from ledger.core.distribution import PublicReason, PublicText, SignatureText
from ledger.core.records.record import ScopeRecord
from ledger.core.values import AmountCredits, Number, Reason, Sha256, Text, Time, User, Wallet


class Waiver(ScopeRecord):
    """An approver lets a negative balance go (`data/waivers.jsonl`): the person owes so many credits less."""

    actor: Reason
    amount_credits: AmountCredits
    at: Time
    evidence: PublicText
    reason: PublicReason
    seq: Number
    user_id: User


class Opening(ScopeRecord):
    """What a person brings from an older system (`data/opening/<scope_id>.jsonl`), in credits."""

    balance_credits: AmountCredits
    earned_credits: AmountCredits
    paid_credits: AmountCredits
    seq: Number
    user_id: User


class OpeningSignature(ScopeRecord):
    """One approver's signature over the whole file of opening balances."""

    evidence: Text
    opening_hash: Sha256
    seq: Number
    signature: SignatureText
    signed_at: Time
    signer_wallet: Wallet


def opening_text(node_id: str, scope_id: str, total: int, opening_hash: str, source_hash: str | None = None) -> str:
    """What approvers sign so that opening balances count.

    `source_hash`: SHA-256 of the file that names the older system's record, where the balances follow from one.
    """
    return "\n".join(
        (
            "Ledger Opening Balances",
            f"Node: {node_id}",
            f"Scope: {scope_id}",
            *((f"Source Hash: {source_hash}",) if source_hash is not None else ()),
            f"Total: {total}",
            f"Opening Hash: {opening_hash}",
        )
    )
