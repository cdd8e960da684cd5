"""The REST paths of commits, their statuses, branches, files and workflows."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from .. import shapes, shapes_git
from ..world import Refused
from .rest import REPO, Call, Reply, page, route


def _sha(call: Call) -> str:
    found = call.world.repository.bare.commit(call.params["ref"])
    if found is None:
        raise Refused(422, f"No commit found for SHA: {call.params['ref']}")
    return found


@route("POST", f"{REPO}/statuses/{{sha}}", "statuses:write")
def _set_status(call: Call) -> Reply:
    description, url = call.body.get("description"), call.body.get("target_url")
    found = call.world.set_status(
        call.params["sha"], call.login, call.text("context", "default"), call.text("state"), description, url
    )
    shown = {**shapes_git.status(call.world, found), "creator": shapes.user(call.world, found.by)}
    return Reply(201, shown)


@route("GET", f"{REPO}/commits/{{ref}}/status", "statuses:read")
def _combined(call: Call) -> Reply:
    sha = _sha(call)
    statuses = call.world.latest(sha)
    states = {one.state for one in statuses}
    state = "failure" if states & {"failure", "error"} else "pending" if states != {"success"} else "success"
    api = f"{call.world.url()}/repos/{call.world.repository.full_name}/commits/{sha}"
    shown = page(call, statuses, lambda one: shapes_git.status(call.world, one))
    shown.body = {
        "state": state,
        "statuses": shown.body,
        "sha": sha,
        "total_count": len(statuses),
        "repository": shapes.repository(call.world, call.world.repository),
        "commit_url": api,
        "url": f"{api}/status",
    }
    return shown


@route("GET", f"{REPO}/commits/{{ref}}/statuses", "statuses:read")
def _statuses(call: Call) -> Reply:
    sha = _sha(call)
    found = [one for one in reversed(call.world.statuses) if one.sha == sha]

    def show(one: Any) -> Any:
        return {**shapes_git.status(call.world, one), "creator": shapes.user(call.world, one.by)}

    return page(call, found, show)


@route("GET", f"{REPO}/commits/{{ref}}", "contents:read")
def _commit(call: Call) -> Reply:
    return Reply(body=shapes_git.commit(call.world, _sha(call)))


@route("GET", f"{REPO}/git/ref/{{ref}}", "contents:read")
def _ref(call: Call) -> Reply:
    name = f"refs/{call.params['ref']}"
    sha = call.world.repository.bare.git("rev-parse", "--verify", "--quiet", name) if _known(call, name) else ""
    if not sha:
        raise Refused(404, "Not Found")
    return Reply(body=shapes_git.ref(call.world, name, sha))


def _known(call: Call, name: str) -> bool:
    return bool(call.world.repository.bare.git("for-each-ref", name))


@route("POST", f"{REPO}/git/refs", "contents:write")
def _make_ref(call: Call) -> Reply:
    name, sha = call.text("ref"), call.text("sha")
    if not re.fullmatch(r"refs/heads/.+", name) or call.world.repository.bare.commit(sha) != sha:
        raise Refused(422, "Reference name or object is not valid")
    if _known(call, name):
        raise Refused(422, "Reference already exists")
    call.world.make_branch(name.removeprefix("refs/heads/"), sha, call.login)
    return Reply(201, shapes_git.ref(call.world, name, sha))


@route("DELETE", f"{REPO}/git/refs/{{ref}}", "contents:write")
def _delete_ref(call: Call) -> Reply:
    kind, _, branch = call.params["ref"].partition("/")
    if kind != "heads":
        raise Refused(422, "Reference does not exist")
    call.world.delete_branch(branch, call.login)
    return Reply(204)


@route("GET", f"{REPO}/contents/{{path}}", "contents:read")
def _contents(call: Call) -> Reply:
    bare, path = call.world.repository.bare, call.params["path"]
    sha = bare.commit(call.query.get("ref", "main"))
    content = None if sha is None else bare.read(sha, path)
    if sha is None:
        raise Refused(404, f"No commit found for the ref {call.query.get('ref', 'main')}")
    if content is not None:
        return Reply(body=shapes_git.file(call.world, sha, path, content))
    listed = bare.git("ls-tree", "-l", "-z", f"{sha}:{path.rstrip('/')}") if _is_folder(call, sha, path) else ""
    if not listed:
        raise Refused(404, "Not Found")
    rows = (line.split("\t") for line in listed.split("\0")[:-1])
    return Reply(
        body=[shapes_git.entry(call.world, sha, f"{path.rstrip('/')}/{name}", about.split()) for about, name in rows]
    )


def _is_folder(call: Call, sha: str, path: str) -> bool:
    return call.world.repository.bare.git("ls-tree", "-d", sha, path.rstrip("/")) != ""


def workflow_id(name: str) -> int:
    """The number of a workflow file."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")


def _workflow_names(call: Call) -> list[str]:
    bare = call.world.repository.bare
    main = bare.tip("main")
    listed = bare.git("ls-tree", "--name-only", main, ".github/workflows/") if main else ""
    return [path.rpartition("/")[2] for path in listed.splitlines()]


def _workflow_name(call: Call) -> str:
    wanted = call.params["workflow_id"]
    for name in _workflow_names(call):
        if wanted in (name, str(workflow_id(name))):
            return name
    raise Refused(404, "Not Found")


@route("GET", f"{REPO}/actions/workflows", "actions:read")
def _workflows(call: Call) -> Reply:
    shown = page(call, _workflow_names(call), lambda name: shapes_git.workflow(call.world, name, workflow_id(name)))
    shown.body = {"total_count": len(_workflow_names(call)), "workflows": shown.body}
    return shown


@route("GET", f"{REPO}/actions/workflows/{{workflow_id}}", "actions:read")
def _workflow(call: Call) -> Reply:
    name = _workflow_name(call)
    return Reply(body=shapes_git.workflow(call.world, name, workflow_id(name)))


@route("POST", f"{REPO}/actions/workflows/{{workflow_id}}/dispatches", "actions:write")
def _dispatch(call: Call) -> Reply:
    call.world.dispatch(call.login, _workflow_name(call), call.text("ref"), call.body.get("inputs"))
    return Reply(204)
