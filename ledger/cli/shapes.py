"""The JSON Schema of a type as `output.plain` prints its values; `schemas.py` says what each command prints."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from ledger.core.shapes import BOOLEAN, TEXT, Schema, amounts_as_text, array, mapping, obj, or_null


def shape(kind: Any, **instead: Schema) -> Schema:
    """The schema of a value of that type as commands print it; `instead`: fields that are written otherwise.

    Records as their files have them, dataclasses and tuples with `fields` as objects, other tuples and sets as lists.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if hasattr(kind, "__supertype__"):
        return shape(kind.__supertype__)
    if origin in (Union, types.UnionType):
        of = [shape(one) for one in inner if one is not type(None)]
        whole = of[0] if len(of) == 1 else {"anyOf": of}
        return or_null(whole) if type(None) in inner else whole
    if origin is Literal:
        return {"enum": sorted(inner)}
    if origin is tuple and inner[1:] != (...,):
        return {"items": False, "prefixItems": [shape(one) for one in inner], "minItems": len(inner), "type": "array"}
    if isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields") and not hasattr(kind, "fields"):
        of = [shape(one) for one in get_type_hints(kind).values()]
        return {"items": False, "prefixItems": of, "minItems": len(of), "type": "array"}
    if origin in (list, tuple, set, frozenset):
        return array(shape(inner[0]))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return mapping(shape(inner[1]))
    if isinstance(kind, type) and (dataclasses.is_dataclass(kind) or issubclass(kind, tuple)):
        hints = get_type_hints(kind)
        names = [field.name for field in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else list(hints)
        return obj(**{name: instead[name] if name in instead else shape(hints[name]) for name in names})
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return _record(kind)
    found = {bool: BOOLEAN, int: {"type": "integer"}, str: TEXT}.get(kind)
    if found is None and isinstance(kind, type):
        found = TEXT if issubclass(kind, str | PurePath) else {"type": "integer"} if issubclass(kind, int) else None
    if found is None:
        raise TypeError(f"no JSON form is known of {kind!r}")
    return found


def _record(model: type[BaseModel]) -> Schema:
    """A record as its file has it; where it leaves fields out, these are not required."""
    leaves_out = model.__name__ in ("Transition", "Settlement")
    mode: Literal["validation", "serialization"] = "validation" if leaves_out else "serialization"
    found: Schema = amounts_as_text(model.model_json_schema(by_alias=True, mode=mode))
    return dict(_inlined(found, found.get("$defs", {})))


def _inlined(value: Any, named: Mapping[str, Any]) -> Any:
    """Without references: a schema that stands anywhere in another one means the same there."""
    if isinstance(value, list):
        return [_inlined(item, named) for item in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        return _inlined(named[value["$ref"].rpartition("/")[2]], named)
    kept = {
        key: item for key, item in value.items() if key not in ("$defs", "title") or not isinstance(item, str | dict)
    }
    if isinstance(value.get("properties"), dict):  # a field may be called `title`; a keyword of that name is dropped
        kept["properties"] = {name: _inlined(item, named) for name, item in value["properties"].items()}
        return {key: item if key == "properties" else _inlined(item, named) for key, item in kept.items()}
    return {key: _inlined(item, named) for key, item in kept.items()}
