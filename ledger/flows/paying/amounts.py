"""What each final statement gives to whom, in all its versions: the one place where the book reads statements.

Reads the figures alone. That the file is the one that was closed is held by its hash; `verify` recomputes the rest.
"""

from __future__ import annotations

import json
import re
from typing import Any

from ledger.core.canonical import sha256_hex
from ledger.core.errors import FormatError
from ledger.core.planning import HeldShare, Stated
from ledger.core.values import UUID_PATTERN, UserId, parse_amount
from ledger.store.amendments import amendments
from ledger.store.node import EpochFolder, Node

_USER = re.compile(UUID_PATTERN, re.ASCII)


def final_statements(node: Node, scope_id: str) -> list[Stated]:
    """Every version of every finalized epoch's statement, oldest first; FormatError names a file that is not it."""
    return [
        stated
        for base in node.epochs(scope_id)
        for folder in (base, *amendments(base))
        if (stated := _version(folder)) is not None
    ]


def _version(folder: EpochFolder) -> Stated | None:
    closing = next((step for step in folder.transitions() if step.to == "finalized"), None)
    if closing is None:
        return None
    path, data = folder.path("statement.json"), folder.read("statement.json")
    if sha256_hex(data) != closing.statement_hash:
        raise FormatError(
            "is not the statement that was finalized",
            path=path,
            line=1,
            rule="EPOCH_FINALIZE_IDEMPOTENT",
            hint="Restore the file from git; `ledger verify` says more.",
        )
    try:
        value: dict[str, Any] = json.loads(data)
        return Stated(
            epoch_id=folder.epoch_id,
            version=value["version"],
            statement_hash=closing.statement_hash or "",
            at=closing.at,
            path=path,
            amounts={_user(line["user_id"]): parse_amount(line["amount_credits"]) for line in value["payouts"]},
            held=tuple(
                HeldShare(line["source"], line["platform_user_id"], parse_amount(line["amount_credits"]))
                for line in value["held"]
            ),
            identities_size=value["identities"]["size"],
            hold_epochs=folder.epoch().hold_epochs,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(f"is no statement: {error}", path=path, line=1) from None


def _user(text: str) -> UserId:
    if _USER.fullmatch(text) is None:
        raise ValueError(f"{text[:60]!r} is no user")
    return UserId(text)
