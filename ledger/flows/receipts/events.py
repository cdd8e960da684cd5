"""From receipts to events: what the run that closes an epoch writes, and what the rules leave out by themselves.

An approved receipt becomes one event, once, when its epoch goes to review; so one that was revoked before never does.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from ledger.core.receiptevents import MARK, due
from ledger.core.receiptlog import ReceiptState
from ledger.core.receipts import PRODUCER_VERSION, SOURCE, event_payload
from ledger.core.records.activity import ActivityEvent
from ledger.core.sealing import Provenance, seal
from ledger.core.values import EventId
from ledger.flows.receipts.log import load_receipts
from ledger.flows.session import Session
from ledger.store.append import append_activity
from ledger.store.epochfolder import EpochFolder

ID = b'"id":"%b:' % SOURCE.encode()
"""Where it stands in a line, the line may be an event with a receipt's id, or have such a field in its metadata."""
_TEXT = rb'"(?:[^"\\]|\\.)*"'
_IDS = re.compile(
    rb'^\{"artifact_url":'
    + _TEXT
    + rb',"event_time":"[^"]*","event_type":"[^"]*","id":"('
    + SOURCE.encode()
    + rb':[^"]+)"',
    re.M,
)
"""The id of an event, by what a canonical line begins with: metadata may have a field of that name too."""


def marked(folder: EpochFolder) -> Iterator[tuple[str, bytes]]:
    """The name and bytes of each shard of an epoch's log that may hold an event of a receipt, or the id of one."""
    for shard in folder.shards():
        data = folder.read(shard.name)
        if MARK in data or ID in data:
            yield shard.name, data


def receipt_events(folder: EpochFolder) -> frozenset[str]:
    """The ids of the events that receipts became in an epoch, by a look at the bytes of its log."""
    return frozenset(found.decode() for _, data in marked(folder) for found in _IDS.findall(data))


def events_elsewhere(session: Session, folder: EpochFolder) -> frozenset[str]:
    """The receipts that are events of another epoch of the scope."""
    others = (one for one in session.node.epochs(folder.scope_id) if one.epoch_id != folder.epoch_id)
    return frozenset().union(*map(receipt_events, others))


def write_receipt_events(session: Session, folder: EpochFolder) -> int:
    """Append each approved receipt that is due as an event; returns how many. Call inside the write lock."""
    receipts = load_receipts(session)
    if not receipts.acts:
        return 0
    there = receipt_events(folder) | events_elsewhere(session, folder)
    provenance = Provenance(
        node_id=folder.node_id,
        scope_id=folder.scope_id,
        producer=SOURCE,
        producer_version=PRODUCER_VERSION,
        retrieved_at=session.now,
        ingested_at=session.now,
    )
    lines = [
        _sealed(state, provenance)
        for state in due(receipts.book.states.values(), folder.scope_id, folder.window().end, there)
        if state.acts[-1].at < session.now
    ]
    append_activity(folder, lines)
    if lines:
        session.tell(f"{folder.scope_id}: {len(lines)} receipts became events of epoch {folder.epoch_id}")
    return len(lines)


def _sealed(state: ReceiptState, provenance: Provenance) -> bytes:
    payload = event_payload(state.receipt_hash, state.receipt)
    return seal(
        state.event_id,
        payload["artifact_url"],
        payload["event_time"],
        payload["event_type"],
        payload["metadata"],
        None,
        payload["platform_user_id"],
        SOURCE,
        provenance,
        payload["quantity"],
    ).line


def exclusions(session: Session, folder: EpochFolder) -> Iterator[tuple[EventId, str]]:
    """Events of the epoch that receipts leave out, with the reason: those of revoked receipts, and where the approver
    set says `covers`, those that a receipt stands for.
    """
    mine = receipt_events(folder)
    if not mine:
        return
    states = [state for state in load_receipts(session).book.states.values() if state.event_id in mine]
    latest = _latest(states)
    for event_id, state in sorted(latest.items()):
        if not state.stands:
            last = state.acts[-1]
            yield EventId(event_id), f"policy: its receipt {state.receipt_hash[:12]} was revoked: {last.reason}"
    rights = session.node.chain(folder.scope_id).current
    if rights is not None and rights.covers:
        for event_id, receipt in sorted(same_work(folder).items()):
            if receipt not in latest or latest[receipt].stands:
                yield EventId(event_id), f"policy: the same work as {receipt}, which has the same link"


def _latest(states: Iterable[ReceiptState]) -> dict[str, ReceiptState]:
    """By event: the receipt that stands under its key, else the one that was issued last."""
    found: dict[str, ReceiptState] = {}
    for state in states:
        before = found.get(state.event_id)
        if before is None or state.stands or not before.stands:
            found[state.event_id] = state
    return found


def same_work(folder: EpochFolder) -> dict[str, str]:
    """Events of other sources whose link an event of a receipt in the epoch has too: their ids, and the receipt's."""
    if not receipt_events(folder):
        return {}
    links: dict[str, str] = {}
    others: dict[str, list[str]] = defaultdict(list)
    for _, _, event in folder.events():
        if event.source == SOURCE:
            links.setdefault(_link(event), event.id)
        else:
            others[_link(event)].append(event.id)
    return {event_id: links[link] for link in links for event_id in others.get(link, ())}


def _link(event: ActivityEvent) -> str:
    return event.artifact_url.rstrip("/")
