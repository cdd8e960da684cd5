"""What a change does to one amendment of a finalized epoch: the same questions as for an epoch, on fewer files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ledger.core.config import NodeSettings, ScopeSettings
from ledger.core.errors import LedgerError
from ledger.core.evaluate import Finding
from ledger.core.lifecycle import pin_findings
from ledger.store import layout
from ledger.store.amendments import amendment_of
from ledger.store.guard_epoch import EpochChange
from ledger.store.guard_findings import as_finding, rewritten
from ledger.store.trees import NodeFiles

RULE = "AMENDMENT_CHAIN"


class AmendmentChange(EpochChange):
    """One version of an epoch, from 2 on, before and after; `files` are those of its folder that differ."""

    def __init__(
        self,
        settings: NodeSettings,
        scope_id: str,
        epoch_id: int,
        version: int,
        files: Mapping[str, object],
        read_before: NodeFiles,
        read_after: NodeFiles,
    ) -> None:
        super().__init__(settings, scope_id, epoch_id, files, read_before, read_after)
        self.amended = amendment_of(self.after, version)
        self.before, self.after = amendment_of(self.before, version), self.amended

    def findings(self, scopes: Sequence[ScopeSettings]) -> Iterator[Finding]:
        """Everything in this amendment that may not be."""
        try:
            was = self.before.state() if self.before.exists() else None
            if was == "finalized":
                for name in sorted(self.files):
                    if layout.kind_of(name, self.after.version) != "later":
                        where = rewritten(self.after.path(name), self.before.read(name), self.after.read(name))
                        yield Finding("CURATION_FREEZE_ON_FINALIZE", "the version is finalized", where.path, where.line)
                yield from self._attestations(final=True)
                return
            if not self.after.exists():  # given up before it was in force
                yield from (
                    Finding(RULE, "an amendment is given up as a whole", self.after.path(name))
                    for name in sorted(layout.AMENDMENT_FILES)
                    if self.after.stored(name) is not None
                )
                return
            yield from self._logs()
            yield from self._version(scopes)
        except LedgerError as error:
            yield as_finding(error.at(self.after.relative))

    def _version(self, scopes: Sequence[ScopeSettings]) -> Iterator[Finding]:
        after, before = self.amended, self.amended.before
        now = after.state()
        after.curation(), after.overrides(), after.awards(), after.signatures(), after.allocations(), after.statement()
        if after.reason() is None:
            yield Finding(RULE, "says no reason", after.path("reason.json"))
        if not before.exists() or before.state() != "finalized":
            yield Finding(RULE, "the version before it is not finalized", after.path("transitions.jsonl"), 1)
        if now == "open":
            for name in sorted(self.files):
                if layout.kind_of(name, after.version) == "derived":
                    yield Finding("EPOCH_THREE_PHASE", "the amendment is still open", after.path(name))
        if "signatures.jsonl" in self.files or now == "finalized":
            yield from self._signatures(now == "finalized")
        yield from self._attestations(final=now == "finalized")
        if now == "finalized":
            yield from self._closing()
            stated, superseded = after.statement(), before.statement()
            wanted = superseded.statement_hash if superseded else None
            if stated is not None and stated.supersedes_statement_hash != wanted:
                message = "does not supersede the statement before"
                actual = stated.supersedes_statement_hash
                yield Finding(RULE, message, after.path("statement.json"), 1, wanted, actual)
        if "transitions.jsonl" in self.files:
            yield from pin_findings(after.path("transitions.jsonl"), after.transitions(), after.chain())
        if scopes:
            yield from self._deciders(scopes[0])
