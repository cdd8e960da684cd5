"""The built bytes depend on the node alone: not on the folder, the hash seed, or how many processes write pages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import jinja2
import pytest

from ledger.core.errors import LedgerError
from ledger.site import computed, render
from ledger.site.build import build_site
from ledger.site.frame import Framed
from ledger.site.links import Repository
from ledger.site.templates import templates_folder
from tests.nodes import GOLDEN, at, digest, golden_copy


def built(root: Path, out: Path) -> dict[str, str]:
    with at(root, "2026-02-01") as session:
        build_site(session.node, session.engine, out, verification=None, commit=None)
    return digest(out)


def built_by_the_command(folder: Path, **environ: str) -> dict[str, str]:
    """`ledger site build` on a copy of the golden node of its own, as another machine would run it."""
    root = golden_copy(folder / "a node")
    out = folder / "site"
    command = [sys.executable, "-m", "ledger", "site", "build", "--node", str(root), "--out", str(out)]
    subprocess.run(command, cwd=GOLDEN, env={**os.environ, **environ}, check=True, capture_output=True)
    return digest(out)


def test_builds_in_other_folders_and_with_other_hash_seeds_have_the_same_bytes(tmp_path: Path) -> None:
    first = built_by_the_command(tmp_path / "x", SOURCE_DATE_EPOCH="1767571200", PYTHONHASHSEED="1", TZ="UTC")
    second = built_by_the_command(
        tmp_path / "ö/deeper", SOURCE_DATE_EPOCH="1767571200", PYTHONHASHSEED="2", TZ="Asia/Tokyo"
    )
    assert first == second
    assert "api/v1/ledger/epochs/default/1/verify.json" in first


def test_pages_that_several_processes_wrote_have_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = built(GOLDEN, tmp_path / "alone")
    monkeypatch.setattr(render, "FEW", 1)
    assert built(GOLDEN, tmp_path / "together") == alone


def test_epochs_that_several_processes_computed_have_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = built(GOLDEN, tmp_path / "alone")
    monkeypatch.setenv("PYTHON_CPU_COUNT", "2")
    monkeypatch.setattr(computed, "FEW", 1)
    assert built(GOLDEN, tmp_path / "together") == alone


def refused(root: Path, out: Path) -> str:
    with pytest.raises(LedgerError) as error:
        built(root, out)
    return str(error.value)


def test_an_epoch_that_a_process_cannot_compute_is_told_in_the_same_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = golden_copy(tmp_path / "node")
    log = root / "data/epochs/guild/0001/activity.jsonl"
    log.write_bytes(log.read_bytes()[:-9])
    alone = refused(root, tmp_path / "alone")
    monkeypatch.setenv("PYTHON_CPU_COUNT", "2")
    monkeypatch.setattr(computed, "FEW", 1)
    assert refused(root, tmp_path / "together") == alone


def ended(_one: object) -> None:
    os._exit(1)


def test_what_a_process_that_ended_left_undone_is_done_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = built(GOLDEN, tmp_path / "alone")
    monkeypatch.setenv("PYTHON_CPU_COUNT", "2")
    monkeypatch.setattr(computed, "FEW", 1)
    monkeypatch.setattr(computed, "_there", ended)
    assert built(GOLDEN, tmp_path / "together") == alone


@pytest.mark.parametrize("pages", [1, render.FEW], ids=["here", "in a helping process"])
def test_what_goes_wrong_with_a_page_stops_the_build(tmp_path: Path, pages: int) -> None:
    renderer = render.Renderer(templates_folder() / "pages", Repository(), {}, {}, {}, "", "", {}, tmp_path)
    with pytest.raises(jinja2.UndefinedError), render.Press(renderer, pages) as press:
        press.page(Framed("contributors/page", "A page"), "contributor.html", 2)


def test_what_failed_is_told_on_its_epochs_page_and_in_the_list(tmp_path: Path) -> None:
    with at(GOLDEN, "2026-02-01") as session:
        out = tmp_path / "site"
        checks = [{"invariant": "POOL_IMMUTABLE", "verdict": "fail", "findings": []}]
        report = {"scope_id": "default", "epoch_id": 2, "checks": checks}
        build_site(session.node, session.engine, out, verification={"ok": False, "epochs": [report]}, commit=None)
    assert "This epoch does not recompute" in (out / "epochs/default/2/index.html").read_text("utf-8")
    assert "This epoch does not recompute" not in (out / "epochs/default/1/index.html").read_text("utf-8")
    assert "<strong>1 does not recompute</strong>" in (out / "epochs/index.html").read_text("utf-8")
