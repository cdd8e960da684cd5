"""What verify says of a node that is odd rather than wrong, and how briefly it says what is wrong throughout."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from ledger.cli.app import ledger
from ledger.core.bounds import FINDINGS, FINDINGS_SHOWN, SHARD_LINES
from ledger.core.canonical import encode
from ledger.core.errors import LedgerError
from ledger.core.findings import MORE, Findings
from ledger.flows.collect import collect
from ledger.flows.session import open_session
from ledger.flows.verify import verify
from ledger.store.files import write_file
from tests.nodes import NOW, at, golden_copy, make_node

EPOCH = "data/epochs/default/0003"


def told(root: Path) -> list[str]:
    return CliRunner().invoke(ledger, ["verify", "--node", str(root)], standalone_mode=False).output.splitlines()


def test_a_log_of_empty_lines_is_told_briefly(tmp_path: Path) -> None:
    root = golden_copy(tmp_path)
    with (root / EPOCH / "activity.jsonl").open("ab") as log:
        log.write(b"\n" * 20_000)
    result = verify(open_session(root, NOW, environ={}))
    found = [finding for finding in result.all_findings if finding.path == f"{EPOCH}/activity.jsonl"]
    assert FINDINGS < len(found) < FINDINGS + 10
    assert MORE in {finding.message for finding in found}
    said = told(root)
    assert sum("blank line" in line for line in said) == FINDINGS_SHOWN
    assert any(f"and {FINDINGS + 1 - FINDINGS_SHOWN} more" in line for line in said)


def test_more_lines_than_events_could_fill_are_not_looked_at_one_by_one(tmp_path: Path) -> None:
    root = golden_copy(tmp_path)
    with (root / EPOCH / "activity.jsonl").open("ab") as log:
        log.write(b"\n" * SHARD_LINES)
    found = verify(open_session(root, NOW, environ={}), "default", 3).all_findings
    assert any(f"at most {SHARD_LINES} are read" in finding.message for finding in found)
    assert sum(finding.path == f"{EPOCH}/activity.jsonl" for finding in found) == 1


def test_many_signatures_that_are_none_are_told_briefly(tmp_path: Path) -> None:
    root = golden_copy(tmp_path)
    log = root / EPOCH / "signatures.jsonl"
    line = json.loads(log.read_bytes().split(b"\n")[0])
    junk = [encode({**line, "signature": f"0x{number:064x}{1:064x}1b"}) + b"\n" for number in range(1, 3 * FINDINGS)]
    log.write_bytes(log.read_bytes() + b"".join(junk))
    found = Counter(finding.rule for finding in verify(open_session(root, NOW, environ={}), "default", 3).all_findings)
    assert max(found.values()) == FINDINGS + 1


def test_the_same_finding_is_told_once(tmp_path: Path) -> None:
    root = golden_copy(tmp_path)
    (root / EPOCH / "pool.jsonl").write_bytes(b"{\n")
    found = verify(open_session(root, NOW, environ={}), "default", 3).all_findings
    assert list(Findings(found)) == found


@pytest.mark.parametrize("left", [(".epoch.json.tmp",), ("epoch.json",), ("epoch.json", ".transitions.jsonl.tmp")])
def test_what_a_killed_opening_leaves_is_no_difference(tmp_path: Path, left: tuple[str, ...]) -> None:
    root = make_node(tmp_path / "node")
    with at(root, "2026-01-06T00:00:00Z") as session:
        collect(session)
        folder = session.node.root / session.node.epoch("default", 1).relative
        for name in {path.name for path in folder.iterdir()} - {"epoch.json"}:
            (folder / name).unlink()
        for name in left:
            (folder / "epoch.json").rename(folder / name) if len(left) == 1 else (folder / name).touch()
        assert verify(session).ok


def test_a_folder_that_no_killed_opening_leaves_is_looked_at(tmp_path: Path) -> None:
    root = golden_copy(tmp_path)
    (root / "data/epochs/default/0004").mkdir(exist_ok=True)
    (root / "data/epochs/default/0004/epoch.json").write_bytes(b"garbage\n")
    found = verify(open_session(root, NOW, environ={})).all_findings
    assert "data/epochs/default/0004/epoch.json" in {finding.path for finding in found}


@pytest.mark.parametrize("asked", [(None, None), ("default", None), ("default", 2)], ids=str)
def test_an_id_of_another_epoch_is_found_whichever_epoch_is_asked_for(
    tmp_path: Path, asked: tuple[str | None, int | None]
) -> None:
    root = golden_copy(tmp_path)
    first, second = (root / f"data/epochs/default/000{number}/activity.jsonl" for number in (1, 2))
    second.write_bytes(second.read_bytes() + first.read_bytes().split(b"\n")[0] + b"\n")
    found = verify(open_session(root, NOW, environ={}), *asked).all_findings
    where = [finding for finding in found if finding.rule == "ACTIVITY_IDEMPOTENT"]
    assert any("data/epochs/default/0001" in finding.message for finding in where), found


def test_ids_of_another_scope_are_looked_at_too(tmp_path: Path) -> None:
    root = golden_copy(tmp_path)
    first, other = (root / f"data/epochs/{scope}/0001/activity.jsonl" for scope in ("default", "design"))
    line = json.loads(first.read_bytes().split(b"\n")[0])
    other.write_bytes(other.read_bytes() + encode({**line, "scope_id": "design"}) + b"\n")
    found = verify(open_session(root, NOW, environ={}), "design", 1).all_findings
    assert any(finding.rule == "ACTIVITY_IDEMPOTENT" for finding in found), found


def test_other_epochs_whose_ids_cannot_be_read_are_no_pass(tmp_path: Path) -> None:
    root = golden_copy(tmp_path)
    (root / "data/epochs/default/0001/activity-0003.jsonl").write_bytes(b"{}\n")
    found = verify(open_session(root, NOW, environ={}), "default", 3).all_findings
    assert [finding.rule for finding in found] == ["ACTIVITY_IDEMPOTENT", "ACTIVITY_APPEND_ONLY"]


def test_a_node_without_its_data_is_not_verified(tmp_path: Path) -> None:
    root = golden_copy(tmp_path)
    shutil.rmtree(root / "data")
    with pytest.raises(LedgerError, match="no folder data/"):
        verify(open_session(root, NOW, environ={}))
    (root / "data").write_bytes(b"")
    with pytest.raises(LedgerError, match="is not a folder"):
        open_session(root, NOW, environ={})


def test_a_node_whose_scopes_are_gone_is_told_as_such(tmp_path: Path) -> None:
    root = golden_copy(tmp_path)
    shutil.rmtree(root / "scopes")
    said = told(root)
    assert "there is no scopes/default.yaml" in "\n".join(said)
    assert said[-1].startswith("DIFFERENT: no epoch")


def test_a_full_disk_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device.*pool\.jsonl"):
        write_file(tmp_path, f"{EPOCH}/pool.jsonl", b"{}\n")


def test_a_step_to_review_that_was_cut_off_before_its_statement_is_told_as_that(tmp_path: Path) -> None:
    root = make_node(tmp_path)
    with at(root, "2026-01-14T00:00:00Z", "ann") as session:
        collect(session)
        statement = root / session.node.epoch("default", 1).path("statement.json")
    statement.unlink()
    with at(root, "2026-01-14T00:00:00Z", "ann") as session:
        messages = [finding.message for finding in verify(session).all_findings]
    assert any("was cut off (`ledger review` completes it)" in message for message in messages), messages


@pytest.mark.parametrize(
    "path",
    [
        "data/epochs/nobody",
        "data/approvers/nobody.jsonl",
        "data/approvers/nobody.signatures.jsonl",
        "data/log/nobody.jsonl",
        "data/distributions/nobody/0001/settlements.jsonl",
        "data/opening/nobody.jsonl",
        "data/opening/nobody.signatures.jsonl",
        "data/opening/nobody.csv.json",
    ],
)
def test_what_is_of_a_scope_that_does_not_exist_is_named(tmp_path: Path, path: str) -> None:
    root = golden_copy(tmp_path)
    file = root / path if "." in path else root / path / "0001/epoch.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"")
    found = verify(open_session(root, NOW, environ={})).all_findings
    assert ("SCOPE_VALIDATED", path) in {(finding.rule, finding.path) for finding in found}
