"""`ledger site build --reuse` proves again what changed, and tells of the rest what it told before."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from ledger.cli import main
from ledger.site.kept import FOLDER
from tests.nodes import digest, golden_copy


def built(monkeypatch: pytest.MonkeyPatch, root: Path, out: Path, *more: object) -> dict[str, str]:
    """The published files by their hashes, of a build as the command makes it."""
    told = ["site", "build", "--node", str(root), "--out", str(out), "--now", "2026-02-01T00:00:00.000Z"]
    monkeypatch.setattr(sys, "argv", ["ledger", *told, *map(str, more)])
    assert main() == 0
    return {path: found for path, found in digest(out).items() if not path.startswith(FOLDER)}


def proved(site: Path) -> set[str]:
    return set(json.loads((site / FOLDER / "known.json").read_bytes())["epochs"])


def test_verdicts_are_those_of_a_build_from_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root, first, again = golden_copy(tmp_path / "node"), tmp_path / "first", tmp_path / "again"
    plain = built(monkeypatch, root, tmp_path / "plain")
    assert built(monkeypatch, root, first, "--reuse", tmp_path / "none") == plain
    assert len(proved(first)) == 6
    assert built(monkeypatch, root, again, "--reuse", first) == plain
    assert f"3 of 6 epochs and 17 of 17 pages are those of {first}" in capsys.readouterr().err
    (again / FOLDER / "known.json").write_bytes(b"[]")
    assert built(monkeypatch, root, again, "--reuse", again) == plain
    assert proved(again) == proved(first)


def test_what_was_altered_since_fails_as_in_a_build_from_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, first, again = golden_copy(tmp_path / "node"), tmp_path / "first", tmp_path / "again"
    built(monkeypatch, root, first, "--reuse", tmp_path / "none")
    with (root / "data/epochs/default/0002/sha256sums.txt").open("ab") as file:
        file.write(b"\n")
    plain = built(monkeypatch, root, tmp_path / "plain")
    assert built(monkeypatch, root, again, "--reuse", first) == plain
    assert b'"fail"' in (again / "api/v1/ledger/epochs/default/2/verify.json").read_bytes()
    assert proved(again) == proved(first) - {"default/2", "default/3"} | {"default/3"}
