"""The REST paths of accounts, of the repository, and of what an administrator sets."""

from __future__ import annotations

from typing import Any

from .. import shapes
from ..world import ACTIONS, Environment, Refused
from .rest import REPO, Call, Reply, page, repository_of, route


@route("GET", "/user")
def _me(call: Call) -> Reply:
    if call.login == ACTIONS:
        raise Refused(403, "Resource not accessible by integration")
    return Reply(body=shapes.whole_user(call.world, call.me))


@route("GET", "/user/{account_id}")
def _account(call: Call) -> Reply:
    found = call.world.accounts.get(call.number("account_id"))
    if found is None or found.deleted:
        raise Refused(404, "Not Found")
    return Reply(body=shapes.whole_user(call.world, found))


@route("GET", "/users/{username}")
def _user(call: Call) -> Reply:
    return Reply(body=shapes.whole_user(call.world, call.world.who(call.params["username"])))


@route("GET", REPO)
def _repo(call: Call) -> Reply:
    found = repository_of(call)
    assert found is not None
    return Reply(body=shapes.whole_repository(call.world, found, call.me))


@route("GET", f"{REPO}/collaborators/{{username}}/permission")
def _permission(call: Call) -> Reply:
    found = call.world.who(call.params["username"])
    shown = {**shapes.user(call.world, found), "role_name": found.permission, "permissions": None}
    shown["permissions"] = shapes.whole_repository(call.world, call.world.repository, found)["permissions"]
    return Reply(body={"permission": found.permission, "role_name": found.permission, "user": shown})


# What an administrator sets


@route("GET", f"{REPO}/rulesets")
def _rulesets(call: Call) -> Reply:
    return page(call, call.world.settings.rulesets, lambda one: ruleset_shape(call, one, whole=False))


@route("GET", f"{REPO}/rulesets/{{ruleset_id}}")
def _get_ruleset(call: Call) -> Reply:
    wanted = call.number("ruleset_id")
    for one in call.world.settings.rulesets:
        if one["id"] == wanted:
            return Reply(body=ruleset_shape(call, one, whole=True))
    raise Refused(404, "Not Found")


def ruleset_shape(call: Call, ruleset: dict[str, Any], *, whole: bool) -> dict[str, Any]:
    """A ruleset: lists leave out its rules, and who may pass them is shown to administrators alone."""
    world, created = call.world, call.world.repository.created_at
    api = f"{shapes.api_of(world)}/rulesets/{ruleset['id']}"
    shown = {"source_type": "Repository", "source": world.repository.full_name, "node_id": f"RRS_{ruleset['id']}"}
    shown |= {"created_at": created, "updated_at": created}
    links = {"self": {"href": api}, "html": {"href": f"{shapes.page_of(world)}/rules/{ruleset['id']}"}}
    hidden = set() if whole else {"rules", "conditions", "bypass_actors"}
    hidden |= set() if call.me.may("admin") else {"bypass_actors"}
    return {**shown, "_links": links, **{key: value for key, value in ruleset.items() if key not in hidden}}


@route("GET", f"{REPO}/rules/branches/{{branch}}")
def _rules(call: Call) -> Reply:
    return page(call, call.world.rules(call.params["branch"]), lambda one: one)


@route("GET", f"{REPO}/codeowners/errors", "contents:read")
def _codeowners(call: Call) -> Reply:
    """What GitHub does not take in CODEOWNERS: here, people who are not there or may not write."""
    bare = call.world.repository.bare
    text = (bare.read(bare.tip("main") or "", ".github/CODEOWNERS") or b"").decode()
    errors = []
    for number, source in enumerate(text.splitlines(), start=1):
        for owner in [] if source.lstrip().startswith("#") else source.split()[1:]:
            known = [one for one in call.world.accounts.values() if f"@{one.login}" == owner and one.may("write")]
            if not known:
                about = {"kind": "Unknown owner", "source": source, "suggestion": None, "path": ".github/CODEOWNERS"}
                place = {"line": number, "column": 1 + source.index(owner)}
                errors.append({**about, **place, "message": f"Unknown owner on line {number}"})
    return Reply(body={"errors": errors})


@route("GET", f"{REPO}/pages", "pages:read")
def _pages(call: Call) -> Reply:
    pages = call.world.settings.pages
    if pages is None:
        raise Refused(404, "Not Found")
    owner, name = call.world.repository.owner.login, call.world.repository.name
    filled = {
        "url": f"{shapes.api_of(call.world)}/pages",
        "status": "built",
        "cname": None,
        "custom_404": False,
        "html_url": f"https://{owner}.github.io/{name}/",
        "build_type": "legacy",
        "source": {"branch": "main", "path": "/"},
        "public": True,
        "https_enforced": True,
    }
    return Reply(body={**filled, **pages})


@route("GET", f"{REPO}/environments", "actions:read")
def _environments(call: Call) -> Reply:
    found = call.world.settings.environments
    shown = page(call, sorted(found), lambda name: _environment(call, name, found[name]))
    shown.body = {"total_count": len(found), "environments": shown.body}
    return shown


@route("GET", f"{REPO}/environments/{{environment_name}}", "actions:read")
def _get_environment(call: Call) -> Reply:
    return Reply(body=_environment(call, call.params["environment_name"], _named(call)))


@route("GET", f"{REPO}/environments/{{environment_name}}/deployment-branch-policies", "actions:read")
def _policies(call: Call) -> Reply:
    branches = _named(call).branches or ()
    rows = [(number, name) for number, name in enumerate(branches, start=1)]
    shown = page(call, rows, lambda row: {"id": row[0], "node_id": f"DBP_{row[0]}", "name": row[1], "type": "branch"})
    shown.body = {"total_count": len(branches), "branch_policies": shown.body}
    return shown


@route("GET", f"{REPO}/environments/{{environment_name}}/secrets", "environments:read")
def _secrets(call: Call) -> Reply:
    times = dict.fromkeys(("created_at", "updated_at"), call.world.repository.created_at)
    found = sorted(_named(call).secrets)
    shown = page(call, found, lambda name: {"name": name, **times})
    shown.body = {"total_count": len(found), "secrets": shown.body}
    return shown


def _named(call: Call) -> Environment:
    found = call.world.settings.environments.get(call.params["environment_name"])
    if found is None:
        raise Refused(404, "Not Found")
    return found


def _environment(call: Call, name: str, found: Environment) -> dict[str, Any]:
    world, number = call.world, 1 + sorted(call.world.settings.environments).index(name)
    limited = found.protected_branches or found.branches is not None
    rules: list[dict[str, Any]] = []
    if limited:
        rules.append({"id": number * 10, "node_id": f"GA_{number * 10}", "type": "branch_policy"})
    if found.reviewers:
        people = [{"type": "User", "reviewer": shapes.user(world, world.who(one))} for one in found.reviewers]
        about = {"id": number * 10 + 1, "node_id": f"GA_{number * 10 + 1}", "prevent_self_review": False}
        rules.append({**about, "type": "required_reviewers", "reviewers": people})
    policy = {
        "protected_branches": found.protected_branches,
        "custom_branch_policies": found.branches is not None,
    }
    return {
        "id": number,
        "node_id": f"EN_{number}",
        "name": name,
        "url": f"{shapes.api_of(world)}/environments/{name}",
        "html_url": f"{shapes.page_of(world)}/deployments/activity_log?environments_filter={name}",
        "created_at": world.repository.created_at,
        "updated_at": world.repository.created_at,
        "can_admins_bypass": True,
        "protection_rules": rules,
        "deployment_branch_policy": policy if limited else None,
    }


@route("GET", f"{REPO}/actions/permissions", "administration:read")
def _actions(call: Call) -> Reply:
    settings = call.world.settings
    shown = {"enabled": settings.actions_enabled, "sha_pinning_required": settings.sha_pinning_required}
    return Reply(body={**shown, "allowed_actions": settings.allowed_actions} if settings.actions_enabled else shown)


@route("GET", f"{REPO}/actions/permissions/selected-actions", "administration:read")
def _selected(call: Call) -> Reply:
    settings = call.world.settings
    if settings.allowed_actions != "selected":
        raise Refused(409, "Conflict")
    patterns = list(settings.selected_actions)
    return Reply(body={"github_owned_allowed": True, "verified_allowed": False, "patterns_allowed": patterns})


@route("GET", f"{REPO}/actions/permissions/workflow", "administration:read")
def _workflow_permissions(call: Call) -> Reply:
    names = ("default_workflow_permissions", "can_approve_pull_request_reviews")
    return Reply(body={name: getattr(call.world.settings, name) for name in names})


@route("GET", f"{REPO}/actions/variables", "variables:read")
def _variables(call: Call) -> Reply:
    found = call.world.settings.variables
    shown = page(call, sorted(found), lambda name: _variable(call, name))
    shown.body = {"total_count": len(found), "variables": shown.body}
    return shown


@route("GET", f"{REPO}/actions/variables/{{name}}", "variables:read")
def _get_variable(call: Call) -> Reply:
    if call.params["name"] not in call.world.settings.variables:
        raise Refused(404, "Not Found")
    return Reply(body=_variable(call, call.params["name"]))


def _variable(call: Call, name: str) -> dict[str, Any]:
    times = dict.fromkeys(("created_at", "updated_at"), call.world.repository.created_at)
    return {"name": name, "value": call.world.settings.variables[name], **times}
