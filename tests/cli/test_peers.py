"""Other ledgers: verified whole when they are added, and a rewritten past shows from then on."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.cli import main
from ledger.flows.identity import bind
from ledger.site.build import build_site
from ledger.site.checkpoint import checkpoint
from ledger.store.files import write_lock
from tests.nodes import WALLETS, at, digest, golden_copy, make_node

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    root = make_node(tmp_path / "ours")
    monkeypatch.setattr("ledger.flows.verify.impure_imports", list)

    def ledger(*arguments: object) -> tuple[int, str, str]:
        command = ["ledger", "peers", *map(str, arguments), "--node", str(root), "--now", "2026-03-01"]
        monkeypatch.setattr(sys, "argv", command)
        code = main()
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return ledger


def test_a_peer_is_remembered_and_every_change_of_its_past_is_told(tmp_path: Path, call: Call) -> None:
    theirs = golden_copy(tmp_path / "theirs")
    code, out, err = call("add", "example", theirs)
    assert code == 0, err
    assert out.startswith("the same: example: 6 finalized epochs, 6 of them new")
    assert "theirs: " in out
    assert "example" in call("status")[1]
    assert call("verify")[:2] == (0, out.replace("6 of them new", "0 of them new"))
    assert call("verify", "stranger")[0] == 3

    peers = tmp_path / "ours/peers.json"
    value = json.loads(peers.read_text("utf-8"))
    value["peers"][0]["roots"]["default"] = "ab" * 32
    peers.write_text(json.dumps(value), "utf-8")
    code, out, _ = call("verify", "example")
    assert (code, "the root of scope default's approvers is another than before" in out) == (1, True)
    assert call("add", "example", theirs)[0] == 1

    memory = tmp_path / "ours/peers/example.jsonl"
    memory.write_bytes(memory.read_bytes().replace(b'"epoch_id":3', b'"epoch_id":4'))
    code, out, _ = call("verify", "--json")
    assert code == 1
    assert not json.loads(out)["ok"]


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_clone_that_is_only_read_shows_what_was_found_and_that_it_is_not_kept(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    theirs, ours = golden_copy(tmp_path / "theirs"), tmp_path / "ours"
    assert call("add", "example", theirs)[0] == 0
    (ours / "peers/example.jsonl").write_bytes(b"")
    before = digest(ours)
    opened = os.open

    def refused(path: str | Path, flags: int, *mode: int, **how: Any) -> int:
        if str(path).startswith(str(ours)) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(number, os.strerror(number), str(path))
        return opened(path, flags, *mode, **how)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refused)
        code, out, err = call("verify")
        assert (code, out.startswith("the same: example: 6 finalized epochs, 6 of them new")) == (0, True)
        assert f"not all of what was found is kept ({os.strerror(number)}" in err
        assert call("add", "other", theirs)[0] == 3, "there is nothing to show but what was to be written"
    assert digest(ours) == before
    assert call("verify")[0] == 0
    assert (ours / "peers/example.jsonl").read_bytes() != b""


def test_a_disk_that_fills_up_between_a_peers_two_files_is_not_told_as_nothing_kept(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call("add", "example", golden_copy(tmp_path / "theirs"))[0] == 0
    memory, findings = tmp_path / "ours/peers/example.jsonl", tmp_path / "ours/peers/example.json"
    memory.write_bytes(b"")
    before, replaced = findings.read_bytes(), os.replace

    def full(source: Path, target: Path) -> None:
        if target == findings:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
        replaced(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        code, _, err = call("verify")
    assert (code, memory.read_bytes() != b"", findings.read_bytes() == before) == (0, True, True)
    assert "not all of what was found is kept" in err
    assert "the next comparison is with what was kept before" not in err


def test_what_was_found_while_another_command_writes_is_shown_too(tmp_path: Path, call: Call) -> None:
    assert call("add", "example", golden_copy(tmp_path / "theirs"))[0] == 0
    with write_lock(tmp_path / "ours"):
        code, out, err = call("verify")
    assert (code, "the same: example" in out, "another ledger command is writing" in err) == (0, True, True)


def test_the_site_tells_of_peers_and_what_the_same_people_got_there_as_theirs(tmp_path: Path, call: Call) -> None:
    theirs, ours = golden_copy(tmp_path / "theirs"), tmp_path / "ours"
    accounts = (("wallet", WALLETS["eve"]), ("file", "alice"))
    with at(theirs, "2026-02-28", "ann") as session:
        alice = next(line.user_id for line in session.node.bindings() if line.login == "alice")
        bind(session, *accounts[0], user_id=alice, actor="ann")
        folders = [folder for scope_id in session.node.scopes for folder in session.node.epochs(scope_id)]
        final = [folder.statement() for folder in folders if folder.state() == "finalized"]
        statements = [each for each in final if each is not None]
    with at(ours, "2026-02-28", "ann") as session:
        mine = {account: bind(session, *account, login="dora", actor="ann").user_id for account in accounts}
    assert call("add", "garden", theirs)[0] == 0

    (one,) = json.loads((ours / "peers/garden.json").read_text("utf-8"))["people"]
    assert (one["user_id"], one["provider"], one["external_id"]) == (alice, "wallet", WALLETS["eve"])
    paid = [line for each in statements for line in each.payouts if line.user_id == alice]
    assert one["credits"] == sum(line.amount_credits for line in paid)
    assert paid
    point = checkpoint("", "default", [each.statement_hash for each in statements if each.scope_id == "default"])
    site = tmp_path / "site"
    with at(ours, "2026-03-01") as session:
        build_site(session.node, session.engine, site, verification=None, commit=None)
    page = (site / "peers/index.html").read_text("utf-8")
    for words in ("2026-03-01", "garden", "Root of its approvers", point.decode().split()[-1]):
        assert words in page
    assert str(theirs) not in page
    person = (site / f"contributors/{mine[accounts[0]]}/index.html").read_text("utf-8")
    assert "never added to anything here" in person
    assert f'<td class="num">{int(one["credits"]):,}</td>' in person
    assert "No credits in a finalized epoch yet." in person
    assert "In other ledgers" not in (site / f"contributors/{mine[accounts[1]]}/index.html").read_text("utf-8")


@pytest.mark.parametrize("path", ["peers.json", "peers/example.json"])
@pytest.mark.parametrize("data", [b"[" * 200_000, b"\xff", b"[]"], ids=["nested", "binary", "a list"])
def test_a_memory_of_peers_that_is_broken_is_named(tmp_path: Path, call: Call, path: str, data: bytes) -> None:
    assert call("add", "example", golden_copy(tmp_path / "theirs"))[0] == 0
    (tmp_path / "ours" / path).write_bytes(data)
    code, _, err = call("status")
    assert (code, f"error: {path}: " in err, "internal" in err) == (3, True, False), err


def test_what_does_not_verify_or_is_ourselves_is_no_peer(tmp_path: Path, call: Call) -> None:
    theirs = golden_copy(tmp_path / "theirs")
    path = theirs / "data/epochs/default/0003/statement.json"
    path.write_bytes(path.read_bytes().replace(b'"version":1', b'"version":2'))
    code, _, err = call("add", "example", theirs)
    assert (code, "nothing was remembered" in err) == (1, True)
    assert not (tmp_path / "ours/peers.json").exists()
    assert not (tmp_path / "ours/peers").exists()
    copy = Path(shutil.copytree(tmp_path / "ours", tmp_path / "copy"))
    code, _, err = call("add", "us", copy)
    assert (code, "this very node" in err) == (3, True)
    assert call("add", "Not A Name", theirs)[0] == 2
