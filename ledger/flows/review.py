"""Close ingestion and draft the statement: open to review, or pin the approvers anew (`--repin`).

Holds INGESTION_CLOSED_ON_REVIEW, APPROVERS_PINNED_AT_REVIEW and POOL_REQUIRES_BASE: an epoch must never enter a state
that it cannot leave, so everything that finalize needs is checked before the first byte is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.core.errors import ConfigError, StateError
from ledger.core.lifecycle import pin_to, require
from ledger.core.pool import rules_of
from ledger.core.windows import HOUR, later
from ledger.flows.amend import review_amendment
from ledger.flows.approvers import SetsToPin, sets_to_pin
from ledger.flows.completeness import stream_statuses
from ledger.flows.drafting import Draft, completed, draft, preview, require_order, require_sound, step_to_review
from ledger.flows.ingest import Ingest
from ledger.flows.opening import RUN_ACTOR
from ledger.flows.policy import apply_policy
from ledger.flows.poolrules import rule_components
from ledger.flows.receipts.events import write_receipt_events
from ledger.flows.session import Session
from ledger.flows.statementlog import complete_log
from ledger.flows.streamrun import StreamReport
from ledger.store.amendments import AmendmentFolder
from ledger.store.append import append_records
from ledger.store.epochfolder import EpochFolder


@dataclass(frozen=True, slots=True)
class Reviewed:
    """The outcome: the draft, what the last collection brought, and whether the epoch had been in review before."""

    draft: Draft
    reports: Sequence[StreamReport]
    already: bool


def due_for_review(session: Session, folder: EpochFolder) -> bool:
    """Whether the window has ended and the node's grace has passed."""
    grace = session.node.settings.epoch.grace_hours * HOUR
    return later(folder.window().end, grace) <= session.now


def check_ready(session: Session, folder: EpochFolder) -> SetsToPin:
    """Which approver set review pins; raises the precise error when finalize could not follow."""
    scope = session.node.scope(folder.scope_id)
    path = f"scopes/{scope.scope_id}.yaml"
    if not scope.approvers:
        raise ConfigError(
            f"scope {scope.scope_id} has no approvers, so nobody could sign",
            rule="APPROVERS_PER_SCOPE",
            path=path,
            hint="List at least one approver with a wallet, then run this again.",
        )
    recorded = {line.component_id: line.action for line in folder.pool()}  # the last word on each
    ruled = any(rule.component == "base_issuance" for rule in rules_of(folder.epoch()))
    if recorded.get("base_issuance", "record" if ruled else "withdraw") == "withdraw":
        raise ConfigError(
            "base issuance is neither pinned by a rule nor recorded",
            rule="POOL_REQUIRES_BASE",
            path=path,
            hint="Record it: ledger pool add base_issuance AMOUNT. (For epochs to come, set pool.base_issuance.)",
        )
    if (
        folder.epoch_id > 1
        and (state := session.node.epoch(folder.scope_id, folder.epoch_id - 1).state()) != "finalized"
    ):
        raise StateError(
            f"epoch {folder.epoch_id - 1} is still in {state}; statements follow one another",
            rule="ONE_ACTIVE_EPOCH",
            hint=f"Finalize epoch {folder.epoch_id - 1} first.",
        )
    return sets_to_pin(session, folder.scope_id)


def review(
    session: Session,
    folder: EpochFolder,
    ingest: Ingest,
    *,
    accepted_gaps: Sequence[str] = (),
    actor: str = RUN_ACTOR,
    reports: Sequence[StreamReport] | None = None,
) -> Reviewed:
    """Collect a last time up to the window's end, record the base issuance, close ingestion, draft the statement.

    `accepted_gaps` names sources that may fail or be incomplete. `reports`: the last collection, where the caller has
    just made it over all sources. Call inside the write lock. Running it again in review completes a killed run and
    changes nothing else.
    """
    if isinstance(folder, AmendmentFolder):
        already = folder.state() == "review"
        return Reviewed(review_amendment(session, folder, actor), (), already=already)
    if folder.state() == "review":
        return Reviewed(completed(session, folder), (), already=True)
    require("review", folder.state(), folder.epoch_id)
    require_order(session, folder)
    end = folder.window().end
    if session.now < end:
        raise StateError(
            f"epoch {folder.epoch_id} runs until {end}",
            rule="INGESTION_CLOSED_ON_REVIEW",
            hint="Its window must end before review; nothing was changed.",
        )
    complete_log(session, folder.scope_id)
    sets = check_ready(session, folder)
    if reports is None:
        ingest.check(folder.scope_id)
        reports = ingest.run(folder)
    gaps = _gaps(session, folder, reports, accepted_gaps)
    pin = pin_to(sets.pinned, gaps)
    write_receipt_events(session, folder)
    apply_policy(session, folder)
    derived = require_sound(preview(session, folder, pin))  # all must be right before the epoch leaves `open`
    append_records(folder.root, folder.path("pool.jsonl"), rule_components(session, folder, derived))
    sets.propose(session)
    step_to_review(session, folder, pin, actor)
    session.tell(f"{folder.scope_id}: epoch {folder.epoch_id} is in review")
    return Reviewed(draft(session, folder), reports, already=False)


def repin(session: Session, folder: EpochFolder, actor: str) -> Draft | None:
    """Pin the approver set that counts now; None when it is pinned already. Proposes whom the scope's file names.

    The statement changes with its approver set, which voids the signatures so far. Call inside the write lock.
    """
    require("repin", folder.state(), folder.epoch_id)
    complete_log(session, folder.scope_id)
    sets = check_ready(session, folder)
    steps = folder.transitions()
    last = next(step for step in reversed(steps) if step.to == "review")
    sets.propose(session)
    if (last.approvers_seq, last.approver_set_hash) == (sets.pinned.seq, sets.pinned.set_hash):
        completed(session, folder)
        return None
    require_order(session, folder)
    pin = pin_to(sets.pinned, last.gaps or ())
    step_to_review(session, folder, pin, actor)
    return draft(session, folder, anew=True)


def _gaps(session: Session, folder: EpochFolder, reports: Sequence[StreamReport], accepted: Sequence[str]) -> list[str]:
    """The gaps to pin, in words; StateError names every incomplete source that nobody accepted.

    What is incomplete is what `ledger status` calls so. A stream that the last collection did not name stands under the
    source's kind, since the record names no more. Accepting a source by name accepts its kind's.
    """
    names = {(report.source, report.stream): report.name for report in reports}
    found: dict[str, list[str]] = {}
    for one in stream_statuses(session, folder):
        if not one.complete:
            words = one.troubles or [f"{one.stream} was not read for {stretch}" for stretch in one.missing]
            found.setdefault(names.get((one.source, one.stream), one.source), []).extend(words)
    kinds = {entry.source for entry in session.node.scope(folder.scope_id).sources if entry.name in accepted}
    open_gaps = sorted(set(found) - set(accepted) - kinds)
    if open_gaps:
        raise StateError(
            "the last collection is incomplete: " + "; ".join(f"{name}: {found[name][0]}" for name in open_gaps),
            rule="INGESTION_CLOSED_ON_REVIEW",
            hint="Mend the source and run this again, or accept the gap by name, on the record: "
            + " ".join(f"--accept-gap {name}" for name in open_gaps),
        )
    return sorted(f"{name}: {trouble}" for name, troubles in found.items() for trouble in sorted(set(troubles)))
