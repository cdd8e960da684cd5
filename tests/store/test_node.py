"""Reading a node: every bad line is named with file, line and rule; nothing foreign lies under `data/`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.core.canonical import encode, sha256_hex
from ledger.core.errors import ConfigError, FormatError, InputError
from ledger.store.epochfolder import EpochFolder
from ledger.store.layout import EPOCH_FILES, folder_name, kind_of, shard_name, shard_number
from ledger.store.node import find_root, load_node
from tests.nodes import golden_copy
from tests.store.repositories import FIRST, SECOND, append, edit, last_line

OTHER = "22222222-2222-4222-8222-222222222222"
READERS: dict[str, Callable[[EpochFolder], object]] = {
    "activity.jsonl": lambda folder: list(folder.events()),
    "collection.jsonl": EpochFolder.collections,
    "cursors.jsonl": EpochFolder.cursors,
    "pool.jsonl": EpochFolder.pool,
    "signatures.jsonl": EpochFolder.signatures,
    "transitions.jsonl": EpochFolder.transitions,
    "allocations.jsonl": EpochFolder.allocations,
}


def first(root: Path) -> EpochFolder:
    return load_node(root).epoch("default", 1)


def refused(root: Path, name: str) -> FormatError:
    with pytest.raises(FormatError) as caught:
        READERS[name](first(root))
    return caught.value


@pytest.mark.parametrize("name", READERS)
def test_a_sound_log_is_read_whole(root: Path, name: str) -> None:
    found = READERS[name](first(root))
    assert isinstance(found, list)
    assert len(found) == (root / FIRST / name).read_bytes().count(b"\n") > 0


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda data: data[:-1], "torn"),
        (lambda data: data[:-9], "torn"),
        (lambda data: data + b"\n", "blank"),
        (lambda data: data + b"{}\n", "missing field"),
        (lambda data: data[:-1] + b"\r\n", "not in canonical form|control character"),
        (lambda data: data[:-2] + b" }\n", "canonical form"),
        (lambda data: data[:-2] + b',"zz":1}\n', "unknown field"),
        (lambda data: data.rstrip(b"\n").rpartition(b"\n")[0] + b"\n\xff\n", "blank|not UTF-8"),
    ],
    ids=["no end", "half a line", "blank line", "empty object", "carriage return", "space", "more", "not UTF-8"],
)
def test_a_bad_line_is_named(root: Path, name: str, change: Callable[[bytes], bytes], says: str) -> None:
    edit(root, f"{FIRST}/{name}", change)
    error = refused(root, name)
    assert error.path == f"{FIRST}/{name}"
    assert error.line is not None
    assert any(word in error.message for word in says.split("|")), error.message


def copied(root: Path, name: str, **changed: object) -> None:
    line = {**last_line(root, f"{FIRST}/{name}"), **changed}
    if "seq" in line and "seq" not in changed:
        line["seq"] += 1
    append(root, f"{FIRST}/{name}", line)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    ("changed", "rule"),
    [({"node_id": OTHER}, "NODE_SCOPED"), ({"scope_id": "other"}, "SCOPE_SCOPED"), ({"epoch_id": 7}, "SCOPE_SCOPED")],
    ids=["node", "scope", "epoch"],
)
def test_a_line_copied_from_elsewhere_is_seen(root: Path, name: str, changed: dict[str, Any], rule: str) -> None:
    if "epoch_id" in changed and "epoch_id" not in last_line(root, f"{FIRST}/{name}"):
        changed = {"scope_id": "other"}  # events carry no epoch
    copied(root, name, **changed)
    error = refused(root, name)
    assert (error.rule, error.line) == (rule, (root / FIRST / name).read_bytes().count(b"\n"))


@pytest.mark.parametrize("name", ["collection.jsonl", "cursors.jsonl"])
@pytest.mark.parametrize("seq", [1, 99])
def test_a_number_twice_or_left_out_is_seen(root: Path, name: str, seq: int) -> None:
    copied(root, name, seq=seq)
    error = refused(root, name)
    assert f"seq is {seq}, expected" in error.message


def test_a_pool_component_twice_is_refused(root: Path) -> None:
    copied(root, "pool.jsonl")
    assert (refused(root, "pool.jsonl").rule, refused(root, "pool.jsonl").line) == ("POOL_UNIQUE_PER_TYPE", 2)


def test_a_step_that_cannot_follow_is_refused(root: Path) -> None:
    copied(root, "transitions.jsonl")
    with pytest.raises(FormatError) as caught:
        first(root).state()
    assert (caught.value.rule, caught.value.path, caught.value.line) == (
        "EPOCH_THREE_PHASE",
        f"{FIRST}/transitions.jsonl",
        4,
    )


@pytest.mark.parametrize("name", ["epoch.json", "statement.json"])
@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: data + b"\n",
        lambda data: data.replace(b'"epoch_id":1', b'"epoch_id":2'),
        lambda data: data.replace(b'"default"', b'"other"'),
        lambda data: data.replace(b'"epoch_id":1', b'"epoch_id":1,"epoch_id":1'),
        lambda data: data.replace(b'"epoch_id":1', b'"epoch_id":1.0'),
        lambda _: b"",
    ],
    ids=["no end", "two lines", "other epoch", "other scope", "key twice", "fraction", "empty"],
)
def test_a_single_file_that_is_not_this_epochs_is_refused(
    root: Path, name: str, change: Callable[[bytes], bytes]
) -> None:
    edit(root, f"{FIRST}/{name}", change)
    with pytest.raises(FormatError) as caught:
        first(root).epoch() if name == "epoch.json" else first(root).statement()
    assert (caught.value.path, caught.value.line) == (f"{FIRST}/{name}", 1)


def test_an_epoch_without_its_file_says_so(root: Path) -> None:
    (root / FIRST / "epoch.json").unlink()
    with pytest.raises(FormatError, match="missing"):
        first(root).epoch()


@pytest.mark.parametrize(
    "path",
    [
        f"{FIRST}/.gitattributes",
        "data/.gitattributes",
        f"{FIRST}/Statement.json",
        f"{FIRST}/notes.txt",
        f"{FIRST}/activity-0001.jsonl",
        f"{FIRST}/activity-2.jsonl",
        f"{FIRST}/activity-\u0660\u0660\u0660\u0662.jsonl",
        f"{FIRST}/pool.jsonl\n",
        f"{FIRST}/sub/pool.jsonl",
        "data/epochs/default/\uff10\uff10\uff10\uff13/epoch.json",
        "data/epochs/default/0000/epoch.json",
        "data/epochs/default/1/epoch.json",
        "data/epochs/default/00003/epoch.json",
        "data/epochs/default/ 003/epoch.json",
        "data/epochs/Default/0001/epoch.json",
        "data/epochs/-x/0001/epoch.json",
        "data/epochs/default/epoch.json",
        "data/Identities.jsonl",
        "data/epochs/default/0001\n/epoch.json",
        "data/x.tmp",
    ],
)
def test_a_file_that_no_command_writes_is_refused(root: Path, path: str) -> None:
    edit(root, path, lambda _: b"{}\n")
    with pytest.raises(FormatError) as caught:
        load_node(root)
    assert (caught.value.path, caught.value.rule) == (path, "WRITES_VIA_WORKFLOW")


@pytest.mark.parametrize(
    "path", ["data/.lock", f"{FIRST}/.pool.jsonl.tmp", f"{SECOND}/activity-0002.jsonl", "data/epochs/.gitkeep"]
)
def test_scratch_files_and_known_ones_are_fine(root: Path, path: str) -> None:
    edit(root, path, lambda _: b"")
    load_node(root)


def test_links_programs_and_pipes_are_refused(root: Path, tmp_path: Path) -> None:
    log = root / FIRST / "pool.jsonl"
    log.chmod(0o755)
    with pytest.raises(FormatError, match="executable"):
        load_node(root)
    log.rename(tmp_path / "pool.jsonl")
    log.symlink_to(tmp_path / "pool.jsonl")
    with pytest.raises(FormatError, match="symbolic links"):
        load_node(root)
    log.unlink()
    os.mkfifo(log)
    with pytest.raises(FormatError, match="plain file"):
        load_node(root)


@pytest.mark.parametrize("folder", ["data", "data/epochs", FIRST])
def test_a_linked_folder_is_refused(root: Path, tmp_path: Path, folder: str) -> None:
    (root / folder).rename(tmp_path / "moved")
    (root / folder).symlink_to(tmp_path / "moved")
    with pytest.raises(FormatError, match="symbolic links") as caught:
        load_node(root)
    assert caught.value.path == folder


def test_epochs_are_listed_in_order_and_a_missing_one_is_named(root: Path) -> None:
    node = load_node(root)
    assert [folder.epoch_id for folder in node.epochs("default")] == [1, 2]
    assert node.epochs("nobody") == []
    (root / SECOND).rename(root / "data/epochs/default/0003")
    with pytest.raises(FormatError, match="epoch 2 is missing"):
        node.epochs("default")


@pytest.mark.parametrize("name", ["xyz", "00003", "\u0660\u0660\u0660\u0663", "0003", "9"])
def test_an_empty_folder_is_nothing_as_for_git(root: Path, name: str) -> None:
    (root / "data/epochs/default" / name).mkdir()
    assert [folder.epoch_id for folder in load_node(root).epochs("default")] == [1, 2]


def test_an_epoch_whose_opening_was_killed_does_not_exist_yet(root: Path) -> None:
    (root / SECOND / "transitions.jsonl").unlink()
    assert [folder.epoch_id for folder in load_node(root).epochs("default")] == [1]


@pytest.mark.parametrize(
    ("path", "text", "says"),
    [
        ("scopes/Default.yaml", "scope_id: default\n", "is not <scope_id>.yaml"),
        ("scopes/notes.txt", "", "is not <scope_id>.yaml"),
        ("scopes/other.yaml", "scope_id: default\n", "but the file is named"),
        ("scopes/other.yaml", "scope_id: other\nsurprise: 1\n", "surprise: unknown field"),
    ],
)
def test_a_scope_file_that_is_wrong_is_named(root: Path, path: str, text: str, says: str) -> None:
    (root / path).write_text(text, "utf-8")
    with pytest.raises(ConfigError) as caught:
        _ = load_node(root).scopes
    assert caught.value.path == path
    assert says in caught.value.message


@pytest.mark.parametrize("scope_id", ["nobody", "../default", "Default", ""])
def test_an_unknown_scope_is_refused_with_those_there_are(root: Path, scope_id: str) -> None:
    with pytest.raises(InputError) as caught:
        load_node(root).scope(scope_id)
    assert caught.value.rule == "SCOPE_VALIDATED"
    assert "default" in caught.value.hint


def test_the_default_scope_comes_first_then_by_name(root: Path) -> None:
    for name in ("z", "alpha"):
        (root / f"scopes/{name}.yaml").write_text(f"scope_id: {name}\n", "utf-8")
    assert list(load_node(root).scopes) == ["default", "alpha", "z"]


def test_the_first_lines_of_the_bindings_are_what_a_statement_pinned(root: Path) -> None:
    node = load_node(root)
    line = last_line(root, "data/identities.jsonl")
    append(root, "data/identities.jsonl", {**line, "seq": 2, "external_id": "bob"})
    prefix, records = node.bindings_prefix(1)
    assert (prefix, len(records)) == (encode(line) + b"\n", 1)
    assert len(node.bindings()) == 2
    with pytest.raises(FormatError, match="2 lines, 3 are pinned"):
        node.bindings_prefix(3)
    append(root, "data/identities.jsonl", {**line, "seq": 2})
    with pytest.raises(FormatError, match="seq is 2, expected 3"):
        node.bindings()


def test_a_node_is_found_from_any_folder_in_it(root: Path, tmp_path: Path) -> None:
    assert find_root(root / FIRST) == root
    with pytest.raises(InputError, match="or above it"):
        find_root(tmp_path)


def test_a_log_that_does_not_exist_counts_as_empty(tmp_path: Path) -> None:
    folder = load_node(golden_copy(tmp_path)).epoch("default", 999)
    assert (folder.curation(), folder.shards(), folder.exists()) == ([], [], False)
    assert folder.hash_of("curation.jsonl") == sha256_hex(b"")


def test_events_are_read_over_all_shards_with_their_place(root: Path) -> None:
    log = root / FIRST / "activity.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(lines[0])
    (root / FIRST / "activity-0002.jsonl").write_bytes(b"".join(lines[1:]))
    places = [(name, number) for name, number, _ in first(root).events()]
    assert places[:2] == [("activity.jsonl", 1), ("activity-0002.jsonl", 1)]


def test_names_of_shards_and_folders_count_up(root: Path) -> None:
    assert [shard_name(number) for number in (1, 2, 12)] == [
        "activity.jsonl",
        "activity-0002.jsonl",
        "activity-0012.jsonl",
    ]
    assert [shard_number(shard_name(number)) for number in (1, 2, 9999)] == [1, 2, 9999]
    assert [folder_name(number) for number in (1, 9999, 10_000)] == ["0001", "9999", "10000"]
    assert {path.name for path in (root / FIRST).iterdir()} <= EPOCH_FILES.keys()
    assert kind_of("activity-0002.jsonl") == "log"
    assert kind_of("activity-0002.jsonl.bak") is None
