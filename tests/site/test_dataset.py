"""`data/` of the site: the statements' own sums in CSV and Parquet, safe in a spreadsheet, read by its own lines."""

from __future__ import annotations

import csv
import html
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ledger.compute.export import Column, Exporter
from ledger.core.canonical import sha256_hex
from ledger.core.config import NodeSettings
from ledger.site.build import build_site
from ledger.site.dataset import linked_data, package
from ledger.site.datatables import TABLES
from tests.browser.support import served
from tests.nodes import GOLDEN, at

ADDRESS = "https://YOUR-SITE/"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The golden node's site: three scopes, decisions, awards, held shares."""
    out = tmp_path_factory.mktemp("data") / "site"
    with at(GOLDEN, "2026-02-01") as session:
        build_site(session.node, session.engine, out, verification=None, commit=None)
    return out


def rows_of(site: Path, query: str) -> dict[str, list[tuple[Any, ...]]]:
    """What a query says of each form of the tables; `{form}` stands for its ending."""
    with duckdb.connect() as database:
        database.execute("SET file_search_path = $1", [str(site / "data")])
        return {form: database.execute(query.replace("{form}", form)).fetchall() for form in ("csv", "parquet")}


def statements(site: Path) -> Iterator[tuple[str, dict[str, Any], Path]]:
    for path in sorted((site / "api/v1/ledger/epochs").glob("*/*/statement.json")):
        statement = json.loads(path.read_bytes())
        yield f"{statement['scope_id']}/{statement['epoch_id']}", statement, path.parent


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def test_the_sums_of_the_tables_are_those_of_the_statements(site: Path) -> None:
    place = "SELECT scope_id || '/' || epoch_id AS place"
    paid = rows_of(site, f"{place}, sum(amount_credits)::VARCHAR FROM 'payouts.{{form}}' GROUP BY place ORDER BY place")
    pools = rows_of(
        site, f"{place}, pool_credits, allocated_credits + held_credits + undistributed_credits FROM 'epochs.{{form}}'"
    )
    units = rows_of(
        site,
        f"{place}, count(*), (sum(milli_units) FILTER (included AND user_id IS NOT NULL))::VARCHAR "
        "FROM 'events.{form}' GROUP BY place ORDER BY place",
    )
    logs = ("curation.jsonl", "overrides.jsonl")
    found = list(statements(site))
    assert len(found) == 6
    for form in ("csv", "parquet"):
        assert paid[form] == [
            (name, str(sum(int(line["amount_credits"]) for line in statement["payouts"])))
            for name, statement, _ in found
        ]
        assert pools[form] == [
            (name, int(s["pool_total_credits"]), int(s["pool_total_credits"])) for name, s, _ in found
        ]
        assert units[form] == [
            (
                name,
                s["activity_count"],
                str(sum(int(row["proposed_units"]) for row in lines(folder / "allocations.jsonl"))),
            )
            for name, s, folder in found
        ]
    decided = sum(len(lines(folder / name)) for *_, folder in found for name in logs)
    signed = sum(len(lines(folder / "signatures.jsonl")) for *_, folder in found)
    counts = rows_of(
        site, "SELECT (SELECT count(*) FROM 'decisions.{form}'), (SELECT count(*) FROM 'signatures.{form}')"
    )
    assert counts == {"csv": [(decided, signed)], "parquet": [(decided, signed)]}


def test_parquet_is_typed_and_both_forms_hold_the_same_columns(site: Path) -> None:
    for name, (_, columns) in TABLES.items():
        found = rows_of(site, f"DESCRIBE FROM '{name}.{{form}}'")
        assert [(row[0], row[1]) for row in found["parquet"]] == [(column.name, column.type) for column in columns]
        assert [row[0] for row in found["csv"]] == [column.name for column in columns]
    packed = rows_of(site, "SELECT DISTINCT compression FROM parquet_metadata('payouts.parquet')")
    assert packed["parquet"] == [("ZSTD",)]


def test_the_data_package_names_size_hash_and_columns_of_every_file(site: Path) -> None:
    found = json.loads((site / "data/datapackage.json").read_bytes())
    assert sorted(resource["path"] for resource in found["resources"]) == sorted(
        f"{name}.{form}" for name in TABLES for form in ("csv", "parquet")
    )
    for resource in found["resources"]:
        data = (site / "data" / resource["path"]).read_bytes()
        assert (resource["bytes"], resource["hash"]) == (len(data), f"sha256:{sha256_hex(data)}")
        fields = [field["name"] for field in resource["schema"]["fields"]]
        if resource["format"] == "csv":
            assert data.decode().splitlines()[0].split(",") == fields
    assert "licenses" not in found, "nobody said under which licence"


def test_a_licence_that_was_chosen_is_told_to_people_and_machines() -> None:
    values = {"node_id": "6f2d1c6e-6a8e-5d43-9d0c-7b1f4b8f2a10", "name": "</script><b>", "data_license": "CC-BY-4.0"}
    settings = NodeSettings.load(values | {"site_url": "https://example.org/l"}, "ledger.yaml")
    address = "https://spdx.org/licenses/CC-BY-4.0.html"
    assert package(settings, (), "")["licenses"] == [{"name": "CC-BY-4.0", "path": address}]
    linked = linked_data(settings, (), "2026-01-29T00:00:00.000Z")
    assert "<" not in linked
    found = json.loads(linked)
    assert (found["@type"], found["license"], found["name"]) == ("Dataset", address, "</script><b>")
    assert found["url"] == "https://example.org/l/data/"


def test_a_text_that_a_spreadsheet_would_compute_is_text_in_the_csv_and_itself_in_parquet(tmp_path: Path) -> None:
    texts = ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1", '"quoted", with\nlines', "", "\0", "plain", None]
    lines = [
        {"text": some, "number": [-5] * len(some), "at": ["2026-01-05T00:00:00.123"] * len(some)}
        for some in (texts[:4], texts[4:5], texts[5:])
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    columns = [Column("text", "VARCHAR", ""), Column("number", "BIGINT", ""), Column("at", "TIMESTAMP", "")]
    exporter = Exporter(tmp_path)
    exporter.export(tmp_path / "rows.jsonl", columns, tmp_path / "out")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.reader(file))[1:]
    assert [row[0] for row in found] == [f"'{text}" for text in texts[:6] if text] + [text or "" for text in texts[6:]]
    assert {tuple(row[1:]) for row in found} == {("-5", "2026-01-05T00:00:00.123Z")}
    with duckdb.connect() as database:
        kept = database.execute(f"SELECT text FROM '{tmp_path}/out.parquet'").fetchall()
    assert [row[0] for row in kept] == texts
    before = (tmp_path / "out.parquet").read_bytes()
    exporter.export(tmp_path / "rows.jsonl", columns, tmp_path / "again")
    assert (tmp_path / "again.parquet").read_bytes() == before


def test_a_folder_that_is_called_like_a_column_and_a_value_gives_no_values(tmp_path: Path) -> None:
    folder = tmp_path / "text=another"
    folder.mkdir()
    (folder / "rows.jsonl").write_text('{"text":["own"]}\n', "utf-8")
    Exporter(folder).export(folder / "rows.jsonl", [Column("text", "VARCHAR", "")], folder / "out")
    assert (folder / "out.csv").read_text("utf-8") == "text\nown\n"


def test_the_lines_of_the_data_page_run_as_they_stand(site: Path, tmp_path: Path) -> None:
    page = (site / "data/index.html").read_text("utf-8")
    found = dict(re.findall(r'<pre data-lines="([a-z-]+)"><code>(.*?)</code></pre>', page, re.DOTALL))
    assert sorted(found) == ["curl", "duckdb", "duckdb-person", "pandas", "r"]
    text = {name: html.unescape(line) for name, line in found.items()}
    with served(site) as origin:
        run(tmp_path, "bash", "-c", text["curl"].replace(ADDRESS, origin))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epochs.csv", "events.csv", "payouts.csv", "people.csv"]
    wanted = [
        ("default", "alice", 7778), ("default", "bob", 8167), ("default", "dave", 1522), ("default", "erin", 12866),
        ("design", "alice", 50), ("design", "bob", 50), ("guild", "alice", 1056),
    ]  # fmt: skip
    duckdb = str(Path(sys.executable).with_name("duckdb"))
    (events,) = (site / "api/v1/ledger/contributors").glob("7a921390-*/events.jsonl")
    shutil.copy(events, tmp_path)
    told = run(tmp_path, duckdb, "-csv", "-c", text["duckdb-person"])
    counted: Counter[tuple[str, int]] = Counter()
    for line in events.read_bytes().splitlines():
        one = json.loads(line)
        counted[one["scope_id"], one["epoch_id"]] += int(one["milli_units"]) * one["included"]
    due = [(*place, units / 1000) for place, units in sorted(counted.items())]
    assert [(scope, int(epoch), float(units)) for scope, epoch, units in map(words, told.splitlines()[1:])] == due
    told = run(tmp_path, duckdb, "-csv", "-c", text["duckdb"])
    assert sorted((scope, name, int(credits)) for scope, name, credits in map(words, told.splitlines()[1:])) == wanted
    shown = run(tmp_path, sys.executable, "-c", text["pandas"])
    assert [int(line.split()[-1]) for line in shown.splitlines()[1:-1]] == [credits for *_, credits in wanted]
    if shutil.which("Rscript") is None:
        assert not os.environ.get("CI"), "R is missing; .ci/run installs it"
        pytest.skip("curl, DuckDB and pandas ran; the line for R needs R (Debian: apt-get install r-base-core)")
    summed = run(tmp_path, "Rscript", "--vanilla", "-e", text["r"])
    rows = [line.split() for line in summed.splitlines()[1:]]
    assert sorted((scope, name, int(credits)) for _, scope, name, credits in rows) == wanted


def words(line: str) -> tuple[str, str, str]:
    scope, name, credits = line.split(",")
    return scope, name, credits


def run(folder: Path, *command: str) -> str:
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
