"""Other ledgers by their published site alone, over HTTP on this machine: no clone, and no rewritten past passes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger.flows.peersite import look_at
from ledger.site.build import build_site
from ledger.site.checkpoint import checkpoint, statement_log
from tests.browser.support import served
from tests.cli.test_peers import Call, call
from tests.flows.test_amend import amended, closed_node, root
from tests.nodes import at, golden_copy

__all__ = ["call", "closed_node", "root"]
API = "api/v1/ledger"
Change = Callable[[Path], None]


def published(node: Path, out: Path) -> Path:
    with at(node, "2026-03-01") as session:
        build_site(session.node, session.engine, out, verification=None, commit=None)
    return out


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return golden_copy(tmp_path_factory.mktemp("theirs") / "node")


@pytest.fixture(scope="module")
def site(theirs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(theirs, tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with served(site) as origin:
        yield origin


def text(name: str, old: str, new: str) -> Change:
    """The first `old` in a file of the site is `new`."""

    def change(api: Path) -> None:
        before = (api / name).read_text("utf-8")
        assert old in before, name
        (api / name).write_text(before.replace(old, new, 1), "utf-8")

    return change


def statements(change: Callable[[list[str]], None]) -> Change:
    """The log of statements is another, with its checkpoint."""

    def changed(api: Path) -> None:
        node_id = json.loads((api / "scopes.json").read_bytes())["node_id"]
        hashes = (api / "checkpoints/default.statements.txt").read_text("ascii").split()
        change(hashes)
        (api / "checkpoints/default.statements.txt").write_bytes(statement_log(hashes))
        (api / "checkpoints/default.txt").write_bytes(checkpoint(node_id, "default", hashes))

    return changed


def without_line(name: str, number: int) -> Change:
    def change(api: Path) -> None:
        lines = (api / name).read_bytes().splitlines(keepends=True)
        del lines[number - 1]
        (api / name).write_bytes(b"".join(lines))

    return change


def another_node(api: Path) -> None:
    scopes = json.loads((api / "scopes.json").read_bytes())
    for path in (path for path in api.rglob("*") if path.is_file()):
        path.write_bytes(path.read_bytes().replace(scopes["node_id"].encode(), b"22222222-2222-4222-8222-222222222222"))


def no_guild(api: Path) -> None:
    scopes = json.loads((api / "scopes.json").read_bytes())
    scopes["scopes"] = [one for one in scopes["scopes"] if one["scope_id"] != "guild"]
    (api / "scopes.json").write_text(json.dumps(scopes), "utf-8")


FORGERIES: dict[str, tuple[Change, str]] = {
    "an epoch is gone": (statements(lambda hashes: hashes.pop()), "the ledger was rolled back"),
    "another first epoch": (
        statements(lambda hashes: hashes.__setitem__(0, "ab" * 32)),
        "the first 3 statements are others than were remembered: the log was forked",
    ),
    "another root": (
        lambda api: (api / "checkpoints/default.txt").write_bytes(
            re.sub(rb"\n[^\n]{43}=\n", b"\n" + b"A" * 43 + b"=\n", (api / "checkpoints/default.txt").read_bytes())
        ),
        "the checkpoint is not that of the statements beside it",
    ),
    "a checkpoint of another scope": (text("checkpoints/default.txt", "/default", "/other"), "is of another log"),
    "a sum in a statement": (
        text("epochs/default/2/statement.json", '"amount_credits":"', '"amount_credits":"1'),
        "the statement is not the one that the log names",
    ),
    "a statement that nobody signed": (
        lambda api: (api / "epochs/default/2/signatures.jsonl").write_bytes(b""),
        "approvers who signed",
    ),
    "one signature too few": (without_line("epochs/default/2/signatures.jsonl", 1), "approvers who signed"),
    "other approvers": (
        lambda api: [(api / f"approvers/default{end}.jsonl").write_bytes(b"") for end in ("", ".signatures")] and None,
        "the root of scope default's approvers is another than before",
    ),
    "a line of the log is gone": (
        lambda api: (api / "log/default.jsonl").write_bytes(
            b"".join((api / "log/default.jsonl").read_bytes().splitlines(keepends=True)[:-1])
        ),
        "is final and stands in no line of the statement log",
    ),
    "somebody else's account": (text("identities.jsonl", '"login":"', '"login":"x'), "are not those that"),
    "a broken line": (text("identities.jsonl", "{", "["), "data/identities.jsonl:1"),
    "another node": (another_node, "is another node than before"),
    "a scope is gone": (no_guild, "scope guild, which was remembered, is gone"),
}


def test_a_ledger_is_known_by_its_site_alone_and_every_rewriting_of_its_past_is_told(
    tmp_path: Path, theirs: Path, site: Path, address: str, call: Call
) -> None:
    code, out, err = call("add", "garden", address)
    assert code == 0, err
    assert out.startswith("the same: garden: 6 finalized epochs, 6 of them new, by its site\n")
    assert " site " in call("status")[1]
    assert call("verify")[1] == out.replace("6 of them new", "0 of them new")
    code, whole, err = call("verify", "garden", "--clone", theirs)
    assert (code, whole) == (0, call("verify")[1].replace(", by its site", "")), err

    peers = tmp_path / "ours/peers"
    remembered = {path: path.read_bytes() for path in peers.iterdir()}
    kept = {path: path.read_bytes() for path in (site / API).rglob("*") if path.is_file()}
    for name, (change, words) in FORGERIES.items():
        change(site / API)
        code, out, err = call("verify", "garden")
        assert (code, err) == (1, ""), name
        assert words in out, name
        assert "DIFFERENT: garden: " in out
        for path, data in kept.items():
            path.write_bytes(data)
    (site / API / "log/default.jsonl").unlink()
    code, _, err = call("verify", "garden")
    assert (code != 0, "log/default.jsonl cannot be read" in err) == (True, True)
    (site / API / "log/default.jsonl").write_bytes(kept[site / API / "log/default.jsonl"])
    assert {path: path.read_bytes() for path in peers.iterdir()} == remembered, "only what holds is remembered"
    assert call("verify", "garden")[0] == 0


def test_a_site_that_does_not_hold_is_no_peer_and_neither_is_our_own(
    tmp_path: Path, site: Path, address: str, call: Call
) -> None:
    path = site / API / "epochs/guild/1/statement.json"
    kept = path.read_bytes()
    path.write_bytes(kept.replace(b'"version":1', b'"version":2'))
    code, _, err = call("add", "garden", address)
    path.write_bytes(kept)
    assert (code, "not the one that the log names; nothing was remembered" in err) == (1, True)
    code, _, err = call("add", "garden", f"{address}contributors/")
    assert (code != 0, "cannot be read" in err) == (True, True)
    code, _, err = call("add", "garden", "http://ledger.example/")
    assert (code != 0, "is no https address" in err) == (True, True)
    assert not (tmp_path / "ours/peers.json").exists()
    with served(published(tmp_path / "ours", tmp_path / "site")) as own:
        code, _, err = call("add", "us", own)
        assert (code, "is this very node" in err) == (3, True)


def test_amendments_are_part_of_what_a_site_is_held_to(tmp_path: Path, root: Path) -> None:
    amended(root)
    out = published(root, tmp_path / "site")
    with served(out) as address:
        seen = look_at(address)
        assert [(one.place.epoch_id, one.place.version) for one in seen.published] == [(1, 1), (1, 2)]
        assert list(seen.findings) == []
        path = out / API / "epochs/default/1/amendments/02/signatures.jsonl"
        path.write_bytes(b"")
        (finding,) = look_at(f"{address}{API}/").findings
        assert (finding.message, finding.actual) == ("approvers who signed", "0")
        assert finding.path.endswith("amendments/02/signatures.jsonl")
