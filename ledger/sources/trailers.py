"""Who a commit's message names as co-authors: the one reader of `Co-authored-by`, for every source that has messages.

Each line that begins so counts, in whichever paragraph, and each person on it. Pure: text in, names and addresses out.
Whoever cannot be credited, for want of an address, is counted, so that nobody is lost without a trace.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MARK = "co-authored-by"
"""What such a line holds in lower case; a message without it needs no reading."""

_LINE = re.compile(r"^co-authored-by[ \t]*+:(.*(?:\r?\n[ \t]+[^\r\n]*)*)", re.IGNORECASE | re.MULTILINE)
_ADDRESS = re.compile(r"<\s*+([^<>\s]++)\s*+>")
_BETWEEN = re.compile(r"[,;&]|\band\b", re.IGNORECASE)


class Contact(NamedTuple):
    """A name, which may be empty, and an address, both as they were written."""

    name: str
    address: str


class Coauthors(NamedTuple):
    """The co-authors of one message by their first appearance, each address once; and how many have no address."""

    people: tuple[Contact, ...] = ()
    unreadable: int = 0


NONE = Coauthors()


def read_coauthors(message: str) -> Coauthors:
    """The people that a message's `Co-authored-by` lines name, whatever stands around these lines.

    A person's number, which event ids carry, is his place in `people`, counted from 1; nothing else moves it.
    """
    if MARK not in message.lower():
        return NONE
    found: dict[str, Contact] = {}
    unreadable = 0
    for value in _LINE.findall(message):
        texts = _ADDRESS.split(value)  # text, address, text, address, …, text
        for text, address in zip(texts[::2], texts[1::2], strict=False):
            found.setdefault(address.lower(), Contact(_name(text), address))
        if len(texts) == 1:  # nobody on this line has an address
            unreadable += len([name for name in _BETWEEN.split(value) if name.strip()]) or 1
        else:
            unreadable += len([name for name in _BETWEEN.split(texts[-1]) if name.strip(" .\t\r\n")])
    return Coauthors(tuple(found.values()), unreadable)


def _name(text: str) -> str:
    """The name before an address, without what parts it from the person before."""
    text = text.strip()
    if match := _BETWEEN.match(text):
        text = text[match.end() :].strip()
    return text
