"""A run over a contributions file that SQL takes whole leaves the node as one that reads it row by row."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.flows.collect import collect
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


def test_a_node_of_several_scopes_reads_every_file_row_by_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.sources.file.LARGE", 0)
    monkeypatch.setattr("ledger.flows.ingest.plain_rows", None)
    root = make_node(tmp_path / "node")
    scope = (root / "scopes/default.yaml").read_text("utf-8")
    (root / "scopes/art.yaml").write_text(scope.replace("scope_id: default", "scope_id: art"), "utf-8")
    with at(root, "2026-01-08T00:00:00Z", "ann") as session:
        assert sorted(report.added for report in collect(session).reports) == [3, 3]
