"""Text of strangers that is kept and shown in one line: without what would turn or break the line around it."""

from __future__ import annotations

import re

from ledger.core.canonical import clean_text

DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Characters that turn the direction of what is read after them."""


def one_line(text: str) -> str:
    """The text with control characters, lone surrogates and marks of direction replaced by U+FFFD."""
    return DIRECTIONS.sub("\ufffd", clean_text(text))
