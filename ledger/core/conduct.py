"""What every writer keeps to, checked wherever records come in: `verify` over the stored files, `guard` over a change.

A rule that only the writing command kept would be none. Steps in order of time and not before the window ends, coverage
not past the run that claims it, new people under their derived id, and a statement that pins the files beside it.
Knows records, not files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from ledger.core.evaluate import Finding
from ledger.core.identity import new_user_id
from ledger.core.records.activity import Collection, Cursor
from ledger.core.records.decisions import Binding
from ledger.core.records.epoch import Transition
from ledger.core.records.statement import Statement
from ledger.core.values import Timestamp


def step_findings(path: str, steps: Sequence[Transition], end: Timestamp | None) -> Iterator[Finding]:
    """Steps follow one another in time, close the epoch once, and leave `open` no sooner than the window ends."""
    for number, (before, after) in enumerate(pairwise(steps), start=2):
        if after.at < before.at:
            yield Finding("EPOCH_THREE_PHASE", "step lies before the one before it", path, number, before.at, after.at)
    for number, step in enumerate(steps, start=1):
        if step.to == "review" and end is not None and step.at < end:
            message = "the epoch went to review before its window ended"
            yield Finding("INGESTION_CLOSED_ON_REVIEW", message, path, number, f"from {end} on", step.at)
    closing = [number for number, step in enumerate(steps, start=1) if step.to == "finalized"]
    if len(closing) > 1:
        yield Finding("ADMIN_FINALIZES_ONCE", "closed more than once", path, closing[-1], "1", str(len(closing)))


def coverage_findings(
    cursors_path: str, cursors: Sequence[Cursor], collections_path: str, collections: Sequence[Collection]
) -> Iterator[Finding]:
    """No run claims to have covered what had not happened yet (CURSOR_STATE_PERSISTED)."""
    claims = [(cursors_path, line.seq, line.at, line.covered[-1].to) for line in cursors if line.covered]
    claims += [(collections_path, line.seq, line.at, line.covered_to) for line in collections]
    for path, seq, at, until in claims:
        if until > at:
            message = "covers a time after the run that read it"
            yield Finding("CURSOR_STATE_PERSISTED", message, path, seq, f"at most {at}", until)


def binding_findings(path: str, lines: Sequence[Binding], known: int = 0) -> Iterator[Finding]:
    """A person whom the log names for the first time has the id of the account bound (specification, section 3).

    `known`: lines that were there before and are not told again.
    """
    used: set[str] = set()
    for line in lines:
        if line.user_id not in used and line.seq > known:
            wanted = new_user_id(line.node_id, line.provider, line.external_id, used)
            if line.user_id != wanted:
                yield Finding("IDENTITY_BEST_EFFORT", "a new person's id", path, line.seq, wanted, line.user_id)
        used.add(line.user_id)


def pinned_files_findings(path: str, statement: Statement, hashes: Mapping[str, str]) -> Iterator[Finding]:
    """A statement pins the files as they stand beside it. `hashes`: SHA-256 by the name of the statement's field."""
    for name, actual in sorted(hashes.items()):
        pinned = str(getattr(statement, name))
        if pinned != actual:
            message = f"statement.{name} is not that of the file beside it"
            yield Finding("PAYOUT_DETERMINISTIC", message, path, 1, actual, pinned)
