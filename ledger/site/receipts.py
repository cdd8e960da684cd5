"""Receipts as the site shows them: how each stands, who acted, and what it counted in which epoch.

The rules are those of `ledger.core.receiptlog`, without the signatures' recovery: that is `verify`'s and the browser's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ledger.core.canonical import encode, foreign_json
from ledger.core.errors import ConfigError
from ledger.core.evaluate import EventOutcome
from ledger.core.receiptevents import states_by
from ledger.core.receiptlog import ReceiptState, Status, issuer_of
from ledger.core.receipts import Receipt, decision_text, receipt_text
from ledger.core.values import units_text
from ledger.credentials.did import did_document, did_web, document_path
from ledger.credentials.keys import FILE as KEYS_FILE
from ledger.credentials.keys import read_public_keys
from ledger.store.files import read_file
from ledger.store.node import Node
from ledger.store.receipts import read_receipts


@dataclass(frozen=True, slots=True)
class Counted:
    """What a receipt's event came to: in which epoch, and its units (None: left out)."""

    scope_id: str
    epoch_id: int
    units: int | None

    @property
    def words(self) -> str:
        """The units as people read them."""
        return "left out" if self.units is None else f"{units_text(self.units)} units"

    @property
    def path(self) -> str:
        """The epoch's page, from the site's top."""
        return f"epochs/{self.scope_id}/{self.epoch_id}/"


@dataclass(frozen=True, slots=True)
class ActLine:
    """One act as a row. `person`: the issuer's id in the set that it names; `text`: what was signed."""

    seq: int
    act: str
    at: str
    person: str | None
    wallet: str
    signature: str
    reason: str
    evidence: str
    text: str


@dataclass(frozen=True, slots=True)
class ReceiptPage:
    """One receipt with its acts, oldest first."""

    receipt: Receipt
    hash: str
    status: Status
    name: str
    acts: tuple[ActLine, ...]
    counted: Counted | None

    @property
    def path(self) -> str:
        """Its permanent address, from the site's top."""
        return f"receipts/{self.hash}"

    @property
    def points(self) -> str:
        """Its part of the item's points."""
        return f"{self.receipt.estimate} of {self.receipt.work_points}"


def counted(scope_id: str, epoch_id: int, outcome: EventOutcome) -> Counted:
    """What a receipt's event came to."""
    return Counted(scope_id, epoch_id, outcome.units if outcome.included else None)


@dataclass
class Receipts:
    """All receipts of the node, in the order in which they were issued.

    `counted`: what their events came to, by the event's id; filled while epochs are computed.
    """

    node: Node
    counted: dict[str, Counted] = field(default_factory=dict)

    def pages(self, names: Mapping[str, str]) -> list[ReceiptPage]:
        """Every receipt as a page. `names`: what users are called, by id."""
        return [self._page(state, names) for state in states_by(read_receipts(self.node)).values()]

    def _page(self, state: ReceiptState, names: Mapping[str, str]) -> ReceiptPage:
        receipt = state.receipt
        return ReceiptPage(
            receipt=receipt,
            hash=state.receipt_hash,
            status=state.status,
            name=names.get(receipt.user_id, receipt.user_id[:8]),
            acts=tuple(self._acts(state)),
            counted=self.counted.get(state.event_id) if state.stands or not self._another(state) else None,
        )

    def _another(self, state: ReceiptState) -> bool:
        """Whether the event under this receipt's key may be another receipt's: it was never approved itself."""
        return all(act.act != "approved" for act in state.acts)

    def _acts(self, state: ReceiptState) -> list[ActLine]:
        found = []
        scope_id = state.receipt.scope_id
        chain = self.node.chain(scope_id) if scope_id in self.node.scopes else None
        for act in state.acts:
            rights = chain.get(act.approvers_seq) if chain else None
            person = issuer_of(rights, act.signer_wallet) if rights else None
            if act.act == "issued":
                text = receipt_text(act.node_id, state.receipt)
            else:
                text = decision_text(act.node_id, scope_id, act.receipt_hash, act.act, act.number, act.reason)
            found.append(
                ActLine(
                    seq=act.seq,
                    act=act.act,
                    at=act.at,
                    person=person.id if person else None,
                    wallet=act.signer_wallet,
                    signature=act.signature,
                    reason=act.reason or "",
                    evidence=act.evidence,
                    text=text,
                )
            )
        return found


def receipts_json(pages: Sequence[ReceiptPage]) -> dict[str, Any]:
    """How each receipt stands, for programs; the acts with their signatures are in the log itself."""
    return {
        "receipts": [
            {
                "epoch_id": one.counted.epoch_id if one.counted else None,
                "receipt": one.receipt.model_dump(),
                "receipt_hash": one.hash,
                "status": one.status,
                "units": str(one.counted.units) if one.counted and one.counted.units is not None else None,
            }
            for one in pages
        ],
        "schema": "receipts-standing/1",
    }


def issuer_document(node: Node) -> tuple[str, bytes] | None:
    """The DID document of the site and its place, from the public keys in the node; None without keys or an address.

    ConfigError for a file of keys that is none.
    """
    data = read_file(node.root, KEYS_FILE)
    if data is None or not node.settings.site_url:
        return None
    try:
        keys = read_public_keys(foreign_json(data))
    except ValueError:
        raise ConfigError("holds no JSON", path=KEYS_FILE) from None
    did = did_web(node.settings.site_url.rstrip("/"))
    return document_path(did), encode(did_document(did, keys)) + b"\n"
