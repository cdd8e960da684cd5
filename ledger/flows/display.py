"""Text from outside made harmless for a reader: a terminal, a workflow's log, a line of Markdown or of a table.

Actions obeys a line of a log that begins with `::`, and an older form, `##[`, anywhere in one. Not in core: what counts
as invisible grows with each Unicode version, and nothing that is hashed may.
"""

from __future__ import annotations

import re
import unicodedata

_COMMAND = re.compile(r"\A\s*:(?=:)|#(?=#\[)")
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_CYRILLIC = (
    "\u0430\u0432\u0435\u043a\u043c\u043d\u043e\u0440\u0441\u0442"
    "\u0443\u0445\u0455\u0456\u0458\u04bb\u04cf\u0501\u051b\u051d"
)
_GREEK = "\u03b1\u03b2\u03b5\u03b7\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7"
_LATIN = "\u0131\u0251\u0261i1|0"
_ALIKE = {ord(char): like for char, like in zip(_CYRILLIC, "abekmhopctyxsljhldqw", strict=True)}
_ALIKE |= {ord(char): like for char, like in zip(_GREEK, "abenlkvoptux", strict=True)}
_ALIKE |= {ord(char): like for char, like in zip(_LATIN, "laglllo", strict=True)}
"""What looks alike in many typefaces, after case and accents are gone; not all there is, so only ever a hint."""


def lookalike(name: str) -> str:
    """What `name` looks like: two names of different people that give the same text are easily taken for each other."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    seen = "".join(char for char in plain if unicodedata.category(char) not in _INVISIBLE | {"Mn", "Zs"})
    return seen.translate(_ALIKE).replace("rn", "m").replace("vv", "w")


def safe_text(text: object, limit: int = 2000) -> str:
    """`text` on one line: control, bidi and invisible characters as `\\u{...}`, cut at `limit` characters.

    The mark that would make a line one of Actions' commands is shown in the same way.
    """
    whole = str(text)
    shown = whole[:limit]
    if not shown.isprintable():  # true of no text with an invisible character, and quickly asked
        shown = "".join(f"\\u{{{ord(char):x}}}" if unicodedata.category(char) in _INVISIBLE else char for char in shown)
    shown = _COMMAND.sub(lambda mark: f"{mark[0][:-1]}\\u{{{ord(mark[0][-1]):x}}}", shown)
    return shown if len(whole) <= limit else shown + "…"
