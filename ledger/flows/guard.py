"""What a pull request asks of a change before it enters the log: `ledger.store.guard`, and what the next run will ask.

Also whether git keeps the bytes of this checkout as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ledger.core.errors import LedgerError
from ledger.core.evaluate import Finding
from ledger.core.place import Place
from ledger.flows.routes import check_routes, options_of
from ledger.sources.registry import available, source_class
from ledger.store import layout
from ledger.store.attributes import kept_findings
from ledger.store.guard import guard as compare
from ledger.store.node import Node


def guard(root: Path, base: str, head: str | None, epoch_branch: Place | None) -> list[Finding]:
    """Whether the change from `base` to `head` (None: the working tree) is one that the log allows; see the store."""
    return compare(root, base, head, epoch_branch=epoch_branch, also=_sources_answer)


def altered_on_checkout(root: Path) -> Finding | None:
    """What lets git change the bytes of the node's records, asked of git itself; None where nothing does."""
    return next(iter(kept_findings(root)), None)


def _sources_answer(node: Node) -> Iterator[LedgerError]:
    """What a run asks first of the sources that the scopes name: options that their adapters take, routes that match.

    An adapter whose library is not installed here cannot be asked; that says nothing about the change.
    """
    scopes, missing = list(node.scopes.values()), set()
    for scope in scopes:
        for entry in scope.sources:
            try:
                source_class(entry.source)
            except LedgerError as error:
                missing.add(entry.source)
                if entry.source not in available():
                    yield error.at(layout.scope_path(scope.scope_id))
                continue
            try:
                options_of(scope, entry)
            except LedgerError as error:
                yield error.at(layout.scope_path(scope.scope_id))
                return
    try:
        for kind in sorted({entry.source for scope in scopes for entry in scope.sources} - missing):
            check_routes(scopes, kind)
    except LedgerError as error:
        yield error
