"""A finalized epoch is corrected in the open: the same acts on a new version; the first stays where it is."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from ledger.cli.app import ledger
from ledger.core.errors import FormatError, InputError, StateError
from ledger.core.signing import signed_text
from ledger.flows.amend import abandon, amendment, begin
from ledger.flows.budget import add_component, award
from ledger.flows.collect import collect
from ledger.flows.decide import curate, override
from ledger.flows.identity import bind
from ledger.flows.ingest import Ingest
from ledger.flows.paying.settle import by_hand
from ledger.flows.review import review
from ledger.flows.session import Session, locked
from ledger.flows.sign import current_statement, finalize
from ledger.flows.statementlog import complete_log
from ledger.flows.verify import verify
from ledger.flows.witness import witness
from ledger.store.amendments import AmendmentFolder, in_force, newest
from ledger.store.epochfolder import EpochFolder
from ledger.store.guard import guard
from tests.nodes import at, digest, make_node, set_in_scope, sign_as
from tests.paying.world import owed_node, signed_plan

HOME = "data/epochs/default/0001/amendments/02"


def commit(root: Path) -> str:
    git = ["git", "-C", str(root), "-c", "user.name=x", "-c", "user.email=x@y"]
    if not (root / ".git").exists():
        subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "state"], check=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def closed_node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Alice was bound in time, Bob and Carol were not; epoch 1 is final."""
    root = make_node(tmp_path_factory.mktemp("node"))
    with at(root, "2026-01-06T00:00:00Z") as session:
        bind(session, "file", "alice", login="alice", evidence="https://example.org/a", actor="ann")
    with at(root, "2026-01-14T00:00:00Z", "ann") as session:
        collect(session)
        folder = session.node.epoch("default", 1)
        sign_as(session, folder, "ann", "ben")
        finalize(session, folder)
    commit(root)
    return root


@pytest.fixture
def root(closed_node: Path, tmp_path: Path) -> Path:
    subprocess.run(["cp", "-r", f"{closed_node}/.", str(tmp_path)], check=True)
    return tmp_path


def begun(session: Session) -> EpochFolder:
    """Bob was bound a day late."""
    bind(session, "file", "bob", login="bob", evidence="https://example.org/b", actor="ann")
    base = session.node.epoch("default", 1)
    return begin(session, base, "late_evidence", "Bob's account was bound a day late", "https://example.org/q/1")


def reviewed(session: Session, folder: EpochFolder) -> None:
    with locked(session):
        review(session, folder, Ingest(session))


def amended(root: Path) -> None:
    with at(root, "2026-01-15T00:00:00Z", "ann") as session:
        folder = begun(session)
        reviewed(session, folder)
        sign_as(session, folder, "ann", "ben")
        finalize(session, folder)


def test_a_late_claim_is_paid_by_a_second_version_and_the_first_stays(root: Path) -> None:
    before = digest(root)
    amended(root)
    after = digest(root)
    changed = {path for path in after if after[path] != before.get(path)}
    outside = {path for path in changed if not path.startswith(HOME)}
    assert outside == {"data/identities.jsonl", "data/log/default.jsonl"}
    with at(root, "2026-01-16T00:00:00Z") as session:
        base = session.node.epoch("default", 1)
        found = amendment(session, newest(base))
        first = base.statement()
        assert first is not None
        assert (found.statement.version, found.statement.supersedes_statement_hash) == (2, first.statement_hash)
        assert {delta.name: (delta.before, delta.after) for delta in found.deltas} == {
            "alice": (10000, 5000),
            "bob": (0, 5000),
        }
        assert found.taken_back == 5000
        assert in_force(base).version == 2
        report = verify(session)
        assert [finding.message for finding in report.all_findings] == []
        assert [(epoch.epoch_id, epoch.version, epoch.state) for epoch in report.epochs][:2] == [
            (1, 1, "finalized"),
            (1, 2, "finalized"),
        ]
        assert [(line.kind, line.ref) for line in base.log()][-1] == ("amendment", f"{HOME}/statement.json")
    assert guard(root, "HEAD") == []


def test_an_amendment_that_a_killed_run_left_out_of_the_log_is_added_by_the_next_run_or_act_on_one(root: Path) -> None:
    amended(root)
    log = root / "data/log/default.jsonl"
    whole = log.read_bytes()
    without = b"".join(whole.splitlines(keepends=True)[:-1])
    log.write_bytes(without)
    with at(root, "2026-01-16T00:00:00Z") as session:
        complete_log(session, "default")
        assert log.read_bytes() == whole
        log.write_bytes(without)  # as if another run was killed meanwhile
        complete_log(session, "default", amending=True)
        assert log.read_bytes() == whole


def test_what_is_signed_names_the_version_and_what_it_supersedes(root: Path) -> None:
    with at(root, "2026-01-15T00:00:00Z", "ann") as session:
        folder = begun(session)
        reviewed(session, folder)
        text = signed_text(current_statement(session, folder)).split("\n")
        first = session.node.epoch("default", 1).statement()
    assert first is not None
    assert text[0] == "Ledger Statement Amendment"
    assert text[-2:] == ["Version: 2", f"Supersedes: {first.statement_hash}"]


def test_decisions_go_on_where_the_version_before_ended(root: Path) -> None:
    with at(root, "2026-01-15T00:00:00Z", "ann") as session:
        folder = begun(session)
        curate(session, folder, "exclude", "file:work:a1", note="was not hers")
        user = session.node.bindings()[0].user_id
        override(session, folder, user, 1000, "held the keys")
        award(session, folder, user, 7, "hosted")
        with pytest.raises(StateError, match="splits the pool that the epoch had"):
            add_component(session, folder, "top_up", 5, "https://example.org/vote")
        reviewed(session, folder)
        assert newest(session.node.epoch("default", 1)).state() == "review"
        assert [line.seq for line in folder.curation()] == [1]
        sign_as(session, folder, "ann", "ben")
        curate(session, folder, "include", "file:work:a1", note="it was")
        with pytest.raises(StateError, match="0 of 2"):
            finalize(session, folder)
        sign_as(session, folder, "ann", "ben")
        finalize(session, folder)
        again = begin(session, session.node.epoch("default", 1), "error", "once more")
        assert again.version == 3
        assert [line.seq for line in again.curation()] == [1, 2]
        curate(session, again, "exclude", "file:work:a1", note="no")
        reviewed(session, again)
        sign_as(session, again, "ann", "ben")
        assert finalize(session, again).statement.version == 3
        assert verify(session).ok
    assert guard(root, "HEAD") == []


def test_one_amendment_at_a_time_of_a_finalized_epoch_and_abandoning_leaves_nothing(root: Path) -> None:
    with at(root, "2026-01-15T00:00:00Z", "ann") as session:
        with pytest.raises(InputError, match="no epoch 2"):
            begin(session, session.node.epoch("default", 2), "error", "too early")
        with pytest.raises(InputError, match="no amendment"):
            amendment(session, session.node.epoch("default", 1))
    before = digest(root)
    with at(root, "2026-01-15T00:00:00Z", "ann") as session:
        base = session.node.epoch("default", 1)
        folder = begin(session, base, "error", "a slip")
        assert begin(session, base, "error", "a slip") == folder
        with pytest.raises(StateError, match="one amendment at a time"):
            begin(session, base, "fraud", "another")
        abandon(session, newest(base))
        with pytest.raises(StateError, match="no amendment of epoch 1 is in progress"):
            abandon(session, newest(base))
    assert digest(root) == before
    assert guard(root, "HEAD") == []


def lapsed_node(root: Path) -> Path:
    """Two final epochs; what the first held for Bob and Carol has lapsed into the pool of the second."""
    make_node(root)
    set_in_scope(root, 'unresolved: hold\nhold_epochs: 1\npool_rules:\n  - {rule: carry-over-v1, cap_credits: "0"}\n')
    for number, time in ((1, "2026-01-14T00:00:00Z"), (2, "2026-01-20T00:00:00Z")):
        with at(root, time, "ann") as session:
            collect(session)
            folder = session.node.epoch("default", number)
            sign_as(session, folder, "ann", "ben")
            finalize(session, folder)
    return root


def test_an_amendment_never_gives_away_what_lapsed_or_was_carried_over(tmp_path: Path) -> None:
    with at(lapsed_node(tmp_path), "2026-01-21T00:00:00Z", "ann") as session:
        folder = begun(session)
        with pytest.raises(StateError, match="file:bob has lapsed into the pool of epoch 2"):
            reviewed(session, folder)
        assert folder.state() == "open"


TAMPERS: dict[str, Callable[[Path], None]] = {
    "another amount": lambda home: replace(home / "statement.json", b'"5000"', b'"5001"'),
    "another reason": lambda home: replace(home / "reason.json", b"day late", b"day early"),
    "no reason": lambda home: (home / "reason.json").unlink(),
    "no signature": lambda home: replace(home / "signatures.jsonl", b"\n", b"\n", keep=1),
    "the first version's signatures": lambda home: (home / "signatures.jsonl").write_bytes(
        (home.parents[1] / "signatures.jsonl").read_bytes()
    ),
    "a step is gone": lambda home: replace(home / "transitions.jsonl", b"\n", b"\n", keep=2),
    "the folder renamed": lambda home: home.rename(home.with_name("03")) and None,
    "gone": lambda home: [path.unlink() for path in home.iterdir()] and None,
    "a foreign file": lambda home: (home / "pool.jsonl").write_bytes(b""),
    "allocations": lambda home: replace(home / "allocations.jsonl", b'"4000"', b'"4001"'),
}


def replace(path: Path, old: bytes, new: bytes, *, keep: int | None = None) -> None:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(b"".join(data.splitlines(keepends=True)[:keep]) if keep is not None else data.replace(old, new, 1))


@pytest.fixture(scope="module")
def amended_node(closed_node: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("amended")
    subprocess.run(["cp", "-r", f"{closed_node}/.", str(root)], check=True)
    amended(root)
    commit(root)
    return root


@pytest.mark.parametrize("what", TAMPERS)
def test_a_tampered_amendment_is_seen_by_verify_and_by_guard(amended_node: Path, tmp_path: Path, what: str) -> None:
    root = tmp_path / "node"
    subprocess.run(["cp", "-r", str(amended_node), str(root)], check=True)
    TAMPERS[what](root / HOME)
    assert guard(root, "HEAD") != []
    try:
        with at(root, "2026-01-16T00:00:00Z") as session:
            assert not verify(session).ok
    except FormatError as error:  # the tree alone is refused
        assert (what, error.rule) == ("a foreign file", "WRITES_VIA_WORKFLOW")


def test_a_folder_reads_as_the_base_with_its_own_decisions_behind(amended_node: Path) -> None:
    with at(amended_node, "2026-01-16T00:00:00Z") as session:
        base = session.node.epoch("default", 1)
        folder = newest(base)
        assert isinstance(folder, AmendmentFolder)
        assert folder.epoch() == base.epoch()
        assert folder.pool() == base.pool()
        assert folder.before == base
        assert folder.path("statement.json").startswith(HOME)
        assert folder.path("pool.jsonl") == base.path("pool.jsonl")


def test_a_witness_remembers_each_version_and_no_correction_alarms_it(
    closed_node: Path, amended_node: Path, tmp_path: Path
) -> None:
    memory = tmp_path / "memory.jsonl"
    for root, versions in ((closed_node, 1), (amended_node, 2), (amended_node, 2)):
        with at(root, "2026-01-16T00:00:00Z") as session:
            found = witness(session, [memory, closed_node])
        assert found.ok, found.findings
        assert memory.read_bytes().count(b'"statement_hash"') == versions
    memory.write_bytes(memory.read_bytes().replace(b'"version":2', b'"version":3'))
    with at(amended_node, "2026-01-16T00:00:00Z") as session:
        (gone,) = witness(session, [memory]).findings
    assert gone.path == f"{HOME[:-2]}03/statement.json"


def test_the_command_line_begins_tells_and_gives_up_an_amendment(root: Path) -> None:
    before = digest(root)
    place = ["--node", str(root), "--epoch", "1", "--actor", "ann", "--now", "2026-01-15T00:00:00Z", "--json"]

    def said(*words: str) -> dict[str, object]:
        done = CliRunner().invoke(ledger, ["amend", *words, *place])
        assert done.exception is None, done.exception
        return dict(json.loads(done.stdout))

    begun = said("begin", "--kind", "error", "--reason", "a slip", "--evidence", "https://example.org/q/2")
    assert (begun["path"], begun["version"]) == (HOME, 2)
    where = CliRunner().invoke(ledger, ["status", "--node", str(root), "--now", "2026-01-15T00:00:00Z"]).stdout
    assert "its correction, version 2: ledger amend status --scope default --epoch 1" in where
    told = said("status")
    assert (told["state"], told["reason"], told["deltas"], told["overpaid_credits"]) == ("open", "a slip", [], "0")
    assert said("abandon")["version"] == 2
    assert digest(root) == before


def test_what_was_paid_by_the_first_version_is_told_before_anyone_signs(tmp_path: Path) -> None:
    root = owed_node(tmp_path)
    with at(root, "2026-01-14T00:00:00Z", "ann") as session:
        signed_plan(session)
        by_hand(session, "default", None, state="settled", evidence={"kind": "hand", "note": "seen"})
        folder = begin(session, session.node.epoch("default", 1), "error", "counted twice")
        assert amendment(session, folder).overpaid == 0
        curate(session, folder, "exclude", "file:work:a1", note="counted twice")
        found = amendment(session, folder)
    assert found.overpaid == found.taken_back == 4000, "Alice has nothing any more and was paid it"
