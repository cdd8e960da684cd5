"""What a change does to one epoch: which lines it adds, and whether the epoch's states before and after allow that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ledger.core.attest import RULE as ATTESTATION_RULE
from ledger.core.attest import attestation_findings
from ledger.core.canonical import decode, sha256_hex, split_lines
from ledger.core.conduct import coverage_findings, pinned_files_findings, step_findings
from ledger.core.config import NodeSettings, ScopeSettings
from ledger.core.errors import FormatError, LedgerError
from ledger.core.evaluate import Finding
from ledger.core.lifecycle import pin_findings
from ledger.core.merkle import merkle_root
from ledger.core.objections import objections_end, unanswered
from ledger.core.pool import BY_HAND, RULE_ACTOR, FixedV1, component_key, rules_of
from ledger.core.records.activity import ActivityEvent, payload_hash
from ledger.core.records.decisions import Award, Curation, Override, PoolComponent
from ledger.core.signing import recover_signer, signed_text
from ledger.core.spam import POLICY_ACTOR
from ledger.core.values import ScopeId, Timestamp
from ledger.store import layout
from ledger.store.epochfolder import EpochFolder
from ledger.store.guard_findings import as_finding, rewritten
from ledger.store.guard_ids import id_of
from ledger.store.guard_opening import Past, opening_findings
from ledger.store.logs import check_place
from ledger.store.treefolder import TreeFolder
from ledger.store.trees import NodeFiles

PINNED_FILES = {
    "awards_hash": "awards.jsonl",
    "collection_hash": "collection.jsonl",
    "curation_hash": "curation.jsonl",
    "cursors_hash": "cursors.jsonl",
    "epoch_hash": "epoch.json",
    "overrides_hash": "overrides.jsonl",
    "pool_hash": "pool.jsonl",
}
"""Fields of the statement that are the hash of a file beside it."""
COLLECTED = frozenset({"cursors.jsonl", "collection.jsonl"})


class EpochChange:
    """One epoch before and after; `files` are those that differ."""

    def __init__(
        self,
        settings: NodeSettings,
        scope_id: str,
        epoch_id: int,
        files: Mapping[str, object],
        read_before: NodeFiles,
        read_after: NodeFiles,
    ) -> None:
        place = (Path(), settings.node_id, ScopeId(scope_id), epoch_id)
        self._trees = TreeFolder(*place, read_before), TreeFolder(*place, read_after)
        self.before: EpochFolder
        self.after: EpochFolder
        self.before, self.after = self._trees
        self.settings, self.files = settings, files

    def findings(self, scopes: Sequence[ScopeSettings]) -> Iterator[Finding]:
        """Everything in this epoch that may not be. `scopes`: the scope's file before and after, where it exists."""
        try:
            yield from self._findings(scopes)
        except LedgerError as error:  # a file that is too large to be read, shards that do not follow one another
            yield as_finding(error.at(self.after.relative))

    def _findings(self, scopes: Sequence[ScopeSettings]) -> Iterator[Finding]:
        try:
            was = self.before.state() if self.before.exists() else None
        except LedgerError as error:
            yield as_finding(error)
            return
        if was == "finalized":
            for name in sorted(self.files):
                if layout.kind_of(name) != "later":
                    where = rewritten(self.after.path(name), self.before.read(name), self.after.read(name))
                    yield Finding("CURATION_FREEZE_ON_FINALIZE", "the epoch is finalized", where.path, where.line)
            yield from self._attestations(final=True)
            return
        yield from self._logs()
        yield from self._shards()
        try:
            now = self.after.state()
            window = self.after.window()
            self.after.curation(), self.after.overrides(), self.after.objections(), self.after.signatures()
            self.after.allocations()
            yield from self._conduct(window.end)
            closed = next((step.at for step in self.after.transitions() if step.to == "review"), None)
            yield from self._activity(window.end, closed)
            if was == "review":
                for name in sorted(self.files):
                    if name in COLLECTED or layout.shard_number(name):
                        yield Finding("INGESTION_CLOSED_ON_REVIEW", "the epoch is in review", self.after.path(name))
            if now == "open":
                for name in sorted(self.files):
                    if layout.kind_of(name) == "derived":
                        yield Finding("EPOCH_THREE_PHASE", "the epoch is still open", self.after.path(name))
            if not self.settings.epoch.calendar.pinned_by(self.after.epoch()):
                yield Finding("EPOCH_WINDOW_UNIQUE", "window is not aligned", self.after.path("epoch.json"), 1)
            if "signatures.jsonl" in self.files or now == "finalized":
                yield from self._signatures(now == "finalized")
            yield from self._attestations(final=now == "finalized")
            if now == "finalized":
                yield from self._closing()
            if "transitions.jsonl" in self.files:
                path, steps = self.after.path("transitions.jsonl"), self.after.transitions()
                yield from pin_findings(path, steps, self.after.chain())
            if scopes:
                yield from self._deciders(scopes[0])
            yield from self._pool()
            if scopes and now == "finalized":
                yield from self._questions(scopes[0])
        except LedgerError as error:
            yield as_finding(error.at(self.after.relative))

    def _conduct(self, end: Timestamp) -> Iterator[Finding]:
        """What every writer keeps to; `verify` asks the same of the stored files."""
        folder = self.after
        yield from step_findings(folder.path("transitions.jsonl"), folder.transitions(), end)
        paths = folder.path("cursors.jsonl"), folder.path("collection.jsonl")
        yield from coverage_findings(paths[0], folder.cursors(), paths[1], folder.collections())
        folder.pool()
        statement = folder.statement()
        if statement is not None and folder.state() != "open":
            hashes = {name: folder.hash_of(file) for name, file in PINNED_FILES.items()}
            hashes["activity_root"] = merkle_root(
                line for name in self._trees[1].log_shards() for line in folder.read(name).split(b"\n")[:-1]
            )
            yield from pinned_files_findings(folder.path("statement.json"), statement, hashes)

    def _logs(self) -> Iterator[Finding]:
        """Append-only and written-once files, byte by byte; the activity log as one over its shards."""
        for name in sorted(self.files):
            old, new = self.before.stored(name), self.after.stored(name)
            kind = layout.kind_of(name, self.after.version)
            if layout.shard_number(name) is not None or old is None or kind == "derived":
                continue
            if kind == "once" and old != new:
                yield Finding("ACTIVITY_APPEND_ONLY", "is written once and never changes", self.after.path(name), 1)
            elif kind in ("log", "later") and not (new or b"").startswith(old):
                yield rewritten(self.after.path(name), old, new or b"")

    def _shards(self) -> Iterator[Finding]:
        """The activity log as one over its shards: what was there before begins what is there now."""
        shards = self._trees[0].log_shards()
        for number, name in enumerate(shards, start=1):
            if name in self.files:
                old, new = self.before.read(name), self.after.read(name)
                if not new.startswith(old):
                    yield rewritten(self.after.path(name), old, new)
                elif new != old and number < len(shards):
                    yield Finding(
                        "ACTIVITY_APPEND_ONLY", "a later shard exists; this one is closed", self.after.path(name)
                    )

    def _activity(self, end: Timestamp, closed: Timestamp | None) -> Iterator[Finding]:
        """Every added event is canonical, of this place and time, rightly hashed, new, and came in before review."""
        seen: set[bytes] = set()
        for name in self._trees[1].log_shards():
            if name not in self.files:
                seen.update(map(id_of, self.after.read(name).split(b"\n")))
                continue
            seen.update(map(id_of, self.before.read(name).split(b"\n")))
            old, path = self.before.read(name), self.after.path(name)
            first = old.count(b"\n") + 1
            for line, raw in enumerate(split_lines(self.after.read(name)[len(old) :], path), start=first):
                try:
                    value = decode(raw)
                    event = ActivityEvent.read(value)
                    check_place(event, self.settings.node_id, self.after.scope_id, None)
                    if id_of(raw) in seen:
                        yield Finding("ACTIVITY_IDEMPOTENT", f"event {event.id} is in the log already", path, line)
                    seen.add(id_of(raw))
                    if payload_hash(value) != event.payload_hash:
                        raise FormatError("wrong payload hash", rule="PROVENANCE_REQUIRED")
                    if event.event_time >= end:
                        raise FormatError(f"lies after the window, which ends at {end}", rule="EPOCH_WINDOW_UNIQUE")
                    if closed is not None and event.ingested_at > closed:
                        raise FormatError(f"came in after review ({closed})", rule="INGESTION_CLOSED_ON_REVIEW")
                except LedgerError as error:
                    yield as_finding(error.at(path, line))

    def _deciders(self, scope: ScopeSettings) -> Iterator[Finding]:
        """Added decisions are by approvers or curators of the scope; its written rules may only exclude, the pool's
        rules only record what `epoch.json` pins. Components are withdrawn by approvers.
        """
        own: dict[str, Sequence[Curation | Override | Award | PoolComponent]] = {
            "curation.jsonl": EpochFolder.curation(self.after),
            "overrides.jsonl": EpochFolder.overrides(self.after),
            "awards.jsonl": self.after.own_awards(),
            "pool.jsonl": [] if self.after.version > 1 else self.after.pool(),
        }
        for name, lines in own.items():
            for line in lines[self.before.read(name).count(b"\n") :]:
                by_policy = line.actor == POLICY_ACTOR and getattr(line, "action", "") == "exclude"
                by_rule = isinstance(line, PoolComponent) and line.actor == RULE_ACTOR
                if isinstance(line, PoolComponent) and line.action == "withdraw" and not by_rule:
                    if all(person.id != line.actor for person in scope.approvers):
                        message = "withdrawn by someone who is no approver"
                        yield Finding("APPROVERS_PER_SCOPE", message, self.after.path(name), line.seq, None, line.actor)
                elif not by_policy and not by_rule and not scope.may_decide(line.actor):
                    message = "decided by someone who is neither approver nor curator"
                    yield Finding("APPROVERS_PER_SCOPE", message, self.after.path(name), line.seq, None, line.actor)

    def _pool(self) -> Iterator[Finding]:
        """Components have their right id, and those that a rule gave are of a rule that the epoch pins."""
        epoch, path = self.after.epoch(), self.after.path("pool.jsonl")
        rules = {str(rule.flat()["rule"]): rule for rule in rules_of(epoch)}
        for line in self.after.pool()[self.before.read("pool.jsonl").count(b"\n") :]:
            if line.action != "record":
                continue
            right = component_key(epoch, line.component_id)
            if line.id != right:
                yield Finding("POOL_REPRODUCIBLE", "component's id", path, line.seq, right, line.id)
            if line.actor != RULE_ACTOR and line.algorithm_version == BY_HAND:
                continue
            rule = rules.get(line.algorithm_version or "")
            if rule is None or rule.component != line.component_id:
                message = "is of no rule that the epoch pins"
                yield Finding("POOL_REPRODUCIBLE", message, path, line.seq, ", ".join(rules), line.algorithm_version)
            elif isinstance(rule, FixedV1) and line.amount_credits != rule.amount_credits * epoch.windows:
                wanted = str(rule.amount_credits * epoch.windows)
                message = "is not what the pinned rule gives"
                yield Finding("POOL_REPRODUCIBLE", message, path, line.seq, wanted, str(line.amount_credits))

    def _questions(self, scope: ScopeSettings) -> Iterator[Finding]:
        """No question that was raised in time is left without an approver's answer."""
        until = objections_end(self.after.transitions(), scope.objection_hours)
        lines = self.after.objections()
        for line in unanswered(lines, until) if until else ():
            yield Finding(
                "CURATION_FREEZE_ON_FINALIZE",
                "question without an answer",
                self.after.path("objections.jsonl"),
                line.seq,
            )
        for line in lines:
            if line.action == "answered" and all(person.id != line.actor for person in scope.approvers):
                message = "answered by someone who is no approver"
                yield Finding("APPROVERS_PER_SCOPE", message, self.after.path("objections.jsonl"), line.seq)

    def opening_findings(self, past: Past) -> Iterator[Finding]:
        """What an epoch that opens with this change pins, against the settings of that time."""
        try:
            if "epoch.json" in self.files and self.before.stored("epoch.json") is None:
                yield from opening_findings(self.after.epoch(), self.after.path("epoch.json"), past)
        except FormatError:
            return  # reported by `findings`

    def _signatures(self, final: bool) -> Iterator[Finding]:
        """Each is by an approver who was pinned, over the statement that it names where that is at hand; and enough
        people of the pinned set signed the one that closes the epoch.
        """
        path, chain = self.after.path("signatures.jsonl"), self.after.chain()
        statement, pin = self.after.statement(), self.after.pin()
        if statement is None or pin is None:
            yield Finding("SIGNATURE_SCOPE_BOUND", "signatures without a statement", path)
            return
        known = {each.statement_hash: each for each in (self.before.statement(), statement) if each is not None}
        sets = (chain.get(step.approvers_seq) for step in self.after.transitions() if step.approvers_seq is not None)
        ever = {wallet for line in sets if line for person in line.approvers for wallet in person.wallets}
        people: set[str] = set()
        for number, line in enumerate(self.after.signatures(), start=1):
            current, stated = line.statement_hash == statement.statement_hash, known.get(line.statement_hash)
            try:
                if stated is not None and recover_signer(signed_text(stated), line.signature) != line.signer_wallet:
                    raise FormatError("signature is not by its signer over this statement")
            except LedgerError as error:
                yield Finding("SIGNATURE_SCOPE_BOUND", error.message, path, number)
                continue
            if line.signer_wallet not in (pin.wallets if current else ever):
                yield Finding("APPROVERS_PINNED_AT_REVIEW", "signer was not pinned at review", path, number)
                continue
            person = pin.person_of(line.signer_wallet)
            if not current or person is None:
                continue  # over an older draft: on record, counts for nothing
            if person in people:
                message = f"{person} is counted once, not by wallets"
                yield Finding("APPROVERS_PER_SCOPE", message, path, number)
            people.add(person)
        if final and len(people) < pin.threshold:
            yield Finding(
                "APPROVERS_PER_SCOPE", "too few approvers signed", path, None, str(pin.threshold), str(len(people))
            )

    def _attestations(self, final: bool) -> Iterator[Finding]:
        """What comes after finalize only grows, and each line attests the statement that the epoch was closed with."""
        if "attestations.jsonl" not in self.files:
            return
        path, old = self.after.path("attestations.jsonl"), self.before.read("attestations.jsonl")
        if not self.after.read("attestations.jsonl").startswith(old):
            yield rewritten(path, old, self.after.read("attestations.jsonl"))
            return
        try:
            lines = self.after.attestations()
            yield from attestation_findings(path, lines, self.after.statement() if final else None)
        except LedgerError as error:
            yield Finding(error.rule or ATTESTATION_RULE, error.message, error.path or path, error.line)

    def _closing(self) -> Iterator[Finding]:
        """The statement that closes the epoch is the stored one, and follows the statement before it."""
        statement, path = self.after.stored("statement.json"), self.after.path("statement.json")
        pinned = self.after.transitions()[-1].statement_hash
        actual = sha256_hex(statement or b"")
        if actual != pinned:
            yield Finding("EPOCH_FINALIZE_IDEMPOTENT", "is not the statement that was closed", path, 1, pinned, actual)
        if self.after.stored(layout.CHECKSUMS) is None:
            yield Finding("EPOCH_FINALIZE_IDEMPOTENT", "is missing", self.after.path(layout.CHECKSUMS))
        stated = self.after.statement()
        wanted = None
        if self.after.epoch_id > 1:
            before = f"{layout.epoch_path(self.after.scope_id, self.after.epoch_id - 1)}/statement.json"
            wanted = sha256_hex(self.after.beside(before) or b"")
        if stated is not None and stated.previous_statement_hash != wanted:
            message = "does not follow the statement before"
            yield Finding("PAYOUT_DETERMINISTIC", message, path, 1, wanted, stated.previous_statement_hash)
