"""Text from outside made harmless for a reader: a terminal, a workflow's log, a line of Markdown or of a table.

Actions obeys a line of a log that begins with `::`, and an older form, `##[`, anywhere in one. Not in core: what counts
as invisible grows with each Unicode version, and nothing that is hashed may.
"""

from __future__ import annotations

import re
import unicodedata

_COMMAND = re.compile(r"\A\s*:(?=:)|#(?=#\[)")
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def safe_text(text: object, limit: int = 2000) -> str:
    """`text` on one line: control, bidi and invisible characters as `\\u{...}`, cut at `limit` characters.

    The mark that would make a line one of Actions' commands is shown in the same way.
    """
    whole = str(text)
    shown = "".join(
        f"\\u{{{ord(char):x}}}" if unicodedata.category(char) in _INVISIBLE else char for char in whole[:limit]
    )
    shown = _COMMAND.sub(lambda mark: f"{mark[0][:-1]}\\u{{{ord(mark[0][-1]):x}}}", shown)
    return shown if len(whole) <= limit else shown + "…"
