"""From approved receipts to events: which are due in an epoch, and whether the events that are there are theirs.

LATEST_EVENT_WINS over the two logs: what was approved by the step to review is an event, and nothing else is. The log
of receipts counts as it stood then: its first `size` lines, as the statement pins them, with a time before the step.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from ledger.core.evaluate import Finding
from ledger.core.receiptlog import LATEST, SIGNED, ReceiptState
from ledger.core.receipts import SOURCE, ReceiptAct, event_payload
from ledger.core.records.activity import ActivityEvent, payload_hash
from ledger.core.values import Hash, Timestamp

MARK = f'"source":"{SOURCE}"}}'.encode()
"""How the canonical line of such an event ends, and no other line: `source` is the last of its keys."""


def states_by(
    acts: Sequence[ReceiptAct], size: int | None = None, before: Timestamp | None = None
) -> dict[Hash, ReceiptState]:
    """Every receipt with its acts among the first `size` lines (None: all) that have a time before `before`."""
    states: dict[Hash, ReceiptState] = {}
    for act in acts[:size]:
        if before is not None and act.at >= before:
            break
        if act.receipt is not None:
            states.setdefault(act.receipt_hash, ReceiptState(act.receipt, act.receipt_hash, [act]))
        elif act.receipt_hash in states:
            states[act.receipt_hash].acts.append(act)
    return states


def due(
    states: Iterable[ReceiptState], scope_id: str, period_end: Timestamp, elsewhere: Collection[str] = ()
) -> Iterator[ReceiptState]:
    """The receipts that become events of the scope's epoch which ends at `period_end`, in the order of their time.

    Approved by their latest act, issued before the end, and not an event yet (`elsewhere`).
    """
    found = (
        state
        for state in states
        if state.status == "approved"
        and state.receipt.scope_id == scope_id
        and state.receipt.issued_at < period_end
        and state.event_id not in elsewhere
    )
    yield from sorted(found, key=lambda state: (state.receipt.issued_at, state.event_id))


def event_findings(
    events: Iterable[tuple[str, int, ActivityEvent]],
    states: Mapping[Hash, ReceiptState],
    decided: Collection[str],
) -> Iterator[Finding]:
    """What speaks against events that are, or pretend to be, of receipts: `(path, line, event)` each.

    `decided`: events about whose inclusion there is a decision, as there must be where the receipt was revoked since.
    """
    for path, line, event in events:
        hash_ = str(event.metadata.get("receipt_hash"))
        state = states.get(Hash(hash_))
        if event.source != SOURCE or event.producer != SOURCE:
            yield Finding(SIGNED, "has the id of a receipt's event and another source or producer", path, line)
        elif state is None:
            message = "is an event of a receipt that was not in the log when the epoch went to review"
            yield Finding(SIGNED, message, path, line, None, hash_)
        elif (wanted := payload_hash(event_payload(state.receipt_hash, state.receipt))) != payload_hash(event.fields()):
            yield Finding(SIGNED, "is not what its receipt says", path, line, wanted, event.payload_hash)
        elif event.scope_id != state.receipt.scope_id:
            yield Finding(SIGNED, "is an event of another scope's receipt", path, line, state.receipt.scope_id)
        elif state.status != "approved" and event.id not in decided:
            message = "is an event of a receipt that does not stand, and no decision leaves it out"
            yield Finding(LATEST, message, path, line, "approved", state.status)


def missing_findings(path: str, missing: Iterable[ReceiptState]) -> Iterator[Finding]:
    """Receipts that were approved in time and are no events; `path`: the epoch's log."""
    for state in missing:
        message = f"receipt {state.receipt.key} was approved before review and is no event of the epoch"
        yield Finding(LATEST, message, path, None, state.event_id, "none")
