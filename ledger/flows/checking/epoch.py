"""One epoch recomputed from its stored files: a verdict for each invariant, with everything that speaks against it.

Reads only. A check that cannot apply yet says so; it never counts as passed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ledger.compute.amending import double_pay
from ledger.compute.derive import Derived, Loads, Pinned, derive, derive_again
from ledger.compute.loaded import LoadedEpoch
from ledger.core.attest import attestation_findings
from ledger.core.conduct import coverage_findings, step_findings
from ledger.core.evaluate import Finding
from ledger.core.identity import known_users
from ledger.core.lifecycle import Pin, pin_findings
from ledger.core.records.epoch import Transition
from ledger.core.records.statement import Statement
from ledger.flows.checking.findings import EpochFindings
from ledger.flows.checking.pool import check_pool
from ledger.flows.checking.signatures import check_signatures
from ledger.flows.checking.statement import check_closing, check_derived_files
from ledger.flows.receipts.check import ReceiptCheck
from ledger.flows.session import Session
from ledger.flows.verdicts import EpochReport, verdicts
from ledger.store import layout
from ledger.store.amendments import AmendmentFolder
from ledger.store.epochfolder import EpochFolder
from ledger.store.files import read_file
from ledger.store.once import FolderOnce


class EpochCheck:
    """Collects findings by invariant for one epoch. `derived`: the epoch, where it was recomputed to what is stored."""

    def __init__(
        self,
        session: Session,
        folder: EpochFolder,
        receipts: ReceiptCheck,
        ahead: Loads,
        derived: Derived | None = None,
    ) -> None:
        self.session, self.node, self.folder, self.receipts = session, session.node, folder, receipts
        self.ahead, self.derived = ahead, derived
        self.found = EpochFindings(folder)
        self.state = "unreadable"
        self.lacks_receipts = False

    def report(self) -> EpochReport:
        """Run every check; what cannot be read is a finding, and the rest goes on."""
        folder = self.folder
        self._line_ends()
        transitions = self.found.lines(folder.transitions)
        self.state = self.found.one(folder.state) or "unreadable"
        self._transitions(transitions)
        pin = self.found.one(self.folder.pin)
        derived = self.derived or self._same(pin)
        statement = derived.statement if derived else self.found.one(folder.statement)
        derived = derived or self.found.one(lambda: self._derive(statement, pin))
        self._decisions(derived, transitions)
        if isinstance(folder, AmendmentFolder):
            self._amendment(folder, statement)
        else:
            self._base(derived, transitions)
        if self.state in ("review", "finalized"):
            self.found.one(lambda: check_derived_files(self.found, self.state, derived, statement))
        if self.state == "finalized":
            self.found.one(lambda: check_closing(self.found, self.node, transitions, statement))
        elif layout.CHECKSUMS in folder.names():
            message = "the step to finalized is missing: finalize was cut off (run it again), or the log was cut"
            self.found.add(Finding("EPOCH_FINALIZE_IDEMPOTENT", message, folder.path("transitions.jsonl")))
        self._pins(transitions)
        if statement is not None:
            self._logged(statement)
        if statement is not None and pin is not None:
            check_signatures(self.found, self.state, statement, pin)
        closed = statement if self.state == "finalized" else None
        lines = self.found.lines(folder.attestations)
        self.found.extend(attestation_findings(folder.path("attestations.jsonl"), lines, closed))
        self.found.extend(
            self.found.lines(lambda: list(self.receipts.epoch_findings(folder, none=self.lacks_receipts)))
        )
        hash_ = statement.statement_hash if statement else None
        return EpochReport(
            folder.scope_id, folder.epoch_id, self.state, hash_, verdicts(self.state, self.found), folder.version
        )

    def _line_ends(self) -> None:
        """A checkout that altered line ends is told as such, before everything that follows from it."""
        for path in self.folder.files():
            name = path.rpartition("/")[2]
            if layout.shard_number(name) is not None or layout.is_scratch(path):
                continue
            own = path == self.folder.path(name)
            read = partial(self.folder.stored, name) if own else partial(read_file, self.node.root, path)
            if b"\r\n" in (self.found.one(read) or b""):
                message = "your checkout altered line endings (core.autocrlf, or a .gitattributes deeper down)"
                self.found.add(Finding("WRITES_VIA_WORKFLOW", message, path))

    def _same(self, pin: Pin | None) -> Derived | None:
        """The epoch recomputed where that gives its stored statement; else nothing, and nothing is said."""
        return derive_again(self.ahead, self.node, self.folder, pin) if isinstance(self.folder, FolderOnce) else None

    def _derive(self, statement: Pinned | None, pin: Pin | None) -> Derived:
        return derive(self.ahead, self.node, self.folder, stated=statement, pin=pin)

    def _transitions(self, steps: Sequence[Transition]) -> None:
        window = self.found.one(self.folder.window)
        path, end = self.folder.path("transitions.jsonl"), window.end if window else None
        self.found.extend(step_findings(path, steps, end))

    def _pins(self, steps: Sequence[Transition]) -> None:
        """The pinned approver sets, by the scope's chain."""
        chain = self.found.one(self.folder.chain)
        if chain is not None:
            self.found.extend(pin_findings(self.folder.path("transitions.jsonl"), steps, chain))

    def _logged(self, statement: Statement) -> None:
        """The prefix of the statement log that is pinned holds the statement before (that its root is right, and that
        it does not hold this one, the recomputation shows).
        """
        if self.folder.epoch_id > 1:
            before = self.node.epoch(self.folder.scope_id, self.folder.epoch_id - 1).path("statement.json")
            log = self.found.one(self.folder.statement_log)
            place = log.before(before) if log else None
            if place is None or place >= statement.log.size:
                message = "the pinned prefix of the statement log does not hold the statement before"
                actual = f"{statement.log.size} lines"
                self.found.differ("STATEMENT_LOGGED", message, "statement.json", before, actual)

    def _activity(self, derived: Derived | None, steps: Sequence[Transition]) -> None:
        """Form, hashes, provenance and place of every event, by the engine."""
        loaded = derived.loaded if derived else self.found.one(self._load)
        if loaded is None:
            return
        self.lacks_receipts = loaded.lacks_receipts
        self.found.extend(loaded.findings)
        closed = next((step.at for step in steps if step.to == "review"), None)
        if closed is not None:
            self.found.extend(loaded.ingested_after(closed))

    def _base(self, derived: Derived | None, steps: Sequence[Transition]) -> None:
        """What an epoch has and its amendments share with it."""
        self._activity(derived, steps)
        check_pool(self.found, self.node, self.state, derived)
        paths = self.folder.path("cursors.jsonl"), self.folder.path("collection.jsonl")
        read = self.found.lines(self.folder.cursors), self.found.lines(self.folder.collections)
        self.found.extend(coverage_findings(paths[0], read[0], paths[1], read[1]))
        self.found.lines(self.folder.objections)

    def _amendment(self, folder: AmendmentFolder, statement: Statement | None) -> None:
        """AMENDMENT_CHAIN: it says why, follows a finalized version, and gives nothing away that was taken back."""
        if self.found.one(folder.reason) is None:
            self.found.differ("AMENDMENT_CHAIN", "file", "reason.json", "a file", "none", None)
        if (before := self.found.one(folder.before.state)) != "finalized":
            message = "the version before it is not finalized"
            self.found.differ("AMENDMENT_CHAIN", message, "transitions.jsonl", "finalized", before)
        if statement is not None and self.state in ("review", "finalized"):
            for problem in double_pay(self.node, folder, statement):
                self.found.add(Finding("AMENDMENT_CHAIN", problem, folder.path("statement.json"), 1))

    def _load(self) -> LoadedEpoch:
        return self.session.engine.load(self.folder, self.folder.epoch())

    def _decisions(self, derived: Derived | None, steps: Sequence[Transition]) -> None:
        closed = next((step.at for step in steps if step.to == "finalized"), None)
        curation, overrides, awards = (
            self.found.lines(partial(read, self.folder))  # an amendment's own lines; those before were looked at before
            for read in (EpochFolder.curation, EpochFolder.overrides, EpochFolder.own_awards)
        )
        for name, lines in (("curation.jsonl", curation), ("overrides.jsonl", overrides), ("awards.jsonl", awards)):
            for line in lines:
                if closed is not None and line.at > closed:
                    wanted = f"at most {closed}"
                    message, rule = "decision after finalize", "CURATION_FREEZE_ON_FINALIZE"
                    self.found.differ(rule, message, name, wanted, line.at, line.seq)
        if derived is None:
            return
        size = derived.statement.identities.size
        users = known_users(self.found.lines(lambda: self.node.bindings_prefix(size)[1]))
        named = [("curation.jsonl", line.seq, line.user_id) for line in curation if line.user_id is not None]
        named += [("overrides.jsonl", line.seq, line.user_id) for line in overrides]
        named += [("awards.jsonl", line.seq, line.user_id) for line in awards if line.user_id is not None]
        for name, seq, user in named:
            if user not in users:
                message = "names a user that the bindings log does not know"
                self.found.differ("IDENTITY_BEST_EFFORT", message, name, "a user of the bindings log", user, seq)
