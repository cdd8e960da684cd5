"""Everything that a command prints with --json fits the schema that `ledger schema` gives for it, name by name."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from syrupy.assertion import SnapshotAssertion

import ledger
from ledger.cli import main
from ledger.cli.schema import schema_of
from ledger.cli.schemas import schemas
from tests.forge.support import ACCOUNTS, forge_node
from tests.nodes import WALLETS, at, golden_copy, make_node, signature
from tests.paying.world import owed_node, prove_wallet
from tests.receipt_nodes import receipt_node
from tests.servers.forge import Forge as Hub

Outputs = dict[str, list[dict[str, Any]]]
INSTANCE = Path(__file__).parents[1] / "imports/instance"
OTHER = "22222222-2222-4222-8222-222222222222"
WEEK, NEXT, LATER = "2026-01-06", "2026-01-13T12:00:00Z", "2026-01-14T00:00:00Z"


class Told:
    """Runs commands with --json in this process, and keeps what each printed under its schema's name."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path) -> None:
        self.patch, self.folder, self.seen = patch, folder, defaultdict(list)
        patch.setattr("ledger.flows.verify.impure_imports", list)

    def __call__(self, *arguments: object, code: int = 0) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text(*arguments, "--json", code=code))
        self.seen[found["schema"]].append(found)
        return found

    def text(self, *arguments: object, code: int = 0) -> str:
        """What a command prints, whatever that is."""
        said, wrong = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
        self.patch.setattr(sys, "argv", ["ledger", *map(str, arguments)])
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(wrong):
            ended = main()
        assert ended == code, (arguments, wrong.getvalue())
        said.seek(0)
        return said.read()


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outputs]:
    folder = tmp_path_factory.mktemp("told")
    with pytest.MonkeyPatch.context() as patch:
        told = Told(patch, folder)
        for story in (a_new_node, a_week, money, receipts, other_ledgers, on_github):
            story(told, folder / story.__name__)
        yield told.seen


def a_new_node(told: Told, folder: Path) -> None:
    told("schema")
    told("schema", "nothing", code=3)
    told("statsu", code=2)
    told("init", folder, "--repository", "..", "--approver", f"ann={WALLETS['ann']}", "--start", "2026-01-05")
    told("sources", "list")
    told("status", "--node", folder)
    code = folder.parent / "code"
    code.mkdir()
    _file(code / "README.md", "A project\n")
    _commit(code)
    told("demo", "--repo", code, "--out", folder.parent / "demo", "--no-site")
    told("site", "build", "--out", folder.parent / "site", "--node", folder)
    told("site", "compare", "http://127.0.0.1:9/", "--site", folder.parent / "site", "--patience", "0", code=1)


def a_week(told: Told, folder: Path) -> None:
    root = make_node(folder / "node")
    _commit(root)
    node, ann = ("--node", root, "--now", NEXT), ("--actor", "ann")
    user = told("identity", "bind", "file", "alice", "--login", "alice", *ann, *node)["user_id"]
    people = folder / "people.csv"
    people.write_text("provider,account,login\nfile,bob,bob\n", "utf-8")
    told("identity", "bind", "--file", people, "--evidence", "https://example.org/1", *ann, *node)
    told("identity", "challenge", "file", "carol", *node)
    told("identity", "list", "--node", root)
    told("sources", "try", "file", "--since", "2026-01-05", *node)
    told("collect", *node)
    decide = (*node, *ann, "--reason", "agreed")
    told("curate", "weight", "file:work:a1", "2500", *decide)
    told("override", user, "9000", *decide)
    told("award", "give", user, "7", "--name", "host", *decide)
    told("pool", "add", "top_up", "50", "--evidence", "https://example.org/v", *node, *ann)
    many = folder / "many.csv"
    many.write_text("action,event,reason\nnote,file:work:a1,seen\n", "utf-8")
    told("curate", "--file", many, *node, *ann)
    told("identity", "unresolved", *node)
    told("approvers", "status", *node)
    for person in ("ann", "ben"):
        text = told("approvers", "message", *node)["message"]
        told("approvers", "sign", "--signature", signature(text, person), *node)
    told("approvers", "list", *node)
    told("approvers", "propose", *node)
    told("review", *node)
    for person in ("ann", "ben"):
        text = told("statement", *node)["message"]
        told("sign", "--signature", signature(text, person), *node)
    told("finalize", *node)
    told("finalize", "--epoch", "7", *node, code=3)
    for view in (("epoch", "--epoch", "1"), ("user", "alice"), ("event", "file:work:a1")):
        told("show", *view, *node)
    told("status", *node)
    told("identity", "unresolved", "--owed", *node)
    told("verify", *node)
    told("guard", "--base", "HEAD", "--node", root)
    told("witness", "--against", folder / "memory.jsonl", *node)
    text = told("attest", "--epoch", "1", "--message", *node)["message"]
    told("attest", "--epoch", "1", "--signature", signature(text, "eve"), "--wallet", WALLETS["eve"], *node)
    place = ("--epoch", "1", *node, *ann)
    told("amend", "begin", *place, "--kind", "error", "--reason", "counted twice")
    told("amend", "status", *place)
    told("amend", "abandon", *place)
    late = ("--node", root, "--now", "2026-01-15T00:00:00Z")
    told("collect", *late)
    told("curate", "policy", *late, *ann)


def money(told: Told, folder: Path) -> None:
    root = owed_node(folder / "node")
    node, ann = ("--node", root, "--now", LATER), ("--actor", "ann")
    people = {row["login"]: row["user_id"] for row in told("identity", "list", "--node", root)["accounts"]}
    plan = ("--rail", "csv", "--asset", "EUR", "--rate", "0.01", "--rate-source", "agreed in the open")
    told("distribute", "plan", *plan, *node, *ann)
    told("distribute", "abandon", "--reason", "wrong rate", *node, *ann)
    text = told("distribute", "plan", *plan, *node, *ann)["message"]
    for person in ("ann", "ben"):
        told("distribute", "sign", "--signature", signature(text, person), *node)
    told("distribute", "status", *node)
    payees = folder / "payees.csv"
    payees.write_text(
        "user_id,name,account\n" + "".join(f"{user},{name},1\n" for name, user in people.items()), "utf-8"
    )
    told("distribute", "export", "--out", folder / "pay", "--payees", payees, *node)
    told("settle", "--ref", "bank-1", *node, *ann)
    told("distribute", "show", *node)
    told("book", *node)
    told("book", "alice", *node)
    proof = told.text("book", "alice", "--year", "2026", "--format", "proof", *node)
    told("audit", _file(folder / "proof.json", proof))
    told("opening", "write", _file(folder / "opening.csv", f"user_id,balance\n{people['bob']},70\n"), *node, *ann)
    text = told.text("opening", "sign", "--message", *node)
    for person in ("ann", "ben"):
        told("opening", "sign", "--signature", signature(text, person), *node)
    with at(root, LATER, "ann") as session:
        prove_wallet(session, "carol", "eve")
    text = told.text("instruct", people["carol"], "hold", "--message", *node)
    told("instruct", people["carol"], "hold", "--signature", signature(text, "eve"), *node)
    place = ("--epoch", "1", *node, *ann)
    told("amend", "begin", *place, "--kind", "error", "--reason", "counted twice")
    told("override", people["alice"], "0", *place, "--reason", "counted twice")
    told("review", "--epoch", "1", *node)
    for person in ("ann", "ben"):
        text = told("statement", "--epoch", "1", *node)["message"]
        told("sign", "--epoch", "1", "--signature", signature(text, person), *node)
    told("finalize", "--epoch", "1", *node)
    told("waive", people["alice"], "5", "--reason", "our mistake", *node, *ann)


def receipts(told: Told, folder: Path) -> None:
    root = receipt_node(folder / "node")
    node = ("--node", root, "--now", WEEK)
    item = ("--work-item", "task.0054", "--estimate", "5", "--artifact", "https://example.org/54", "--author", "@dora")
    (text,) = told("receipt", "issue", *item, *node)["texts"]
    told("receipt", "issue", *item, "--signature", signature(text["text"], "ann"), *node)
    told("receipt", "list", *node)
    told("receipt", "verify", *node)
    told.patch.setenv("LEDGER_KEY_PASSWORD", "")
    key = folder / "key.pem"
    told("receipt", "key", "new", key, "--node", root)
    told(
        "receipt", "export", "--vc", "--key", key, "--out", folder / "vc", "--site-url", "https://l.example.org", *node
    )
    told("collect", "--node", root, "--now", WEEK)
    _file(root / "trust.yaml", "need: 1\nissuers:\n  - did: did:web:garden.example\n    node_id: " + OTHER + "\n")
    told("receipt", "import", _file(folder / "none.jwt", "no credential"), "--offline", *node, code=1)


def other_ledgers(told: Told, folder: Path) -> None:
    root, theirs = make_node(folder / "node"), golden_copy(folder / "theirs")
    node = ("--node", root, "--now", "2026-03-01")
    told("peers", "add", "garden", theirs, *node)
    told("peers", "status", *node)
    told("audit", theirs, "--now", "2026-03-01")
    bring = ("--credits-per-unit", "1000", "--origin", "https://example.org/cred", "--actor", "ann")
    told("import", "sourcecred", INSTANCE, *bring, *node)
    told("import", "undo", "sourcecred", "--actor", "ann", "--node", root)


def _commit(root: Path) -> None:
    """The folder as a repository of one commit on main."""
    who = ("-c", "user.name=dora", "-c", "user.email=dora@example.org")
    for command in (("init", "-q", "-b", "main"), ("add", "--all"), (*who, "commit", "-q", "-m", "Begin")):
        subprocess.run(["git", "-C", str(root), *command], check=True)


def _file(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def on_github(told: Told, folder: Path) -> None:
    folder.mkdir()
    with Hub(folder / "hub") as hub:
        for name, number in ACCOUNTS.items():
            hub.account(name, number, permission="write" if name in ("ann", "ben", "cy") else "read")
        root = forge_node(folder / "made")
        _commit(root)
        hub.push_main(root)
        checkout = hub.clone(folder / "checkout")

        def be(login: str, time: str) -> None:
            hub.now = time
            for name, value in {**hub.environ(login), "LEDGER_NOW": time}.items():
                told.patch.setenv(name, value)

        node = ("--node", checkout)
        be("actions", "2026-01-13T06:00:00Z")
        told("pr", "open", *node)
        told("pr", "preview", folder / "preview", *node)
        told("pr", "status", *node)
        told("pr", "receipts", *node)
        told("ci", "alarm", "collect", *node)
        told("ci", "checklist", *node)
        told.patch.delenv("GITHUB_EVENT_NAME", raising=False)
        told.patch.delenv("GITHUB_EVENT_PATH", raising=False)
        told("ci", "guard", *node)
        for person in ("ann", "ben"):
            be(person, "2026-01-13T07:00:00Z")
            texts = [told.text("sign", "--pr", "1", *which, *node).removesuffix("\n") for which in (("--set",), ())]
            given = [part for text in texts for part in ("--signature", signature(text, person))]
            told("sign", "--pr", "1", *given, "--yes", *node)
        be("actions", "2026-01-13T08:00:00Z")
        assert told("pr", "sync", *node)["epochs"][0]["merged"]
        be("ann", "2026-01-13T09:00:00Z")
        told("pr", "amend", "--epoch", "1", "--kind", "error", "--reason", "counted twice", "--actor", "ann", *node)
        be("maintainer", "2026-01-13T07:00:00Z")
        told("doctor", *node, code=1)
        told("setup", "--dry-run", *node)
    for name in [each for each in os.environ if each.startswith(("GITHUB_", "LEDGER_"))]:
        told.patch.delenv(name)


@pytest.mark.parametrize("name", list(schemas()))
def test_what_is_printed_fits_the_schema_of_its_name(outputs: Outputs, name: str) -> None:
    schema = schema_of(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert outputs[name], "no command of this file printed it"
    validator = jsonschema.Draft202012Validator(schema)
    for found in outputs[name]:
        wrong = [f"{list(error.absolute_path)}: {error.message[:200]}" for error in validator.iter_errors(found)]
        assert wrong == []


def test_a_change_of_a_schema_is_seen(snapshot: SnapshotAssertion) -> None:
    """Fields of each output, and the hash of the whole schema: what scripts rely on changes with a new number alone."""
    lines = []
    for name in schemas():
        found = schema_of(name)
        whole = hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()[:16]
        lines.append(f"{name} {whole} {' '.join(sorted(found['properties']))}")
    assert "\n".join(lines) == snapshot


def test_every_name_that_the_commands_print_is_listed() -> None:
    texts = [path.read_text("utf-8") for path in sorted((Path(ledger.__file__).parent / "cli").glob("*.py"))]
    printed = {name for text in texts for name in re.findall(r'emit\(\s*"([a-z-]+/[0-9]+)"', text)}
    assert printed == set(schemas())
