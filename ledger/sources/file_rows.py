"""The rows of a contributions file: read from JSONL or CSV, each held to the rules, sorted by time.

Knows bytes, lines and fields, not events or cursors. Rules are those of the specification (section 4) for the fields
of an event; a person writes these files, so every refusal names path, line and field and says what would be right.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import os
import re
import stat
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from ledger.core.canonical import MAX_SAFE_INTEGER, clean_text, is_clean, sha256_hex
from ledger.core.errors import InputError, SourceError
from ledger.core.values import ACCOUNT_PATTERN, META_KEY_PATTERN, TYPE_PATTERN, Timestamp, parse_time
from ledger.core.windows import Window

REQUIRED = ("id", "time", "event_type", "account", "evidence")
"""Fields that every row has."""
FIELDS = frozenset({*REQUIRED, "login"})
"""Fields with a meaning; all others are metadata."""

Row = dict[str, Any]

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

    `sha256` is the file's; `repeated` counts rows that stand in it again, equal in every field.
    """

    sha256: str
    times: list[Timestamp]
    rows: list[Row]
    repeated: int

    def within(self, window: Window) -> list[Row]:
        """The rows of `[start, end)`."""
        return self.rows[bisect_left(self.times, window.start) : bisect_left(self.times, window.end)]


def read_table(root: str, path: str, start: Timestamp) -> Table:
    """All rows of the file `path` under `root`; InputError names the first row that breaks a rule.

    No row may lie before `start`, where the scope's first window begins; rows of windows to come wait for them.
    A row keeps its fields as written, but its time is in canonical form and its texts are clean of control characters.
    SourceError: there is no file that can be read.
    """
    data = _read(root, path)
    lines = _lines(data, path)
    rows: list[Row] = []
    numbers: list[int] = []
    places: dict[str, int] = {}
    further: dict[tuple[str, ...], list[str]] = {}
    repeated = 0
    for line, row in _csv_rows(lines, path) if path.endswith(".csv") else _jsonl_rows(lines, path):
        try:
            row["time"] = _checked(row, start)
            shape = tuple(row)
            if shape not in further:  # most rows of a file have the same fields: their names are judged once
                further[shape] = _further_fields(row)
            for name in further[shape]:
                row[name] = _flat(name, row[name])
            first = places.setdefault(row["id"], len(rows))
            if first == len(rows):
                rows.append(row)
                numbers.append(line)
            elif rows[first] == row:
                repeated += 1
            else:
                raise ValueError(f"id {row['id']} is also that of line {numbers[first]}, whose content is another")
        except ValueError as error:
            raise _bad(path, line, str(error)) from None
    rows.sort(key=lambda row: (row["time"], row["id"]))
    return Table(sha256_hex(data), [row["time"] for row in rows], rows, repeated)


def _bad(path: str, line: int, why: str) -> InputError:
    return InputError(why, path=path, line=line, rule="specification, section 4", hint=_HINT)


def _quoted(value: object) -> str:
    """A stranger's value as a message may show it: short, printable ASCII."""
    return ascii(value)[:60]


def _checked(row: Row, start: Timestamp) -> Timestamp:
    """The row's time in canonical form; ValueError says which field that every row needs is not as it must be."""
    try:
        fits = _ALL_TEXTS.fullmatch("\n".join([row["id"], row["event_type"], row["account"], row["evidence"]]))
        time = _time(row["time"])
    except (KeyError, TypeError, ValueError):
        fits = None
    if fits is None:
        raise ValueError(_complaint(row))
    if time < start:
        raise ValueError(f"time: {time} lies outside every window: the scope's first one begins at {start}")
    return time


def _complaint(row: Row) -> str:
    for name, (pattern, right) in _TEXTS.items():
        value = row.get(name)
        if type(value) is not str or re.fullmatch(pattern, value) is None:
            return f"{name}: {_found(row, name)}; needed is {right}"
    right = "a day such as 2026-01-05, or a day and time with its zone such as 2026-01-05T09:30:00Z"
    return f"time: {_found(row, 'time')}; needed is {right}"


def _found(row: Row, name: str) -> str:
    return f"{_quoted(row[name])} does not fit" if name in row else "missing"


def _time(text: str) -> Timestamp:
    """A time as people write it, in canonical form; ValueError (or TypeError, for what is no text) otherwise."""
    if _PLAIN_TIME.fullmatch(text):  # by far the most
        return Timestamp(text if len(text) == 24 else f"{text[:19]}.000Z")
    if _TIME.fullmatch(text) is None:  # narrower than parse_time, which takes what the Python at hand takes
        raise ValueError("no such form")
    return parse_time(text)


def _further_fields(row: Row) -> list[str]:
    """The names of `login` and the metadata in a row; ValueError for one that metadata cannot have."""
    found = [name for name in row if name not in REQUIRED]
    for name in found:
        if _META_KEY.fullmatch(name) is None:
            raise ValueError(f"field {_quoted(name)}: the name of a further field is a-z first, then a-z, 0-9 and _")
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
    raise ValueError(f"{name}: {_quoted(value)} does not fit; needed is {right}")


def _read(root: str, path: str) -> bytes:
    """The bytes of a plain file inside the node: no link on the way leads out of it."""
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


def _lines(data: bytes, path: str) -> Iterator[str]:
    """The lines of a file in UTF-8, with or without a byte order mark, each with its line end."""
    for line, raw in enumerate(io.BytesIO(data.removeprefix(codecs.BOM_UTF8)), start=1):
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            raise _bad(
                path, line, f"byte {error.start + 1} of this line is not UTF-8; save the file as UTF-8"
            ) from None
        if "\0" in text:
            raise _bad(path, line, "holds a NUL character; the file is damaged or no text")
        yield text


def _single(pairs: list[tuple[str, Any]]) -> Row:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise ValueError("a field stands in it twice")
    return row


_single_row = json.JSONDecoder(object_pairs_hook=_single).decode


def _value(text: str) -> object:
    """The JSON value of a line; ValueError for what is none, lies too deep, or names a field twice.

    pydantic's parser goes first: it is three times as fast, and stops at 200 levels, where the standard library's ends
    the process once an import has raised Python's recursion limit (py_ecc, behind eth-account, does). It does not see
    double fields. Without escapes, quotes count the texts, and a field too many shows; other lines are read again.
    """
    value = from_json(text, allow_inf_nan=False)
    if type(value) is dict:
        texts = len(value) + [type(item) for item in value.values()].count(str)
        if "\\" in text or text.count('"') != 2 * texts:
            return _single_row(text)
    return value


def _jsonl_rows(lines: Iterator[str], path: str) -> Iterator[tuple[int, Row]]:
    """Each line's number and object; empty lines are passed over."""
    for line, text in enumerate(lines, start=1):
        if text.isspace():
            continue
        try:
            row = _value(text)
        except ValueError as error:
            raise _bad(path, line, f"is no JSON object with plain fields: {str(error)[:100]}") from None
        if not isinstance(row, dict):
            raise _bad(path, line, 'is no JSON object: a row is written {"id": …, "time": …}')
        yield line, row


def _csv_rows(lines: Iterator[str], path: str) -> Iterator[tuple[int, Row]]:
    """The first line and the object of each row under the header; an empty cell is a field that the row lacks."""
    reader = csv.reader(lines, strict=True)
    names: list[str] | None = None
    line = 1
    try:
        for cells in reader:
            if cells and names is None:
                names = _header(cells, path, line)
            elif cells and names is not None:
                if len(cells) != len(names):
                    raise _bad(path, line, f"has {len(cells)} columns where the header has {len(names)}")
                yield line, {name: cell for name, cell in zip(names, cells, strict=True) if cell}
            line = reader.line_num + 1
    except csv.Error as error:
        raise _bad(path, line, f"is no CSV: {error}; quotes around a cell are doubled inside it") from None
    if names is None:
        raise _bad(path, 1, f"has no header; the first line names the columns: {','.join(REQUIRED)}")


def _header(cells: list[str], path: str, line: int) -> list[str]:
    """The columns' names; all that are needed, each once, and no name that metadata cannot have."""
    missing = [name for name in REQUIRED if name not in cells]
    if missing:
        hint = " (columns are separated by commas)" if len(cells) == 1 else ""
        raise _bad(path, line, f"the header lacks {', '.join(missing)}{hint}")
    twice = [name for name in cells if cells.count(name) > 1]
    if twice:
        raise _bad(path, line, f"the header has the column {_quoted(twice[0])} twice")
    try:
        _further_fields(dict.fromkeys(cells))
    except ValueError as error:
        raise _bad(path, line, str(error)) from None
    return cells
