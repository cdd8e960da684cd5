"""What a clone of main shows of epochs that lie on branches: everything that reads finds them, and writes nothing."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.core.place import Place
from ledger.flows.amend import begin
from ledger.flows.collect import collect
from ledger.flows.elsewhere import everywhere
from tests.cli.test_commands import run as run  # the fixture
from tests.nodes import at, digest, make_node
from tests.paying.world import owed_node


def git(root: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=ann", "-c", "user.email=ann@example.org")
    done = subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of main; its remote holds the first epoch in review on `epoch/default/1`."""
    root = make_node(tmp_path / "node")
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "--all")
    git(root, "commit", "-qm", "A node")
    git(root, "checkout", "-q", "-b", "epoch/default/1")
    with at(root, "2026-01-13T06:00:00Z") as session:
        collect(session, "default")
    git(root, "add", "--all")
    git(root, "commit", "-qm", "Epoch 1")
    git(root, "checkout", "-q", "main")
    git(tmp_path, "clone", "-q", str(root), "clone")
    return tmp_path / "clone"


def test_every_command_that_reads_finds_the_epoch_on_its_branch(clone: Path, run: Callable[..., Any]) -> None:
    before = digest(clone)
    at_ = ("--node", clone, "--now", "2026-01-13T12:00:00Z")
    assert run("status", *at_, "--json").json["epochs"][0]["state"] == "review"
    said = run("status", *at_)
    assert "ledger sign" in said.out and "origin/epoch/default/1" in said.err
    assert run("show", "epoch", *at_, "--json").json["state"] == "review"
    assert run("show", "event", "file:work:a1", *at_).code == 0
    assert run("statement", "--message", *at_).out.count("\nEpoch: 1\n") == 1
    accounts = [row["account"] for row in run("identity", "unresolved", *at_, "--json").json["accounts"]]
    assert [one["platform_user_id"] for one in accounts] == ["alice", "bob", "carol"]
    assert digest(clone) == before and not (clone / "data" / "epochs" / "default").exists()


def test_an_amendment_is_found_on_its_branch_too(tmp_path: Path) -> None:
    root = owed_node(tmp_path / "node")
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "--all")
    git(root, "commit", "-qm", "A node")
    git(root, "checkout", "-q", "-b", "amend/default/1/2")
    with at(root, "2026-01-14T00:00:00Z", "ann") as session:
        begin(session, session.node.epoch("default", 1), "error", "a slip")
    git(root, "add", "--all")
    git(root, "commit", "-qm", "Amendment default/1, version 2: begun")
    git(root, "checkout", "-q", "main")
    with at(root, "2026-01-14T12:00:00Z") as session, everywhere(session) as wide:
        assert dict(wide.elsewhere) == {Place("default", 1, 2): "amend/default/1/2"}
        assert (wide.folder("default", 1).version, wide.folder("default", 1).state()) == (2, "open")


def test_an_epoch_that_lies_in_the_files_is_read_there(clone: Path) -> None:
    git(clone, "checkout", "-q", "epoch/default/1")
    with at(clone, "2026-01-13T12:00:00Z") as session, everywhere(session) as wide:
        assert wide is session


def test_a_hint_never_leads_a_clone_of_a_repository_on_github_to_collect_beside_its_branch(
    tmp_path: Path, run: Callable[..., Any]
) -> None:
    root = make_node(tmp_path / "node")
    path = root / "ledger.yaml"
    path.write_text(path.read_text("utf-8").replace('repository: ""', 'repository: "acme/ledger"'), "utf-8")
    assert "git fetch" in run("status", "--node", root).out
    assert "git fetch" in run("show", "epoch", "--node", root).err


def test_signing_without_a_terminal_says_how_a_script_says_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    from ledger.cli.sign import _ask
    from ledger.core.errors import UsageError

    with pytest.raises(UsageError) as caught:
        _ask()
    assert "--yes" in caught.value.hint
