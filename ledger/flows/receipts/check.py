"""Recompute the rules of receipts from stored files: the log by itself, and each epoch's events against it.

One check serves a whole run of `verify`: signers are recovered once. Reads only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from ledger.core.canonical import decode
from ledger.core.errors import LedgerError
from ledger.core.evaluate import Finding
from ledger.core.receiptevents import MARK, due, event_findings, missing_findings, states_by
from ledger.core.receipts import SOURCE, ReceiptAct
from ledger.core.records.activity import ActivityEvent
from ledger.flows.receipts.events import ID, marked, receipt_events
from ledger.flows.receipts.log import Receipts, load_receipts
from ledger.flows.session import Session
from ledger.store import layout
from ledger.store.epochfolder import EpochFolder


class ReceiptCheck:
    """What speaks against the node's receipts, and against the events that they became."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._before: dict[str, dict[int, frozenset[str]]] = {}
        self._listed: dict[str, set[int]] = {}

    @cached_property
    def receipts(self) -> Receipts:
        """The log with every signer recovered; raises what makes it unreadable."""
        return load_receipts(self.session, signatures=True)

    def log_findings(self) -> tuple[Finding, ...]:
        """What is wrong with the log itself, line by line.

        Raises LedgerError where another file on which it rests, such as a chain of approvers, cannot be read.
        """
        try:
            return self.receipts.findings
        except LedgerError as error:
            if error.path not in (None, layout.RECEIPTS):
                raise
            return (Finding(error.rule or "RECEIPT_SIGNED", error.message, error.path or layout.RECEIPTS, error.line),)

    def epoch_findings(self, folder: EpochFolder, *, none: bool = False) -> Iterator[Finding]:
        """What is wrong with an epoch's events of receipts, and with the part of the log that it rests on.

        `none`: the engine, which read every line, saw none; else the bytes of the log are looked through for them.
        FormatError for what cannot be read.
        """
        size = _pinned(folder)
        yield from (one for one in self.log_findings() if size is None or one.line is None or one.line <= size)
        acts: tuple[ReceiptAct, ...] = ()
        with suppress(LedgerError):  # told by log_findings
            acts = self.receipts.acts
        closed = next((step.at for step in folder.transitions() if step.to == "review"), None)
        states = states_by(acts, size, closed)
        decided = {line.event_id for line in folder.curation() if line.action in ("include", "exclude")}
        found = [] if none else list(marked(folder))
        if not found:
            self._before.setdefault(folder.scope_id, {}).setdefault(folder.epoch_id, frozenset())  # as `_in_others`
        events = list(_events(folder, found))
        yield from event_findings(events, states, decided)
        if closed is not None:
            there = {event.id for _, _, event in events} | self._in_others(folder, any_due=bool(states))
            missing = due(states.values(), folder.scope_id, folder.window().end, there)
            yield from missing_findings(folder.path("activity.jsonl"), missing)

    def _in_others(self, folder: EpochFolder, *, any_due: bool) -> frozenset[str]:
        """Events of receipts in the epochs before this one; of what cannot be due, only what is wrong with their logs.

        FormatError for a log of theirs that has no right files.
        """
        known = self._before.setdefault(folder.scope_id, {})
        listed = self._listed.setdefault(folder.scope_id, set())
        for number in range(1, folder.epoch_id):
            if number not in known and (any_due or number not in listed):
                other = self.session.node.epoch(folder.scope_id, number)
                if any_due:
                    known[number] = receipt_events(other)
                else:
                    other.shards()
                    listed.add(number)
        if not any_due:
            return frozenset()
        return frozenset().union(*(ids for number, ids in known.items() if ids and number < folder.epoch_id))


def _pinned(folder: EpochFolder) -> int | None:
    """How many lines of the log the epoch's statement pins; None while there is none."""
    statement = folder.statement()
    return statement.receipts.size if statement else None


def _events(folder: EpochFolder, found: Sequence[tuple[str, bytes]]) -> Iterator[tuple[str, int, ActivityEvent]]:
    """Events that are of receipts, or have the id of one; lines that cannot be read are told elsewhere."""
    for name, data in found:
        for number, raw in enumerate(data.split(b"\n"), start=1):
            if raw.endswith(MARK) or ID in raw:
                with suppress(LedgerError):
                    event = ActivityEvent.read(decode(raw))
                    if event.source == SOURCE or event.id.startswith(f"{SOURCE}:"):
                        yield folder.path(name), number, event


@dataclass(frozen=True, slots=True)
class Checked:
    """How many acts were looked at, how many receipts stand how, and what speaks against them."""

    acts: int
    counts: dict[str, int]
    findings: tuple[Finding, ...]


def check_receipts(session: Session) -> Checked:
    """The log and the events of all epochs, and nothing else."""
    check = ReceiptCheck(session)
    findings = dict.fromkeys(check.log_findings())
    for scope_id in session.node.scopes:
        for folder in session.node.epochs(scope_id):
            findings |= dict.fromkeys(check.epoch_findings(folder))
    counts: Counter[str] = Counter()
    acts = 0
    with suppress(LedgerError):  # among the findings
        acts = len(check.receipts.acts)
        counts.update(state.status for state in check.receipts.book.states.values())
    return Checked(acts, dict(counts), tuple(findings))
