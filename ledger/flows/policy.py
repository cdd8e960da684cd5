"""Apply a scope's written rules to an epoch, as curation on the record: nothing hidden, all can be undone.

The anti-spam rules of its file, what receipts leave out, and the rule that all scopes have: nobody is credited twice
for one piece of work. What is left out because it was recorded before is `samework`'s, while the epoch is open.
"""

from __future__ import annotations

from ledger.core.identity import resolve_accounts
from ledger.core.lifecycle import require
from ledger.core.onework import credited_twice
from ledger.core.records.decisions import Curation
from ledger.core.spam import POLICY_ACTOR, policy_exclusions
from ledger.core.values import EventId
from ledger.flows.drafting import redraft_if_reviewed
from ledger.flows.receipts.events import exclusions
from ledger.flows.session import Session
from ledger.store.append import append_records
from ledger.store.epochfolder import EpochFolder
from ledger.store.files import write_lock
from ledger.store.layout import scope_path


def policy_decisions(session: Session, folder: EpochFolder) -> list[Curation]:
    """The exclusions that the rules ask for and that are not on record; a person's word on an event goes first."""
    rules, lines = session.node.scope(folder.scope_id).spam, folder.curation()
    wanted: dict[EventId, str] = {}
    if rules or any(b"_coauthored" in shard.read_bytes() for shard in folder.shards()):
        events = [event for _, _, event in folder.events()]
        wanted |= policy_exclusions(rules, events)
        for event_id, reason in credited_twice(events, resolve_accounts(session.node.bindings())):
            wanted.setdefault(event_id, reason)
    for event_id, reason in exclusions(session, folder):
        wanted.setdefault(event_id, reason)
    decided = {line.event_id for line in lines if line.action in ("include", "exclude")}
    new = [(event_id, reason) for event_id, reason in wanted.items() if event_id not in decided]
    return [
        Curation(
            **folder.place,
            action="exclude",
            actor=POLICY_ACTOR,
            at=session.now,
            event_id=event_id,
            evidence=scope_path(folder.scope_id),
            note=reason,
            seq=len(lines) + number,
            user_id=None,
            weight_override_milli=None,
        )
        for number, (event_id, reason) in enumerate(new, start=1)
    ]


def apply_policy(session: Session, folder: EpochFolder) -> int:
    """Record what the rules ask for; returns how many events they left out now. Call inside the write lock."""
    require("curate", folder.state(), folder.epoch_id)
    new = policy_decisions(session, folder)
    append_records(folder.root, folder.path("curation.jsonl"), new)
    return len(new)


def apply_now(session: Session, folder: EpochFolder) -> int:
    """Apply the rules as one act of its own, with a new draft where the epoch is in review."""
    with write_lock(session.node.root):
        count = apply_policy(session, folder)
        if count:
            redraft_if_reviewed(session, folder)
        return count
