"""A file by SQL and the same file by the models: the same events to each byte, the same counts, the same refusals."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.compute.engine import Engine
from ledger.compute.plainrows import plain_rows
from ledger.core import blocks
from ledger.core.errors import LedgerError
from ledger.core.sealing import Provenance, seal
from ledger.core.values import EventId, Timestamp, parse_time
from ledger.core.windows import Window
from ledger.sources import file as module
from ledger.sources.file import FileOptions, FileSource
from ledger.sources.port import Judge, SourceContext, StreamCursor

NODE = "11111111-1111-4111-8111-111111111111"
NOW = parse_time("2026-03-01")
WINDOW = Window(parse_time("2026-01-05"), parse_time("2026-02-02"))
PROVENANCE = Provenance(NODE, "default", "file", "1", NOW, NOW)
GOOD = {
    "id": "w1",
    "time": "2026-01-06T09:30:00Z",
    "event_type": "governance",
    "account": "ann",
    "evidence": "https://example.org/minutes/1",
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with Engine(tmp_path_factory.mktemp("node"), threads=1) as found:
        yield found


@pytest.fixture(autouse=True)
def every_file_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGE", 0)


def read(root: Path, path: str, judge: Judge | None, options: dict[str, Any]) -> tuple[object, bool]:
    """What a run would store and tell of the file, or why it refuses it; and whether SQL wrote the events."""
    told: list[str] = []
    context = SourceContext(
        NODE, "default", str(root), "", lambda: NOW, {}, scope_start=WINDOW.start, tell=told.append, plain=judge
    )
    source = FileSource("work", FileOptions.load({"path": path, **options}, "scopes/default.yaml"), context)
    found: list[tuple[EventId, str, bytes]] = []
    told_of: list[object] = []
    by_sql = False
    try:
        source.check()
        for page in source.fetch("work", WINDOW, StreamCursor()):
            if page.ready is not None:
                by_sql = True
                assert page.facets == {"paths": (path,)}
                batches = list(page.ready.sealed(PROVENANCE, ""))
                assert sum(map(len, batches)) == len(page.ready) == page.ready.before(WINDOW.end)
                early = parse_time("2026-01-07")
                assert page.ready.before(early) == sum(
                    json.loads(line)["event_time"] < early for each in batches for _, _, line in each
                )
                found += [event for batch in batches for event in batch]
            for raw in page.items:
                for url, time, kind, key, metadata, login, account, name, facets, quantity in source.parse(raw):
                    assert facets == {"paths": (path,)}
                    found.append(
                        seal(EventId(key), url, time, kind, metadata, login, account, name, PROVENANCE, quantity)
                    )
            told_of.append((page.covered, page.state, page.stated, page.counts) if page.covered else None)
    except LedgerError as error:
        return (type(error), str(error), error.path, error.line, error.hint), by_sql
    standing = set(source.standing())
    there = {event[0] for event in found}
    assert set(source.present({*there, "file:work:absent"})) == there <= standing
    return (found, told_of[-1], standing, told), by_sql


def both(engine: Engine, root: Path, data: bytes, path: str, **options: Any) -> tuple[object, bool]:
    """What both ways give, which is the same; and whether it was SQL that wrote the events where it could."""
    (root / path).write_bytes(data)
    by_models, never = read(root, path, None, options)
    found, by_sql = read(root, path, partial(plain_rows, engine, "default"), options)
    assert (found, never) == (by_models, False)
    return found, by_sql


def table(rows: Sequence[dict[str, str]], **form: Any) -> bytes:
    text = io.StringIO(newline="")
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names, **form)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def lines(rows: Sequence[dict[str, Any]], **form: Any) -> bytes:
    return "".join(json.dumps(row, **form) + "\n" for row in rows).encode()


ROWS = [
    {**GOOD, "login": "Ann Ü", "title": 'A "b" \\ c, d;e', "where": "\u200b\u202e\u00a0é e\u0301 \U0001f600"},
    {**GOOD, "id": "w2", "time": "2026-01-31", "login": "Ann", "title": "plain", "where": "x"},
    {**GOOD, "id": "w0", "time": "2026-01-31T23:59:59.123Z", "login": "", "title": "", "where": "x"},
    {**GOOD, "id": "w-3", "account": 'a"\\b', "evidence": 'https://a.example:80/"\\?x#', "where": "a"},
    {**GOOD, "id": "w.4", "time": "2026-02-28", "where": "a"},
    {**GOOD, "id": "W_5", "time": "2026-04-28", "where": "a"},
]


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"lineterminator": "\n"},
        {"quoting": csv.QUOTE_ALL},
        {"delimiter": ";"},
        {"delimiter": "\t", "lineterminator": "\n"},
        {"delimiter": "|", "quoting": csv.QUOTE_ALL},
    ],
)
def test_a_csv_of_any_form_is_written_by_sql_as_by_the_models(
    engine: Engine, tmp_path: Path, form: dict[str, Any]
) -> None:
    data = table(ROWS, **form)
    for text in (
        data,
        b"\xef\xbb\xbf" + data,
        data.rstrip(),
        data + b"\n\n",
        data.replace(b"event_type", b"Event Type"),
    ):
        (found, *_), by_sql = both(engine, tmp_path, text, "work.csv")  # type: ignore[misc]
        assert by_sql
        assert [event[0].split(":")[2] for event in found] == ["w-3", "w1", "w2", "w0"]


def test_texts_of_json_lines_are_written_by_sql_as_by_the_models(engine: Engine, tmp_path: Path) -> None:
    rows = [{**GOOD, "title": title, "id": f"w{n}"} for n, title in enumerate(("a", '"\\', "\u2028 é\U0001f600"))]
    for form in ({}, {"ensure_ascii": False}, {"separators": (",", ":")}):
        (found, *_), by_sql = both(engine, tmp_path, lines(rows, **form), "work.jsonl")  # type: ignore[misc]
        assert (len(found), by_sql) == (3, True)


def test_values_of_json_are_written_by_sql_as_by_the_models(engine: Engine, tmp_path: Path) -> None:
    values: list[dict[str, Any]] = [
        {"login": "ann", "title": 7, "quantity": 1_000}, {"login": None, "title": None, "quantity": "9007199254740991"},
        {"login": "", "title": True, "quantity": 2**53 - 1}, {"login": '"', "title": "", "quantity": 1},
        {"login": "null", "title": "null", "quantity": "7"}, {"login": " ", "title": -(2**53) + 1},
        {"title": False}, {},
    ]  # fmt: skip
    rows = [{**GOOD, "id": f"w{number}", **each} for number, each in enumerate(values)]
    for constants in ({}, {"login": "bob", "title": 'a "title"', "quantity": 5_000, "unit": -60}):
        (found, *_), by_sql = both(  # type: ignore[misc]
            engine, tmp_path, lines(rows), "work.jsonl", constants=constants
        )
        assert (len(found), by_sql) == (len(rows), True)
    alone = {name: value for name, value in GOOD.items() if name != "id"}
    assert not both(engine, tmp_path, lines([{"id": "w1"}, {}]), "work.jsonl", constants=alone)[1]


def test_columns_and_constants_of_the_scope_mean_the_same_to_sql(engine: Engine, tmp_path: Path) -> None:
    data = b"Ticket,Done on,Hours,note\n7,2026-01-06,3,\n8,2026-01-07,,x\n"
    options = {
        "columns": {"id": "ticket", "time": "Done on", "quantity": "hours"},
        "constants": {
            "event_type": "paid", "evidence": "https://example.org/sheet", "account": "ann", "login": "",
            "quantity": 2, "note": 'a "note"', "unit": 60, "empty": "",
        },
    }  # fmt: skip
    (found, *_), by_sql = both(engine, tmp_path, data, "work.csv", **options)  # type: ignore[misc]
    assert by_sql
    assert [b'"quantity":3' in event[2] for event in found] == [True, False]
    for wrong in ({"login": 7}, {"account": 7}, {"account": -7}, {"quantity": ""}):
        odd = {**options, "constants": {**options["constants"], **wrong}}
        assert not both(engine, tmp_path, data, "work.csv", **odd)[1]


ODD: list[bytes] = [
    *(table([GOOD, {**GOOD, "id": "w2", name: value}]) for name, value in (
        ("id", "w1"), ("id", "a b"), ("id", "x" * 129), ("time", "2026-02-29"), ("time", "2026-01-06T10:00:00+01:00"),
        ("time", "2026-01-06T24:00:00Z"), ("time", "2026-01-04"), ("time", "0999-01-06"), ("event_type", "Talk"),
        ("account", "a b"), ("account", "\u00e4"), ("evidence", "https://example.org/" + "x" * 2001),
        ("evidence", "ftp://example.org"), ("quantity", "0"), ("quantity", "1.5"), ("quantity", "9007199254740992"),
        ("title", "two\nlines"), ("title", "a\x1fb"), ("title", "a\x1eb"), ("title", "\x7f"), ("title", "tab\there"),
        ("login", "A\x1b[2J"), ("account", ""), ("title", "x" * 131_073),
    )),
    table([GOOD, GOOD]),
    table([GOOD])[:-2] + b",too many\n",
    table([GOOD]) + b"w2,2026-01-06\n",
    table([GOOD]) + b",,,,\n",
    table([GOOD]) + b'w2,"torn\n',
    table([GOOD]) + b'w2,"a"b,c,d,e\n',
    table([GOOD]).replace(b"\r\n", b"\r"),
    b"sep=,\n" + table([GOOD]),
    b"\n" + table([GOOD]),
    b"",
    b"id,time,event_type,account,evidence\n",
    b"id,time,event_type,account,evidence,id\n",
    table([GOOD]).replace(b"ann", b"\xff"),
]  # fmt: skip


@pytest.mark.parametrize("data", ODD, ids=range(len(ODD)))
def test_what_is_odd_is_left_to_the_models_and_their_words(engine: Engine, tmp_path: Path, data: bytes) -> None:
    assert not both(engine, tmp_path, data, "work.csv")[1]


@pytest.mark.parametrize(
    "change",
    [
        {"title": ["x"]}, {"title": 1.5}, {"title": 2**53}, {"title": -(2**53)}, {"title": {}}, {"more": "x"},
        {"id": 7}, {"id": ""}, {"time": None}, {"event_type": True}, {"account": 7}, {"evidence": ""},
        {"login": 7}, {"login": True}, {"quantity": None}, {"quantity": ""}, {"quantity": True}, {"quantity": 1.0},
        {"quantity": 0}, {"quantity": -1},
        {"quantity": '"7'}, {"quantity": 2**53}, {"quantity": "9007199254740992"}, {"account": '"'}, {"id": '"w'},
        {"title": "a\x1fb"}, {"title": "a\nb"}, {"title": "\0"}, {"title": "\ud800\x00"}, {"Title": "x"},
    ],
)  # fmt: skip
def test_odd_json_is_left_to_the_models(engine: Engine, tmp_path: Path, change: dict[str, Any]) -> None:
    first = {**GOOD, "title": "x", "login": "ann", "quantity": 2}
    for constants in ({}, {"title": "t", "login": "bob", "quantity": 3}):
        for rows in ([first, {**first, "id": "w2", **change}], [{**first, **change}]):
            by_sql = both(engine, tmp_path, lines(rows), "work.jsonl", constants=constants)[1]
            assert not by_sql or (len(rows) == 1 and change == {"more": "x"}) or change == {"account": '"'}


def test_a_cell_cannot_pass_for_a_row_of_its_own(engine: Engine, tmp_path: Path) -> None:
    constants = {name: value for name, value in GOOD.items() if name != "id"}
    for data in (b'id\n"w1\nw2"\nw3\n', b'id\n"w1\x1fw2"\n', b'id\nw1\n"w2\n'):
        assert not both(engine, tmp_path, data, "work.csv", constants=constants)[1]
    for end in ("\r", "\0", "\x1e"):
        cell = f'"x{end}"'.encode() + b"\n" + "\x1f".join(GOOD.values()).encode()
        assert not both(engine, tmp_path, b"id\n" + cell, "work.csv", constants=constants)[1]
        assert not both(engine, tmp_path, lines([{**GOOD, "title": f"x{end}y"}]), "work.jsonl")[1]
    assert not both(engine, tmp_path, "id\n\ufeffw1\n".encode(), "work.csv", constants=constants)[1]
    forged = "x\n" + "\x1f".join([*{**GOOD, "id": "w2"}.values(), "y"])
    assert not both(engine, tmp_path, lines([{**GOOD, "title": forged}]), "work.jsonl")[1]
    assert both(engine, tmp_path, b'id\n"w1"\nw2\n', "work.csv", constants=constants)[1]


TEXT = st.text(st.sampled_from('a,;"\\\x01\x7fé\u0301\u200b\u00a0\U0001f600'), max_size=5) | st.text(
    "a\n\r\t\x1f\u2028", max_size=3
)
CELLS = {
    "id": st.integers(1, 400).map("w{}".format) | st.text("aZ9._-", min_size=1, max_size=3),
    "time": st.dates(date(2026, 1, 5), date(2026, 2, 10)).map(str)
    | st.sampled_from(["2026-01-06T10:00:00Z", "2026-01-06T10:00:00.5Z", "2026-01-06T10:00:00.250Z", "2026-02-30"]),
    "event_type": st.sampled_from(["talk", "talk", "talk_2", "Talk"]),
    "account": st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=4),
    "evidence": st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=6).map(
        "https://a.example/{}".format
    ),
    "login": TEXT | st.just("ann"),
    "quantity": st.sampled_from(["", "1", "17", "999", "1000", "9007199254740991", "9007199254740992", "01"]),
    "title": TEXT | st.just("a title"),
    "a_note": TEXT | st.just(""),
}
"""Values of which most are plain, so that whole files often are."""


@given(data=st.data())
def test_whatever_rows_a_file_has_both_ways_agree_on_it(
    engine: Engine, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    names = [*GOOD, *data.draw(st.lists(st.sampled_from(["login", "quantity", "title", "a_note"]), unique=True))]
    names = data.draw(st.permutations(names))
    odd = data.draw(st.sets(st.sampled_from([*names, *set(names) - set(GOOD)]), max_size=2))
    rows = [
        {name: data.draw(CELLS[name]) if name in odd or name == "id" else {**PLAIN, **GOOD}[name] for name in names}
        for _ in range(data.draw(st.integers(1, 4)))
    ]
    root = tmp_path_factory.mktemp("rows")
    if data.draw(st.booleans()):
        form = {
            "lineterminator": data.draw(st.sampled_from(["\n", "\r\n"])),
            "quoting": data.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
            "delimiter": data.draw(st.sampled_from(",;\t|")),
        }
        both(engine, root, data.draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + table(rows, **form), "work.csv")
    else:
        constants = data.draw(st.sampled_from([{}, {"login": "bob", "title": "t", "quantity": 7, "unit": 60}]))
        typed = [{**row, **{name: data.draw(VALUES) for name in odd & {*VALUED}}} for row in rows]
        kept = [{name: row[name] for name in row if name not in odd or data.draw(st.booleans())} for row in typed]
        text = lines(kept, ensure_ascii=data.draw(st.booleans()))
        both(engine, root, text, "work.jsonl", constants=constants)


VALUED = ("login", "quantity", "title", "a_note")
VALUES = (
    TEXT | st.booleans() | st.none() | st.integers(-3, 2_000) | st.sampled_from([2**53 - 1, 2**53, 1.5, "7", "null"])
)
PLAIN = {"login": "ann", "quantity": "2", "title": "a title", "a_note": "x"}


def test_rows_of_many_blocks_and_batches_come_in_order(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "CHARACTERS", 300)
    monkeypatch.setattr(blocks, "ROWS", 3)
    monkeypatch.setattr("ledger.compute.plainrows.ROWS_AT_ONCE", 4)
    rows = [{**GOOD, "id": f"w{n}", "time": f"2026-01-{6 + n * 7 % 20:02d}", "title": '"' * (n % 3)} for n in range(61)]
    assert both(engine, tmp_path, table(rows), "work.csv")[1]
    told = [{**row, "title": "x"} for row in rows]
    assert both(engine, tmp_path, lines(told), "work.jsonl")[1]


def test_two_files_lie_side_by_side(engine: Engine, tmp_path: Path) -> None:
    judge = partial(plain_rows, engine, "default")

    def cut(row: dict[str, str]) -> blocks.Blocks:
        return blocks.Blocks(tuple(row), iter(["\x1f".join(row.values())]), typed=False)

    made = [judge(cut({**GOOD, "id": f"{each}1"}), f"file:{each}:", WINDOW.start, {}) for each in ("one", "two")]
    assert [found and found.ids for found in made] == [frozenset({"one1"}), frozenset({"two1"})]
    again = judge(cut(GOOD), "file:one:", WINDOW.start, {})
    assert again is not None
    assert again.ids == {"w1"}
    assert again.ahead(Timestamp("2026-01-06T09:30:00.000Z")) == (1, "2026-01-06T09:30:00.000Z")
    assert again.ahead(Timestamp("2026-01-06T09:30:00.001Z"))[0] == 0
