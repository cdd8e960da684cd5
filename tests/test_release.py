"""What a release would be: the same bytes from the same commit, and a wheel that needs nothing of the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.nodes import GOLDEN

ROOT = Path(__file__).resolve().parents[1]


def built(place: Path, source: Path = ROOT) -> dict[str, bytes]:
    """Wheel and source package by name, as `make dist` builds them."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / "hatchling"), "build", "-d", str(place)],
        cwd=source,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1767571200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {path.name: path.read_bytes() for path in place.iterdir()}


def test_a_release_builds_twice_to_the_same_bytes_and_its_wheel_alone_verifies_the_example(tmp_path: Path) -> None:
    first = built(tmp_path / "first")
    assert sorted(name.rpartition(".")[2] for name in first) == ["gz", "whl"]
    assert built(tmp_path / "second") == first
    (wheel,) = (tmp_path / "first").glob("*.whl")
    place = tmp_path / "installed"
    shutil.unpack_archive(wheel, place, "zip")
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from ledger.cli import main; sys.exit(main())"
    command = [sys.executable, "-I", "-c", code, str(place), "verify", "--node", str(GOLDEN), "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    where = subprocess.run(
        [
            sys.executable,
            "-I",
            "-c",
            f"import sys; sys.path.insert(0, {str(place)!r}); import ledger; print(ledger.__file__)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(where.stdout.strip()).is_relative_to(place), "the checkout's own files were looked at"


@pytest.mark.parametrize(("tag", "says"), [("v9.9.9", "is not v9.9.9"), ("0.1.0", "is not 0.1.0")])
def test_a_tag_that_is_not_the_version_is_no_release(tag: str, says: str) -> None:
    done = subprocess.run(
        ["make", "--silent", "release-check", f"TAG={tag}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0 and says in done.stderr
