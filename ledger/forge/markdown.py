"""Text from outside inside Markdown: always in a code span or block, so that nothing in it means anything.

No mention, no link, no image, no issue keyword and no HTML of a stranger reaches a reader (GitHub Flavored Markdown,
sections 4.5 and 6.1). Control and bidi characters are shown as escapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ledger.flows.display import safe_text


def code(text: object, limit: int = 120) -> str:
    """A code span that also holds in a table: its fence is longer than any run of backticks inside. Empty for none."""
    shown = safe_text(text, limit).replace("|", "\\|")
    if not shown:
        return ""
    fence = "`" * (max(map(len, re.findall(r"`+", shown)), default=0) + 1)
    pad = " " if "`" in shown or shown != shown.strip() else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def block(text: str) -> str:
    """A fenced block with exactly `text` in it (which must hold no fence of its own, as signed texts do not)."""
    fence = "`" * max(3, max(map(len, re.findall(r"`+", text)), default=0) + 1)
    return f"{fence}text\n{text}\n{fence}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> str:
    """A table of cells that are Markdown already; columns in `right` are aligned to the right."""
    marks = ["---:" if number in right else "---" for number in range(len(head))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, marks, *rows])


def folded(summary: str, content: str) -> str:
    """A part that opens on a click."""
    return f"<details><summary>{summary}</summary>\n\n{content}\n\n</details>"


def one_line(text: str, limit: int = 300) -> str:
    """Our own words on one line: the end of a run of blanks, and of a text that grew too long."""
    return safe_text(" ".join(text.split()), limit)
