"""The REST paths by which an administrator switches things on; what is set shows in what `settings` answers."""

from __future__ import annotations

from dataclasses import replace

from ..world import Environment, Refused
from .rest import REPO, Call, Reply, route
from .settings import ruleset_shape


@route("PUT", f"{REPO}/actions/permissions", "administration:write")
def _actions(call: Call) -> Reply:
    call.world.settings.actions_enabled = call.body["enabled"]
    call.world.settings.allowed_actions = call.body.get("allowed_actions", "all")
    return Reply(204)


@route("PUT", f"{REPO}/actions/permissions/selected-actions", "administration:write")
def _selected(call: Call) -> Reply:
    if call.world.settings.allowed_actions != "selected":
        raise Refused(409, "Conflict: allowed_actions is not selected")
    call.world.settings.selected_actions = tuple(call.body["patterns_allowed"])
    return Reply(204)


@route("PUT", f"{REPO}/actions/permissions/workflow", "administration:write")
def _workflow(call: Call) -> Reply:
    settings = call.world.settings
    settings.default_workflow_permissions = call.body["default_workflow_permissions"]
    settings.can_approve_pull_request_reviews = call.body["can_approve_pull_request_reviews"]
    return Reply(204)


@route("PUT", f"{REPO}/environments/{{environment_name}}", "administration:write")
def _environment(call: Call) -> Reply:
    name, settings = call.params["environment_name"], call.world.settings
    policy = call.body.get("deployment_branch_policy")
    old = settings.environments.get(name, Environment())
    branches = (old.branches or ()) if policy and policy["custom_branch_policies"] else None
    settings.environments[name] = replace(old, branches=branches)
    when = call.world.repository.created_at
    shown = {"id": 1, "node_id": "E_1", "name": name, "url": "", "html_url": "", "created_at": when}
    return Reply(body={**shown, "updated_at": call.world.now})


@route("POST", f"{REPO}/environments/{{environment_name}}/deployment-branch-policies", "administration:write")
def _branch(call: Call) -> Reply:
    name, settings = call.params["environment_name"], call.world.settings
    old = settings.environments.get(name)
    if old is None or old.branches is None:
        raise Refused(404, "Not Found")
    settings.environments[name] = replace(old, branches=(*old.branches, call.body["name"]))
    return Reply(body={"id": 1, "node_id": "D_1", "name": call.body["name"]})


@route("GET", f"{REPO}/environments/{{environment_name}}/secrets/public-key", "environments:read")
def _key(call: Call) -> Reply:
    return Reply(body={"key_id": "1", "key": "hBT5WZEj8ZoOv6TYJsfWq7MxTEQopZO5/IT3ZCVQPzs="})


@route("PUT", f"{REPO}/environments/{{environment_name}}/secrets/{{secret_name}}", "environments:write")
def _secret(call: Call) -> Reply:
    name, settings = call.params["environment_name"], call.world.settings
    old = settings.environments.get(name)
    if old is None:
        raise Refused(404, "Not Found")
    settings.environments[name] = replace(old, secrets=(*old.secrets, call.params["secret_name"]))
    return Reply(201, body={})


@route("POST", f"{REPO}/pages", "pages:write")
def _pages(call: Call) -> Reply:
    if call.world.settings.pages is not None:
        raise Refused(409, "GitHub Pages is already enabled.")
    call.world.settings.pages = {"build_type": call.body["build_type"]}
    return Reply(201, body={"url": "", "status": None, "cname": None, "custom_404": False, "public": True})


@route("PUT", f"{REPO}/collaborators/{{username}}", "administration:write")
def _invite(call: Call) -> Reply:
    call.world.who(call.params["username"]).permission = {"push": "write"}[call.body["permission"]]
    return Reply(204)


@route("POST", f"{REPO}/rulesets", "administration:write")
def _ruleset(call: Call) -> Reply:
    if any(one["name"] == call.body["name"] for one in call.world.settings.rulesets):
        raise Refused(422, "Validation Failed")
    made = {"id": len(call.world.settings.rulesets) + 1, **call.body}
    call.world.settings.rulesets.append(made)
    return Reply(201, body=ruleset_shape(call, made, whole=True))


@route("POST", f"{REPO}/actions/variables", "variables:write")
def _variable(call: Call) -> Reply:
    call.world.settings.variables[call.body["name"]] = call.body["value"]
    return Reply(201, body={})
