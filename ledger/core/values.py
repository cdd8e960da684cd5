"""The values that records are made of: amounts, times, hashes, addresses, ids, each with its one text form.

Amounts travel as decimal strings and are integers here (WEIGHTS_INTEGER_ONLY, ALL_MATH_BIGINT). A time is its
canonical text, so that text order is time order. Patterns are constants, so that other rooms check the same thing.
"""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, NewType

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    ValidationInfo,
)

from ledger.core.canonical import MAX_SAFE_INTEGER, is_clean
from ledger.core.errors import InputError
from ledger.core.keccak import with_checksum

MAX_AMOUNT = 2**63 - 1
"""Largest amount of units or credits, totals included: a signed 64-bit integer."""

AMOUNT_PATTERN = r"^(0|[1-9][0-9]{0,18})$"
SHARE_PATTERN = r"^(0\.[0-9]{6}|1\.000000)$"
TIMESTAMP_PATTERN = (  # hours end at 23 and seconds at 59: libraries disagree on 24:00 and on leap seconds
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z$"
)
HASH_PATTERN = r"^[0-9a-f]{64}$"
UUID_PATTERN = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
SCOPE_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"
NUMBER_PATTERN = r"^[1-9][0-9]{0,8}$"
EVENT_ID_PATTERN = r"^[!-~]{1,512}$"
ACCOUNT_PATTERN = r"^[!-~]{1,256}$"
NAME_PATTERN = r"^[a-z][a-z0-9_-]{0,62}$"
TYPE_PATTERN = r"^[a-z][a-z0-9_]{0,62}$"
PERSON_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"
AWARD_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,62}$"
META_KEY_PATTERN = r"^[a-z][a-z0-9_]*$"
ADDRESS_PATTERN = r"^0x[0-9a-fA-F]{40}$"
SIGNATURE_PATTERN = r"^0x[0-9a-f]{130}$"
VERSION_PATTERN = r"^[0-9A-Za-z][0-9A-Za-z.+-]{0,62}$"

Units = NewType("Units", int)
"""Milli-units: 8000 is 8.000 units."""
Credits = NewType("Credits", int)
"""Indivisible credits, what the pool pays out."""
Timestamp = NewType("Timestamp", str)
"""`YYYY-MM-DDTHH:MM:SS.mmmZ`, UTC."""
Address = NewType("Address", str)
"""A wallet address with its EIP-55 checksum."""
Hash = NewType("Hash", str)
EventId = NewType("EventId", str)
ScopeId = NewType("ScopeId", str)
UserId = NewType("UserId", str)
NodeId = NewType("NodeId", str)

_AMOUNT = re.compile(AMOUNT_PATTERN)
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_amount(text: str) -> int:
    """The integer of a decimal string `0` or `[1-9][0-9]*`, at most 2^63-1; ValueError otherwise."""
    if _AMOUNT.fullmatch(text) is None or (value := int(text)) > MAX_AMOUNT:
        raise ValueError(f"{text[:40]!r} is not a whole number from 0 to 2^63-1 in plain decimal digits")
    return value


def _amount(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, str):
        return parse_amount(value)
    if info.context == WIRE or not isinstance(value, int) or isinstance(value, bool):
        raise ValueError('amounts are written as text in quotes, for example "10000"')
    return value


WIRE = {"wire": True}
"""Validation context of bytes that came from a file: there, amounts must be text."""


def _real_time(value: str) -> str:
    try:
        datetime.fromisoformat(value[:-1])
    except ValueError:
        raise ValueError(f"{value} is no day of the calendar") from None
    return value


def _clean(value: str) -> str:
    if not is_clean(value):
        raise ValueError("holds a control character or a lone surrogate")
    return value


def _inside(value: str) -> str:
    if {"", ".", ".."} & set(value.split("/")) or "\\" in value:
        raise ValueError("must be a path inside the node, such as weights/default.yaml")
    return value


def checksummed(address: str) -> Address:
    """`address` with its EIP-55 checksum (ADDRESS_CHECKSUMMED).

    Raises ValueError for anything but 0x and 40 hex digits, and for mixed case with a wrong checksum.
    """
    if re.fullmatch(ADDRESS_PATTERN, address) is None:
        raise ValueError(f"{address[:60]!r} is no address: 0x and 40 hex digits")
    right = with_checksum(address[2:])
    digits = address[2:]
    if address != right and digits not in (digits.lower(), digits.upper()):
        raise ValueError(f"address {address} has a wrong EIP-55 checksum; a typing mistake? expected {right}")
    return Address(right)


@lru_cache(maxsize=4096)  # a long log names few wallets, and a checksum is a hash of keccak
def _stored_address(value: str) -> str:
    if checksummed(value) != value:
        raise ValueError(f"address {value} is not written with its EIP-55 checksum ({checksummed(value)})")
    return value


def _flat_value(value: Any) -> Any:
    if isinstance(value, str):
        return _clean(value)
    if value is None or (isinstance(value, int) and abs(value) <= MAX_SAFE_INTEGER):  # a bool is an int
        return value
    raise ValueError("must be text, a whole number within ±(2^53-1), true, false or null")


AmountUnits = Annotated[
    Units, BeforeValidator(_amount), Field(ge=0, le=MAX_AMOUNT), PlainSerializer(str, return_type=str)
]
AmountCredits = Annotated[
    Credits, BeforeValidator(_amount), Field(ge=0, le=MAX_AMOUNT), PlainSerializer(str, return_type=str)
]
Weight = Annotated[int, Field(ge=0, le=MAX_SAFE_INTEGER)]
Time = Annotated[Timestamp, StringConstraints(pattern=TIMESTAMP_PATTERN), AfterValidator(_real_time)]
Sha256 = Annotated[Hash, StringConstraints(pattern=HASH_PATTERN)]
Uuid = Annotated[str, StringConstraints(pattern=UUID_PATTERN)]
User = Annotated[UserId, StringConstraints(pattern=UUID_PATTERN)]
Node = Annotated[NodeId, StringConstraints(pattern=UUID_PATTERN)]
Scope = Annotated[ScopeId, StringConstraints(pattern=SCOPE_PATTERN)]
EventKey = Annotated[EventId, StringConstraints(pattern=EVENT_ID_PATTERN)]
Account = Annotated[str, StringConstraints(pattern=ACCOUNT_PATTERN)]
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
EventType = Annotated[str, StringConstraints(pattern=TYPE_PATTERN)]
Number = Annotated[int, Field(ge=1, le=999_999_999)]
Count = Annotated[int, Field(ge=0, le=MAX_SAFE_INTEGER)]
Text = Annotated[str, AfterValidator(_clean)]
PersonId = Annotated[Text, StringConstraints(pattern=PERSON_PATTERN)]
Reason = Annotated[str, StringConstraints(min_length=1, pattern=r"\S"), AfterValidator(_clean)]
NodePath = Annotated[str, AfterValidator(_clean), AfterValidator(_inside)]
Wallet = Annotated[Address, StringConstraints(pattern=ADDRESS_PATTERN), AfterValidator(_stored_address)]
FlatValue = Annotated[str | int | bool | None, PlainValidator(_flat_value)]
Flat = dict[Annotated[str, StringConstraints(pattern=META_KEY_PATTERN)], FlatValue]
"""A flat object: text, integers within ±(2^53-1), booleans or null."""


def timestamp(moment: datetime) -> Timestamp:
    """The canonical text of an aware moment, cut (not rounded) to milliseconds; ValueError outside years 1 to 9999."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone")
    try:
        utc = moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("time lies outside the years 1 to 9999 in UTC") from None
    return Timestamp(f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z".rjust(24, "0"))


def to_milliseconds(time: Timestamp) -> int:
    """Whole milliseconds since 1970-01-01T00:00Z (negative before)."""
    delta = datetime.fromisoformat(time[:-1]).replace(tzinfo=UTC) - _UNIX_EPOCH
    return delta.days * 86_400_000 + delta.seconds * 1000 + delta.microseconds // 1000


def from_milliseconds(milliseconds: int) -> Timestamp:
    """The inverse of `to_milliseconds`; InputError outside the years 1 to 9999."""
    try:
        return timestamp(_UNIX_EPOCH + timedelta(milliseconds=milliseconds))
    except OverflowError:
        raise InputError("time lies outside the years 1 to 9999") from None


def parse_time(text: str) -> Timestamp:
    """A time as people write it: a date, or an ISO 8601 time with `Z` or an offset; ValueError otherwise."""
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text, re.ASCII):
        text += "T00:00:00Z"
    try:
        moment = datetime.fromisoformat(text if text.isascii() else "")
    except ValueError:
        raise ValueError(f"{text[:60]!r} is no time: write 2026-01-05, or 2026-01-05T12:00:00Z") from None
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone: end it with Z for UTC")
    return timestamp(moment)


def parse_number(text: str) -> int:
    """The integer of `[1-9][0-9]{0,8}` in ASCII digits, whole; ValueError otherwise (no path tricks, no U+0667)."""
    if re.fullmatch(r"[1-9][0-9]{0,8}", text, re.ASCII) is None:
        raise ValueError(f"{text[:40]!r} is no number: ASCII digits, 1 to 999999999, no sign, no leading zero")
    return int(text)


@lru_cache(maxsize=8)
def _namespace(node_id: str) -> uuid.UUID:
    return uuid.UUID(node_id)


def name_uuid(node_id: str, name: str) -> str:
    """UUIDv5(node_id, name): how users, pool components and statements get their ids."""
    return str(uuid.uuid5(_namespace(node_id), name))


def units_text(units: int) -> str:
    """Milli-units as people read them: 8000 is `8.000`."""
    return f"{units // 1000}.{units % 1000:03d}"
