"""Other ledgers beside this one: each verified whole from its clone, its past remembered as a witness does.

Only facts cross: nothing of a peer enters this node's arithmetic, and what its people got is told as theirs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ledger.core.errors import ConfigError, DifferenceError, InputError, UsageError
from ledger.core.evaluate import Finding
from ledger.core.records import explain
from ledger.core.values import Credits, Node, Sha256, UserId
from ledger.flows.identity import display_names
from ledger.flows.session import Session, find_node, open_session
from ledger.flows.witness import Witnessed, witness
from ledger.store.files import read_file, write_file, write_lock

FILE = "peers.json"
FOLDER = "peers"
NAME = r"[a-z0-9][a-z0-9-]{0,62}"


class Peer(BaseModel):
    """One other ledger: its node, where its clone lies, and the root of each scope's approvers as it was first seen."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=f"^{NAME}$")]
    node_id: Node
    roots: dict[str, Sha256 | None]
    where: str

    @property
    def memory(self) -> str:
        """The file in which its finalized statements are remembered."""
        return f"{FOLDER}/{self.name}.jsonl"


@dataclass(frozen=True, slots=True)
class Theirs:
    """What one of a peer's people got there in all: never added to anything here."""

    user_id: UserId
    name: str
    credits: Credits


@dataclass(frozen=True, slots=True)
class PeerCheck:
    """How a peer stands now: finalized epochs, those that are new since, and everything that does not hold."""

    peer: Peer
    epochs: int
    new: int
    findings: tuple[Finding, ...]
    people: tuple[Theirs, ...]

    @property
    def ok(self) -> bool:
        """Whether all of it recomputes and is what it was."""
        return not self.findings


def read_peers(session: Session) -> list[Peer]:
    """All peers, by name; ConfigError names what is wrong in the file."""
    data = read_file(session.node.root, FILE)
    if data is None:
        return []
    try:
        value: Any = json.loads(data)
        return [Peer.model_validate(each) for each in value["peers"]]
    except ValidationError as error:
        raise ConfigError(explain(error), path=FILE) from None
    except (ValueError, LookupError, TypeError):
        raise ConfigError('is not {"peers":[…]}', path=FILE) from None


def add_peer(session: Session, name: str, clone: Path) -> PeerCheck:
    """Verify another ledger's clone whole and remember it; DifferenceError, and nothing is written, where it fails."""
    if re.fullmatch(NAME, name) is None:
        raise UsageError(f"{name!r} is no name for a peer", hint="a-z, 0-9 and -, as in garden-club.")
    with _other(session, clone) as there:
        if there.node.node_id == session.node.node_id:
            raise InputError("is a clone of this very node", path=str(clone))
        peers = {peer.name: peer for peer in read_peers(session)}
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
        text = json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True)
        write_file(session.node.root, FILE, text.encode() + b"\n")
    return found


def verify_peers(session: Session, names: Sequence[str] = (), clone: Path | None = None) -> list[PeerCheck]:
    """Verify the peers asked for (none: all) and compare each with what is remembered. `clone`: instead of `where`."""
    peers = read_peers(session)
    unknown = set(names) - {peer.name for peer in peers}
    if unknown:
        raise InputError(f"there is no peer {min(unknown)!r}", path=FILE, hint="`ledger peers status` lists them.")
    chosen = [peer for peer in peers if not names or peer.name in names]
    if clone is not None and len(chosen) != 1:
        raise UsageError("--clone goes with one peer", hint="ledger peers verify NAME --clone DIR")
    return [_verify(session, peer, clone or Path(peer.where)) for peer in chosen]


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
    for user, amount in sorted(totals.items()):
        yield Theirs(user, names.get(user, user), Credits(amount))


class _other:
    """A session over another ledger's clone, closed at the end."""

    def __init__(self, session: Session, clone: Path) -> None:
        self.session = open_session(find_node(clone), session.now)

    def __enter__(self) -> Session:
        return self.session

    def __exit__(self, *_: object) -> None:
        self.session.close()
