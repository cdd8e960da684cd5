"""What each final epoch's part of the site follows from, as one hash; an epoch that is not final has none.

It is `compute.content`, what a later epoch or binding says of a share that is held, and the tool itself. What people
are called now is apart from it (`asked.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from ledger.compute.content import content_of
from ledger.core.canonical import encode, sha256_hex
from ledger.core.errors import LedgerError
from ledger.core.identity import resolve_accounts
from ledger.store import layout
from ledger.store.epochfolder import EpochFolder
from ledger.store.node import Node
from ledger.store.once import FolderOnce

Place = tuple[str, int]
"""A scope and the number of an epoch."""
_NONE_HELD = b'"held":[]'
"""In a statement's line; inside a text each quote has a stroke before it."""


def follows(node: Node, tool: str) -> dict[Place, str]:
    """For every final epoch of the node the hash over what its part follows from. `tool`: the hash of the program."""

    @cache
    def bound() -> Mapping[tuple[str, str], str]:
        return resolve_accounts(node.bindings())

    found: dict[Place, str] = {}
    for scope_id in node.scopes:
        before = ""
        for folder in node.epochs(scope_id):
            try:
                before = content_of(node, folder, before)
                if folder.state() == "finalized":
                    log = folder.statement_log().before(folder.path("statement.json"))
                    later = [] if _NONE_HELD in folder.read("statement.json") else _held(node, folder, bound())
                    found[scope_id, folder.epoch_id] = sha256_hex(encode([tool, before, log, later]))
            except LedgerError:  # told by whoever computes the epoch
                break
            finally:
                if isinstance(folder, FolderOnce):
                    folder.forget()
    return found


def _held(node: Node, folder: EpochFolder, bound: Mapping[tuple[str, str], str]) -> list[object]:
    """Who has each account now whose share is held, and what the epoch says with which it lapses."""
    statement, epochs = folder.statement(), folder.epoch().hold_epochs
    lines = statement.held if statement else ()
    found: list[object] = [[line.key, bound.get((line.source, line.platform_user_id))] for line in lines]
    if epochs is not None:
        ending = node.epoch(folder.scope_id, folder.epoch_id + epochs)
        closing = ending.statement() if ending.exists() else None
        if closing is not None:
            pin = node.prefix_pin(layout.IDENTITIES, closing.identities.size)
            found += [ending.hash_of("statement.json"), pin.sha256]
    return found
