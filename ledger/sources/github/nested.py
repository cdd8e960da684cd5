"""The lists inside a page's items (reviews, comments, files), each followed to its end and held against its count.

What GitHub counts but does not list is named in words, never passed over. Knows GraphQL's shape, not what counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ledger.sources.github.client import Client

IDS = 100
"""Ids in one list: the most that GitHub takes."""
LISTS = "abcde"
"""Lists of ids in one question (`diff_comments.graphql`)."""
REREADS = 3
"""How often a list is read anew whose length changes, or is not what GitHub states."""

Connection = Mapping[str, Any]


class Nested:
    """Completes the nodes of a page in place. `diff`: whether comments on the diff are wanted."""

    def __init__(self, client: Client, *, diff: bool) -> None:
        self._client = client
        self._diff = diff
        self._gaps: list[str] = []

    def complete(self, nodes: Sequence[dict[str, Any]]) -> tuple[str, ...]:
        """Every list of every node to its end; what is missing all the same, in words."""
        for node in nodes:
            for name in ("reviews", "comments", "files"):
                if node.get(name) is not None:
                    extra = {"diff": self._diff} if name == "reviews" else {}
                    what = f"{name} of number {node['number']}"
                    node[name] = {"nodes": self._whole(what, node["id"], node[name], f"more_{name}", extra)}
            self._held("labels", node)
        if self._diff:
            self._diff_comments([review for node in nodes for review in node.get("reviews", {}).get("nodes", ())])
        gaps, self._gaps = tuple(self._gaps), []
        return gaps

    def _diff_comments(self, reviews: Sequence[dict[str, Any]]) -> None:
        """The comments of all reviews that have any: five hundred reviews a question."""
        due = {review["id"]: review for review in reviews if review["submittedAt"] and review["comments"]["totalCount"]}
        for review in reviews:
            review["comments"] = {"nodes": []}
        ids, most = list(due), IDS * len(LISTS)
        for at in range(0, len(ids), most):
            lists = {name: ids[at + n * IDS : at + (n + 1) * IDS] for n, name in enumerate(LISTS)}
            for found in self._client.ask("diff_comments", lists, _of_reviews):
                what = f"comments of review {due[found['id']]['fullDatabaseId']}"
                nodes = self._whole(what, found["id"], found["comments"], "more_diff_comments", {})
                due[found["id"]]["comments"] = {"nodes": nodes}

    def _whole(
        self, what: str, node_id: str, page: Connection, query: str, extra: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """All nodes of a connection. Where its length changes while it is read, pages may have shifted: anew, then."""
        nodes: list[dict[str, Any]] = list(page["nodes"])
        for _ in range(REREADS):
            total = page["totalCount"]
            while page["pageInfo"]["hasNextPage"] and page["totalCount"] == total:
                following = self._ask(query, node_id, page["pageInfo"]["endCursor"], extra)
                if following is None:
                    return nodes
                page = following
                nodes += page["nodes"]
            if page["totalCount"] == total == len({_key(node) for node in nodes}):
                return nodes
            anew = self._ask(query, node_id, None, extra)
            if anew is None:
                return nodes
            page, nodes = anew, list(anew["nodes"])
        self._gaps.append(f"{what}: GitHub states {page['totalCount']} and lists {len(nodes)}")
        return nodes

    def _held(self, name: str, node: Mapping[str, Any]) -> None:
        stated, listed = node[name]["totalCount"], len(node[name]["nodes"])
        if stated != listed:
            self._gaps.append(f"{name} of number {node['number']}: GitHub states {stated} and lists {listed}")

    def _ask(self, query: str, node_id: str, after: str | None, extra: Mapping[str, Any]) -> Connection | None:
        """One page; None where the thing has been deleted meanwhile."""
        return self._client.ask(query, {"id": node_id, "after": after, **extra}, _of_node)


def connection(value: Any) -> Connection:
    """A connection whose shape is right; KeyError, TypeError or ValueError otherwise."""
    nodes, info = value["nodes"], value["pageInfo"]
    if not isinstance(value["totalCount"], int) or not all(isinstance(node, dict) for node in nodes):
        raise ValueError("a connection without count or nodes")
    if info["hasNextPage"] and not (nodes and isinstance(info["endCursor"], str)):
        raise ValueError("a connection that goes on after nothing")
    return value  # type: ignore[no-any-return]


def _of_node(data: Mapping[str, Any]) -> Connection | None:
    return None if data["node"] is None else connection(data["node"]["found"])


def _of_reviews(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = [node for name in LISTS for node in data[name] if node is not None]
    for node in found:
        connection(node["comments"])
    return found


def _key(node: Mapping[str, Any]) -> object:
    return node.get("fullDatabaseId") or node["path"]
