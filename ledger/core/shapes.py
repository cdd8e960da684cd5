"""The words of JSON Schema that our published schemas are made of: values as the records write them, objects, lists.

Whatever is published as JSON has a schema made of these: the static API (`openapi.json`) and what commands print with
`--json` (`ledger schema`). Bounds and patterns are those of the strict models.
"""

from __future__ import annotations

from typing import Any

from ledger.core.records.epoch import STATES
from ledger.core.values import (
    AMOUNT_PATTERN,
    HASH_PATTERN,
    SCOPE_PATTERN,
    SHARE_PATTERN,
    TIMESTAMP_PATTERN,
    UUID_PATTERN,
)

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
BOOLEAN: Schema = {"type": "boolean"}


def pattern(expression: str, description: str) -> Schema:
    """Text of a form."""
    return {"description": description, "pattern": expression, "type": "string"}


AMOUNT = pattern(AMOUNT_PATTERN, "Credits or milli-units: a decimal string, at most 2^63-1.")
HASH = pattern(HASH_PATTERN, "SHA-256 in lowercase hex.")
USER = pattern(UUID_PATTERN, "A UUID.")
SCOPE = pattern(SCOPE_PATTERN, "A scope's id.")
NUMBER: Schema = {"maximum": 999_999_999, "minimum": 1, "type": "integer"}
TIME = pattern(TIMESTAMP_PATTERN, "UTC with milliseconds: text order is time order.")
SIGNED = pattern(r"^(0|-?[1-9][0-9]*)$", "Credits, below zero where somebody received too much.")
SHARE = pattern(SHARE_PATTERN, "Part of all units, cut to six decimals.")
STATE: Schema = {"enum": list(STATES)}


def array(of: Schema) -> Schema:
    """A list of such values."""
    return {"items": of, "type": "array"}


def mapping(of: Schema, keys: str = "") -> Schema:
    """An object whose names are data; `keys` is the form of a name."""
    return {"additionalProperties": of, "type": "object", **({"propertyNames": {"pattern": keys}} if keys else {})}


def or_null(of: Schema) -> Schema:
    """Such a value, or null."""
    return {"anyOf": [of, {"type": "null"}]}


def obj(**properties: Schema) -> Schema:
    """An object with exactly these properties."""
    return {
        "additionalProperties": False,
        "properties": properties,
        "required": sorted(properties),
        "type": "object",
    }


def amounts_as_text(schema: Any) -> Any:
    """The bound of an amount is one of numbers, which says nothing of the text that amounts are written as."""
    if isinstance(schema, list):
        return [amounts_as_text(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "string" and "le" in schema:
        return {**{key: value for key, value in schema.items() if key not in ("ge", "le")}, "pattern": AMOUNT_PATTERN}
    return {key: amounts_as_text(value) for key, value in schema.items()}
