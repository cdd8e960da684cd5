"""Who may sign a plan at a moment: people with their wallets, and how many of them it takes."""

from __future__ import annotations

from ledger.core.config import ScopeSettings
from ledger.core.errors import InputError
from ledger.core.settling import ApproversAt, approvers_of
from ledger.store.node import Node


def approvers_at(node: Node, scope_id: str) -> ApproversAt:
    """The approvers of a scope at any time, by its chain of approver sets."""
    return approvers_of(node.chain(node.scope(scope_id).scope_id))


def acting_approver(scope: ScopeSettings, actor: str | None) -> str:
    """Who acts for the scope: the one named, or its only approver; InputError for anyone else."""
    people = sorted(person.id for person in scope.approvers)
    found = actor or (people[0] if len(people) == 1 else None)
    if found not in people:
        raise InputError(
            f"{found} is no approver of scope {scope.scope_id}" if found else "which approver acts?",
            rule="APPROVERS_PER_SCOPE",
            path=f"scopes/{scope.scope_id}.yaml",
            hint=f"Add --actor (or set LEDGER_ACTOR) with one of: {', '.join(people) or 'nobody yet'}.",
        )
    return found
