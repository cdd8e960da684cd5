"""What is final in a scope by its files: approver sets that count, statements that were closed.

The statement log is held to this, in both directions. Works on the disk and on trees of git alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ledger.core.approvers import Chain
from ledger.core.statementlog import Final, LogKind
from ledger.core.values import Hash
from ledger.store import layout
from ledger.store.amendments import amendments
from ledger.store.epochfolder import EpochFolder


def final_sets(scope_id: str, chain: Chain) -> Iterator[Final]:
    """The sets that count, in the order in which they came to."""
    for line in chain.counting:
        yield Final("approvers", set_ref(scope_id, line.seq), line.line_hash)


def final_statement(folder: EpochFolder) -> Final | None:
    """The statement of a finalized epoch; None for another. FormatError where its steps cannot be read."""
    if folder.state() != "finalized":
        return None
    pinned = next((step.approvers_seq for step in reversed(folder.transitions()) if step.approvers_seq), None)
    ref = set_ref(folder.scope_id, pinned) if pinned is not None else None
    kind: LogKind = "statement" if folder.version == 1 else "amendment"
    return Final(
        kind,
        folder.path("statement.json"),
        Hash(folder.hash_of("statement.json")),
        ref,
    )


def finals(scope_id: str, chain: Chain, folders: Sequence[EpochFolder]) -> list[Final]:
    """Everything that is final in a scope, sets first, each kind in its order."""
    statements = (final_statement(folder) for folder in folders)
    amended = final_amendments(each for folder in folders for each in amendments(folder))
    return [*final_sets(scope_id, chain), *(one for one in statements if one is not None), *amended]


def final_amendments(folders: Iterable[EpochFolder]) -> list[Final]:
    """Amendments that were closed, in the order in which they were."""
    closed = [(folder.transitions()[-1].at, folder) for folder in folders if folder.state() == "finalized"]
    ordered = sorted(closed, key=lambda pair: (pair[0], pair[1].epoch_id, pair[1].version))
    return [one for _, folder in ordered if (one := final_statement(folder)) is not None]


def set_ref(scope_id: str, seq: int) -> str:
    """How the log names an approver set."""
    return f"{layout.approvers_path(scope_id)}:{seq}"
