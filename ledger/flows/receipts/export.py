"""Receipts as signed credentials for their owners, written into a folder that a site serves; never into git.

Everything is derived from the node and one key on this machine, without a clock: the same node gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.core.canonical import encode, foreign_json
from ledger.core.errors import ConfigError, InputError
from ledger.core.identity import resolve_accounts
from ledger.core.merkle import inclusion_path, leaf_hash
from ledger.core.receiptlog import ReceiptState
from ledger.core.values import UserId
from ledger.credentials import status as lists
from ledger.credentials import vc
from ledger.credentials.did import did_document, did_web, document_path, subject_of
from ledger.credentials.jose import sign
from ledger.credentials.keys import FILE, PublicKey, public_key, read_public_keys
from ledger.flows.receipts.acts import event_places
from ledger.flows.receipts.log import Receipts, load_receipts
from ledger.flows.session import Session
from ledger.store.files import read_file, write_file, write_lock

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from ledger.store.epochfolder import EpochFolder


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: the issuer, and how many files of each kind, by name."""

    issuer: str
    files: tuple[str, ...]


def public_keys(session: Session) -> list[PublicKey]:
    """The keys that the node publishes; none where it has no such file, ConfigError for one that is no JSON."""
    data = read_file(session.node.root, FILE)
    if data is None:
        return []
    try:
        return read_public_keys(foreign_json(data))
    except ValueError:
        raise ConfigError("holds no JSON", path=FILE) from None


def publish_key(session: Session, key: PublicKey) -> bool:
    """Add a public key to the node's list; returns whether that changed anything."""
    with write_lock(session.node.root):
        keys = public_keys(session)
        if key in keys:
            return False
        value = {"keys": [each.model_dump() for each in [*keys, key]]}
        write_file(session.node.root, FILE, json.dumps(value, indent=2, sort_keys=True).encode() + b"\n")
        return True


def issuer_of_site(session: Session, site_url: str | None) -> tuple[str, str]:
    """The site's address without a slash at its end, and the issuer that it is; ConfigError where none is known."""
    address = (site_url or session.node.settings.site_url).rstrip("/")
    if not address:
        raise ConfigError(
            "a credential is issued by the ledger's site, and site_url is not set",
            path="ledger.yaml",
            hint="Set site_url, or give --site-url.",
        )
    return address, did_web(address)


def export(
    session: Session, out: Path, key: Ed25519PrivateKey, *, badges: bool = False, site_url: str | None = None
) -> Exported:
    """Write the credential of every receipt that was ever approved, everyone's years, and the lists of revocations.

    InputError where the key is not among those that the node publishes.
    """
    address, issuer = issuer_of_site(session, site_url)
    mine = public_key(key)
    if mine not in public_keys(session):
        raise InputError("the node does not publish this key", path=FILE, hint="`ledger receipt key publish FILE`.")
    maker = _Maker(session, address, issuer, key, mine, badges)
    files = dict(maker.files())
    files[document_path(issuer)] = encode(did_document(issuer, public_keys(session)))
    for name, data in files.items():
        write_file(_folder(out), name, data + b"\n")
    return Exported(issuer, tuple(sorted(files)))


def _folder(out: Path) -> Path:
    out.mkdir(parents=True, exist_ok=True)
    return out.resolve()


class _Maker:
    """All credentials of one node by one key."""

    def __init__(
        self, session: Session, address: str, issuer: str, key: Ed25519PrivateKey, public: PublicKey, badges: bool
    ) -> None:
        self.session, self.address, self.issuer, self.badges = session, address, issuer, badges
        self.key, self.key_id = key, f"{issuer}#{public.kid}"
        self.receipts: Receipts = load_receipts(session)
        self.places = event_places(session)
        bound = resolve_accounts(session.node.bindings())
        self.wallets = {
            user: account for (provider, account), user in sorted(bound.items(), reverse=True) if provider == "wallet"
        }
        self.leaves: dict[str, tuple[list[bytes], list[bytes]]] = {}

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Every file by its path on the site."""
        ever = [
            state for state in self.receipts.book.states.values() if any(act.act == "approved" for act in state.acts)
        ]
        for state in ever:
            yield from self._receipt(state)
        yield from self._years(ever)
        yield from self._lists(ever)

    def _sign(self, payload: dict[str, object]) -> bytes:
        return sign(payload, self.key, self.key_id).encode()

    def _receipt(self, state: ReceiptState) -> Iterator[tuple[str, bytes]]:
        index = state.acts[0].seq - 1
        approved = next(act for act in reversed(state.acts) if act.act == "approved")
        payload = vc.receipt_credential(
            node_id=self.session.node.node_id,
            receipt=state.receipt,
            receipt_hash=state.receipt_hash,
            issuer=self.issuer,
            subject=subject_of(state.receipt.user_id, self.wallets.get(state.receipt.user_id)),
            address=f"{self.address}/receipts/{state.receipt_hash}/",
            valid_from=approved.at,
            status=lists.entry(self._list_url(index), index % lists.BITS),
            evidence=[*self._acts(state), *self._inclusion(state)],
        )
        yield f"vc/{state.receipt_hash}.jwt", self._sign(payload)
        if self.badges:
            shown = vc.badge(payload, state.receipt, self.session.node.settings.name, self.issuer)
            yield f"vc/{state.receipt_hash}.badge.jwt", self._sign(shown)

    def _acts(self, state: ReceiptState) -> Iterator[dict[str, object]]:
        for act in state.acts:
            text = self.receipts.book.text_of(act)
            if text is not None:
                yield vc.act_evidence(act, text)

    def _inclusion(self, state: ReceiptState) -> Iterator[dict[str, object]]:
        place = self.places.get(state.event_id)
        if place is None:
            return
        scope_id, _, number = place.partition("/")
        folder = self.session.node.epoch(scope_id, int(number))
        statement = folder.statement()
        if folder.state() != "finalized" or statement is None:
            return
        lines, leaves = self._tree(place, folder)
        mark = f'"id":"{state.event_id}"'.encode()
        index = next(at for at, line in enumerate(lines) if mark in line)
        yield vc.inclusion_evidence(
            epoch=place,
            line=lines[index].decode(),
            index=index,
            size=len(lines),
            path=inclusion_path(leaves, index),
            statement_hash=statement.statement_hash,
            root=statement.activity_root,
        )

    def _tree(self, place: str, folder: EpochFolder) -> tuple[list[bytes], list[bytes]]:
        """The lines of an epoch's log and their leaves, read once."""
        if place not in self.leaves:
            lines = [line for shard in folder.shards() for line in folder.read(shard.name).split(b"\n")[:-1]]
            self.leaves[place] = lines, [leaf_hash(line) for line in lines]
        return self.leaves[place]

    def _years(self, states: list[ReceiptState]) -> Iterator[tuple[str, bytes]]:
        years: dict[tuple[UserId, str], list[ReceiptState]] = {}
        for state in states:
            if state.status == "approved":
                years.setdefault((state.receipt.user_id, state.receipt.issued_at[:4]), []).append(state)
        for (user, year), mine in sorted(years.items()):
            payload = vc.year_credential(
                node_id=self.session.node.node_id,
                year=year,
                receipts=[(state.receipt_hash, state.receipt) for state in mine],
                issuer=self.issuer,
                subject=subject_of(user, self.wallets.get(user)),
                address=f"{self.address}/vc/years/{user}/{year}.jwt",
                valid_from=max(state.acts[-1].at for state in mine),
            )
            yield f"vc/years/{user}/{year}.jwt", self._sign(payload)

    def _list_url(self, index: int) -> str:
        return f"{self.address}/status/{lists.list_number(index)}.jwt"

    def _lists(self, states: list[ReceiptState]) -> Iterator[tuple[str, bytes]]:
        """The status lists: a receipt's place is that of its first line in the log, so it is never used twice."""
        revoked: dict[int, list[int]] = {}
        last = self.receipts.book.last_at
        for state in states:
            index = state.acts[0].seq - 1
            mine = revoked.setdefault(lists.list_number(index), [])
            if not state.stands:
                mine.append(index % lists.BITS)
        for number, places in sorted(revoked.items()):
            url = f"{self.address}/status/{number}.jwt"
            yield f"status/{number}.jwt", self._sign(lists.list_credential(url, self.issuer, last, places))
