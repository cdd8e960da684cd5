"""From what a source reported to the line that is stored: validated, hashed, canonical (PROVENANCE_REQUIRED).

The one place where records are written a million at a time, hence by `to_json` and in parts: on validated fields in
sorted order this gives the bytes of `canonical.encode` (tests hold it to them) in a sixth of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, NamedTuple, get_type_hints

from pydantic import TypeAdapter, ValidationError, with_config
from pydantic_core import to_json
from typing_extensions import TypedDict

from ledger.core.canonical import sha256_hex
from ledger.core.errors import FormatError
from ledger.core.explain import explain
from ledger.core.records import ActivityEvent
from ledger.core.values import EventId, Timestamp

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
    def parts(self) -> tuple[bytes, bytes, bytes, bytes]:
        """The canonical bytes of these fields where they stand in a line: before metadata, after it, around quantity.

        They are the same for a whole page of events, so they are checked and written once.
        """
        _check_provenance(asdict(self))
        return (
            b'"ingested_at":' + to_json(self.ingested_at),
            b'"node_id":' + to_json(self.node_id),
            to_json({"producer": self.producer, "producer_version": self.producer_version})[1:-1],
            to_json({"retrieved_at": self.retrieved_at, "scope_id": self.scope_id})[1:-1],
        )


class Sealed(NamedTuple):
    """One event ready to append: its key, its payload's hash and its canonical line (without a line end)."""

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
        flat = dict(sorted(metadata.items()))
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
        head = to_json(
            {"artifact_url": artifact_url, "event_time": event_time, "event_type": event_type, "id": event_id}
        )[:-1]
        meta, account, origin = to_json(flat), to_json(platform_user_id), to_json(source)
        payload = b'%b,"metadata":%b,"platform_user_id":%b,"quantity":%d,"source":%b}' % (
            *(head, meta, account, quantity, origin),
        )
        digest = sha256_hex(payload)
        line = (
            b'%b,%b,"metadata":%b,%b,"payload_hash":"%b","platform_login":%b,"platform_user_id":%b,%b,'
            b'"quantity":%d,%b,"source":%b}'
            % (
                *(head, ingested, meta, node, digest.encode(), to_json(platform_login), account),
                *(produced, quantity, placed, origin),
            )
        )
    except ValidationError as error:
        raise FormatError(f"event {event_id!r}: {explain(error)}", rule="PROVENANCE_REQUIRED") from None
    except (AttributeError, TypeError, ValueError) as error:
        raise FormatError(f"event {event_id!r} cannot be written: {error}", rule="PROVENANCE_REQUIRED") from None
    return Sealed(event_id, digest, line)
