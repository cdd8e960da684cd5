"""What all records of a node's files share (specification, section 3): strict, frozen, and hashed as they are written.

A record knows its fields and its own hash, not where it is stored. `read` takes the decoded object of a line and
refuses unknown, missing and mistyped fields; `encode` gives the canonical bytes without a line end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ledger.core import canonical
from ledger.core.errors import FormatError
from ledger.core.explain import explain
from ledger.core.values import WIRE, Node, Number, Scope


def as_tuples(value: Any, *names: str) -> Any:
    """A decoded object whose lists under these names are tuples, as frozen records hold them."""
    if isinstance(value, Mapping):
        return {name: tuple(v) if name in names and isinstance(v, list) else v for name, v in value.items()}
    return value


M = TypeVar("M", bound=BaseModel)


def made(model: type[M], rows: Iterable[dict[str, Any]]) -> tuple[M, ...]:
    """Records of values that need no check, being our own whole numbers and what checked records hold.

    For the records of which there is one a person and epoch: it takes a tenth of the time. All fields must be given.
    """
    fields = set(model.__pydantic_fields__)  # one for all of them: nothing adds to that of a frozen record
    new, give, found = model.__new__, object.__setattr__, []
    for values in rows:
        record = new(model)
        give(record, "__dict__", values)
        give(record, "__pydantic_fields_set__", fields)
        give(record, "__pydantic_extra__", None)
        give(record, "__pydantic_private__", None)
        found.append(record)
    return tuple(found)


class Record(BaseModel):
    """Base of all records: strict types, no unknown fields, never changed once made."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", defer_build=True, populate_by_name=True)

    node_id: Node

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> Self:
        """The record of a decoded line; FormatError names the first field that is wrong."""
        if "schema_" in cls.__pydantic_fields__ and "schema" not in value:  # its default is for code, not for files
            raise FormatError("schema: missing field")
        try:
            return cls.model_validate(value, context=WIRE, by_alias=True, by_name=False)
        except ValidationError as error:
            raise FormatError(explain(error, whole="record")) from None

    def fields(self) -> dict[str, Any]:
        """The JSON object of the record: amounts as text, names as in the file."""
        return self.model_dump(by_alias=True)

    def encode(self) -> bytes:
        """The canonical bytes, without a line end (RFC 8785)."""
        return canonical.encode(self.fields())


class EpochRecord(Record):
    """Base of the records in an epoch's folder."""

    epoch_id: Number
    scope_id: Scope


class LogRecord(EpochRecord):
    """Base of the numbered append-only logs: `seq` counts 1, 2, 3 … in its file."""

    seq: Number


class ScopeRecord(Record):
    """Base of the records of a scope that belong to no epoch."""

    scope_id: Scope
