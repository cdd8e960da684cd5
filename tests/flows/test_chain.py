"""The anchor of trust lies outside what is checked: a history made anew, roots that people keep, the log of it all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ledger.core.errors import SignatureError, StateError
from ledger.core.records.approvers import set_text
from ledger.flows.approvers import new_root, propose, sign_set, waiting
from ledger.flows.collect import collect
from ledger.flows.guard import guard
from ledger.flows.identity import bind
from ledger.flows.sign import finalize
from ledger.flows.verify import Verification, verify
from ledger.flows.witness import witness
from tests.nodes import ROWS, WALLETS, at, make_node, sign_as, sign_sets, signature
from tests.store.repositories import commit, git

FIRST = "data/epochs/default/0001"
LOG = "data/log/default.jsonl"
SCOPE = "scopes/default.yaml"


def play(root: Path, *people: str, epochs: int = 2) -> Path:
    """Some finalized epochs, each signed by these people."""
    with at(root, "2026-01-06T00:00:00Z") as session:
        bind(session, "file", "alice", login="alice", actor="ann")
    for number in range(1, epochs + 1):
        with at(root, f"2026-01-{7 * number + 6:02d}T12:00:00Z") as session:
            collect(session)
            folder = session.node.epoch("default", number)
            sign_as(session, folder, *people)
            finalize(session, folder)
    return root


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return play(make_node(tmp_path_factory.mktemp("chain")), "ann", "ben")


@pytest.fixture
def root(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "node"))


def checked(root: Path, *roots: str) -> Verification:
    with at(root, "2026-02-01T00:00:00Z") as session:
        return verify(session, roots=roots)


def root_of(root: Path) -> str:
    (trust,) = checked(root).trust
    assert trust.root is not None
    return trust.root


def rules(found: Verification) -> set[str]:
    return {finding.rule for finding in found.all_findings}


def edit(root: Path, path: str, old: str, new: str) -> None:
    file = root / path
    assert old in file.read_text("utf-8")
    file.write_text(file.read_text("utf-8").replace(old, new), "utf-8")


def test_a_history_made_anew_and_signed_by_a_strangers_wallet_shows_by_its_root(root: Path, tmp_path: Path) -> None:
    """All epochs pinned to a foreign wallet: consistent in itself, with another root than the one that people keep."""
    kept, memory = root_of(root), tmp_path / "memory.jsonl"
    with at(root, "2026-02-01T00:00:00Z") as session:
        assert witness(session, [memory]).ok
    forged = make_node(tmp_path / "forged", threshold=1, rows=ROWS.replace("a1,2026-01-05T09", "a1,2026-01-05T10"))
    scope = (root / SCOPE).read_text("utf-8")
    (forged / SCOPE).write_text(scope.replace(WALLETS["ann"], WALLETS["eve"]).replace("threshold: 2", "threshold: 1"))
    play(forged, "eve")
    (forged / SCOPE).write_text(scope)
    shutil.rmtree(root / "data")
    shutil.copytree(forged / "data", root / "data")
    found = checked(root)
    assert found.ok, "nothing in the files alone is wrong"
    assert "names other approvers than set 1" in found.trust[0].notices[0], "but the scope's file does not fit"
    assert rules(checked(root, kept)) == {"APPROVERS_CHAINED"}
    with at(root, "2026-02-01T00:00:00Z") as session:
        assert {finding.rule for finding in witness(session, [memory]).findings} == {
            "APPROVERS_CHAINED",
            "EPOCH_FINALIZE_IDEMPOTENT",
        }


def test_the_root_that_was_kept_is_the_root_and_no_other_is(root: Path) -> None:
    kept = root_of(root)
    assert checked(root, kept).ok
    assert not checked(root, "0" * 64).ok
    assert not checked(root, kept, "0" * 64).ok, "a root that is nowhere was lost"


def test_an_epoch_before_the_last_that_lost_its_end_does_not_verify(root: Path) -> None:
    for name in ("sha256sums.txt", "signatures.jsonl"):
        (root / FIRST / name).unlink()
    steps = (root / FIRST / "transitions.jsonl").read_bytes().splitlines(keepends=True)
    (root / FIRST / "transitions.jsonl").write_bytes(b"".join(steps[:-1]))
    assert {"ONE_ACTIVE_EPOCH", "STATEMENT_LOGGED"} <= rules(checked(root))


def test_a_new_root_is_told_every_time_and_is_not_the_old_one(root: Path, tmp_path: Path) -> None:
    old, memory = root_of(root), tmp_path / "memory.jsonl"
    with at(root, "2026-02-01T00:00:00Z") as session:
        assert witness(session, [memory]).ok
        with pytest.raises(StateError, match="names whom the chain has"):
            new_root(session, "default", "keys lost")
    edit(root, SCOPE, WALLETS["ann"], WALLETS["eve"])
    with at(root, "2026-02-01T00:00:00Z") as session:
        assert propose(session, "default") is not None
        with pytest.raises(SignatureError, match="neither of approver set 2 nor"):
            sign_set(session, "default", signature(set_text(waiting(session, "default")), "eve")[:-4] + "001c")
        sign_sets(session, "default", "ben", "eve")
        assert not session.node.chain("default").counts(2), "without ann's signature the set before does not agree"
        line = new_root(session, "default", "ann's key is lost")
        assert (line.seq, line.previous) == (3, None)
        assert new_root(session, "default", "ann's key is lost") == line, "again changes nothing"
        assert "does not count yet" in verify(session).trust[0].notices[0]
        sign_sets(session, "default", "ben", "eve")
    found = checked(root)
    assert found.ok and found.trust[0].root == line.line_hash != old
    assert "a NEW ROOT" in found.trust[0].notices[0] and "ann's key is lost" in found.trust[0].notices[0]
    assert rules(checked(root, old)) == {"APPROVERS_CHAINED"}
    with at(root, "2026-02-01T00:00:00Z") as session:
        assert [finding.rule for finding in witness(session, [memory]).findings] == ["APPROVERS_CHAINED"]
    assert len((root / LOG).read_bytes().splitlines()) == 4, "the log holds the set that counts, not the one before it"


def test_a_new_root_does_not_come_by_an_epochs_branch(root: Path) -> None:
    git(root.parent, "init", "--quiet", "node")
    edit(root, SCOPE, WALLETS["ann"], WALLETS["eve"])
    base = commit(root)
    with at(root, "2026-02-01T00:00:00Z") as session:
        new_root(session, "default", "mine now")
        sign_sets(session, "default", "ben", "eve")
    assert guard(root, base, None, None) == [], "its owners decide, and are told"
    (finding,) = guard(root, base, None, ("default", 3))
    assert finding.message == "a new root does not come by an epoch's branch"


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_what_a_killed_run_did_not_log_is_a_finding_until_the_next_run_adds_it(root: Path, cut: int) -> None:
    """The last lines only: each act first completes what the one before left out."""
    whole = (root / LOG).read_bytes()
    (root / LOG).write_bytes(b"".join(whole.splitlines(keepends=True)[:-cut]))
    assert "STATEMENT_LOGGED" in rules(checked(root))
    with at(root, "2026-02-01T00:00:00Z") as session:
        assert finalize(session, session.node.epoch("default", 2)).already
    assert (root / LOG).read_bytes() == whole and checked(root).ok


def test_the_log_is_held_to_the_files(root: Path) -> None:
    whole = (root / LOG).read_bytes()
    one, two, three = whole.splitlines(keepends=True)
    for forged in (one + three, two + one + three, one + two + three + three, whole.replace(b"0001", b"0009")):
        (root / LOG).write_bytes(forged)
        assert LOG in {finding.path for finding in checked(root).findings}, forged
    (root / LOG).write_bytes(whole)
    assert checked(root).ok


def test_each_statement_pins_the_log_up_to_the_one_before(root: Path) -> None:
    with at(root, "2026-02-01T00:00:00Z") as session:
        pins = [session.node.epoch("default", number).statement() for number in (1, 2)]
        lines = session.node.epoch("default", 1).log()
    assert [pin.log.size for pin in pins if pin] == [0, 2]
    assert [(line.kind, line.ref.rpartition("/")[2]) for line in lines] == [
        ("approvers", "default.jsonl:1"),
        ("statement", "statement.json"),
        ("statement", "statement.json"),
    ]
    assert lines[1].hash == pins[0].statement_hash  # type: ignore[union-attr]
