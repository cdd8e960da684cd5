"""The file collector: good rows become events, a bad one is named by line and field before anything is given."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.errors import ConfigError, InputError, LedgerError, SourceError
from ledger.core.windows import Window
from ledger.sources import file as file_module
from ledger.sources.file import FileOptions, FileSource
from ledger.sources.file_rows import _checked, _put_right, read_table
from ledger.sources.port import EARLIEST, Page, SourceContext, SourceEvent, StreamCursor
from ledger.sources.registry import source_class
from tests.sources.gitworld import at

NOW = at("2026-03-01")
WINDOW = Window(at("2026-01-05"), at("2026-02-02"))
GOOD: dict[str, Any] = {
    "id": "w1",
    "time": "2026-01-06T09:30:00Z",
    "event_type": "governance",
    "account": "ann",
    "evidence": "https://example.org/minutes/1",
}


def lines(*rows: dict[str, Any] | str) -> str:
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)


def table(*rows: dict[str, Any]) -> str:
    text = io.StringIO(newline="")
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def source(root: Path, path: str = "work.jsonl", told: list[str] | None = None, **more: Any) -> FileSource:
    given = {name: more.pop(name) for name in ("columns", "constants") if name in more}
    context = SourceContext(
        "", "default", str(root), "", more.pop("now", lambda: NOW), {}, tell=(told or []).append, **more
    )
    return FileSource("work", FileOptions.load({"path": path, **given}, "scopes/default.yaml"), context)


def collect(
    root: Path,
    text: str | bytes,
    path: str = "work.jsonl",
    window: Window = WINDOW,
    cursor: StreamCursor | None = None,
    **more: Any,
) -> tuple[list[SourceEvent], list[Page]]:
    (root / path).write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    reader = source(root, path, **more)
    pages = list(reader.fetch("work", window, cursor or StreamCursor()))
    return [event for page in pages for raw in page.items for event in reader.parse(raw)], pages


def complaint(root: Path, text: str | bytes, path: str = "work.jsonl") -> LedgerError:
    with pytest.raises(InputError) as error:
        collect(root, text, path)
    with pytest.raises(InputError):
        source(root, path).check()
    assert error.value.path == path
    assert error.value.hint
    assert str(error.value).isprintable()
    return error.value


def test_the_registry_knows_the_adapter() -> None:
    assert source_class("file") is FileSource


@pytest.mark.parametrize("form", [lines, table])
def test_a_row_becomes_an_event_with_its_further_fields_as_metadata(tmp_path: Path, form: Callable[..., str]) -> None:
    row = {**GOOD, "login": "Ann B", "title": 'First assembly, with "quotes"', "where": "Ünï"}
    path = "work.csv" if form is table else "work.jsonl"
    (event,), (page,) = collect(tmp_path, form(row), path)
    assert event == SourceEvent(
        artifact_url="https://example.org/minutes/1",
        event_time=at("2026-01-06T09:30:00Z"),
        event_type="governance",
        id="file:work:w1",
        metadata={"title": 'First assembly, with "quotes"', "where": "Ünï"},
        platform_login="Ann B",
        platform_user_id="ann",
        source="file",
        facets={"paths": (path,)},
    )
    assert (page.stated, page.covered, page.counts) == (1, WINDOW, {})


def test_values_keep_their_kind_in_jsonl_and_empty_cells_are_no_fields_in_csv(tmp_path: Path) -> None:
    more = {"hours": 3, "paid": False, "note": None, "most": 2**53 - 1}
    (event,), _ = collect(tmp_path, lines({**GOOD, "login": None, **more}))
    assert (event.metadata, event.platform_login) == (more, None)
    (event,), _ = collect(tmp_path, table({**GOOD, "login": "", "hours": 3, "note": ""}), "work.csv")
    assert (event.metadata, event.platform_login) == ({"hours": "3"}, None)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-01-06", "2026-01-06T00:00:00.000Z"),
        ("2026-01-06T10:00:00Z", "2026-01-06T10:00:00.000Z"),
        ("2026-01-06T10:00:00.123Z", "2026-01-06T10:00:00.123Z"),
        ("2026-01-06T10:00:00.123999Z", "2026-01-06T10:00:00.123Z"),
        ("2026-01-06T00:30:00+02:00", "2026-01-05T22:30:00.000Z"),
        ("2026-01-31T23:59:59Z", "2026-01-31T23:59:59.000Z"),
    ],
)
def test_times_are_read_as_people_write_them(tmp_path: Path, written: str, meant: str) -> None:
    (event,), _ = collect(tmp_path, lines({**GOOD, "time": written}))
    assert event.event_time == meant


BAD: list[tuple[dict[str, Any], str]] = [
    *(({name: value}, name) for name in GOOD for value in (None, "", 7, True, ["x"], {"a": "b"})),
    *(({"id": value}, "id") for value in ("a b", "a/b", "a#b", "ä", "x" * 129, "w1\n")),
    *(({"event_type": value}, "event_type") for value in ("9x", "a-b", "x\n")),
    *(({"quantity": value}, "quantity") for value in (0, -1, 2**53, 1.5, True, None, "", "0", "01", "1.5", "x", "٣")),
    *(({"account": value}, "account") for value in ("a b", "ä", "x" * 257)),
    *(
        ({"evidence": value}, "evidence")
        for value in (
            "javascript:alert(1)", "ftp://example.org", "https://", "https://a b", "https://user:pw@example.org/",
            "https://exämple.org", "https://example.org/\u202e", "http:///x", "//example.org",
        )
    ),
    *(
        ({"time": value}, "time")
        for value in (
            "yesterday", "2026-02-30T00:00:00Z", "2026-02-29", "2026-01-06T10:00:00", "2026-01-06T24:00:00Z",
            "20260106", "2026-01-06T10:00:60Z", "2026-01-06 10:00:00Z",
            "٢٠٢٦-01-06", "0000-01-01", "0001-01-01T00:00:00+14:00",
            "2026-W02-2", "2026-01-06T10Z", "2026-01-06T10:00:00,5Z",
        )
    ),
    ({"login": 7}, "login"),
    ({"login": True}, "login"),
    ({"hours": 1.5}, "hours"),
    ({"hours": 2**53}, "hours"),
    ({"tags": ["a"]}, "tags"),
    ({"more": {"a": 1}}, "more"),
    ({"Title": "x"}, "Title"),
    ({"a b": "x"}, "a b"),
    ({"\x1b[2J": "x"}, "field"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "field"), BAD, ids=[f"{field}-{n}" for n, (_, field) in enumerate(BAD)])
def test_a_bad_row_is_named_by_line_and_field_and_nothing_is_given(
    tmp_path: Path, change: dict[str, Any], field: str
) -> None:
    error = complaint(tmp_path, lines(GOOD, {**GOOD, "id": "w2", **change}, {**GOOD, "id": "w3"}))
    assert error.line == 2
    assert field in error.message


@pytest.mark.parametrize("missing", list(GOOD))
@pytest.mark.parametrize("form", [lines, table])
def test_a_missing_field_is_named(tmp_path: Path, form: Callable[..., str], missing: str) -> None:
    row = {name: value for name, value in GOOD.items() if name != missing}
    error = complaint(tmp_path, form(row), "work.csv" if form is table else "work.jsonl")
    assert (error.line, missing in error.message) == (1, True)


@pytest.mark.parametrize(
    ("second", "says"),
    [
        ("[1]", "JSON object"),
        ("{", "JSON object"),
        ('{"id": "a", "id": "b"}', "twice"),
        ('{"id": "a", "\\u0069d": "b"}', "twice"),
        ('{"hours": NaN}', "JSON object"),
        ('{"hours": ' + "9" * 5000 + "}", "JSON object"),
        ("[" * 100_000, "JSON object"),
        ('{"a":' * 100_000, "JSON object"),
        ('{"title": "raw \x1b"}', "JSON object"),
        ('{"hours": 1, "hours": 1}', "twice"),
        ('{"title": "a \\"b\\"", "title": "a"}', "twice"),
        ('{"more": {"a": 1, "a": 1}}', "twice"),
        ("id,time", "JSON object"),
        ('"text"', "JSON object"),
    ],
)
def test_a_line_that_is_no_row_is_named(tmp_path: Path, second: str, says: str) -> None:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)  # as py_ecc does, which comes with eth-account
    try:
        error = complaint(tmp_path, lines(GOOD, second))
    finally:
        sys.setrecursionlimit(limit)
    assert (error.line, says in error.message) == (2, True)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "header"),
        ("\n\n", 1, "header"),
        ("id:time:event_type:account:evidence\n", 1, "commas"),
        ("id,time,event_type,account,evidence,id\n", 1, "twice"),
        ("id,time,event_type,account,evidence,ID\n", 1, "twice"),
        ("id,time,event_type,account,evidence,Größe\n", 1, "Gr"),
        ("id,time,event_type,account,evidence,2nd\n", 1, "2nd"),
        (table(GOOD).replace("evidence\r\n", "evidence,\r\n").rstrip() + ",x\n", 2, "gives no name"),
        (table(GOOD) + "w2,2026-01-06\n", 3, "2 columns"),
        (table(GOOD) + "a,b,c,d,e,f,g\n", 3, "7 columns"),
        (table(GOOD) + 'w2,"torn\n', 3, "no CSV"),
        (table(GOOD) + 'w2,"a"b,c,d,e\n', 3, "no CSV"),
        (table({**GOOD, "title": "two\nlines"}) + "x\n", 4, "columns"),
        (table(GOOD) + "x" * 200_000 + "\n", 3, "no CSV"),
    ],
)
def test_a_csv_that_is_none_is_named_by_line(tmp_path: Path, text: str, line: int, says: str) -> None:
    error = complaint(tmp_path, text, "work.csv")
    assert (error.line, says in error.message) == (line, True), error.message


@pytest.mark.parametrize("path", ["work.jsonl", "work.csv"])
def test_bytes_that_are_no_text_are_named_by_line(tmp_path: Path, path: str) -> None:
    good = (table(GOOD) if path.endswith(".csv") else lines(GOOD, "")).encode()
    assert complaint(tmp_path, good + b"\xff\xfe\n", path).line == 3
    assert complaint(tmp_path, good + b"a\0b\n", path).line == 3


@pytest.mark.parametrize("path", ["work.jsonl", "work.csv"])
def test_what_spreadsheets_and_editors_add_is_taken_as_it_is_meant(tmp_path: Path, path: str) -> None:
    form = table if path.endswith(".csv") else lines
    plain = form(GOOD, {**GOOD, "id": "w2"}).replace("\r\n", "\n")
    for text in (plain, "\ufeff" + plain, plain.replace("\n", "\r\n"), plain.rstrip("\n"), plain + "\n\n"):
        assert [event.id for event in collect(tmp_path, text, path)[0]] == ["file:work:w1", "file:work:w2"]


EMPTY = ",,,,\r\n"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + EMPTY * 3,
        lambda text: text + " , ,\t,\u00a0, \r\n",
        lambda text: text.replace("\r\n", ",,\r\n"),
        lambda text: "sep=,\r\n" + text,
        lambda text: "sep=;\n" + text.replace(",", ";"),
        lambda text: text.replace(",", ";"),
        lambda text: text.replace(",", "\t"),
        lambda text: text.replace("\r\n", "\r"),
        lambda text: text.replace("event_type", "Event Type").replace("id,", " ID ,"),
        lambda text: text.replace("governance", "Governance").replace(",ann,", ", ann ,"),
        lambda text: "\n\n" + text,
    ],
)
def test_what_spreadsheets_leave_is_read_as_it_is_meant(tmp_path: Path, change: Callable[[str], str]) -> None:
    text = table(GOOD, {**GOOD, "id": "w2"})
    plain, _ = collect(tmp_path, text, "work.csv")
    assert collect(tmp_path, change(text), "work.csv")[0] == plain
    bad = change(text.replace("w2", "w 2")).replace("\r\n", "\n").replace("\r", "\n")
    assert complaint(tmp_path, bad, "work.csv").line == bad[: bad.index("w 2")].count("\n") + 1


def test_half_of_a_surrogate_pair_becomes_the_replacement_character(tmp_path: Path) -> None:
    row = json.dumps({**GOOD, "title": "@"})
    for written, meant in (
        ("\\ud83d", "\ufffd"), ("\\ude00!", "\ufffd!"), ("\\ud83d\\ud83d\\ude00", "\ufffd\U0001f600"),
        ("\\\\ud83d", "\\ud83d"), ("\\ud83d\\ude00", "\U0001f600"),
    ):  # fmt: skip
        (event,), _ = collect(tmp_path, row.replace("@", written))
        assert event.metadata["title"] == meant


def test_a_map_of_columns_and_constants_fit_any_table(tmp_path: Path) -> None:
    text = "Ticket;Maintainer username;Done on;Amount (USD);hours\n7;Ann;2026-01-06;12;3\n8;Ben;2026-01-07;;\n"
    more = {
        "columns": {"id": "ticket", "account": "Maintainer username", "time": "Done on", "quantity": "hours"},
        "constants": {"event_type": "Paid", "evidence": "https://example.org/sheet", "unit": "hour", "quantity": 2},
    }
    events, _ = collect(tmp_path, text, "work.csv", **more)
    assert [(event.id, event.platform_user_id, event.event_type, event.quantity) for event in events] == [
        ("file:work:7", "Ann", "paid", 3), ("file:work:8", "Ben", "paid", 2),
    ]  # fmt: skip
    assert [event.metadata for event in events] == [{"amount_usd": "12", "unit": "hour"}, {"unit": "hour"}]
    with pytest.raises(InputError, match="no column 'hours', which the scope's file names"):
        collect(tmp_path, text.replace("hours", "h"), "work.csv", **more)
    named = {**GOOD, "who": "cy"}
    del named["account"]
    assert collect(tmp_path, lines(named), columns={"account": "who"})[0][0].platform_user_id == "cy"
    with pytest.raises(InputError, match="two names"):
        collect(tmp_path, lines({**GOOD, "who": "cy"}), columns={"account": "who"})
    for wrong in ({"constants": {"id": "x"}}, {"columns": {"account": "a", "login": "a"}}, {"columns": {"A": "a"}}):
        with pytest.raises(ConfigError):
            source(tmp_path, "work.csv", **wrong)


def test_control_characters_are_replaced_before_anything_is_hashed(tmp_path: Path) -> None:
    row = {**GOOD, "login": "A\x1b[2J", "title": "two\nlines \x7f \u2028"}
    (event,), _ = collect(tmp_path, lines(row))
    assert event.platform_login == "A\ufffd[2J"
    assert event.metadata["title"] == "two\ufffdlines \ufffd \u2028"


def test_the_same_row_again_is_passed_over_and_counted(tmp_path: Path) -> None:
    same = {**GOOD, "time": "2026-01-06T10:30:00+01:00"}
    events, (page,) = collect(tmp_path, lines(GOOD, same, {**GOOD, "id": "w2"}))
    assert ([event.id for event in events], page.stated, page.counts) == (
        ["file:work:w1", "file:work:w2"], 2, {"rows_repeated": 1},
    )  # fmt: skip


def test_an_id_with_other_content_is_refused_with_both_lines(tmp_path: Path) -> None:
    error = complaint(tmp_path, lines(GOOD, {**GOOD, "id": "w2"}, {**GOOD, "account": "ben"}))
    assert (error.line, "line 1" in error.message, "w1" in error.message) == (3, True, True)


def test_a_row_before_the_scope_begins_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="outside every window") as error:
        collect(tmp_path, lines(GOOD, {**GOOD, "id": "w2", "time": "2026-01-04T23:59:59Z"}), scope_start=WINDOW.start)
    assert error.value.line == 2


def test_rows_of_weeks_to_come_wait_and_are_said_to(tmp_path: Path) -> None:
    told: list[str] = [""]
    text = lines(GOOD, {**GOOD, "id": "w2", "time": "2026-04-01"})
    events, (page,) = collect(tmp_path, text, window=Window(WINDOW.start, at("2027-01-01")), told=told)
    assert [event.id for event in events] == ["file:work:w1"]
    assert page.covered == Window(WINDOW.start, NOW)
    assert "wait for their week: 1" in told[-1]
    assert page.covered is not None
    cursor = StreamCursor((page.covered,), page.state)
    later, _ = collect(
        tmp_path, text, window=Window(WINDOW.start, at("2027-01-01")), cursor=cursor, now=lambda: at("2026-06-01")
    )
    assert [event.id for event in later] == ["file:work:w2"]


def test_an_unchanged_file_gives_only_what_is_not_covered_and_a_changed_one_gives_all(tmp_path: Path) -> None:
    rows = [{**GOOD, "id": f"w{day}", "time": f"2026-01-{day:02d}"} for day in range(6, 30)]
    _, (page,) = collect(tmp_path, lines(*rows))
    assert page.covered is not None
    cursor = StreamCursor((page.covered,), page.state)
    assert collect(tmp_path, lines(*rows), cursor=cursor)[0] == []
    late = {**GOOD, "id": "late"}
    events, (page,) = collect(tmp_path, lines(*rows, late), cursor=cursor)
    assert "file:work:late" in {event.id for event in events}
    assert page.stated == len(events) == 25


def test_catching_up_gives_each_row_once(tmp_path: Path) -> None:
    rows = [{**GOOD, "id": f"w{n}", "time": f"2026-01-{6 + n * 7 % 20:02d}"} for n in range(40)]
    (tmp_path / "work.jsonl").write_text(lines(*rows))
    reader, cursor, seen = source(tmp_path), StreamCursor(), list[str]()
    for day in range(6, 28):
        for page in reader.fetch("work", Window(WINDOW.start, at(f"2026-01-{day:02d}")), cursor):
            seen += [event.id for raw in page.items for event in reader.parse(raw)]
            assert page.covered is not None
            cursor = StreamCursor((page.covered,), page.state)
    assert sorted(seen) == sorted(f"file:work:w{n}" for n in range(40))


def test_pages_are_bounded_and_only_the_last_one_covers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_module, "PAGE_SIZE", 4)
    for count in (0, 1, 4, 5, 8):
        events, pages = collect(tmp_path, lines(*({**GOOD, "id": f"w{n}"} for n in range(count))))
        assert len(events) == count
        assert [page.covered is not None for page in pages] == [False] * (len(pages) - 1) + [True]
        assert all(len(page.items) <= 4 for page in pages)


@pytest.mark.parametrize(
    "path", ["/etc/x.csv", "../x.csv", "a/../x.csv", "a//x.csv", "./x.csv", "a\\x.csv", "x.yaml", ""]
)
def test_a_path_that_leaves_the_node_or_is_no_table_is_refused(path: str) -> None:
    with pytest.raises(ConfigError):
        FileOptions.load({"path": path}, "scopes/default.yaml")


@pytest.mark.parametrize("how", ["link", "folder-link", "missing", "folder", "pipe"])
def test_a_file_that_is_none_of_the_node_stops_the_source_and_not_the_check(tmp_path: Path, how: str) -> None:
    node = tmp_path / "node"
    node.mkdir()
    (tmp_path / "secret.jsonl").write_text(lines(GOOD))
    target = node / "in" / "secret.jsonl"
    if how == "folder-link":
        (node / "in").symlink_to(tmp_path)
    elif how != "missing":
        target.parent.mkdir()
        {
            "link": lambda: target.symlink_to(tmp_path / "secret.jsonl"),
            "folder": target.mkdir,
            "pipe": lambda: os.mkfifo(target),
        }[how]()
    reader = source(node, "in/secret.jsonl")
    reader.check()
    with pytest.raises(SourceError) as error:
        list(reader.fetch("work", WINDOW, StreamCursor()))
    assert error.value.path == "in/secret.jsonl"


VALUE = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20) | st.floats() | st.lists(st.none())
)


@given(st.lists(st.dictionaries(st.sampled_from([*GOOD, "login", "title", "Bad"]), VALUE, max_size=7), max_size=4))
def test_whatever_a_file_holds_it_is_read_or_a_line_is_named(rows: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        text = lines(*({**GOOD, "id": f"w{number}", **row} for number, row in enumerate(rows)))
        (Path(folder) / "work.jsonl").write_text(text)
        try:
            found = read_table(text.encode(), "work.jsonl", EARLIEST, {}, {})
        except InputError as error:
            assert error.line is not None and 1 <= error.line <= len(rows)
        else:
            assert len(found.rows) + found.repeated == len(rows)


@given(
    time=st.sampled_from(
        [
            "2026-01-06",
            "2026-01-06T10:00:00Z",
            "2026-01-06T10:00:00.5Z",
            "2026-01-06T10:00:00.500Z",
            "2026-01-06T10:00:00+01:00",
        ]
    ),
    around=st.lists(st.sampled_from(["", "", " ", "\n", "Ä", "\t"]), min_size=5, max_size=5),
)
def test_the_look_of_common_rows_changes_nothing_of_what_a_row_means(time: str, around: list[str]) -> None:
    names = ("id", "event_type", "account", "evidence", "time")
    texts = ("r1", "governance", "ann", "https://example.org/1", time)
    row = {name: more + text for name, text, more in zip(names, texts, around, strict=True)}

    def told(judge: Callable[[dict[str, Any]], Any]) -> tuple[object, ...]:
        read = dict(row)
        try:
            return judge(read), read
        except ValueError as error:
            return str(error), None

    assert told(lambda read: _checked(read, at("2026-01-05"))) == told(_put_right)
