"""GitHub's published GraphQL schema, executed over a World: a wrong field, argument or type fails as at GitHub.

Also what GitHub checks before it answers: pages need `first` or `last` of 1 to 100, a call may ask for 500,000 nodes
at most, and costs points by the number of connections that it opens (GitHub's page "Rate limits and query limits").
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    build_schema,
    execute,
    get_named_type,
    parse,
    validate,
    value_from_ast_untyped,
)

from .world import Repository, World

SCHEMAS = Path(__file__).parents[2] / "schemas"
MOST_NODES = 500_000


@cache
def schema() -> GraphQLSchema:
    """GitHub's schema, built once a process."""
    return build_schema(gzip.decompress((SCHEMAS / "github.graphql.gz").read_bytes()).decode(), assume_valid=True)


def iso(seconds: int) -> str:
    """A time as GitHub writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Execution:
    """One call: the world, the way of cursors (`keyset` or `offset`), and the rate limit as it stands."""

    world: World
    cursors: str
    rate_limit: Mapping[str, Any]
    cost: int = 0
    node_count: int = 0
    nodes: dict[str, Any] = field(default_factory=dict)


def operation_of(query: str) -> str:
    """The name of the operation, which fault plans match; empty for what cannot be read."""
    match = re.search(r"\bquery\s+(\w+)", query)
    return match[1] if match else ""


def run(call: Execution, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The answer's body: `data`, `errors` or both."""
    document, problems = checked(query)
    if document is None:
        return {"errors": [{"message": message, "extensions": {"code": "undefinedField"}} for message in problems]}
    measure = Measure(document, variables)
    if measure.errors:
        return {"errors": measure.errors}
    call.cost, call.node_count = max(1, round(measure.connections / 100)), measure.nodes
    if measure.nodes > MOST_NODES:
        message = (
            f"This query requests up to {measure.nodes:,} possible nodes which exceeds the maximum limit of 500,000."
        )
        return {"errors": [{"type": "MAX_NODE_LIMIT_EXCEEDED", "message": message}]}
    result = execute(
        schema(),
        document,
        context_value=call,
        variable_values=dict(variables),
        field_resolver=_resolve,
        type_resolver=lambda value, _info, _type: value.typename,
    )
    assert not hasattr(result, "__await__")
    body: dict[str, Any] = {"data": result.data}
    if result.errors:
        body["errors"] = [
            {"message": error.message, "path": error.path, **(error.extensions or {})} for error in result.errors
        ]
    return body


@cache
def checked(query: str) -> tuple[DocumentNode | None, list[str]]:
    """The query as a document, or what is wrong with it; tests ask the same ones again and again."""
    try:
        document = parse(query)
    except GraphQLError as error:
        return None, [error.message]
    problems = [problem.message for problem in validate(schema(), document)]
    return (None if problems else document), problems


class Measure:
    """How many connections and nodes a call may touch at most, and what is wrong with its pages."""

    def __init__(self, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self.variables = variables
        self.fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        self.connections = self.nodes = 0
        self.errors: list[dict[str, Any]] = []
        for definition in document.definitions:
            if isinstance(definition, OperationDefinitionNode):
                self._walk(definition.selection_set, 1)

    def _walk(self, selections: SelectionSetNode | None, parents: int) -> None:
        for node in selections.selections if selections else ():
            if not self._included(node):
                continue
            if isinstance(node, FragmentSpreadNode):
                self._walk(self.fragments[node.name.value].selection_set, parents)
            elif isinstance(node, InlineFragmentNode):
                self._walk(node.selection_set, parents)
            elif isinstance(node, FieldNode):
                self._field(node, parents)

    def _field(self, node: FieldNode, parents: int) -> None:
        asked = {
            argument.name.value: value_from_ast_untyped(argument.value, dict(self.variables))
            for argument in node.arguments or ()
        }
        if node.name.value == "nodes" and "ids" in asked:
            ids = asked["ids"] or []
            if len(ids) > 100:
                self.errors.append({"type": "ARGUMENT_LIMIT", "message": "You may not provide more than 100 node ids"})
            self.nodes += len(ids)
            self._walk(node.selection_set, parents * len(ids))
            return
        inner = self._names(node.selection_set)
        if not inner & {"nodes", "edges"}:
            self._walk(node.selection_set, parents)
            return
        size = asked.get("first") or asked.get("last")
        if not isinstance(size, int):
            message = (
                f"You must provide a `first` or `last` value to properly paginate the `{node.name.value}` connection."
            )
            self.errors.append({"type": "MISSING_PAGINATION_BOUNDARIES", "message": message})
        elif not 1 <= size <= 100:
            message = f"Requesting {size} records on the `{node.name.value}` connection exceeds the limit of 100."
            self.errors.append({"type": "EXCESSIVE_PAGINATION", "message": message})
        else:
            self.connections += parents
            self.nodes += parents * size
            self._walk(node.selection_set, parents * size)

    def _names(self, selections: SelectionSetNode | None) -> set[str]:
        """The fields directly below, also those that a fragment brings."""
        names: set[str] = set()
        for node in selections.selections if selections else ():
            if isinstance(node, FieldNode):
                names.add(node.name.value)
            elif isinstance(node, FragmentSpreadNode):
                names |= self._names(self.fragments[node.name.value].selection_set)
            elif isinstance(node, InlineFragmentNode):
                names |= self._names(node.selection_set)
        return names

    def _included(self, node: Any) -> bool:
        for directive in node.directives or ():
            holds = bool(value_from_ast_untyped(directive.arguments[0].value, dict(self.variables)))
            if holds != (directive.name.value == "include"):
                return False
        return True


@cache
def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _resolve(source: Any, info: GraphQLResolveInfo[Any], **asked: Any) -> Any:
    """One field: a rule of its own, a plain value of an answer, or the attribute of that name."""
    parent, name = info.parent_type.name, info.field_name
    own = _RULES.get((parent, name))
    if own is not None:
        return own(source, info.context, asked)
    if isinstance(source, dict):
        return source[name]
    value: Any = getattr(source, _snake(name), _MISSING)
    if value is _MISSING:
        raise GraphQLError(f"the test server does not serve {parent}.{name}")
    kind = get_named_type(info.return_type).name
    if isinstance(value, list) and kind.endswith("Connection"):
        return connection(value, info.context, asked)
    if kind == "DateTime":
        return None if value is None else iso(value)
    if kind == "BigInt":
        return str(value)
    return value


_MISSING = object()


def connection(items: list[Any], call: Execution, asked: Mapping[str, Any]) -> dict[str, Any]:
    """A page of a list: filtered, ordered, cut, with opaque cursors."""
    chosen = _filtered(items, asked)
    order = asked.get("orderBy")
    if order:
        name = _snake(order["field"].lower())
        chosen = sorted(chosen, key=lambda item: (getattr(item, name), item.id), reverse=order["direction"] == "DESC")
    total, start = len(chosen), 0
    if asked.get("after"):
        start = _position(asked["after"], chosen, order)
    page = chosen[-asked["last"] :] if asked.get("last") else chosen[start:][: asked.get("first")]
    cursors = [_cursor(item, start + n + 1, call.cursors, order) for n, item in enumerate(page)]
    return {
        "totalCount": total,
        "filteredCount": total,
        "nodes": page,
        "edges": [{"node": item, "cursor": cursor} for item, cursor in zip(page, cursors, strict=True)],
        "pageInfo": {
            "hasNextPage": start + len(page) < total,
            "endCursor": cursors[-1] if cursors else None,
            "hasPreviousPage": start > 0,
            "startCursor": cursors[0] if cursors else None,
        },
    }


def _filtered(items: list[Any], asked: Mapping[str, Any]) -> list[Any]:
    filters = {name: value for name, value in (asked.get("filterBy") or {}).items() if value is not False}
    defaults = {"answered", "categoryId"}  # of discussions, which the schema fills in with null
    unknown = {name for name in asked if name not in defaults or asked[name] is not None} - {
        "first",
        "last",
        "after",
        "orderBy",
        "filterBy",
        "states",
        "itemTypes",
    } | set(filters) - {
        "since",
        "states",
    }
    if unknown:
        raise GraphQLError(f"the test server does not serve the arguments {sorted(unknown)}")
    states = asked.get("states") or filters.get("states")
    since = filters.get("since")
    return [
        item
        for item in items
        if (not states or item.state in states) and (since is None or iso(item.updated_at) >= since)
    ]


def _key(item: Any, order: Mapping[str, Any] | None) -> list[Any]:
    """What a list is sorted by: the field asked for, else the age of the item."""
    if order:
        return [getattr(item, _snake(order["field"].lower())), item.id]
    return [getattr(item, "full_database_id", None)]


def _cursor(item: Any, position: int, way: str, order: Mapping[str, Any] | None) -> str:
    key = _key(item, order)
    content = position if way == "offset" or None in key else key
    return base64.b64encode(json.dumps(["cursor:v2:", content]).encode()).decode()


def _position(cursor: str, items: list[Any], order: Mapping[str, Any] | None) -> int:
    """Where the page after `cursor` begins: after that key as the list is now, or at that place."""
    try:
        _, content = json.loads(base64.b64decode(cursor, validate=True))
    except ValueError:
        raise GraphQLError(
            f"`{cursor}` does not appear to be a valid cursor.", extensions={"type": "INVALID_CURSOR_ARGUMENTS"}
        ) from None
    if isinstance(content, int):
        return content
    down = order is not None and order["direction"] == "DESC"
    return sum((_key(item, order) >= content) if down else (_key(item, order) <= content) for item in items)


def _repository(_root: Any, call: Execution, asked: Mapping[str, Any]) -> Repository | None:
    name = f"{asked['owner']}/{asked['name']}"
    found, former = call.world.find(name)
    if found is None or (former and asked.get("followRenames") is False):
        raise GraphQLError(
            f"Could not resolve to a Repository with the name '{name}'.", extensions={"type": "NOT_FOUND"}
        )
    return found


def _nodes(_root: Any, call: Execution, asked: Mapping[str, Any]) -> list[Any]:
    return [_found(call, each) for each in asked["ids"]]


def _found(call: Execution, node_id: str) -> Any:
    """The node, or the error that stands in its place."""
    call.nodes = call.nodes or call.world.nodes()
    message = f"Could not resolve to a node with the global id of '{node_id}'."
    return call.nodes.get(node_id) or GraphQLError(message, extensions={"type": "NOT_FOUND"})


def _numbered(items: list[Any], number: int) -> Any:
    return next((item for item in items if item.number == number), None)


_RULES: dict[tuple[str, str], Callable[[Any, Execution, Mapping[str, Any]], Any]] = {
    ("Query", "repository"): _repository,
    ("Query", "node"): lambda _root, call, asked: _found(call, asked["id"]),
    ("Query", "nodes"): _nodes,
    ("Query", "viewer"): lambda _root, call, _asked: call.world.viewer,
    ("Query", "rateLimit"): lambda _root, call, _asked: {
        **call.rate_limit, "cost": call.cost, "nodeCount": call.node_count,
    },
    ("Repository", "issue"): lambda repository, _call, asked: _numbered(repository.issues, asked["number"]),
    ("Repository", "pullRequest"): lambda repository, _call, asked: _numbered(
        repository.pull_requests, asked["number"]
    ),
    ("Issue", "stateReason"): lambda issue, _call, asked: (
        "COMPLETED" if issue.state_reason == "DUPLICATE" and not asked.get("enableDuplicate") else issue.state_reason
    ),
    ("Commit", "parents"): lambda commit, _call, _asked: {"totalCount": len(commit.parents)},
    ("Release", "author"): lambda release, _call, _asked: (
        release.author if release.author and release.author.typename == "User" else None
    ),
    ("EnterpriseUserAccount", "user"): lambda account, _call, _asked: account,
}  # fmt: skip
