"""Corrections of a finalized epoch as its page shows them: why, how far, and what changes for whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ledger.core.lifecycle import Pin
from ledger.core.records.epoch import AmendmentReason
from ledger.core.records.statement import Statement
from ledger.core.values import Hash
from ledger.store.amendments import AmendmentFolder, amendments, in_force
from ledger.store.epochfolder import EpochFolder


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
class Decided:
    """What was decided for a version: when, by whom, on what, and why."""

    at: str
    actor: str
    what: str
    reason: str


@dataclass(frozen=True)
class AmendmentView:
    """One version of an epoch after the first; `changes` are against the version before it.

    `signed`: who signed it as it stands (person, wallet, when); `final_at`: since when it is in force.
    """

    version: int
    state: str
    reason: AmendmentReason | None
    statement_hash: Hash | None
    changes: tuple[Changed, ...]
    decisions: tuple[Decided, ...]
    signed: tuple[tuple[str, str, str], ...]
    final_at: str | None


def amendment_views(folder: EpochFolder, names: Mapping[str, str]) -> tuple[AmendmentView, ...]:
    """The corrections of an epoch that were begun, the first one first."""
    return tuple(_view(each, names) for each in amendments(folder))


def joined_report(versions: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The verdicts on an epoch and its corrections as one report: what fails in any of them fails."""
    first, *later = versions
    checks = []
    for number, check in enumerate(first.get("checks", ())):
        others = [each["checks"][number] for each in later]
        failed = any(one["verdict"] == "fail" for one in (check, *others))
        findings = [finding for one in (check, *others) for finding in one["findings"]]
        checks.append({**check, "verdict": "fail" if failed else check["verdict"], "findings": findings})
    return {**first, "checks": checks} if later else first


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
    pin, closing = folder.pin(), folder.transitions()[-1]
    signed = () if pin is None else tuple(_signed(folder, pin, drafted))
    final_at = closing.at if closing.to == "finalized" else None
    decided = _decided(folder, names)
    state, reason = folder.state(), folder.reason()
    return AmendmentView(folder.version, state, reason, drafted, tuple(changes), decided, signed, final_at)


def _signed(folder: AmendmentFolder, pin: Pin, drafted: str | None) -> Iterator[tuple[str, str, str]]:
    """Who signed the version as it stands."""
    for line in folder.signatures():
        if line.statement_hash == drafted:
            person = pin.person_of(line.signer_wallet) or "nobody of the pinned approvers"
            yield person, line.signer_wallet, line.signed_at


def _decided(folder: AmendmentFolder, names: Mapping[str, str]) -> tuple[Decided, ...]:
    """The version's own decisions; those of the versions before are told with them."""
    found = [
        Decided(line.at, line.actor, f"{line.action} {line.event_id}", line.note or names.get(str(line.user_id), ""))
        for line in EpochFolder.curation(folder)
    ]
    for override in EpochFolder.overrides(folder):
        name = names.get(override.user_id, override.user_id)
        what = f"{'units of' if override.final_units is not None else 'units again by the weights for'} {name}"
        found.append(Decided(override.at, override.actor, what, override.reason))
    for award in folder.own_awards():
        whom = f"award to {names.get(award.user_id, award.user_id)}" if award.user_id else f"cancel {award.award}"
        found.append(Decided(award.at, award.actor, whom, award.reason))
    return tuple(sorted(found, key=lambda one: one.at))


def _credits(statement: Statement) -> dict[str, int]:
    held = {f"held for {line.key}": int(line.amount_credits) for line in statement.held}
    return {line.user_id: int(line.amount_credits) for line in statement.payouts} | held
