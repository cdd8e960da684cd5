"""Every bound of the specification (Bounds): what is past it is refused by its size, before it is read."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from ledger.core import bounds
from ledger.core.bounds import FILE_BYTES, FOLDERS, LINE_BYTES, SETTINGS_BYTES, SHARD_BYTES
from ledger.core.errors import InputError
from ledger.flows.session import open_session
from ledger.flows.verify import verify
from ledger.store import layout
from ledger.store.append import append_lines
from ledger.store.entries import walk
from ledger.store.guard import guard
from ledger.store.yamlfile import parse_yaml
from tests.nodes import GOLDEN, NOW, golden_copy
from tests.store.repositories import FIRST, SECOND, commit, edit

EPOCH = "data/epochs/default/0003"
SETTINGS = ("ledger.yaml", "scopes/default.yaml", "weights/default.yaml")


def grow(root: Path, path: str) -> None:
    """One byte past the bound, most of it a hole in the file: a reader that reads it all the same would be slow."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    with (root / path).open("ab") as file:
        os.truncate(file.fileno(), layout.most_bytes(path) + 1)


@pytest.mark.parametrize("path", [f"{EPOCH}/{name}" for name in sorted(layout.EPOCH_FILES)] + ["data/identities.jsonl"])
def test_a_record_past_its_bound_is_named_by_its_size(tmp_path: Path, path: str) -> None:
    root = golden_copy(tmp_path)
    grow(root, path)
    found = verify(open_session(root, NOW, environ={}), "default", 3).all_findings
    assert any(finding.path == path and "at most" in finding.message for finding in found), found


@pytest.mark.parametrize("path", SETTINGS)
def test_settings_past_their_bound_are_refused_by_their_size(tmp_path: Path, path: str) -> None:
    root = golden_copy(tmp_path)
    grow(root, path)
    said_before_it_is_read = f"{SETTINGS_BYTES + 1} bytes; at most {SETTINGS_BYTES} are read .specification, Bounds."
    with pytest.raises(InputError, match=said_before_it_is_read):
        session = open_session(root, NOW, environ={})
        session.node.weight_policy(session.node.scope("default").weights)
    with pytest.raises(InputError, match="at most"):
        parse_yaml(b"#" * (SETTINGS_BYTES + 1), path)


@pytest.mark.parametrize("committed", [False, True], ids=["on disk", "committed"])
@pytest.mark.parametrize("path", [*SETTINGS, f"{SECOND}/epoch.json", f"{FIRST}/sha256sums.txt"])
def test_guard_refuses_the_same_sizes(root: Path, path: str, committed: bool) -> None:
    base = commit(root)
    grow(root, path)
    found = guard(root, base, commit(root) if committed else None)
    assert any(finding.path == path and "at most" in finding.message for finding in found), found


def test_nothing_is_written_that_could_not_be_read_again(tmp_path: Path) -> None:
    path = f"{EPOCH}/pool.jsonl"
    for line in (b"x" * (LINE_BYTES + 1), b"x" * LINE_BYTES + b"\n" + b"x" * (LINE_BYTES + 1)):
        with pytest.raises(InputError, match=str(LINE_BYTES)):
            append_lines(tmp_path, path, [line])
    assert not (tmp_path / path).exists()
    grow(tmp_path, path)
    os.truncate(tmp_path / path, FILE_BYTES)
    with (tmp_path / path).open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\n")
    with pytest.raises(InputError, match="at most"):
        append_lines(tmp_path, path, [b"{}"])


def test_a_line_past_its_bound_is_named(tmp_path: Path) -> None:
    root = golden_copy(tmp_path)
    edit(root, f"{EPOCH}/curation.jsonl", lambda data: data + b"x" * (LINE_BYTES + 1) + b"\n")
    found = verify(open_session(root, NOW, environ={}), "default", 3).all_findings
    assert any("the longest that is read" in finding.message for finding in found)


def test_folders_are_not_followed_without_end(tmp_path: Path) -> None:
    deep = tmp_path / "data" / "/".join("d" * 500)
    deep.mkdir(parents=True)
    ((path, _),) = walk(tmp_path, "data")
    assert path.count("/") == FOLDERS


def test_a_shard_takes_what_the_longest_lines_need() -> None:
    assert LINE_BYTES < SHARD_BYTES <= FILE_BYTES


def test_the_specification_has_every_bound() -> None:
    section = (GOLDEN / "docs/spec.md").read_text("utf-8").partition("\n## Bounds\n")[2]
    values = {name: value for name, value in vars(bounds).items() if name.isupper()}
    told = re.findall(r"\| `([A-Z_]+)` \| ([0-9,]+) \|", section)
    assert {name: int(value.replace(",", "")) for name, value in told if name in values} == values
