"""What follows an act on a receipt at once: a revocation leaves its event out, or else says what must come."""

from __future__ import annotations

from collections.abc import Iterable

from ledger.core.receipts import ReceiptAct
from ledger.flows.policy import apply_now
from ledger.flows.receipts.acts import Acted, event_places
from ledger.flows.receipts.log import load_receipts
from ledger.flows.session import Session


def follow_up(session: Session, done: Iterable[Acted]) -> list[str]:
    """Carry revocations into the epochs that hold their events; returns in words what was done or is left to people."""
    revoked = [one.act for one in done if one.act.act == "revoked"]
    return [line for act in revoked for line in _revoked(session, act)]


def _revoked(session: Session, act: ReceiptAct) -> Iterable[str]:
    state = load_receipts(session).book.states[act.receipt_hash]
    place = event_places(session).get(state.event_id)
    if place is None:
        return
    scope_id, _, number = place.partition("/")
    folder = session.node.epoch(scope_id, int(number))
    if folder.state() == "finalized":
        yield (
            f"epoch {place} is finalized and counted {state.event_id}: an amendment takes it back (kind "
            "revoked_receipt); its credits stay until then"
        )
    elif apply_now(session, folder):
        yield f"its event is left out of epoch {place} by policy"
