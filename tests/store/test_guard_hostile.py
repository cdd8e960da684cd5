"""Attacks on the ledger's git repository that guard must see through: forged records, odd files, hostile settings."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.core.canonical import sha256_hex
from ledger.core.errors import InputError
from ledger.core.records.activity import payload_hash
from ledger.core.records.approvers import ApproverSet
from ledger.core.records.epoch import weight_config_hash
from ledger.core.signing import CURVE_ORDER
from ledger.flows.collect import collect
from ledger.flows.questions import ask
from ledger.flows.review import repin
from ledger.flows.sign import finalize
from ledger.store.files import write_lock
from ledger.store.guard import guard
from ledger.store.layout import approvers_path
from tests.nodes import WALLETS, at, sign_as, sign_sets
from tests.store.repositories import (
    FIRST,
    IN_REVIEW,
    SECOND,
    append,
    commit,
    edit,
    git,
    last_line,
    review_second,
    rules,
)

THIRD = "data/epochs/default/0003"


def tamper(root: Path) -> None:
    """A change that guard refuses wherever it looks at the right tree."""
    edit(root, f"{FIRST}/pool.jsonl", lambda data: data + b"\n")


def open_third(root: Path) -> str:
    """Finalizes epoch 2 and commits; then opens epoch 3 without committing."""
    review_second(root)
    with at(root, IN_REVIEW) as session:
        folder = session.node.epoch("default", 2)
        sign_as(session, folder, "ann", "ben")
        finalize(session, folder)
    base = commit(root)
    with at(root, IN_REVIEW) as session:
        collect(session)
    return base


def replace_in(path: str, old: str, new: str) -> Callable[[Path], None]:
    return lambda root: edit(root, path, lambda data: data.replace(old.encode(), new.encode()))


# --- forged records


def forge_set(root: Path, *people: str, threshold: int = 1, **changes: object) -> None:
    """Add an approver set by hand, right in everything but that the scope's file never named it."""
    path = approvers_path("default")
    before = (root / path).read_bytes().split(b"\n")[-2]
    members = [{"id": name, "wallets": [WALLETS[name]]} for name in people]
    last = last_line(root, path)
    forged = {"approvers": members, "threshold": threshold, "seq": last["seq"] + 1, "previous": sha256_hex(before)}
    append(root, path, {**last, **forged, **changes})


def pin_last_set(root: Path) -> None:
    """Pin the last set by hand, as no command would."""
    line = ApproverSet.read(last_line(root, approvers_path("default")))
    step = {**last_line(root, f"{SECOND}/transitions.jsonl"), "from": "review", "threshold": line.threshold}
    pins = {"approvers_seq": line.seq, "approver_set_hash": line.set_hash}
    append(root, f"{SECOND}/transitions.jsonl", {**step, **pins})


@pytest.mark.parametrize("pinned", [("ann", "ben"), ("ann",), ("eve",)])
def test_a_set_that_the_scope_never_had_is_refused(root: Path, pinned: tuple[str, ...]) -> None:
    base = review_second(root)
    forge_set(root, *pinned)
    assert rules(root, base) == {"APPROVERS_CHAINED"}
    pin_last_set(root)
    assert rules(root, base) == {"APPROVERS_CHAINED"}


@pytest.mark.parametrize("forged", [{"threshold": 1}, {"approvers_seq": 2}, {"approver_set_hash": "0" * 64}])
def test_a_pin_that_the_chain_does_not_hold_is_refused(root: Path, forged: dict[str, object]) -> None:
    base = review_second(root)
    step = {**last_line(root, f"{SECOND}/transitions.jsonl"), "from": "review", **forged}
    append(root, f"{SECOND}/transitions.jsonl", step)
    assert rules(root, base) == {"APPROVERS_CHAINED"}


def test_a_pin_stays_good_when_the_scope_changes_later(root: Path) -> None:
    """On its own branch an epoch that is pinned already meets a newer scope file on main."""
    before = git(root, "rev-parse", "HEAD").strip()
    replace_in("scopes/default.yaml", "threshold: 2", "threshold: 1")(root)
    main = commit(root)
    git(root, "checkout", "--quiet", "-b", "epoch", before)
    review_second(root)
    git(root, "merge", "--quiet", "--no-edit", main)
    assert guard(root, main, epoch_branch=("default", 2)) == []


@pytest.mark.parametrize("day", [8, 14], ids=["before the last set", "after it, before the window's end"])
def test_a_threshold_from_long_before_the_window_cannot_be_proposed_again(root: Path, day: int) -> None:
    """The forged line bears the date of the last set, which would reach back to the file of the second case."""
    commands = ["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "-m", "dated"]
    for old, new, when in ((2, 1, day), (1, 2, day + 1)):
        replace_in("scopes/default.yaml", f"threshold: {old}", f"threshold: {new}")(root)
        git(root, "add", "--all")
        stamp = dict.fromkeys(("GIT_COMMITTER_DATE", "GIT_AUTHOR_DATE"), f"2026-01-{when:02d}T00:00:00Z")
        subprocess.run(["git", "-C", str(root), *commands], check=True, env={**os.environ, **stamp})
    base = review_second(root)
    forge_set(root, "ann", "ben")
    pin_last_set(root)  # a finding too, which must not stand for the one that is wanted
    found = {finding.message for finding in guard(root, base, epoch_branch=("default", 2))}
    assert "proposes others than the scope's file ever named" in found


def test_a_pin_after_a_reviewed_change_of_approvers_is_allowed(root: Path) -> None:
    review_second(root)
    replace_in("scopes/default.yaml", WALLETS["ben"], WALLETS["eve"])(root)
    base = commit(root)
    with at(root, IN_REVIEW, "ann") as session:
        folder = session.node.epoch("default", 2)
        for _ in range(2):  # the first proposes the set, the second pins it once it counts
            with write_lock(root):
                repin(session, folder, "ann")
            sign_sets(session, "default", "ann", "ben", "eve")
        sign_as(session, folder, "ann", "eve")
        finalize(session, folder)
    assert guard(root, base, epoch_branch=("default", 2)) == []


def test_approvers_who_enter_in_the_same_change_cannot_close_an_epoch(root: Path) -> None:
    """The set that is there decides: without enough of its people the new one does not count, whoever else signs."""
    base = review_second(root)
    replace_in("scopes/default.yaml", WALLETS["ben"], WALLETS["eve"])(root)
    with at(root, IN_REVIEW, "ann") as session:
        folder = session.node.epoch("default", 2)
        with write_lock(root):
            repin(session, folder, "ann")
        sign_sets(session, "default", "ann", "eve")
    assert guard(root, base) == []
    pin_last_set(root)
    assert rules(root, base) == {"APPROVERS_CHAINED"}


def test_an_approver_who_leaves_the_file_counts_until_the_chain_says_otherwise(root: Path) -> None:
    base = review_second(root)
    with at(root, IN_REVIEW) as session:
        folder = session.node.epoch("default", 2)
        sign_as(session, folder, "ann", "ben")
        finalize(session, folder)
    replace_in("scopes/default.yaml", WALLETS["ben"], WALLETS["eve"])(root)
    assert guard(root, base) == []


@pytest.mark.parametrize(
    "forged", [{"weight_config": {"file:design": 10**9}}, {"weight_policy": "weights/other.yaml"}], ids=str
)
def test_an_epoch_that_opens_with_other_weights_than_the_policys_is_refused(
    root: Path, forged: dict[str, object]
) -> None:
    base = open_third(root)
    assert guard(root, base) == []
    epoch = {**last_line(root, f"{THIRD}/epoch.json"), **forged}
    (root / THIRD / "epoch.json").unlink()
    append(root, f"{THIRD}/epoch.json", {**epoch, "weight_config_hash": weight_config_hash(epoch["weight_config"])})
    assert rules(root, base) == {"WEIGHTS_INTEGER_ONLY"}


@pytest.mark.parametrize(
    ("forged", "rule"),
    [
        ({"signer_wallet": WALLETS["eve"]}, "SIGNATURE_SCOPE_BOUND"),
        ({"signer_wallet": WALLETS["ben"]}, "SIGNATURE_SCOPE_BOUND"),
        ({"signer_wallet": WALLETS["eve"], "statement_hash": "0" * 64}, "APPROVERS_PINNED_AT_REVIEW"),
        ({"signature": "0x" + "11" * 32 + f"{CURVE_ORDER - 5:064x}" + "1b"}, "SIGNATURE_SCOPE_BOUND"),
        ({}, "APPROVERS_PER_SCOPE"),
    ],
    ids=["by a stranger", "in another's name", "by a stranger over another statement", "malleable", "twice"],
)
def test_a_forged_signature_is_named_with_its_line(root: Path, forged: dict[str, object], rule: str) -> None:
    base = review_second(root)
    with at(root, IN_REVIEW) as session:
        sign_as(session, session.node.epoch("default", 2), "ann")
    assert guard(root, base) == []
    append(root, f"{SECOND}/signatures.jsonl", {**last_line(root, f"{SECOND}/signatures.jsonl"), **forged})
    assert {(found.rule, found.path, found.line) for found in guard(root, base)} == {
        (rule, f"{SECOND}/signatures.jsonl", 2)
    }


def test_an_event_from_after_the_window_is_refused(root: Path) -> None:
    event = {
        **last_line(root, f"{SECOND}/activity.jsonl"),
        "id": "file:work:z",
        "event_time": "2026-01-19T00:00:00.000Z",
    }
    append(root, f"{SECOND}/activity.jsonl", {**event, "payload_hash": payload_hash(event)})
    assert [(found.rule, found.line) for found in guard(root, "HEAD")] == [("EPOCH_WINDOW_UNIQUE", 2)]


@pytest.mark.parametrize(
    ("forged", "rule"),
    [
        ({"node_id": "22222222-2222-4222-8222-222222222222"}, "NODE_SCOPED"),
        ({"scope_id": "other"}, "SCOPE_SCOPED"),
        ({"payload_hash": "0" * 64}, "PROVENANCE_REQUIRED"),
        ({"surprise": "1"}, "WRITES_VIA_WORKFLOW"),
    ],
    ids=str,
)
def test_an_event_that_does_not_belong_here_is_refused(root: Path, forged: dict[str, str], rule: str) -> None:
    event = {**last_line(root, f"{SECOND}/activity.jsonl"), "id": "file:work:z"}
    append(root, f"{SECOND}/activity.jsonl", {**event, "payload_hash": payload_hash(event), **forged})
    assert [(found.rule, found.line) for found in guard(root, "HEAD")] == [(rule, 2)]


@pytest.mark.parametrize(("path", "line"), [(f"{SECOND}/statement.json", 1), (f"{SECOND}/allocations.jsonl", 1)])
def test_a_derived_file_that_nobody_can_read_is_refused(root: Path, path: str, line: int) -> None:
    base = review_second(root)
    edit(root, path, lambda _: b"{}\n")
    assert [(found.path, found.line) for found in guard(root, base)] == [(path, line)]


def test_a_first_statement_that_claims_one_before_it_is_refused(root: Path) -> None:
    base = git(root, "rev-list", "--max-parents=0", "HEAD").strip()
    git(root, "checkout", "--quiet", "--orphan", "early")
    shutil.rmtree(root / "data")
    (root / "data").mkdir()
    early = commit(root)
    git(root, "checkout", "--quiet", base)
    statement = last_line(root, f"{FIRST}/statement.json")
    (root / FIRST / "statement.json").unlink()
    append(root, f"{FIRST}/statement.json", {**statement, "previous_statement_hash": "0" * 64})
    found = {(each.rule, each.actual) for each in guard(root, early)}
    assert ("PAYOUT_DETERMINISTIC", "0" * 64) in found


def test_guard_refuses_to_close_over_an_open_question(root: Path) -> None:
    edit(root, "scopes/default.yaml", lambda data: data + b"objection_hours: 6\n")
    commit(root)
    base = review_second(root)
    with at(root, "2026-01-20T01:00:00Z") as session:
        ask(session, session.node.epoch("default", 2), 7, actor="github:104", evidence="https://example.org/7")
    asked = commit(root)
    edit(root, f"{SECOND}/objections.jsonl", lambda _: b"")
    with at(root, "2026-01-20T12:00:00Z") as session:
        folder = session.node.epoch("default", 2)
        sign_as(session, folder, "ann", "ben")
        finalize(session, folder)
    assert "ACTIVITY_APPEND_ONLY" in rules(root, asked), "the question cannot be made to have never been"
    git(root, "checkout", "--quiet", asked, "--", f"{SECOND}/objections.jsonl")
    assert rules(root, base) == {"CURATION_FREEZE_ON_FINALIZE"}, "nor be passed over"


# --- odd files


@pytest.mark.parametrize(
    "path",
    [
        "Data/epochs/x",
        "DATA/x",
        "Ledger.yaml",
        "\u017fcopes/x.yaml",
        ".GitAttributes",
        ".git\u200dattributes",
        "GITATT~1",
    ],
)
def test_a_twin_of_the_nodes_own_names_is_refused(root: Path, path: str) -> None:
    edit(root, path, lambda _: b"x\n")
    assert [(found.rule, found.path) for found in guard(root, "HEAD")] == [("WRITES_VIA_WORKFLOW", path)]


ATTRIBUTES = {
    "none at all": None,
    "nothing about data": b"*.png binary\n",
    "a later line for all": b"data/** -text\n* text=auto\n",
    "a later line for data": b"data/** -text\ndata/** text eol=crlf\n",
    "a later line for one future file": b"data/** -text\ndata/epochs/default/0001/objections.jsonl text\n",
    "ident": b"data/** -text\n*.jsonl ident\n",
    "a filter": b"data/** -text\n/data/epochs/** -text filter=evil\n",
    "another encoding": b"data/** -text\n*.jsonl working-tree-encoding=UTF-16\n",
    "left out of archives": b"data/** -text\ndata/** export-ignore\n",
    "substituted in archives": b"data/** -text\ndata/** export-subst\n",
    "a CR inside a comment": b"* text eol=crlf\n# x\rdata/** -text\n",
    "a macro": b"[attr]x text eol=crlf\ndata/** -text\ndata/** x\n",
    "a line that git finds too long": b"* text eol=crlf\ndata/** -text" + b" " * 2100 + b"\n",
    "a NUL inside a comment": b"* text eol=crlf\n#\0\ndata/** -text\n",
    "a form feed before the pattern": b"* text eol=crlf\n\x0cdata/** -text\n",
    "a vertical tab inside the rule": b"* text eol=crlf\ndata/**\x0b-text\n",
    "other letters, where names ignore case": b"data/** -text\nDATA/** text eol=crlf\n",
}
"""Root attributes with which some checkout, check-in or archive has other bytes under data/."""


@pytest.mark.parametrize("committed", [False, True], ids=["on disk", "committed"])
@pytest.mark.parametrize("attributes", ATTRIBUTES.values(), ids=ATTRIBUTES.keys())
def test_attributes_that_touch_data_after_all_are_refused(
    root: Path, attributes: bytes | None, committed: bool
) -> None:
    """Also in a repository whose attributes were another form before, and for a change of something else."""
    target = root / ".gitattributes"
    target.write_bytes(b"* text=auto eol=lf\ndata/** -text\n*.ambr -text\n")
    base = commit(root)
    target.unlink() if attributes is None else target.write_bytes(attributes)
    head = commit(root) if committed else None
    found = guard(root, base, head)
    assert {(finding.rule, finding.path) for finding in found} >= {("WRITES_VIA_WORKFLOW", ".gitattributes")}, found
    if committed:
        edit(root, "README.md", lambda data: data + b"x")
        assert guard(root, str(head)), "what is wrong in the result is wrong, whichever change brought it"


@pytest.mark.parametrize("shape", ["link", "folder"])
def test_attributes_that_are_no_plain_file_are_refused(root: Path, shape: str) -> None:
    target = root / ".gitattributes"
    if shape == "link":
        target.rename(root / "elsewhere")
        target.symlink_to("elsewhere")
    else:
        target.unlink()
        edit(root, ".gitattributes/x", lambda _: b"data/** -text\n")
    assert rules(root) == {"WRITES_VIA_WORKFLOW"}


def test_a_machines_own_settings_do_not_speak_for_the_tree(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / ".git/info").mkdir(exist_ok=True)
    (root / ".git/info/attributes").write_text("data/** -text\n", "utf-8")
    (root / "own").write_text("data/** -text\n", "utf-8")
    git(root, "config", "core.attributesFile", str(root / "own"))
    (root / ".gitattributes").unlink()
    assert rules(root) == {"WRITES_VIA_WORKFLOW"}
    git(root, "checkout", "--quiet", "--", ".gitattributes")
    (root / ".git/info/attributes").write_text("data/** text eol=crlf filter=evil\n", "utf-8")
    assert rules(root) == set()


def test_a_node_below_the_top_is_kept_by_the_attributes_above_it(root: Path, tmp_path: Path) -> None:
    top = tmp_path / "top"
    node = top / "the node"
    shutil.copytree(root, node, ignore=shutil.ignore_patterns(".git", ".lock"))
    git(tmp_path, "init", "--quiet", "top")
    base = commit(top)
    assert guard(node, base) == []
    (node / ".gitattributes").unlink()
    assert rules(node, base) == {"WRITES_VIA_WORKFLOW"}
    (top / ".gitattributes").write_bytes(b"data/** -text\n")
    assert rules(node, base) == {"WRITES_VIA_WORKFLOW"}, "this is another folder's data"
    (top / ".gitattributes").write_bytes(b"**/data/** -text\n")
    assert guard(node, base) == []


def test_attributes_of_other_files_are_the_users_own(root: Path) -> None:
    lines = b"* text=auto\n\n# ours\ndata/** -text\ndocs/** text\n*.lock linguist-generated=true\n"
    edit(root, ".gitattributes", lambda _: lines)
    assert guard(root, "HEAD") == []


@pytest.mark.parametrize("name", ["data", "scopes"])
def test_a_folder_behind_a_link_is_refused_also_when_git_ignores_it(root: Path, tmp_path: Path, name: str) -> None:
    shutil.move(root / name, tmp_path / "moved")
    (root / name).symlink_to(tmp_path / "moved")
    edit(root, ".git/info/exclude", lambda _: name.encode())
    assert any(found.path.startswith(name) for found in guard(root, "HEAD"))


def test_pipes_nested_repositories_and_odd_bytes_in_names_are_refused(root: Path) -> None:
    os.mkfifo(root / SECOND / "pipe")
    edit(root, f"{SECOND}/.git/HEAD", lambda _: b"ref: refs/heads/main\n")
    Path(os.fsdecode(os.fsencode(root / "data") + b"/\xff\n")).write_bytes(b"")
    found = {each.path: each.message for each in guard(root, "HEAD")}
    assert set(found) == {f"{SECOND}/pipe", f"{SECOND}/.git/HEAD", "data/\udcff\n"}
    assert "plain file" in found[f"{SECOND}/pipe"]


def test_the_file_that_keeps_an_empty_folder_may_hold_nothing(root: Path) -> None:
    keeper = root / "data/epochs/.gitkeep"
    keeper.write_bytes(b"")
    assert rules(root) == set()
    keeper.write_bytes(b"hidden")
    assert rules(root) == {"WRITES_VIA_WORKFLOW"}, "verify refuses it for ever after"


def test_a_submodule_under_data_is_refused(root: Path) -> None:
    blob = git(root, "rev-parse", "HEAD").strip()
    git(root, "update-index", "--add", "--cacheinfo", f"160000,{blob},{SECOND}/sub")
    git(root, "commit", "--quiet", "-m", "submodule")
    assert [found.path for found in guard(root, "HEAD~1", "HEAD")] == [f"{SECOND}/sub"]


def test_links_and_submodules_elsewhere_are_no_change_while_they_stay(root: Path) -> None:
    (root / "link").symlink_to("README.md")
    commit(root)
    git(root, "update-index", "--add", "--cacheinfo", f"160000,{git(root, 'rev-parse', 'HEAD').strip()},sub")
    (root / "sub").mkdir()
    git(root, "commit", "--quiet", "-m", "submodule")
    assert guard(root, "HEAD", epoch_branch=("default", 2)) == []
    (root / "link").unlink()
    (root / "link").symlink_to("/etc/passwd")
    assert [found.path for found in guard(root, "HEAD", epoch_branch=("default", 2))] == ["link"]


def test_a_node_without_settings_is_refused(root: Path) -> None:
    (root / "ledger.yaml").unlink()
    base = commit(root)
    tamper(root)
    assert [found.path for found in guard(root, base)] == ["ledger.yaml"]


def test_two_unfinished_epochs_must_not_outlive_the_permission(root: Path) -> None:
    edit(root, "scopes/default.yaml", lambda data: data.replace(b"overlap: false", b"overlap: true"))
    with at(root, "2026-01-20T12:00:00Z") as session:
        collect(session)
        collect(session)
    base = commit(root)
    assert (root / THIRD).is_dir()
    edit(root, "scopes/default.yaml", lambda data: data.replace(b"overlap: true", b"overlap: false"))
    assert rules(root, base) == {"ONE_ACTIVE_EPOCH"}


# --- hostile settings of git and of the environment


def test_a_program_named_in_the_repositorys_settings_does_not_run(root: Path, tmp_path: Path) -> None:
    mark, program = tmp_path / "ran", tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {mark}\nprintf 'x\\0'\n", "utf-8")
    program.chmod(0o755)
    for name in ("core.fsmonitor", "core.pager", "diff.external", "core.hooksPath"):
        git(root, "config", name, str(program))
    mark.unlink(missing_ok=True)
    guard(root, "HEAD")
    assert not mark.exists()


def test_settings_that_point_git_to_another_tree_are_an_error(root: Path, template: Path) -> None:
    git(root, "config", "core.worktree", str(template))
    tamper(root)
    with pytest.raises(InputError):
        guard(root, "HEAD")


def test_the_environment_cannot_point_git_elsewhere(
    root: Path, template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tamper(root)
    monkeypatch.setenv("GIT_DIR", str(template / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(template))
    assert rules(root) == {"CURATION_FREEZE_ON_FINALIZE"}


def test_replaced_objects_are_seen_as_they_were(root: Path) -> None:
    old = git(root, "rev-parse", "HEAD").strip()
    tamper(root)
    new = commit(root)
    git(root, "replace", old, new)
    assert rules(root, old, head=new) == {"CURATION_FREEZE_ON_FINALIZE"}


def test_a_node_below_the_repositorys_top_is_guarded_by_its_own_paths(root: Path, tmp_path: Path) -> None:
    top = tmp_path / "top"
    (top / "deep").mkdir(parents=True)
    shutil.rmtree(root / ".git")
    shutil.move(root, top / "deep/node")
    git(top, "init", "--quiet")
    commit(top)
    (top / "elsewhere").write_text("new", "utf-8")
    node = top / "deep/node"
    assert guard(node, "HEAD") == []
    assert [found.path for found in guard(node, "HEAD", epoch_branch=("default", 2))] == ["elsewhere"]
    tamper(node)
    assert [(found.rule, found.path) for found in guard(node, "HEAD")] == [
        ("CURATION_FREEZE_ON_FINALIZE", f"{FIRST}/pool.jsonl")
    ]


def test_a_shallow_clone_says_how_to_get_the_history(root: Path, tmp_path: Path) -> None:
    commit(root)
    subprocess.run(["git", "clone", "-q", "--depth", "1", root.as_uri(), str(tmp_path / "shallow")], check=True)
    with pytest.raises(InputError) as caught:
        guard(tmp_path / "shallow", "HEAD~1")
    assert "HEAD~1" in caught.value.message
    assert "--unshallow" in caught.value.hint


def test_a_clone_without_the_settings_of_old_cannot_let_a_set_pass(root: Path) -> None:
    """The forged set sends guard into the history of the scope's file; a hole there is an error, never a yes."""
    old = git(root, "rev-parse", "HEAD:scopes/default.yaml").strip()
    edit(root, "scopes/default.yaml", lambda data: data.replace(b"threshold: 2", b"threshold: 1"))
    base = review_second(root)
    (root / ".git/objects" / old[:2] / old[2:]).unlink()
    forge_set(root, "ann", "eve", threshold=2)
    with pytest.raises(InputError, match="cat-file"):
        guard(root, base)


def test_outside_a_repository_guard_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        guard(tmp_path, "HEAD")
