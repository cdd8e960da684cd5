"""The golden node: what was once finalized verifies for ever. A change that breaks it breaks the format."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.core.values import Timestamp
from ledger.flows.session import open_session
from ledger.flows.verify import Verification, verify
from tests.golden_story import play
from tests.nodes import GOLDEN, golden_copy

EDITIONS = {2: GOLDEN}
"""A node of every edition that was released, by its number: what a new edition adds first is that of the last."""


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


@pytest.mark.parametrize("root", EDITIONS.values(), ids=[f"edition {number}" for number in EDITIONS])
def test_what_was_finalized_under_an_edition_verifies_for_ever(root: Path) -> None:
    found = verified(root)
    assert found.findings == []
    assert [finding for epoch in found.epochs for check in epoch.checks for finding in check.findings] == []
    assert {check.verdict for epoch in found.epochs for check in epoch.checks} == {"pass"}


def test_the_same_story_gives_the_same_bytes(tmp_path: Path) -> None:
    play(tmp_path / "played")
    assert files(tmp_path / "played") == files(golden_copy(tmp_path / "committed"))
