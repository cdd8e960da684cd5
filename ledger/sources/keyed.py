"""What only the node's secret links to what it stands for: accounts, ids that carry data, notes with such ids."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from ledger.core.canonical import clean_text


def keyed_account(secret: bytes, account: str) -> str:
    """HMAC-SHA-256 (hex) of an account id under the node's secret: the same for all events of an account."""
    return hmac.new(secret, account.encode(), hashlib.sha256).hexdigest()


def keyed_id(secret: bytes, kind: str, value: str) -> str:
    """HMAC-SHA-256 (hex) of an id that itself tells something (a snowflake tells its time), as one of its kind."""
    return hmac.new(secret, f"{kind}:{value}".encode(), hashlib.sha256).hexdigest()


def keyed_text(secret: bytes, message_id: str, text: str) -> str:
    """HMAC-SHA-256 (hex) of a message's cleaned text under the node's secret, bound to the message.

    The id is part of what is hashed, because otherwise anybody could post a guess and compare: the same text, or an
    account's id written as a message, would show the same hash as somebody else's text or as that account's keyed id.
    """
    return hmac.new(secret, f"text:{message_id}:{clean_text(text)}".encode(), hashlib.sha256).hexdigest()


def seal_note(secret: bytes, stream: str, note: Mapping[str, Any]) -> str:
    """A flat note as text that only the node's secret opens: AES-SIV, so that the same note gives the same text."""
    text = json.dumps(note, sort_keys=True).encode()
    return base64.urlsafe_b64encode(_cipher(secret).encrypt(text, [stream.encode()])).decode()


def open_note(secret: bytes, stream: str, sealed: object) -> dict[str, Any]:
    """The note, or an empty one where it is not ours: another secret, another stream, changed."""
    from cryptography.exceptions import InvalidTag

    try:
        text = base64.urlsafe_b64decode(str(sealed))
        return dict(json.loads(_cipher(secret).decrypt(text, [stream.encode()])))
    except (InvalidTag, binascii.Error, ValueError):
        return {}


def _cipher(secret: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

    return AESSIV(hmac.new(secret, b"note", hashlib.sha512).digest())
