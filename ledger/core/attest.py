"""What a witness signs after recomputing a finalized epoch, and which attestations hold (ATTESTATION_VALID).

Like a statement's text (EIP-191, see `ledger.core.signing`), it is always rebuilt from the statement. Its first line
differs from a statement's, so that neither signature can pass for the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ledger.core.errors import FormatError, SignatureError
from ledger.core.evaluate import Finding
from ledger.core.records.statement import Attestation, Statement
from ledger.core.signing import recover_signer
from ledger.core.values import NAME_PATTERN, VERSION_PATTERN

RULE = "ATTESTATION_VALID"


def attested_text(statement: Statement, tool: str, tool_version: str) -> str:
    """The exact text of the specification's section 5: eight lines, no line end after the last.

    Raises FormatError for a tool or version that could bring in a line of its own.
    """
    for name, value, pattern in (("tool", tool, NAME_PATTERN), ("tool_version", tool_version, VERSION_PATTERN)):
        if re.fullmatch(pattern, value) is None:
            raise FormatError(f"{name} {value[:64]!r} does not match {pattern}", rule=RULE)
    return "\n".join(
        (
            "Ledger Epoch Attestation",
            "I recomputed this epoch and got the same bytes.",
            f"Node: {statement.node_id}",
            f"Scope: {statement.scope_id}",
            f"Epoch: {statement.epoch_id}",
            f"Statement Hash: {statement.statement_hash}",
            f"Tool: {tool}",
            f"Tool Version: {tool_version}",
        )
    )


def attestation_findings(path: str, lines: Sequence[Attestation], statement: Statement | None) -> Iterator[Finding]:
    """What speaks against the lines of `path`; `statement`: the epoch's own once it is finalized, else None."""
    seen: set[tuple[str, str, str]] = set()
    for number, line in enumerate(lines, start=1):
        if statement is None:
            yield Finding(RULE, "attests an epoch that is not finalized", path, number)
            continue
        wanted = statement.statement_hash
        if line.statement_hash != wanted:
            yield Finding(RULE, "attests another statement", path, number, wanted, line.statement_hash)
            continue
        try:
            signer = str(recover_signer(attested_text(statement, line.tool, line.tool_version), line.signature))
        except SignatureError as error:
            signer = error.message
        if signer != line.signer_wallet:
            message = "attestation is not by its signer over this statement"
            yield Finding(RULE, message, path, number, line.signer_wallet, signer)
            continue
        key = (line.signer_wallet, line.tool, line.tool_version)
        if key in seen:
            message = "this wallet attested the epoch with this tool and version before"
            yield Finding(RULE, message, path, number, "once", line.signer_wallet)
        seen.add(key)
