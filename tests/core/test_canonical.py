"""Canonical bytes: equal to RFC 8785, and every deviation refused with file, line and reason."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.canonical import (
    MAX_SAFE_INTEGER,
    NESTING,
    clean_text,
    decode,
    encode,
    foreign_json,
    is_clean,
    read_objects,
    sha256_hex,
    split_lines,
)
from ledger.core.errors import FormatError
from tests.core.samples import RECORDS, TIME, WALLET, record, user

CLEAN = st.text(st.characters(exclude_categories=["Cs"]), max_size=30).filter(is_clean)
KEYS = st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True)
SAFE = st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | SAFE | CLEAN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=6)


# --- agreement with RFC 8785 ----------------------------------------------------------------------------------------


@given(OBJECTS)
def test_bytes_equal_those_of_an_independent_implementation_and_read_back(value: dict[str, Any]) -> None:
    raw = encode(value)
    assert raw == rfc8785.dumps(value)
    assert decode(raw) == value


@pytest.mark.parametrize("name", RECORDS)
def test_every_record_is_written_as_rfc_8785_says(name: str) -> None:
    fields = RECORDS[name][1]
    assert record(name).encode() == rfc8785.dumps(fields)


# RFC 8785's reference data, github.com/cyberphone/json-canonicalization (Apache-2.0), testdata/input and /output; and
# from the RFC itself: section 3.2.2.2 (a string with every kind of escape), section 3.2.3 (sorting). All are without
# fractions. A key that is not ASCII or a control character is legal there and never in a record.
PUBLISHED = {
    "french": (
        '{\n  "peach": "This sorting order",\n  "péché": "is wrong according to French",\n'
        '  "pêche": "but canonicalization MUST",\n  "sin":   "ingnore locale"\n}\n',
        '{"peach":"This sorting order","péché":"is wrong according to French",'
        '"pêche":"but canonicalization MUST","sin":"ingnore locale"}',
    ),
    "unicode": ('{\n  "Unnormalized Unicode":"\\u1e0d\\u0307"\n}\n', '{"Unnormalized Unicode":"\u1e0d\u0307"}'),
    "simpleString": ('    "this is a test string 1235"', '"this is a test string 1235"'),
    "section 3.2.2.2": (
        r'{"string": "\u20ac$\u000F\u000aA' + "'" + r'\u0042\u0022\u005c\\\"\/"}',
        r'{"string":"€$\u000f\nA' + "'" + r'B\"\\\\\"/"}',
    ),
    "structures": (
        '{\n  "1": {"f": {"f": "hi","F": 5} ,"\\n": 56},\n  "10": { },\n  "": "empty",\n  "a": { },\n'
        '  "111": [ { } ],\n  "A": { }\n}',
        '{"":"empty","1":{"\\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{}],"A":{},"a":{}}',
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_vectors_are_written_as_published(name: str) -> None:
    given_text, canonical = PUBLISHED[name]
    assert encode(json.loads(given_text)) == canonical.encode()


@pytest.mark.parametrize("name", ["french", "unicode"])
def test_published_vectors_are_read_in_canonical_form_only(name: str) -> None:
    given_text, canonical = PUBLISHED[name]
    assert decode(canonical.encode()) == json.loads(given_text)
    with pytest.raises(FormatError):
        decode(given_text.encode())


# --- refusals -------------------------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[bytes, str]] = {
    "blank line": (b"", "blank line"),
    "only a space": (b" ", "not JSON"),
    "BOM": (b'\xef\xbb\xbf{"a":1}', "byte order mark"),
    "carriage return": (b'{"a":1}\r', "control character"),
    "not UTF-8": (b'{"a":"\xff"}', r"not UTF-8 \(byte 6\)"),
    "overlong UTF-8": (b'{"a":"\xc0\xaf"}', "not UTF-8"),
    "raw lone surrogate": (b'{"a":"\xed\xa0\x80"}', "not UTF-8"),
    "escaped lone surrogate": (b'{"a":"\\ud800"}', "escape"),
    "escaped surrogate pair": (b'{"a":"\\ud83d\\ude02"}', "escape"),
    "duplicate key": (b'{"a":1,"a":1}', "duplicate key 'a'"),
    "duplicate key, escaped": (b'{"\\u0061":1,"a":2}', "duplicate key 'a'"),
    "duplicate key, inside": (b'{"a":{"b":1,"b":2}}', "duplicate key 'b'"),
    "escaped key": (b'{"\\u0061":1}', "escape"),
    "fraction": (b'{"a":1.5}', "number 1.5 has a fraction"),
    "whole fraction": (b'{"a":1.0}', "number 1.0 has a fraction"),
    "exponent": (b'{"a":1e3}', "number 1e3 has a fraction"),
    "large exponent": (b'{"a":1e400}', "number 1e400 has a fraction"),
    "NaN": (b'{"a":NaN}', "number NaN"),
    "Infinity": (b'{"a":Infinity}', "number Infinity"),
    "-Infinity": (b'{"a":-Infinity}', "number -Infinity"),
    "minus zero": (b'{"a":-0}', "not in canonical form"),
    "leading zero": (b'{"a":01}', "not JSON"),
    "plus": (b'{"a":+1}', "not JSON"),
    "2^53": (b'{"a":9007199254740992}', "outside"),
    "-2^53": (b'{"a":-9007199254740992}', "outside"),
    "5000 digits": (b'{"a":' + b"9" * 5000 + b"}", "outside"),
    "100,000 deep": (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
    "100,000 deep and cut": (b'{"a":' * 100_000, "nested too deeply"),
    "space": (b'{"a": 1}', "not in canonical form"),
    "space after": (b'{"a":1} ', "not in canonical form"),
    "tab between": (b'{"a":\t1}', "control character"),
    "key order": (b'{"b":1,"a":2}', "not in canonical form"),
    "upper-case key order": (b'{"a":1,"B":2}', "not in canonical form"),
    "escaped solidus": (b'{"a":"\\/"}', "escape"),
    "short escape of a control": (b'{"a":"\\n"}', "escape"),
    "long escape of a control": (b'{"a":"\\u0007"}', "escape"),
    "escaped quote the long way": (b'{"a":"\\u0022"}', "escape"),
    "raw control": (b'{"a":"\x07"}', "not JSON"),
    "U+0000": (b'{"a":"\x00"}', "not JSON"),
    "U+007F": (b'{"a":"\x7f"}', "control character"),
    "list": (b"[1]", "not a JSON object"),
    "text": (b'"a"', "not a JSON object"),
    "null": (b"null", "not a JSON object"),
    "two objects": (b'{"a":1}{"a":1}', "not JSON"),
    "cut object": (b'{"a":1', "not JSON"),
    "comma at the end": (b'{"a":1,}', "not JSON"),
    "comment": (b'{"a":1}//', "not JSON"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_line_that_is_not_canonical_is_refused_with_file_line_and_reason(name: str) -> None:
    raw, reason = REFUSED[name]
    with pytest.raises(FormatError, match=reason) as caught:
        list(read_objects(b'{"a":1}\n' + raw + b'\n{"a":2}\n', "data/x.jsonl"))
    assert caught.value.where == "data/x.jsonl:2"
    assert str(caught.value).startswith("data/x.jsonl:2: ")
    assert caught.value.hint
    assert len(str(caught.value)) < 200, "an error names the fault; it does not repeat the line"


def test_a_torn_last_line_is_refused_by_its_number() -> None:
    for torn in (b'{"a":2}', b'{"a"', b"\xff", b" "):
        with pytest.raises(FormatError, match="torn") as caught:
            split_lines(b'{"a":1}\n' + torn, "data/x.jsonl")
        assert caught.value.where == "data/x.jsonl:2"


def test_lines_before_a_bad_one_are_still_read() -> None:
    lines = read_objects(b'{"a":1}\n{"a":2}\n\n', "x")
    assert [next(lines), next(lines)] == [(1, {"a": 1}), (2, {"a": 2})]
    with pytest.raises(FormatError, match="x:3: blank line"):
        next(lines)


@pytest.mark.parametrize(
    "lines",
    [
        (b'{"a":1', b'"b":2}', b'{"c":3},{"d":4}'),  # three objects in three lines, but none in its own
        (b'{"a":[{}', b"{}]}", b"{},{}"),
        (b'{"a":[{}', b"{}]}", b"{},1,{}"),
        (b'{"a":"{}', b'{}"}', b"{},{}"),
        (b'{"a":1', b'{"b":2}', b'"\x7f"}'),
        (b'{"a":[1', b"2]}", b'{"a":1},"\x7f",{"b":2}'),
    ],
)
def test_nothing_goes_over_from_one_line_to_the_next(lines: tuple[bytes, ...]) -> None:
    with pytest.raises(FormatError, match="x:1: not JSON"):
        list(read_objects(b"\n".join(lines) + b"\n", "x"))


@given(st.lists(OBJECTS, min_size=1, max_size=9), st.data())
def test_many_lines_are_read_as_each_of_them_alone(values: list[dict[str, Any]], data: st.DataObject) -> None:
    lines = [encode(value) for value in values]
    assert [value for _, value in read_objects(b"\n".join(lines) + b"\n", "x")] == [decode(raw) for raw in lines]
    at = data.draw(st.integers(0, len(lines) - 1))
    cut = data.draw(st.integers(0, len(lines[at])))
    lines[at] = lines[at][:cut] + data.draw(st.binary(max_size=3)).replace(b"\n", b"") + lines[at][cut:]
    told = None
    try:
        decode(lines[at])
    except FormatError as error:
        told = f"x:{at + 1}: {error.message}"
    try:
        read = list(read_objects(b"\n".join(lines) + b"\n", "x"))
        assert told is None and [value for _, value in read] == [decode(raw) for raw in lines]
    except FormatError as error:
        assert told is not None and str(error).startswith(told)


def test_a_log_that_does_not_exist_and_one_without_lines_are_empty() -> None:
    assert split_lines(b"", "x") == []
    assert list(read_objects(b"", "x")) == []


@pytest.mark.parametrize("not_an_end", ["\u2028", "\u2029", "\u0085"])
def test_nothing_but_the_byte_lf_ends_a_line(not_an_end: str) -> None:
    value = {"a": f"one{not_an_end}two"}
    assert list(read_objects(encode(value) + b"\n", "x")) == [(1, value)]


def test_nesting_is_bounded_whatever_the_interpreter_would_stand() -> None:
    """Importing eth-account raises the recursion limit to 100,000, at which a deep line crashes the parser itself."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    try:
        for opening, closing in ((b"[", b"]"), (b'{"a":', b"}"), (b"[0,", b"]"), (b'["[",', b"]"), (b'["\\"",', b"]")):
            for depth in (1, NESTING - 1):
                inner = opening * depth + b"0" + closing * depth
                assert encode(decode(b'{"a":' + inner + b"}")) == b'{"a":' + inner + b"}"
            for depth in (NESTING, 1000, 150_000):
                with pytest.raises(FormatError, match="nested too deeply"):
                    decode(b'{"a":' + opening * depth)
    finally:
        sys.setrecursionlimit(before)


def test_brackets_in_text_and_side_by_side_are_not_depth() -> None:
    value = {"a": "[{" * 100, "b": '"[' * 100, "c": "\\" * 7 + "[" * 100, "d": [[]] * 100, "e": [{}] * 100}
    assert decode(encode(value)) == value


@pytest.mark.parametrize("unit", [b'\\"', b'"', b"\\", b'["', b'["\\'])
def test_measuring_depth_takes_linear_time_on_hostile_lines(unit: bytes) -> None:
    """A pattern that backtracks over half-open strings would need days for these half megabytes."""
    with pytest.raises(FormatError):
        decode(b'{"a":' + b"[]" * 40 + b'"' + unit * (500_000 // len(unit)))


def test_a_duplicate_among_very_many_keys_is_found_at_once() -> None:
    """Looking for the double name must not take quadratic time: a long line would keep a verifier busy."""
    keys = ",".join(f'"k{number:06d}":1' for number in range(400_000))
    with pytest.raises(FormatError, match="duplicate key 'k399999'"):
        decode(f'{{{keys},"k399999":1}}'.encode(), most=10_000_000)


@given(st.binary(max_size=40))
def test_any_bytes_are_read_exactly_or_refused(raw: bytes) -> None:
    try:
        value = decode(raw)
    except FormatError:
        return
    assert encode(value) == raw == rfc8785.dumps(value)


@given(OBJECTS, st.data())
def test_any_changed_byte_is_refused_or_changes_the_value(value: dict[str, Any], data: st.DataObject) -> None:
    raw = bytearray(encode(value))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    try:
        assert decode(bytes(raw)) != value
    except FormatError:
        return


# --- text -----------------------------------------------------------------------------------------------------------


@given(st.text(st.characters(), max_size=30))
def test_cleaned_text_is_clean_as_long_as_before_and_stays_as_it_is(text: str) -> None:
    cleaned = clean_text(text)
    assert is_clean(cleaned)
    assert len(cleaned) == len(text)
    assert clean_text(cleaned) == cleaned
    assert (cleaned == text) == is_clean(text)


@pytest.mark.parametrize("bad", ["\x00", "\n", "\r", "\t", "\x1b", "\x1f", "\x7f", "\ud800", "\udfff"])
def test_control_characters_and_lone_surrogates_become_u_fffd(bad: str) -> None:
    assert clean_text(f"a{bad}b") == "a\ufffdb"


@pytest.mark.parametrize("fine", ["\x80", "\x85", "\u2028", "\ufeff", "\ufffd", "é", "😂", "\u202e"])
def test_everything_else_stays(fine: str) -> None:
    assert clean_text(fine) == fine


def test_hashes_are_lowercase_hex_without_a_prefix() -> None:
    assert sha256_hex(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_all_keys_of_records_are_ascii_so_that_all_sortings_agree() -> None:
    """RFC 8785 sorts by UTF-16 units, the library by code points, FORMATS by UTF-8 bytes: the same for ASCII alone."""
    for name in RECORDS:
        assert all(key.isascii() for key in record(name).fields())
    for model, field in (("event", "metadata"), ("pool", "inputs"), ("collection", "counts"), ("cursor", "state")):
        with pytest.raises(FormatError, match=field):
            record(model, **{field: {"é": 1}})
    assert record("event", metadata={"e": user(1), "wallet": WALLET, "at": TIME}).metadata["wallet"] == WALLET


def test_json_of_strangers_is_refused_by_its_depth_before_it_is_read() -> None:
    assert foreign_json(b'{"a": [1.50]}', parse_float=str) == {"a": ["1.50"]}
    assert foreign_json('["' + "[" * 99 + '"]') == ["[" * 99]
    for deep in (b"[" * 200_000, '{"a":' + "[" * 33 + "]" * 33 + "}"):
        with pytest.raises(ValueError, match="nested too deeply"):
            foreign_json(deep)
