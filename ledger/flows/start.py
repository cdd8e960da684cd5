"""Make a new node: settings, weights, and everything that its repository on GitHub needs to run by itself.

Files that exist are left alone, and `ledger.yaml` comes last, so that a killed run is completed by the next.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from ledger import __version__
from ledger.core.config import (
    DEFAULT_ANCHOR,
    DEFAULT_LICENSE,
    DEFAULT_SCOPE,
    EpochSettings,
    NodeSettings,
    ScopeSettings,
)
from ledger.core.errors import InputError
from ledger.core.install import PROJECT, install_line
from ledger.core.values import Timestamp, checksummed
from ledger.core.windows import Window
from ledger.store.files import read_file, write_file
from ledger.store.layout import GITKEEP, NODE_FILE, scope_path
from ledger.store.node import load_node
from ledger.store.yamlfile import parse_yaml

ACTION = f"{PROJECT}@v{__version__}"
"""The composite action (this project's `action.yml`) that a node's workflows call: the one line an upgrade changes."""
WORKFLOWS = ("collect", "statement", "review", "guard", "publish", "witness")
"""The workflows of a node, by the name of their file."""
TEMPLATE_NODE = "00000000-0000-0000-0000-000000000000"
"""The id in a template's ledger.yaml: nobody's, and never to be kept."""
_ACTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}(/[A-Za-z0-9._-]+)*@[A-Za-z0-9._/-]{1,100}")
_OWNER = re.compile(r"@?[A-Za-z0-9][A-Za-z0-9-]{0,38}(/[A-Za-z0-9][A-Za-z0-9._-]{0,99})?")
_WORD = re.compile(r"(?!(null|true|false)$)[a-z][a-z0-9-]*")  # what YAML takes for text without quotes
_RESTING = "\n    if: github.repository == vars.LEDGER_REPOSITORY"


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """One source to write into the scope's file; options are text, true or false, numbers, or lists of them."""

    source: str
    name: str
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class NodePlan:
    """What a new node is to be. `approvers`: (id, wallet); `accounts`: their GitHub numbers by id; amounts in credits.

    `code_owners` are the logins or teams on GitHub whose review a change of settings needs; `action` is what the
    workflows call, `owner/repository@ref`. `solo`: one person does everything, so that no rule asks for a second one's
    review; the checks and the ban on rewriting stay. `template`: what a template repository holds, for
    others to make theirs from: no id, no start, and the workflow that keeps the issue with what is left to do.
    """

    name: str
    start: Timestamp
    approvers: Sequence[tuple[str, str]] = ()
    threshold: int = 1
    base_issuance: int | None = 10_000
    sources: Sequence[SourcePlan] = ()
    site_url: str = ""
    length: int = 7
    unit: str = "days"
    anchor: str = DEFAULT_ANCHOR
    grace_hours: int = 24
    overlap: bool = False
    scope_id: str = DEFAULT_SCOPE
    node_id: str | None = None
    accounts: Mapping[str, int] = field(default_factory=dict)
    repository: str = ""
    code_owners: Sequence[str] = ()
    action: str = ACTION
    unresolved: str = "share"
    solo: bool = False
    template: bool = False
    data_license: str = DEFAULT_LICENSE


def first_windows(plan: NodePlan, count: int = 3) -> list[Window]:
    """The windows that the plan's first epochs will have."""
    epoch = EpochSettings.load({"anchor": plan.anchor, "length": plan.length, "unit": plan.unit}, NODE_FILE)
    windows = [epoch.calendar.holding(plan.start)]
    while len(windows) < count:
        windows.append(epoch.calendar.after(windows[-1]))
    return windows


def quoted(value: object) -> str:
    """A plain value as YAML: text as a double-quoted scalar, lists in brackets (JSON is YAML)."""
    return json.dumps(value, ensure_ascii=True)


def render(plan: NodePlan) -> dict[str, str]:
    """Every file of the new node by path; `ledger.yaml` is the last.

    Raises InputError for an action or a code owner that GitHub would not understand.
    """
    for owner in plan.code_owners:
        if not _OWNER.fullmatch(owner):
            raise InputError(f"{owner!r} is no login or team on GitHub", hint="Write it as login, or org/team.")
    owners = " ".join(f"@{owner.removeprefix('@')}" for owner in plan.code_owners)
    values = {
        "node_id": TEMPLATE_NODE if plan.template else plan.node_id or str(uuid.uuid4()),
        "name": quoted(plan.name),
        "plain_name": plan.name,
        "site_url": quoted(plan.site_url),
        "repository": quoted(plan.repository),
        "data_license": quoted(plan.data_license),
        "length": str(plan.length),
        "unit": plan.unit,
        "anchor": plan.anchor,
        "grace_hours": str(plan.grace_hours),
        "scope_id": plan.scope_id,
        "scope_word": plan.scope_id if _WORD.fullmatch(plan.scope_id) else quoted(plan.scope_id),
        "start": "null" if plan.template else quoted(plan.start[:10]),
        "approvers": _approvers(plan) or " []                # at least one before the first review:  - id: alice",
        "threshold": str(plan.threshold),
        "base_issuance": "null" if plan.base_issuance is None else quoted(str(plan.base_issuance)),
        "overlap": "true" if plan.overlap else "false",
        "sources": _sources(plan) or " []                  # see docs/sources.md of the project",
        "unresolved": plan.unresolved,
        "reviews": "0" if plan.solo else "1",
        "owner_reviews": "false" if plan.solo else "true",
        "owners": owners or "@your-login",
        "owned": "" if owners else "# ",
        "action_name": plan.action.partition("@")[0],
        "on_github": plan.repository or "OWNER/NAME",
        "install": install_line(),
        "install_all": install_line("all"),
        "install_sign": install_line("github"),
    }
    names = {
        ".gitattributes": "gitattributes",
        ".gitignore": "gitignore",
        ".github/CODEOWNERS": "CODEOWNERS",
        ".github/ISSUE_TEMPLATE/bind.yml": "bind.yml",
        ".github/ISSUE_TEMPLATE/question.yml": "question.yml",
        ".github/ISSUE_TEMPLATE/vouch.yml": "vouch.yml",
        ".github/dependabot.yml": "dependabot.yml",
        ".github/pull_request_template.md": "pull_request_template.md",
        ".github/rulesets/main.json": "ruleset.json",
        ".github/zizmor.yml": "zizmor.yml",
        "docs/operate.md": "operate.md",
        "README.md": "README.md",
        "weights/default.yaml": "weights.yaml",
        scope_path(plan.scope_id): "scope.yaml",
    }
    rendered = {path: _template(name).substitute(values) for path, name in names.items()}
    if plan.template:
        rendered[".github/workflows/setup.yml"] = _template("setup.yml").substitute(action=plan.action)
    return {**rendered, **workflows(plan.action), NODE_FILE: _template("ledger.yaml").substitute(values)}


def workflows(action: str = ACTION, *, resting: bool = False) -> dict[str, str]:
    """The workflows by path. `resting`: the required checks rest too until the repository is switched on.

    A node's own checks must not: GitHub takes a skipped required check for a passed one.
    Raises InputError when `action` is not `owner/repository@ref`.
    """
    if not _ACTION.fullmatch(action):
        raise InputError(f"{action!r} is no action", hint="Write it as owner/repository@ref.")
    values = {"action": action, "resting": _RESTING if resting else ""}
    return {f".github/workflows/{name}.yml": _template(f"{name}.yml").substitute(values) for name in WORKFLOWS}


def _template(name: str) -> Template:
    return Template((files("ledger.flows.scaffold") / name).read_text("utf-8"))


def _approvers(plan: NodePlan) -> str:
    return "".join(
        f"\n  - id: {quoted(person)}\n    wallets: [{quoted(checksummed(wallet))}]"
        + (f"\n    github_id: {plan.accounts[person]}" if person in plan.accounts else "")
        for person, wallet in plan.approvers
    )


def _sources(plan: NodePlan) -> str:
    return "".join(
        f"\n  - source: {quoted(entry.source)}\n    name: {quoted(entry.name)}\n    options:"
        + ("".join(f"\n      {key}: {quoted(value)}" for key, value in entry.options.items()) or " {}")
        for entry in plan.sources
    )


def is_node(target: Path) -> bool:
    """Whether there is a node in `target` already."""
    return (target / NODE_FILE).exists()


def init_node(target: Path, plan: NodePlan) -> list[str]:
    """Write the node's files into `target`; returns the paths written (none when nothing is missing).

    A node that exists already keeps its settings, and gets what its repository on GitHub lacks. Raises ConfigError when
    the wanted settings are not valid, before anything is written; a killed run is completed by the next.
    """
    root = target.resolve()
    if root.exists() and not root.is_dir():
        raise InputError("is a file, not a folder", path=str(target))
    if is_node(root):
        existing = load_node(root).settings
        plan = replace(plan, name=existing.name, repository=existing.repository, site_url=existing.site_url)
        wanted = {path: text for path, text in render(plan).items() if path.startswith((".github/", "docs/"))}
    else:
        wanted = {GITKEEP: "", **render(plan)}
        NodeSettings.load(parse_yaml(wanted[NODE_FILE].encode(), NODE_FILE), NODE_FILE)
        scope = scope_path(plan.scope_id)
        ScopeSettings.load(parse_yaml(wanted[scope].encode(), scope), scope)
    root.mkdir(parents=True, exist_ok=True)
    written = []
    for path, text in wanted.items():
        if read_file(root, path) is None:
            write_file(root, path, text.encode())
            written.append(path)
    node = load_node(root)
    for settings in node.scopes.values():
        node.weight_policy(settings.weights)
    return written
