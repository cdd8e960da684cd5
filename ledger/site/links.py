"""Which stored addresses may become links: none is printed as it stands unless its shape is harmless."""

from __future__ import annotations

import re

_HARMLESS = re.compile(r"https?://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?(?:[/?#][!#-;=?-_a-~]*)?")


def safe_link(address: str) -> str | None:
    """`address` when it is a plain http(s) link: ASCII host, no user name, no quotes, spaces or control characters.

    None otherwise (`javascript:`, `data:`, `https://good@evil`, Cyrillic twins): it is then shown as text.
    """
    return address if _HARMLESS.fullmatch(address) else None
