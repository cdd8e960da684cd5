"""What a final epoch follows from is one hash: another byte of any of it is another hash."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ledger.compute.content import content_of
from ledger.store.layout import amendment_path
from ledger.store.node import load_node
from tests.nodes import golden_copy

FIRST = "data/epochs/default/0001"


def content(root: Path) -> str:
    node = load_node(root)
    return content_of(node, node.epoch("default", 1), "")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The golden node, whose first epoch has a version that pins what the third epoch pins."""
    root = golden_copy(tmp_path)
    amendment = root / amendment_path("default", 1, 2)
    amendment.mkdir(parents=True)
    shutil.copy2(root / "data/epochs/default/0003/statement.json", amendment)
    return root


@pytest.mark.parametrize(
    "path", [f"{FIRST}/activity.jsonl", f"{FIRST}/statement.json", "scopes/default.yaml", "ledger.yaml"]
)
def test_another_byte_is_another_content(root: Path, path: str) -> None:
    before = content(root)
    with (root / path).open("ab") as file:
        file.write(b"\n")
    assert content(root) != before


def test_bindings_count_as_far_as_a_version_of_the_epoch_pins_them(root: Path) -> None:
    before, log = content(root), root / "data/identities.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    node = load_node(root)
    base, later = (node.epoch("default", number).statement() for number in (1, 3))
    assert base is not None and later is not None and base.identities.size < later.identities.size
    log.write_bytes(b"".join(lines) + lines[-1])  # what no version pins
    assert content(root) == before
    lines[later.identities.size - 1] = lines[later.identities.size - 1].replace(b"2026", b"2027")
    log.write_bytes(b"".join(lines))
    assert content(root) != before
