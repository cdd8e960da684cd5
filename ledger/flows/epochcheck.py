"""One epoch recomputed from its stored files: a verdict for each invariant, with everything that speaks against it.

Reads only. A check that cannot apply yet says so; it never counts as passed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from ledger.compute.amending import double_pay
from ledger.compute.budget import computed_rules
from ledger.compute.derive import Derived, Loads, Pinned, derive, derive_again
from ledger.compute.loaded import LoadedEpoch
from ledger.core.attest import attestation_findings
from ledger.core.canonical import encode, sha256_hex
from ledger.core.conduct import coverage_findings, step_findings
from ledger.core.errors import LedgerError
from ledger.core.evaluate import Finding
from ledger.core.findings import Findings
from ledger.core.identity import known_users
from ledger.core.lifecycle import Pin, pin_findings
from ledger.core.pool import BY_HAND, Computed, component_key, standing_components
from ledger.core.records.epoch import Transition
from ledger.core.records.statement import Signature, Statement
from ledger.core.signing import recover_signer, signed_text
from ledger.flows.checksums import checksums
from ledger.flows.receipts.check import ReceiptCheck
from ledger.flows.session import Session
from ledger.flows.verdicts import STATEMENT_RULES, EpochReport, as_finding, verdicts
from ledger.store import layout
from ledger.store.amendments import AmendmentFolder
from ledger.store.epochfolder import EpochFolder
from ledger.store.files import read_file
from ledger.store.once import FolderOnce

T = TypeVar("T")


def _told(value: object) -> str:
    """A value as the files write it: text as it is, anything composite as canonical JSON."""
    return value if isinstance(value, str) else encode(value).decode() if value is not None else "null"


def _digests(text: str) -> dict[str, str]:
    """The hash of each file that lines of `sha256sum` name."""
    lines = (line.partition("  ") for line in text.split("\n"))
    return {name: digest for digest, mark, name in lines if mark}


class EpochCheck:
    """Collects findings by invariant for one epoch."""

    def __init__(self, session: Session, folder: EpochFolder, receipts: ReceiptCheck, ahead: Loads) -> None:
        self.session, self.node, self.folder, self.receipts = session, session.node, folder, receipts
        self.ahead = ahead
        self.findings = Findings()
        self.state = "unreadable"
        self.lacks_receipts = False

    def report(self) -> EpochReport:
        """Run every check; what cannot be read is a finding, and the rest goes on."""
        folder = self.folder
        self._line_ends()
        transitions = self._lines(folder.transitions)
        self.state = self._one(folder.state) or "unreadable"
        self._transitions(transitions)
        pin = self._one(self.folder.pin)
        derived = self._same(pin)
        statement = derived.statement if derived else self._one(folder.statement)
        derived = derived or self._one(lambda: self._derive(statement, pin))
        self._decisions(derived, transitions)
        if isinstance(folder, AmendmentFolder):
            self._amendment(folder, statement)
        else:
            self._base(derived, transitions)
        if self.state in ("review", "finalized"):
            self._one(lambda: self._derived_files(derived, statement))
        if self.state == "finalized":
            self._one(lambda: self._finalized(transitions, statement))
        elif layout.CHECKSUMS in folder.names():
            message = "the step to finalized is missing: finalize was cut off (run it again), or the log was cut"
            self._add(Finding("EPOCH_FINALIZE_IDEMPOTENT", message, folder.path("transitions.jsonl")))
        self._pins(transitions)
        if statement is not None:
            self._logged(statement)
        if statement is not None and pin is not None:
            self._signatures(statement, pin)
        closed = statement if self.state == "finalized" else None
        for finding in attestation_findings(
            folder.path("attestations.jsonl"), self._lines(folder.attestations), closed
        ):
            self._add(finding)
        for finding in self._lines(lambda: list(self.receipts.epoch_findings(folder, none=self.lacks_receipts))):
            self._add(finding)
        hash_ = statement.statement_hash if statement else None
        return EpochReport(
            folder.scope_id, folder.epoch_id, self.state, hash_, verdicts(self.state, self.findings), folder.version
        )

    def _line_ends(self) -> None:
        """A checkout that altered line ends is told as such, before everything that follows from it."""
        for path in self.folder.files():
            name = path.rpartition("/")[2]
            if layout.shard_number(name) is not None or layout.is_scratch(path):
                continue
            own = path == self.folder.path(name)
            if b"\r\n" in (
                self._one(partial(self.folder.stored, name) if own else partial(read_file, self.node.root, path)) or b""
            ):
                message = "your checkout altered line endings (core.autocrlf, or a .gitattributes deeper down)"
                self._add(Finding("WRITES_VIA_WORKFLOW", message, path))

    def _same(self, pin: Pin | None) -> Derived | None:
        """The epoch recomputed where that gives its stored statement; else nothing, and nothing is said."""
        return derive_again(self.ahead, self.node, self.folder, pin) if isinstance(self.folder, FolderOnce) else None

    def _derive(self, statement: Pinned | None, pin: Pin | None) -> Derived:
        return derive(self.ahead, self.node, self.folder, stated=statement, pin=pin)

    def _one(self, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except LedgerError as error:
            self._add(as_finding(error.at(self.folder.relative)))
            return None

    def _lines(self, read: Callable[[], list[T]]) -> list[T]:
        return self._one(read) or []

    def _add(self, finding: Finding) -> None:
        self.findings.add(finding)

    def _differ(
        self, rule: str, message: str, name: str, expected: object, actual: object, line: int | None = 1
    ) -> None:
        if expected != actual:
            self._add(Finding(rule, message, self.folder.path(name), line, _told(expected), _told(actual)))

    def _transitions(self, steps: Sequence[Transition]) -> None:
        window = self._one(self.folder.window)
        path, end = self.folder.path("transitions.jsonl"), window.end if window else None
        for finding in step_findings(path, steps, end):
            self._add(finding)

    def _pins(self, steps: Sequence[Transition]) -> None:
        """The pinned approver sets, by the scope's chain."""
        chain = self._one(self.folder.chain)
        if chain is not None:
            for finding in pin_findings(self.folder.path("transitions.jsonl"), steps, chain):
                self._add(finding)

    def _logged(self, statement: Statement) -> None:
        """The prefix of the statement log that is pinned holds the statement before (that its root is right, and that
        it does not hold this one, the recomputation shows).
        """
        if self.folder.epoch_id > 1:
            before = self.node.epoch(self.folder.scope_id, self.folder.epoch_id - 1).path("statement.json")
            log = self._one(self.folder.statement_log)
            place = log.before(before) if log else None
            if place is None or place >= statement.log.size:
                message = "the pinned prefix of the statement log does not hold the statement before"
                self._differ("STATEMENT_LOGGED", message, "statement.json", before, f"{statement.log.size} lines")

    def _activity(self, derived: Derived | None, steps: Sequence[Transition]) -> None:
        """Form, hashes, provenance and place of every event, by the engine."""
        loaded = derived.loaded if derived else self._one(lambda: self._load())
        if loaded is None:
            return
        self.lacks_receipts = loaded.lacks_receipts
        for finding in loaded.findings:
            self._add(finding)
        closed = next((step.at for step in steps if step.to == "review"), None)
        if closed is not None:
            for finding in loaded.ingested_after(closed):
                self._add(finding)

    def _base(self, derived: Derived | None, steps: Sequence[Transition]) -> None:
        """What an epoch has and its amendments share with it."""
        self._activity(derived, steps)
        self._pool(derived)
        paths = self.folder.path("cursors.jsonl"), self.folder.path("collection.jsonl")
        read = self._lines(self.folder.cursors), self._lines(self.folder.collections)
        for finding in coverage_findings(paths[0], read[0], paths[1], read[1]):
            self._add(finding)
        self._lines(self.folder.objections)

    def _amendment(self, folder: AmendmentFolder, statement: Statement | None) -> None:
        """AMENDMENT_CHAIN: it says why, follows a finalized version, and gives nothing away that was taken back."""
        if self._one(folder.reason) is None:
            self._differ("AMENDMENT_CHAIN", "file", "reason.json", "a file", "none", None)
        if (before := self._one(folder.before.state)) != "finalized":
            message = "the version before it is not finalized"
            self._differ("AMENDMENT_CHAIN", message, "transitions.jsonl", "finalized", before)
        if statement is not None and self.state in ("review", "finalized"):
            for problem in double_pay(self.node, folder, statement):
                self._add(Finding("AMENDMENT_CHAIN", problem, folder.path("statement.json"), 1))

    def _load(self) -> LoadedEpoch:
        return self.session.engine.load(self.folder, self.folder.epoch())

    def _decisions(self, derived: Derived | None, steps: Sequence[Transition]) -> None:
        closed = next((step.at for step in steps if step.to == "finalized"), None)
        curation, overrides, awards = (
            self._lines(partial(read, self.folder))  # an amendment's own lines; those before were looked at before
            for read in (EpochFolder.curation, EpochFolder.overrides, EpochFolder.own_awards)
        )
        for name, lines in (("curation.jsonl", curation), ("overrides.jsonl", overrides), ("awards.jsonl", awards)):
            for line in lines:
                if closed is not None and line.at > closed:
                    self._add(
                        Finding(
                            "CURATION_FREEZE_ON_FINALIZE",
                            "decision after finalize",
                            self.folder.path(name),
                            line.seq,
                            f"at most {closed}",
                            line.at,
                        )
                    )
        if derived is None:
            return
        size = derived.statement.identities.size
        users = known_users(self._lines(lambda: self.node.bindings_prefix(size)[1]))
        named = [("curation.jsonl", line.seq, line.user_id) for line in curation if line.user_id is not None]
        named += [("overrides.jsonl", line.seq, line.user_id) for line in overrides]
        named += [("awards.jsonl", line.seq, line.user_id) for line in awards if line.user_id is not None]
        for name, seq, user in named:
            if user not in users:
                self._add(
                    Finding(
                        "IDENTITY_BEST_EFFORT",
                        "names a user that the bindings log does not know",
                        self.folder.path(name),
                        seq,
                        "a user of the bindings log",
                        user,
                    )
                )

    def _pool(self, derived: Derived | None) -> None:
        """Ids are right, and whatever names a rule is what the pinned rule gives (POOL_REPRODUCIBLE)."""
        lines, epoch = self._lines(self.folder.pool), self._one(self.folder.epoch)
        standing = standing_components(lines)
        for line in lines if epoch else ():
            if line.action == "record" and epoch:
                right = component_key(epoch, line.component_id)
                self._differ("POOL_REPRODUCIBLE", "component's id", "pool.jsonl", right, line.id, line.seq)
        if self.state == "finalized" and not any(line.component_id == "base_issuance" for line in standing):
            self._differ("POOL_REQUIRES_BASE", "component missing", "pool.jsonl", "base_issuance", "none", None)
        due = self._one(lambda: self._ruled(derived)) if derived and self.state != "open" else None
        if due is None:
            return
        for line in standing:
            if line.algorithm_version == BY_HAND:
                continue
            rule = next(
                (each for each in due if (each.component_id, each.rule) == (line.component_id, line.algorithm_version)),
                None,
            )
            wanted = {"amount_credits": str(rule.amount_credits), "inputs": rule.inputs} if rule else "no such rule"
            found = {"amount_credits": str(line.amount_credits), "inputs": line.inputs}
            message = f"{line.component_id} is not what the pinned rule {line.algorithm_version} gives"
            self._differ("POOL_REPRODUCIBLE", message, "pool.jsonl", wanted, found, line.seq)
        decided = {line.component_id for line in lines}
        for each in due:
            if each.component_id not in decided:
                message = f"the pinned rule {each.rule} gave nothing"
                wanted = f"{each.component_id} of {each.amount_credits} credits"
                self._differ("POOL_REPRODUCIBLE", message, "pool.jsonl", wanted, "none", None)

    def _ruled(self, derived: Derived) -> tuple[Computed, ...]:
        return computed_rules(self.node, self.folder, derived.epoch, derived.evaluation, derived.bindings)

    def _derived_files(self, derived: Derived | None, statement: Statement | None) -> None:
        """The stored statement and allocations against what the stored records give, field by field."""
        if derived is None:
            self._add(
                Finding("PAYOUT_DETERMINISTIC", "cannot be recomputed (see above)", self.folder.path("statement.json"))
            )
            return
        if statement is None:
            message = "the statement is missing"
            if self.state == "review":
                message += ": the step to review was cut off (`ledger review` completes it), or the file was removed"
            self._differ("PAYOUT_DETERMINISTIC", message, "statement.json", "a statement", "none", None)
        elif statement is not derived.statement:
            wanted, stored = derived.statement.fields(), statement.fields()
            for name, (rule, path) in STATEMENT_RULES.items():
                if wanted[name] != stored[name]:
                    told = path if "/" in path else self.folder.path(path)
                    line = 1 if path == "statement.json" else None
                    message = f"is not what statement.{name} pins" if line is None else f"statement.{name}"
                    self._add(Finding(rule, message, told, line, _told(stored[name]), _told(wanted[name])))
            for name in sorted(wanted.keys() - STATEMENT_RULES.keys() - {"held", "payouts"}):
                self._differ("PAYOUT_DETERMINISTIC", f"statement.{name}", "statement.json", wanted[name], stored[name])
            for due, paid in zip(wanted["payouts"], stored["payouts"], strict=False):
                self._differ("PAYOUT_DETERMINISTIC", f"payout of {due['user_id']}", "statement.json", due, paid)
            for due, kept in zip(wanted["held"], stored["held"], strict=False):
                what = f"held for {due['source']}:{due['platform_user_id']}"
                self._differ("PAYOUT_DETERMINISTIC", what, "statement.json", due, kept)
        for name, data in derived.files.items():
            self._same_bytes(name, data)

    def _same_bytes(self, name: str, wanted: bytes) -> None:
        stored = self.folder.read(name)
        if stored == wanted:
            return
        pairs = zip(wanted.split(b"\n"), stored.split(b"\n"), strict=False)
        number = next(
            (n for n, (a, b) in enumerate(pairs, start=1) if a != b), min(wanted.count(b"\n"), stored.count(b"\n")) + 1
        )
        self._differ(
            "PAYOUT_DETERMINISTIC",
            f"{name} is not what the records give",
            name,
            sha256_hex(wanted),
            sha256_hex(stored),
            number,
        )

    def _finalized(self, steps: Sequence[Transition], statement: Statement | None) -> None:
        pinned = next((step.statement_hash for step in steps if step.statement_hash), None)
        actual = statement.statement_hash if statement else None
        self._differ("EPOCH_FINALIZE_IDEMPOTENT", "statement hash that was closed", "statement.json", pinned, actual)
        wanted = read_file(self.node.root, self.folder.path(layout.CHECKSUMS))
        if wanted is None:
            self._differ("EPOCH_FINALIZE_IDEMPOTENT", "file", layout.CHECKSUMS, "a file", "none", None)
            return
        found = checksums(self.folder)
        now, then = _digests(found), _digests(wanted.decode("utf-8", "replace"))
        for name in sorted(now.keys() | then.keys()):
            known = name if layout.kind_of(name, self.folder.version) else layout.CHECKSUMS
            before, after = then.get(name, "no file"), now.get(name, "no file")
            self._differ("EPOCH_FINALIZE_IDEMPOTENT", f"{known} changed after finalize", known, before, after, None)
        if found.encode() != wanted:
            self._differ(
                "EPOCH_FINALIZE_IDEMPOTENT",
                "list of checksums",
                layout.CHECKSUMS,
                sha256_hex(found.encode()),
                sha256_hex(wanted),
                None,
            )

    def _signatures(self, statement: Statement, pin: Pin) -> None:
        self._differ(
            "APPROVERS_PINNED_AT_REVIEW",
            "approver set",
            "statement.json",
            pin.approver_set_hash,
            statement.approver_set_hash,
        )
        text, people = signed_text(statement), set[str]()
        for number, line in enumerate(self._lines(self.folder.signatures), start=1):
            if line.statement_hash != statement.statement_hash:
                continue  # over an older draft: kept on record, counts for nothing
            self._signature(number, line, text, pin)
            person = pin.person_of(line.signer_wallet)
            if person in people:
                self._differ("APPROVERS_PER_SCOPE", f"{person} counted twice", "signatures.jsonl", 1, 2, number)
            if person is not None:
                people.add(person)
        if self.state == "finalized" and len(people) < pin.threshold:
            self._differ(
                "APPROVERS_PER_SCOPE", "approvers who signed", "signatures.jsonl", pin.threshold, len(people), None
            )

    def _signature(self, number: int, line: Signature, text: str, pin: Pin) -> None:
        path = self.folder.path("signatures.jsonl")
        try:
            signer = str(recover_signer(text, line.signature))
        except LedgerError as error:
            signer = error.message
        if signer != line.signer_wallet:
            self._add(
                Finding(
                    "SIGNATURE_SCOPE_BOUND",
                    "signature is not by its signer over this statement",
                    path,
                    number,
                    line.signer_wallet,
                    signer,
                )
            )
        if pin.person_of(line.signer_wallet) is None:
            self._add(
                Finding(
                    "APPROVERS_PINNED_AT_REVIEW",
                    "signer was not pinned",
                    path,
                    number,
                    ",".join(pin.wallets),
                    line.signer_wallet,
                )
            )
