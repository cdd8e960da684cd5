"""Branches against a real remote: main with one folder over it, races told, nothing forced, foreign changes seen."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ledger.core.errors import LedgerError, SourceError, StateError
from ledger.core.place import Place, parse_branch
from ledger.core.values import parse_time
from ledger.flows.collect import collect
from ledger.forge.clone import Clone, LostRace
from ledger.forge.epoch import EpochBranch, Run
from ledger.store.layout import scope_logs
from tests.forge.support import REVIEW_TIME, forge_node

NOW = parse_time(REVIEW_TIME)
FOLDER = "data/epochs/default/0001"
LOGS = scope_logs("default")


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=someone", "-c", "user.email=someone@example.org"]
    return subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A clone of a bare remote whose main holds a node with nothing collected."""
    root = forge_node(tmp_path / "node")
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", "A node")
    git(tmp_path, "clone", "--quiet", "--bare", str(root), "remote.git")
    git(tmp_path, "clone", "--quiet", str(tmp_path / "remote.git"), "checkout")
    return tmp_path / "checkout"


def started(checkout: Path) -> tuple[Clone, str]:
    """The clone with the first epoch collected and pushed to its branch."""
    clone = Clone(checkout, os.environ)
    clone.fetch()
    with clone.workspace() as work:
        epoch = EpochBranch(run(checkout), work, "default")
        collect(epoch.session, "default")
        commit = clone.commit(work, (FOLDER, *LOGS), None, "Epoch default/1: review", NOW)
        epoch.session.close()
    clone.push_branch(commit, "epoch/default/1", None)
    clone.fetch()
    return clone, commit


def run(checkout: Path) -> Run:
    return Run(checkout, None, NOW, os.environ, lambda _: None)  # type: ignore[arg-type]


def by_hand(checkout: Path, change: str, message: str = "by hand", *, force: bool = False) -> str:
    """Somebody pushes a change of his own to the epoch's branch; returns the commit."""
    git(checkout, "fetch", "--quiet", "origin", "epoch/default/1")
    git(checkout, "checkout", "--quiet", "--detach", "FETCH_HEAD")
    subprocess.run(["sh", "-ec", change], cwd=checkout, check=True)
    git(checkout, "add", "--all", "--force")
    git(checkout, "commit", "--quiet", "-m", message)
    git(checkout, "push", "--quiet", *(["--force"] if force else []), "origin", "HEAD:refs/heads/epoch/default/1")
    commit = git(checkout, "rev-parse", "HEAD")
    git(checkout, "checkout", "--quiet", "main")
    return commit


@pytest.mark.parametrize("name", ["epoch/default/1", "epoch/my-scope/120", "amend/default/3/2", "amend/my-scope/9/99"])
def test_the_name_of_a_branch_is_that_of_its_epoch(name: str) -> None:
    place = parse_branch(name)
    assert place is not None and place.branch == name


@pytest.mark.parametrize(
    "name",
    [
        "epoch/default/0",
        "epoch/default/01",
        "epoch/default/١",
        "epoch/../1",
        "epoch/A/1",
        "epoch/default/1\n",
        "amend/default/1",
        "amend/default/1/1",
        "amend/default/1/02",
        "amend/default/1/100",
        "main",
        "x/epoch/default/1",
    ],
)
def test_any_other_branch_is_that_of_no_epoch(name: str) -> None:
    assert parse_branch(name) is None


def test_a_branch_is_main_with_one_folder_over_it(checkout: Path) -> None:
    clone, commit = started(checkout)
    changed = git(checkout, "diff", "--name-only", "origin/main", commit).splitlines()
    assert changed and all(path.startswith(FOLDER + "/") or path in LOGS for path in changed)
    assert clone.branches() == {Place("default", 1): commit}
    assert git(checkout, "status", "--porcelain") == "", "the checkout itself is left alone"
    assert git(checkout, "worktree", "list").count("\n") == 0, "and no working tree is left behind"


def test_committing_the_same_again_makes_no_commit(checkout: Path) -> None:
    clone, commit = started(checkout)
    with clone.workspace() as work:
        clone.lay(work.top, FOLDER, commit, LOGS)
        assert clone.commit(work, (FOLDER, *LOGS), commit, "again", NOW) == commit


def test_when_main_moves_the_branch_takes_it_in_and_keeps_its_folder(checkout: Path) -> None:
    clone, commit = started(checkout)
    (checkout / "README.md").write_text("moved\n", "utf-8")
    git(checkout, "commit", "--quiet", "-am", "Main moves")
    git(checkout, "push", "--quiet", "origin", "main")
    clone.fetch()
    with clone.workspace() as work:
        clone.lay(work.top, FOLDER, commit, LOGS)
        rebuilt = clone.commit(work, (FOLDER, *LOGS), commit, "Epoch default/1: review", NOW)
    clone.push_branch(rebuilt, "epoch/default/1", commit)
    assert git(checkout, "rev-parse", f"{rebuilt}^1", f"{rebuilt}^2").splitlines() == [commit, clone.main()]
    assert git(checkout, "diff", "--name-only", commit, rebuilt) == "README.md"
    with clone.workspace() as work:
        epoch = EpochBranch(run(checkout), work, "default")
        assert epoch.tampered(rebuilt) == []


def test_a_lost_race_is_told_and_loses_nothing(checkout: Path) -> None:
    clone, commit = started(checkout)
    with clone.workspace() as work:
        clone.lay(work.top, FOLDER, commit, LOGS)
        (work.root / FOLDER / "curation.jsonl").write_text("x\n", "utf-8")
        mine = clone.commit(work, (FOLDER, *LOGS), commit, "mine", NOW)
    theirs = by_hand(checkout, f"echo >> {FOLDER}/activity.jsonl")
    with pytest.raises(LostRace):
        clone.push_branch(mine, "epoch/default/1", commit)
    clone.fetch()
    assert clone.branches() == {Place("default", 1): theirs}


def test_a_branch_that_exists_is_not_made_anew(checkout: Path) -> None:
    clone, commit = started(checkout)
    with pytest.raises(LostRace):
        clone.push_branch(clone.main(), "epoch/default/1", None)
    assert clone.branches() == {Place("default", 1): commit}


def test_a_branch_that_moved_is_not_deleted(checkout: Path) -> None:
    clone, commit = started(checkout)
    theirs = by_hand(checkout, "echo y > y")
    clone.delete("epoch/default/1", commit)
    clone.fetch()
    assert clone.branches() == {Place("default", 1): theirs}
    clone.delete("epoch/default/1", theirs)
    clone.fetch()
    assert clone.branches() == {}


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (f"sed -i 1d {FOLDER}/activity.jsonl", "ACTIVITY_APPEND_ONLY"),
        (f"sed -i s/First/Worst/ {FOLDER}/activity.jsonl", "ACTIVITY_APPEND_ONLY"),
        ("echo evil >> README.md", "WRITES_VIA_WORKFLOW"),
        ("mkdir -p .github/workflows; echo evil > .github/workflows/evil.yml", "WRITES_VIA_WORKFLOW"),
        (f"ln -s /etc/passwd {FOLDER}/statement", "WRITES_VIA_WORKFLOW"),
        (f"chmod +x {FOLDER}/epoch.json", "WRITES_VIA_WORKFLOW"),
        ("sed -i s/threshold:.*/threshold:\\ 1/ scopes/default.yaml", "WRITES_VIA_WORKFLOW"),
        (f"git mv {FOLDER}/activity.jsonl {FOLDER}/activity-0002.jsonl", "ACTIVITY_APPEND_ONLY"),
    ],
)
def test_what_was_done_to_a_branch_by_hand_is_seen_in_its_history(checkout: Path, change: str, rule: str) -> None:
    clone, _ = started(checkout)
    theirs = by_hand(checkout, change)
    clone.fetch()
    with clone.workspace() as work:
        epoch = EpochBranch(run(checkout), work, "default")
        assert rule in {finding.rule for finding in epoch.tampered(theirs)}


def test_undoing_it_in_a_later_commit_does_not_hide_it(checkout: Path) -> None:
    clone, commit = started(checkout)
    by_hand(checkout, f"sed -i 1d {FOLDER}/activity.jsonl")
    theirs = by_hand(checkout, f"git checkout {commit} -- {FOLDER}")
    clone.fetch()
    with clone.workspace() as work:
        epoch = EpochBranch(run(checkout), work, "default")
        assert "ACTIVITY_APPEND_ONLY" in {finding.rule for finding in epoch.tampered(theirs)}


def test_a_merge_of_something_else_than_main_is_seen(checkout: Path) -> None:
    clone, commit = started(checkout)
    git(checkout, "checkout", "--quiet", "-b", "side", "origin/main")
    (checkout / "evil").write_text("evil\n", "utf-8")
    git(checkout, "add", "evil")
    git(checkout, "commit", "--quiet", "-m", "side")
    git(checkout, "checkout", "--quiet", "--detach", commit)
    git(checkout, "merge", "--quiet", "--no-ff", "-m", "merge", "side")
    theirs = git(checkout, "rev-parse", "HEAD")
    git(checkout, "push", "--quiet", "origin", f"{theirs}:refs/heads/epoch/default/1")
    git(checkout, "checkout", "--quiet", "main")
    clone.fetch()
    with clone.workspace() as work:
        epoch = EpochBranch(run(checkout), work, "default")
        assert [finding.message for finding in epoch.tampered(theirs)] == ["the branch took in what is not main's"]


def test_unsigned_data_on_main_stops_the_scope(checkout: Path) -> None:
    clone, commit = started(checkout)
    git(checkout, "push", "--quiet", "origin", f"{commit}:refs/heads/main")
    clone.fetch()
    with clone.workspace() as work, pytest.raises(StateError, match="unsigned data was merged"):
        EpochBranch(run(checkout), work, "default")


def test_no_remote_is_an_error_in_words(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "lonely")
    with pytest.raises(SourceError, match="git fetch failed"):
        Clone(tmp_path / "lonely", os.environ).fetch()
    with pytest.raises(LedgerError):
        Clone(tmp_path, os.environ)


def test_the_token_reaches_git_by_a_header_and_never_as_an_argument(checkout: Path) -> None:
    environ = {**os.environ, "GITHUB_SERVER_URL": "https://github.com", "GITHUB_TOKEN": "ghs_secret"}
    clone = Clone(checkout, environ)
    shown = subprocess.run(
        ["git", "config", "--get-all", "http.https://github.com/.extraheader"],
        env=clone._environ,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    assert shown.startswith("AUTHORIZATION: basic ") and "ghs_secret" not in shown
