"""`ledger init`: everything that a repository on GitHub needs, asked for on a terminal, completed when run again."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from eth_account import Account
from eth_account.messages import encode_defunct
from syrupy.assertion import SnapshotAssertion

from ledger.cli import init as init_module
from ledger.cli.app import ledger
from ledger.core.errors import InputError, LedgerError, UsageError
from ledger.flows.start import ACTION
from ledger.store.node import load_node
from tests.nodes import KEYS, NODE_ID, WALLETS

FLAGS = (
    "--name", "The Acme ledger", "--node-repository", "acme/led", "--node-id", NODE_ID,
    "--approver", f"ann={WALLETS['ann']}@101", "--approver", f"ben={WALLETS['ben']}", "--threshold", "2",
    "--code-owner", "acme/stewards", "--code-owner", "@ann", "--github", "acme/project", "--unresolved", "hold",
    "--data-license", "CC-BY-4.0",
)  # fmt: skip


def init(root: Path, *arguments: str, typed: str | None = None) -> Result:
    command = ["init", str(root), "--now", "2026-01-06T00:00:00Z", *arguments]
    return CliRunner().invoke(ledger, command, input=typed, standalone_mode=False)


def texts(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_text("utf-8") for path in files}


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sits there: what the runner feeds in is typed by a person."""

    class Terminal:
        def isatty(self) -> bool:
            return True

    class System:
        stdin = Terminal()

    monkeypatch.setattr(init_module, "sys", System())
    monkeypatch.setattr("ledger.cli.init_sources.sys", System())


def test_a_new_node_has_all_that_its_repository_needs(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    result = init(tmp_path / "node", *FLAGS)
    assert result.exception is None
    shown = "".join(f"=== {path}\n{text}" for path, text in texts(tmp_path / "node").items())
    assert shown.replace(ACTION, "ACTION@VERSION") == snapshot


def test_what_is_asked_for_stands_in_the_settings(tmp_path: Path) -> None:
    init(tmp_path, *FLAGS)
    node = load_node(tmp_path)
    assert (node.settings.name, node.settings.repository) == ("The Acme ledger", "acme/led")
    scope = node.scope("default")
    assert [(person.id, person.github_id, person.wallets) for person in scope.approvers] == [
        ("ann", 101, (WALLETS["ann"],)),
        ("ben", None, (WALLETS["ben"],)),
    ]
    assert scope.threshold == 2
    assert "* @acme/stewards @ann\n/data/epochs/\n" in (tmp_path / ".github/CODEOWNERS").read_text("utf-8")


def test_on_a_terminal_it_asks_for_what_was_left_open(tmp_path: Path, terminal: None) -> None:
    people = f"ann\n\na b\nann={WALLETS['ann']}@101\nben={WALLETS['ben']}@102\n\n"
    result = init(tmp_path / "node", typed=f"Our ledger\nacme/led\n{people}3\n2\nacme/stewards ann\n\nCC0-1.0\n\n\n")
    assert result.exception is None
    node = load_node(tmp_path / "node")
    assert (node.settings.name, node.settings.repository) == ("Our ledger", "acme/led")
    assert node.settings.data_license == "CC0-1.0"
    scope = node.scope("default")
    assert [(person.id, person.github_id) for person in scope.approvers] == [("ann", 101), ("ben", 102)]
    assert "3 is not in the range" in result.stderr + result.stdout
    assert scope.threshold == 2
    assert "* @acme/stewards @ann\n" in (tmp_path / "node/.github/CODEOWNERS").read_text("utf-8")


def signed(text: str, name: str) -> str:
    return "0x" + Account.sign_message(encode_defunct(text=text), KEYS[name]).signature.hex().removeprefix("0x")


ASKED = "Contribution Ledger Approver Proof\nLedger: acme/led\nScope: default\nApprover: ann"


def test_an_approver_signs_instead_of_typing_a_wallet(tmp_path: Path) -> None:
    where = ("--node-repository", "acme/led")
    told = init(tmp_path / "node", *where, "--approver-text", "ann")
    assert told.stdout == f"{ASKED}\n" and not (tmp_path / "node").exists()
    made = init(tmp_path / "node", *where, "--approver-proof", f"ann={signed(ASKED, 'ann')}@101")
    assert made.exception is None and f"ann signed with {WALLETS['ann']}" in made.stderr
    (ann,) = load_node(tmp_path / "node").scope("default").approvers
    assert (ann.id, ann.wallets, ann.github_id) == ("ann", (WALLETS["ann"],), 101)


def test_a_signature_over_another_text_or_by_another_wallet_is_seen(tmp_path: Path) -> None:
    typed = ("--approver", f"ann={WALLETS['ann']}@101", "--node-repository", "acme/led")
    for signature, word in (
        (signed(ASKED, "ben"), f"by {WALLETS['ben']}, not by {WALLETS['ann']}"),
        (signed(ASKED.replace("acme/led", "acme/other"), "ann"), f"not by {WALLETS['ann']}"),
        ("0x12", "signature of ann"),
    ):
        result = init(tmp_path / "node", *typed, "--approver-proof", f"ann={signature}")
        assert isinstance(result.exception, UsageError) and word in str(result.exception)
    for flags in (("--approver-proof", "ann"), ("--approver-text", "a\nb"), ("--approver-text", "a", "--name", "a\nb")):
        assert isinstance(init(tmp_path / "node", *flags).exception, UsageError)
    assert not (tmp_path / "node").exists()
    init(tmp_path / "node", *typed, "--approver-proof", f"ann={signed(ASKED, 'ann')}")
    assert len(load_node(tmp_path / "node").scope("default").approvers) == 1


def test_on_a_terminal_the_wallet_that_signed_is_taken_once_it_is_recognised(tmp_path: Path, terminal: None) -> None:
    signature = signed(ASKED, "ann")
    people = f"ann\n{signature}\nn\nann\n{signature}\ny\n101\n\n"
    result = init(tmp_path / "node", typed=f"Our ledger\nacme/led\n{people}ann\n\n\n\n\n\n")
    assert result.exception is None and ASKED in result.stderr
    (ann,) = load_node(tmp_path / "node").scope("default").approvers
    assert (ann.wallets, ann.github_id) == ((WALLETS["ann"],), 101)


def test_without_a_terminal_it_asks_nothing(tmp_path: Path) -> None:
    result = init(tmp_path / "node", typed="")
    assert result.exception is None
    assert load_node(tmp_path / "node").settings.name == "node"
    assert "nobody owns the settings yet" in result.stderr
    assert "\n# * @your-login\n" in (tmp_path / "node/.github/CODEOWNERS").read_text("utf-8")


def test_with_json_it_asks_nothing_even_on_a_terminal(tmp_path: Path, terminal: None) -> None:
    result = init(tmp_path / "node", "--json", typed="")
    assert result.exception is None
    assert json.loads(result.stdout)["written"][-1] == "ledger.yaml"


def test_run_again_it_asks_nothing_and_changes_nothing(tmp_path: Path, terminal: None) -> None:
    init(tmp_path / "node", *FLAGS)
    before = texts(tmp_path / "node")
    result = init(tmp_path / "node", typed="")
    assert result.exception is None
    assert texts(tmp_path / "node") == before
    assert "nothing changed" in result.stderr


def test_run_again_after_an_upgrade_it_adds_what_is_missing_and_leaves_the_rest(tmp_path: Path) -> None:
    init(tmp_path, *FLAGS)
    whole = texts(tmp_path)
    shutil.rmtree(tmp_path / ".github" / "rulesets")
    (tmp_path / ".github/workflows/witness.yml").unlink()
    (tmp_path / "docs/operate.md").unlink()
    (tmp_path / ".github/workflows/collect.yml").write_text("ours\n")
    result = init(tmp_path)
    assert result.exception is None
    assert result.stdout.split() == [
        ".github/rulesets/main.json", "docs/operate.md", ".github/workflows/witness.yml",
    ]  # fmt: skip
    assert texts(tmp_path) == {**whole, ".github/workflows/collect.yml": "ours\n"}


def test_an_older_version_is_told_apart_by_one_line_in_each_workflow(tmp_path: Path) -> None:
    init(tmp_path / "new", *FLAGS)
    init(tmp_path / "old", *FLAGS, "--action", "acme/tools@v0.0.9")
    for path, text in texts(tmp_path / "new").items():
        older = (tmp_path / "old" / path).read_text("utf-8")
        if path.startswith(".github/workflows/"):
            assert older == text.replace(f"uses: {ACTION}\n", "uses: acme/tools@v0.0.9\n")
            assert older != text


@pytest.mark.parametrize(
    "text", ["ann", "ann=", "=0x12", "ann=0x12@", "ann=0x12@b_b", "ann=0x12@0", "ann=0x12@١", "ann=0x12@1@2"]
)
def test_an_approver_that_is_not_understood_is_refused_with_the_right_form(tmp_path: Path, text: str) -> None:
    result = init(tmp_path / "node", "--approver", text)
    assert isinstance(result.exception, UsageError)
    assert "ID=0x…@ACCOUNT" in str(result.exception)
    assert not (tmp_path / "node").exists()


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        (("--node-repository", "Acme/Led"), "https://acme.github.io/Led/"),
        (("--node-repository", "Acme/acme.github.io"), "https://acme.github.io/"),
        (("--node-repository", "acme/led", "--site-url", "https://led.example.org/"), "https://led.example.org/"),
        (("--node-repository", "acme/led", "--site-url", ""), ""),
        ((), ""),
    ],
)
def test_the_site_is_where_github_serves_it_unless_told(tmp_path: Path, flags: tuple[str, ...], wanted: str) -> None:
    init(tmp_path, *flags)
    assert load_node(tmp_path).settings.site_url == wanted


@pytest.mark.parametrize("owner", ["a b", "ann\n/data/ @eve", "@@ann", "a/b/c", ""])
def test_a_code_owner_cannot_write_more_than_an_owner(tmp_path: Path, owner: str) -> None:
    result = init(tmp_path / "node", "--code-owner", owner)
    assert isinstance(result.exception, InputError)
    assert not (tmp_path / "node" / "ledger.yaml").exists()


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (("--node-repository", "https://github.com/acme/led"), "repository"),
        (("--site-url", "javascript:alert(1)"), "site_url"),
        (("--approver", f"ann={WALLETS['ann']}", "--threshold", "2"), "threshold"),
        (("--approver", f"ann={WALLETS['ann']}", "--approver", f"ben={WALLETS['ann']}"), "listed twice"),
        (("--approver", "ann=0x12"), "0x12"),
        (("--node-id", "mine"), "node_id"),
    ],
)
def test_settings_that_are_not_valid_are_refused_before_anything_is_written(
    tmp_path: Path, flags: tuple[str, ...], named: str
) -> None:
    result = init(tmp_path / "node", *flags)
    assert isinstance(result.exception, LedgerError)
    assert named in str(result.exception)
    assert not (tmp_path / "node").exists()


def test_names_with_yaml_in_them_stay_names(tmp_path: Path) -> None:
    hostile = 'a: "b" # ${{ secrets.X }} $name\u2028- c'
    result = init(tmp_path, "--name", hostile.replace("\u2028", " "), "--node-repository", "acme/led")
    assert result.exception is None
    assert load_node(tmp_path).settings.name == hostile.replace("\u2028", " ")
    for path, text in texts(tmp_path).items():
        if path.endswith((".yml", ".yaml")):
            assert yaml.safe_load(text) is not None
        if path.startswith(".github/"):
            assert "secrets.X" not in text


@pytest.mark.parametrize("scope", ["null", "123", "no", "1e3"])
def test_a_scope_whose_id_yaml_would_read_as_something_else_stays_text(tmp_path: Path, scope: str) -> None:
    assert init(tmp_path, "--scope", scope).exception is None
    assert list(load_node(tmp_path).scopes) == [scope]
    form = yaml.safe_load((tmp_path / ".github/ISSUE_TEMPLATE/question.yml").read_text("utf-8"))
    assert form["body"][1]["attributes"]["placeholder"] == scope


@pytest.mark.parametrize("scope", ["../x", "A", "a/b", ""])
def test_a_scope_that_is_no_id_is_refused_before_anything_is_written(tmp_path: Path, scope: str) -> None:
    assert isinstance(init(tmp_path / "node", "--scope", scope).exception, LedgerError)
    assert not (tmp_path / "node").exists()


def test_the_question_form_has_the_fields_that_links_fill(tmp_path: Path) -> None:
    init(tmp_path, *FLAGS)
    form: dict[str, Any] = yaml.safe_load((tmp_path / ".github/ISSUE_TEMPLATE/question.yml").read_text("utf-8"))
    fields = {entry["id"]: entry["attributes"]["label"] for entry in form["body"] if "id" in entry}
    assert fields == {
        "scope": "Scope", "epoch": "Epoch", "person": "Person", "event": "Event", "question": "Question",
    }  # fmt: skip
    assert form["labels"] == ["ledger:question"]


def test_a_new_node_in_git_ignores_what_commands_leave_behind(tmp_path: Path) -> None:
    init(tmp_path, *FLAGS)
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    for path in ("build/preview/x", "site/index.html", "data/.lock"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x")
    listed = subprocess.run(
        ["git", "-C", str(tmp_path), "status", "--porcelain", "--untracked-files=all"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert not [line for line in listed.stdout.splitlines() if "build/" in line or "site/" in line or ".lock" in line]


def test_on_a_node_an_option_that_would_change_nothing_is_refused(tmp_path: Path) -> None:
    init(tmp_path / "node", *FLAGS)
    before = texts(tmp_path / "node")
    result = init(tmp_path / "node", "--threshold", "1", "--base-issuance", "5")
    assert isinstance(result.exception, UsageError) and "--threshold, --base-issuance" in str(result.exception)
    assert texts(tmp_path / "node") == before


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--approver", "ann=ann.eth"), "is no address"),
        (("--approver", "ann=0x12@bob"), "0x12"),
        (("--repository", "../nowhere"), "no such folder"),
    ],
)
def test_what_cannot_be_looked_up_or_found_is_refused_before_anything_is_written(
    tmp_path: Path, flags: tuple[str, ...], said: str
) -> None:
    result = init(tmp_path / "node", *flags)
    assert isinstance(result.exception, UsageError) and said in str(result.exception)
    assert not (tmp_path / "node").exists()


def test_one_person_alone_gets_rules_that_he_can_satisfy(tmp_path: Path) -> None:
    init(tmp_path / "alone", "--solo", "--approver", f"ann={WALLETS['ann']}@101")
    init(tmp_path / "many", "--approver", f"ann={WALLETS['ann']}@101")
    for folder, reviews in (("alone", 0), ("many", 1)):
        rules = json.loads((tmp_path / folder / ".github/rulesets/main.json").read_text("utf-8"))["rules"]
        (pull,) = [one["parameters"] for one in rules if one["type"] == "pull_request"]
        assert (pull["required_approving_review_count"], pull["require_code_owner_review"]) == (reviews, bool(reviews))
        assert {one["type"] for one in rules} >= {"deletion", "non_fast_forward", "required_status_checks"}


def test_shares_of_unbound_accounts_are_held_unless_told_otherwise(tmp_path: Path) -> None:
    init(tmp_path / "held")
    init(tmp_path / "shared", "--unresolved", "share")
    assert load_node(tmp_path / "held").scope("default").unresolved == "hold"
    assert load_node(tmp_path / "shared").scope("default").unresolved == "share"


def test_a_new_node_that_nobody_can_sign_or_that_reads_nothing_is_told_so(tmp_path: Path) -> None:
    said = init(tmp_path / "node").stderr
    assert "nobody can sign yet" in said and "nothing is read yet" in said


@pytest.mark.parametrize(
    ("given", "windows"),
    [
        (("--start", "2026-08-12", "--length-days", "20"), "2026-08-12 to 2026-09-01, 2026-09-01 to 2026-09-21"),
        (("--start", "2026-08-12", "--anchor", "2026-01-05"), "2026-08-10 to 2026-08-17, 2026-08-17 to 2026-08-24"),
        ((), "2026-01-05 to 2026-01-12, 2026-01-12 to 2026-01-19, 2026-01-19 to 2026-01-26"),
    ],
)
def test_the_first_window_begins_where_the_start_says_and_is_told(
    tmp_path: Path, given: tuple[str, ...], windows: str
) -> None:
    told = init(tmp_path / "node", *FLAGS, *given)
    assert told.exception is None and f"its first windows: {windows}" in told.output
    assert isinstance(init(tmp_path / "other", *FLAGS, "--anchor", "soon").exception, UsageError)
