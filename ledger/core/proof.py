"""How people bind their own accounts: one challenge text, and what counts as an answer to it.

The text names node, user, account and a nonce that grows with every line of the bindings log about that account, so
that an answer works once (no replay after an unbind). A wallet signs the text (EIP-191); any other account posts the
text's code in a place that the ledger collects. Pure: no log, no disk.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from ledger.core.canonical import sha256_hex
from ledger.core.identity import AccountKey
from ledger.core.records.activity import ActivityEvent
from ledger.core.records.decisions import Binding
from ledger.core.values import UserId

CODE_PREFIX = "ledger-bind-"
CODE_DIGITS = 24
"""A code is the prefix and so many hex digits; collectors let a message that is just a code through."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """A wish to bind `account` to `user_id`, as of `nonce` earlier lines about the account."""

    node_id: str
    user_id: UserId
    account: AccountKey
    nonce: int

    @property
    def text(self) -> str:
        """What a wallet signs: five lines, no line end after the last."""
        return "\n".join(
            (
                "Contribution Ledger Identity Proof",
                f"Node: {self.node_id}",
                f"User: {self.user_id}",
                f"Account: {self.account[0]}:{self.account[1]}",
                f"Nonce: {self.nonce}",
            )
        )

    @property
    def code(self) -> str:
        """What any other account posts, as the whole text of a message or the title of a commit."""
        return CODE_PREFIX + sha256_hex(self.text.encode())[:CODE_DIGITS]


def approver_text(place: str, scope_id: str, person: str) -> str:
    """What somebody signs who is to be an approver of a ledger that is only being made, so that it takes his wallet.

    `place` is the ledger's repository, or its name where it has none. Four lines, no line end after the last.
    """
    return f"Contribution Ledger Approver Proof\nLedger: {place}\nScope: {scope_id}\nApprover: {person}"


def nonce_of(bindings: list[Binding], account: AccountKey) -> int:
    """How many lines of the log are about `account`."""
    return sum((line.provider, line.external_id) == account for line in bindings)


def event_says(event: ActivityEvent, code: str, secret: bytes | None) -> bool:
    """Whether the event's account wrote exactly `code`: a text by its SHA-256 or its keyed hash, or a title.

    A title speaks only for whom it is by: never for co-authors, whom somebody else named below a title of his own. On
    GitHub it speaks for no one, since others may change it.
    """
    found = event.metadata
    titled = event.source != "github" and not event.event_type.endswith("_coauthored")
    if (titled and found.get("title") == code) or found.get("text_sha256") == sha256_hex(code.encode()):
        return True
    keyed = found.get("text_hmac")
    if secret is None or not isinstance(keyed, str):
        return False
    message = event.id.partition("#")[0].rpartition(":")[2]
    wanted = hmac.new(secret, f"text:{message}:{code}".encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted, keyed)
