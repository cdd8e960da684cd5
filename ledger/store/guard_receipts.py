"""What a change does to receipts: acts that it adds to their log, and events of receipts that it adds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from ledger.core.approvers import Chain
from ledger.core.canonical import decode
from ledger.core.errors import LedgerError
from ledger.core.evaluate import Finding
from ledger.core.receiptevents import MARK, event_findings, states_by
from ledger.core.receiptlog import SIGNED, Wallets, fold
from ledger.core.records.activity import ActivityEvent
from ledger.core.records.decisions import Binding
from ledger.core.values import NodeId, ScopeId
from ledger.store import layout
from ledger.store.guard_findings import as_finding, rewritten
from ledger.store.receipts import parse_receipts
from ledger.store.sharedlogs import parse_bindings
from ledger.store.treefolder import TreeFolder
from ledger.store.trees import NodeFiles


class ReceiptChange:
    """The log of receipts before and after, with the epochs that the change touches."""

    def __init__(self, node_id: NodeId, read_before: NodeFiles, read_after: NodeFiles) -> None:
        self.node_id, self.read_before, self.read_after = node_id, read_before, read_after

    def findings(self, scopes: Iterator[str], epochs: Mapping[tuple[str, int], list[str]]) -> Iterator[Finding]:
        """All about receipts that may not be. `scopes`: those that may have some; `epochs`: changed shards each."""
        old, new = (read(layout.RECEIPTS) or b"" for read in (self.read_before, self.read_after))
        if not new.startswith(old):
            yield rewritten(layout.RECEIPTS, old, new)
            return
        try:
            if new != old:
                yield from self._acts(scopes, new, old.count(b"\n") + 1)
            for (scope_id, epoch_id), shards in epochs.items():
                yield from self._events(scope_id, epoch_id, shards, new)
        except LedgerError as error:
            yield as_finding(error)

    def _acts(self, scopes: Iterator[str], log: bytes, first: int) -> Iterator[Finding]:
        """The added lines keep every rule, by the approver sets and bindings as they are after the change."""
        bindings: tuple[Binding, ...] = ()
        with suppress(LedgerError):  # told where the bindings are checked
            bindings = parse_bindings(self.read_after(layout.IDENTITIES) or b"", self.node_id, None)[1]
        chains: dict[str, Chain] = {}
        for scope_id in scopes:
            with suppress(LedgerError):  # told where the scope's logs are checked
                chains[scope_id] = TreeFolder(Path(), self.node_id, ScopeId(scope_id), 1, self.read_after).chain()
        acts = parse_receipts(log, self.node_id)
        found = fold(self.node_id, acts, chains, Wallets(bindings), path=layout.RECEIPTS, signatures_from=first)
        yield from (one for one in found.findings if one.line is None or one.line >= first)

    def _events(self, scope_id: str, epoch_id: int, shards: list[str], log: bytes) -> Iterator[Finding]:
        """The added events of receipts are of receipts that were approved, and say what was signed."""
        folder = TreeFolder(Path(), self.node_id, ScopeId(scope_id), epoch_id, self.read_after)
        before = TreeFolder(Path(), self.node_id, ScopeId(scope_id), epoch_id, self.read_before)
        events = []
        for name in shards:
            known = before.read(name).count(b"\n")
            for number, raw in enumerate(folder.read(name).split(b"\n")[known:], start=known + 1):
                if raw.endswith(MARK) or b'"id":"receipt:' in raw:
                    with suppress(LedgerError):  # told where events are checked
                        events.append((folder.path(name), number, ActivityEvent.read(decode(raw))))
        if not events:
            return
        try:
            acts = parse_receipts(log, self.node_id)
        except LedgerError as error:
            yield Finding(error.rule or SIGNED, error.message, error.path or layout.RECEIPTS, error.line)
            return
        closed = next((step.at for step in folder.transitions() if step.to == "review"), None)
        decided = {line.event_id for line in folder.curation() if line.action in ("include", "exclude")}
        yield from event_findings(events, states_by(acts, None, closed), decided)
