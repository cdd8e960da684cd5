"""A byte changed anywhere in a finalized epoch is named by verify: every file, every kind of change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ledger.flows.session import Session, open_session
from ledger.flows.verify import Verification, verify
from tests.nodes import GOLDEN, NOW, golden_copy

FILES = sorted(path.relative_to(GOLDEN).as_posix() for path in (GOLDEN / "data/epochs/default/0002").iterdir())


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return open_session(golden_copy(tmp_path), NOW, environ={})


def named(result: Verification) -> set[str]:
    """Every file that a finding names."""
    findings = [*result.findings, *(f for epoch in result.epochs for check in epoch.checks for f in check.findings)]
    return {finding.path for finding in findings}


def check(session: Session, path: str, changed: bytes, epoch_id: int | None = 2) -> None:
    target = session.node.root / path
    before = target.read_bytes()
    target.write_bytes(changed)
    try:
        result = verify(session, "default", epoch_id)
        assert not result.ok, f"{path}: not noticed"
        assert path in named(result), (path, named(result))
    finally:
        target.write_bytes(before)


@pytest.mark.parametrize("path", FILES)
def test_a_changed_byte_is_named(session: Session, path: str) -> None:
    data = (session.node.root / path).read_bytes()
    step = max(1, len(data) // 12)
    for at in {*range(0, len(data), step), len(data) - 1}:
        check(session, path, data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])


@pytest.mark.parametrize("path", FILES)
def test_a_byte_more_or_less_is_named(session: Session, path: str) -> None:
    data = (session.node.root / path).read_bytes()
    half = len(data) // 2
    for changed in (data[:-1], data[1:], data + b"\n", data + b"x", data[:half] + b" " + data[half:], b""):
        check(session, path, changed)


@pytest.mark.parametrize("path", [path for path in FILES if path.endswith(".jsonl")])
def test_a_line_gone_or_twice_is_named(session: Session, path: str) -> None:
    lines = (session.node.root / path).read_bytes().splitlines(keepends=True)
    check(session, path, b"".join(lines[1:]))
    check(session, path, b"".join([*lines, lines[-1]]))


@pytest.mark.parametrize("path", FILES)
def test_a_missing_file_is_named(session: Session, path: str) -> None:
    target = session.node.root / path
    before = target.read_bytes()
    target.unlink()
    result = verify(session, "default")
    target.write_bytes(before)
    assert not result.ok
    assert path in named(result) or path.endswith("transitions.jsonl")  # without it the epoch itself is missing


def test_a_changed_binding_of_the_pinned_prefix_is_named(session: Session) -> None:
    path = "data/identities.jsonl"
    data = (session.node.root / path).read_bytes()
    for at in range(0, len(data.splitlines(keepends=True)[0]), 7):
        target = session.node.root / path
        target.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert not verify(session, "default", 2).ok
        target.write_bytes(data)


def test_an_earlier_statement_breaks_the_chain(session: Session) -> None:
    target = session.node.root / "data/epochs/default/0001/statement.json"
    value = json.loads(target.read_bytes())
    value["gaps"] = ["invented"]
    target.write_bytes(json.dumps(value, separators=(",", ":"), sort_keys=True).encode() + b"\n")
    result = verify(session, "default", 2)
    checks = {check.invariant: check for check in result.epochs[0].checks}
    assert checks["PAYOUT_DETERMINISTIC"].verdict == "fail"
    assert any("previous_statement_hash" in finding.message for finding in checks["PAYOUT_DETERMINISTIC"].findings)


def test_a_checkout_that_altered_line_ends_is_named_as_such(session: Session) -> None:
    target = session.node.root / "data/epochs/default/0002/statement.json"
    target.write_bytes(target.read_bytes().replace(b"\n", b"\r\n"))
    allocations = session.node.root / "data/epochs/default/0002/allocations.jsonl"
    allocations.write_bytes(allocations.read_bytes().replace(b"\n", b"\r\n"))
    result = verify(session, "default", 2)
    messages = [finding.message for check in result.epochs[0].checks for finding in check.findings]
    assert any("altered line endings" in message for message in messages)


def test_what_differs_is_told_with_what_was_expected(session: Session) -> None:
    target = session.node.root / "data/epochs/default/0002/statement.json"
    target.write_bytes(target.read_bytes().replace(b'"amount_credits":"1871"', b'"amount_credits":"1872"'))
    result = verify(session, "default", 2)
    findings = [finding for check in result.epochs[0].checks for finding in check.findings]
    payout = next(finding for finding in findings if finding.message.startswith("payout of"))
    assert "1871" in str(payout.expected)
    assert "1872" in str(payout.actual)
    assert (payout.path, payout.line) == ("data/epochs/default/0002/statement.json", 1)


def test_an_epoch_that_cannot_be_read_casts_no_doubt_on_the_window_after_it(session: Session) -> None:
    target = session.node.root / "data/epochs/default/0002/epoch.json"
    target.write_bytes(target.read_bytes().replace(b'"schema"', b'"scheme"'))
    result = verify(session, "default")
    assert [finding for finding in result.all_findings if finding.rule == "EPOCH_WINDOW_UNIQUE"] == []
    assert "data/epochs/default/0002/epoch.json" in named(result)


def test_the_file_that_keeps_an_empty_folder_holds_nothing(session: Session) -> None:
    path = "data/epochs/.gitkeep"
    (session.node.root / path).write_bytes(b"")
    assert verify(session, "default").all_findings == []
    check(session, path, b"\0", None)
