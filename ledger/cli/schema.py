"""`ledger schema`: the JSON Schema of what each command prints with --json, made from the very types that it prints."""

from __future__ import annotations

import json

import click

from ledger.cli.options import json_option
from ledger.cli.output import emit, out
from ledger.core.errors import InputError
from ledger.core.shapes import Schema, obj

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_of(name: str) -> Schema:
    """The schema of the output called `name` (`status/1`, or `status` for the one that there is); InputError."""
    from ledger.cli.schemas import schemas

    known = schemas()
    full = name if "/" in name else f"{name}/1"
    if full not in known:
        raise InputError(f"there is no output called {name!r}", hint="`ledger schema` lists them all.")
    _, fields = known[full]
    return {"$schema": DIALECT, "title": full, **obj(schema={"const": full}, **fields)}


@click.command("schema")
@json_option
@click.argument("name", required=False)
def schema(as_json: bool, name: str | None) -> None:
    """The JSON Schema of what a command prints with --json; without a NAME, which there are.

    The name is what stands in the field `schema` of the output. A field that is added, dropped or changed gives the
    output a new number.

    Example: ledger schema status/1
    """
    from ledger.cli.schemas import schemas

    if name is not None:
        out(json.dumps(schema_of(name), indent=2, sort_keys=True))
        return
    known = {full: command for full, (command, _) in schemas().items()}
    if as_json:
        emit("schemas/1", {"schemas": known})
        return
    width = max(len(full) for full in known)
    for full, command in known.items():
        out(f"{full.ljust(width)}  {command}")
