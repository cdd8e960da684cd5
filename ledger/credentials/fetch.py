"""A small document from another site: bounded, without redirects, by https, or http on this machine alone."""

from __future__ import annotations

from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from ledger.core.canonical import foreign_json
from ledger.core.errors import FormatError, SourceError

MOST_BYTES = 4_000_000
TIMEOUT = 20.0
LOCAL = ("127.0.0.1", "localhost", "::1")


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """None: what an address says elsewhere is not what it says."""


def fetch(url: str, most: int = MOST_BYTES) -> bytes:
    """The bytes at an address, at most so many; SourceError where it does not answer with them."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOCAL):
        raise SourceError(f"{url[:120]!r} is no https address", hint="Give a file, or an address that begins https://.")
    request = Request(url, headers={"Accept": "*/*", "User-Agent": "contribution-ledger"})  # noqa: S310 - checked above
    try:
        with build_opener(_NoRedirect).open(request, timeout=TIMEOUT) as answer:
            data: bytes = answer.read(most + 1)
    except (URLError, OSError, ValueError) as error:
        raise SourceError(f"{url[:120]} cannot be read: {error}") from None
    if len(data) > most:
        raise SourceError(f"{url[:120]} is larger than {most} bytes")
    return data


def fetch_object(url: str) -> dict[str, Any]:
    """The JSON object at an address."""
    return parse_object(fetch(url), url)


def parse_object(data: bytes, where: str) -> dict[str, Any]:
    """The JSON object of these bytes; FormatError otherwise."""
    try:
        value = foreign_json(data)
    except ValueError:
        raise FormatError("holds no JSON object", path=where) from None
    if not isinstance(value, dict):
        raise FormatError("holds no JSON object", path=where)
    return value
