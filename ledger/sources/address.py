"""Where a platform is: its pages as a scope's file says, its API as the environment does.

A token goes only over https, or to this machine itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field

from ledger.core.errors import ConfigError
from ledger.core.values import Text

WebAddress = Annotated[Text, Field(pattern=r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[!-~]*)?$")]
"""Where people look at what was collected."""
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
