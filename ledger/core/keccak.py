"""Keccak-256, as Ethereum hashes, and the checksum that it gives an address (EIP-55).

Light, as `ledger.core.recover` is: of eth-utils, which does this too, the import alone takes as long as a small node's
sums. What it needs itself is imported on first use, since most runs meet no address.
"""

from __future__ import annotations


def keccak(data: bytes) -> bytes:
    """The 32 bytes of Keccak-256 of `data`; not SHA3-256, which pads differently (FIPS 202)."""
    from eth_hash.auto import keccak as digest

    return digest(data)


def with_checksum(digits: str) -> str:
    """The address of 40 hex digits, in any case: 0x, and in upper case each letter whose place the hash names."""
    plain = digits.lower()
    marks = keccak(plain.encode("ascii")).hex()
    return "0x" + "".join(
        digit.upper() if mark >= "8" else digit for digit, mark in zip(plain, marks[:40], strict=True)
    )
