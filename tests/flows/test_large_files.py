"""A run over a contributions file that SQL takes whole leaves the node as one that reads it row by row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.compute.batch import Row
from ledger.compute.engine import Engine
from ledger.flows.collect import collect
from ledger.flows.samework import kinds_of, repeated
from ledger.flows.streamrun import StreamReport
from ledger.flows.verify import verify
from tests.nodes import ROWS, at, digest, make_node

GROWN = ROWS.replace("Second", "Renamed").replace("c1,", "c9,") + 'd1,2026-01-07,design,"b""x",,https://e.org/,"a, b"\n'
"""A row has another text, one another id, and one came."""


def told(root: Path, large: int, monkeypatch: pytest.MonkeyPatch) -> list[StreamReport]:
    """What three runs over a file that changes report, each as far as it brought or missed something."""
    monkeypatch.setattr("ledger.sources.file.LARGE", large)
    make_node(root)
    reports = []
    for time, rows in (
        ("2026-01-08T00:00:00Z", ROWS),
        ("2026-01-09T00:00:00Z", GROWN),
        ("2026-03-01T00:00:00Z", GROWN),
    ):
        (root / "work.csv").write_text(rows, "utf-8")
        with at(root, time, "ann") as session:
            reports += collect(session).reports
    with at(root, "2026-03-01T00:00:00Z") as session:
        assert verify(session).ok
    return reports


def test_a_file_that_changes_and_waits_for_its_weeks_is_collected_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_models = told(tmp_path / "models", 1_000_000, monkeypatch)
    monkeypatch.setattr("ledger.sources.file.read_table", None)
    by_sql = told(tmp_path / "sql", 0, monkeypatch)
    assert by_sql == by_models
    assert digest(tmp_path / "sql") == digest(tmp_path / "models")
    second = by_sql[1]
    assert (second.added, second.known, second.changed) == (2, 2, ["file:work:b1"])
    assert second.gone == ["file:work:c1"]


@pytest.mark.parametrize(("weighed", "told_of"), [(9_007_199_254_740_991, "c"), (9_223_372_036_854, "d")])
def test_what_is_worth_more_than_a_total_may_be_is_told_as_by_the_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weighed: int, told_of: str
) -> None:
    row = "{},2026-01-0{}T09:00:00Z,{},alice,alice,https://example.org/1,First,{}\n"
    rows = ["id,time,event_type,account,login,evidence,title,quantity\n", row.format("a", 5, "design", 999)]
    rows += [row.format("b", 6, "other", 9_007_199_254_740_991), row.format("c", 6, "design", 1_000_000)]
    rows += [row.format("d", 7, "design", 1_000_001), row.format("e", 7, "design", 1)]
    for number, name in ((1_000_000, "models"), (0, "sql")):
        monkeypatch.setattr("ledger.sources.file.LARGE", number)
        root = make_node(tmp_path / name, rows="".join(rows))
        policy = f"algorithm: weight-sum-v1\nweights:\n  file:design: {weighed}\n"
        (root / "weights/default.yaml").write_text(policy, "utf-8")
        with at(root, "2026-01-08T00:00:00Z", "ann") as session:
            (report,) = collect(session).reports
            taken = [event.id[-1] for _, _, event in session.node.epoch("default", 1).events()]
        assert f"event 'file:work:{told_of}'" in str(report.error)
        assert (report.seen, taken) == (len(taken) + 1, [name for name in "abcde" if name < told_of])
    assert digest(tmp_path / "sql") == digest(tmp_path / "models")


@pytest.mark.parametrize("again", ["", "d2,2026-01-07,design,eve,,https://e.org/d,Other\n"])
def test_what_a_first_run_took_whole_is_known_without_reading_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: str
) -> None:
    monkeypatch.setattr("ledger.sources.file.LARGE", 0)
    rows = ROWS + 'd1,2026-01-07,design,"b""x",,https://e.org/d,"a, b"\n' + again
    root = make_node(tmp_path / "node", rows=rows)
    asked = []
    plain = Engine.rows

    def watched(self: Engine, name: str, **parameters: object) -> Iterator[Row]:
        asked.append(name)
        return plain(self, name, **parameters)

    monkeypatch.setattr(Engine, "rows", watched)
    with at(root, "2026-01-08T00:00:00Z", "ann") as session:
        collect(session)
        folder = session.folder("default", 1)
        known, pairs = kinds_of(session, folder), repeated(session, folder)
    assert "kinds" not in asked and ("works" in asked) == bool(again)
    with at(root, "2026-01-08T00:00:00Z", "ann") as session:
        assert (kinds_of(session, folder), repeated(session, folder)) == (known, pairs)
    assert {kind.event_type for kind in known} == {"community", "design", "governance"}
    (root / "work.csv").write_text(rows + "e1,2026-01-07,review,eve,,https://e.org/e,New\n", "utf-8")
    with at(root, "2026-01-09T00:00:00Z", "ann") as session:
        collect(session)
        assert "review" in {kind.event_type for kind in kinds_of(session, folder)}


def shared(root: Path, large: int, monkeypatch: pytest.MonkeyPatch) -> list[StreamReport]:
    """What runs report over a file that two scopes read, while it changes and so does whom it belongs to."""
    monkeypatch.setattr("ledger.sources.file.LARGE", large)
    make_node(root)
    text = (root / "scopes/default.yaml").read_text("utf-8")
    away = "\nrouting:\n  - {source: file, paths: [other/*]}\n"
    more = GROWN + "e1,2026-01-08,design,eve,,https://e.org/e,New\n"
    reports = []
    for time, rows, without in (
        ("2026-01-08T00:00:00Z", ROWS, ""),
        ("2026-01-09T00:00:00Z", GROWN, "default"),
        ("2026-01-10T00:00:00Z", more, "art"),
        ("2026-01-11T00:00:00Z", ROWS, ""),
        ("2026-03-01T00:00:00Z", more, ""),
    ):
        (root / "work.csv").write_text(rows, "utf-8")
        for scope in ("default", "art"):
            own = text.replace("scope_id: default", f"scope_id: {scope}") + away * (scope == without)
            (root / f"scopes/{scope}.yaml").write_text(own, "utf-8")
        with at(root, time, "ann") as session:
            reports += collect(session).reports
    with at(root, "2026-03-01T00:00:00Z") as session:
        assert verify(session).ok
    return reports


def test_a_file_that_several_scopes_read_and_lose_is_collected_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_models = shared(tmp_path / "models", 1_000_000, monkeypatch)
    monkeypatch.setattr("ledger.sources.file.read_table", None)
    assert shared(tmp_path / "sql", 0, monkeypatch) == by_models
    assert digest(tmp_path / "sql") == digest(tmp_path / "models")
    assert sum(report.elsewhere for report in by_models) and sum(report.known for report in by_models)
    logs = b"".join(path.read_bytes() for path in (tmp_path / "sql").rglob("activity.jsonl"))
    held = {name: logs.count(f'"file:work:{name}'.encode()) for name in ("a1", "a1#default", "a1#art", "c9#", "e1#")}
    assert held == {"a1": 2, "a1#default": 0, "a1#art": 1, "c9#": 1, "e1#": 1}
