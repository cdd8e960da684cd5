"""Bitstring Status Lists (W3C, 2025): one bit a credential, set once it is revoked; a static file on the site.

A credential's index is never used for another one. Lists have 131,072 places, so that nobody learns from the list which
credential somebody asks for.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from ledger.core.errors import FormatError
from ledger.credentials.jose import b64url, un_b64url

BITS = 131_072
MOST_BYTES = 16 * 1024 * 1024
"""Bytes to which a list is unpacked at most: a small file could else fill the memory."""


def encode_bits(revoked: Iterable[int]) -> str:
    """`encodedList` with these places set: index 0 is the left-most bit. The same input gives the same bytes.

    FormatError for a place that the list has not.
    """
    bits = bytearray(BITS // 8)
    for index in revoked:
        if not 0 <= index < BITS:
            raise FormatError(f"a status list has no place {index}")
        bits[index // 8] |= 0x80 >> index % 8
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9, mtime=0, filename="") as file:
        file.write(bytes(bits))
    return "u" + b64url(packed.getvalue())


def is_set(encoded: str, index: int) -> bool:
    """Whether a place of an `encodedList` is set; FormatError for what is no list of at least 131,072 places."""
    if not encoded.startswith("u"):
        raise FormatError("encodedList does not begin with u (multibase base64url)")
    unpacker = zlib.decompressobj(wbits=31)
    try:
        bits = unpacker.decompress(un_b64url(encoded[1:]), MOST_BYTES)
    except zlib.error:
        raise FormatError("encodedList is not gzip") from None
    if unpacker.unconsumed_tail or not unpacker.eof or len(bits) * 8 < BITS:
        raise FormatError("encodedList is cut off, too short or too long")
    if not 0 <= index < len(bits) * 8:
        raise FormatError(f"a status list has no place {index}")
    return bool(bits[index // 8] & (0x80 >> index % 8))


def list_number(index: int) -> int:
    """Which list, from 1, holds the credential of this index."""
    return index // BITS + 1


def entry(list_url: str, index: int) -> dict[str, Any]:
    """`credentialStatus` of a credential whose status stands at `index` of the list at `list_url`."""
    return {
        "id": f"{list_url}#{index}",
        "statusListCredential": list_url,
        "statusListIndex": str(index),
        "statusPurpose": "revocation",
        "type": "BitstringStatusListEntry",
    }


def list_credential(list_url: str, issuer: str, valid_from: str, revoked: Iterable[int]) -> dict[str, Any]:
    """The list as a credential, to be signed like any other."""
    return {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "credentialSubject": {
            "encodedList": encode_bits(revoked),
            "id": f"{list_url}#list",
            "statusPurpose": "revocation",
            "type": "BitstringStatusList",
        },
        "id": list_url,
        "issuer": issuer,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "validFrom": valid_from,
    }


def revoked_by(status: Mapping[str, Any], credential: Mapping[str, Any]) -> bool:
    """Whether a list (the payload of its token) says that the credential with this `credentialStatus` is revoked.

    FormatError where the list is another one, or not one of revocations.
    """
    subject = credential.get("credentialSubject", {})
    kinds = credential.get("type", [])
    if credential.get("id") != status.get("statusListCredential") or "BitstringStatusListCredential" not in kinds:
        raise FormatError("is not the status list that the credential names")
    if subject.get("statusPurpose") != "revocation" or status.get("statusPurpose") != "revocation":
        raise FormatError("is no list of revocations")
    index = str(status.get("statusListIndex"))
    if not index.isascii() or not index.isdecimal() or len(index) > 12:
        raise FormatError("statusListIndex is no number")
    return is_set(str(subject.get("encodedList")), int(index))
