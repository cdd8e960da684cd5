"""What guard refuses and what it lets through, on real git repositories."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.core.errors import InputError, UsageError
from ledger.flows.collect import collect
from ledger.flows.decide import curate
from ledger.flows.identity import bind
from ledger.flows.sign import finalize
from ledger.store.guard import guard
from tests.nodes import ROWS, at, sign_as
from tests.store.repositories import FIRST, SECOND, commit, edit, git, rules


def test_what_the_ledgers_own_commands_do_is_allowed_step_by_step(root: Path) -> None:
    base = git(root, "rev-parse", "HEAD").strip()
    with at(root, "2026-01-15T00:00:00Z", "ann") as session:
        collect(session)
        curate(session, session.node.epoch("default", 2), "exclude", "file:work:a2", note="no")
        bind(session, "file", "bob", login="bob", actor="ann")
    assert guard(root, "HEAD") == []
    with at(root, "2026-01-20T00:00:00Z") as session:
        collect(session)
    assert guard(root, "HEAD") == []
    head = commit(root)
    with at(root, "2026-01-20T01:00:00Z") as session:
        folder = session.node.epoch("default", 2)
        sign_as(session, folder, "ann", "ben")
        finalize(session, folder)
    assert guard(root, head) == []
    assert guard(root, base, commit(root)) == []


def test_a_new_node_is_allowed_from_an_empty_repository(root: Path) -> None:
    tree = git(root, "hash-object", "-t", "tree", "-w", os.devnull).strip()
    assert guard(root, git(root, "commit-tree", tree, "-m", "empty").strip()) == []


@pytest.mark.parametrize(
    ("path", "change", "rule"),
    [
        (f"{FIRST}/activity.jsonl", lambda data: data.replace(b"First", b"Wrong"), "CURATION_FREEZE_ON_FINALIZE"),
        (f"{FIRST}/curation.jsonl", lambda _: b"{}\n", "CURATION_FREEZE_ON_FINALIZE"),
        (f"{SECOND}/activity.jsonl", lambda data: data.replace(b"Next", b"Last"), "ACTIVITY_APPEND_ONLY"),
        (f"{SECOND}/activity.jsonl", lambda _: b"", "ACTIVITY_APPEND_ONLY"),
        (f"{SECOND}/activity.jsonl", lambda data: data + data, "ACTIVITY_IDEMPOTENT"),
        (f"{SECOND}/activity.jsonl", lambda data: data + b"{}", "WRITES_VIA_WORKFLOW"),
        (f"{SECOND}/activity-0003.jsonl", lambda _: b"", "ACTIVITY_APPEND_ONLY"),
        (f"{SECOND}/epoch.json", lambda data: data.replace(b"1000", b"9000"), "ACTIVITY_APPEND_ONLY"),
        (f"{SECOND}/transitions.jsonl", lambda data: data + data, "EPOCH_THREE_PHASE"),
        ("data/identities.jsonl", lambda data: data.replace(b"alice", b"mally"), "ACTIVITY_APPEND_ONLY"),
        ("data/identities.jsonl", lambda data: data + data, "WRITES_VIA_WORKFLOW"),
        (f"{SECOND}/.gitattributes", lambda _: b"* text\n", "WRITES_VIA_WORKFLOW"),
        (f"{SECOND}/Statement.json", lambda _: b"{}\n", "WRITES_VIA_WORKFLOW"),
        ("data/epochs/default/٠٠٠٣/epoch.json", lambda _: b"{}\n", "WRITES_VIA_WORKFLOW"),
        ("data/epochs/default/0004/epoch.json", lambda _: b"{}\n", "EPOCH_WINDOW_UNIQUE"),
        ("data/epochs/nobody/0001/epoch.json", lambda _: b"{}\n", "SCOPE_VALIDATED"),
        ("data/notes.txt", lambda _: b"hi\n", "WRITES_VIA_WORKFLOW"),
        (".gitattributes", lambda _: b"* text=auto\n", "WRITES_VIA_WORKFLOW"),
        ("ledger.yaml", lambda data: data.replace(b"length: 7", b"length: 14"), "EPOCH_WINDOW_UNIQUE"),
        ("ledger.yaml", lambda data: data.replace(b"1111-4111", b"2222-4222"), "NODE_SCOPED"),
        ("scopes/default.yaml", lambda data: data + b"surprise: 1\n", "WRITES_VIA_WORKFLOW"),
        ("weights/default.yaml", lambda data: data.replace(b"authored: 1000", b"authored: 1.5"), "WRITES_VIA_WORKFLOW"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_change_that_the_log_does_not_allow_is_refused(
    root: Path, path: str, change: Callable[[bytes], bytes], rule: str
) -> None:
    edit(root, path, change)
    assert rule in rules(root)
    commit(root)
    assert rule in rules(root, "HEAD~1", head="HEAD")


def test_a_rewritten_line_is_named_with_its_number(root: Path) -> None:
    with at(root, "2026-01-15T00:00:00Z") as session:
        (root / "work.csv").write_text(
            ROWS + "x9,2026-01-14T00:00:00Z,design,bob,bob,https://example.org/9,More\n", "utf-8"
        )
        collect(session)
    base = commit(root)
    edit(root, f"{SECOND}/activity.jsonl", lambda data: data.replace(b'"title":"More"', b'"title":"Less"'))
    found = next(finding for finding in guard(root, base) if finding.path == f"{SECOND}/activity.jsonl")
    assert (found.rule, found.line) == ("ACTIVITY_APPEND_ONLY", 2)


def test_links_programs_and_deletions_are_refused(root: Path) -> None:
    log = root / f"{SECOND}/activity.jsonl"
    data = log.read_bytes()
    log.chmod(0o755)
    assert "WRITES_VIA_WORKFLOW" in rules(root)
    log.unlink()
    assert "ACTIVITY_APPEND_ONLY" in rules(root)
    (root / "elsewhere").write_bytes(data)
    log.symlink_to(root / "elsewhere")
    assert "WRITES_VIA_WORKFLOW" in rules(root)
    commit(root)
    assert "WRITES_VIA_WORKFLOW" in rules(root, "HEAD~1", head="HEAD")


def test_an_epochs_branch_may_touch_nothing_but_its_folder(root: Path) -> None:
    with at(root, "2026-01-15T00:00:00Z", "ann") as session:
        curate(session, session.node.epoch("default", 2), "exclude", "file:work:a2", note="no")
    assert guard(root, "HEAD", epoch_branch=("default", 2)) == []
    (root / "README.md").write_text("changed", "utf-8")
    assert [finding.path for finding in guard(root, "HEAD", epoch_branch=("default", 2))] == ["README.md"]
    assert guard(root, "HEAD") == []


def test_finalizing_without_enough_people_is_refused(root: Path) -> None:
    with at(root, "2026-01-20T00:00:00Z") as session:
        collect(session)
    base = commit(root)
    with at(root, "2026-01-20T01:00:00Z") as session:
        folder = session.node.epoch("default", 2)
        sign_as(session, folder, "ann", "ben")
        finalize(session, folder)
    edit(root, f"{SECOND}/signatures.jsonl", lambda data: data.split(b"\n")[0] + b"\n")
    assert "APPROVERS_PER_SCOPE" in rules(root, base)


def test_nothing_new_enters_an_epoch_in_review(root: Path) -> None:
    with at(root, "2026-01-20T00:00:00Z") as session:
        collect(session)
    base = commit(root)
    later = b'"ingested_at":"2026-01-21T00:00:00.000Z"'
    edit(root, f"{SECOND}/activity.jsonl", lambda data: data + re.sub(rb'"ingested_at":"[^"]*"', later, data))
    found = rules(root, base)
    assert {"INGESTION_CLOSED_ON_REVIEW", "ACTIVITY_IDEMPOTENT"} <= found


def test_a_decision_by_someone_without_a_say_is_refused(root: Path) -> None:
    with at(root, "2026-01-15T00:00:00Z", "ann") as session:
        curate(session, session.node.epoch("default", 2), "exclude", "file:work:a2", note="no")
    edit(root, f"{SECOND}/curation.jsonl", lambda data: data.replace(b'"actor":"ann"', b'"actor":"eve"'))
    assert rules(root) == {"APPROVERS_PER_SCOPE"}


def test_a_hostile_repository_setting_changes_no_verdict(root: Path) -> None:
    for name, value in (("core.quotePath", "true"), ("core.autocrlf", "true"), ("diff.external", "/bin/false")):
        git(root, "config", name, value)
    assert guard(root, "HEAD") == []
    edit(root, f"{FIRST}/pool.jsonl", lambda data: data + b"\n")
    assert rules(root) == {"CURATION_FREEZE_ON_FINALIZE"}


def test_a_revision_that_does_not_exist_or_looks_like_an_option_is_an_error(root: Path) -> None:
    with pytest.raises(InputError):
        guard(root, "no-such-branch")
    with pytest.raises(UsageError):
        guard(root, "--all")


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_changed_byte_of_an_old_line_gets_through(root: Path, data: st.DataObject) -> None:
    logs = sorted(path for path in (root / SECOND).glob("*.jsonl") if path.stat().st_size)
    log = data.draw(st.sampled_from([*logs, root / "data/identities.jsonl"]))
    before = log.read_bytes()
    at = data.draw(st.integers(0, len(before) - 1))
    kind = data.draw(st.sampled_from(["flip", "drop", "add"]))
    changed = {
        "flip": before[:at] + bytes([before[at] ^ data.draw(st.integers(1, 255))]) + before[at + 1 :],
        "drop": before[:at] + before[at + 1 :],
        "add": before[:at] + bytes([data.draw(st.integers(0, 255))]) + before[at:],
    }[kind]
    if changed.startswith(before):
        return
    log.write_bytes(changed)
    try:
        assert log.relative_to(root).as_posix() in {finding.path for finding in guard(root, "HEAD")}
    finally:
        log.write_bytes(before)


@pytest.mark.parametrize("where", ["one\nnode", 'top/"q\\"\n', "top/a:b"])
def test_a_node_whose_path_has_odd_marks_is_guarded_as_any(root: Path, tmp_path: Path, where: str) -> None:
    """The marks stand in the repository's own path, or in the node's place inside it."""
    place = tmp_path / where
    if where.startswith("top/"):
        shutil.rmtree(root / ".git")
        place.parent.mkdir()
        git(place.parent, "init", "--quiet")
    shutil.move(root, place)
    commit(place)
    edit(place, "data/identities.jsonl", lambda data: data + data)
    edit(place, ".gitattributes", lambda data: data + b"# more\n")
    assert {found.path for found in guard(place, "HEAD")} == {"data/identities.jsonl"}
    edit(place, "data/identities.jsonl", lambda data: data[: len(data) // 2])
    assert guard(place, "HEAD") == []
    edit(place, ".gitattributes", lambda _: b"* text=auto\n")
    assert {found.path for found in guard(place, "HEAD")} == {".gitattributes"}
    commit(place)
    assert {found.path for found in guard(place, "HEAD~1", "HEAD")} == {".gitattributes"}
