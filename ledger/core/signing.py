"""The text that approvers sign, and who signed it (EIP-191, SIGNATURE_SCOPE_BOUND).

The text is always rebuilt from the statement, never taken from the message that brought the signature.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from contextlib import suppress
from functools import lru_cache
from typing import cast

from ledger.core.errors import SignatureError
from ledger.core.records import Statement
from ledger.core.values import Address

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Order of secp256k1 (SEC 2); a signature with s above its half is malleable and refused (EIP-2)."""


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


def normalize_signature(signature: str) -> str:
    """The one accepted form: 0x, 130 lowercase hex digits, v 27 or 28 (0/1 is put right), s in the lower half.

    What wallets and copying do to it is put right: white space anywhere, quotes around it, a 0x that is missing or
    written 0X. Raises SignatureError for anything else, saying what is wrong with it.
    """
    text = re.sub(r"\s+", "", signature).strip("\"'`")
    text = "0x" + (text[2:] if text[:2] in ("0x", "0X") else text)
    if re.fullmatch(r"0x[0-9a-fA-F]{130}", text, re.ASCII) is None:
        raise _malformed(text[2:])
    raw = bytes.fromhex(text[2:])
    r, s, v = int.from_bytes(raw[:32]), int.from_bytes(raw[32:64]), raw[64]
    v = v + 27 if v in (0, 1) else v
    if v not in (27, 28):
        raise SignatureError(f"the signature's last byte v is {v}; it must be 27 or 28", hint="Use personal_sign.")
    if not 0 < r < CURVE_ORDER or not 0 < s <= CURVE_ORDER // 2:
        raise SignatureError(
            "the signature's r or s is out of range (s must lie in the lower half, EIP-2)",
            hint="Sign again with an up-to-date wallet; a changed copy of another signature looks like this.",
        )
    return "0x" + (raw[:64] + bytes([v])).hex()


def _malformed(digits: str) -> SignatureError:
    """What is wrong with the text behind 0x, which should be 130 hex digits."""
    form = "a signature is 0x and 130 hex digits (65 bytes)"
    strange = re.search(r"[^0-9a-fA-F]", digits, re.ASCII)
    if strange is not None:
        found = f"{strange[0]!a} at place {strange.start() + 1} behind 0x is none"
        hint = "Copy the whole answer of the wallet's personal_sign, and nothing else."
    elif len(digits) == 128:
        found, hint = "this has 128, a compact one (EIP-2098)", "Have the wallet give the 65 bytes of personal_sign."
    elif len(digits) > 130 and len(digits) % 130 == 0:
        found = f"this has {len(digits)}, as if {len(digits) // 130} were joined"
        hint = "Give each on its own; what a contract wallet (Safe) collects is no signature of a person's wallet."
    else:
        found = f"this has {len(digits)}"
        hint = "Copy the whole answer of the wallet's personal_sign: a part is missing or something was added."
    return SignatureError(f"{form}: {found}", hint=hint)


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


@lru_cache(maxsize=1024)
def _address_of(key: bytes) -> Address:
    """The checksummed address of a key (its 64 bytes); remembered, since a long log has few signers."""
    from eth_keys.datatypes import PublicKey

    return cast(Address, PublicKey(key).to_checksum_address())


def recover_signer(text: str, signature: str) -> Address:
    """The checksummed address whose key signed `text` by personal_sign; `signature` in normalized form.

    Raises SignatureError when it is malformed or no key can be recovered.
    """
    if normalize_signature(signature) != signature:
        raise SignatureError("the signature is not in its stored form (lowercase, v 27 or 28)")
    from eth_keys.datatypes import Signature  # lazily, and not by way of eth-account, whose import takes half a second
    from eth_utils.crypto import keccak

    body, raw = text.encode(), bytes.fromhex(signature[2:])
    try:
        digest = keccak(b"\x19Ethereum Signed Message:\n%d%b" % (len(body), body))  # EIP-191, version 0x45
        recovered = Signature(raw[:64] + bytes([raw[64] - 27])).recover_public_key_from_msg_hash(digest)
        return _address_of(recovered.to_bytes())
    except Exception as error:  # eth-keys raises several unrelated classes for points that are not on the curve
        raise SignatureError(
            f"no signer can be recovered from the signature ({type(error).__name__})",
            hint="Copy the whole signature again.",
        ) from None
