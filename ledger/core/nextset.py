"""Whom a scope's file names as its approvers, and the set that it would propose next to the chain."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.core.approvers import Chain
from ledger.core.config import ScopeSettings
from ledger.core.records.approvers import ApproverSet, IssuerRights, Member, approver_set_hash
from ledger.core.values import Hash, Timestamp


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a scope's file says who signs: the content of a set without its place in the chain."""

    approvers: tuple[Member, ...]
    threshold: int
    issuers: tuple[IssuerRights, ...] = ()
    covers: bool = False
    self_approve: bool = False

    @property
    def set_hash(self) -> Hash:
        """`approver_set_hash` of a set with this content."""
        return approver_set_hash(self.approvers, self.issuers, covers=self.covers, self_approve=self.self_approve)

    def same_as(self, line: ApproverSet | None) -> bool:
        """Whether a set has this content."""
        return line is not None and (line.set_hash, line.threshold) == (self.set_hash, self.threshold)


def named_by(scope: ScopeSettings) -> Proposal:
    """The people whom a scope's file names, in the form of a set."""
    approvers = [Member(id=person.id, wallets=tuple(sorted(person.wallets))) for person in scope.approvers]
    issuers = [
        IssuerRights(
            id=person.id,
            wallets=tuple(sorted(person.wallets)),
            can_approve=person.can_approve,
            can_close_epoch=person.can_close_epoch,
            can_issue=person.can_issue,
        )
        for person in scope.issuers
    ]
    return Proposal(
        tuple(sorted(approvers, key=lambda person: person.id)),
        scope.threshold,
        tuple(sorted(issuers, key=lambda person: person.id)),
        scope.covers,
        scope.self_approve,
    )


def next_set(
    chain: Chain, scope: ScopeSettings, node_id: str, at: Timestamp, reason: str, *, root: bool = False
) -> ApproverSet:
    """The line that would propose whom the scope's file names; `root` begins anew (also while no set counts)."""
    named, last = named_by(scope), chain.sets[-1] if chain.sets else None
    begins = root or chain.current is None
    return ApproverSet.model_validate(
        {
            "approvers": named.approvers,
            "at": max(at, last.at) if last else at,
            "covers": named.covers,
            "issuers": named.issuers,
            "node_id": node_id,
            "previous": None if begins or last is None else last.line_hash,
            "reason": reason,
            "scope_id": scope.scope_id,
            "self_approve": named.self_approve,
            "seq": len(chain.sets) + 1,
            "threshold": named.threshold,
        }
    )


def to_propose(chain: Chain, scope: ScopeSettings) -> bool:
    """Whether the scope's file names others than the set that counts and than the last one proposed."""
    named = named_by(scope)
    return bool(named.approvers) and not any(named.same_as(line) for line in (chain.current, chain.waiting))


def to_sign(chain: Chain, scope: ScopeSettings) -> ApproverSet | None:
    """The set that waits for signatures: the last line, while it does not count and the scope's file names it."""
    line = chain.waiting
    return line if line is not None and named_by(scope).same_as(line) else None
