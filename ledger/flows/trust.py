"""What a scope's trust rests on: its root, and what about it people should be told every time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ledger.core.approvers import RULE, Chain
from ledger.core.config import ScopeSettings
from ledger.core.evaluate import Finding
from ledger.core.nextset import named_by, to_propose
from ledger.core.values import Hash
from ledger.store import layout


@dataclass(frozen=True, slots=True)
class Trust:
    """One scope's root (None while no set counts), the number of the set that counts, and notices in words."""

    scope_id: str
    root: Hash | None
    approvers_seq: int | None
    notices: tuple[str, ...]


def trust_of(scope: ScopeSettings, chain: Chain) -> Trust:
    """What `verify` tells about a scope's approvers, whether or not anything is wrong."""
    current = chain.current
    return Trust(scope.scope_id, chain.root, current.seq if current else None, tuple(_notices(scope, chain)))


def _notices(scope: ScopeSettings, chain: Chain) -> Iterator[str]:
    path, current = layout.approvers_path(scope.scope_id), chain.current
    for line in chain.new_roots:
        since = chain.since[line.seq - 1]
        state = f"counts since {since}" if since is not None else "does not count yet"
        yield f"{path}:{line.seq}: a NEW ROOT, {line.line_hash}, {state}; the reason given: {line.reason}"
    last = current or chain.to_pin()
    if last is not None and not named_by(scope).same_as(last):
        what = "is not proposed yet" if to_propose(chain, scope) else "is proposed and waits for signatures"
        names = "names other approvers than set" if scope.approvers else "names no approvers, unlike set"
        yield f"{layout.scope_path(scope.scope_id)}: {names} {last.seq} of the chain, which decides; the change {what}"


def root_findings(trusted: Sequence[Trust], roots: Sequence[str]) -> Iterator[Finding]:
    """What speaks against roots that somebody kept: each scope with a root has one of them, and none is lost."""
    others = [one for one in trusted if one.root is not None and one.root not in roots] if roots else []
    for one in others:
        message = "the root of the approvers is another than the one that you gave"
        yield Finding(RULE, message, layout.approvers_path(one.scope_id), None, " or ".join(roots), one.root)
    there = {one.root for one in trusted}
    for root in roots:
        if root not in there and not others:
            yield Finding(RULE, "no scope that was looked at has this root", layout.APPROVERS, None, root, "none")
