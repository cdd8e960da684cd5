"""The rows of a table in blocks of text, as SQL can take them: what `tables` reads, where nothing about it is special.

Most rows that a program wrote need no more than cutting. What does is left alone here, and `tables.read_rows` reads it
or says what is wrong with which line. Pure.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Sequence
from itertools import chain, islice
from typing import NamedTuple

from ledger.core.canonical import MAX_SAFE_INTEGER
from ledger.core.errors import InputError
from ledger.core.tables import Form, Row, header_of, jsonl_rows, separator_of

BETWEEN = "\x1f"
"""Stands between the cells of a row: a control character, which no cell of a block holds."""
_ENDS = "\r\0"
"""What somebody may take for an end of a line or of a text."""
CHARACTERS, ROWS = 2_000_000, 10_000
"""How much a block has of text that is cut, or of rows that are put together."""


class OddError(ValueError):
    """A table is not of the simple form that can be given in blocks."""


class Blocks(NamedTuple):
    """The names of a table's columns, and its rows: lines with U+001F between cells, many to a block.

    An empty cell is a field that the row lacks. Of CSV, where all are texts, a line may be empty, or have too many
    cells or too few. `typed`: of JSON, where a text has a `"` before it, and anything else stands as in JSON.
    """

    names: Sequence[str]
    rows: Iterator[str]
    typed: bool


def read_blocks(data: bytes, path: str, form: Form) -> Blocks:
    """A table in blocks. Rows of JSON have no other fields than the first, and no values but those of `_cell`.

    OddError, here or for a block: where it is not so, where a cell holds a line end, and for everything that
    `read_rows` refuses.
    """
    try:
        whole = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise OddError("no UTF-8") from None
    if any(mark in whole for mark in (*_ENDS, BETWEEN)):
        raise OddError("a control character")
    try:
        return _jsonl(whole, path, form) if path.endswith(".jsonl") else _csv(whole, path, form)
    except (InputError, csv.Error) as error:
        raise OddError(str(error)) from None


def _csv(whole: str, path: str, form: Form) -> Blocks:
    first = whole.partition("\n")[0]
    separator = separator_of(first)
    names = header_of(next(csv.reader([first], strict=True, delimiter=separator), []), path, 1, form)
    if "" in names:
        raise OddError("a column without a name")
    return Blocks(names, _csv_blocks(whole, len(first) + 1, separator), typed=False)


def _csv_blocks(whole: str, at: int, separator: str) -> Iterator[str]:
    while at < len(whole):
        end = whole.find("\n", at + CHARACTERS)
        block = whole[at : end if end >= 0 else len(whole)]
        at += len(block) + 1
        if '"' not in block:
            yield block.replace(separator, BETWEEN)
            continue
        try:
            lines = (f"{line}\n" for line in block.split("\n"))
            yield _joined(list(csv.reader(lines, strict=True, delimiter=separator)))
        except csv.Error as error:
            raise OddError(str(error)) from None


def _jsonl(whole: str, path: str, form: Form) -> Blocks:
    rows = (row for _, row in jsonl_rows((f"{line}\n" for line in whole.split("\n")), path, form))
    first = next(rows, {})
    names = tuple(first)
    return Blocks(names, _jsonl_blocks(names, chain((first,), rows)), typed=True)


def _jsonl_blocks(names: Sequence[str], rows: Iterator[Row]) -> Iterator[str]:
    try:
        while some := [_cells(names, row) for row in islice(rows, ROWS)]:
            yield _joined(some)
    except InputError as error:
        raise OddError(str(error)) from None


def _cells(names: Sequence[str], row: Row) -> Collection[str]:
    if tuple(row) == names:  # by far the most
        return [_cell(value) for value in row.values()]
    if not row or not row.keys() <= set(names):
        raise OddError("no field, or one that the first row has not")
    return [_cell(row[name]) if name in row else "" for name in names]


def _cell(value: object) -> str:
    """A text, a whole number that JSON holds exactly, true, false or null, as it stands in a block."""
    kind = type(value)
    if kind is str:
        return f'"{value}'
    if kind is int and -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:  # type: ignore[operator]
        return str(value)
    if value is None or kind is bool:
        return {None: "null", True: "true", False: "false"}[value]  # type: ignore[index]
    raise OddError("a value that no field can have")


def _joined(rows: Sequence[Collection[str]]) -> str:
    """The rows as one block; OddError for a cell that would be taken for two, or for rows of its own."""
    block = "\n".join([BETWEEN.join(row) for row in rows])
    cells = sum(max(1, len(row)) for row in rows)
    if block.count("\n") + block.count(BETWEEN) != cells - 1 or any(mark in block for mark in _ENDS):
        raise OddError("a cell holds a control character")
    return block
