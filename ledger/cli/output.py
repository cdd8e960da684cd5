"""Printing: data on stdout, everything else on stderr, and hostile text made harmless in one place.

No name, title or message from outside reaches a terminal or a workflow log except through `safe_text`.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import click

from ledger.core.errors import LedgerError
from ledger.flows.display import safe_text as safe_text


def out(text: object = "") -> None:
    """One line of data on stdout. Text from outside must have gone through `safe_text`."""
    click.echo(str(text))


def note(text: object) -> None:
    """One line for the person at the terminal, on stderr, made safe."""
    click.echo(safe_text(text), err=True)


def plain(value: Any) -> Any:
    """A value as JSON: dataclasses and records as objects, amounts as the text that the records use."""
    if hasattr(value, "fields") and callable(value.fields):
        return value.fields()
    if hasattr(value, "model_dump"):
        return value.model_dump(by_alias=True)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value


def document(schema: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """What a command prints with --json: the data, and the name under which its schema lies (`ledger schema`)."""
    return {"schema": schema, **plain(data)}


def emit(schema: str, data: Mapping[str, Any]) -> None:
    """One JSON object on stdout, with its schema's name; no text in it is one of Actions' commands (`##[`)."""
    text = json.dumps(document(schema, data), ensure_ascii=True, indent=2, sort_keys=True)
    click.echo(text.replace("##[", "##\\u005b"))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Aligned columns on stdout, made safe; numbers (int) to the right."""
    cells = [[safe_text(cell, 120) for cell in row] for row in rows]
    widths = [max([len(name), *(len(row[i]) for row in cells)]) for i, name in enumerate(head)]
    right = [bool(cells) and all(row[i].replace(".", "").isdigit() for row in cells) for i in range(len(head))]
    for row in [list(head), *cells]:
        line = "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True))
        out(line.rstrip())


def error_data(error: LedgerError) -> dict[str, Any]:
    """An error as data: what, where, which rule, what to do next, and how the command ends."""
    return {name: getattr(error, name) for name in ("exit_code", "hint", "line", "message", "path", "rule")}


def fail(error: LedgerError) -> int:
    """Tell an error: what, where, which rule, what to do next; as data too with --json. Returns its exit code."""
    if "--json" in sys.argv:
        with suppress(OSError):  # it may be stdout itself that failed
            emit("error/1", error_data(error))
    note(f"error: {error}")
    if error.hint:
        note(f"  → {error.hint}")
    return error.exit_code
