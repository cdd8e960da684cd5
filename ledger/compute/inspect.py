"""What is wrong with one activity line, in words: core's reader decides, slowly, on the few lines that SQL doubts."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.core.canonical import decode
from ledger.core.errors import FormatError
from ledger.core.evaluate import Finding
from ledger.core.records.activity import ActivityEvent, payload_hash
from ledger.core.records.epoch import Epoch


def judge(raw: bytes, epoch: Epoch, path: str, line: int) -> Iterator[Finding]:
    """Everything that is wrong with the line `raw` (without its line end) of an epoch's log."""
    try:
        value = decode(raw)
        event = ActivityEvent.read(value)
    except FormatError as error:
        yield Finding("PROVENANCE_REQUIRED", error.message, path, line)
        return
    if event.node_id != epoch.node_id:
        yield Finding("NODE_SCOPED", "record of another node", path, line, epoch.node_id, event.node_id)
    if event.scope_id != epoch.scope_id:
        yield Finding("SCOPE_SCOPED", "record of another scope", path, line, epoch.scope_id, event.scope_id)
    if event.event_time >= epoch.period_end:
        yield Finding(
            "EPOCH_WINDOW_UNIQUE",
            "the event belongs to a later window",
            path,
            line,
            f"before {epoch.period_end}",
            event.event_time,
        )
    if (right := payload_hash(value)) != event.payload_hash:
        yield Finding("PROVENANCE_REQUIRED", "wrong payload hash", path, line, right, event.payload_hash)
