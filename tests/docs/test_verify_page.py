"""What docs/verify.md tells strangers to run gives what was signed, with nothing of ours in between."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.flows.amend import begin
from ledger.flows.budget import award
from ledger.flows.decide import curate
from ledger.flows.ingest import Ingest
from ledger.flows.review import review
from ledger.flows.session import locked
from ledger.flows.sign import finalize
from tests.nodes import at, sign_as
from tests.paying.world import owed_node

ROOT = Path(__file__).resolve().parents[2]
EPOCHS = sorted((ROOT / "data/epochs").glob("*/*"))
SQL = ROOT / "docs/verify/recompute.sql"
PAGE = (ROOT / "docs/verify.md").read_text("utf-8")


def duckdb(folder: Path, *options: str) -> str:
    """DuckDB's own command line over an epoch's folder."""
    command = Path(sys.executable).with_name("duckdb")
    done = subprocess.run(
        [str(command), *options, "-c", f".read {SQL}"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("folder", EPOCHS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_the_sql_file_prints_the_signed_table_under_duckdb_alone(folder: Path) -> None:
    rows, verdict = (json.loads(part) for part in re.findall(r"\[.*?\]", duckdb(folder, "-json"), re.DOTALL))
    stated = json.loads((folder / "statement.json").read_text("utf-8"))
    figures = ("total_units", "share", "award_credits", "share_credits", "amount_credits")
    held = [
        {"award_credits": "0", "share_credits": line["amount_credits"], "who": who, **line}
        for line in stated["held"]
        for who in [f"held for {line['source']}:{line['platform_user_id']}"]
    ]
    wanted = [*({"who": line["user_id"], **line} for line in stated["payouts"]), *held]
    assert rows == [{name: line[name] for name in ("who", *figures)} for line in wanted]
    assert verdict == [{"verdict": "same as statement.json", "allocation_set_hash_fits": True, "version": 1}]


@pytest.mark.parametrize("name", ["activity.jsonl", "overrides.jsonl", "pool.jsonl", "curation.jsonl", "awards.jsonl"])
def test_the_sql_file_sees_a_changed_log(name: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "data", tmp_path / "data")
    folder = tmp_path / f"data/epochs/default/000{2 if name == 'awards.jsonl' else 1}"
    log = folder / name
    log.write_bytes(b"")
    assert "DIFFERENT from statement.json" in duckdb(folder)


def test_the_sql_file_recomputes_an_amended_epoch_in_each_version(tmp_path: Path) -> None:
    """Three versions; what the second excludes the third includes again, so that the order of their decisions shows."""
    root = owed_node(tmp_path)
    folder = root / "data/epochs/default/0001"
    for hour, action in ((1, "exclude"), (2, "include")):
        with at(root, f"2026-01-15T0{hour}:00:00Z", "ann") as session:
            base = session.node.epoch("default", 1)
            begun = begin(session, base, "error", f"a slip {hour}")
            curate(session, begun, action, "file:work:b1", note="looked again")
            award(session, begun, session.node.bindings()[0].user_id, 7, "hosted")
            with locked(session):
                review(session, begun, Ingest(session))
            sign_as(session, begun, "ann", "ben")
            finalize(session, begun)
    for version in (1, 2, 3):
        said = duckdb(folder, "-json", "-c", f"SET VARIABLE version = {version}")
        assert f'"version":{version}' in said and "DIFFERENT" not in said and '"allocation_set_hash_fits":true' in said
    newest = duckdb(folder, "-json")
    assert newest == said
    path = folder / "amendments/02/curation.jsonl"
    path.write_bytes(b"")
    assert "DIFFERENT" in duckdb(folder, "-c", "SET VARIABLE version = 2")
    assert "DIFFERENT" not in duckdb(folder, "-c", "SET VARIABLE version = 1")


def shell(command: str, folder: Path) -> str:
    done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("folder", EPOCHS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_sha256sum_finds_every_file_of_a_finalized_folder_unchanged(folder: Path) -> None:
    assert "FAILED" not in shell("sha256sum -c sha256sums.txt", folder)


def test_the_python_lines_of_the_page_give_the_activity_root() -> None:
    code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert code is not None
    for folder in EPOCHS:
        done = subprocess.run([sys.executable, "-c", code[1]], cwd=folder, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == json.loads((folder / "statement.json").read_text("utf-8"))["activity_root"]


@pytest.mark.skipif(
    shutil.which("jq") is None and not os.environ.get("CI"), reason="jq is not installed here; .ci/run installs it"
)
def test_the_jq_commands_of_the_page_give_the_hashes_of_the_statement() -> None:
    for folder in EPOCHS:
        stated = json.loads((folder / "statement.json").read_text("utf-8"))
        commands = {
            "identities.sha256": r"^head -n .*$",
            "weight_config_hash": r"^jq -cjS \.weight_config.*$",
            "approver_set_hash": r"^jq -cjS \"select.*\n.*$",
        }
        for name, pattern in commands.items():
            found = re.search(pattern, PAGE, re.MULTILINE)
            assert found is not None, name
            wanted = stated["identities"]["sha256"] if name == "identities.sha256" else stated[name]
            assert shell(found[0], folder).split()[0] == wanted, name
        event = re.search(r"^sed -n 1p activity.jsonl \| jq -cjS.*\n.*$", PAGE, re.MULTILINE)
        assert event is not None
        first = json.loads((folder / "activity.jsonl").read_text("utf-8").split("\n")[0])
        assert shell(event[0], folder).split()[0] == first["payload_hash"]
