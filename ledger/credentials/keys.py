"""An issuer's key: the private part in a file on the issuer's machine, the public part in the node.

`issuers-keys.json` in the node lists public keys (JWK); the site's DID document is made of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from ledger.core.canonical import encode, sha256_hex
from ledger.core.errors import CredentialsError, FormatError
from ledger.core.explain import explain
from ledger.credentials.jose import b64url, un_b64url

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FILE = "issuers-keys.json"


class PublicKey(BaseModel):
    """One public key as a JWK (RFC 8037), and whether credentials that it signed still count."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    crv: Literal["Ed25519"]
    kid: str
    kty: Literal["OKP"]
    x: str

    @model_validator(mode="after")
    def _named_by_itself(self) -> Self:
        if len(un_b64url(self.x)) != 32:
            raise ValueError("x is not the 32 bytes of an Ed25519 key")
        if self.kid != thumbprint(self.x):
            raise ValueError("kid is not the key's own thumbprint (RFC 7638)")
        return self


def thumbprint(x: str) -> str:
    """The name of an Ed25519 key: base64url of SHA-256 over its canonical JWK (RFC 7638)."""
    return b64url(bytes.fromhex(sha256_hex(encode({"crv": "Ed25519", "kty": "OKP", "x": x}))))


def new_key() -> Ed25519PrivateKey:
    """A key by the system's chance."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.generate()


def private_pem(key: Ed25519PrivateKey, password: str) -> bytes:
    """The key as encrypted PEM (PKCS #8); plain where the password is empty."""
    from cryptography.hazmat.primitives import serialization as form

    lock: Any = form.BestAvailableEncryption(password.encode()) if password else form.NoEncryption()
    return key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, lock)


def load_private(data: bytes, password: str, path: str) -> Ed25519PrivateKey:
    """The key of a PEM file; CredentialsError where it does not open or is of another kind."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(data, password.encode() if password else None)
    except (ValueError, TypeError) as error:
        raise CredentialsError(
            f"the key does not open: {error}", path=path, hint="Check the password (LEDGER_KEY_PASSWORD) and the file."
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise CredentialsError("is no Ed25519 key", path=path, hint="Make one with `ledger receipt key new`.")
    return key


def public_key(key: Ed25519PrivateKey) -> PublicKey:
    """The public part."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    x = b64url(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    return PublicKey(crv="Ed25519", kid=thumbprint(x), kty="OKP", x=x)


def read_public_keys(value: object) -> list[PublicKey]:
    """The keys of `issuers-keys.json` (`{"keys":[…]}`); FormatError names the first thing that is wrong."""
    if not isinstance(value, dict) or set(value) != {"keys"} or not isinstance(value["keys"], list):
        raise FormatError('is not {"keys":[…]}', path=FILE)
    try:
        return [PublicKey.model_validate(each) for each in value["keys"]]
    except (ValidationError, FormatError) as error:
        told = explain(error) if isinstance(error, ValidationError) else error.message
        raise FormatError(told, path=FILE) from None
