"""Where a platform's API is, as the environment says: a token goes only over https, or to this machine itself."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from ledger.core.errors import ConfigError

_LOCAL = ("127.0.0.1", "::1", "localhost")


def api_address(environ: Mapping[str, str], name: str, default: str, example: str) -> str:
    """The address in the variable `name`, without a last `/`; ConfigError where a token may not go there."""
    url = environ.get(name, default).rstrip("/")
    try:
        parts = urlsplit(url)
        safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL)
        safe = safe and bool(parts.hostname) and parts.port != 0
    except ValueError:
        safe = False
    if url and not safe:
        raise ConfigError(f"{name} is no https address", hint=f"For example {example}.")
    return url
