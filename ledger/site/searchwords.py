"""What the search shows, and the words that find it: decomposed, without marks, in small letters.

The page's script (`assets/ui/search.js`) takes words from a text in the same way.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from ledger.core.canonical import encode

LONGEST_WORD = 16
LONGEST_TEXT = 140
MOST_DETAIL = 300
_WORD = re.compile(r"[^\W_]+")
_SPACED = {code: " " for code in range(128) if not chr(code).isalnum()}
"""The same for ASCII, by `str.translate`, in half the time."""


class Result(NamedTuple):
    """What a result shows. `kind`: person, account, epoch, event or page; `path`: from the site's top."""

    kind: str
    title: str
    path: str
    detail: str


class _WithoutMarks(dict[int, int | None]):
    """For `str.translate`: each character is asked about once, and marks and what is not seen go."""

    def __missing__(self, code: int) -> int | None:
        self[code] = None if unicodedata.category(chr(code)) in ("Mn", "Mc", "Me", "Cf") else code
        return self[code]


_MARKS = _WithoutMarks()


def words_of(text: str) -> list[str]:
    """The words of a text as they are looked up."""
    if text.isascii():
        found = text.lower().translate(_SPACED).split()
    else:
        found = _WORD.findall(unicodedata.normalize("NFKD", text).translate(_MARKS).lower())
    return [word[:LONGEST_WORD] for word in found]


def row_of(result: Result) -> bytes:
    """A result as it stands in a file; of a page only its title is shown."""
    detail = "" if result.kind == "page" else result.detail[:MOST_DETAIL]
    return encode((result.kind, result.title[:LONGEST_TEXT], result.path, detail))
