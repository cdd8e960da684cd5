"""What an operator proved before is hashed and not recomputed, as long as nothing that it follows from has changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from ledger.cli.app import ledger
from ledger.core.canonical import encode
from ledger.flows import known as room
from tests.nodes import golden_copy


def run(root: Path, *more: str) -> tuple[int, list[str]]:
    file = root.parent / "mine.known"
    arguments = ["verify", "--quiet", "--node", str(root), "--known", str(file), *more]
    answer = CliRunner().invoke(ledger, arguments, standalone_mode=False)
    assert not isinstance(answer.exception, SystemExit), answer.output
    return int(answer.return_value), answer.output.splitlines()


def known(said: list[str]) -> set[str]:
    return {line.split()[1] for line in said if line.startswith("known ")}


EVERY = {"default/1", "default/2", "default/3", "design/1", "guild/1", "guild/2"}


@pytest.fixture(scope="module")
def proved(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    root = golden_copy(tmp_path_factory.mktemp("proved") / "node")
    code, said = run(root)
    assert (code, known(said)) == (0, set())
    code, said = run(root)
    assert (code, known(said)) == (0, EVERY)
    assert said[-1].endswith(", 6 of them known from before")
    assert known(run(root, "--all")[1]) == set()
    return (root.parent / "mine.known").read_bytes()


@pytest.fixture
def root(tmp_path: Path, proved: bytes) -> Path:
    (tmp_path / "mine.known").write_bytes(proved)
    return golden_copy(tmp_path / "node")


@pytest.mark.parametrize(
    ("path", "ends", "same"),
    [
        ("data/epochs/default/0002/activity.jsonl", 1, EVERY - {"default/2", "default/3"}),
        ("data/epochs/guild/0001/transitions.jsonl", 1, EVERY - {"guild/1", "guild/2"}),
        ("data/approvers/design.signatures.jsonl", 0, EVERY - {"design/1"}),  # the time is the signer's word alone
    ],
)
def test_what_changed_is_recomputed_from_its_epoch_on(root: Path, path: str, ends: int, same: set[str]) -> None:
    data = (root / path).read_bytes()
    (root / path).write_bytes(data.replace(b"2026", b"2027", 1))
    code, said = run(root)
    assert (code, known(said)) == (ends, same)
    again, said = run(root)
    assert again == ends
    if "/epochs/" in path:  # what failed is not learned
        scope, number = path.split("/")[2:4]
        assert f"{scope}/{int(number)}" not in known(said)


def test_an_id_that_a_known_epoch_holds_is_still_told(root: Path) -> None:
    first, other = (root / f"data/epochs/{scope}/0001/activity.jsonl" for scope in ("default", "design"))
    line = json.loads(first.read_bytes().split(b"\n")[0])
    other.write_bytes(other.read_bytes() + encode({**line, "scope_id": "design"}) + b"\n")
    code, said = run(root)
    assert (code, known(said)) == (1, EVERY - {"design/1"})
    assert any("is in another epoch too: data/epochs/default/0001" in line for line in said)


def test_another_version_of_the_tool_believes_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "__version__", "9.9.9")
    assert known(run(root)[1]) == set()


@pytest.mark.parametrize("data", [b"", b"[]", b'{"format":"other","epochs":{}}', b"[" * 100_000])
def test_a_file_that_is_none_of_ours_is_refused_and_left(root: Path, data: bytes) -> None:
    file = root.parent / "mine.known"
    file.write_bytes(data)
    answer = CliRunner().invoke(ledger, ["verify", "--node", str(root), "--known", str(file)], standalone_mode=False)
    assert "is no file of `ledger verify --known`" in str(answer.exception)
    assert file.read_bytes() == data
