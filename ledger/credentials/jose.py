"""Tokens of W3C VC-JOSE-COSE (`vc+jwt`, JSON Web Signature): Ed25519 made and checked, ES256K checked alone.

`alg` is `EdDSA` in what we make, since not every library knows the younger name `Ed25519`; both are accepted. The
header is judged before anything else: no key, address or algorithm in it is believed.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ledger.core.canonical import encode, foreign_json
from ledger.core.errors import FormatError, SignatureError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

TYPE = "vc+jwt"
MOST_LENGTH = 200_000
"""Characters of a token that is read at all."""
_HINT = "A credential is three parts of base64url text joined by dots, as VC-JOSE-COSE has it (vc+jwt)."


def b64url(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def un_b64url(text: str) -> bytes:
    """The bytes of base64url text without padding, in its one spelling; FormatError otherwise."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise FormatError("is no base64url text", hint=_HINT) from None
    if b64url(data) != text:
        raise FormatError("base64url text has a second spelling, or padding", hint=_HINT)
    return data


@dataclass(frozen=True, slots=True)
class Token:
    """A token taken apart, nothing checked yet but its form."""

    header: Mapping[str, Any]
    payload: Mapping[str, Any]
    signed: bytes
    signature: bytes

    @property
    def key_id(self) -> str:
        """Which key the header names: the whole `kid`."""
        return str(self.header.get("kid", ""))


def sign(payload: Mapping[str, Any], key: Ed25519PrivateKey, key_id: str) -> str:
    """A `vc+jwt` over a credential: the payload is the credential itself. The same input gives the same bytes."""
    header = {"alg": "EdDSA", "cty": "vc", "kid": key_id, "typ": TYPE}
    signed = b64url(encode(header)) + "." + b64url(encode(dict(payload)))
    return signed + "." + b64url(key.sign(signed.encode()))


def read(text: str) -> Token:
    """The parts of a token; FormatError for anything but a `vc+jwt` with an algorithm that is known here.

    The claims `vc` and `vp`, which the specification forbids, are refused.
    """
    parts = text.strip().split(".")
    if len(parts) != 3 or len(text) > MOST_LENGTH:
        raise FormatError("is no token", hint=_HINT)
    header, payload = (_object(part) for part in parts[:2])
    if header.get("typ") != TYPE or header.get("cty", "vc") != "vc":
        raise FormatError(f"is of type {str(header.get('typ'))[:40]!r}, not {TYPE}", hint=_HINT)
    if header.get("alg") not in ("EdDSA", "Ed25519", "ES256K"):
        raise FormatError(f"is signed by {str(header.get('alg'))[:40]!r}; EdDSA, Ed25519 and ES256K are checked here")
    if "crit" in header:
        raise FormatError("asks for extensions (crit) that are not known here")
    if "vc" in payload or "vp" in payload:
        raise FormatError("has a claim `vc` or `vp`; the payload must be the credential itself", hint=_HINT)
    signed = ".".join(parts[:2]).encode()
    return Token(header, payload, signed, un_b64url(parts[2]))


def check(token: Token, jwk: Mapping[str, Any]) -> None:
    """SignatureError unless the token is signed by this public key (JWK), whose kind must fit the algorithm."""
    from cryptography.exceptions import InvalidSignature

    try:
        if token.header["alg"] == "ES256K":
            _check_es256k(token, jwk)
        else:
            _check_ed25519(token, jwk)
    except (InvalidSignature, ValueError, KeyError):
        raise SignatureError(
            "the credential is not signed by the key of its issuer",
            hint="It was changed on the way, or the issuer's keys were.",
        ) from None


def _check_ed25519(token: Token, jwk: Mapping[str, Any]) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if (jwk.get("kty"), jwk.get("crv")) != ("OKP", "Ed25519"):
        raise ValueError("key of another kind")
    Ed25519PublicKey.from_public_bytes(un_b64url(str(jwk["x"]))).verify(token.signature, token.signed)


def _check_es256k(token: Token, jwk: Mapping[str, Any]) -> None:
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256K1, EllipticCurvePublicNumbers
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256

    if (jwk.get("kty"), jwk.get("crv")) != ("EC", "secp256k1") or len(token.signature) != 64:
        raise ValueError("key of another kind")
    x, y = (int.from_bytes(un_b64url(str(jwk[name]))) for name in ("x", "y"))
    r, s = int.from_bytes(token.signature[:32]), int.from_bytes(token.signature[32:])
    key = EllipticCurvePublicNumbers(x, y, SECP256K1()).public_key()
    key.verify(encode_dss_signature(r, s), token.signed, ECDSA(SHA256()))


def _object(part: str) -> dict[str, Any]:
    try:
        value = foreign_json(un_b64url(part).decode("utf-8"), object_pairs_hook=_once)
    except ValueError:
        raise FormatError("holds no JSON object", hint=_HINT) from None
    if not isinstance(value, dict):
        raise FormatError("holds no JSON object", hint=_HINT)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found
