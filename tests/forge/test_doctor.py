"""What an operator still has to switch on: each item is seen when it is missing, and told how to set."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ledger.cli.app import ledger
from ledger.core.errors import CredentialsError
from ledger.core.values import parse_time
from ledger.flows.session import open_session
from ledger.flows.start import NodePlan, init_node
from ledger.forge.doctor import Item, local_items, remote_items
from ledger.forge.github import Forge
from tests.forge.test_clone import git
from tests.nodes import NODE_ID, WALLETS
from tests.servers.forge import Forge as Hub
from tests.servers.forge.world import Environment

NAME = "team/ledger"
NOW = parse_time("2026-01-05")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    plan = NodePlan(
        name="n",
        start=NOW,
        approvers=[("ann", WALLETS["ann"])],
        accounts={"ann": 101},
        repository=NAME,
        site_url="https://team.github.io/ledger/",
        code_owners=["ann"],
        node_id=NODE_ID,
    )
    init_node(tmp_path / "node", plan)
    git(tmp_path / "node", "init", "--quiet", "--initial-branch=main")
    git(tmp_path / "node", "add", "--all")
    git(tmp_path / "node", "commit", "--quiet", "-m", "n")
    return tmp_path / "node"


@pytest.fixture
def hub(tmp_path: Path, root: Path) -> Any:
    """A repository with everything switched on, as docs/operate.md says."""
    with Hub(tmp_path / "hub", NAME) as found:
        found.account("ann", 101, permission="write")
        found.push_main(root)
        settings = found.settings
        ruleset = json.loads((root / ".github" / "rulesets" / "main.json").read_text("utf-8"))
        settings.rulesets.append({"id": 1, **ruleset})
        settings.pages = {"build_type": "workflow", "https_enforced": True}
        settings.environments = {name: Environment(branches=("main",)) for name in ("collect", "github-pages")}
        settings.variables["LEDGER_REPOSITORY"] = NAME
        for label in ("ledger:question", "ledger:alarm", "ledger:bind", "ledger:receipt"):
            settings.labels[label] = ("ededed", "")
        yield found


def items(root: Path, hub: Hub, login: str = "maintainer") -> dict[str, Item]:
    session = open_session(root, NOW)
    found = [*local_items(session), *remote_items(session, Forge({**os.environ, **hub.environ(login)}))]
    return {item.name: item for item in found}


def test_a_node_that_is_set_up_as_documented_misses_nothing(root: Path, hub: Hub) -> None:
    assert [item for item in items(root, hub).values() if item.verdict != "ok"] == []


def _ruleset(change: Callable[[dict[str, Any]], object]) -> Callable[[Hub], object]:
    return lambda hub: change(hub.settings.rulesets[0])


def _parameters(kind: str, **values: object) -> Callable[[Hub], object]:
    def change(hub: Hub) -> None:
        next(rule for rule in hub.settings.rulesets[0]["rules"] if rule["type"] == kind)["parameters"].update(values)

    return change


REMOTE: dict[str, Callable[[Hub], object]] = {
    "squash merges": lambda hub: setattr(hub.settings, "allow_squash_merge", False),
    "actions": lambda hub: setattr(hub.settings, "actions_enabled", False),
    "actions allowed": lambda hub: setattr(hub.settings, "allowed_actions", "local_only"),
    "action by its release": lambda hub: setattr(hub.settings, "sha_pinning_required", True),
    "collect is enabled": lambda hub: hub.settings.workflow_states.update({"collect.yml": "disabled_inactivity"}),
    "token of jobs": lambda hub: setattr(hub.settings, "default_workflow_permissions", "write"),
    "jobs may open pull requests": lambda hub: setattr(hub.settings, "can_approve_pull_request_reviews", False),
    "rules of main": _ruleset(lambda rules: rules["rules"].pop(0)),
    "reviews of main": _parameters("pull_request", require_code_owner_review=False),
    "approvals stay": _parameters("pull_request", dismiss_stale_reviews_on_push=True),
    "required checks": _parameters("required_status_checks", required_status_checks=[{"context": "ledger/guard"}]),
    "nobody passes ruleset 1": _ruleset(
        lambda rules: rules.update(
            bypass_actors=[{"actor_id": 5, "actor_type": "RepositoryRole", "bypass_mode": "always"}]
        )
    ),
    "pages": lambda hub: setattr(hub.settings, "pages", None),
    "pages by https": lambda hub: hub.settings.pages.update(https_enforced=False),
    "address of the site": lambda hub: hub.settings.pages.update(html_url="https://elsewhere.example/"),
    "environment collect": lambda hub: hub.settings.environments.pop("collect"),
    "environment github-pages": lambda hub: hub.settings.environments.update({"github-pages": Environment()}),
    "switched on": lambda hub: hub.settings.variables.clear(),
    "label ledger:alarm": lambda hub: hub.settings.labels.pop("ledger:alarm"),
    "owners may write": lambda hub: setattr(hub.who("ann"), "permission", "read"),
    "secret LEDGER_APP_PRIVATE_KEY": lambda hub: hub.settings.variables.update(LEDGER_APP_ID="7"),
    "account of ann, default": lambda hub: hub.delete_account("ann"),
}


@pytest.mark.parametrize("name", REMOTE)
def test_a_setting_that_is_off_is_named_with_the_way_to_set_it(root: Path, hub: Hub, name: str) -> None:
    REMOTE[name](hub)
    item = items(root, hub)[name]
    assert item.verdict == "missing" and item.how


@pytest.mark.parametrize(
    ("patterns", "verdict"),
    [
        (("contribution-ledger/contribution-ledger@*",), "ok"),
        (("contribution-ledger/*",), "ok"),
        (("contribution-ledger/contribution-ledger@v9",), "missing"),
        ((), "missing"),
    ],
)
def test_where_actions_are_selected_ours_must_be_among_them(
    root: Path, hub: Hub, patterns: tuple[str, ...], verdict: str
) -> None:
    hub.settings.allowed_actions, hub.settings.selected_actions = "selected", patterns
    assert items(root, hub)["actions allowed"].verdict == verdict


@pytest.mark.parametrize("there", [(), ("DISCORD_TOKEN",), ("DISCORD_TOKEN", "LEDGER_SECRET")])
def test_the_secrets_that_the_sources_need_must_be_in_their_environment(
    root: Path, hub: Hub, there: tuple[str, ...]
) -> None:
    options = '{guild: "1", consent: bound, ids: keyed, logins: hide}'
    source = f"\n  - source: discord\n    name: chat\n    options: {options}"
    path = root / "scopes" / "default.yaml"
    path.write_text(path.read_text("utf-8").replace("\nsources: []", f"\nsources:{source}"), "utf-8")
    hub.settings.environments["collect"] = Environment(branches=("main",), secrets=there)
    found = items(root, hub)
    missing = {name for name, item in found.items() if name.startswith("secret ") and item.verdict == "missing"}
    assert missing == {f"secret {name}" for name in {"DISCORD_TOKEN", "LEDGER_SECRET"} - set(there)}


LOCAL: dict[str, Callable[[Path], object]] = {
    "repository named": lambda root: _edit(root / "ledger.yaml", f'"{NAME}"', '""'),
    "bytes kept as they are": lambda root: (root / ".gitattributes").unlink(),
    "owners of settings": lambda root: (root / ".github" / "CODEOWNERS").write_text("# nobody\n", "utf-8"),
    "accounts of approvers, default": lambda root: _edit(root / "scopes" / "default.yaml", "    github_id: 101\n", ""),
    "workflow guard": lambda root: (root / ".github" / "workflows" / "guard.yml").unlink(),
    "workflow collect": lambda root: _edit(root / ".github" / "workflows" / "collect.yml", "timeout", "# timeout"),
    "version of the action": lambda root: [
        _edit(path, "@v0", "@v0.0", every=True) for path in (root / ".github" / "workflows").glob("*.yml")
    ],
}


def _edit(path: Path, old: str, new: str, *, every: bool = False) -> None:
    text = path.read_text("utf-8")
    assert every or old in text
    path.write_text(text.replace(old, new), "utf-8")


@pytest.mark.parametrize("name", LOCAL)
def test_a_file_that_is_not_as_it_must_be_is_named(root: Path, name: str) -> None:
    LOCAL[name](root)
    item = {item.name: item for item in local_items(open_session(root, NOW))}[name]
    assert item.verdict == "missing" and item.how


def test_bytes_are_asked_of_git_and_unknown_where_there_is_none(root: Path) -> None:
    (root / ".gitattributes").write_text("data/** -text\n[attr]kept eol=crlf text\ndata/** kept\n", "utf-8")
    found = {item.name: item for item in local_items(open_session(root, NOW))}["bytes kept as they are"]
    assert found.verdict == "missing" and "lets git change the bytes" in found.found
    shutil.rmtree(root / ".git")
    found = {item.name: item for item in local_items(open_session(root, NOW))}["bytes kept as they are"]
    assert found.verdict == "unknown"


def test_what_the_token_may_not_see_is_unknown_and_never_ok(root: Path, hub: Hub) -> None:
    found = items(root, hub, "ann")
    assert found["nobody passes ruleset 1"].verdict == "unknown"


def test_a_wrong_token_is_said_once(root: Path, hub: Hub) -> None:
    with pytest.raises(CredentialsError):
        remote_items(open_session(root, NOW), Forge({**hub.environ(), "GITHUB_TOKEN": "wrong"}))


def test_the_command_ends_with_1_when_something_is_missing(root: Path, hub: Hub) -> None:
    environ = hub.environ("maintainer")
    run = CliRunner().invoke(ledger, ["doctor", "--node", str(root)], env=environ)
    assert run.exit_code == 0 and "0 missing" in run.stderr, run.output
    hub.settings.variables.clear()
    run = CliRunner().invoke(ledger, ["doctor", "--node", str(root), "--json"], env=environ, standalone_mode=False)
    told = json.loads(run.stdout)
    assert run.return_value == 1 and told["schema"] == "doctor/1" and told["counts"]["missing"] == 1
