"""What a change does to a scope's logs outside its epochs: approver sets, signatures over them, the statement log."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from ledger.core.approvers import RULE
from ledger.core.config import ScopeSettings
from ledger.core.errors import LedgerError
from ledger.core.evaluate import Finding
from ledger.core.nextset import named_by
from ledger.core.settling import approvers_of
from ledger.core.statementlog import Final, log_findings
from ledger.core.values import NodeId, ScopeId, Timestamp
from ledger.store import layout
from ledger.store.amendments import amendment_of
from ledger.store.epochfolder import life_of
from ledger.store.final import final_amendments, final_sets, final_statement
from ledger.store.final_payments import final_payments
from ledger.store.guard_findings import as_finding, rewritten
from ledger.store.payments import PayFiles
from ledger.store.treefolder import TreeFolder
from ledger.store.trees import NodeFiles

Past = Callable[[Timestamp], Iterator[ScopeSettings]]
"""The scope's file as it is after the change and as it stood before it, back to a time."""
_AMENDMENT = re.compile(
    rf"data/epochs/[^/]+/({layout.FOLDER_PATTERN})/{layout.AMENDMENTS}/({layout.VERSION_FOLDER})/statement\.json",
    re.ASCII,
)
_STATEMENT = re.compile(rf"data/epochs/[^/]+/({layout.FOLDER_PATTERN})/statement\.json", re.ASCII)


class ScopeChange:
    """A scope's logs before and after; `epochs` are those that the change touches."""

    def __init__(
        self, node_id: NodeId, scope_id: str, epochs: Collection[int], read_before: NodeFiles, read_after: NodeFiles
    ) -> None:
        self.scope_id, self.epochs = scope_id, epochs
        place = (Path(), node_id, ScopeId(scope_id))
        self.before = TreeFolder(*place, 1, read_before)
        self.after = TreeFolder(*place, 1, read_after)

    def findings(self, past: Past | None, *, epoch_branch: bool) -> Iterator[Finding]:
        """Everything in these logs that may not be. `past`: None where the scope is new with this change."""
        for path in layout.scope_logs(self.scope_id):
            old, new = self.before.beside(path) or b"", self.after.beside(path) or b""
            if not new.startswith(old):
                yield rewritten(path, old, new)
        try:
            chain = self.after.chain()
            yield from chain.findings
            known = len(self.before.chain().sets)
        except LedgerError as error:
            yield as_finding(error)
            return
        path = layout.approvers_path(self.scope_id)
        reviewed = self._reviewed()
        for line in chain.sets[known:]:
            since = max(line.at, reviewed)  # a date that is put back brings no older file back
            if past is not None and not any(named_by(scope).same_as(line) for scope in past(since)):
                yield Finding(RULE, "proposes others than the scope's file ever named", path, line.seq)
            if epoch_branch and line in chain.new_roots:
                yield Finding(RULE, "a new root does not come by an epoch's branch", path, line.seq)
        try:
            files = PayFiles(self.after.node_id, self.after.beside)
            money = final_payments(files, self.scope_id, approvers_of(chain))
            yield from self._log([*final_sets(self.scope_id, chain), *money])
        except LedgerError as error:
            yield as_finding(error)

    def _folder(self, number: int) -> TreeFolder:
        return TreeFolder(Path(), self.after.node_id, self.after.scope_id, number, self.after.source)

    def _folders(self, numbers: Collection[int]) -> Iterator[TreeFolder]:
        for number in sorted(numbers):
            folder = self._folder(number)
            if folder.exists():
                yield folder

    def _reviewed(self) -> Timestamp:
        """The end of the last window that the change brings to review or beyond: no set was proposed for it before."""
        lives = [life_of(folder) for folder in self._folders(self.epochs)]
        ends = (life.window.end for life in lives if life.window is not None and life.state != "open")
        return max(ends, default=Timestamp(""))

    def _log(self, final: list[Final]) -> Iterator[Finding]:
        """The log against the sets, and against each epoch that the change touches or that an added line names."""
        lines = self.after.log()
        added = lines[(self.before.beside(layout.log_path(self.scope_id)) or b"").count(b"\n") :]
        named = (_STATEMENT.fullmatch(line.ref) for line in added if line.kind == "statement")
        numbers = {*self.epochs, *(int(match[1]) for match in named if match)}
        closed = (final_statement(folder) for folder in self._folders(numbers))
        final += [one for one in closed if one is not None]
        final += final_amendments(
            amendment_of(self._folder(int(match[1])), int(match[2]))
            for line in lines
            if line.kind == "amendment" and (match := _AMENDMENT.fullmatch(line.ref))
        )
        looked_at = {(one.kind, one.ref) for one in final}
        kept = [line for line in lines if line in added or (line.kind, line.ref) in looked_at]
        yield from log_findings(layout.log_path(self.scope_id), kept, final)
