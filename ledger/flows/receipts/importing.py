"""Others' credentials into this node's open epoch: signature, key, status, time and `trust.yaml`, then an event.

What is refused or capped is told in words. Files may stand in for every address, so that all of it works offline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ledger import __version__
from ledger.core.errors import FormatError, InputError, LedgerError, SourceError
from ledger.core.lifecycle import require
from ledger.core.sealing import Provenance, seal
from ledger.core.values import EventId
from ledger.credentials import fetch, jose
from ledger.credentials import status as lists
from ledger.credentials.did import document_url, key_of
from ledger.credentials.trust import SOURCE, Judged, Roots, TrustSettings, Verified, judge, merged, read_credential
from ledger.flows.ingest import Ingest
from ledger.flows.session import Session
from ledger.store.append import append_activity
from ledger.store.files import write_lock
from ledger.store.peers import read_peers
from ledger.store.yamlfile import load_yaml

TRUST = "trust.yaml"


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one credential: `added`, `known`, or `refused`, and in words why it is less or nothing."""

    where: str
    result: str
    event_id: str | None
    quantity: int | None
    told: str


@dataclass
class Documents:
    """DID documents and status lists at hand, by identifier and address; others are fetched, unless offline."""

    dids: dict[str, dict[str, Any]] = field(default_factory=dict)
    lists: dict[str, str] = field(default_factory=dict)
    offline: bool = False

    def did(self, did: str) -> Mapping[str, Any]:
        """The document of an issuer."""
        if did not in self.dids:
            self._online(did)
            local = did.removeprefix("did:web:").split(":")[0].split("%3A")[0] in fetch.LOCAL
            self.dids[did] = fetch.fetch_object(document_url(did, "http" if local else "https"))
        return self.dids[did]

    def status(self, url: str) -> str:
        """The token of a status list."""
        if url not in self.lists:
            self._online(url)
            self.lists[url] = fetch.fetch(url).decode("ascii", "replace").strip()
        return self.lists[url]

    def _online(self, what: str) -> None:
        if self.offline:
            raise SourceError(f"{what} is not at hand, and --offline was given", hint="Give it with --did or --status.")


def load_trust(session: Session) -> TrustSettings:
    """`trust.yaml`; ConfigError for what it may not say, InputError where there is none."""
    if not (session.node.root / TRUST).is_file():
        raise InputError(
            "no issuer of another node is trusted yet", path=TRUST, hint="See docs/receipts.md for its form."
        )
    return TrustSettings.load(load_yaml(session.node.root, TRUST), TRUST)


def read_documents(dids: Sequence[Path], status: Sequence[Path], *, offline: bool) -> Documents:
    """Documents and lists from files: each says itself whose it is."""
    found = Documents(offline=offline)
    for path in dids:
        document = fetch.parse_object(path.read_bytes(), str(path))
        found.dids[str(document.get("id"))] = document
    for path in status:
        text = path.read_text("ascii").strip()
        found.lists[str(jose.read(text).payload.get("id"))] = text
    return found


def verify_token(session: Session, text: str, trust: TrustSettings, documents: Documents) -> Verified:
    """A credential whose issuer is trusted, checked in full; raises what speaks against it.

    Only issuers of `trust.yaml` are asked anything, so that no stranger's credential makes this machine call him.
    """
    token = jose.read(text)
    found = read_credential(token.payload, text.strip(), session.now)
    if all(one.did != found.issuer for one in trust.issuers):
        raise InputError(f"issuer {found.issuer} is not in {TRUST}", path=TRUST)
    jose.check(token, key_of(documents.did(found.issuer), found.issuer, token.key_id))
    status = token.payload.get("credentialStatus")
    if not isinstance(status, Mapping) or status.get("type") != "BitstringStatusListEntry":
        raise FormatError("has no status that says whether it is revoked")
    list_token = jose.read(documents.status(str(status.get("statusListCredential"))))
    if list_token.payload.get("issuer") != found.issuer:
        raise FormatError("its status list is by another issuer")
    jose.check(list_token, key_of(documents.did(found.issuer), found.issuer, list_token.key_id))
    if lists.revoked_by(status, list_token.payload):
        raise FormatError("is revoked by its issuer")
    return found


def import_credentials(session: Session, scope_id: str, sources: Sequence[str], documents: Documents) -> list[Line]:
    """Verify the credentials of files and addresses, and append what counts to the open epoch. One write."""
    trust = load_trust(session)
    with write_lock(session.node.root):
        folder = session.folder(scope_id, None)
        require("ingest", folder.state(), folder.epoch_id)
        verified: list[tuple[str, Verified]] = []
        lines: list[Line] = []
        for where, text in (each for source in sources for each in _tokens(source)):
            try:
                verified.append((where, verify_token(session, text, trust, documents)))
            except LedgerError as error:
                lines.append(Line(where, "refused", None, None, str(error)))
        end = folder.window().end
        peers = read_peers(session.node.root)
        roots: Roots = {(str(peer.node_id), scope): root for peer in peers for scope, root in peer.roots.items()}
        judged = judge(trust, [found for _, found in verified], roots)
        places = {id(one): where for one, (where, _) in zip(judged, verified, strict=True)}
        counting = {id(one): name for name, one in merged(trust, judged)}
        known = Ingest(session).known()
        known.look_up(folder.scope_id, counting.values())
        provenance = Provenance(folder.node_id, folder.scope_id, SOURCE, __version__, session.now, session.now)
        sealed: list[bytes] = []
        for one in judged:
            name = counting.get(id(one))
            where = places[id(one)]
            if one.quantity is None:
                lines.append(Line(where, "refused", None, None, one.told))
            elif name is None:
                lines.append(Line(where, "known", None, one.quantity, "said by another of these issuers too"))
            elif known.get(name) is not None:
                lines.append(Line(where, "known", name, one.quantity, "is an event of this node already"))
            elif one.credential.valid_from >= end:
                lines.append(Line(where, "refused", None, None, f"lies after the open epoch, which ends at {end}"))
            else:
                sealed.append(_sealed(name, one, provenance))
                lines.append(Line(where, "added", name, one.quantity, one.told))
        append_activity(folder, sealed)
        return lines


def _sealed(name: str, judged: Judged, provenance: Provenance) -> bytes:
    found, subject = judged.credential, judged.credential.subject
    metadata: dict[str, str | int | bool | None] = {
        "estimate": subject.estimate,
        "issuer": found.issuer,
        "node": subject.nodeId,
        "receipt_hash": subject.receiptHash,
        "scope": subject.scope,
        "token_sha256": found.token_hash,
        "work_item": subject.workItem,
        "work_points": subject.workPoints,
    }
    quantity = judged.quantity or 1
    time, role = found.valid_from, subject.role
    return seal(EventId(name), found.address, time, role, metadata, None, subject.id, SOURCE, provenance, quantity).line


def _tokens(source: str) -> list[tuple[str, str]]:
    """The tokens of a file or address, one a line, each with its place."""
    if "://" in source:
        data = fetch.fetch(source)
    else:
        try:
            data = Path(source).read_bytes()
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", path=source) from None
    lines = data.decode("ascii", "replace").split("\n")
    return [(f"{source}:{number}", line) for number, line in enumerate(lines, start=1) if line.strip()]
