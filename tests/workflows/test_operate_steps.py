"""The steps that `ledger init` writes, followed to the letter in a fresh organisation: then nothing is missing.

Each block of docs/operate.md is run by bash with a `gh` that writes down what it is asked; what it was asked is done at
a forge on loopback. So a step that is missing, misspelt or not looked at by `ledger doctor` fails here.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.flows.session import open_session
from ledger.forge.doctor import local_items, remote_items
from ledger.forge.github import Forge
from tests.nodes import WALLETS
from tests.servers.forge import Forge as Hub
from tests.servers.forge.world import Environment
from tests.workflows.warm import warm_ledger

NAME = "team/town"
GH = f"""#!{sys.executable} -IS
import json, os, sys
if sys.argv[1:] == ["auth", "token"]:
    print(os.environ["TOKEN"])
else:
    piped = "--input" in sys.argv or sys.argv[1:3] == ["secret", "set"]
    source = sys.argv[sys.argv.index("--input") + 1] if "--input" in sys.argv else "-"
    text = "" if not piped else sys.stdin.read() if source == "-" else open(source).read()
    with open(os.environ["LOG"], "a") as file:
        print(json.dumps([sys.argv[1:], text]), file=file)
"""


class Operator:
    """Somebody with the role admin, who does what the page says and nothing else."""

    def __init__(self, folder: Path, hub: Hub, command: Path) -> None:
        self.folder, self.hub, self.node = folder, hub, folder / "node"
        tools = folder / "tools"
        tools.mkdir()
        (tools / "gh").write_text(GH, "utf-8")
        (tools / "gh").chmod(0o755)
        (tools / "ledger").symlink_to(command)
        who = {f"GIT_{role}_{what}": "op" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        token = hub.environ("maintainer")["GITHUB_TOKEN"]
        self.environ = {**os.environ, **hub.environ("maintainer"), **who, "TOKEN": token, "LOG": str(folder / "log")}
        self.environ |= {"PATH": f"{tools}:{os.environ['PATH']}", "LEDGER_NOW": "2026-01-05T08:00:00Z"}
        del self.environ["GITHUB_TOKEN"]

    def steps(self) -> list[str]:
        """The blocks of the node's own page, with the one name that an operator fills in."""
        page = (self.node / "docs" / "operate.md").read_text("utf-8").replace("/LOGIN", "/ann")
        return re.findall(r"^ +```sh\n(.*?)```", page, flags=re.DOTALL | re.MULTILINE)

    def follow(self, step: str) -> subprocess.CompletedProcess[str]:
        """Run a block; then what `gh` was asked for is so."""
        log = self.folder / "log"
        log.write_text("", "utf-8")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", step], cwd=self.node, env=self.environ, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        for line in log.read_text("utf-8").splitlines():
            self._ask(*json.loads(line))
        return done

    def _ask(self, words: list[str], text: str) -> None:
        settings = self.hub.settings
        match words:
            case ["repo", "create", name, "--public", "--source", ".", "--push"]:
                assert name == NAME
                self.hub.push_main(self.node)
            case ["label", "create", label, "--description", description]:
                settings.labels[label] = ("ededed", description)
            case ["secret", "set", name, "--env", env]:
                if (old := settings.environments.get(env)) is not None:  # else GitHub refuses it
                    settings.environments[env] = Environment(old.branches, secrets=(*old.secrets, name))
            case ["variable", "set", name, "--body", value]:
                settings.variables[name] = value
            case ["workflow", "run", file]:
                self.hub.dispatch("maintainer", file)
            case ["api", "-X", verb, path, *options]:
                given = {key: value for key, _, value in (word.partition("=") for word in options if "=" in word)}
                fields = json.loads(text) if text else {key: JSON.get(value, value) for key, value in given.items()}
                self._call(verb, path.removeprefix(f"repos/{NAME}/"), fields)
            case _:
                raise AssertionError(f"gh {words}")

    def _call(self, verb: str, path: str, fields: dict[str, Any]) -> None:
        settings = self.hub.settings
        match verb, *path.split("/"):
            case "PUT", "actions", "permissions":
                settings.actions_enabled, settings.allowed_actions = fields["enabled"], fields["allowed_actions"]
            case "PUT", "actions", "permissions", "selected-actions":
                settings.selected_actions = tuple(fields["patterns_allowed"])
            case "PUT", "actions", "permissions", "workflow":
                settings.default_workflow_permissions = fields["default_workflow_permissions"]
                settings.can_approve_pull_request_reviews = fields["can_approve_pull_request_reviews"]
            case "PUT", "environments", name:
                settings.environments[name] = Environment(())
                assert fields["deployment_branch_policy"]["custom_branch_policies"] is True
            case "POST", "environments", name, "deployment-branch-policies":
                settings.environments[name] = Environment((fields["name"],))
            case "POST", "pages":
                settings.pages = fields
            case "PUT", "collaborators", login:
                self.hub.who(login).permission = {"push": "write"}[fields["permission"]]
            case "POST", "rulesets":
                settings.rulesets.append({"id": 1, **fields})
            case _:
                raise AssertionError(f"{verb} {path}")

    def missing(self) -> list[str]:
        """What `ledger doctor` would still ask for."""
        session = open_session(self.node, self.hub.now)
        found = [*local_items(session), *remote_items(session, Forge({**self.hub.environ("maintainer")}))]
        return [item.name for item in found if item.verdict != "ok"]


JSON = {"true": True, "false": False}


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with warm_ledger(tmp_path_factory.mktemp("warm") / "bin") as found:
        yield found


@pytest.fixture
def operator(tmp_path: Path, command: Path) -> Iterator[Operator]:
    with Hub(tmp_path / "hub", NAME) as hub:
        hub.account("ann", 101, permission="read")
        hub.settings.default_workflow_permissions = "write"  # as an older organisation has it
        hub.settings.can_approve_pull_request_reviews = False
        found = Operator(tmp_path, hub, command)
        found.node.parent.mkdir(exist_ok=True)
        asked = f"ledger init node --node-repository {NAME} --approver ann={WALLETS['ann']}@101 --code-owner ann"
        asked += " --discord 123 --consent bound --start 2026-01-05"
        subprocess.run(["bash", "-c", asked], cwd=tmp_path, env=found.environ, check=True, capture_output=True)
        yield found


def test_who_follows_every_step_misses_nothing_and_the_first_run_starts(operator: Operator) -> None:
    steps = operator.steps()
    told = [operator.follow(step) for step in steps]
    assert [(done.args[-1], done.stderr) for done in told if done.returncode] == []
    assert "0 missing, 0 unknown" in told[-1].stderr
    assert [one.workflow for one in operator.hub.dispatches] == ["collect.yml"]


@pytest.mark.parametrize("left_out", range(1, 9))
def test_a_step_that_was_left_out_is_noticed(operator: Operator, left_out: int) -> None:
    steps = operator.steps()
    assert len(steps) == 10, "one block a step, and one for secrets"
    for number, step in enumerate(steps[:-1]):
        if number != left_out:
            operator.follow(step)
    assert operator.missing() != []
