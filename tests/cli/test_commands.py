"""The command line as a contract: exit codes, one JSON object, help that teaches, hostile text made harmless."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from ledger.cli import main
from ledger.cli.app import ledger
from ledger.cli.group import Group
from ledger.cli.output import emit, fail, note, safe_text, table
from ledger.core.errors import LedgerError
from tests.nodes import ROWS, WALLETS, at, digest, golden_copy, make_node, signature


class Result:
    """What a command printed and how it ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> dict[str, Any]:
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["ledger", *map(str, arguments)])
        code = main()
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return call


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    found = []
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        found += commands(command, (*path, name)) if isinstance(command, click.Group) else [((*path, name), command)]
    return found


@pytest.mark.parametrize(
    ("path", "command"), commands(ledger), ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_every_command_has_an_example_in_its_help(path: tuple[str, ...], command: click.Command) -> None:
    assert f"Example: ledger {' '.join(path)}" in " ".join((command.help or "").split())


def test_every_command_that_people_script_takes_json() -> None:
    without = {
        " ".join(path) for path, command in commands(ledger) if not any(p.name == "as_json" for p in command.params)
    }
    assert without == {"site serve"}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("colect", "collect"), ("identity bnd", "identity bind"), ("import sourcred", "import sourcecred")],
)
def test_a_mistyped_command_is_answered_with_the_nearest_one_and_the_way_to_all(
    run: Any, typed: str, meant: str
) -> None:
    result = run(*typed.split())
    assert (result.code, result.out) == (2, "")
    group = " ".join(("ledger", *meant.split()[:-1]))
    assert f"Did you mean `ledger {meant}`? `{group} --help` lists them all." in result.err


def test_a_command_that_is_like_no_other_is_answered_with_the_way_to_all(run: Any) -> None:
    said = run("identity", "zzz\x1b[31m", "--json").json["message"]
    assert said == "No such command 'zzz\\x1b[31m'. `ledger identity --help` lists them all."


def groups(group: click.Group) -> list[click.Group]:
    context = click.Context(group)
    inside = [group.get_command(context, name) for name in group.list_commands(context)]
    return [group, *(found for one in inside if isinstance(one, click.Group) for found in groups(one))]


def test_every_group_answers_a_mistyped_command() -> None:
    assert [group.name for group in groups(ledger) if not isinstance(group, Group)] == []


def test_a_checked_node_ends_with_0_and_a_changed_one_with_1(run: Any, tmp_path: Path) -> None:
    root = golden_copy(tmp_path)
    assert run("verify", "--node", root, "-q").code == 0
    statement = root / "data/epochs/default/0003/statement.json"
    statement.write_bytes(statement.read_bytes().replace(b'"3334"', b'"3335"'))
    result = run("verify", "--node", root, "--json")
    assert result.code == 1
    assert result.json["schema"] == "verify/1"
    findings = [f for epoch in result.json["epochs"] for check in epoch["checks"] for f in check["findings"]]
    assert {"rule", "message", "path", "line", "expected", "actual"} == set(findings[0])


def test_verify_prints_one_line_for_each_invariant_and_epoch(run: Any, tmp_path: Path, snapshot: Any) -> None:
    root = golden_copy(tmp_path)
    assert run("verify", "--node", root, "--scope", "default", "--epoch", "1").out == snapshot


def test_what_people_read_of_an_epoch(run: Any, tmp_path: Path, snapshot: Any) -> None:
    root = golden_copy(tmp_path)
    assert run("status", "--node", root, "--now", "2026-02-01", "--all").out == snapshot(name="status")
    assert run("show", "epoch", "--node", root, "--scope", "default", "--epoch", 1).out == snapshot(name="epoch")
    assert run("show", "user", "--node", root, "alice").out == snapshot(name="user")
    assert run("show", "event", "--node", root, "file:work:w3").out == snapshot(name="event")
    assert run("statement", "--node", root, "--scope", "default", "--epoch", 3, "--message").out == snapshot(
        name="message"
    )


def test_an_error_is_one_json_object_too_and_names_place_and_next_step(run: Any, tmp_path: Path) -> None:
    root = make_node(tmp_path)
    (root / "ledger.yaml").write_text("node_id: 1\nnode_id: 2\n", "utf-8")
    result = run("status", "--node", root, "--json")
    assert (result.code, result.json["schema"]) == (3, "error/1")
    assert (result.json["path"], result.json["line"]) == ("ledger.yaml", 2)
    assert "duplicate key" in result.json["message"]
    assert result.json["hint"]


def test_usage_errors_end_with_2(run: Any, tmp_path: Path) -> None:
    root = make_node(tmp_path)
    for arguments in (
        ["frob"],
        ["status", "--what"],
        ["curate", "exclude"],
        ["sign", "--node", root],
        ["verify", "--now", "soon", "--node", root],
    ):
        result = run(*arguments)
        assert result.code == 2, arguments
        assert "Traceback" not in result.err


@pytest.mark.parametrize("number", ["../1", "٣", "1_0", "+7", " 7", "7\n", "0", "01", "1e3", "9999999999"])
def test_an_epochs_number_is_plain_digits_only(run: Any, tmp_path: Path, number: str) -> None:
    result = run("verify", "--node", golden_copy(tmp_path), "--scope", "default", "--epoch", number)
    assert result.code == 2


def test_an_interrupt_ends_with_130(run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ledger.flows.views.status", interrupted)
    assert run("status", "--node", make_node(tmp_path)).code == 130


def test_a_mistake_of_ours_is_words_too(run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("ledger.flows.views.status", lambda *_, **__: {}[1])
    result = run("status", "--node", make_node(tmp_path))
    assert (result.code, "internal error" in result.err, "Traceback" in result.err) == (3, True, False)


@pytest.mark.parametrize(
    ("number", "hint"),
    [(errno.ENOSPC, "Make room"), (errno.EROFS, "read and write there"), (errno.EACCES, "read and write there")],
)
def test_what_the_system_refuses_names_the_file_and_the_next_step(
    run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int, hint: str
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), "data/log/default.jsonl")

    monkeypatch.setattr("ledger.flows.views.status", refused)
    result = run("status", "--node", make_node(tmp_path), "--json")
    assert (result.code, result.json["message"]) == (3, f"{os.strerror(number)}: data/log/default.jsonl")
    assert hint in result.json["hint"]


def test_hostile_text_never_reaches_the_terminal_raw(run: Any, tmp_path: Path) -> None:
    hostile = "\u202eevil\u202c \u200b<script>"
    rows = ROWS + f"h1,2026-01-08T00:00:00Z,design,mallory,{hostile},https://example.org/9,::set-output name=x::y\n"
    root = make_node(tmp_path, rows=rows)
    with at(root, "2026-01-09T00:00:00Z"):
        pass
    assert run("collect", "--node", root, "--now", "2026-01-09T00:00:00Z").code == 0
    shown = run("show", "epoch", "--node", root, "--now", "2026-01-09T00:00:00Z").out
    assert "\\u{202e}evil" in shown
    assert "\u202e" not in shown
    assert safe_text("a\x1b[2J\nb\r\x07") == "a\\u{1b}[2J\\u{a}b\\u{d}\\u{7}"


@pytest.mark.parametrize("text", ["::stop-commands::x", " \u00a0::add-mask::x", "a ##[add-mask]x", "###[error]x"])
def test_no_text_is_a_command_to_the_runner(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """GitHub's runner obeys `::name::` at the start of a line after any blanks, and `##[name]` anywhere in one."""
    note(text)
    table(("a", "b"), [(text, text), ("x", text)])
    fail(LedgerError(text, path=text, hint=text))
    emit("x/1", {"text": text, "list": [text]})
    captured = capsys.readouterr()
    for line in (captured.out + captured.err).splitlines():
        assert not line.lstrip().startswith("::") and "##[" not in line
    assert json.loads(captured.out[captured.out.index("{\n") :])["text"] == text, "as data it is what it was"


def test_data_is_on_stdout_and_the_rest_on_stderr(run: Any, tmp_path: Path) -> None:
    root = make_node(tmp_path)
    run("collect", "--node", root, "--now", "2026-01-13T12:00:00Z")
    result = run("statement", "--node", root, "--message")
    assert result.out.startswith("Cogni Payout Statement\n")
    assert not result.out.endswith("\n")
    assert result.err == ""


def test_the_whole_way_by_the_command_line(run: Any, tmp_path: Path) -> None:
    root = make_node(tmp_path)
    node = ("--node", root, "--now", "2026-01-14T00:00:00Z")
    user = run("identity", "bind", "file", "alice", "--login", "alice", "--actor", "ann", *node).out.strip()
    assert run("collect", *node, "--json").json["epochs"][0]["reviewed"]
    decide = (*node, "--actor", "ann", "--reason", "agreed", "--json")
    assert run("curate", "weight", "file:work:a1", "2500", *decide).json["changed"]
    assert run("override", user, "9000", *decide).json["changed"]
    assert run("pool", "add", "top_up", "50", "--evidence", "https://example.org/v", *node, "--actor", "ann").code == 0
    assert run("finalize", *node).code == 3
    for person in ("ann", "ben"):
        text = run("approvers", "message", *node).out
        assert run("approvers", "sign", "--signature", signature(text, person), *node).code == 0
    for person in ("ann", "ben"):
        text = run("statement", "--message", *node).out
        assert run("sign", "--signature", signature(text, person), *node, "--json").json["person"] == person
    again = run("sign", "--signature", signature(text, "ben"), *node)
    assert (again.code, "nothing changed" in again.err) == (0, True)
    assert run("finalize", *node, "--json").json["changed"]
    before = digest(root)
    assert "nothing changed" in run("finalize", *node).err
    assert digest(root) == before
    assert run("verify", *node, "-q").code == 0
    assert run("review", *node).code == 3


def test_status_and_collect_name_every_step_that_is_left_before_an_epoch_is_final(run: Any, tmp_path: Path) -> None:
    root = make_node(tmp_path)
    node = ("--node", root, "--now", "2026-01-14T00:00:00Z")

    def needs() -> str:
        return str(run("status", *node, "--json").json["epochs"][0]["needs"])

    assert "ledger approvers message" in run("collect", *node).out
    assert "ledger statement --message" in needs() and "ledger approvers message" in needs()
    for person in ("ann", "ben"):
        assert run("sign", "--signature", signature(run("statement", "--message", *node).out, person), *node).code == 0
    assert "ledger statement --message" not in needs()
    assert needs() == "approver set: set 1 is signed by 0 of 2: ledger approvers message --scope default"
    assert run("finalize", *node).code == 3
    for person in ("ann", "ben"):
        assert run("approvers", "sign", "--signature", signature(run("approvers", "message", *node).out, person), *node)
    assert needs().startswith("closing: ledger finalize")
    assert run("finalize", *node).code == 0


def test_who_binds_while_an_epoch_is_in_review_is_told_how_it_takes_that_in(run: Any, tmp_path: Path) -> None:
    node = ("--node", make_node(tmp_path), "--now", "2026-01-14T00:00:00Z", "--actor", "ann")
    assert "--refresh" not in run("identity", "bind", "file", "bob", "--login", "bob", *node).err
    run("collect", *node[:-2])
    said = run("identity", "bind", "file", "alice", "--login", "alice", *node).err
    assert "default/1 is in review" in said and "ledger statement --refresh" in said
    assert "--refresh" not in run("identity", "bind", "file", "alice", "--login", "alice", *node).err


BAD_FILES = {
    "unknown key": ("scopes/default.yaml", "colour: red\n", None),
    "duplicate key": ("scopes/default.yaml", "threshold: 1\n", None),
    "nested attributes": ("data/epochs/default/0001/.gitattributes", "* text\n", "WRITES_VIA_WORKFLOW"),
    "case twin": ("data/epochs/default/0001/Pool.jsonl", "", "WRITES_VIA_WORKFLOW"),
    "digits that are not ASCII": ("data/epochs/default/٠٠٠٢/epoch.json", "", "WRITES_VIA_WORKFLOW"),
    "torn last line": ("data/epochs/default/0001/curation.jsonl", '{"a":1}', None),
    "record of another node": ("data/identities.jsonl", None, "NODE_SCOPED"),
    "second base issuance": ("data/epochs/default/0001/pool.jsonl", None, "POOL_UNIQUE_PER_TYPE"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_input_is_named_and_changes_not_one_byte(run: Any, tmp_path: Path, name: str) -> None:
    root = make_node(tmp_path)
    run("identity", "bind", "file", "alice", "--actor", "ann", "--node", root, "--now", "2026-01-06")
    run("collect", "--node", root, "--now", "2026-01-13T12:00:00Z")
    path, text, rule = BAD_FILES[name]
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    before = target.read_text("utf-8") if target.exists() else ""
    if text is None and "identities" in path:
        target.write_text(before.replace("11111111-1111-4111", "22222222-2222-4222"), "utf-8")
    else:
        again = before.replace('"seq":1', '"seq":2')
        target.write_text(before + (again if text is None else text), "utf-8")
    snapshot = digest(root)
    result = run("pool", "add", "kpi_bonus_v0", 5, "--actor", "ann", "--node", root, "--now", "2026-01-14", "--json")
    assert result.code == 3, result.err
    assert result.json["path"] == path
    assert rule in (None, result.json["rule"])
    assert digest(root) == snapshot


def test_a_fraction_as_weight_is_named_before_an_epoch_opens(run: Any, tmp_path: Path) -> None:
    root = make_node(tmp_path)
    weights = root / "weights/default.yaml"
    weights.write_text(weights.read_text("utf-8") + "  file:x: 0.5\n", "utf-8")
    before = digest(root)
    result = run("collect", "--node", root, "--now", "2026-01-13", "--json")
    assert (result.code, result.json["path"]) == (3, "weights/default.yaml")
    assert "0.5" in result.json["message"]
    assert digest(root) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("pool", "add", "top_up", "-5", "--evidence", "x"),
        ("pool", "add", "top_up", "9223372036854775808", "--evidence", "x"),
        ("pool", "add", "top_up", "1.5", "--evidence", "x"),
        ("pool", "add", "gift", "5"),
        ("pool", "add", "top_up", "5"),
        ("pool", "add", "base_issuance", "7"),
        ("override", "22222222-2222-4222-8222-222222222222", "5", "--reason", "x"),
        ("override", "not-a-user", "5", "--reason", "x"),
        ("curate", "exclude", "file:work:nope", "--reason", "x"),
        ("curate", "exclude", "file:work:a1", "--reason", " "),
        ("curate", "weight", "file:work:a1", "9007199254740992", "--reason", "x"),
        ("sign", "--signature", "0x12"),
        ("sign", "--signature", "0x" + "11" * 65),
    ],
    ids=lambda value: " ".join(value),
)
def test_bad_arguments_are_refused_and_change_not_one_byte(
    run: Any, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    root = make_node(tmp_path)
    run("collect", "--node", root, "--now", "2026-01-13T12:00:00Z")
    before = digest(root)
    extra = () if arguments[0] == "sign" else ("--actor", "ann")
    result = run(*arguments, *extra, "--node", root, "--now", "2026-01-14")
    assert result.code in (2, 3)
    assert "Traceback" not in result.err
    assert "internal error" not in result.err
    assert digest(root) == before


def test_an_address_without_quotes_or_with_a_wrong_checksum_is_named(run: Any, tmp_path: Path) -> None:
    root = make_node(tmp_path)
    scope = root / "scopes/default.yaml"
    good = scope.read_text("utf-8")
    for bad, word in (
        (good.replace(f'"{WALLETS["ann"]}"', WALLETS["ann"]), "quotes"),
        (good.replace(WALLETS["ann"], WALLETS["ann"].swapcase().replace("0X", "0x")), "checksum"),
    ):
        scope.write_text(bad, "utf-8")
        result = run("status", "--node", root)
        assert result.code == 3
        assert "scopes/default.yaml" in result.err
        assert word in result.err


def test_the_version_answers_without_loading_anything() -> None:
    code = "import sys; sys.argv[1:] = ['--version']; from ledger.cli import main; main(); print(sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert not {"click", "pydantic", "duckdb", "yaml"} & set(done.stdout.replace("'", " ").replace(",", " ").split())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_documented_line_of_each_shell_prints_what_completes(shell: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "operate.md").read_text("utf-8")
    assert f"_LEDGER_COMPLETE={shell}_source ledger" in page

    def told(**environ: str) -> str:
        command = [sys.executable, str(Path(sys.executable).parent / "ledger")]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environ})
        return done.stdout

    if shell == "bash":  # which click asks for its version: where there is none, completing works all the same
        assert "plain,init\n" in told(_LEDGER_COMPLETE="bash_complete", COMP_WORDS="ledger ini", COMP_CWORD="1")
    else:
        assert f"_LEDGER_COMPLETE={shell}_complete" in told(_LEDGER_COMPLETE=f"{shell}_source")
