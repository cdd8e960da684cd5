"""From what a source reported to the line that is stored: validated, hashed, canonical (PROVENANCE_REQUIRED).

The one place where records are written a million at a time, hence in parts, and hence what nearly all events look like
is found by one pattern: on validated fields in sorted order this gives the bytes of `canonical.encode` in an eighth of
the time, and the pattern takes nothing that the record's own types refuse (tests hold it to both).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from json.encoder import encode_basestring as quoted  # on clean text this is the text form of RFC 8785
from typing import Any, NamedTuple, get_type_hints

from pydantic import TypeAdapter, ValidationError, with_config
from pydantic_core import to_json
from typing_extensions import TypedDict

from ledger.core.canonical import MAX_SAFE_INTEGER, sha256_hex
from ledger.core.errors import FormatError
from ledger.core.explain import explain
from ledger.core.records.activity import ActivityEvent
from ledger.core.values import (
    ACCOUNT_PATTERN,
    EVENT_ID_PATTERN,
    META_KEY_PATTERN,
    NAME_PATTERN,
    TYPE_PATTERN,
    EventId,
    Timestamp,
)

_TYPES = get_type_hints(ActivityEvent, include_extras=True)
_OF_SOURCE = (
    "artifact_url",
    "event_time",
    "event_type",
    "id",
    "metadata",
    "platform_login",
    "platform_user_id",
    "quantity",
    "source",
)


def _validator(names: Iterable[str]) -> Callable[[Any], Any]:
    """Checks these fields of an event by the record's own types, without making the record."""
    fields = TypedDict("fields", {name: _TYPES[name] for name in names})  # type: ignore[misc]
    return TypeAdapter(with_config(ActivityEvent.model_config)(fields)).validator.validate_python


_check_source = _validator(_OF_SOURCE)
_check_provenance = _validator(sorted(_TYPES.keys() - {*_OF_SOURCE, "model_config", "payload_hash"}))


_TIME = (  # narrower than a time may be: days that every month has, and no year that libraries disagree on
    r"[1-9][0-9]{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])T"
    r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z"
)
_CLEAN = r"[^\x00-\x1f\x7f\ud800-\udfff]*"
_COMMON = re.compile(
    "\n".join(
        (
            _CLEAN,
            _TIME,
            *(each.strip("^$") for each in (TYPE_PATTERN, EVENT_ID_PATTERN, ACCOUNT_PATTERN, NAME_PATTERN)),
            _CLEAN,
        )
    )
)
"""URL, time, kind, id, account, source and login of nearly all events, a line each: no pattern takes a line end."""
_KEY = re.compile(META_KEY_PATTERN.strip("^$"))


@lru_cache(maxsize=256)  # the events of a source have few sets of fields
def _are_keys(names: tuple[str, ...]) -> bool:
    return all(_KEY.fullmatch(name) for name in names)


def _is_common(texts: tuple[str, ...], flat: Mapping[str, object], quantity: object) -> bool:
    """Whether fields are of the form that nearly all have; False says nothing but that the types must judge them."""
    try:
        if _COMMON.fullmatch("\n".join(texts)) is None:
            return False
        if not _are_keys(tuple(flat)):
            return False
    except TypeError:
        return False
    for value in flat.values():
        kind = type(value)
        if kind is str:
            if not value.isprintable():  # type: ignore[attr-defined]
                return False
        elif kind is int:
            if abs(value) > MAX_SAFE_INTEGER:  # type: ignore[arg-type]
                return False
        elif value is not None and kind is not bool:
            return False
    return type(quantity) is int and 1 <= quantity <= MAX_SAFE_INTEGER


@dataclass(frozen=True)
class Provenance:
    """Who produced an event, for which node and scope, and when it was fetched and taken in."""

    node_id: str
    scope_id: str
    producer: str
    producer_version: str
    retrieved_at: Timestamp
    ingested_at: Timestamp

    @cached_property
    def parts(self) -> tuple[str, str, str, str]:
        """The canonical text of these fields where they stand in a line: before metadata, after it, around quantity.

        They are the same for a whole page of events, so they are checked and written once.
        """
        _check_provenance(asdict(self))
        return (
            f'"ingested_at":{quoted(self.ingested_at)}',
            f'"node_id":{quoted(self.node_id)}',
            f'"producer":{quoted(self.producer)},"producer_version":{quoted(self.producer_version)}',
            f'"retrieved_at":{quoted(self.retrieved_at)},"scope_id":{quoted(self.scope_id)}',
        )


class Dear(NamedTuple):
    """An event that is worth more than a total may be: its id, how many of its kind it is, and what one weighs."""

    id: EventId
    quantity: int
    weight: int

    def error(self) -> FormatError:
        """ALL_MATH_BIGINT: in the log it would stop the whole epoch."""
        return FormatError(
            f"event {self.id!r}: {self.quantity} × {self.weight} milli-units is more than 2^63-1",
            rule="ALL_MATH_BIGINT",
            hint="Put its quantity right at the source; it was not taken in.",
        )


class Sealed(NamedTuple):
    """One event ready to append: its key, its payload's hash, its canonical line (without a line end)."""

    id: EventId
    payload_hash: str
    line: bytes


def seal(
    event_id: EventId,
    artifact_url: str,
    event_time: Timestamp,
    event_type: str,
    metadata: Mapping[str, str | int | bool | None],
    platform_login: str | None,
    platform_user_id: str,
    source: str,
    provenance: Provenance,
    quantity: int = 1,
) -> Sealed:
    """The stored line of an event; FormatError names the field that breaks the form."""
    try:
        flat = dict(sorted(metadata.items())) if len(metadata) > 1 else dict(metadata)
        shown = "" if platform_login is None else platform_login
        texts = (artifact_url, event_time, event_type, event_id, platform_user_id, source, shown)
        if not _is_common(texts, flat, quantity):
            _check_source(
                {
                    "artifact_url": artifact_url,
                    "event_time": event_time,
                    "event_type": event_type,
                    "id": event_id,
                    "metadata": flat,
                    "platform_login": platform_login,
                    "platform_user_id": platform_user_id,
                    "quantity": quantity,
                    "source": source,
                }
            )
        ingested, node, produced, placed = provenance.parts
        head = (
            f'{{"artifact_url":{quoted(artifact_url)},"event_time":{quoted(event_time)},'
            f'"event_type":{quoted(event_type)},"id":{quoted(event_id)}'
        )
        meta, account, origin = to_json(flat).decode(), quoted(platform_user_id), quoted(source)
        payload = f'{head},"metadata":{meta},"platform_user_id":{account},"quantity":{quantity:d},"source":{origin}}}'
        digest = sha256_hex(payload.encode())
        login = "null" if platform_login is None else quoted(platform_login)
        line = (
            f'{head},{ingested},"metadata":{meta},{node},"payload_hash":"{digest}","platform_login":{login},'
            f'"platform_user_id":{account},{produced},"quantity":{quantity:d},{placed},"source":{origin}}}'
        ).encode()
    except ValidationError as error:
        raise FormatError(f"event {event_id!r}: {explain(error)}", rule="PROVENANCE_REQUIRED") from None
    except (AttributeError, TypeError, ValueError) as error:
        raise FormatError(f"event {event_id!r} cannot be written: {error}", rule="PROVENANCE_REQUIRED") from None
    return Sealed(event_id, digest, line)
