"""What people write under a source in a scope's file, as several sources take it: ids, patterns, web addresses."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

from ledger.core.values import Text


def as_text(value: object) -> object:
    """Ids are numbers to people: YAML may bring them without quotes."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def glob(pattern: str) -> str:
    """A pattern as a regular expression: `*` is any text, `?` one character, and all else (also `[`) itself."""
    return "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)


WebAddress = Annotated[Text, Field(pattern=r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[!-~]*)?$")]
"""Where people look at what was collected."""
