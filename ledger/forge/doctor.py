"""`ledger doctor`: is everything that docs/operate.md asks for switched on? Each item with how to set it.

Facts are fetched one by one, so that a token which may not see one setting still tells about the others: what it may
not see is `unknown`, never `ok`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from ledger.core.canonical import foreign_json
from ledger.core.errors import CredentialsError, InputError, LedgerError, SourceError
from ledger.flows.guard import altered_on_checkout
from ledger.flows.session import Session
from ledger.flows.start import ACTION, TEMPLATE_NODE, WORKFLOWS, workflows
from ledger.forge.alarm import ALARM_LABEL
from ledger.forge.conversation import QUESTION_LABEL
from ledger.forge.github import Forge, NotFoundError

Verdict = Literal["ok", "missing", "unknown"]
LABELS = (QUESTION_LABEL, ALARM_LABEL, "ledger:bind", "ledger:receipt")
CHECKS = ("ledger/guard", "ledger/verify", "ledger/statement")
RULES = ("deletion", "non_fast_forward", "required_linear_history", "pull_request", "required_status_checks")
_USES = re.compile(r"^\s*- uses: (\S+/\S+@\S+?)\s*(?:#.*)?$", re.M)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that must be so: whether it is, what was found, and how to set it."""

    name: str
    verdict: Verdict
    found: str
    how: str


def local_items(session: Session) -> list[Item]:
    """What the files of the checkout say; needs no network."""
    return list(_local(session))


def remote_items(session: Session, forge: Forge) -> list[Item]:
    """What GitHub says about the repository; CredentialsError when the token opens nothing at all."""
    about = forge.rest("GET", "")  # a token that cannot read the repository ends here
    found = [
        _item("default branch", about.get("default_branch") == "main", str(about.get("default_branch")), "Rename it."),
        _item(
            "issues", about.get("has_issues") is True, _switch(about.get("has_issues")), "General → Features: Issues."
        ),
        _item(
            "squash merges",
            about.get("allow_squash_merge") is not False,
            _switch(about.get("allow_squash_merge") is not False),
            "General → Pull Requests: Allow squash merging.",
        ),
    ]
    for check in (
        _actions,
        _enabled,
        _ruleset,
        _pages,
        _environments,
        _variable,
        _labels,
        _approvers,
        _owners,
        _secrets,
    ):
        found += _told(check, session, forge)
    return found


def _bytes_kept(root: Path) -> Item:
    """Git itself is asked, so that a node which is not yet a repository stays unknown."""
    name, how = "bytes kept as they are", "Add the line `data/** -text` as the last one."
    try:
        altered = altered_on_checkout(root)
    except InputError as error:
        return Item(name, "unknown", error.message, error.hint)
    return _item(name, altered is None, ".gitattributes" + (f" {altered.message}" if altered else ""), how)


def _item(name: str, holds: bool, found: str, how: str) -> Item:
    return Item(name, "ok" if holds else "missing", found, "" if holds else how)


def _switch(on: object) -> str:
    return "on" if on else "off"


def _told(check: Callable[[Session, Forge], Iterator[Item]], session: Session, forge: Forge) -> list[Item]:
    """The items of a check, up to where the token may not look."""
    found: list[Item] = []
    try:
        found.extend(check(session, forge))
    except (CredentialsError, NotFoundError, SourceError) as error:
        name = check.__name__.removeprefix("_")
        how = "Run this with an administrator's token: `GITHUB_TOKEN=$(gh auth token) ledger doctor`."
        found.append(Item(name, "unknown", error.message, how))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, LedgerError):
            raise
        found.append(Item(check.__name__.removeprefix("_"), "unknown", "another form than documented", "Report it."))
    return found


def _local(session: Session) -> Iterator[Item]:
    node, root = session.node, session.node.root
    named = node.settings.repository
    yield _item("repository named", bool(named), named or "empty", "ledger.yaml: `repository: OWNER/NAME`.")
    own = node.settings.node_id != TEMPLATE_NODE
    yield _item("id of its own", own, node.settings.node_id, "ledger.yaml: `node_id` is a new UUID (`uuidgen`), once.")
    yield _bytes_kept(root)
    lines = _read(root / ".github" / "CODEOWNERS").splitlines()
    owned = any("@" in line for line in lines if not line.lstrip().startswith("#"))
    yield _item(
        "owners of settings", owned, ".github/CODEOWNERS", "Name who reviews changes of ledger.yaml and scopes/."
    )
    for scope_id, scope in node.scopes.items():
        nobody = [person.id for person in scope.approvers if person.github_id is None]
        found = f"without: {', '.join(nobody)}" if nobody else f"{len(scope.approvers)} approvers"
        holds = bool(scope.approvers) and not nobody
        how = f"scopes/{scope_id}.yaml: `github_id: NUMBER` for each (`gh api users/LOGIN --jq .id`)."
        yield _item(f"accounts of approvers, {scope_id}", holds, found, how)
    yield from _workflow_files(root)


def _workflow_files(root: Path) -> Iterator[Item]:
    """The workflows as this version writes them, for the action that they call."""
    ours, wanted = _our_actions(root), ACTION.partition("@")[2]
    for path, text in workflows(our_action(root)).items():
        stem = Path(path).stem
        there = _read(root / path)
        found = "missing" if not there else "as written" if there == text else "changed, or of another version"
        how = f"Remove {path} and run `ledger init .` of this version, or keep it if you changed it on purpose."
        yield _item(f"workflow {stem}", there == text, found, how)
    versions = {each.partition("@")[2] for each in ours}
    how = f"Change the version after @ to {wanted} in .github/workflows/."
    yield _item("version of the action", versions == {wanted}, ", ".join(sorted(versions)) or "none", how)


def _our_actions(root: Path) -> list[str]:
    """The ledger's action as the workflow files name it; more than one where they differ."""
    folder = root / ".github" / "workflows"
    used = {match for path in sorted(folder.glob("*.yml")) for match in _USES.findall(_read(path))}
    name = ACTION.partition("@")[0].rpartition("/")[2]
    return sorted(action for action in used if action.partition("@")[0].endswith(name))


def our_action(root: Path) -> str:
    """The ledger's action as the node's workflows call it, `owner/name@ref`."""
    return next(iter(_our_actions(root)), ACTION)


def _actions(session: Session, forge: Forge) -> Iterator[Item]:
    there = forge.rest("GET", "actions/permissions")
    yield _item("actions", there["enabled"] is True, _switch(there["enabled"]), "Actions → General: allow actions.")
    if there["enabled"] is True:
        yield from _allowed(session, forge, there)
    may = forge.rest("GET", "actions/permissions/workflow")
    default = may["default_workflow_permissions"]
    yield _item("token of jobs", default == "read", str(default), "Actions → General → Workflow permissions: read.")
    approve = may["can_approve_pull_request_reviews"] is True
    how = "Actions → General: Allow GitHub Actions to create and approve pull requests."
    yield _item("jobs may open pull requests", approve, _switch(approve), how)


def _allowed(session: Session, forge: Forge, there: Mapping[str, Any]) -> Iterator[Item]:
    """Whether the ledger's own action, as the workflows name it, may run here."""
    ours = our_action(session.node.root)
    name, _, version = ours.partition("@")
    allowed = str(there.get("allowed_actions", "all"))
    holds = allowed == "all"
    if allowed == "selected":
        chosen = forge.rest("GET", "actions/permissions/selected-actions")
        patterns = [str(pattern) for pattern in chosen.get("patterns_allowed") or []]
        holds = chosen["github_owned_allowed"] is True and any(fnmatchcase(ours, pattern) for pattern in patterns)
    yield _item("actions allowed", holds, allowed, f"Actions → General: allow actions by GitHub, and {name}@*.")
    pinned = there.get("sha_pinning_required") is True and not re.fullmatch(r"[0-9a-f]{40}", version)
    how = f"Actions → General: no full-length pins; or make the node's workflows name {name} by a commit (--action)."
    yield _item("action by its release", not pinned, "a commit is required" if pinned else "may run", how)


def _enabled(_: Session, forge: Forge) -> Iterator[Item]:
    """Whether GitHub runs the workflows: it switches schedules off after 60 quiet days."""
    listed = forge.rest("GET", "actions/workflows?per_page=100")["workflows"]
    states = {str(each["path"]).rpartition("/")[2]: str(each["state"]) for each in listed}
    for name in WORKFLOWS:
        if name != "witness":  # rests in the ledger's own repository
            state = states.get(f"{name}.yml", "not on main")
            yield _item(f"{name} is enabled", state == "active", state, f"gh workflow enable {name}.yml")


def _ruleset(session: Session, forge: Forge) -> Iterator[Item]:
    how = "Rules → Rulesets → Import a ruleset: .github/rulesets/main.json."
    in_force = {rule["type"]: rule.get("parameters") or {} for rule in forge.rest("GET", "rules/branches/main")}
    missing = [name for name in RULES if name not in in_force]
    yield _item("rules of main", not missing, f"missing: {', '.join(missing)}" if missing else "in force", how)
    pull = in_force.get("pull_request", {})
    reviews = pull.get("required_approving_review_count", 0) >= 1 and pull.get("require_code_owner_review") is True
    alone = _alone(session.node.root) and "pull_request" in in_force
    yield _item("reviews of main", reviews or alone, "one person alone" if alone else _switch(reviews), how)
    stale = pull.get("dismiss_stale_reviews_on_push") is False
    wrong = (
        "Do not dismiss stale approvals: the ledger's own commits would dismiss them; signatures are bound to content."
    )
    yield _item("approvals stay", stale, _switch(stale), wrong)
    contexts = {
        check["context"] for check in in_force.get("required_status_checks", {}).get("required_status_checks", [])
    }
    absent = [name for name in CHECKS if name not in contexts]
    yield _item("required checks", not absent, f"missing: {', '.join(absent)}" if absent else "all three", how)
    for summary in forge.rest("GET", "rulesets"):
        whole = forge.rest("GET", f"rulesets/{int(summary['id'])}")
        if whole.get("target") != "branch" or whole.get("enforcement") != "active":
            continue
        bypass = whole.get("bypass_actors")
        name = f"nobody passes ruleset {int(summary['id'])}"
        if bypass is None:
            yield Item(name, "unknown", "only administrators see it", "Run this with an administrator's token.")
        else:
            yield _item(name, not bypass, f"{len(bypass)} may", "Remove every entry of its bypass list, bots too.")


def _alone(root: Path) -> bool:
    """Whether the node's own rules are those of one person (`ledger init --solo`)."""
    try:
        rules = foreign_json(_read(root / ".github" / "rulesets" / "main.json"))["rules"]
        return any(one.get("parameters", {}).get("required_approving_review_count") == 0 for one in rules)
    except (ValueError, LookupError, TypeError, AttributeError):
        return False


def _pages(session: Session, forge: Forge) -> Iterator[Item]:
    how = "Pages → Build and deployment: GitHub Actions."
    try:
        pages = forge.rest("GET", "pages")
    except NotFoundError:
        yield Item("pages", "missing", "off", how)
        return
    yield _item("pages", pages.get("build_type") == "workflow", str(pages.get("build_type")), how)
    https = pages.get("https_enforced") is not False
    yield _item("pages by https", https, _switch(https), "Pages: Enforce HTTPS.")
    wanted, served = session.node.settings.site_url.rstrip("/"), str(pages.get("html_url", "")).rstrip("/")
    yield _item("address of the site", wanted == served, served, f"ledger.yaml: `site_url: {json.dumps(served)}`.")


def _environments(_: Session, forge: Forge) -> Iterator[Item]:
    for name in ("collect", "github-pages"):
        how = f"Environments → {name}: deployment branches, selected: main alone."
        try:
            there = forge.rest("GET", f"environments/{name}")
        except NotFoundError:
            yield Item(f"environment {name}", "missing", "there is none", how)
            continue
        policy = there.get("deployment_branch_policy") or {}
        branches: list[str] = []
        if policy.get("custom_branch_policies"):
            listed = forge.rest("GET", f"environments/{name}/deployment-branch-policies")
            branches = [each["name"] for each in listed["branch_policies"]]
        alone = branches == ["main"] or policy.get("protected_branches") is True
        yield _item(f"environment {name}", alone, ", ".join(branches) or "all branches", how)


def _variable(_: Session, forge: Forge) -> Iterator[Item]:
    how = f"gh variable set LEDGER_REPOSITORY --body {forge.name}"
    value = _value(forge, "LEDGER_REPOSITORY")
    yield _item("switched on", value == forge.name, value or "LEDGER_REPOSITORY is not set", how)


def _value(forge: Forge, name: str) -> str:
    """A variable of the repository; empty where it is not set."""
    try:
        return str(forge.rest("GET", f"actions/variables/{name}").get("value"))
    except NotFoundError:
        return ""


def _labels(_: Session, forge: Forge) -> Iterator[Item]:
    there = {label["name"] for label in forge.pages("labels")}
    for name in LABELS:
        yield _item(f"label {name}", name in there, _switch(name in there), f"gh label create {name}")


def _approvers(session: Session, forge: Forge) -> Iterator[Item]:
    for scope_id, scope in session.node.scopes.items():
        for person in scope.approvers:
            name = f"account of {person.id}, {scope_id}"
            if person.github_id is None:
                continue  # said by the files already
            try:
                login = str(forge.rest("GET", f"/user/{person.github_id}")["login"])
            except NotFoundError:
                how = f"scopes/{scope_id}.yaml: put the number of a living account."
                yield Item(name, "missing", f"{person.github_id} does not exist", how)
                continue
            role = forge.rest("GET", f"collaborators/{login}/permission").get("permission")
            holds = role in ("write", "admin", "maintain")
            yield _item(name, holds, f"{login}, {role}", "Give it the role write; else its reviews count for nothing.")


def _owners(_: Session, forge: Forge) -> Iterator[Item]:
    """Whether GitHub takes every line of CODEOWNERS: an owner who may not write is none, and nobody is asked."""
    wrong = forge.rest("GET", "codeowners/errors")["errors"]
    found = f"line {int(wrong[0]['line'])}: {wrong[0]['kind']}" if wrong else "each is known"
    yield _item("owners may write", not wrong, found, ".github/CODEOWNERS: people or teams with the role write.")


def _secrets(session: Session, forge: Forge) -> Iterator[Item]:
    wanted = wanted_secrets(session) + (["LEDGER_APP_PRIVATE_KEY"] if _value(forge, "LEDGER_APP_ID") else [])
    if not wanted:
        return
    there = {each["name"] for each in forge.rest("GET", "environments/collect/secrets")["secrets"]}
    for name in wanted:
        how = f"gh secret set {name} --env collect"
        yield _item(f"secret {name}", name in there, _switch(name in there), how)


def wanted_secrets(session: Session) -> list[str]:
    """What the configured sources need: a bot's token, and the node's secret where ids are keyed."""
    found = set()
    for scope in session.node.scopes.values():
        for entry in scope.sources:
            keyed = entry.options.get("ids", "keyed" if entry.source == "discord" else "plain")
            found |= {"DISCORD_TOKEN"} if entry.source == "discord" else set()
            found |= {"LEDGER_SECRET"} if keyed == "keyed" else set()
    return sorted(found)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def summary(items: list[Item]) -> Mapping[str, Any]:
    """How many items are ok, missing and unknown."""
    return {verdict: sum(item.verdict == verdict for item in items) for verdict in ("ok", "missing", "unknown")}
