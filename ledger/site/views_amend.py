"""Corrections of a finalized epoch as its page shows them: why, how far, and what changes for whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ledger.core.records import AmendmentReason, Statement
from ledger.core.values import Hash
from ledger.store.amendments import AmendmentFolder, amendments, in_force
from ledger.store.node import EpochFolder


@dataclass(frozen=True)
class Changed:
    """What a correction changes for a user, or an account whose share is held (credits before and after)."""

    name: str
    before: int
    after: int

    @property
    def difference(self) -> str:
        """With its sign."""
        return f"{self.after - self.before:+d}"


@dataclass(frozen=True)
class AmendmentView:
    """One version of an epoch after the first; `changes` are against the version before it."""

    version: int
    state: str
    reason: AmendmentReason | None
    statement_hash: Hash | None
    changes: tuple[Changed, ...]


def amendment_views(folder: EpochFolder, names: Mapping[str, str]) -> tuple[AmendmentView, ...]:
    """The corrections of an epoch that were begun, the first one first."""
    return tuple(_view(each, names) for each in amendments(folder))


def credits_in_force(folder: EpochFolder) -> dict[str, int] | None:
    """Credits by user of the version in force; None where the first one still is."""
    found = in_force(folder)
    statement = found.statement() if found.version > 1 else None
    return None if statement is None else {line.user_id: line.amount_credits for line in statement.payouts}


def _view(folder: AmendmentFolder, names: Mapping[str, str]) -> AmendmentView:
    statement, before = folder.statement(), folder.superseded()
    changes: list[Changed] = []
    if statement is not None and before is not None:
        old, new = _credits(before), _credits(statement)
        for key in sorted(old.keys() | new.keys()):
            if old.get(key, 0) != new.get(key, 0):
                changes.append(Changed(names.get(key, key), old.get(key, 0), new.get(key, 0)))
    drafted = statement.statement_hash if statement is not None else None
    return AmendmentView(folder.version, folder.state(), folder.reason(), drafted, tuple(changes))


def _credits(statement: Statement) -> dict[str, int]:
    held = {f"held for {line.key}": int(line.amount_credits) for line in statement.held}
    return {line.user_id: int(line.amount_credits) for line in statement.payouts} | held
