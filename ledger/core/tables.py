"""Rows that people write, from CSV as spreadsheets save it or JSON lines: forgiving about form, strict about sense.

Knows bytes, lines and columns, not what a column means. Every refusal names path, line and what would be right. Pure.
What is taken as it is meant: byte order marks, any line ends (also a lone CR), a `sep=` line, semicolons and tabs where
the header has them, case and spaces in headers, rows and columns that a spreadsheet left empty, halves of a surrogate
pair in JSON (U+FFFD, as the specification's section 1 says).
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json

from ledger.core.errors import InputError

Row = dict[str, Any]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)
_SEPARATORS = (",", ";", "\t", "|")
_SEP_LINE = re.compile(r"sep=(.)\s*", re.IGNORECASE | re.DOTALL)
_ESCAPES = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Form:
    """What a reader wants: columns that every row has, what to do about a mistake, and names for given headers.

    `columns`: a column of ours, with the header (of a CSV file) or the field (of JSON lines) that it stands under.
    """

    needed: Sequence[str]
    hint: str
    columns: Mapping[str, str] = field(default_factory=dict)
    rule: str | None = None

    def bad(self, path: str, line: int, why: str) -> InputError:
        """The error about one line."""
        return InputError(why, path=path, line=line, rule=self.rule, hint=self.hint)


def quoted(value: object) -> str:
    """A stranger's value as a message may show it: short, printable ASCII."""
    return ascii(value)[:60]


def read_rows(data: bytes, path: str, form: Form) -> Iterator[tuple[int, Row]]:
    """Each row of a file with the number of its first line; InputError for the first line that cannot be read.

    A `.jsonl` file holds one JSON object a line; anything else is CSV under a header, where an empty cell is a field
    that the row lacks.
    """
    lines = _lines(data, path, form)
    return jsonl_rows(lines, path, form) if path.endswith(".jsonl") else _csv_rows(lines, path, form)


def _lines(data: bytes, path: str, form: Form) -> Iterator[str]:
    """The lines of a file in UTF-8, each with its line end."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")  # as old programs on a Mac write
    try:
        whole = data.decode()
    except UnicodeDecodeError:
        pass  # the line where it is wrong is told below
    else:
        if "\0" not in whole:
            yield from (f"{line}\n" for line in whole.removesuffix("\n").split("\n") if whole)
            return
    parts = data.split(b"\n")
    for line, raw in enumerate(parts, start=1):
        if line == len(parts) and not raw:
            return
        try:
            text = raw.decode() + "\n"
        except UnicodeDecodeError as error:
            why = f"byte {error.start + 1} of this line is not UTF-8; save the file as UTF-8"
            raise form.bad(path, line, why) from None
        if "\0" in text:
            raise form.bad(path, line, "holds a NUL character; the file is damaged or no text")
        yield text


def _single(pairs: list[tuple[str, Any]]) -> Row:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise ValueError("a field stands in it twice")
    return row


_single_row = json.JSONDecoder(object_pairs_hook=_single).decode


def _whole(match: re.Match[str]) -> str:
    return "\\ufffd" if match["half"] else match[0]


def _value(text: str) -> object:
    """The JSON value of a line; ValueError for what is none, lies too deep, or names a field twice.

    pydantic's parser goes first: it is three times as fast, and stops at 200 levels, where the standard library's ends
    the process once an import has raised Python's recursion limit (py_ecc, behind eth-account, does). It does not see
    double fields. Without escapes, quotes count the texts, and a field too many shows; other lines are read again.
    """
    if "\\u" in text:
        text = _ESCAPES.sub(_whole, text)
    value = from_json(text, allow_inf_nan=False)
    if type(value) is dict:
        texts = len(value) + [type(item) for item in value.values()].count(str)
        if "\\" in text or text.count('"') != 2 * texts:
            return _single_row(text)
    return value


def jsonl_rows(lines: Iterator[str], path: str, form: Form) -> Iterator[tuple[int, Row]]:
    """Each line's number and object; empty lines are passed over."""
    ours = {theirs: name for name, theirs in form.columns.items()}
    for line, text in enumerate(lines, start=1):
        if text.isspace():
            continue
        try:
            row = _value(text)
        except ValueError as error:
            raise form.bad(path, line, f"is no JSON object with plain fields: {str(error)[:100]}") from None
        if not isinstance(row, dict):
            raise form.bad(path, line, 'is no JSON object: a row is written {"id": …, "time": …}')
        if ours:
            renamed: list[tuple[str, Any]] = [(ours.get(str(key), str(key)), value) for key, value in row.items()]
            row = dict(renamed)
            if len(row) != len(renamed):
                raise form.bad(
                    path, line, "a field of it stands under two names: its own, and that of the scope's file"
                )
        yield line, row


def _csv_rows(lines: Iterator[str], path: str, form: Form) -> Iterator[tuple[int, Row]]:
    """The first line and the object of each row under the header."""
    first, passed = "", 0
    for first in lines:
        passed += 1
        if not first.isspace():
            break
    separator = None
    if match := _SEP_LINE.fullmatch(first):
        separator, first = match[1], next(lines, "")
        passed += 1
    names: list[str] | None = None
    line = passed
    try:
        reader = csv.reader(_chain(first, lines), strict=True, delimiter=separator or separator_of(first))
        for cells in reader:
            if names and len(cells) == len(names) and "" not in cells and "" not in names and not cells[0].isspace():
                yield line, dict(zip(names, cells, strict=True))  # by far the most
            elif any(cell and not cell.isspace() for cell in cells):
                if names is None:
                    names = header_of(cells, path, line, form)
                else:
                    yield line, _row(names, cells, path, line, form)
            line = passed + reader.line_num
    except csv.Error as error:
        why = f"is no CSV: {error}; quotes around a cell are doubled inside it"
        raise form.bad(path, line, why) from None
    if names is None:
        raise form.bad(path, 1, f"has no header; the first line names the columns: {','.join(form.needed)}")


def _chain(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines


def separator_of(header: str) -> str:
    """What parts the columns of a header: what it holds most of, outside quotes; a comma where it holds none."""
    bare = re.sub(r'"[^"]*"', "", header)
    return max(_SEPARATORS, key=lambda each: (bare.count(each), -_SEPARATORS.index(each)))


def header_of(cells: list[str], path: str, line: int, form: Form) -> list[str]:
    """The columns' names, empty for a column without one; all that are needed, each once."""
    given = {theirs.strip().casefold(): name for name, theirs in form.columns.items()}
    names = []
    for cell in cells:
        plain = cell.strip().casefold()
        names.append(given.get(plain) or _plain_name(plain))
        if plain and not _NAME.fullmatch(names[-1]):
            why = f"the column {quoted(cell)}: a name begins with a-z and goes on with a-z, 0-9 and _"
            raise form.bad(path, line, why)
    absent = [theirs for theirs in form.columns.values() if theirs.strip().casefold() not in map(_folded, cells)]
    if absent:
        raise form.bad(path, line, f"the header has no column {quoted(absent[0])}, which the scope's file names")
    missing = [name for name in form.needed if name not in names]
    if missing:
        hint = " (columns are separated by commas, semicolons or tabs)" if len(cells) == 1 else ""
        raise form.bad(path, line, f"the header lacks {', '.join(missing)}{hint}")
    twice = [name for name in names if name and names.count(name) > 1]
    if twice:
        raise form.bad(path, line, f"the header has the column {quoted(twice[0])} twice")
    return names


def _folded(cell: str) -> str:
    return cell.strip().casefold()


def _plain_name(header: str) -> str:
    """A header as a name: lower case, with `_` for what is neither letter nor digit."""
    return re.sub(r"[^a-z0-9]+", "_", header).strip("_") if header.isascii() else header


def _row(names: Sequence[str], cells: Sequence[str], path: str, line: int, form: Form) -> Row:
    """The cells by their names, without those that are empty."""
    if len(cells) < len(names) or any(cell.strip() for cell in cells[len(names) :]):
        raise form.bad(path, line, f"has {len(cells)} columns where the header has {len(names)}")
    nameless = [cell for name, cell in zip(names, cells, strict=False) if not name and cell.strip()]
    if nameless:
        raise form.bad(path, line, f"holds {quoted(nameless[0])} in a column that the header gives no name")
    return {name: cell for name, cell in zip(names, cells, strict=False) if name and cell}
