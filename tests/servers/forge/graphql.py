"""GraphQL over the same world: GitHub's published schema, and a table of the fields that are served.

The checks before execution (fields, arguments, sizes of pages, nodes) are those of `tests/servers/github`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo, execute

from tests.servers.github.schema import Measure, checked, connection, schema

from .actions import World
from .world import Account, Comment, Issue, Pull, Refused, Review, Thread, Token


@dataclass
class Asked:
    """One call: the world, who asks, and the way of cursors, which the pages need."""

    world: World
    token: Token
    cursors: str = "keyset"


@dataclass(frozen=True)
class Item:
    """Something in a list, under the names that pages sort by."""

    value: Any
    id: str
    full_database_id: int
    created_at: str
    updated_at: str


def run(world: World, token: Token, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The answer's body: `data`, `errors` or both."""
    document, problems = checked(query)
    if document is None:
        return {"errors": [{"message": message, "extensions": {"code": "undefinedField"}} for message in problems]}
    measure = Measure(document, variables)
    if measure.errors:
        return {"errors": measure.errors}
    with world.lock:
        world.settle()
        result = execute(
            schema(),
            document,
            context_value=Asked(world, token),
            variable_values=dict(variables),
            field_resolver=_resolve,
            type_resolver=lambda value, _info, _type: _typename(value),
        )
    assert not hasattr(result, "__await__")
    body: dict[str, Any] = {"data": result.data}
    if result.errors:
        body["errors"] = [
            {"message": error.message, "path": error.path, **(error.extensions or {})} for error in result.errors
        ]
    return body


def _typename(value: Any) -> str:
    if isinstance(value, Account):
        return value.type
    return {Pull: "PullRequest", Issue: "Issue", Comment: "IssueComment", Review: "PullRequestReview"}[type(value)]


def _resolve(source: Any, info: GraphQLResolveInfo[Any], **asked: Any) -> Any:
    """One field: what the table says, or a plain value of an answer."""
    parent, name = info.parent_type.name, info.field_name
    if isinstance(source, Item):
        source = source.value
    rule = _FIELDS.get((parent, name))
    if rule is None:
        if isinstance(source, dict) and name in source:
            return source[name]
        raise GraphQLError(f"the test forge does not serve {parent}.{name}")
    try:
        return rule(source, info.context, asked)
    except Refused as error:
        kind = {403: "FORBIDDEN", 404: "NOT_FOUND"}.get(error.status, "UNPROCESSABLE")
        message = "Resource not accessible by integration" if error.status == 403 else str(error.message)
        raise GraphQLError(message, extensions={"type": kind}) from None


def _page(items: list[Any], call: Asked, asked: Mapping[str, Any], *served: str) -> dict[str, Any]:
    """A page of a list; the arguments named in `served` were followed already."""
    rows = [Item(one, _id(one), one.id, one.created_at, one.updated_at) for one in items]
    left = {name: value for name, value in asked.items() if name not in served}
    page = connection(rows, call, left)  # type: ignore[arg-type]
    return {**page, "nodes": [row.value for row in page["nodes"]]}


def _id(value: Any) -> str:
    prefix = {Pull: "PR", Issue: "I", Comment: "IC", Review: "PRR"}[type(value)]
    return f"{prefix}_{value.id}"


def _repository(_root: Any, call: Asked, asked: Mapping[str, Any]) -> Any:
    name = f"{asked['owner']}/{asked['name']}"
    for one in (call.world.repository, *call.world.forks):
        if one.full_name.lower() == name.lower():
            return one
    message = f"Could not resolve to a Repository with the name '{name}'."
    raise GraphQLError(message, extensions={"type": "NOT_FOUND"})


def _pulls(repository: Any, call: Asked, asked: Mapping[str, Any]) -> Any:
    states, labels = asked.get("states"), asked.get("labels")
    found = [
        one
        for one in call.world.pulls()
        if repository is call.world.repository
        and (not states or _state(one) in states)
        and (labels is None or set(labels) & set(one.labels))
        and asked.get("headRefName") in (None, one.head)
        and asked.get("baseRefName") in (None, one.base)
    ]
    return _page(found, call, asked, "states", "labels", "headRefName", "baseRefName")


def _issues(repository: Any, call: Asked, asked: Mapping[str, Any]) -> Any:
    states, labels = asked.get("states"), asked.get("labels")
    found = [
        one
        for one in call.world.issues()
        if repository is call.world.repository
        and (not states or _state(one) in states)
        and (labels is None or set(labels) & set(one.labels))  # any of them, other than REST
    ]
    return _page(found, call, asked, "states", "labels")


def _reviews(pull: Pull, call: Asked, asked: Mapping[str, Any]) -> Any:
    states, author = asked.get("states"), asked.get("author")
    found = [
        one
        for one in pull.reviews
        if (one.state != "PENDING" or one.by is call.token.account)
        and (not states or one.state in states)
        and author in (None, one.author)
    ]
    return _page(found, call, asked, "states", "author")


def _numbered(kind: type[Thread]) -> Callable[[Any, Asked, Mapping[str, Any]], Any]:
    def find(repository: Any, call: Asked, asked: Mapping[str, Any]) -> Any:
        found = call.world.threads.get(asked["number"])
        if repository is call.world.repository and isinstance(found, kind):
            return found
        what = {Pull: "PullRequest", Issue: "Issue"}.get(kind, "issue or pull request")
        message = f"Could not resolve to an {what} with the number of {asked['number']}."
        raise GraphQLError(message, extensions={"type": "NOT_FOUND"})

    return find


def _state(thread: Thread) -> str:
    return "MERGED" if isinstance(thread, Pull) and thread.merged else thread.state.upper()


def _node(_root: Any, call: Asked, asked: Mapping[str, Any]) -> Any:
    for thread in call.world.threads.values():
        for one in (thread, *thread.comments, *getattr(thread, "reviews", ())):
            if _id(one) == asked["id"]:
                return one
    message = f"Could not resolve to a node with the global id of '{asked['id']}'."
    raise GraphQLError(message, extensions={"type": "NOT_FOUND"})


def _draft(draft: bool) -> Callable[[Any, Asked, Mapping[str, Any]], Any]:
    def change(_root: Any, call: Asked, asked: Mapping[str, Any]) -> Any:
        found = _node(None, call, {"id": asked["input"]["pullRequestId"]})
        held = call.token.permissions
        if held is not None and {held.get("pull-requests"), held.get("contents")} != {"write"}:
            raise Refused(403, "Resource not accessible by integration")  # both, as cli/cli#8910 found
        if not isinstance(found, Pull):
            raise Refused(404, f"Could not resolve to PullRequest node with the global id of '{_id(found)}'")
        call.world.set_draft(found.number, call.token.account.login, draft)
        return {"pullRequest": found, "clientMutationId": asked["input"].get("clientMutationId")}

    return change


def _login(account: Account, _call: Asked, _asked: Mapping[str, Any]) -> str:
    """GraphQL shows bots without the suffix that REST gives them."""
    return account.login.removesuffix("[bot]")


def _path(one: Any, call: Asked) -> str:
    page = f"{call.world.url()}/{call.world.repository.full_name}"
    thread = one if isinstance(one, Thread) else call.world.threads[one.number]
    page += f"/{'pull' if isinstance(thread, Pull) else 'issues'}/{thread.number}"
    if isinstance(one, Comment):
        return f"{page}#issuecomment-{one.id}"
    return f"{page}#pullrequestreview-{one.id}" if isinstance(one, Review) else page


Rule = Callable[[Any, Asked, Mapping[str, Any]], Any]
_TEXT: dict[str, Rule] = {
    "id": lambda one, _call, _asked: _id(one),
    "body": lambda one, _call, _asked: one.body,
    "url": lambda one, call, _asked: _path(one, call),
    "createdAt": lambda one, _call, _asked: one.created_at,
    "updatedAt": lambda one, _call, _asked: one.updated_at,
    "lastEditedAt": lambda one, _call, _asked: one.last_edited_at,
    "editor": lambda one, _call, _asked: one.editor,
    "fullDatabaseId": lambda one, _call, _asked: str(one.id),
    "databaseId": lambda _one, _call, _asked: None,  # ids have left the range of this field
    "author": lambda one, _call, _asked: one.account,
    "viewerDidAuthor": lambda one, call, _asked: one.by is call.token.account,
}
_THREAD: dict[str, Rule] = {
    **_TEXT,
    "number": lambda one, _call, _asked: one.number,
    "title": lambda one, _call, _asked: one.title,
    "state": lambda one, _call, _asked: _state(one),
    "closed": lambda one, _call, _asked: one.state == "closed",
    "closedAt": lambda one, _call, _asked: one.closed_at,
    "comments": lambda one, call, asked: _page(one.comments, call, asked),
}
_ACCOUNT: dict[str, Rule] = {
    "id": lambda one, _call, _asked: one.node_id,
    "login": _login,
    "databaseId": lambda one, _call, _asked: one.id,
}
_TYPES: dict[str, dict[str, Rule]] = {
    "Query": {
        "repository": _repository,
        "node": _node,
        "viewer": lambda _root, call, _asked: call.token.account,
    },
    "Mutation": {
        "markPullRequestReadyForReview": _draft(False),
        "convertPullRequestToDraft": _draft(True),
    },
    "Repository": {
        "id": lambda one, _call, _asked: f"R_{one.id}",
        "databaseId": lambda one, _call, _asked: one.id,
        "nameWithOwner": lambda one, _call, _asked: one.full_name,
        "isFork": lambda one, _call, _asked: one.parent is not None,
        "isPrivate": lambda _one, call, _asked: call.world.settings.private,
        "pullRequests": _pulls,
        "pullRequest": _numbered(Pull),
        "issues": _issues,
        "issue": _numbered(Issue),
        "issueOrPullRequest": _numbered(Thread),
    },
    "PullRequest": {
        **_THREAD,
        "isDraft": lambda one, _call, _asked: one.draft,
        "merged": lambda one, _call, _asked: one.merged,
        "mergedBy": lambda one, _call, _asked: one.merged_by,
        "labels": lambda one, call, asked: _page([{"name": name} for name in one.labels], call, asked),
        "mergedAt": lambda one, _call, _asked: one.merged_at,
        "mergeCommit": lambda one, _call, _asked: {"oid": one.merge_commit} if one.merge_commit else None,
        "headRefName": lambda one, _call, _asked: one.head,
        "headRefOid": lambda one, _call, _asked: one.head_sha,
        "headRepository": lambda one, _call, _asked: one.head_repository,
        "baseRefName": lambda one, _call, _asked: one.base,
        "isCrossRepository": lambda one, call, _asked: one.head_repository is not call.world.repository,
        "reviews": _reviews,
    },
    "Issue": {**_THREAD, "stateReason": lambda one, _call, _asked: (one.state_reason or "").upper() or None},
    "IssueComment": _TEXT,
    "PullRequestReview": {
        **_TEXT,
        "state": lambda one, _call, _asked: one.state,
        "submittedAt": lambda one, _call, _asked: one.submitted_at,
        "commit": lambda one, _call, _asked: {"oid": one.commit},
    },
    "User": _ACCOUNT,
    "Bot": _ACCOUNT,
    "Organization": _ACCOUNT,
}
_FIELDS = {(kind, name): rule for kind, fields in _TYPES.items() for name, rule in fields.items()}
