"""The engine reads the node and nothing else, computes without floats, and hashes what lies on disk."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.compute import scan
from ledger.compute.batch import FIELDS as LINE_FIELDS
from ledger.compute.engine import Engine, query
from ledger.compute.held import Held
from ledger.compute.plainrows import FIELDS, plain_rows
from ledger.compute.shapes import NAMES
from ledger.core.blocks import Blocks
from ledger.core.errors import FormatError, LedgerError, StateError
from ledger.core.merkle import EMPTY_ROOT, merkle_root
from ledger.sources.port import EARLIEST
from tests.compute.nodes import Case, event, line, write_log

SQL = sorted(path.stem for path in Path(scan.__file__).with_name("sql").glob("*.sql"))
LINES = {
    "doubted": False,
    "fields": json.dumps(LINE_FIELDS),
    "inner": json.dumps(LINE_FIELDS),
    "flat": "",
    "shapes": "",
    "names": [""],
}
PARAMETERS: dict[str, dict[str, object]] = {
    "events": {"shards": [], "node_id": "", "scope_id": "", "first": 1, "ends": [""], **LINES},
    "places": {"epochs": [1], "logs": [""], "period_starts": [""], "sizes": [1]},
    "accounts": {"path": []},
    "decisions": {"paths": [], "epochs": [1]},
    "overrides": {"paths": [], "epochs": [1]},
    "rated": {"epochs": [1], "kinds": ["a:b"], "weights": [1]},
    "outcomes": {},
    "overflow": {"epoch": 1, "most": 1},
    "outcome_rows": {"first": 1, "last": 1, "id": None},
    "suspects": {"epoch": 1},
    "ingested_after": {"epoch": 1, "closed": "", "most": 1},
    "repeated": {"epoch": 1, "most": 1},
    "seen_before": {"epoch": 1, "log": "", "most": 1},
    "seen_twice": {"log": ""},
    "met_apart": {"part": 1, "log": "data/epochs/default/0001"},
    "met_here": {"part": 1},
    "met_part": {"part": 1},
    "held_part": {"shards": []},
    "kinds": {"shards": []},
    "held_exactly": {"shards": [], "scope": ""},
    "held_rows": {"ids": [""]},
    "ids_that_begin": {"shards": [], "prefix": ""},
    "ids_elsewhere": {"shards": [], "skip": 0},
    "alike": {"shards": [], "here": []},
    "commits": {"shards": [], "here": [], "since": ""},
    "plain_apart": {"file": "", "first": 1, "end": 2},
    "plain_before": {"file": "", "time": ""},
    "plain_dear": {"file": "", "begins": "", "first": 1, "end": 2, "kinds": ["vote"], "weights": [1], "most": 1},
    "plain_ids": {"file": ""},
    "plain_kinds": {"file": "", "first": 1, "end": 2},
    "plain_lines": {
        "file": "", "begins": "", "suffix": "", "first": 1, "end": 2, "ingested": "", "node": "", "produced": "",
        "placed": "",
    },
    "plain_rows": {
        "cells": [], "typed": False, "file": "", "width": 1, "at": dict.fromkeys(FIELDS, 1),
        "fixed": dict.fromkeys(FIELDS, ""), "further": [{"place": 1, "head": "", "fixed": ""}],
    },
    "plain_whole": {"file": "", "start": ""},
    "same_work": {"shards": [], "here": [], "sources": ["git"]},
}  # fmt: skip


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with Engine(tmp_path) as engine:
        yield engine


@pytest.fixture
def loaded(engine: Engine) -> Engine:
    case = Case(events=[event(1)])
    folder = case.write(engine.root)
    engine.load(folder, case.epoch).evaluate()
    engine.begin_part(1)
    Held(engine, {"default": folder.shards()})
    engine.execute(f"CREATE TABLE near AS {query('alike')}", dict.fromkeys(("shards", "here"), engine.paths([])))
    plain_rows(engine, "default", Blocks(("id",), iter(("w1",)), typed=False), "file:work:", EARLIEST, {})
    return engine


@pytest.mark.parametrize("name", SQL)
def test_no_query_has_a_floating_column(loaded: Engine, name: str) -> None:
    parameters = {key: loaded.paths([]) if value == [] else value for key, value in PARAMETERS.get(name, {}).items()}
    columns = loaded.execute(f"DESCRIBE {query(name)}", parameters).fetchall()
    assert columns
    assert not [column for column in columns if re.search(r"DOUBLE|FLOAT|REAL", column[1])]


@pytest.mark.parametrize("name", SQL)
def test_every_query_whose_rows_are_read_says_in_which_order(name: str) -> None:
    text = query(name)
    assert ("\nORDER BY" in text) != ("-- Table" in text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM glob('/etc/*')",
        "COPY (SELECT 1) TO '/tmp/ledger-leak.csv'",
        "ATTACH '/tmp/ledger-leak.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SELECT * FROM read_csv('https://example.org/x.csv')",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SET allowed_directories = ['/']",
        "SET memory_limit = '9GB'",
        "RESET memory_limit",
        "PRAGMA threads = 9",
    ],
)
def test_nothing_outside_the_node_is_read_written_or_unlocked(loaded: Engine, text: str) -> None:
    with pytest.raises(LedgerError, match=r"disabled|locked"):
        loaded.execute(text, {})


def test_a_path_that_climbs_out_of_the_node_is_refused(engine: Engine) -> None:
    with pytest.raises(LedgerError, match="disabled"):
        list(engine.rows("ids_that_begin", prefix="", shards=[f"{engine.root}/../secret.jsonl"]))


def test_a_log_that_is_a_link_is_refused(engine: Engine, tmp_path: Path) -> None:
    folder = Case(events=[event(1)]).write(engine.root)
    shard = folder.shards()[0]
    shard.rename(tmp_path / "elsewhere.jsonl")
    shard.symlink_to(tmp_path / "elsewhere.jsonl")
    with pytest.raises(LedgerError, match="symbolic links"):
        engine.load(folder, Case().epoch)


def test_a_python_variable_is_no_table(loaded: Engine) -> None:
    secret = duckdb.connect().sql("SELECT 1")
    with pytest.raises(LedgerError, match="does not exist"):
        loaded.execute("SELECT * FROM secret", {})
    assert secret is not None


def test_an_epoch_without_any_log_is_empty_and_right(engine: Engine) -> None:
    case = Case()
    loaded = engine.load(case.write(engine.root), case.epoch)
    evaluation = loaded.evaluate()
    assert loaded.findings == ()
    assert (evaluation.activity_count, evaluation.activity_root) == (0, EMPTY_ROOT)
    assert not (evaluation.allocations or evaluation.totals or evaluation.unresolved)


def test_a_node_in_a_folder_with_pattern_characters_is_read_literally(tmp_path: Path) -> None:
    root = tmp_path / "a [b]*{c,d} ü"
    root.mkdir()
    case = Case(events=[event(1)])
    with Engine(root) as engine:
        assert engine.load(case.write(root), case.epoch).evaluate().activity_count == 1


def test_an_epoch_that_was_let_go_says_so_instead_of_answering_for_another(engine: Engine) -> None:
    one, two = Case(events=[event(1)]), Case(events=[event(2)], epoch_id=2)
    old = engine.load(one.write(engine.root), one.epoch)
    engine.load(two.write(engine.root), two.epoch)
    for ask in (old.evaluate, old.outcomes, lambda: old.findings):
        with pytest.raises(StateError, match="another epoch was loaded"):
            ask()


def test_the_lines_of_logs_are_loaded_without_a_join_which_would_keep_no_order() -> None:
    values = {**PARAMETERS["events"], "shards": [scan.__file__], "names": [f"n{number}" for number in range(NAMES)]}
    with duckdb.connect() as database:
        plan = database.execute(f"EXPLAIN CREATE TABLE events AS {query('events')}", values).fetchall()[0][1]
    assert "Read Csv" in plan
    assert "Join" not in plan


def test_a_small_epoch_is_read_once_until_a_byte_of_it_changes(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    materialise = Engine.materialise

    def counted(self: Engine, name: str, **values: Any) -> None:
        asked.append(name)
        materialise(self, name, **values)

    monkeypatch.setattr(Engine, "materialise", counted)
    case = Case(events=[event(1), event(2)])
    folder = case.write(engine.root)
    first = engine.load(folder, case.epoch).evaluate()
    assert engine.load(folder, case.epoch).evaluate() == first
    assert asked.count("events") == 1
    log = engine.root / folder.path("activity.jsonl")
    log.write_bytes(log.read_bytes().replace(b"pull/2", b"pull/3"))  # as long as before
    assert engine.load(folder, case.epoch).activity_root != first.activity_root
    assert asked.count("events") == 2


def test_outcomes_that_are_being_read_survive_other_queries(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.compute.engine.ROWS_AT_A_TIME", 2)
    case = Case(events=[event(number) for number in range(1, 8)])
    loaded = engine.load(case.write(engine.root), case.epoch)
    ids = []
    for outcome in loaded.outcomes():
        found = loaded.find(outcome.id)
        assert found == outcome
        ids.append(outcome.id)
    assert ids == [fields["id"] for fields in case.events]


def test_ids_that_come_are_found_with_scope_and_payload_hash_and_only_in_the_logs_that_may_hold_them(
    engine: Engine,
) -> None:
    events = [event(number) for number in range(1, 5)]
    one = write_log(engine.root, line(events[0]), line(events[1]) + line(events[2])).shards()
    two = Case(events=[events[3]], epoch_id=2).write(engine.root).shards()
    held = Held(engine, {"default": one, "design": two})
    asked = [events[2]["id"], events[3]["id"], "github:nobody:has:it"]
    of = {fields["id"]: fields["payload_hash"] for fields in events}
    assert list(held.find(asked[:1])) == [("default", asked[0], of[asked[0]])]
    assert engine.execute("SELECT count(*) FROM held_exactly", {}).fetchall() == [(2,)]  # the one log that may hold it
    assert list(held.find(asked)) == [(s, key, of[key]) for s, key in zip(("default", "design"), asked, strict=False)]
    assert list(held.find([])) == list(held.find(asked[2:])) == list(Held(engine, {"default": []}).find(asked)) == []


def test_ids_of_a_broken_log_are_refused(engine: Engine) -> None:
    with pytest.raises(FormatError, match=r"activity\.jsonl:1: "):
        Held(engine, {"default": write_log(engine.root, b"{torn").shards()})


def test_a_log_that_the_engine_saw_otherwise_than_the_hash_is_refused(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(shards: list[Path], *more: Any) -> scan.Extent:
        extent = scan.scan(shards, *more)
        return scan.Extent(extent.root, extent.lines, tuple(size + 1 for size in extent.octets), False)

    monkeypatch.setattr("ledger.compute.batch.scan", other)
    case = Case(events=[event(1)])
    loaded = engine.load(case.write(engine.root), case.epoch)
    assert [finding.rule for finding in loaded.findings] == ["PROVENANCE_REQUIRED"]
    with pytest.raises(FormatError, match="no sequence of text lines"):
        loaded.evaluate()


def test_more_lines_than_are_read_end_what_the_engine_makes_of_them(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[bool] = []
    loading = threading.get_ident()
    monkeypatch.setattr(scan, "SHARD_LINES", 2)
    monkeypatch.setattr(engine, "interrupt", lambda thread: ended.append(thread == loading))
    case = Case(events=[event(number) for number in range(1, 4)])
    with pytest.raises(FormatError, match="has 3 lines; at most 2 are read"):
        engine.load(case.write(engine.root), case.epoch)
    assert ended == [True]


def test_a_statement_is_ended_from_beside(engine: Engine) -> None:
    over, mine = threading.Event(), threading.get_ident()

    def end() -> None:
        while not over.is_set():
            engine.interrupt(mine)

    beside = threading.Thread(target=end)
    beside.start()
    try:
        with pytest.raises(FormatError, match=r"(?i)interrupt"):
            engine.execute("SELECT count(*) FROM range(100000000000)", {}).fetchall()
    finally:
        over.set()
        beside.join()


def test_ending_one_threads_statement_leaves_anothers_that_was_begun_later(engine: Engine) -> None:
    over, mine = threading.Event(), threading.get_ident()
    found: list[object] = []
    engine.execute("SELECT 1", {}).fetchall()  # what this thread began last is done

    def work() -> None:
        found.append(engine.execute("SELECT sum(range) FROM range(50000000)", {}).fetchall())
        over.set()

    beside = threading.Thread(target=work)
    beside.start()
    while not over.is_set() and beside.is_alive():
        engine.interrupt(mine)
    beside.join()
    assert found == [[(1249999975000000,)]]


def test_ids_of_a_part_are_handed_to_another_engine_by_their_hashes(engine: Engine, tmp_path: Path) -> None:
    cases = [Case(events=[event(number), event(7)], epoch_id=number) for number in (1, 2)]
    with Engine(tmp_path, parts=engine.parts) as other:
        engine.begin_part(0)
        for part, case in enumerate(cases, start=1):
            assert not engine.parts_share_an_id()
            other.begin_part(part)
            assert other.load(case.write(tmp_path), case.epoch).findings == ()  # what was before is another part
            other.ids_of_part()
            engine.add_part(part)
    assert engine.parts_share_an_id()


@given(data=st.lists(st.sampled_from([b"", b"a", b"\xff", b"bb" * 9, b"\r"]), max_size=40), block=st.integers(1, 9))
def test_the_root_does_not_depend_on_how_bytes_are_read(
    tmp_path_factory: pytest.TempPathFactory, data: list[bytes], block: int
) -> None:
    shard = tmp_path_factory.mktemp("scan") / "activity.jsonl"
    shard.write_bytes(b"".join(each + b"\n" for each in data))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "BLOCK", block)
        patch.setattr(scan, "SUBTREE", 4)
        extent = scan.scan([shard])
        picked = [raw for _, raw in scan.pick_lines(shard, range(1, len(data) + 1))]
    assert extent == scan.Extent(merkle_root(data), (len(data),), (shard.stat().st_size,), False)
    assert picked == data


def test_the_spill_directory_goes_away_with_the_engine(tmp_path: Path) -> None:
    with Engine(tmp_path) as engine:
        spill = Path(engine.paths([])[0]).parent
        assert spill.is_dir()
    assert not spill.exists()


def test_an_engine_that_runs_out_of_memory_says_so(tmp_path: Path) -> None:
    case = Case(events=[event(1, artifact_url="x" * 3_000_000)])
    folder = case.write(tmp_path)
    with Engine(tmp_path, memory_limit="1MB") as engine, pytest.raises(LedgerError, match="out of memory"):
        engine.load(folder, case.epoch)


def test_kinds_are_told_of_whatever_source_and_hour(engine: Engine) -> None:
    sources = ("file", "git", "github", "onchain", "profile", "x")
    rows = [
        event(
            number,
            id=f"{source}:{number}",
            source=source,
            event_type=kind,
            event_time=f"2026-01-0{day}T1{day}:00:00.000Z",
            artifact_url=f"https://example.org/{number}?a=b",
            metadata={"source": "git", "title": "größer als 🙂 " * number},
            platform_login=None,
        )
        for number, (source, kind, day) in enumerate(product(sources, ("a", "b" * 63), (6, 8)))
    ]
    folder = Case(events=rows, cuts=(7,)).write(engine.root)
    assert list(engine.rows("kinds", shards=engine.paths(folder.shards()))) == [
        (source, kind, [2026010616, 2026010818]) for source in sources for kind in ("a", "b" * 63)
    ]
