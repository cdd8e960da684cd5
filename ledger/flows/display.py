"""Text from outside made harmless for a reader: a terminal, a workflow's log, a line of Markdown or of a table.

Not in core: what counts as invisible grows with each Unicode version, and nothing that is hashed may.
"""

from __future__ import annotations

import unicodedata

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def safe_text(text: object, limit: int = 2000) -> str:
    """`text` on one line: control, bidi and invisible characters as `\\u{...}`, cut at `limit` characters."""
    whole = str(text)
    shown = "".join(
        f"\\u{{{ord(char):x}}}" if unicodedata.category(char) in _INVISIBLE else char for char in whole[:limit]
    )
    return shown if len(whole) <= limit else shown + "…"
