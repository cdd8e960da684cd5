"""What a change does to one epoch: which lines it adds, and whether the epoch's states before and after allow that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ledger.core.canonical import decode, sha256_hex, split_lines
from ledger.core.config import NodeSettings, ScopeSettings
from ledger.core.errors import FormatError, LedgerError
from ledger.core.evaluate import Finding
from ledger.core.lifecycle import pin_of
from ledger.core.records import ActivityEvent, payload_hash
from ledger.core.signing import recover_signer, signed_text
from ledger.core.spam import POLICY_ACTOR
from ledger.core.values import ScopeId
from ledger.core.windows import Window, is_aligned
from ledger.store import layout
from ledger.store.node import EpochFolder, check_place

Read = Callable[[str], bytes | None]
COLLECTED = frozenset({"cursors.jsonl", "collection.jsonl"})


@dataclass(frozen=True)
class TreeFolder(EpochFolder):
    """An epoch's folder in a tree that is not on disk."""

    source: Read

    def stored(self, name: str) -> bytes | None:
        """A file's bytes in the tree."""
        return self.source(self.path(name))

    def log_shards(self) -> list[str]:
        """The activity log's files in the tree, in order."""
        found: list[str] = []
        while self.stored(name := layout.shard_name(len(found) + 1)) is not None:
            found.append(name)
        return found


class EpochChange:
    """One epoch before and after; `files` are those that differ."""

    def __init__(
        self,
        settings: NodeSettings,
        scope_id: str,
        epoch_id: int,
        files: Mapping[str, object],
        read_before: Read,
        read_after: Read,
    ) -> None:
        place = (Path(), settings.node_id, ScopeId(scope_id), epoch_id)
        self.before, self.after = TreeFolder(*place, read_before), TreeFolder(*place, read_after)
        self.settings, self.files = settings, files

    def findings(self, scope: ScopeSettings | None) -> Iterator[Finding]:
        """Everything in this epoch that may not be. `scope`: who the approvers are, by the state before."""
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
            return
        yield from self._logs()
        try:
            now = self.after.state()
            epoch = self.after.epoch()
            self.after.collections(), self.after.cursors(), self.after.curation(), self.after.overrides()
            self.after.pool(), self.after.signatures(), self.after.allocations()
            closed = next((step.at for step in self.after.transitions() if step.to == "review"), None)
            yield from self._activity(closed)
            if was in ("review",):
                for name in sorted(self.files):
                    if name in COLLECTED or layout.shard_number(name):
                        yield Finding("INGESTION_CLOSED_ON_REVIEW", "the epoch is in review", self.after.path(name))
            window = Window(epoch.period_start, epoch.period_end)
            if not is_aligned(window, self.settings.epoch.anchor, self.settings.epoch.length_days):
                yield Finding("EPOCH_WINDOW_UNIQUE", "window is not aligned", self.after.path("epoch.json"), 1)
            if "signatures.jsonl" in self.files or now == "finalized":
                yield from self._signatures(scope, now == "finalized")
            if now == "finalized":
                yield from self._closing()
            if scope is not None:
                yield from self._deciders(scope)
        except LedgerError as error:
            yield as_finding(error.at(self.after.relative))

    def _logs(self) -> Iterator[Finding]:
        """Append-only and written-once files, byte by byte; the activity log as one over its shards."""
        for name in sorted(self.files):
            old, new = self.before.stored(name), self.after.stored(name)
            kind = layout.kind_of(name)
            if layout.shard_number(name) is not None or old is None or kind == "derived":
                continue
            if kind == "once" and old != new:
                yield Finding("ACTIVITY_APPEND_ONLY", "is written once and never changes", self.after.path(name), 1)
            elif kind in ("log", "later") and not (new or b"").startswith(old):
                yield rewritten(self.after.path(name), old, new or b"")
        shards = self.before.log_shards()
        for number, name in enumerate(shards, start=1):
            if name in self.files:
                old, new = self.before.read(name), self.after.read(name)
                if not new.startswith(old):
                    yield rewritten(self.after.path(name), old, new)
                elif new != old and number < len(shards):
                    yield Finding(
                        "ACTIVITY_APPEND_ONLY", "a later shard exists; this one is closed", self.after.path(name)
                    )
        after = self.after.log_shards()
        for name in sorted(self.files):
            if layout.shard_number(name) is not None and name not in after:
                yield Finding("ACTIVITY_APPEND_ONLY", "a shard before it is missing", self.after.path(name))

    def _activity(self, closed: str | None) -> Iterator[Finding]:
        """Every added event is canonical, of this place, rightly hashed, and came in before review."""
        seen: set[bytes] = set()
        for name in self.after.log_shards():
            if name not in self.files:
                seen.update(map(_id_of, self.after.read(name).split(b"\n")))
                continue
            seen.update(map(_id_of, self.before.read(name).split(b"\n")))
            old, path = self.before.read(name), self.after.path(name)
            first = old.count(b"\n") + 1
            for line, raw in enumerate(split_lines(self.after.read(name)[len(old) :], path), start=first):
                try:
                    value = decode(raw)
                    event = ActivityEvent.read(value)
                    check_place(event, self.settings.node_id, self.after.scope_id, None)
                    if _id_of(raw) in seen:
                        yield Finding("ACTIVITY_IDEMPOTENT", f"event {event.id} is in the log already", path, line)
                    seen.add(_id_of(raw))
                    if payload_hash(value) != event.payload_hash:
                        raise FormatError("wrong payload hash", rule="PROVENANCE_REQUIRED")
                    if closed is not None and event.ingested_at > closed:
                        raise FormatError(f"came in after review ({closed})", rule="INGESTION_CLOSED_ON_REVIEW")
                except LedgerError as error:
                    yield as_finding(error.at(path, line))

    def _deciders(self, scope: ScopeSettings) -> Iterator[Finding]:
        """Added decisions are by approvers or curators of the scope; its written rules may only exclude."""
        for name, lines in (("curation.jsonl", self.after.curation()), ("overrides.jsonl", self.after.overrides())):
            for line in lines[self.before.read(name).count(b"\n") :]:
                by_policy = line.actor == POLICY_ACTOR and getattr(line, "action", "") == "exclude"
                if not by_policy and not scope.may_decide(line.actor):
                    message = "decided by someone who is neither approver nor curator"
                    yield Finding("APPROVERS_PER_SCOPE", message, self.after.path(name), line.seq, None, line.actor)

    def _signatures(self, scope: ScopeSettings | None, final: bool) -> Iterator[Finding]:
        """Signatures over the statement as it stands: real, by pinned approvers, enough people by the scope's file."""
        statement, pin, path = (
            self.after.statement(),
            pin_of(self.after.transitions()),
            self.after.path("signatures.jsonl"),
        )
        if statement is None or pin is None:
            yield Finding("SIGNATURE_SCOPE_BOUND", "signatures without a statement", path)
            return
        text, people = signed_text(statement), []
        for number, line in enumerate(self.after.signatures(), start=1):
            if line.statement_hash != statement.statement_hash:
                continue  # over an older draft: on record, counts for nothing
            if recover_signer(text, line.signature) != line.signer_wallet:
                yield Finding(
                    "SIGNATURE_SCOPE_BOUND", "signature is not by its signer over this statement", path, number
                )
            elif line.signer_wallet not in pin.approvers:
                yield Finding("APPROVERS_PINNED_AT_REVIEW", "signer was not pinned at review", path, number)
            elif scope is not None and (person := scope.person_of(line.signer_wallet)) is not None:
                if person.id in people:
                    yield Finding("APPROVERS_PER_SCOPE", f"{person.id} is counted once, not by wallets", path, number)
                people.append(person.id)
        if final and len(set(people)) < pin.threshold:
            yield Finding(
                "APPROVERS_PER_SCOPE", "too few approvers signed", path, None, str(pin.threshold), str(len(set(people)))
            )

    def _closing(self) -> Iterator[Finding]:
        """The statement that closes the epoch is the stored one, and follows the statement before it."""
        statement, path = self.after.stored("statement.json"), self.after.path("statement.json")
        pinned = self.after.transitions()[-1].statement_hash
        actual = sha256_hex(statement or b"")
        if actual != pinned:
            yield Finding("EPOCH_FINALIZE_IDEMPOTENT", "is not the statement that was closed", path, 1, pinned, actual)
        if self.after.stored(layout.CHECKSUMS) is None:
            yield Finding("EPOCH_FINALIZE_IDEMPOTENT", "is missing", self.after.path(layout.CHECKSUMS))
        if self.after.epoch_id > 1 and (stated := self.after.statement()) is not None:
            before = self.after.source(
                f"{layout.epoch_path(self.after.scope_id, self.after.epoch_id - 1)}/statement.json"
            )
            wanted = sha256_hex(before or b"")
            if stated.previous_statement_hash != wanted:
                yield Finding(
                    "PAYOUT_DETERMINISTIC",
                    "does not follow the statement before",
                    path,
                    1,
                    wanted,
                    stated.previous_statement_hash,
                )


def _id_of(line: bytes) -> bytes:
    """The id in a canonical event line: keys are sorted and quotes in texts escaped, so the first match is the key."""
    return line.partition(b',"id":"')[2].partition(b'"')[0]


def rewritten(path: str, old: bytes, new: bytes) -> Finding:
    """The finding that a log's old bytes do not begin its new ones, at the first line that differs."""
    pairs = enumerate(zip(old, new, strict=False))
    same = next((at for at, (a, b) in pairs if a != b), min(len(old), len(new)))
    rule = "POOL_IMMUTABLE" if path.endswith("/pool.jsonl") else "ACTIVITY_APPEND_ONLY"
    message = "a line that was there before is changed or gone; logs only grow"
    return Finding(rule, message, path, old.count(b"\n", 0, same) + 1)


def as_finding(error: LedgerError) -> Finding:
    """A refused file or line as a finding."""
    return Finding(error.rule or "WRITES_VIA_WORKFLOW", error.message, error.path or "", error.line)
