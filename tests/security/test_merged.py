"""Files of two states of an epoch joined by a merge that found no conflict: the figures are of no single state."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.flows.decide import curate
from ledger.flows.verify import verify
from tests.forge.support import LATER, forge_node, in_review
from tests.nodes import at

DERIVED = ("allocations.jsonl", "statement.json")


@pytest.mark.parametrize("older", [DERIVED, DERIVED[:1], DERIVED[1:]])
def test_a_derived_file_of_another_state_is_named(tmp_path: Path, older: tuple[str, ...]) -> None:
    """One run took in a decision, another wrote the statement without it; git joins both without a word."""
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        files = {name: folder.root / folder.path(name) for name in older}
        before = {name: path.read_bytes() for name, path in files.items()}
        session.actor = "ann"
        curate(session, folder, "exclude", "file:work:a1", note="not ours")
        root = session.node.root
    for name, path in files.items():
        assert path.read_bytes() != before[name]
        path.write_bytes(before[name])
    with at(root, LATER) as session:
        result = verify(session)
        assert not result.ok
        named = {finding.path.rpartition("/")[2] for finding in result.all_findings}
        assert set(older) <= named
