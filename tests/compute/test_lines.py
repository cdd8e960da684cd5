"""Every line that is not exactly right is found, with its place and the invariant that it breaks."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.compute.engine import Engine
from ledger.core.bounds import FINDINGS
from ledger.core.canonical import decode, encode, sha256_hex
from ledger.core.errors import FormatError
from ledger.core.merkle import merkle_root
from ledger.core.records.activity import PAYLOAD_FIELDS, ActivityEvent, payload_hash
from tests.compute.nodes import END, OTHER_NODE, Case, event, line, write_log

RIGHT = line(event(1))
LOG = "data/epochs/default/0001/activity.jsonl"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with Engine(tmp_path_factory.mktemp("node")) as engine:
        yield engine


def found(engine: Engine, data: bytes, *more: bytes) -> list[tuple[str, str, int | None]]:
    loaded = engine.load(write_log(engine.root, data, *more), Case().epoch)
    return [(finding.rule, finding.path, finding.line) for finding in loaded.findings]


def swapped(old: bytes, new: bytes) -> bytes:
    """A right line with one place changed and the payload hash left as it was."""
    assert old in RIGHT
    return line(event(2)).replace(old, new, 1)


def rehashed(**changes: object) -> bytes:
    return line(event(2, **changes))


def unescaped_hash(url: str) -> str:
    """The payload's hash as it is when the URL stands in it as it is read, and not as it is written."""
    fields = event(2, artifact_url="here")
    payload = encode({name: fields[name] for name in PAYLOAD_FIELDS}).replace(b"here", url.encode())
    return sha256_hex(payload)


PROVENANCE = {
    "no JSON": b"{\n",
    "text instead of an object": b'"event"\n',
    "null": b"null\n",
    "empty object": b"{}\n",
    "NUL inside text": swapped(b"1.0.0", b"1\x000"),
    "space after a colon": swapped(b'"id":', b'"id": '),
    "space at the end": rehashed()[:-1] + b" \n",
    "keys in another order": json.dumps(dict(reversed(event(2).items())), separators=(",", ":")).encode() + b"\n",
    "duplicate key": swapped(b'"producer":', b'"producer":"github","producer":'),
    "duplicate key by escape": swapped(b'"producer":', b'"\\u0070roducer":"github","producer":'),
    "unknown field": line({**event(2), "zone": 1}),
    "missing field": line({name: value for name, value in event(2).items() if name != "producer"}),
    "trailing comma": rehashed()[:-2] + b",}\n",
    "comment": rehashed()[:-1] + b"//\n",
    "two objects": rehashed()[:-1] + rehashed(),
    "escaped letter": swapped(b"widgets", b"\\u0077idgets"),
    "escaped solidus": swapped(b"acme/", b"acme\\/"),
    "lone surrogate by escape": swapped(b'"ada"', b'"\\ud800"'),
    "lone surrogate in raw bytes": swapped(b'"ada"', b'"\xed\xa0\x80"'),
    "overlong UTF-8": swapped(b'"ada"', b'"\xc0\xaf"'),
    "bad UTF-8": swapped(b'"ada"', b'"\xff"'),
    "tab by escape": rehashed(platform_login="a\tb"),
    "unit separator by escape": rehashed(platform_login="a\x1fb"),
    "unit separator by escape in metadata": rehashed(metadata={"a": "\x1f"}),
    "newline by escape in the URL": rehashed(artifact_url="a\nb"),
    "delete, raw": rehashed(artifact_url="a\x7fb"),
    "delete in metadata": rehashed(metadata={"a": "\x7f"}),
    "tab, raw": swapped(b'"ada"', b'"a\tb"'),
    "number for text": swapped(b'"1.0.0"', b"1"),
    "true for text": swapped(b'"1.0.0"', b"true"),
    "null for text": swapped(b'"1.0.0"', b"null"),
    "null for the id": rehashed(id=None),
    "null for the account": rehashed(platform_user_id=None),
    "null for the URL": rehashed(artifact_url=None),
    "list for text": swapped(b'"1.0.0"', b'["1"]'),
    "number for the login": rehashed(platform_login=1),
    "null for metadata": rehashed(metadata=None),
    "list for metadata": rehashed(metadata=[]),
    "object in metadata": rehashed(metadata={"a": {}}),
    "list in metadata": rehashed(metadata={"a": [1]}),
    "fraction in metadata": swapped(b'"additions":5', b'"additions":5.0'),
    "exponent in metadata": swapped(b'"additions":5', b'"additions":5e1'),
    "minus zero in metadata": swapped(b'"additions":5', b'"additions":-0'),
    "leading zero in metadata": swapped(b'"additions":5', b'"additions":05'),
    "NaN in metadata": swapped(b'"additions":5', b'"additions":NaN'),
    "infinity in metadata": swapped(b'"additions":5', b'"additions":1e400'),
    "2^53 in metadata": rehashed(metadata={"a": 2**53}),
    "-2^53 in metadata": rehashed(metadata={"a": -(2**53)}),
    "2^64 in metadata": rehashed(metadata={"a": 2**64}),
    "5,000 digits in metadata": swapped(b'"additions":5', b'"additions":' + b"5" * 5000),
    "unsorted metadata": swapped(b'"additions":5,"draft":false', b'"draft":false,"additions":5'),
    "duplicate key in metadata": swapped(b'"additions":5', b'"additions":5,"additions":5'),
    "capital key in metadata": rehashed(metadata={"A": 1}),
    "empty key in metadata": rehashed(metadata={"": 1}),
    "nested deeply": swapped(b'"additions":5', b'"additions":' + b"[" * 100_000 + b"]" * 100_000),
    "time without milliseconds": rehashed(event_time="2026-01-06T10:00:00Z"),
    "time with an offset": rehashed(event_time="2026-01-06T10:00:00.000+00:00"),
    "time with a space": rehashed(event_time="2026-01-06 10:00:00.000Z"),
    "no such day": rehashed(event_time="2026-01-00T10:00:00.000Z"),
    "30 February": rehashed(event_time="2025-02-30T10:00:00.000Z"),
    "leap second": rehashed(event_time="2026-01-06T23:59:60.000Z"),
    "year 0": rehashed(event_time="0000-01-06T10:00:00.000Z"),
    "year of five digits": rehashed(ingested_at="12026-01-06T10:00:00.000Z"),
    "ingestion time of Arabic digits": rehashed(ingested_at="٢٠٢٦-01-06T10:00:00.000Z"),
    "retrieval on 31 April": rehashed(retrieved_at="2026-04-31T10:00:00.000Z"),
    "ingestion and retrieval on 31 April": rehashed(
        ingested_at="2026-04-31T10:00:00.000Z", retrieved_at="2026-04-31T10:00:00.000Z"
    ),
    "space in the id": rehashed(id="a b"),
    "empty id": rehashed(id=""),
    "id of 513 characters": rehashed(id="x" * 513),
    "umlaut in the id": rehashed(id="ä"),
    "combining accent in the id": rehashed(id="a\u0301"),
    "space in the account": rehashed(platform_user_id="a b"),
    "umlaut in the account": rehashed(platform_user_id="ä"),
    "delete in the id": rehashed(id="a\x7fb"),
    "delete in the account": rehashed(platform_user_id="a\x7fb"),
    "delete in the login": rehashed(platform_login="a\x7fb"),
    "delete in the version": rehashed(producer_version="1\x7f0"),
    "delete beside an escape": rehashed(platform_login='"', producer_version="1\x7f0"),
    "account of 257 characters": rehashed(platform_user_id="x" * 257),
    "empty account": rehashed(platform_user_id=""),
    "capital in the type": rehashed(event_type="Vote"),
    "hyphen in the type": rehashed(event_type="a-b"),
    "type of 64 characters": rehashed(event_type="x" * 64),
    "digit before the source": rehashed(source="1file"),
    "underscore before the producer": rehashed(producer="_x"),
    "payload hash of another event": rehashed(payload_hash=payload_hash(event(3))),
    "payload hash in capitals": rehashed(payload_hash=payload_hash(event(2)).upper()),
    "payload hash too short": rehashed(payload_hash="ab"),
    "title changed after hashing": swapped(b"quoted", b"padded"),
    "hash over a payload without its escapes": rehashed(artifact_url='a"b', payload_hash=unescaped_hash('a"b')),
}


@pytest.mark.parametrize("raw", PROVENANCE.values(), ids=PROVENANCE.keys())
def test_a_line_that_is_not_a_right_record_is_named(engine: Engine, raw: bytes) -> None:
    broken = RIGHT + raw + line(event(4)), line(event(5))
    assert found(engine, *broken) == [("PROVENANCE_REQUIRED", LOG, 2)]


@pytest.mark.parametrize("name", ["artifact_url", "id", "platform_login", "platform_user_id", "producer_version"])
def test_a_raw_control_character_in_any_text_is_found(engine: Engine, name: str) -> None:
    """DuckDB's reader of JSON refuses them all but delete: the proof of plain lines rests on that."""
    fields = event(2, **{name: "here"})
    for code in (*range(0x20), 0x7F):
        payload = encode({each: fields[each] for each in PAYLOAD_FIELDS}).replace(b"here", b"he%cre" % code)
        raw = line({**fields, "payload_hash": sha256_hex(payload)}).replace(b"here", b"he%cre" % code)
        assert found(engine, RIGHT + raw)[0] == ("PROVENANCE_REQUIRED", LOG, 2), code


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("NODE_SCOPED", {"node_id": OTHER_NODE}),
        ("SCOPE_SCOPED", {"scope_id": "other"}),
        ("EPOCH_WINDOW_UNIQUE", {"event_time": END}),
    ],
)
def test_a_record_from_elsewhere_is_named(engine: Engine, rule: str, changes: dict[str, str]) -> None:
    assert found(engine, RIGHT, rehashed(**changes)) == [(rule, LOG.replace(".jsonl", "-0002.jsonl"), 1)]


@pytest.mark.parametrize(
    ("data", "number"),
    [
        (RIGHT[:-1], 1),
        (RIGHT + line(event(2))[:-1], 2),
        (RIGHT + line(event(2))[:99], 2),
        (b"\xef\xbb\xbf" + RIGHT, 1),
        (RIGHT[:-1] + b"\r\n" + line(event(2))[:-1] + b"\r\n", 1),
        (RIGHT[:-1] + b"\r" + line(event(2)), 1),
        (b"\n" + RIGHT, 1),
        (RIGHT + b"\n" + line(event(2)), 2),
        (RIGHT + b"\n", 2),
        (b"\n", 1),
        (b"\0\n", 1),
        (RIGHT + line(event(2, artifact_url="x" * 1_000_000)), 2),
    ],
    ids=[
        "torn",
        "torn later",
        "cut",
        "BOM",
        "CRLF",
        "CR",
        "blank first",
        "blank",
        "blank last",
        "only blank",
        "NUL",
        "long",
    ],
)
def test_bytes_that_do_not_split_into_lines_are_named(engine: Engine, data: bytes, number: int) -> None:
    assert found(engine, data)[0] == ("PROVENANCE_REQUIRED", LOG, number)


@pytest.mark.parametrize(
    "data",
    [
        RIGHT + b"{}\n",
        RIGHT + b"\xff\n",
        RIGHT[:-1],
        RIGHT + rehashed(metadata=None),
        RIGHT + rehashed(event_type="Vote"),
    ],
    ids=["form", "UTF-8", "torn", "canonical, but no record", "canonical, but another pattern"],
)
def test_nothing_is_computed_from_a_log_that_cannot_be_read(engine: Engine, data: bytes) -> None:
    loaded = engine.load(write_log(engine.root, data), Case().epoch)
    for ask in (loaded.evaluate, loaded.outcomes, lambda: loaded.find("x")):
        with pytest.raises(FormatError) as refused:
            ask()
        assert (refused.value.path, refused.value.line) == (loaded.findings[0].path, loaded.findings[0].line)


def test_a_line_that_can_be_read_and_is_wrong_still_counts(engine: Engine) -> None:
    wrong = rehashed(payload_hash=payload_hash(event(3))), rehashed(id="x", node_id=OTHER_NODE)
    loaded = engine.load(write_log(engine.root, RIGHT, *wrong), Case().epoch)
    assert [finding.rule for finding in loaded.findings] == ["PROVENANCE_REQUIRED", "NODE_SCOPED"]
    assert loaded.evaluate().activity_count == len(list(loaded.outcomes())) == 3


ODD_BUT_RIGHT = {
    "line separators": event(1, artifact_url="a\u2028b\u2029c\u0085d", metadata={"t": "\u2028"}),
    "a BOM inside text": event(1, artifact_url="\ufeff"),
    "outside the basic plane": event(1, platform_login="𝔘\U0010ffff\ufffe"),
    "quotes, delimiters and backslashes": event(1, artifact_url='",\t'.replace("\t", "'") + "\\" * 7 + '|;"'),
    "null as text": event(1, artifact_url="NULL", platform_login="null", platform_user_id="null"),
    "no login": event(1, platform_login=None),
    "an empty login": event(1, platform_login=""),
    "empty metadata": event(1, metadata={}),
    "one key": event(1, metadata={"a": None}),
    "underscores sort before letters": event(1, metadata={"a": 1, "a1": 1, "a_": True, "aa": 1, "b": "\\u0041"}),
    "largest integers": event(1, metadata={"a": 2**53 - 1, "b": -(2**53) + 1, "c": 0, "d": -1}),
    "key order in other fields": event(1, artifact_url=',"ingested_at":"x"'),
    "longest id": event(1, id="~" * 512, platform_user_id="!" * 256),
    "first day there is": event(1, event_time="0001-01-01T00:00:00.000Z"),
    "last moment there is": event(1, ingested_at="9999-12-31T23:59:59.999Z"),
    "a megabyte of text": event(1, artifact_url="ü" * 300_000, metadata={"t": '"' * 190_000}),
}


@pytest.mark.parametrize("fields", ODD_BUT_RIGHT.values(), ids=ODD_BUT_RIGHT.keys())
def test_text_that_is_odd_but_right_is_accepted_and_kept(engine: Engine, fields: dict[str, object]) -> None:
    loaded = engine.load(write_log(engine.root, line(event(7)), line(fields)), Case().epoch)
    assert loaded.findings == ()
    assert loaded.activity_root == merkle_root([encode(event(7)), encode(fields)])
    outcome = list(loaded.outcomes())[1]
    for name in ("artifact_url", "platform_login", "platform_user_id", "event_time", "id"):
        assert getattr(outcome, name) == fields[name]


@given(st.data())
def test_any_single_changed_byte_is_found_or_gives_another_right_line(engine: Engine, data: st.DataObject) -> None:
    """SQL and core agree about every line: core's reader is the judge of what a flip made."""
    raw = bytearray(line(event(1, metadata={"a": 1, "b": "ü", "c": None, "d": True})))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] = data.draw(st.integers(0, 255))
    folder = write_log(engine.root, bytes(raw))
    loaded = engine.load(folder, Case().epoch)
    try:
        lines = bytes(raw).split(b"\n")
        assert lines.pop() == b""
        records = [ActivityEvent.read(decode(each)) for each in lines]
        right = all(
            record.payload_hash == payload_hash(record.fields())
            and record.node_id == Case().epoch.node_id
            and record.scope_id == "default"
            and record.event_time < END
            for record in records
        )
    except (AssertionError, FormatError):
        right = False
    assert (loaded.findings == ()) == right


def test_a_zero_byte_in_place_of_the_last_line_end_is_found(engine: Engine) -> None:
    """DuckDB drops the zero byte and supplies a line end: the counts then agree, and only the bytes tell."""
    folder = write_log(engine.root, line(event(1))[:-1] + b"\0")
    assert engine.load(folder, Case().epoch).findings != ()


def test_an_id_that_stands_twice_is_named_at_its_second_line(engine: Engine) -> None:
    first, again = line(event(1)), line(event(1, ingested_at="2026-01-11T00:00:00.000Z"))
    assert found(engine, first + line(event(2)), again) == [
        ("ACTIVITY_IDEMPOTENT", LOG.replace(".jsonl", "-0002.jsonl"), 1)
    ]


def test_an_id_of_another_epoch_is_named_in_the_later_one(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Engine(tmp_path_factory.mktemp("node")) as engine:
        one = Case(events=[event(1), event(10)])
        two = Case(events=[event(2), event(1)], epoch_id=2)
        for case in (one, one):  # an epoch is never held against itself
            assert engine.load(case.write(engine.root), case.epoch).findings == ()
        (finding,) = engine.load(two.write(engine.root), two.epoch).findings
        assert (finding.rule, finding.line) == ("ACTIVITY_IDEMPOTENT", 2)
        assert finding.message.endswith("another epoch too: data/epochs/default/0001")


def test_a_log_that_is_wrong_throughout_gives_the_first_lines_and_says_so(engine: Engine) -> None:
    findings = engine.load(write_log(engine.root, b"{}\n" * 1000), Case().epoch).findings
    assert len(findings) == FINDINGS + 1
    assert [finding.line for finding in findings[:3]] == [1, 2, 3]
    assert findings[-1].line is None


def test_events_taken_in_after_review_began_are_named(engine: Engine) -> None:
    late = line(event(2, ingested_at="2026-01-12T00:00:00.001Z"))
    loaded = engine.load(write_log(engine.root, RIGHT + late), Case().epoch)
    assert [(finding.line, finding.actual) for finding in loaded.ingested_after(END)] == [
        (2, "2026-01-12T00:00:00.001Z")
    ]


def test_a_line_without_a_right_time_hides_no_late_event(engine: Engine) -> None:
    late = line(event(2, ingested_at="2026-01-12T00:00:00.001Z"))
    odd = line(event(3, ingested_at="12026-01-06T10:00:00.000Z"))
    loaded = engine.load(write_log(engine.root, RIGHT + late + odd), Case().epoch)
    assert [finding.line for finding in loaded.ingested_after(END)] == [2]


TIME = "2026-01-05T10:20:30.123Z"
nearly_times = st.lists(
    st.tuples(st.integers(0, 23), st.sampled_from("0123456789 -+:.TZtz\u00a0\uff11")), min_size=1, max_size=3
).map(lambda changes: "".join(dict(changes).get(place, mark) for place, mark in enumerate(TIME)))
"""A canonical time with up to three characters of it changed."""


@given(st.lists(st.one_of(nearly_times, st.permutations(TIME).map("".join)), min_size=1, max_size=50))
def test_a_text_that_is_nearly_a_time_is_one_for_sql_exactly_where_core_says_so(
    engine: Engine, texts: list[str]
) -> None:
    for name in ("event_time", "ingested_at", "retrieved_at"):
        rows = [event(number, **{name: text}) for number, text in enumerate(texts, start=1)]
        loaded = engine.load(write_log(engine.root, b"".join(map(line, rows))), Case().epoch)
        wrong = [each for each, row in enumerate(rows, start=1) if not _is_right(row)]
        assert sorted(finding.line or 0 for finding in loaded.findings) == wrong
        assert loaded.lacks_receipts == (not wrong)


def _is_right(row: dict[str, object]) -> bool:
    try:
        return ActivityEvent.read(row).event_time < END
    except FormatError:
        return False
