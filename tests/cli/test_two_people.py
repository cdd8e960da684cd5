"""Two clones decided on the same epoch, and git joined their logs: what is said, and that it leads back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ledger.cli.app import ledger
from ledger.core.canonical import JOINED
from ledger.core.errors import FormatError
from ledger.flows.collect import collect
from ledger.store.epochfolder import EpochFolder
from tests.nodes import at, make_node


@pytest.fixture
def root(tmp_path: Path) -> Path:
    found = make_node(tmp_path / "node")
    with at(found, "2026-01-07T00:00:00Z", "ann") as session:
        collect(session)
    return found


def said(root: Path, *words: str) -> Result:
    line = [*words, "--node", str(root), "--now", "2026-01-07T01:00:00Z", "--actor", "ann", "--reason", "agreed"]
    return CliRunner().invoke(ledger, line, standalone_mode=False)


@pytest.mark.parametrize("joined", ["<<<<<<< HEAD\n{0}=======\n{0}>>>>>>> theirs\n", "{0}{0}"])
def test_two_ends_of_a_log_that_were_joined_are_told_with_the_way_back(root: Path, joined: str) -> None:
    assert said(root, "curate", "exclude", "file:work:a1").exit_code == 0
    with at(root, "2026-01-07T02:00:00Z", "ann") as session:
        folder: EpochFolder = session.folder("default", 1)
        path = root / folder.path("curation.jsonl")
        path.write_text(joined.format(path.read_text("utf-8")), "utf-8")
        with pytest.raises(FormatError) as caught:
            folder.curation()
    assert caught.value.hint == JOINED
    assert "## Two people decided at once" in (Path(__file__).parents[2] / "docs/runbooks.md").read_text("utf-8")


def test_a_number_that_means_milli_units_is_told_in_units_too(root: Path) -> None:
    done = said(root, "curate", "weight", "file:work:a1", "6")
    assert json.loads(done.stdout)["weight_override_milli"] == 6
    assert "6 milli-units: 0.006 units" in done.stderr
