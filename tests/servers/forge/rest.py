"""The REST paths: each is named by its template in GitHub's OpenAPI description, and by what a token needs for it.

A handler gets the call and returns what is answered; what is refused it raises. Who writes is checked by the world;
`needs` is what a job's `permissions:` must hold (`contents:write`; alternatives by `|`), with one more name:
`administration`, which no job can have.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qs, quote, unquote, urlsplit

from . import shapes
from .actions import World
from .world import ACTIONS, Account, Pull, Refused, Repository, Thread, Token

REPO = "/repos/{owner}/{repo}"
T = TypeVar("T")


@dataclass
class Call:
    """One request: who asks, what the path's template took from it, and what was sent."""

    world: World
    token: Token
    params: dict[str, str]
    query: Mapping[str, str]
    body: dict[str, Any]
    path: str

    @property
    def me(self) -> Account:
        return self.token.account

    @property
    def login(self) -> str:
        return self.me.login

    def number(self, name: str) -> int:
        """A number of the path; Refused (404) for anything else."""
        if not self.params[name].isascii() or not self.params[name].isdigit():
            raise Refused(404, "Not Found")
        return int(self.params[name])

    def text(self, name: str, default: str | None = None) -> str:
        """A text that must be in the body, unless there is a default; Refused (422)."""
        found = self.body.get(name, default)
        if not isinstance(found, str):
            raise Refused(422, f"Invalid request.\n\n{name!r} wasn't supplied.")
        return found


@dataclass
class Reply:
    """What is answered."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Call], Reply]


@dataclass(frozen=True)
class Route:
    """A path of the description: `template` and `method` name it there."""

    method: str
    template: str
    needs: str
    handler: Handler
    pattern: re.Pattern[str]


ROUTES: list[Route] = []
_DEEP = ("path", "ref", "branch")


def route(method: str, template: str, needs: str = "metadata:read") -> Callable[[Handler], Handler]:
    """Serve a path of the description."""

    def add(handler: Handler) -> Handler:
        def group(match: re.Match[str]) -> str:
            return f"(?P<{match[1]}>{'.+' if match[1] in _DEEP else '[^/]+'})"

        ROUTES.append(Route(method, template, needs, handler, re.compile(re.sub(r"\{(\w+)\}", group, template))))
        return handler

    return add


def find(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The route of a path, with what its template takes from it; those without a long tail go first."""
    for known in ROUTES:
        if known.method == method and (match := known.pattern.fullmatch(path)):
            return known, {name: unquote(value) for name, value in match.groupdict().items()}
    return None


def answer(world: World, token: Token, method: str, target: str, body: dict[str, Any]) -> tuple[Reply, Route | None]:
    """The answer to a request, and the route that gave it."""
    parts = urlsplit(target)
    found = find(method, parts.path.rstrip("/") or "/")
    if found is None:
        return refusal(Refused(404, "Not Found")), None
    known, params = found
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    call = Call(world, token, params, query, body, target)
    try:
        with world.lock:
            world.settle()
            _repository(call)
            _allowed(call, known.needs)
            return known.handler(call), known
    except Refused as error:
        return refusal(error), known


def refusal(error: Refused) -> Reply:
    """How GitHub words a refusal."""
    body = {"message": error.message, "documentation_url": "https://docs.github.com/rest", "status": str(error.status)}
    if error.errors is not None:
        body["errors"] = error.errors  # type: ignore[assignment]
    return Reply(error.status, body)


def _repository(call: Call) -> Repository | None:
    """The repository that the path names; Refused (404) for any other, also where a fork cannot do this."""
    if "owner" not in call.params:
        return None
    wanted = f"{call.params['owner']}/{call.params['repo']}".lower()
    for one in (call.world.repository, *call.world.forks):
        if one.full_name.lower() == wanted:
            return one
    raise Refused(404, "Not Found")


def _allowed(call: Call, needs: str) -> None:
    """Whether the token may: reading what is public is for everybody, but for what only administrators see."""
    kinds = [need.split(":") for need in needs.split("|")]
    if call.token.permissions is not None or call.login == ACTIONS:
        held = call.token.permissions
        for name, level in kinds:
            if name == "administration":
                break
            if name == "metadata" or held is None or held.get(name) in (level, "write"):
                return
            if level == "read" and not call.world.settings.private:
                return
        raise Refused(403, "Resource not accessible by integration")
    name, level = kinds[0]
    role = "admin" if name == "administration" else level
    if not call.me.may(role) and name in ("administration", "actions", "statuses", "contents"):
        raise Refused(403 if call.me.may("read") else 404, f"Must have {role} rights to Repository.")


def page(call: Call, items: list[T], show: Callable[[T], Any]) -> Reply:
    """One page of a list, with the links to the others."""
    size = min(100, max(1, int(call.query.get("per_page", "30"))))
    at = max(1, int(call.query.get("page", "1")))
    last = max(1, -(-len(items) // size))
    shown = [show(item) for item in items[(at - 1) * size : at * size]]
    links = []
    for rel, number in (("next", at + 1), ("last", last), ("prev", at - 1)):
        if (rel == "prev" and number >= 1) or (rel != "prev" and at < last):
            query = "&".join(f"{quote(k)}={quote(v)}" for k, v in {**call.query, "page": str(number)}.items())
            links.append(f'<{call.world.url()}{urlsplit(call.path).path}?{query}>; rel="{rel}"')
    return Reply(body=shown, headers={"Link": ", ".join(links)} if links else {})


# Accounts and the repository


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
    found = _repository(call)
    assert found is not None
    return Reply(body=shapes.whole_repository(call.world, found, call.me))


@route("GET", f"{REPO}/collaborators/{{username}}/permission")
def _permission(call: Call) -> Reply:
    found = call.world.who(call.params["username"])
    shown = {**shapes.user(call.world, found), "role_name": found.permission, "permissions": None}
    shown["permissions"] = shapes.whole_repository(call.world, call.world.repository, found)["permissions"]
    return Reply(body={"permission": found.permission, "role_name": found.permission, "user": shown})


# Pull requests


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


# Reviews

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


@route("PUT", f"{REPO}/pulls/{{pull_number}}/reviews/{{review_id}}/dismissals", "pull-requests:write")
def _dismiss(call: Call) -> Reply:
    found = call.world.dismiss_review(call.number("review_id"), call.login, call.text("message"))
    return Reply(body=shapes.review(call.world, found))


# Issues, comments, labels


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
    call.world.edit_thread(thread.number, call.login, labels=[*thread.labels, *call.body.get("labels", [])])
    return Reply(body=[shapes.label(call.world, name) for name in thread.labels])


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


# Commits, statuses, branches


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
    shown = {**shapes.status(call.world, found), "creator": shapes.user(call.world, found.by)}
    return Reply(201, shown)


@route("GET", f"{REPO}/commits/{{ref}}/status", "statuses:read")
def _combined(call: Call) -> Reply:
    sha = _sha(call)
    statuses = call.world.latest(sha)
    states = {one.state for one in statuses}
    state = "failure" if states & {"failure", "error"} else "pending" if states != {"success"} else "success"
    api = f"{call.world.url()}/repos/{call.world.repository.full_name}/commits/{sha}"
    shown = page(call, statuses, lambda one: shapes.status(call.world, one))
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
        return {**shapes.status(call.world, one), "creator": shapes.user(call.world, one.by)}

    return page(call, found, show)


@route("GET", f"{REPO}/commits/{{ref}}", "contents:read")
def _commit(call: Call) -> Reply:
    return Reply(body=shapes.commit(call.world, _sha(call)))


@route("GET", f"{REPO}/git/ref/{{ref}}", "contents:read")
def _ref(call: Call) -> Reply:
    name = f"refs/{call.params['ref']}"
    sha = call.world.repository.bare.git("rev-parse", "--verify", "--quiet", name) if _known(call, name) else ""
    if not sha:
        raise Refused(404, "Not Found")
    return Reply(body=shapes.ref(call.world, name, sha))


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
    return Reply(201, shapes.ref(call.world, name, sha))


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
        return Reply(body=shapes.file(call.world, sha, path, content))
    listed = bare.git("ls-tree", "-l", "-z", f"{sha}:{path.rstrip('/')}") if _is_folder(call, sha, path) else ""
    if not listed:
        raise Refused(404, "Not Found")
    rows = (line.split("\t") for line in listed.split("\0")[:-1])
    return Reply(
        body=[shapes.entry(call.world, sha, f"{path.rstrip('/')}/{name}", about.split()) for about, name in rows]
    )


def _is_folder(call: Call, sha: str, path: str) -> bool:
    return call.world.repository.bare.git("ls-tree", "-d", sha, path.rstrip("/")) != ""


# Workflows and settings


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
    shown = page(call, _workflow_names(call), lambda name: shapes.workflow(call.world, name, workflow_id(name)))
    shown.body = {"total_count": len(_workflow_names(call)), "workflows": shown.body}
    return shown


@route("GET", f"{REPO}/actions/workflows/{{workflow_id}}", "actions:read")
def _workflow(call: Call) -> Reply:
    name = _workflow_name(call)
    return Reply(body=shapes.workflow(call.world, name, workflow_id(name)))


@route("POST", f"{REPO}/actions/workflows/{{workflow_id}}/dispatches", "actions:write")
def _dispatch(call: Call) -> Reply:
    call.world.dispatch(call.login, _workflow_name(call), call.text("ref"), call.body.get("inputs"))
    return Reply(204)
