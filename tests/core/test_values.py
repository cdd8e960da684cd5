"""Values have one text form each: whatever else a person, a file or a wallet offers is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import StringConstraints, TypeAdapter, ValidationError

from ledger.core.errors import InputError
from ledger.core.values import (
    MAX_AMOUNT,
    TIMESTAMP_PATTERN,
    Time,
    Timestamp,
    checksummed,
    from_milliseconds,
    name_uuid,
    parse_amount,
    parse_number,
    parse_time,
    timestamp,
    to_milliseconds,
    units_text,
)
from tests.core.samples import NODE, WALLET

TIMES = st.datetimes(timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
NOT_PLAIN_DIGITS = ["", "٧", "1_0", " 7", "7 ", "+7", "-7", "7\n", "7\r", "07", "1.0", "1e3", "0x7", "../1", "７", "²"]


# --- numbers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [*NOT_PLAIN_DIGITS, "0", "1000000000", "9" * 5000])
def test_a_number_that_names_something_is_plain_ascii_digits(text: str) -> None:
    with pytest.raises(ValueError, match="is no number"):
        parse_number(text)


@given(st.integers(1, 999_999_999))
def test_every_number_reads_back(number: int) -> None:
    assert parse_number(str(number)) == number


@pytest.mark.parametrize("text", [*NOT_PLAIN_DIGITS, str(MAX_AMOUNT + 1), "9" * 20, "9" * 5000])
def test_an_amount_is_plain_ascii_digits_up_to_2_63_minus_1(text: str) -> None:
    with pytest.raises(ValueError, match="is not a whole number"):
        parse_amount(text)


@given(st.integers(0, MAX_AMOUNT))
def test_every_amount_reads_back(amount: int) -> None:
    assert parse_amount(str(amount)) == amount


def test_the_largest_and_the_smallest_amount_read_exactly() -> None:
    assert parse_amount("9223372036854775807") == 2**63 - 1 == MAX_AMOUNT
    assert parse_amount("0") == 0


@pytest.mark.parametrize(("units", "text"), [(0, "0.000"), (8000, "8.000"), (1, "0.001"), (12345, "12.345")])
def test_milli_units_are_shown_as_units(units: int, text: str) -> None:
    assert units_text(units) == text


# --- times ----------------------------------------------------------------------------------------------------------

ADAPTER: TypeAdapter[Any] = TypeAdapter(Time)

WRONG_TIMES = [
    "2026-06-30T23:59:60.000Z",  # a leap second has no place in a day of 86,400 seconds
    "2026-01-05T24:00:00.000Z",  # Python 3.14 takes it for the next midnight: a second spelling of one time
    "2026-13-01T00:00:00.000Z",
    "2026-00-01T00:00:00.000Z",
    "2026-02-30T00:00:00.000Z",
    "2026-02-29T00:00:00.000Z",
    "2026-01-00T00:00:00.000Z",
    "2026-01-05T00:60:00.000Z",
    "0000-01-01T00:00:00.000Z",
    "2026-01-05T00:00:00Z",
    "2026-01-05T00:00:00.00Z",
    "2026-01-05T00:00:00.0000Z",
    "2026-01-05T00:00:00,000Z",
    "2026-01-05T00:00:00.000",
    "2026-01-05T00:00:00.000z",
    "2026-01-05t00:00:00.000Z",
    "2026-01-05 00:00:00.000Z",
    "2026-01-05T00:00:00.000+00:00",
    "2026-01-05T00:00:00.000Z\n",
    " 2026-01-05T00:00:00.000Z",
    "999-01-05T00:00:00.000Z",
    "12026-01-05T00:00:00.000Z",
    "٢٠٢٦-01-05T00:00:00.000Z",
    "2026-W01-1T00:00:00.000Z",
    "",
]


@pytest.mark.parametrize("text", WRONG_TIMES)
def test_a_stored_time_has_exactly_one_form(text: str) -> None:
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(text)


@pytest.mark.parametrize("text", WRONG_TIMES[:2])
def test_the_pattern_alone_refuses_hours_and_seconds_that_libraries_disagree_on(text: str) -> None:
    """The same pattern goes to readers in other languages; what it admits must not depend on their version."""
    pattern: TypeAdapter[str] = TypeAdapter(Annotated[str, StringConstraints(pattern=TIMESTAMP_PATTERN)])
    with pytest.raises(ValidationError, match="pattern"):
        pattern.validate_python(text)


@given(TIMES)
def test_a_time_is_stored_shown_and_counted_without_loss(moment: datetime) -> None:
    text = timestamp(moment)
    assert ADAPTER.validate_python(text) == text
    assert len(text) == 24
    assert parse_time(text) == text
    assert from_milliseconds(to_milliseconds(text)) == text
    assert datetime.fromisoformat(text) == moment


@given(TIMES, TIMES)
def test_the_order_of_texts_is_the_order_of_times(one: datetime, other: datetime) -> None:
    assert (timestamp(one) < timestamp(other)) == (one < other)


def test_years_before_1000_keep_four_digits() -> None:
    assert timestamp(datetime(7, 1, 2, 3, 4, 5, 6000, tzinfo=UTC)) == "0007-01-02T03:04:05.006Z"


def test_microseconds_are_cut_and_not_rounded() -> None:
    assert timestamp(datetime(2026, 1, 5, 23, 59, 59, 999_999, tzinfo=UTC)) == "2026-01-05T23:59:59.999Z"


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        timestamp(datetime(2026, 1, 5))  # noqa: DTZ001  (the very thing that is refused)
    with pytest.raises(ValueError, match="no time zone"):
        parse_time("2026-01-05T00:00:00")


def test_other_zones_become_utc() -> None:
    assert timestamp(datetime(2026, 1, 5, 1, tzinfo=timezone(timedelta(hours=2)))) == "2026-01-04T23:00:00.000Z"


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-05", "2026-01-05T00:00:00.000Z"),
        ("2026-01-05T10:00Z", "2026-01-05T10:00:00.000Z"),
        ("2026-01-05T10:00:00+02:00", "2026-01-05T08:00:00.000Z"),
        ("2026-01-05T10:00:00.1239Z", "2026-01-05T10:00:00.123Z"),
    ],
)
def test_people_may_write_a_date_or_a_time_with_its_zone(text: str, time: str) -> None:
    assert parse_time(text) == time


@pytest.mark.parametrize(
    "text", ["", "yesterday", "٢٠٢٦-01-05", "2026-13-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:00:00-14:00"]
)
def test_what_is_no_time_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_time(text)


@pytest.mark.parametrize("milliseconds", [10**15, -(10**15), 10**30])
def test_a_time_outside_the_calendar_is_named(milliseconds: int) -> None:
    with pytest.raises(InputError, match="years 1 to 9999"):
        from_milliseconds(milliseconds)


def test_milliseconds_count_from_1970() -> None:
    assert to_milliseconds(Timestamp("1970-01-01T00:00:00.001Z")) == 1
    assert to_milliseconds(Timestamp("1969-12-31T23:59:59.999Z")) == -1


# --- addresses and ids ----------------------------------------------------------------------------------------------

# ERC-55, "Test Cases" (all caps, all lower, normal)
ERC_55 = [
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]


@pytest.mark.parametrize("address", ERC_55)
def test_published_addresses_get_their_published_checksum(address: str) -> None:
    assert checksummed(address) == address
    assert checksummed(address.lower()) == address
    assert checksummed("0x" + address[2:].upper()) == address


@pytest.mark.parametrize(
    "address",
    [
        WALLET[:-1] + "e",  # mixed case with one letter wrong
        WALLET.swapcase().replace("0X", "0x"),
        WALLET[2:],
        "0X" + WALLET[2:],
        WALLET + "0",
        WALLET[:-1],
        WALLET + "\n",
        " " + WALLET,
        "0x" + "g" * 40,
        "0x" + "٧" * 40,
        "",
    ],
)
def test_a_wrong_checksum_or_form_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"is no address|wrong EIP-55 checksum"):
        checksummed(address)


def test_names_become_uuids_as_rfc_9562_says() -> None:
    """RFC 9562, appendix A.4: UUIDv5 of www.example.com in the DNS name space."""
    assert (
        name_uuid("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "www.example.com") == "2ed6657d-e927-568b-95e1-2665a8aea6a2"
    )
    assert name_uuid(NODE, "default/1/1") != name_uuid(NODE, "default/1/2")
