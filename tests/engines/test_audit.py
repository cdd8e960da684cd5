"""Many nodes side by side: each verified, and who earned what in which of them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from ledger.cli.app import ledger
from ledger.compute.processes import helpers
from ledger.core.errors import InputError, UsageError
from ledger.core.values import Timestamp
from ledger.engines.recompute import recompute
from ledger.flows import many
from ledger.flows.many import TABLES, audit_many, year_of_end
from ledger.flows.second import Asked
from ledger.site.datatables import TABLES as PUBLISHED
from ledger.store.node import load_node
from tests.engines.test_engines import other
from tests.nodes import NOW, golden_copy

LOG = "data/epochs/default/0001/activity.jsonl"
EPOCHS = "('default', 1, 'finalized', TIMESTAMP '2026-01-01'), ('default', 2, 'open', TIMESTAMP '2026-01-08')"
PAYOUTS = (
    "('default', 1, 'u1', 'ann', 9223372036854775807), ('default', 1, 'u2', 'ben', 5), ('default', 2, 'u1', 'ann', 7)"
)
EVENTS = (
    "('default', 1, 'u1', 'file', 'talk', true, 9223372036854775807), ('default', 1, 'u1', 'file', 'talk', true, 1),"
    "('default', 1, 'u1', 'file', 'talk', false, 8), ('default', 1, NULL, 'file', 'talk', true, 8),"
    "('default', 2, 'u1', 'file', 'talk', true, 8)"
)
COLUMNS = {
    "epochs": ("scope_id", "epoch_id", "state", "period_end"),
    "payouts": ("scope_id", "epoch_id", "user_id", "name", "in_force_credits"),
    "events": ("scope_id", "epoch_id", "user_id", "source", "event_type", "included", "milli_units"),
}


def tables(folder: Path) -> Path:
    """The tables of a site as far as they are read."""
    (folder / "data").mkdir(parents=True)
    for (name, columns), rows in zip(COLUMNS.items(), (EPOCHS, PAYOUTS, EVENTS), strict=True):
        named = ", ".join(columns)
        target = folder / "data" / f"{name}.parquet"
        duckdb.execute(f"COPY (SELECT * FROM (VALUES {rows}) AS t ({named})) TO '{target}' (FORMAT parquet)")
    return folder


def test_nodes_whose_helper_was_killed_are_verified_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [golden_copy(tmp_path / name) for name in ("one", "two", "three")]
    (paths[1] / LOG).write_bytes((paths[1] / LOG).read_bytes().replace(b'"quantity":1', b'"quantity":2', 1))
    wanted = audit_many(paths, NOW, Asked())
    monkeypatch.setattr(many, "helpers", lambda count: helpers(count, os._exit, 9))
    assert audit_many(paths, NOW, Asked()) == wanted
    assert [node.ok for node in wanted.nodes] == [True, False, True]


def test_the_columns_that_are_read_are_those_that_a_site_publishes() -> None:
    assert set(COLUMNS) == set(TABLES.values())
    for name, columns in COLUMNS.items():
        assert set(columns) <= {column.name for column in PUBLISHED[name][1]}


@pytest.mark.parametrize("engine", ["duckdb", "spark"])
def test_nodes_are_verified_side_by_side_and_add_up_to_their_statements(
    engine: str, remote: str, tmp_path: Path
) -> None:
    right, wrong, site = golden_copy(tmp_path / "right"), golden_copy(tmp_path / "wrong"), tables(tmp_path / "site")
    log = (wrong / LOG).read_bytes()
    (wrong / LOG).write_bytes(log.replace(b'"quantity":1', b'"quantity":2', 1))
    found = audit_many([right, wrong, site], NOW, Asked(engine, remote if engine == "spark" else None))
    assert [(node.verified, node.ok) for node in found.nodes] == [(True, True), (True, False), (False, True)]
    assert {finding.path for finding in found.nodes[1].findings} >= {LOG}
    statements = [
        folder.statement() for scope in ("default", "design", "guild") for folder in load_node(right).epochs(scope)
    ]
    paid = sum(payout.amount_credits for one in statements if one for payout in one.payouts)
    assert sum(row.credits for row in found.earned if row.where == str(right)) == paid
    brought = [row for row in found.brought if row.where == str(right)]
    assert {row.year for row in brought} == {2026}
    allocated = [row for scope in ("default", "design", "guild") for one in load_node(right).epochs(scope)
                 for row in one.allocations()]  # fmt: skip
    assert sum(row.events for row in brought) == sum(row.activity_count for row in allocated) > 10
    published = [(row.year, row.name, row.credits) for row in found.earned if row.where == str(site)]
    assert published == [(2025, "ann", 2**63 - 1), (2025, "ben", 5)], (
        "the year in which the window ends; none that is open"
    )
    assert [(row.events, row.milli_units) for row in found.brought if row.where == str(site)] == [(2, 2**63)]


def test_the_command_tells_both_tables_and_ends_with_one_where_a_node_differs(tmp_path: Path) -> None:
    root = golden_copy(tmp_path / "node")
    (root / LOG).write_bytes(b"\xff" + (root / LOG).read_bytes())  # no engine takes these bytes: verify tells them
    other = tables(tmp_path / "site")
    done = CliRunner().invoke(ledger, ["audit", str(root), str(other)], standalone_mode=False)
    assert done.return_value == 1
    assert f"FAIL {root}" in done.stdout and LOG in done.stdout and "2 looked at, DIFFERENT: 1" in done.stdout
    assert "ann  9223372036854775807" in done.stdout and "file:talk       2  9223372036854775.808" in done.stdout
    as_json = CliRunner().invoke(ledger, ["audit", "--json", str(other)], standalone_mode=False)
    told = json.loads(as_json.stdout)
    assert as_json.return_value == 0 and told["schema"] == "audit-many/1" and told["ok"]
    assert told["brought"][0]["milli_units"] == str(2**63)


def in_this_process(nodes: Any, figures: Any, now: Timestamp) -> Any:
    """Without processes to start; they are another test's."""
    return {path: many._verify(path, node.root, figures.get(path), now) for path, node in nodes.items()}


def test_one_nodes_bytes_do_not_spare_another_the_second_engines_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No engine takes the first node's bytes; the second node is asked about again, and held to that."""
    wrong, right = golden_copy(tmp_path / "wrong"), golden_copy(tmp_path / "right")
    (wrong / LOG).write_bytes(b"\xff" + (wrong / LOG).read_bytes())
    monkeypatch.setattr(many, "recompute", lambda *asked: {key: other(one) for key, one in recompute(*asked).items()})
    monkeypatch.setattr(many, "_verify_all", in_this_process)
    found = audit_many([wrong, right], NOW, Asked())
    assert [node.ok for node in found.nodes] == [False, False]
    assert {finding.rule for finding in found.nodes[1].findings} == {"ACTIVITY_APPEND_ONLY", "PAYOUT_DETERMINISTIC"}


def test_what_is_no_node_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither a node nor a site"):
        audit_many([tmp_path], NOW, Asked())
    folders = ["audit", str(tmp_path), "https://example.org"]
    result = CliRunner().invoke(ledger, folders, standalone_mode=False)
    assert isinstance(result.exception, UsageError)


def test_a_window_that_ends_with_the_year_belongs_to_it() -> None:
    assert year_of_end("2027-01-01T00:00:00.000Z") == 2026
    assert year_of_end("2027-01-01T00:00:00.001Z") == 2027
