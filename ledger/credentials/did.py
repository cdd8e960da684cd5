"""Who issues and whom it is about, as decentralized identifiers: `did:web` of a site, `did:pkh` of a wallet, a `urn`.

A moved site is a new issuer: whoever moves serves the old document on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from ledger.core.errors import FormatError, SignatureError
from ledger.credentials.keys import PublicKey

CONTEXT = ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1"]


def did_web(site_url: str) -> str:
    """The identifier of a site: `https://host/path` is `did:web:host:path`; a port is escaped (`%3A`).

    FormatError for what is no http(s) address with a host.
    """
    parts = urlsplit(site_url)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.query or parts.fragment:
        raise FormatError(f"{site_url[:80]!r} is no address of a site", hint="Set site_url in ledger.yaml.")
    host = parts.hostname + (f"%3A{parts.port}" if parts.port else "")
    return ":".join(["did:web", host, *(quote(part, safe="") for part in parts.path.split("/") if part)])


def document_path(did: str) -> str:
    """Where a site serves its document, from its root: `.well-known/did.json` on a host of its own, else `did.json`."""
    return "did.json" if did.count(":") > 2 else ".well-known/did.json"


def document_url(did: str, scheme: str = "https") -> str:
    """The address of a `did:web` document; FormatError for another method."""
    if re.fullmatch(r"did:web:[A-Za-z0-9.-]+(%3A[0-9]{1,5})?(:[A-Za-z0-9._%-]+)*", did) is None:
        raise FormatError(f"{did[:80]!r} is no did:web")
    host, *path = did.removeprefix("did:web:").split(":")
    if any(part in (".", "..") for part in map(unquote, path)):
        raise FormatError(f"{did[:80]!r} leads out of its site")
    return "/".join([f"{scheme}://{unquote(host)}", *path, document_path(did)])


def did_document(did: str, keys: Sequence[PublicKey]) -> dict[str, Any]:
    """The document of an issuer: its public keys, each for assertions."""
    methods = [
        {"controller": did, "id": f"{did}#{key.kid}", "publicKeyJwk": key.model_dump(), "type": "JsonWebKey"}
        for key in keys
    ]
    return {
        "@context": CONTEXT,
        "assertionMethod": [method["id"] for method in methods],
        "id": did,
        "verificationMethod": methods,
    }


def key_of(document: Mapping[str, Any], did: str, key_id: str) -> Mapping[str, Any]:
    """The public JWK that a document gives for assertions under this `kid`; SignatureError where it has none.

    `key_id` is `did#name`, or the name alone. The document must be that of the issuer itself.
    """
    if document.get("id") != did:
        raise SignatureError(f"the document is of {str(document.get('id'))[:80]!r}, not of {did}")
    full = key_id if key_id.startswith("did:") else f"{did}#{key_id}"
    asserts = [item if isinstance(item, str) else item.get("id") for item in document.get("assertionMethod", [])]
    for method in document.get("verificationMethod", []):
        name = str(method.get("id", ""))
        name = did + name if name.startswith("#") else name
        if name == full and (full in asserts or name.removeprefix(did) in asserts) and method.get("controller") == did:
            jwk = method.get("publicKeyJwk")
            if isinstance(jwk, Mapping):
                return jwk
    raise SignatureError(f"the issuer {did} has no key {key_id[:80]!r} for credentials")


def subject_of(user_id: str, wallet: str | None) -> str:
    """Whom a credential is about: a wallet (`did:pkh`, any chain: 0), else the user's id."""
    return f"did:pkh:eip155:0:{wallet}" if wallet else f"urn:uuid:{user_id}"
