"""Commands as processes: a reader that leaves, a full disk behind stdout, a narrow encoding, a missing git."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.flows.collect import collect
from ledger.flows.identity import bind
from tests.nodes import at, make_node

NAME = "漢字 Żółw"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    node = make_node(tmp_path_factory.mktemp("terminal"))
    with at(node, "2026-01-06T00:00:00Z", "ann") as session:
        bind(session, "file", "alice", login=NAME, actor="ann")
        collect(session)
    return node


def started(*words: object, **environ: str) -> subprocess.Popen[str]:
    """`ledger` with these words, its output in pipes."""
    code = "import sys; from ledger.cli import main; sys.argv[0] = 'ledger'; sys.exit(main())"
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="latin-1",
        env={**os.environ, **environ},
    )


@pytest.mark.parametrize("more", [(), ("--json",)], ids=["text", "json"])
def test_a_reader_that_leaves_is_not_told_as_a_difference(root: Path, more: tuple[str, ...]) -> None:
    process = started("verify", "--node", root, *more)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 141
    assert "Traceback" not in said and "error" not in said


@pytest.mark.parametrize("more", [(), ("--json",)], ids=["text", "json"])
def test_output_that_cannot_be_written_is_told_in_words(root: Path, more: tuple[str, ...]) -> None:
    code = "import sys; from ledger.cli import main; sys.argv[0] = 'ledger'; sys.exit(main())"
    command = [sys.executable, "-c", code, "verify", "--node", str(root), *more]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 3
    assert "No space left on device" in done.stderr and "Traceback" not in done.stderr


def test_a_name_that_the_terminals_encoding_lacks_is_shown_as_code_points(root: Path) -> None:
    out, said = started("identity", "list", "--node", root, PYTHONIOENCODING="latin-1").communicate()
    assert "\\u6f22\\u5b57 \\u017b\xf3\\u0142w" in out
    assert said == ""


def test_a_machine_without_git_is_told_what_to_install(root: Path, tmp_path: Path) -> None:
    out, said = started("guard", "--base", "HEAD", "--node", root, PATH=str(tmp_path)).communicate()
    assert out == ""
    assert "git could not be started" in said and "Install git" in said


def test_links_that_lead_in_a_circle_are_told_in_words(root: Path, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    said = started("witness", "--against", tmp_path / "loop", "--node", root).communicate()[1]
    assert str(tmp_path / "loop") in said and "internal error" not in said


@pytest.mark.parametrize(
    ("data", "words"), [(b"\xff\xfe{\0", "no text in UTF-8"), (b"\n \n", "holds no signed act"), (b"{}\n", "offer")]
)
def test_a_file_that_holds_no_acts_on_receipts_is_named(root: Path, tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "offer").write_bytes(data)
    process = started("receipt", "add", tmp_path / "offer", "--node", root)
    said = process.communicate()[1]
    assert process.returncode == 3
    assert words in said and str(tmp_path / "offer") in said and "internal error" not in said


def test_people_are_named_as_the_lists_name_them(root: Path) -> None:
    node = ("--node", root, "--now", "2026-01-07", "--actor", "ann")
    assert started("override", f"@{NAME}", "7000", "--reason", "agreed", *node).wait() == 0
    assert started("award", "give", NAME, "5", "--reason", "agreed", *node).wait() == 0
    assert started("curate", "resolve", "file:work:a1", "--user", f"@{NAME}", *node).wait() == 0
    process = started("award", "give", "@nobody", "5", "--reason", "agreed", *node)
    assert "no user is named '@nobody'" in process.communicate()[1]
    assert process.returncode == 3
