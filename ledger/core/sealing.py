"""From what a source reported to the line that is stored: validated, hashed, canonical (PROVENANCE_REQUIRED).

The one place where records are written a million at a time, hence by `to_json`: on a validated event whose keys stand
in sorted order it gives the bytes of `canonical.encode` (a test holds it to them) in a sixth of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, NamedTuple, get_type_hints

from pydantic import TypeAdapter, ValidationError, with_config
from pydantic_core import to_json
from typing_extensions import TypedDict

from ledger.core.canonical import sha256_hex
from ledger.core.errors import FormatError
from ledger.core.records import ActivityEvent, explain
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
    "source",
)


def _validator(names: Iterable[str]) -> Callable[[Any], Any]:
    """Checks these fields of an event by the record's own types, without making the record."""
    fields = TypedDict("fields", {name: _TYPES[name] for name in names})  # type: ignore[misc]
    return TypeAdapter(with_config(ActivityEvent.model_config)(fields)).validator.validate_python


_check_source = _validator(_OF_SOURCE)
_check_provenance = _validator(sorted(_TYPES.keys() - {*_OF_SOURCE, "model_config", "payload_hash"}))


@dataclass(frozen=True, slots=True)
class Provenance:
    """Who produced an event, for which node and scope, and when it was fetched and taken in."""

    node_id: str
    scope_id: str
    producer: str
    producer_version: str
    retrieved_at: Timestamp
    ingested_at: Timestamp


@lru_cache(maxsize=16)
def _check_once(provenance: Provenance) -> None:
    """Provenance is the same for a whole page of events: one check serves them all."""
    _check_provenance(asdict(provenance))


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
                "source": source,
            }
        )
        _check_once(provenance)
        digest = sha256_hex(
            to_json(
                {
                    "artifact_url": artifact_url,
                    "event_time": event_time,
                    "event_type": event_type,
                    "id": event_id,
                    "metadata": flat,
                    "platform_user_id": platform_user_id,
                    "source": source,
                }
            )
        )
        line = to_json(
            {
                "artifact_url": artifact_url,
                "event_time": event_time,
                "event_type": event_type,
                "id": event_id,
                "ingested_at": provenance.ingested_at,
                "metadata": flat,
                "node_id": provenance.node_id,
                "payload_hash": digest,
                "platform_login": platform_login,
                "platform_user_id": platform_user_id,
                "producer": provenance.producer,
                "producer_version": provenance.producer_version,
                "retrieved_at": provenance.retrieved_at,
                "scope_id": provenance.scope_id,
                "source": source,
            }
        )
    except ValidationError as error:
        raise FormatError(f"event {event_id!r}: {explain(error)}", rule="PROVENANCE_REQUIRED") from None
    except (AttributeError, TypeError, ValueError) as error:
        raise FormatError(f"event {event_id!r} cannot be written: {error}", rule="PROVENANCE_REQUIRED") from None
    return Sealed(event_id, digest, line)
