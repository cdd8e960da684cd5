"""Who acts for a scope when its money moves."""

from __future__ import annotations

from ledger.core.config import ScopeSettings
from ledger.core.errors import InputError


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
