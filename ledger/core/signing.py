"""The text that approvers sign, and who signed it (EIP-191, SIGNATURE_SCOPE_BOUND).

The text is always rebuilt from the statement, never taken from the message that brought the signature.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from ledger.core.errors import SignatureError
from ledger.core.records.statement import Statement
from ledger.core.recover import CURVE_ORDER as CURVE_ORDER  # who reads signed texts names these from here
from ledger.core.recover import normalize_signature as normalize_signature
from ledger.core.recover import recover_signer as recover_signer


def signed_text(statement: Statement) -> str:
    """The exact text of the specification's section 5: seven lines, nine for an amendment; no line end at its end."""
    amended = statement.supersedes_statement_hash
    return "\n".join(
        (
            "Cogni Payout Statement" if amended is None else "Ledger Statement Amendment",
            f"Node: {statement.node_id}",
            f"Scope: {statement.scope_id}",
            f"Epoch: {statement.epoch_id}",
            f"Allocation Hash: {statement.allocation_set_hash}",
            f"Pool Total: {statement.pool_total_credits}",
            f"Statement Hash: {statement.statement_hash}",
            *(() if amended is None else (f"Version: {statement.version}", f"Supersedes: {amended}")),
        )
    )


_SLIPS: tuple[tuple[str, str, str, str], ...] = (
    ("", "\n", "\n", "with a line end behind its last line"),
    ("", "\r\n", "", "with the line ends of Windows"),
    ("", "\r\n", "\r\n", "with the line ends of Windows, one of them behind its last line"),
    ("", "\n", " ", "with a space behind its last line"),
    (" ", "\n", "", "with a space before its first line"),
    ("\n", "\n", "", "with an empty line before its first"),
    ("", " ", "", "with spaces in place of its line ends"),
    ("", "", "", "without its line ends"),
)
"""What copying does to a text: what comes before it, between its lines and behind it; and in words."""


def slip_of(text: str, signature: str, wallets: Collection[str]) -> str | None:
    """How the text that one of `wallets` signed differs from `text`, in words; None where no known slip explains it.

    Only explains: such a signature never counts. `signature` in normalized form.
    """
    for before, between, behind, words in _SLIPS:
        with suppress(SignatureError):
            if recover_signer(before + text.replace("\n", between) + behind, signature) in wallets:
                return words
    return None
