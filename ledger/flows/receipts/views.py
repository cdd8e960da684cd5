"""Receipts as people ask for them: what stands, by whom, and what it counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ledger.core.receiptlog import ReceiptState, Status, issuer_of
from ledger.core.receipts import SOURCE
from ledger.core.values import ScopeId, UserId
from ledger.flows.identity import display_names
from ledger.flows.receipts.acts import event_places
from ledger.flows.receipts.log import Receipts, load_receipts
from ledger.flows.session import Session


@dataclass(frozen=True, slots=True)
class ActView:
    """One act: what, by whom, when. `person` is the issuer's id in the set that counted then."""

    seq: int
    act: str
    number: int
    at: str
    person: str | None
    wallet: str
    reason: str | None
    evidence: str


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """One receipt as it stands. `epoch`: which one holds its event, as `scope/number`; `units`: what that is worth.

    `units_each` are milli-units a point by the scope's weights as they are now.
    """

    receipt_hash: str
    status: Status
    scope_id: str
    work_item_id: str
    work_points: int
    role: str
    user_id: str
    name: str
    estimate: int
    artifact_url: str
    issued_at: str
    units_each: int
    epoch: str | None
    acts: tuple[ActView, ...]


def list_receipts(
    session: Session,
    *,
    scope_id: str | None = None,
    status: str | None = None,
    user_id: str | None = None,
    work_item_id: str | None = None,
) -> list[ReceiptView]:
    """Every receipt that fits, in the order in which they were issued."""
    receipts = load_receipts(session)
    fits = [
        state
        for state in receipts.book.states.values()
        if scope_id in (None, state.receipt.scope_id)
        and status in (None, state.status)
        and user_id in (None, state.receipt.user_id)
        and work_item_id in (None, state.receipt.work_item_id)
    ]
    return views_of(session, receipts, fits)


def views_of(session: Session, receipts: Receipts, states: Sequence[ReceiptState]) -> list[ReceiptView]:
    """The views of these receipts."""
    names, places = display_names(session), event_places(session)
    weights = {
        scope_id: session.node.weight_policy(session.node.scope(scope_id).weights).weights
        for scope_id in {state.receipt.scope_id for state in states}
    }
    return [_view(receipts, state, names, places, weights) for state in states]


def _view(
    receipts: Receipts,
    state: ReceiptState,
    names: Mapping[UserId, str],
    places: Mapping[str, str],
    weights: Mapping[ScopeId, Mapping[str, int]],
) -> ReceiptView:
    receipt = state.receipt
    chain = receipts.chains[receipt.scope_id]
    acts = []
    for act in state.acts:
        rights = chain.get(act.approvers_seq)
        person = issuer_of(rights, act.signer_wallet) if rights else None
        acts.append(
            ActView(
                seq=act.seq,
                act=act.act,
                number=act.number,
                at=act.at,
                person=person.id if person else None,
                wallet=act.signer_wallet,
                reason=act.reason,
                evidence=act.evidence,
            )
        )
    return ReceiptView(
        receipt_hash=state.receipt_hash,
        status=state.status,
        scope_id=receipt.scope_id,
        work_item_id=receipt.work_item_id,
        work_points=receipt.work_points,
        role=receipt.role,
        user_id=receipt.user_id,
        name=names.get(receipt.user_id, receipt.user_id),
        estimate=receipt.estimate,
        artifact_url=receipt.artifact_url,
        issued_at=receipt.issued_at,
        units_each=weights[receipt.scope_id].get(f"{SOURCE}:{receipt.role}", 0),
        epoch=places.get(receipt.event_id),
        acts=tuple(acts),
    )
