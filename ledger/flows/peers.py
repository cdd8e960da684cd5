"""Other ledgers beside this one, verified from a clone or by their site; their past is remembered as a witness does.

Only facts cross: nothing of a peer enters this node's arithmetic, and what its people got is told as theirs.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ledger.core.errors import DifferenceError, InputError, StateError, UsageError
from ledger.core.evaluate import Finding
from ledger.core.identity import AccountKey, names_of, resolve_accounts
from ledger.core.merkle import merkle_root
from ledger.core.records.decisions import Binding
from ledger.core.records.statement import Statement
from ledger.core.values import Credits, Hash, NodeId, ScopeId, UserId
from ledger.flows.peersite import look_at
from ledger.flows.session import Session, find_node, open_session
from ledger.flows.witness import changed_past, memory_form, read_memory, root_of, seen_of, witness
from ledger.store.files import write_file, write_lock
from ledger.store.peers import (
    FILE,
    FOLDER,
    NAME,
    Checkpoint,
    Found,
    Peer,
    SamePerson,
    Way,
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
    """How a peer stands now: finalized epochs, those that are new since, and everything that does not hold.

    `way`: by what it was looked at; `where`: the clone, or the address of its site.
    """

    peer: Peer
    way: Way
    where: str
    epochs: int
    new: int
    findings: tuple[Finding, ...]
    people: tuple[Theirs, ...]
    checkpoints: tuple[Checkpoint, ...]

    @property
    def ok(self) -> bool:
        """Whether all of it recomputes and is what it was."""
        return not self.findings


Looked = tuple[PeerCheck, bytes]
"""How a peer stands, and what is to be remembered of it as a witness does."""


def known_peers(session: Session) -> list[tuple[Peer, Found | None]]:
    """All peers with what was found of each when it last verified; asks nobody."""
    root = session.node.root
    return [(peer, read_found(root, peer)) for peer in read_peers(root)]


def add_peer(session: Session, name: str, where: str) -> PeerCheck:
    """Verify another ledger's clone or site and remember it; DifferenceError, and nothing is written, where it fails.

    `where`: a folder, or the address of a published site.
    """
    if re.fullmatch(NAME, name) is None:
        raise UsageError(f"{name!r} is no name for a peer", hint="a-z, 0-9 and -, as in garden-club.")
    peers = {peer.name: peer for peer in read_peers(session.node.root)}
    found, memory = _look(session, name, where, peers.get(name))
    if not found.ok:
        first = found.findings[0]
        hint = "" if found.way == "site" else "`ledger verify` in that clone shows all of it."
        raise DifferenceError(
            f"{first.message}; nothing was remembered",
            rule=first.rule,
            path=first.path,
            line=first.line,
            hint="Give the other ledger another name." if first.rule == "NODE_SCOPED" else hint,
        )
    with write_lock(session.node.root):
        peers[name] = found.peer.model_copy(update={"where": where})
        value = {"peers": [peers[each].model_dump() for each in sorted(peers)]}
        write_file(session.node.root, FILE, write_form(value))
        _remember(session, found, memory)
    return found


def verify_peers(session: Session, names: Sequence[str] = (), where: str | None = None) -> list[PeerCheck]:
    """Verify the peers asked for (none: all) and compare each with what is remembered.

    `where`: a clone or a site to look at instead of the one that is remembered. Where not all can be kept, what was
    found is given all the same, and that is told.
    """
    peers = read_peers(session.node.root)
    unknown = set(names) - {peer.name for peer in peers}
    if unknown:
        raise InputError(f"there is no peer {min(unknown)!r}", path=FILE, hint="`ledger peers status` lists them.")
    chosen = [peer for peer in peers if not names or peer.name in names]
    if where is not None and len(chosen) != 1:
        raise UsageError("--clone and --site go with one peer", hint="ledger peers verify NAME --clone DIR")
    looked = [_look(session, peer.name, where or peer.where, peer) for peer in chosen]
    try:
        with write_lock(session.node.root):
            for found, memory in looked:
                if found.ok:
                    _remember(session, found, memory)
    except (OSError, StateError) as error:  # a clone that is only read, or one that another command writes to
        why = error.message if isinstance(error, StateError) else f"{error.strerror}: {error.filename}"
        session.tell(f"not all of what was found is kept ({why}): the next comparison is with what is")
    return [found for found, _ in looked]


def _remember(session: Session, found: PeerCheck, memory: bytes) -> None:
    """Write down when it verified, how far it was, and those of its people who have an account that is ours too.

    Nobody else of theirs gets into this node.
    """
    write_file(session.node.root, found.peer.memory, memory)
    ours = resolve_accounts(session.node.bindings())
    same = [
        SamePerson(
            credits=one.credits, external_id=external, name=one.name[:300], provider=provider, user_id=one.user_id
        )
        for one in found.people
        for provider, external in [account for account in one.accounts if account in ours][:1]
    ]
    value = Found(checkpoints=list(found.checkpoints), people=same, verified_at=session.now, way=found.way)
    write_file(session.node.root, found.peer.findings, write_form(value.model_dump()))


def _look(session: Session, name: str, where: str, known: Peer | None) -> Looked:
    """How the ledger at `where` stands; `known`: the peer that it should be, where there is one of this name."""
    return _by_site(session, name, where, known) if "://" in where else _by_clone(session, name, where, known)


def _by_clone(session: Session, name: str, where: str, known: Peer | None) -> Looked:
    other = open_session(find_node(Path(where)), session.now)
    try:
        _is_another(session, where, other.node.node_id)
        memory = session.node.root / (known.memory if known else f"{FOLDER}/{name}.jsonl")
        seen = witness(other, [memory], keep=False)
        roots = {trust.scope_id: trust.root for trust in seen.verification.trust}
        peer = known or Peer(name=name, node_id=other.node.node_id, roots=dict(roots), where=where)
        folders = [folder for scope_id in other.node.scopes for folder in other.node.epochs(scope_id)]
        statements = [folder.statement() for folder in folders if folder.state() == "finalized"]
        found = PeerCheck(
            peer=peer,
            way="clone",
            where=where,
            epochs=sum(epoch.state == "finalized" for epoch in seen.verification.epochs),
            new=len(seen.new),
            findings=(*_changed(peer, other.node.node_id, roots), *seen.all_findings),
            people=tuple(_people([each for each in statements if each is not None], other.node.bindings())),
            checkpoints=tuple(_checkpoints(other)),
        )
        return found, seen.memory
    finally:
        other.close()


def _by_site(session: Session, name: str, where: str, known: Peer | None) -> Looked:
    last = read_found(session.node.root, known) if known else None
    seen = look_at(where, last.checkpoints if last else ())
    _is_another(session, where, seen.node_id)
    peer = known or Peer(name=name, node_id=NodeId(seen.node_id), roots=dict(seen.roots), where=where)
    before = list(read_memory(session.node.root / peer.memory))
    now = [seen_of(seen.node_id, each.place, each.hash) for each in seen.published]
    roots = [root_of(seen.node_id, scope_id, root) for scope_id, root in seen.roots.items() if root is not None]
    keys = {line.key for line in before}
    found = PeerCheck(
        peer=peer,
        way="site",
        where=where,
        epochs=len(now),
        new=sum(each.key not in keys for each in now),
        findings=(*_changed(peer, seen.node_id, seen.roots), *changed_past(before, now, roots), *seen.findings),
        people=tuple(_people(seen.first_statements, seen.bindings)),
        checkpoints=tuple(seen.checkpoints),
    )
    return found, memory_form(now, roots)


def _is_another(session: Session, where: str, node_id: str) -> None:
    """InputError for this very node."""
    if node_id == session.node.node_id:
        raise InputError("is this very node", path=where)


def _changed(peer: Peer, node_id: str, now: Mapping[str, Hash | None]) -> Iterator[Finding]:
    """Another node behind the name, or another root of a scope's approvers than was first seen."""
    if node_id != peer.node_id:
        yield Finding("NODE_SCOPED", "is another node than before", "ledger.yaml", None, peer.node_id, node_id)
    for scope_id, root in sorted(peer.roots.items()):
        if root is not None and now.get(scope_id) != root:
            message = f"the root of scope {scope_id}'s approvers is another than before"
            path = f"data/approvers/{scope_id}.jsonl"
            yield Finding("APPROVERS_CHAINED", message, path, None, root, now.get(scope_id) or "none")


def _people(statements: Iterable[Statement], bindings: Sequence[Binding]) -> Iterator[Theirs]:
    totals: dict[UserId, int] = {}
    for line in (line for statement in statements for line in statement.payouts):
        totals[line.user_id] = totals.get(line.user_id, 0) + line.amount_credits
    names = names_of(bindings)
    accounts: dict[UserId, list[AccountKey]] = {}
    for account, user in sorted(resolve_accounts(bindings).items()):
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
