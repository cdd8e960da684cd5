"""Switch a ledger's repository on: what is so already, what has to be changed by which calls, and how to take it back.

The plan is data, made by reading alone; carrying it out makes exactly the calls that it names, in its order, and may be
done again: what is so by then is no longer in it. What no API may do is told as a person's, with its link. Secrets come
from the environment, go to GitHub encrypted, and are never written anywhere else.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ledger.core.canonical import foreign_json
from ledger.core.errors import ConfigError, InputError, LedgerError, SourceError
from ledger.flows.session import Session
from ledger.flows.start import TEMPLATE_NODE
from ledger.forge.clone import git_environment
from ledger.forge.doctor import LABELS, our_action, wanted_secrets
from ledger.forge.github import Forge, NotFoundError, RefusedError

DESCRIPTIONS = {
    "ledger:question": "About an epoch; an approver answers",
    "ledger:alarm": "A scheduled run fails",
    "ledger:bind": "Somebody's accounts",
    "ledger:receipt": "Work that somebody vouches for",
}
ENVIRONMENTS = ("collect", "github-pages")
RULESET = ".github/rulesets/main.json"


@dataclass(frozen=True, slots=True)
class Call:
    """One call of GitHub's REST API; `path` as `Forge.rest` takes it."""

    verb: str
    path: str
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not so yet. `undo` is the command that takes it back; `link` where a person sees or does it.

    `calls` make it so; `push` and `secret` (a name in the environment) are what no plain call does; with none of the
    three it is a person's.
    """

    name: str
    found: str
    will: str
    undo: str = ""
    link: str = ""
    calls: tuple[Call, ...] = ()
    push: bool = False
    secret: str = ""

    @property
    def by_person(self) -> bool:
        """Whether only a person can do it."""
        return not (self.calls or self.push or self.secret)


@dataclass
class Plan:
    """Everything that is not so yet, in the order in which it must be done; and what is so, by name."""

    changes: list[Change] = field(default_factory=list)
    there: list[str] = field(default_factory=list)


def make_plan(session: Session, forge: Forge, environ: Mapping[str, str]) -> Plan:
    """Look at everything and change nothing. CredentialsError for a token that may not look."""
    if session.node.settings.node_id == TEMPLATE_NODE:
        hint = "Put a new UUID there (`uuidgen`), once and for all, and commit it; then run this again."
        raise ConfigError("node_id is still the template's, which is nobody's", path="ledger.yaml", hint=hint)
    plan = Plan()
    about = _get(forge, "")
    for step in (
        _push,
        _actions,
        _token,
        _labels,
        _environments,
        _secrets,
        _pages,
        _people,
        _rules,
        _minutes,
        _variable,
        _run,
    ):
        before = len(plan.changes)
        plan.changes += step(session, forge, about, environ)
        if len(plan.changes) == before:
            plan.there.append(step.__name__.removeprefix("_"))
    return plan


def carry_out(
    session: Session, forge: Forge, plan: Plan, environ: Mapping[str, str], tell: Callable[[str], None]
) -> list[Change]:
    """Make every change of the plan that no person must make; what was made, in order. Stops at the first that fails.

    Running it again goes on from there.
    """
    made = []
    for change in plan.changes:
        if change.by_person:
            continue
        try:
            for call in change.calls:
                forge.rest(call.verb, call.path, call.body)
            if change.push:
                push_main(session.node.root, forge, environ)
            if change.secret:
                _put_secret(forge, change.secret, environ[change.secret])
        except LedgerError as error:
            error.hint = f"{error.hint} What was done before stays; run this again to go on.".strip()
            raise
        made.append(change)
        tell(f"done: {change.name}: {change.will}")
    return made


Step = Callable[[Session, Forge, "Mapping[str, Any] | None", Mapping[str, str]], Iterator[Change]]


def _get(forge: Forge, path: str) -> Any:
    """What is there, None where there is nothing."""
    try:
        return forge.rest("GET", path)
    except NotFoundError:
        return None
    except RefusedError as error:
        if error.status in (409, 422):  # an empty repository has no commit to show
            return None
        raise


def _push(
    session: Session, forge: Forge, about: Mapping[str, Any] | None, _environ: Mapping[str, str]
) -> Iterator[Change]:
    owner, _, name = forge.name.partition("/")
    if about is None:
        me = forge.rest("GET", "/user").get("login")
        path = "/user/repos" if str(me).lower() == owner.lower() else f"/orgs/{owner}/repos"
        yield Change(
            "repository", "there is none", f"make {forge.name}, public", f"gh repo delete {forge.name}", forge.url,
            (Call("POST", path, {"name": name, "private": False, "has_issues": True}),),
        )  # fmt: skip
    if about is None or _get(forge, "commits/main") is None:
        yield Change(
            "main", "empty", "push the node's files to main, before any rule protects it", link=forge.url, push=True
        )
    elif about.get("default_branch") != "main":
        call = Call("PATCH", "", {"default_branch": "main"})
        old = str(about.get("default_branch"))
        undo = f"gh api -X PATCH repos/{forge.name} -f default_branch={old}"
        yield Change("default branch", old, "main is the default branch", undo, calls=(call,))


def _actions(
    session: Session, forge: Forge, about: Mapping[str, Any] | None, _environ: Mapping[str, str]
) -> Iterator[Change]:
    action = our_action(session.node.root)
    pattern = f"{action.partition('@')[0]}@*"
    there = _get(forge, "actions/permissions") or {"enabled": True, "allowed_actions": "all"}
    link = f"{forge.url}/settings/actions"
    if (about or {}).get("owner", {}).get("type") == "Organization":
        owner = forge.name.partition("/")[0]
        at = f"{forge.server}/organizations/{owner}/settings/actions"
        if there.get("enabled") is not True:
            yield Change("organisation", "actions are off", "allow actions for this repository", link=at)
    chosen = _get(forge, "actions/permissions/selected-actions") if there.get("allowed_actions") == "selected" else None
    patterns = [str(each) for each in (chosen or {}).get("patterns_allowed") or []]
    allowed = there.get("allowed_actions") == "all" or (
        chosen is not None
        and chosen.get("github_owned_allowed") is True
        and any(fnmatchcase(action, each) for each in patterns)
    )
    if there.get("enabled") is not True or not allowed:
        was = str(there.get("allowed_actions", "all"))
        undo = f"gh api -X PUT repos/{forge.name}/actions/permissions -F enabled=true -f allowed_actions={was}"
        wanted = {"github_owned_allowed": True, "verified_allowed": False, "patterns_allowed": [*patterns, pattern]}
        calls = (
            Call("PUT", "actions/permissions", {"enabled": True, "allowed_actions": "selected"}),
            Call("PUT", "actions/permissions/selected-actions", wanted),
        )
        yield Change("actions", was, f"allow GitHub's own actions and {pattern}", undo, link, calls)


def _token(
    _session: Session, forge: Forge, _about: Mapping[str, Any] | None, _environ: Mapping[str, str]
) -> Iterator[Change]:
    there = _get(forge, "actions/permissions/workflow") or {}
    default, may = there.get("default_workflow_permissions"), there.get("can_approve_pull_request_reviews")
    if (default, may) != ("read", True):
        path = f"repos/{forge.name}/actions/permissions/workflow"
        flags = f"-f default_workflow_permissions={default or 'read'} "
        flags += f"-F can_approve_pull_request_reviews={str(may).lower()}"
        body = {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": True}
        yield Change(
            "token of jobs", f"{default}, pull requests {'on' if may else 'off'}",
            "jobs read by default, and may open pull requests", f"gh api -X PUT {path} {flags}",
            f"{forge.url}/settings/actions", (Call("PUT", "actions/permissions/workflow", body),),
        )  # fmt: skip


def _labels(
    _session: Session, forge: Forge, about: Mapping[str, Any] | None, _environ: Mapping[str, str]
) -> Iterator[Change]:
    there = {label["name"] for label in forge.pages("labels")} if about is not None else set()
    for name in LABELS:
        if name not in there:
            call = Call("POST", "labels", {"name": name, "description": DESCRIPTIONS[name]})
            undo = f"gh label delete {name} --repo {forge.name} --yes"
            yield Change(f"label {name}", "none", "make it; the forms and the alarm use it", undo, calls=(call,))


def _environments(
    _session: Session, forge: Forge, _about: Mapping[str, Any] | None, _environ: Mapping[str, str]
) -> Iterator[Change]:
    for name in ENVIRONMENTS:
        there = _get(forge, f"environments/{name}")
        policy = (there or {}).get("deployment_branch_policy") or {}
        path = f"environments/{name}/deployment-branch-policies"
        listed = _get(forge, path) if policy.get("custom_branch_policies") else None
        branches = [each["name"] for each in (listed or {}).get("branch_policies", [])]
        if branches == ["main"] or policy.get("protected_branches") is True:
            continue
        own = {"protected_branches": False, "custom_branch_policies": True}
        calls = [Call("PUT", f"environments/{name}", {"deployment_branch_policy": own})]
        calls += [Call("POST", path, {"name": "main"})] if "main" not in branches else []
        undo = f"gh api -X DELETE repos/{forge.name}/environments/{name}" if there is None else ""
        found = "none" if there is None else ", ".join(branches) or "all branches"
        link = f"{forge.url}/settings/environments"
        yield Change(f"environment {name}", found, "only main may use it", undo, link, tuple(calls))


def _secrets(
    session: Session, forge: Forge, _about: Mapping[str, Any] | None, environ: Mapping[str, str]
) -> Iterator[Change]:
    listed = _get(forge, "environments/collect/secrets") or {}
    there = {each["name"] for each in listed.get("secrets", [])}
    for name in wanted_secrets(session):
        if name in there:
            continue
        if environ.get(name):
            undo = f"gh secret delete {name} --env collect --repo {forge.name}"
            yield Change(f"secret {name}", "none", f"store ${name} in the environment collect", undo, secret=name)
            continue
        make = (
            "openssl rand -hex 32; keep it safe, outside the repository"
            if name == "LEDGER_SECRET"
            else "the bot's token"
        )
        yield Change(
            f"secret {name}", "none here, none there", f"set {name} ({make}) in your shell and run this again",
            link=f"{forge.url}/settings/environments",
        )  # fmt: skip


def _pages(
    _session: Session, forge: Forge, _about: Mapping[str, Any] | None, _environ: Mapping[str, str]
) -> Iterator[Change]:
    there = _get(forge, "pages")
    if there is None or there.get("build_type") != "workflow":
        verb = "POST" if there is None else "PUT"
        undo = f"gh api -X DELETE repos/{forge.name}/pages" if there is None else ""
        found = "off" if there is None else str(there.get("build_type"))
        link = f"{forge.url}/settings/pages"
        call = Call(verb, "pages", {"build_type": "workflow"})
        yield Change("pages", found, "the site comes from the workflow publish", undo, link, (call,))


def _people(
    session: Session, forge: Forge, _about: Mapping[str, Any] | None, _environ: Mapping[str, str]
) -> Iterator[Change]:
    """Approvers, curators and code owners need the role write; each accepts GitHub's invitation."""
    logins = []
    for scope in session.node.scopes.values():
        for person in (*scope.approvers, *scope.curators):
            if person.github_id is not None and (found := _get(forge, f"/user/{person.github_id}")) is not None:
                logins.append(str(found["login"]))
    try:
        text = (session.node.root / ".github" / "CODEOWNERS").read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    logins += re.findall(r"(?<!\S)@([A-Za-z0-9][A-Za-z0-9-]{0,38})(?!\S)", "\n".join(lines))
    for login in dict.fromkeys(logins):
        role = (_get(forge, f"collaborators/{login}/permission") or {}).get("permission", "none")
        if role not in ("write", "maintain", "admin"):
            undo = f"gh api -X DELETE repos/{forge.name}/collaborators/{login}"
            call = Call("PUT", f"collaborators/{login}", {"permission": "push"})
            will = f"invite {login} with the role write (accepted at {forge.url}/invitations)"
            yield Change(f"role of {login}", str(role), will, undo, f"{forge.url}/settings/access", (call,))


def _rules(
    session: Session, forge: Forge, about: Mapping[str, Any] | None, _environ: Mapping[str, str]
) -> Iterator[Change]:
    listed = (_get(forge, "rulesets") or []) if about is not None else []
    if any(one.get("name") == "main" and one.get("enforcement") == "active" for one in listed):
        return
    try:
        ruleset = foreign_json((session.node.root / RULESET).read_text("utf-8"))
    except (OSError, ValueError) as error:
        hint = "`ledger init .` writes it anew."
        raise ConfigError(f"cannot be read: {type(error).__name__}", path=RULESET, hint=hint) from None
    rulesets = f"repos/{forge.name}/rulesets"
    undo = f"gh api -X DELETE {rulesets}/$(gh api {rulesets} --jq '.[]|select(.name==\"main\").id')"
    will = "protect main: no rewriting, squash merges, the three checks, reviews as the file says"
    link = f"{forge.url}/settings/rules"
    yield Change("rules of main", "none", will, undo, link, (Call("POST", "rulesets", ruleset),))


def _variable(
    _session: Session, forge: Forge, _about: Mapping[str, Any] | None, _environ: Mapping[str, str]
) -> Iterator[Change]:
    there = _get(forge, "actions/variables/LEDGER_REPOSITORY")
    value = None if there is None else str(there.get("value"))
    if value != forge.name:
        body = {"name": "LEDGER_REPOSITORY", "value": forge.name}
        path = "actions/variables" if value is None else "actions/variables/LEDGER_REPOSITORY"
        call = Call("POST" if value is None else "PATCH", path, body)
        undo = f"gh variable delete LEDGER_REPOSITORY --repo {forge.name}"
        yield Change(
            "switched on", value or "no", "set LEDGER_REPOSITORY, which the workflows wait for", undo, calls=(call,)
        )


def _minutes(
    _session: Session, forge: Forge, about: Mapping[str, Any] | None, _environ: Mapping[str, str]
) -> Iterator[Change]:
    """Jobs of a private repository are billed: what the daily run does too rests then."""
    if about and about.get("private") and _get(forge, "actions/variables/LEDGER_SPARING") is None:
        undo = f"gh variable delete LEDGER_SPARING --repo {forge.name}"
        call = Call("POST", "actions/variables", {"name": "LEDGER_SPARING", "value": "yes"})
        will = "set LEDGER_SPARING: jobs of a private repository are billed, so hourly runs and daily builds rest"
        yield Change("billed minutes", "every run", will, undo, calls=(call,))


def _run(
    _session: Session, forge: Forge, _about: Mapping[str, Any] | None, _environ: Mapping[str, str]
) -> Iterator[Change]:
    """The first run, where the ledger is only now switched on."""
    there = _get(forge, "actions/variables/LEDGER_REPOSITORY")
    if there is None or str(there.get("value")) != forge.name:
        call = Call("POST", "actions/workflows/collect.yml/dispatches", {"ref": "main"})
        will = "start collect, which opens the first epoch"
        yield Change("first run", "none yet", will, link=f"{forge.url}/actions", calls=(call,))


def _put_secret(forge: Forge, name: str, value: str) -> None:
    """Store a secret of the environment `collect`, sealed to GitHub's key before it leaves this machine."""
    from github.PublicKey import encrypt

    key = forge.rest("GET", "environments/collect/secrets/public-key")
    body = {"encrypted_value": encrypt(str(key["key"]), value), "key_id": str(key["key_id"])}
    forge.rest("PUT", f"environments/collect/secrets/{name}", body)


def push_main(root: Path, forge: Forge, environ: Mapping[str, str]) -> None:
    """Commit the node where it is no repository yet, and push it to `main` of the remote `origin`."""
    environment = git_environment({"GITHUB_SERVER_URL": forge.server, **environ})

    def git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(["git", "-C", str(root), *arguments], env=environment, capture_output=True, check=False)

    def must(*arguments: str) -> None:
        done = git(*arguments)
        if done.returncode:
            said = (done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"])[-1]
            raise SourceError(f"git {arguments[0]} failed: {said}", hint="Mend it, and run this again.")

    if git("rev-parse", "--show-toplevel").returncode:
        must("init", "--quiet", "--initial-branch=main")
    if git("rev-parse", "--verify", "--quiet", "HEAD").returncode:
        must("add", "--all")
        must("commit", "--quiet", "--message", "A new ledger")
    if git("status", "--porcelain", "--", "ledger.yaml", "scopes", "weights", "data").stdout.strip():
        raise InputError("the node has changes that are not committed", hint="Commit them, then run this again.")
    if git("remote", "get-url", "origin").returncode:
        must("remote", "add", "origin", f"{forge.url}.git")
    must("push", "--quiet", "origin", "HEAD:refs/heads/main")
