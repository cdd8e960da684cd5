"""Who signed a text by a wallet's personal_sign (EIP-191), from the text and the one accepted form of a signature.

Pure and light: processes that do nothing else import it (`ledger.flows.signers`), so it must not import the records.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, cast

from ledger.core.errors import SignatureError
from ledger.core.keccak import keccak, with_checksum

if TYPE_CHECKING:
    from ledger.core.values import Address

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Order of secp256k1 (SEC 2); a signature with s above its half is malleable and refused (EIP-2)."""

_AHEAD: dict[bytes, Address] = {}
"""Signers that were recovered ahead, by the hash of signature and text: facts, the same whoever finds them."""


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
    elif len(digits) > 130:
        joined = f", as if {len(digits) // 130} were joined" if len(digits) % 130 == 0 else ""
        found = f"this has {len(digits)}{joined}"
        hint = "Give each on its own. What a contract wallet answers (Safe, smart accounts) is no signature of a key: "
        hint += "sign with a wallet that holds one."
    else:
        found = f"this has {len(digits)}"
        hint = "Copy the whole answer of the wallet's personal_sign: a part is missing or something was added."
    return SignatureError(f"{form}: {found}", hint=hint)


@cache
def has_coincurve() -> bool:
    """Whether libsecp256k1 recovers signers here, in 0.05 ms each; without it, pure Python takes 4."""
    try:
        import coincurve  # noqa: F401
    except ImportError:
        return False
    return True


@cache
def _recovery() -> Callable[[bytes, bytes], bytes]:
    """From a digest and a signature (r, s, v of 0 or 1) to the 64 bytes of a key; raises where there is none.

    Imported on first use, and not by way of eth-account, whose import takes half a second.
    """
    if has_coincurve():
        from coincurve import PublicKey

        return lambda digest, raw: PublicKey.from_signature_and_message(raw, digest, hasher=None).format(
            compressed=False
        )[1:]
    from eth_keys.datatypes import Signature

    return lambda digest, raw: Signature(raw).recover_public_key_from_msg_hash(digest).to_bytes()


@lru_cache(maxsize=1024)
def _address_of(key: bytes) -> Address:
    """The checksummed address of a key (its 64 bytes); remembered, since a long log has few signers."""
    return cast("Address", with_checksum(keccak(key)[-20:].hex()))


def _name(text: str, signature: str) -> bytes:
    return sha256(f"{signature}\n{text}".encode(errors="surrogatepass")).digest()


def remember(text: str, signature: str, signer: Address) -> None:
    """Keep what `recover_signer` found for this text and signature, in another process maybe."""
    _AHEAD[_name(text, signature)] = signer


def recover_signer(text: str, signature: str) -> Address:
    """The checksummed address whose key signed `text` by personal_sign; `signature` in normalized form.

    Raises SignatureError when it is malformed or no key can be recovered.
    """
    if _AHEAD and (known := _AHEAD.get(_name(text, signature))) is not None:
        return known
    if normalize_signature(signature) != signature:
        raise SignatureError("the signature is not in its stored form (lowercase, v 27 or 28)")
    body, raw = text.encode(), bytes.fromhex(signature[2:])
    try:
        digest = keccak(b"\x19Ethereum Signed Message:\n%d%b" % (len(body), body))  # EIP-191, version 0x45
        return _address_of(_recovery()(digest, raw[:64] + bytes([raw[64] - 27])))
    except Exception:  # the libraries raise several unrelated classes for points that are not on the curve
        raise SignatureError(
            "no signer can be recovered from the signature (BadSignature)", hint="Copy the whole signature again."
        ) from None
