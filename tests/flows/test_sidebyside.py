"""Epochs checked side by side are told as those checked one after another: the same findings in the same order."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.compute import ahead
from ledger.core.canonical import encode
from ledger.flows import sidebyside
from ledger.flows.session import open_session
from ledger.flows.verify import Verification, verify
from tests.nodes import NOW, golden_copy

EPOCHS = "data/epochs"


def verified(root: Path) -> Verification:
    session = open_session(root, NOW, environ={})
    try:
        return verify(session)
    finally:
        session.close()


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """Every epoch a set of its own, two processes; whether what they found counted."""
    monkeypatch.setattr(sidebyside, "FEW", 1)
    monkeypatch.setattr(sidebyside, "SETS", 1_000_000)
    monkeypatch.setenv("PYTHON_CPU_COUNT", "2")
    counted: list[bool] = []
    reports = sidebyside.SideBySide.reports

    def watched(self: sidebyside.SideBySide) -> dict[tuple[str, int], sidebyside.Reports]:
        found = reports(self)
        counted.append(bool(found))
        return found

    monkeypatch.setattr(sidebyside.SideBySide, "reports", watched)
    yield counted


def alone(root: Path, monkeypatch: pytest.MonkeyPatch) -> Verification:
    with monkeypatch.context() as one:
        one.setenv("PYTHON_CPU_COUNT", "1")
        return verified(root)


def change(root: Path, path: str, old: bytes, new: bytes) -> None:
    file = root / EPOCHS / path
    data = file.read_bytes()
    assert old in data, path
    file.write_bytes(data.replace(old, new, 1))


def test_faults_in_several_epochs_are_told_in_the_same_words_and_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: list[bool]
) -> None:
    root = golden_copy(tmp_path)
    change(root, "default/0001/activity.jsonl", b'"quantity":1', b'"quantity":2')
    change(root, "default/0002/statement.json", b'"award_credits":"', b'"award_credits":"1')
    change(root, "default/0003/activity.jsonl", b'{"artifact_url"', b'{ "artifact_url"')
    change(root, "design/0001/allocations.jsonl", b'"proposed_units":"', b'"proposed_units":"9')
    change(root, "guild/0001/transitions.jsonl", b"2026", b"2027")
    with (root / EPOCHS / "guild/0002/activity.jsonl").open("ab") as log:
        log.write(b"\xff torn")
    one_by_one = alone(root, monkeypatch)
    assert {epoch.ok for epoch in one_by_one.epochs} == {False} and len(one_by_one.all_findings) > 9
    assert verified(root) == one_by_one
    assert beside == [False, True]


@pytest.mark.parametrize("canonical", [True, False])
def test_an_id_in_two_sets_is_told_at_the_later_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: list[bool], canonical: bool
) -> None:
    root = golden_copy(tmp_path)
    line = json.loads((root / EPOCHS / "default/0001/activity.jsonl").read_bytes().split(b"\n")[0])
    again = encode({**line, "scope_id": "design"})
    with (root / EPOCHS / "design/0001/activity.jsonl").open("ab") as log:
        log.write((again if canonical else b" " + again) + b"\n")
    one_by_one = alone(root, monkeypatch)
    assert any("is in another epoch too" in finding.message for finding in one_by_one.all_findings)
    assert verified(root) == one_by_one
    assert beside == [False, False]


def _end(*_: object) -> None:
    os._exit(9)


def test_an_id_of_a_log_that_workers_proved_is_told_in_another_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: list[bool]
) -> None:
    root = golden_copy(tmp_path)
    *_, large = sorted((root / EPOCHS).glob("*/*/activity.jsonl"), key=lambda log: log.stat().st_size)
    scope = large.parent.parent.name
    other = next(log for log in sorted((root / EPOCHS).glob("*/0001/activity.jsonl")) if scope not in log.parts)
    line = json.loads(other.read_bytes().split(b"\n")[0])
    with large.open("ab") as log:
        log.write(encode({**line, "scope_id": scope}) + b"\n")
    one_by_one = alone(root, monkeypatch)
    assert any("is in another epoch too" in finding.message for finding in one_by_one.all_findings)
    monkeypatch.setattr(ahead, "BIG_BYTES", large.stat().st_size)
    monkeypatch.setattr(sidebyside, "check_there", _end)  # all of it is done here, where the bound is another
    assert verified(root) == one_by_one
    assert beside == [False, False]


def test_what_a_process_cannot_do_is_done_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: list[bool]
) -> None:
    root = golden_copy(tmp_path)
    change(root, "default/0002/pool.jsonl", b'"seq":1', b'"seq":2')
    one_by_one = alone(root, monkeypatch)
    monkeypatch.setattr(sidebyside, "check_there", _end)
    assert verified(root) == one_by_one
    assert beside == [False, True]


def test_few_epochs_start_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: list[bool]) -> None:
    monkeypatch.setattr(sidebyside, "FEW", 7)
    monkeypatch.setattr(sidebyside, "helpers", None)
    assert verified(golden_copy(tmp_path)).ok
    assert beside == [False]


def test_few_epochs_with_much_in_them_are_checked_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: list[bool]
) -> None:
    monkeypatch.setattr(sidebyside, "FEW", 7)
    monkeypatch.setattr(sidebyside, "MUCH", 1)
    assert verified(golden_copy(tmp_path)).ok
    assert beside == [True]
