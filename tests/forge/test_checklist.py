"""A template repository's content, and the issue of a repository made from it: its checklist ticks itself."""

from __future__ import annotations

import difflib
import json
import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from ledger.cli.app import ledger
from ledger.core.errors import ConfigError, UsageError
from ledger.core.values import parse_time
from ledger.flows.session import open_session
from ledger.forge.checklist import Checklist, bring_checklist
from ledger.forge.github import Forge
from ledger.forge.setup import make_plan
from tests.cli.test_init import FLAGS, init, texts
from tests.forge.test_clone import git
from tests.servers.forge import Forge as Hub
from tests.servers.forge.world import Environment, Issue
from tests.workflows.test_hardening import tool

NAME = "team/ledger"
JOB = {"actions": "read", "contents": "read", "issues": "write", "pages": "read"}
"""What the workflow grants; a test below holds it to that."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    assert init(tmp_path / "made", "--template").exception is None
    git(tmp_path / "made", "init", "--quiet", "--initial-branch=main")
    git(tmp_path / "made", "add", "--all")
    git(tmp_path / "made", "commit", "--quiet", "-m", "Initial commit")
    return tmp_path / "made"


@pytest.fixture
def hub(tmp_path: Path, root: Path) -> object:
    with Hub(tmp_path / "hub", NAME) as found:
        found.account("ann", 101, permission="write")
        found.push_main(root)
        yield found


def run(root: Path, hub: Hub, *, variable: str = "") -> Checklist:
    environ = {**os.environ, **hub.environ(permissions=JOB), "LEDGER_REPOSITORY": variable}
    return bring_checklist(open_session(root, parse_time("2026-01-05")), Forge(environ), environ)


def issues(hub: Hub) -> list[Issue]:
    return [one for one in hub.issues() if one.title == "Set up this ledger"]


def boxes(text: str) -> dict[str, bool]:
    return {name: mark == "x" for mark, name in re.findall(r"^- \[([x ])\] \*\*(.+?)\*\*", text, re.M)}


def test_a_template_is_what_init_writes_apart_from_what_setup_fills_in(tmp_path: Path) -> None:
    init(tmp_path / "template", "--template")
    init(tmp_path / "node", *FLAGS)
    template, node = texts(tmp_path / "template"), texts(tmp_path / "node")
    assert set(template) - set(node) == {".github/workflows/setup.yml"} and set(node) <= set(template)
    assert node.pop("docs/operate.md").replace("acme/led", "OWNER/NAME") == template["docs/operate.md"]
    filled: dict[str, list[str]] = {}
    for path, text in node.items():
        for line in difflib.ndiff(template[path].splitlines(), text.splitlines()):
            if line.startswith("- "):
                filled.setdefault(path, []).append(line[2:].split()[0])
    assert filled == {
        "ledger.yaml": ["node_id:", "name:", "site_url:", "repository:"],
        "scopes/default.yaml": ["name:", "start:", "approvers:", "threshold:", "sources:"],
        "README.md": ["#"],
        ".github/CODEOWNERS": ["#"],
    }
    assert "acme/led" not in "".join(template.values())


@pytest.mark.parametrize("flags", [FLAGS[:2], ("--github", "acme/x"), ("--start", "2026-01-05")])
def test_a_template_is_nobodys(tmp_path: Path, flags: tuple[str, ...]) -> None:
    result = init(tmp_path / "template", "--template", *flags)
    assert isinstance(result.exception, UsageError) and flags[0] in str(result.exception)
    assert not (tmp_path / "template").exists()


def test_the_workflow_of_the_template_is_sound_and_asks_for_no_more_than_it_uses(root: Path) -> None:
    text = (root / ".github/workflows/setup.yml").read_text("utf-8")
    tool("check-jsonschema", "--builtin-schema", "vendor.github-workflows", ".github/workflows/setup.yml", cwd=root)
    tool("zizmor", "--offline", "--pedantic", "--strict-collection", ".", cwd=root)
    assert dict(re.findall(r"^ {6}([a-z]+): (read|write) #", text, re.M)) == JOB
    assert re.findall(r"run: (.*)", text) == ["ledger ci checklist"] and "secrets." not in text


def test_the_first_run_opens_one_issue_and_later_ones_tick_its_boxes_until_it_is_closed(root: Path, hub: Hub) -> None:
    first = run(root, hub)
    (issue,) = issues(hub)
    assert first.issue == issue.number and "ledger:setup" in issue.labels
    assert not boxes(issue.body)["id of its own"] and not boxes(issue.body)["switched on"]
    (own,) = re.findall(r'^node_id: "(.+)"$', issue.body, re.M)
    edits = hub.thread(issue.number).body
    assert run(root, hub).issue == issue.number and hub.thread(issue.number).body == edits and len(issues(hub)) == 1

    path, scope = root / "ledger.yaml", root / "scopes/default.yaml"
    block = re.search(r"```text\n(.+?)\n```", issue.body, re.S)
    assert block is not None
    given = dict(line.split(": ", 1) for line in block[1].splitlines())
    lines = [line for line in path.read_text("utf-8").splitlines() if line.split(":")[0] not in given]
    path.write_text("\n".join([*lines[:1], block[1], *lines[1:]]) + "\n", "utf-8")
    approver = (
        "approvers:\n  - id: ann\n    wallets: ['0x2c7536E3605D9C16a7a3D7b1898e529396a65c23']\n    github_id: 101"
    )
    scope.write_text(re.sub(r"approvers:.*", approver, scope.read_text("utf-8")), "utf-8")
    owners = root / ".github/CODEOWNERS"
    owners.write_text(owners.read_text("utf-8").replace("# * @your-login", "* @ann"), "utf-8")
    git(root, "commit", "--quiet", "-am", "Ours")
    hub.push_main(root)
    settings = hub.settings
    settings.rulesets.append({"id": 1, **json.loads((root / ".github/rulesets/main.json").read_text("utf-8"))})
    settings.pages = {"build_type": "workflow", "https_enforced": True}
    settings.environments = {name: Environment(branches=("main",)) for name in ("collect", "github-pages")}
    for label in ("ledger:question", "ledger:alarm", "ledger:bind", "ledger:receipt"):
        settings.labels[label] = ("ededed", "")
    settings.variables["LEDGER_REPOSITORY"] = NAME
    later = run(root, hub, variable=NAME)
    ticked = boxes(issues(hub)[0].body)
    assert ticked["id of its own"] and ticked["repository named"] and ticked["switched on"] and ticked["pages"]
    assert own not in issues(hub)[0].body
    left = {name for name, mark in ticked.items() if not mark}
    assert left and later.open == len(left) and not later.closed, "what a job may not see waits for a person"
    body = issues(hub)[0].body
    assert all(f"**{name}**: only an administrator sees it" in body for name in left)

    hub.edit_thread(issue.number, "ann", body=body.replace("- [ ]", "- [x]"))
    assert run(root, hub, variable=NAME) == Checklist(issue.number, 0, closed=True)
    assert hub.thread(issue.number).state == "closed"
    assert run(root, hub, variable=NAME).issue is None and len(issues(hub)) == 1


def test_what_a_person_ticks_too_early_is_not_believed(root: Path, hub: Hub) -> None:
    number = run(root, hub).issue
    assert number is not None
    hub.edit_thread(number, "ann", body=issues(hub)[0].body.replace("- [ ]", "- [x]"))
    assert not run(root, hub).closed and not boxes(issues(hub)[0].body)["id of its own"]


def test_setup_does_not_switch_on_a_node_without_an_id_of_its_own(root: Path, hub: Hub) -> None:
    environ = {**os.environ, **hub.environ("maintainer")}
    with pytest.raises(ConfigError, match="node_id is still the template's"):
        make_plan(open_session(root, parse_time("2026-01-05")), Forge(environ), environ)


def test_the_command_says_what_is_left(root: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in hub.environ(permissions=JOB).items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(ledger, ["ci", "checklist", "--node", str(root), "--json"], standalone_mode=False)
    assert result.exception is None and json.loads(result.stdout)["issue"] == issues(hub)[0].number
