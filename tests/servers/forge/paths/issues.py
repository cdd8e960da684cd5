"""The REST paths of issues, comments and labels."""

from __future__ import annotations

from typing import Any

from .. import shapes
from ..world import Refused, Thread
from .rest import REPO, Call, Reply, page, route


@route("GET", f"{REPO}/issues", "issues:read")
def _issues(call: Call) -> Reply:
    wanted, labels = call.query.get("state", "open"), [one for one in call.query.get("labels", "").split(",") if one]
    creator = call.query.get("creator")
    found = [
        one
        for one in call.world.threads.values()
        if wanted in ("all", one.state) and set(labels) <= set(one.labels) and creator in (None, one.author)
    ]
    down = call.query.get("direction", "desc") == "desc"
    return page(call, found[::-1] if down else found, lambda one: shapes.issue(call.world, one))


@route("POST", f"{REPO}/issues", "issues:write")
def _open_issue(call: Call) -> Reply:
    labels = list(call.body.get("labels") or []) if call.me.may("write") else []
    number = call.world.open_issue(call.login, call.text("title"), call.text("body", ""), labels)
    return Reply(201, shapes.issue(call.world, call.world.issue(number), whole=True))


def _thread(call: Call) -> Thread:
    return call.world.thread(call.number("issue_number"))


@route("GET", f"{REPO}/issues/{{issue_number}}", "issues:read|pull-requests:read")
def _get_issue(call: Call) -> Reply:
    return Reply(body=shapes.issue(call.world, _thread(call), whole=True))


@route("PATCH", f"{REPO}/issues/{{issue_number}}", "issues:write|pull-requests:write")
def _edit_issue(call: Call) -> Reply:
    thread, wanted = _thread(call), dict[str, Any]()
    for name in ("title", "body", "state", "state_reason"):
        if call.body.get(name) is not None:
            wanted[name] = call.text(name)
    if call.body.get("labels") is not None:
        wanted["labels"] = list(call.body["labels"])
    call.world.edit_thread(thread.number, call.login, **wanted)
    return Reply(body=shapes.issue(call.world, thread, whole=True))


@route("GET", f"{REPO}/issues/comments/{{comment_id}}", "issues:read|pull-requests:read")
def _get_comment(call: Call) -> Reply:
    return Reply(body=shapes.comment(call.world, call.world.find_comment(call.number("comment_id"))))


@route("PATCH", f"{REPO}/issues/comments/{{comment_id}}", "issues:write|pull-requests:write")
def _edit_comment(call: Call) -> Reply:
    found = call.world.edit_comment(call.number("comment_id"), call.text("body"), call.login)
    return Reply(body=shapes.comment(call.world, found))


@route("DELETE", f"{REPO}/issues/comments/{{comment_id}}", "issues:write|pull-requests:write")
def _delete_comment(call: Call) -> Reply:
    call.world.delete_comment(call.number("comment_id"), call.login)
    return Reply(204)


@route("GET", f"{REPO}/issues/{{issue_number}}/comments", "issues:read|pull-requests:read")
def _comments(call: Call) -> Reply:
    return page(call, _thread(call).comments, lambda one: shapes.comment(call.world, one))


@route("POST", f"{REPO}/issues/{{issue_number}}/comments", "issues:write|pull-requests:write")
def _comment(call: Call) -> Reply:
    found = call.world.comment(_thread(call).number, call.login, call.text("body"))
    return Reply(201, shapes.comment(call.world, found))


@route("POST", f"{REPO}/issues/{{issue_number}}/labels", "issues:write|pull-requests:write")
def _add_labels(call: Call) -> Reply:
    if not call.me.may("write"):
        raise Refused(403, "Must have write rights to Repository.")
    thread = _thread(call)
    call.world.edit_thread(thread.number, call.login, labels=[*thread.labels, *_names(call.body)])
    return Reply(body=[shapes.label(call.world, name) for name in thread.labels])


def _names(body: Any) -> list[str]:
    """The labels of a request, which may be a list of names, or of things with names, with or without a key."""
    given = body.get("labels", []) if isinstance(body, dict) else body
    return [one if isinstance(one, str) else str(one["name"]) for one in given]


@route("GET", f"{REPO}/labels", "issues:read")
def _labels(call: Call) -> Reply:
    return page(call, list(call.world.settings.labels), lambda name: shapes.label(call.world, name))


@route("POST", f"{REPO}/labels", "issues:write")
def _make_label(call: Call) -> Reply:
    name, known = call.text("name"), call.world.settings.labels
    if not call.me.may("write"):
        raise Refused(403, "Must have write rights to Repository.")
    if name.lower() in (one.lower() for one in known):
        raise Refused(422, "Validation Failed", [{"resource": "Label", "code": "already_exists", "field": "name"}])
    known[name] = (call.text("color", "ededed"), call.text("description", ""))
    return Reply(201, shapes.label(call.world, name))


@route("GET", f"{REPO}/labels/{{name}}", "issues:read")
def _get_label(call: Call) -> Reply:
    if call.params["name"] not in call.world.settings.labels:
        raise Refused(404, "Not Found")
    return Reply(body=shapes.label(call.world, call.params["name"]))
