"""The golden node: what was once finalized verifies for ever. A change that breaks it breaks the format."""

from __future__ import annotations

from pathlib import Path

from ledger.core.values import Timestamp
from ledger.flows.session import open_session
from ledger.flows.verify import Verification, verify
from tests.golden_story import play
from tests.nodes import GOLDEN, golden_copy

STATEMENTS = {
    ("default", 1): "b19569a72f0be7621c6aff8b847838ee81fa3ccd082e971944b3c3b9211eb9ff",
    ("default", 2): "4d588e5339ad0eeb59c264b23028734ccf4d71db3eb190dac3f768fe89883f88",
    ("default", 3): "6e6321523a3d4164428322724333ec0dc161db919a057188fd79aeb5cac66b2c",
    ("design", 1): "3a0cd9553eda6f04c012732209983dbe2db3c540acde40fbb520169ae3326f9d",
}


def verified(root: Path) -> Verification:
    session = open_session(root, Timestamp("2026-02-01T00:00:00.000Z"))
    try:
        return verify(session)
    finally:
        session.close()


def files(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def test_the_golden_node_verifies_for_ever() -> None:
    found = verified(GOLDEN)
    assert found.findings == []
    assert [finding for epoch in found.epochs for check in epoch.checks for finding in check.findings] == []
    assert {check.verdict for epoch in found.epochs for check in epoch.checks} == {"pass"}


def test_the_golden_statements_never_change() -> None:
    found = {(epoch.scope_id, epoch.epoch_id): epoch.statement_hash for epoch in verified(GOLDEN).epochs}
    assert found == STATEMENTS


def test_the_same_story_gives_the_same_bytes(tmp_path: Path) -> None:
    play(tmp_path / "played")
    assert files(tmp_path / "played") == files(golden_copy(tmp_path / "committed"))
