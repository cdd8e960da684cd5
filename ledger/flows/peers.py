"""Other ledgers beside this one: each verified whole from its clone, its past remembered as a witness does.

Only facts cross: nothing of a peer enters this node's arithmetic, and what its people got is told as theirs.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ledger.core.errors import DifferenceError, InputError, UsageError
from ledger.core.evaluate import Finding
from ledger.core.identity import AccountKey, resolve_accounts
from ledger.core.merkle import merkle_root
from ledger.core.values import Credits, ScopeId, UserId
from ledger.flows.identity import display_names
from ledger.flows.session import Session, find_node, open_session
from ledger.flows.witness import Witnessed, witness
from ledger.store.files import write_file, write_lock
from ledger.store.peers import (
    FILE,
    FOLDER,
    NAME,
    Checkpoint,
    Found,
    Peer,
    SamePerson,
    read_found,
    read_peers,
    write_form,
)

EVERYWHERE = frozenset({"discord", "github", "wallet"})
"""Providers whose accounts are the same in every ledger; a name in a file of one ledger says nothing in another."""


@dataclass(frozen=True, slots=True)
class Theirs:
    """What one of a peer's people got there in all: never added to anything here."""

    user_id: UserId
    name: str
    credits: Credits
    accounts: tuple[AccountKey, ...]


@dataclass(frozen=True, slots=True)
class PeerCheck:
    """How a peer stands now: finalized epochs, those that are new since, and everything that does not hold."""

    peer: Peer
    epochs: int
    new: int
    findings: tuple[Finding, ...]
    people: tuple[Theirs, ...]
    checkpoints: tuple[Checkpoint, ...]

    @property
    def ok(self) -> bool:
        """Whether all of it recomputes and is what it was."""
        return not self.findings


def known_peers(session: Session) -> list[tuple[Peer, Found | None]]:
    """All peers with what was found of each when it last verified; asks nobody."""
    root = session.node.root
    return [(peer, read_found(root, peer)) for peer in read_peers(root)]


def add_peer(session: Session, name: str, clone: Path) -> PeerCheck:
    """Verify another ledger's clone whole and remember it; DifferenceError, and nothing is written, where it fails."""
    if re.fullmatch(NAME, name) is None:
        raise UsageError(f"{name!r} is no name for a peer", hint="a-z, 0-9 and -, as in garden-club.")
    with _other(session, clone) as there:
        if there.node.node_id == session.node.node_id:
            raise InputError("is a clone of this very node", path=str(clone))
        peers = {peer.name: peer for peer in read_peers(session.node.root)}
        known = peers.get(name)
        if known is not None and known.node_id != there.node.node_id:
            raise InputError(
                f"{name} is node {known.node_id}, and this clone is of {there.node.node_id}",
                path=FILE,
                hint="Give the other ledger another name.",
            )
        seen = witness(there, [session.node.root / (known.memory if known else f"{FOLDER}/{name}.jsonl")])
        roots = {trust.scope_id: trust.root for trust in seen.verification.trust}
        peer = known or Peer(name=name, node_id=there.node.node_id, roots=dict(roots), where=str(clone))
        found = _check(there, peer, seen)
        if not found.ok:
            first = found.findings[0]
            raise DifferenceError(
                f"{first.message}; nothing was remembered",
                rule=first.rule,
                path=first.path,
                line=first.line,
                hint="`ledger verify` in that clone shows all of it.",
            )
    with write_lock(session.node.root):
        peers[name] = peer.model_copy(update={"where": str(clone)})
        value = {"peers": [peers[each].model_dump() for each in sorted(peers)]}
        write_file(session.node.root, FILE, write_form(value))
        _remember(session, found)
    return found


def verify_peers(session: Session, names: Sequence[str] = (), clone: Path | None = None) -> list[PeerCheck]:
    """Verify the peers asked for (none: all) and compare each with what is remembered. `clone`: instead of `where`."""
    peers = read_peers(session.node.root)
    unknown = set(names) - {peer.name for peer in peers}
    if unknown:
        raise InputError(f"there is no peer {min(unknown)!r}", path=FILE, hint="`ledger peers status` lists them.")
    chosen = [peer for peer in peers if not names or peer.name in names]
    if clone is not None and len(chosen) != 1:
        raise UsageError("--clone goes with one peer", hint="ledger peers verify NAME --clone DIR")
    found = [_verify(session, peer, clone or Path(peer.where)) for peer in chosen]
    with write_lock(session.node.root):
        for each in found:
            if each.ok:
                _remember(session, each)
    return found


def _remember(session: Session, found: PeerCheck) -> None:
    """Write down when it verified, how far it was, and those of its people who have an account that is ours too.

    Nobody else of theirs gets into this node.
    """
    ours = resolve_accounts(session.node.bindings())
    same = [
        SamePerson(
            credits=one.credits, external_id=external, name=one.name[:300], provider=provider, user_id=one.user_id
        )
        for one in found.people
        for provider, external in [account for account in one.accounts if account in ours][:1]
    ]
    value = Found(checkpoints=list(found.checkpoints), people=same, verified_at=session.now)
    write_file(session.node.root, found.peer.findings, write_form(value.model_dump()))


def _verify(session: Session, peer: Peer, clone: Path) -> PeerCheck:
    with _other(session, clone) as there:
        return _check(there, peer, witness(there, [session.node.root / peer.memory]))


def _check(there: Session, peer: Peer, seen: Witnessed) -> PeerCheck:
    return PeerCheck(
        peer=peer,
        epochs=sum(epoch.state == "finalized" for epoch in seen.verification.epochs),
        new=len(seen.new),
        findings=(*_changed(peer, there, seen), *seen.all_findings),
        people=tuple(_people(there)),
        checkpoints=tuple(_checkpoints(there)),
    )


def _changed(peer: Peer, there: Session, seen: Witnessed) -> Iterator[Finding]:
    """Another node behind the name, or another root of a scope's approvers than was first seen."""
    if there.node.node_id != peer.node_id:
        yield Finding(
            "NODE_SCOPED", "is another node than before", "ledger.yaml", None, peer.node_id, there.node.node_id
        )
    now = {trust.scope_id: trust.root for trust in seen.verification.trust}
    for scope_id, root in sorted(peer.roots.items()):
        if root is not None and now.get(scope_id) != root:
            message = f"the root of scope {scope_id}'s approvers is another than before"
            path = f"data/approvers/{scope_id}.jsonl"
            yield Finding("APPROVERS_CHAINED", message, path, None, root, now.get(scope_id) or "none")


def _people(there: Session) -> Iterator[Theirs]:
    totals: dict[UserId, int] = {}
    for scope_id in there.node.scopes:
        for folder in there.node.epochs(scope_id):
            statement = folder.statement() if folder.state() == "finalized" else None
            for line in statement.payouts if statement else ():
                totals[line.user_id] = totals.get(line.user_id, 0) + line.amount_credits
    names = display_names(there)
    accounts: dict[UserId, list[AccountKey]] = {}
    for account, user in sorted(resolve_accounts(there.node.bindings()).items()):
        if account[0] in EVERYWHERE:
            accounts.setdefault(user, []).append(account)
    for user, amount in sorted(totals.items()):
        yield Theirs(user, names.get(user, user), Credits(amount), tuple(accounts.get(user, ())))


def _checkpoints(there: Session) -> Iterator[Checkpoint]:
    """Of each scope: size and root of its log of finalized statements, as its own site publishes them."""
    for scope_id in there.node.scopes:
        hashes = [
            folder.hash_of("statement.json") for folder in there.node.epochs(scope_id) if folder.state() == "finalized"
        ]
        root = bytes.fromhex(merkle_root(text.encode() for text in hashes))
        yield Checkpoint(root=base64.b64encode(root).decode(), scope_id=ScopeId(scope_id), size=len(hashes))


class _other:
    """A session over another ledger's clone, closed at the end."""

    def __init__(self, session: Session, clone: Path) -> None:
        self.session = open_session(find_node(clone), session.now)

    def __enter__(self) -> Session:
        return self.session

    def __exit__(self, *_: object) -> None:
        self.session.close()
