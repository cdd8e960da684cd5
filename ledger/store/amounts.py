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
from ledger.core.records.statement import Statement
from ledger.core.values import MAX_AMOUNT, Timestamp, UserId, parse_amount
from ledger.store.amendments import amendments
from ledger.store.epochfolder import EpochFolder
from ledger.store.node import Node

_LINE = re.compile(
    rb'\{"amount_credits":"(0|[1-9][0-9]{0,18})","award_credits":"[0-9]{1,19}","share":"[01]\.[0-9]{6}",'
    rb'"share_credits":"[0-9]{1,19}","total_units":"[0-9]{1,19}",'
    rb'"user_id":"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"\}'
)


def final_statements(node: Node, scope_id: str) -> list[Stated]:
    """Every version of every finalized epoch's statement, oldest first; FormatError names a file that is not it."""
    return [
        stated
        for base in node.epochs(scope_id)
        for folder in (base, *amendments(base))
        if (stated := _version(folder)) is not None
    ]


def as_booked(folder: EpochFolder, statement: Statement, at: Timestamp) -> Stated:
    """A statement that is not final yet, as the book would have it if it became so at `at`."""
    return Stated(
        epoch_id=folder.epoch_id,
        version=folder.version,
        statement_hash=statement.statement_hash,
        at=at,
        path=folder.path("statement.json"),
        amounts={line.user_id: line.amount_credits for line in statement.payouts},
        held=tuple(HeldShare(line.source, line.platform_user_id, line.amount_credits) for line in statement.held),
        identities_size=statement.identities.size,
        hold_epochs=folder.epoch().hold_epochs,
    )


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
        amounts, rest = _payouts(data)
        value: dict[str, Any] = json.loads(rest)
        return Stated(
            epoch_id=folder.epoch_id,
            version=value["version"],
            statement_hash=closing.statement_hash or "",
            at=closing.at,
            path=path,
            amounts=amounts,
            held=tuple(
                HeldShare(line["source"], line["platform_user_id"], parse_amount(line["amount_credits"]))
                for line in value["held"]
            ),
            identities_size=value["identities"]["size"],
            hold_epochs=folder.epoch().hold_epochs,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(f"is no statement: {error}", path=path, line=1) from None


def _payouts(data: bytes) -> tuple[dict[UserId, int], bytes]:
    """Amounts by user, and the statement without its payout lines.

    Ten years of a large scope are a million lines. In canonical form each is one match of a pattern, which is several
    times faster than a tree of objects; lines that the pattern leaves out are an error, never passed over.
    """
    start = data.index(b'"payouts":[') + len(b'"payouts":[')
    end = data.index(b"]", start)
    lines = _LINE.findall(data, start, end)
    if len(lines) != data.count(b"{", start, end):
        raise ValueError("a payout line is not in canonical form")
    amounts = {UserId(user.decode()): int(amount) for amount, user in lines}
    if len(amounts) != len(lines) or max(amounts.values(), default=0) > MAX_AMOUNT:
        raise ValueError("a payout line stands twice, or is past 2^63-1")
    return amounts, data[:start] + data[end:]
