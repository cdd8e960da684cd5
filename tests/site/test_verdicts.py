"""What `ledger site build` says of each epoch is what `ledger verify` says of it, though nothing is computed twice."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ledger.cli import main
from ledger.cli.output import plain
from ledger.core.canonical import encode
from ledger.flows.session import open_session
from ledger.flows.verify import verify
from ledger.site import computed
from tests.nodes import NOW, golden_copy

EPOCHS = "data/epochs"


def change(root: Path, path: str, old: bytes, new: bytes) -> None:
    file = root / EPOCHS / path
    data = file.read_bytes()
    assert old in data, path
    file.write_bytes(data.replace(old, new, 1))


def faults(root: Path) -> None:
    change(root, "default/0001/activity.jsonl", b'"quantity":1', b'"quantity":2')
    change(root, "default/0002/overrides.jsonl", b'"at":"2026', b'"at":"2027')
    change(root, "design/0001/allocations.jsonl", b'"proposed_units":"', b'"proposed_units":"9')
    change(root, "guild/0001/collection.jsonl", b'"at":"2026', b'"at":"2027')


def an_id_twice(root: Path) -> None:
    line = json.loads((root / EPOCHS / "default/0001/activity.jsonl").read_bytes().split(b"\n")[0])
    with (root / EPOCHS / "design/0001/activity.jsonl").open("ab") as log:
        log.write(encode({**line, "scope_id": "design"}) + b"\n")


def nothing(_: Path) -> None:
    pass


@pytest.fixture(params=[1, 2])
def processes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All epochs computed by this process; or each a set of its own, for two."""
    monkeypatch.setattr(computed, "FEW", 1)
    monkeypatch.setattr(computed, "SETS", 1_000_000)
    monkeypatch.setenv("PYTHON_CPU_COUNT", str(request.param))


@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize("alter", [nothing, faults, an_id_twice])
def test_the_site_tells_what_verify_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alter: Any) -> None:
    root, out = golden_copy(tmp_path / "node"), tmp_path / "site"
    alter(root)
    session = open_session(root, NOW, environ={})
    told = verify(session)
    session.close()
    assert told.ok == (alter is nothing)
    arguments = ["ledger", "site", "build", "--node", str(root), "--out", str(out), "--now", NOW, "--json"]
    monkeypatch.setattr(sys, "argv", arguments)
    assert main() == 0
    for report in (one for one in told.epochs if one.version == 1):
        file = out / f"api/v1/ledger/epochs/{report.scope_id}/{report.epoch_id}/verify.json"
        assert json.loads(file.read_bytes()) == json.loads(encode(plain(report)))


def test_an_epoch_is_checked_where_it_is_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody computes it a second time: who would is not there."""
    root, out = golden_copy(tmp_path / "node"), tmp_path / "site"
    monkeypatch.setattr("ledger.flows.verify.reports_of", None)
    monkeypatch.setattr("ledger.flows.sidebyside.EpochCheck._same", None)
    monkeypatch.setattr("ledger.flows.sidebyside.amendments", lambda _: [])  # the site computes none of them
    monkeypatch.setattr(sys, "argv", ["ledger", "site", "build", "--node", str(root), "--out", str(out), "--now", NOW])
    assert main() == 0
