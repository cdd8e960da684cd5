"""Signed acts as they travel before they are on record: one JSON object a line, from a page, a mail or a comment.

`{"receipt":{…},"signature":"0x…"}` issues; `{"decision":"approved","number":1,"receipt_hash":"…","signature":"0x…"}`
decides (`reason` with revoked). Nothing in it is believed: texts are rebuilt, signers recovered.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError, model_validator

from ledger.core.canonical import foreign_json
from ledger.core.errors import FormatError, StateError
from ledger.core.explain import explain
from ledger.core.receiptlog import LATEST
from ledger.core.receipts import Decision, Receipt, Shown, decision_text
from ledger.core.records.record import Record
from ledger.core.values import Number, Sha256
from ledger.flows.receipts.acts import Acted, Draft, draft_receipts, take
from ledger.flows.receipts.log import load_receipts
from ledger.flows.session import Session
from ledger.store import layout

MOST_LENGTH = 20_000
"""Characters of one offer; a receipt needs a tenth of it."""


class Issue(BaseModel):
    """An offer to issue a receipt."""

    model_config = Record.model_config

    receipt: Receipt
    signature: str


class Decide(BaseModel):
    """An offer to approve or revoke a receipt."""

    model_config = Record.model_config

    decision: Literal["approved", "revoked"]
    number: Number
    reason: Shown | None = None
    receipt_hash: Sha256
    signature: str = Field(max_length=200)

    @model_validator(mode="after")
    def _reason(self) -> Decide:
        if (self.reason is not None) != (self.decision == "revoked"):
            raise ValueError("reason goes with revoked, and only with it")
        return self


def read_offer(text: str) -> Issue | Decide:
    """The offer of one line; FormatError for anything else."""
    if len(text) > MOST_LENGTH:
        raise FormatError("is longer than any receipt")
    try:
        value: Any = foreign_json(text)
    except ValueError as error:
        raise FormatError(f"is no JSON object: {error}") from None
    try:
        return Issue.model_validate(value) if "receipt" in value else Decide.model_validate(value)
    except ValidationError as error:
        raise FormatError(explain(error)) from None
    except TypeError:
        raise FormatError("is no JSON object") from None


def take_offer(session: Session, offer: Issue | Decide, evidence: str = "") -> Acted:
    """Put one offered act on record; what the rules refuse raises, and what is on record changes nothing."""
    draft = draft_receipts(session, [offer.receipt])[0] if isinstance(offer, Issue) else _decision(session, offer)
    return take(session, [draft], [offer.signature], evidence)[0]


def _decision(session: Session, offer: Decide) -> Draft:
    state = load_receipts(session).book.states.get(offer.receipt_hash)
    if state is None:
        raise StateError(
            f"no receipt {offer.receipt_hash[:12]} in the log",
            rule=LATEST,
            path=layout.RECEIPTS,
            hint="Issue it first.",
        )
    decision: Decision = offer.decision
    scope = state.receipt.scope_id
    text = decision_text(session.node.node_id, scope, offer.receipt_hash, decision, offer.number, offer.reason)
    return Draft(decision, scope, None, offer.receipt_hash, offer.number, offer.reason, text)


def take_offers(session: Session, lines: Iterable[str], path: str, evidence: str = "") -> list[Acted]:
    """Put every offered act of a file on record, one after the other; the first that is refused names its line."""
    done = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                done.append(take_offer(session, read_offer(line), evidence))
            except FormatError as error:
                raise error.at(path, number) from None
    return done
