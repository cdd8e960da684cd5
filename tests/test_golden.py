"""The golden node: what was once finalized verifies for ever. A change that breaks it breaks the format."""

from __future__ import annotations

from pathlib import Path

from ledger.core.values import Timestamp
from ledger.flows.session import open_session
from ledger.flows.verify import Verification, verify
from tests.golden_story import play
from tests.nodes import GOLDEN, golden_copy

STATEMENTS = {
    ("default", 1): "dc05949c5f348c810bd683841e56470cc31819867f113ab68e34d45c67b4b43a",
    ("default", 2): "fbd687972ab0ab923e7701d740635e71d79fcee363baa329e66b7d56ff27194f",
    ("default", 3): "1c49d56a48ac426bb841046eb9d54f25df520e0e378830baa8ac7ad6f7ef015a",
    ("design", 1): "82a22436788e2fca4cbc1c29ef025bb0f98198dc6b5c53ecf16cb8dc0c59699b",
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
