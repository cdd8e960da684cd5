"""The REST paths of pull requests and their reviews."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from .. import shapes
from ..world import Pull, Refused
from .rest import REPO, Call, Reply, page, route


@route("GET", f"{REPO}/pulls", "pull-requests:read")
def _pulls(call: Call) -> Reply:
    wanted, head, base = call.query.get("state", "open"), call.query.get("head"), call.query.get("base")

    def label(pull: Pull) -> str:
        return f"{pull.head_repository.owner.login}:{pull.head}" if pull.head_repository else ""

    found = [
        one
        for one in call.world.pulls()
        if wanted in ("all", one.state) and (head is None or label(one) == head) and base in (None, one.base)
    ]
    down = call.query.get("direction", "desc") == "desc"
    return page(call, found[::-1] if down else found, lambda one: shapes.pull_simple(call.world, one))


@route("POST", f"{REPO}/pulls", "pull-requests:write")
def _open_pull(call: Call) -> Reply:
    number = call.world.open_pull(
        call.login,
        call.text("head"),
        call.text("title"),
        call.text("body", ""),
        base=call.text("base"),
        draft=bool(call.body.get("draft", False)),
    )
    return Reply(201, shapes.pull(call.world, call.world.pull(number)))


def _pull(call: Call) -> Pull:
    return call.world.pull(call.number("pull_number"))


@route("GET", f"{REPO}/pulls/{{pull_number}}", "pull-requests:read")
def _get_pull(call: Call) -> Reply:
    return Reply(body=shapes.pull(call.world, _pull(call)))


@route("PATCH", f"{REPO}/pulls/{{pull_number}}", "pull-requests:write")
def _edit_pull(call: Call) -> Reply:
    pull = _pull(call)
    wanted: dict[str, Any] = {
        name: call.text(name) for name in ("title", "body", "state") if call.body.get(name) is not None
    }
    call.world.edit_thread(pull.number, call.login, **wanted)
    return Reply(body=shapes.pull(call.world, pull))


@route("PUT", f"{REPO}/pulls/{{pull_number}}/merge", "contents:write")
def _merge(call: Call) -> Reply:
    given = {
        "sha": call.body.get("sha"),
        "title": call.body.get("commit_title"),
        "message": call.body.get("commit_message"),
    }
    sha = call.world.merge(_pull(call).number, call.login, method=call.text("merge_method", "merge"), **given)
    return Reply(body={"sha": sha, "merged": True, "message": "Pull Request successfully merged"})


@route("GET", f"{REPO}/pulls/{{pull_number}}/merge", "pull-requests:read")
def _is_merged(call: Call) -> Reply:
    if not _pull(call).merged:
        raise Refused(404, "Not Found")
    return Reply(204)


@route("POST", f"{REPO}/pulls/{{pull_number}}/requested_reviewers", "pull-requests:write")
def _ask(call: Call) -> Reply:
    pull = call.world.request_reviewers(_pull(call).number, call.login, list(call.body.get("reviewers", [])))
    return Reply(201, shapes.pull_simple(call.world, pull))


@route("GET", f"{REPO}/pulls/{{pull_number}}/files", "pull-requests:read")
def _files(call: Call) -> Reply:
    pull, bare = _pull(call), call.world.repository.bare
    onto = f"{pull.merge_commit}^1" if pull.merge_commit else pull.base
    listed = bare.git("diff", "--raw", "--numstat", "--no-renames", "--abbrev=40", f"{onto}...{pull.head_sha}")
    raw = [line for line in listed.splitlines() if line.startswith(":")]
    counts = [line for line in listed.splitlines() if not line.startswith(":") and line]
    return page(call, list(zip(raw, counts, strict=True)), lambda pair: _file(call, pull, *pair))


def _file(call: Call, pull: Pull, raw: str, counts: str) -> dict[str, Any]:
    about, _, name = raw.partition("\t")
    blob, kind = about.split(" ")[3], about.split(" ")[4]
    added, removed = (0 if part == "-" else int(part) for part in counts.split("\t")[:2])
    url = f"{call.world.url()}/{call.world.repository.full_name}"
    return {
        "sha": blob,
        "filename": name,
        "status": {"A": "added", "D": "removed"}.get(kind, "modified"),
        "additions": added,
        "deletions": removed,
        "changes": added + removed,
        "blob_url": f"{url}/blob/{pull.head_sha}/{quote(name)}",
        "raw_url": f"{url}/raw/{pull.head_sha}/{quote(name)}",
        "contents_url": f"{call.world.url()}/repos/{call.world.repository.full_name}/contents/{quote(name)}",
    }


_STATES = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}


@route("GET", f"{REPO}/pulls/{{pull_number}}/reviews", "pull-requests:read")
def _reviews(call: Call) -> Reply:
    found = [one for one in _pull(call).reviews if one.state != "PENDING" or one.by is call.me]
    return page(call, found, lambda one: shapes.review(call.world, one))


@route("POST", f"{REPO}/pulls/{{pull_number}}/reviews", "pull-requests:write")
def _review(call: Call) -> Reply:
    event = call.body.get("event")
    if event is not None and event not in _STATES:
        raise Refused(422, "Unprocessable Entity", [f"Variable $event of type PullRequestReviewEvent was {event!r}"])
    state = "PENDING" if event is None else _STATES[event]
    found = call.world.review(_pull(call).number, call.login, state, call.text("body", ""), call.body.get("commit_id"))
    return Reply(body=shapes.review(call.world, found))


@route("GET", f"{REPO}/pulls/{{pull_number}}/reviews/{{review_id}}", "pull-requests:read")
def _get_review(call: Call) -> Reply:
    found = call.world.find_review(call.number("review_id"))
    if found.number != _pull(call).number or (found.state == "PENDING" and found.by is not call.me):
        raise Refused(404, "Not Found")
    return Reply(body=shapes.review(call.world, found))


@route("PUT", f"{REPO}/pulls/{{pull_number}}/reviews/{{review_id}}", "pull-requests:write")
def _edit_review(call: Call) -> Reply:
    found = call.world.edit_review(call.number("review_id"), call.text("body"), call.login)
    return Reply(body=shapes.review(call.world, found))


@route("POST", f"{REPO}/pulls/{{pull_number}}/reviews/{{review_id}}/events", "pull-requests:write")
def _submit(call: Call) -> Reply:
    found, event = call.world.find_review(call.number("review_id")), call.text("event")
    if event not in _STATES or found.by is not call.me:
        raise Refused(422, "Unprocessable Entity", [f"{event} cannot be done to this review"])
    return Reply(body=shapes.review(call.world, call.world.submit_review(found, _STATES[event], call.body.get("body"))))


@route("PUT", f"{REPO}/pulls/{{pull_number}}/reviews/{{review_id}}/dismissals", "pull-requests:write")
def _dismiss(call: Call) -> Reply:
    found = call.world.dismiss_review(call.number("review_id"), call.login, call.text("message"))
    return Reply(body=shapes.review(call.world, found))
