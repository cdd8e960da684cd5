"""The rows of a contributions file: read from JSONL or CSV, each held to the rules, sorted by time.

Knows bytes, lines and fields, not events or cursors. Rules are those of the specification (section 3) for the fields
of an event; a person writes these files, so every refusal names path, line and field and says what would be right.
"""

from __future__ import annotations

import os
import re
import stat
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

from ledger.core.canonical import MAX_SAFE_INTEGER, clean_text, is_clean
from ledger.core.errors import SourceError
from ledger.core.tables import Form, Row, quoted, read_rows
from ledger.core.values import ACCOUNT_PATTERN, META_KEY_PATTERN, TYPE_PATTERN, Timestamp, parse_time
from ledger.core.windows import Window

REQUIRED = ("id", "time", "event_type", "account", "evidence")
"""Fields that every row has."""
FIELDS = frozenset({*REQUIRED, "login", "quantity"})
"""Fields with a meaning; all others are metadata."""
SPACED = (*REQUIRED, "quantity")
"""Fields that no space around them can mean anything in."""

_HINT = "Put this row right and run the command again; nothing was taken from the file. See docs/sources.md."
_DAY, _CLOCK = r"[0-9]{4}-[0-9]{2}-[0-9]{2}", r"([01][0-9]|2[0-3]):[0-5][0-9]"
_TIME = re.compile(rf"{_DAY}(T{_CLOCK}:[0-5][0-9](\.[0-9]{{1,6}})?(Z|[+-]{_CLOCK}))?")
_PLAIN_TIME = re.compile(rf"[0-9]{{4}}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T{_CLOCK}:[0-5][0-9](\.[0-9]{{3}})?Z")
_META_KEY = re.compile(META_KEY_PATTERN)
_TEXTS = {
    "id": (r"[A-Za-z0-9._-]{1,128}", "1 to 128 of the characters A-Z a-z 0-9 . _ -"),
    "event_type": (TYPE_PATTERN.strip("^$"), "a kind such as governance: a-z first, then a-z, 0-9 and _"),
    "account": (ACCOUNT_PATTERN.strip("^$"), "who did it: 1 to 256 printable ASCII characters, no spaces"),
    "evidence": (
        r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?([/?#][!-~]{0,2000})?",
        "an http or https link to what was done, without spaces, with other characters written as %XX",
    ),
}
_ALL_TEXTS = re.compile("\n".join(pattern for pattern, _ in _TEXTS.values()))
"""All of them at once, as no pattern takes a line end: a file may hold a million rows."""


@dataclass(frozen=True, slots=True)
class Table:
    """A file's rows in order of time, then id; `times[i]` is that of `rows[i]`.

    `repeated` counts rows that stand in it again, equal in every field.
    """

    times: list[Timestamp]
    rows: list[Row]
    repeated: int
    ids: frozenset[str]

    def within(self, window: Window) -> list[Row]:
        """The rows of `[start, end)`."""
        return self.rows[bisect_left(self.times, window.start) : bisect_left(self.times, window.end)]

    def ahead(self, now: Timestamp) -> tuple[int, Timestamp]:
        """How many rows lie at `now` or later, and the last time of any row (of none: `now`)."""
        return len(self.times) - bisect_left(self.times, now), self.times[-1] if self.times else now


def form_of(columns: Mapping[str, str], constants: Mapping[str, str | int]) -> Form:
    """What a contributions file must have; `columns`, `constants` as of `read_table`."""
    needed = tuple(name for name in REQUIRED if name not in constants)
    return Form(needed, _HINT, columns, "specification, section 3")


def read_table(
    data: bytes, path: str, start: Timestamp, columns: Mapping[str, str], constants: Mapping[str, str | int]
) -> Table:
    """All rows of the file `path` with these bytes; InputError names the first row that breaks a rule.

    `columns`: fields by the header that the file has for them; `constants`: values of fields that a row lacks. No row
    may lie before `start`, where the scope's first window begins; rows of windows to come wait for them. A row keeps
    its fields as written, but its time is in canonical form, its kind in lower case, `quantity` a whole number, and its
    texts are clean of control characters.
    """
    form = form_of(columns, constants)
    rows: list[Row] = []
    numbers: list[int] = []
    places: dict[str, int] = {}
    further: dict[tuple[str, ...], list[str]] = {}
    repeated = 0
    for line, row in read_rows(data, path, form):
        if constants:
            for name, value in constants.items():
                row.setdefault(name, value)
        try:
            row["time"] = _checked(row, start)
            if "quantity" in row:
                row["quantity"] = _quantity(row["quantity"])
            shape = tuple(row)
            if shape not in further:  # most rows of a file have the same fields: their names are judged once
                further[shape] = _further_fields(row)
            for name in further[shape]:
                value = row[name]
                if type(value) is not str or not value.isprintable():
                    row[name] = _flat(name, value)
            first = places.setdefault(row["id"], len(rows))
            if first == len(rows):
                rows.append(row)
                numbers.append(line)
            elif rows[first] == row:
                repeated += 1
            else:
                raise ValueError(f"id {row['id']} is also that of line {numbers[first]}, whose content is another")
        except ValueError as error:
            raise form.bad(path, line, str(error)) from None
    rows.sort(key=lambda row: row["time"] + row["id"])  # by time, then id, for all times are of one length
    return Table([row["time"] for row in rows], rows, repeated, frozenset(places))


_COMMON = re.compile("\n".join((*(pattern for pattern, _ in _TEXTS.values()), _PLAIN_TIME.pattern)))
"""The fields that every row needs, as nearly all rows have them: nothing to strip, to fold or to complain about."""
_is_common = _COMMON.fullmatch
_needed = itemgetter("id", "event_type", "account", "evidence", "time")


def _checked(row: Row, start: Timestamp) -> Timestamp:
    """The row's time in canonical form; ValueError says which field that every row needs is not as it must be."""
    try:
        common = _is_common("\n".join(_needed(row)))
    except (KeyError, TypeError):
        common = None
    if common:
        text: str = row["time"]
        time = Timestamp(text) if len(text) == 24 else _plain(text)
    else:
        time = _put_right(row)
    if time < start:
        raise ValueError(f"time: {time} lies outside every window: the scope's first one begins at {start}")
    return time


def _put_right(row: Row) -> Timestamp:
    """As `_checked`, for a row of any form: spaces around fields and capitals of a kind mean nothing."""
    for name in SPACED:
        if type(value := row.get(name)) is str:
            row[name] = value.strip(" ")
    try:
        row["event_type"] = row["event_type"].lower()
        fits = _ALL_TEXTS.fullmatch("\n".join([row["id"], row["event_type"], row["account"], row["evidence"]]))
        time = _time(row["time"])
    except (AttributeError, KeyError, TypeError, ValueError):
        fits = None
    if fits is None:
        raise ValueError(_complaint(row))
    return time


def _plain(text: str) -> Timestamp:
    """A time of the form `_PLAIN_TIME`, with its milliseconds."""
    return Timestamp(text if len(text) == 24 else f"{text[:19]}.000Z")


def _complaint(row: Row) -> str:
    for name, (pattern, right) in _TEXTS.items():
        value = row.get(name)
        if type(value) is not str or re.fullmatch(pattern, value) is None:
            return f"{name}: {_found(row, name)}; needed is {right}"
    right = "a day such as 2026-01-05, or a day and time with its zone such as 2026-01-05T09:30:00Z"
    return f"time: {_found(row, 'time')}; needed is {right}"


def _found(row: Row, name: str) -> str:
    return f"{quoted(row[name])} does not fit" if name in row else "missing"


def _quantity(value: object) -> int:
    """How many of its kind a row stands for (hours, points, cents): 1 to 2^53-1; ValueError otherwise."""
    if type(value) is str and re.fullmatch(r"[1-9][0-9]{0,15}", value, re.ASCII):
        value = int(value)
    if type(value) is not int or not 1 <= value <= MAX_SAFE_INTEGER:
        raise ValueError(f"quantity: {quoted(value)} does not fit; needed is a whole number from 1 to 2^53-1")
    return value


def _time(text: str) -> Timestamp:
    """A time as people write it, in canonical form; ValueError (or TypeError, for what is no text) otherwise."""
    if _PLAIN_TIME.fullmatch(text):  # by far the most
        return _plain(text)
    if _TIME.fullmatch(text) is None:  # narrower than parse_time, which takes what the Python at hand takes
        raise ValueError("no such form")
    return parse_time(text)


def _further_fields(row: Row) -> list[str]:
    """The names of `login` and the metadata in a row; ValueError for one that metadata cannot have."""
    found = [name for name in row if name not in SPACED]
    for name in found:
        if _META_KEY.fullmatch(name) is None:
            raise ValueError(f"field {quoted(name)}: the name of a further field is a-z first, then a-z, 0-9 and _")
    return found


def _flat(name: str, value: object) -> str | int | None:
    """A value that metadata may have, text cleaned; ValueError otherwise."""
    if type(value) is str:
        return value if is_clean(value) else clean_text(value)
    if value is None or (
        name != "login" and (type(value) is bool or (type(value) is int and abs(value) <= MAX_SAFE_INTEGER))
    ):
        return value
    right = (
        "a name as text, or null" if name == "login" else "text, a whole number within ±(2^53-1), true, false or null"
    )
    raise ValueError(f"{name}: {quoted(value)} does not fit; needed is {right}")


def read_bytes(root: str, path: str) -> bytes:
    """The bytes of a plain file inside the node: no link on the way leads out of it. SourceError: there is none."""
    place = Path(root)
    try:
        for part in path.split("/"):
            place /= part
            if place.is_symlink():
                raise SourceError(
                    "is a symbolic link, or lies behind one", path=path, hint="Put the file itself there."
                )
        handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)  # a pipe would wait for a writer
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise SourceError("is no plain file", path=path, hint="Give a .jsonl or .csv file.")
            return file.read()
    except OSError as error:
        hint = "Commit the file to the node, or put its `path` in the scope's file right."
        raise SourceError(f"cannot be read: {error.strerror}", path=path, hint=hint) from None
