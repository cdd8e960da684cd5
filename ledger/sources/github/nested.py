"""The lists inside a page's items (reviews, comments, files), each followed to its end and held against its count.

What GitHub counts but does not list is named in words, never passed over. Knows GraphQL's shape, not what counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ledger.sources.github.client import Client

IDS = 100
"""Ids in one list: the most that GitHub takes."""
LISTS = "abcde"
"""Lists of ids in one question (`diff_comments.graphql`)."""
LISTED = ("reviews", "comments", "files", "references")
"""The lists inside a pull request or issue that are followed to their end."""
REREADS = 3
"""How often a list is read anew whose length changes, or is not what GitHub states."""

Connection = Mapping[str, Any]


class Missing(NamedTuple):
    """What GitHub did not give of one issue or pull request: its id, and in words what."""

    id: str
    words: str


class Nested:
    """Completes the nodes of a page in place. `diff`: whether comments on the diff are wanted.

    `commits`: whether those of pull requests that were merged by a merge commit are: their messages name co-authors,
    which a squashed commit's own message repeats. `authors`: whether those of all merged ones are, with who wrote them.
    `reactions`: whether who reacted is asked for, wherever anybody did. `discussions`: whether the nodes are those.
    """

    def __init__(
        self, client: Client, *, diff: bool, commits: bool, authors: bool = False, reactions: bool = False,
        discussions: bool = False,
    ) -> None:  # fmt: skip
        self._client = client
        self._diff, self._commits, self._authors = diff, commits, authors
        self._reactions, self._discussions = reactions, discussions
        self._missing: list[Missing] = []

    def complete(self, nodes: Sequence[dict[str, Any]]) -> list[Missing]:
        """Every list of every node to its end; and what is missing all the same."""
        for node in nodes:
            for name in LISTED:
                if name in node:
                    extra = {"diff": self._diff} if name == "reviews" else {}
                    if name in ("comments", "reviews"):
                        extra = {**extra, "reactions": self._reactions}
                    discussed = self._discussions and name == "comments"
                    node[name] = self._list(node, name, f"more_{'discussion_' if discussed else ''}{name}", extra)
            self._held("labels", node)
        if self._diff:
            self._diff_comments({review["id"]: (node, review) for node in nodes for review in _reviews(node)})
        if self._commits or self._authors:
            self._of_merges(
                [
                    node
                    for node in nodes
                    if is_merge(node.get("mergeCommit")) or (self._authors and node.get("mergedAt") is not None)
                ]
            )
        if self._discussions:
            self._each({one["id"]: (node, one) for node in nodes for one in node["comments"]["nodes"]}, "replies")
        if self._reactions:
            self._each({one["id"]: (node, one) for node in nodes for one in reactable(node)}, "reactions")
        missing, self._missing = self._missing, []
        return missing

    def _of_merges(self, pulls: Sequence[dict[str, Any]]) -> None:
        """The commits of pull requests, a hundred of these a question."""
        due = {pull["id"]: pull for pull in pulls}
        for at in range(0, len(due), IDS):
            asked = {"ids": list(due)[at : at + IDS], "authors": self._authors}
            for found in self._client.ask("commits", asked, _of_pulls):
                due[found["id"]]["commits"] = self._list(
                    {**found, "number": due[found["id"]]["number"]},
                    "commits",
                    "more_commits",
                    {"authors": self._authors},
                )

    def _each(self, things: Mapping[str, tuple[Mapping[str, Any], dict[str, Any]]], name: str) -> None:
        """The replies or reactions to all things that have any, a hundred things a question."""
        due = {number: one for number, one in things.items() if _has(one[1], name)}
        for _, thing in things.values():
            thing[name] = {"nodes": []}
        extra = {"reactions": self._reactions} if name == "replies" else {}
        for at in range(0, len(due), IDS):
            for found in self._client.ask(name, {"ids": list(due)[at : at + IDS], **extra}, _of_things):
                owner, thing = due[found["id"]]
                what = f"{name} to {found['id']} of number {owner['number']}"
                if found["found"] is None:
                    self._missing.append(Missing(owner["id"], f"{what}: GitHub withholds them"))
                    continue
                nodes = self._whole(owner["id"], what, found["id"], found["found"], f"more_{name}", extra)
                thing[name] = {"nodes": nodes}

    def _list(self, node: Mapping[str, Any], name: str, query: str, extra: Mapping[str, Any]) -> Connection:
        what = f"{name} of number {node['number']}"
        if node[name] is None:
            self._missing.append(Missing(node["id"], f"{what}: GitHub withholds them"))
            return {"nodes": []}
        return {"nodes": self._whole(node["id"], what, node["id"], node[name], query, extra)}

    def _diff_comments(self, reviews: Mapping[str, tuple[Mapping[str, Any], dict[str, Any]]]) -> None:
        """The comments of all reviews that have any: five hundred reviews a question."""
        due = {number: one for number, one in reviews.items() if _has_comments(one[1])}
        for _, review in reviews.values():
            review["comments"] = {"nodes": []}
        ids, most = list(due), IDS * len(LISTS)
        for at in range(0, len(ids), most):
            lists = {name: ids[at + n * IDS : at + (n + 1) * IDS] for n, name in enumerate(LISTS)}
            for found in self._client.ask("diff_comments", {**lists, "reactions": self._reactions}, _of_reviews):
                pull, review = due[found["id"]]
                what = f"comments of review {review['fullDatabaseId']}"
                if found["comments"] is None:
                    self._missing.append(Missing(pull["id"], f"{what}: GitHub withholds them"))
                    continue
                nodes = self._whole(pull["id"], what, found["id"], found["comments"], "more_diff_comments",
                                    {"reactions": self._reactions})  # fmt: skip
                review["comments"] = {"nodes": nodes}

    def _whole(
        self, owner: str, what: str, node_id: str, page: Connection, query: str, extra: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """All nodes of a connection. Where its length changes while it is read, pages may have shifted: anew, then."""
        nodes: list[dict[str, Any] | None] = list(page["nodes"])
        for _ in range(REREADS):
            total = page["totalCount"]
            while page["pageInfo"]["hasNextPage"] and page["totalCount"] == total:
                following = self._ask(query, node_id, page["pageInfo"]["endCursor"], extra)
                if following is None:
                    return _given(nodes)
                page = following
                nodes += page["nodes"]
            given = _given(nodes)
            if withheld := len(nodes) - len(given):
                self._missing.append(Missing(owner, f"{what}: GitHub withholds {withheld} of {total}"))
                return given
            if page["totalCount"] == total == len({_key(node) for node in given}):
                return given
            anew = self._ask(query, node_id, None, extra)
            if anew is None:
                return given
            page, nodes = anew, list(anew["nodes"])
        self._missing.append(Missing(owner, f"{what}: GitHub states {page['totalCount']} and lists {len(nodes)}"))
        return _given(nodes)

    def _held(self, name: str, node: dict[str, Any]) -> None:
        what = f"{name} of number {node['number']}"
        if node[name] is None:
            return  # how GitHub says that there are none
        stated, given = node[name]["totalCount"], _given(node[name]["nodes"])
        if stated != len(given):
            self._missing.append(Missing(node["id"], f"{what}: GitHub states {stated} and lists {len(given)}"))
        node[name] = {"nodes": given}

    def _ask(self, query: str, node_id: str, after: str | None, extra: Mapping[str, Any]) -> Connection | None:
        """One page; None where the thing has been deleted meanwhile."""
        return self._client.ask(query, {"id": node_id, "after": after, **extra}, _of_node)


def is_merge(commit: Mapping[str, Any] | None) -> bool:
    """Whether the commit that merged a pull request is a merge commit, with the branch's own commits behind it."""
    return commit is not None and commit["parents"]["totalCount"] > 1


def reactable(node: Any) -> list[dict[str, Any]]:
    """A thing and all in it that people can react to, its lists as they are read so far."""
    found: list[dict[str, Any]] = [node]
    for one in (node.get("comments") or {"nodes": ()})["nodes"]:
        found += [one, *(one.get("replies") or {}).get("nodes", ())]
    for review in _reviews(node):
        found += [review, *(review.get("comments") or {}).get("nodes", ())]
    return [one for one in found if "reactionGroups" in one]


def torn(node: Mapping[str, Any]) -> bool:
    """Whether GitHub withholds part of a node, so that it is worth asking for alone."""
    lists = [node[name] for name in LISTED if name in node]
    return "title" not in node or any(one is None or None in one["nodes"] for one in lists)


def _given(nodes: Sequence[dict[str, Any] | None]) -> list[dict[str, Any]]:
    return [node for node in nodes if node is not None]


def _reviews(node: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    nodes: Sequence[dict[str, Any]] = node.get("reviews", {}).get("nodes", ())
    return nodes


def _has_comments(review: Mapping[str, Any]) -> bool:
    """Whether a submitted review has comments on the diff, or GitHub does not say."""
    return bool(review["submittedAt"]) and (review["comments"] is None or review["comments"]["totalCount"] > 0)


def connection(value: Any) -> Connection:
    """A connection whose shape is right; KeyError, TypeError or ValueError otherwise."""
    nodes, info = value["nodes"], value["pageInfo"]
    if not isinstance(value["totalCount"], int) or not all(isinstance(node, dict | None) for node in nodes):
        raise ValueError("a connection without count or nodes")
    if info["hasNextPage"] and not (nodes and isinstance(info["endCursor"], str)):
        raise ValueError("a connection that goes on after nothing")
    return value  # type: ignore[no-any-return]


def _of_node(data: Mapping[str, Any]) -> Connection | None:
    node = data["node"]
    if "withheld" in data and (node is None or node["found"] is None):
        return {"nodes": [None], "totalCount": 0, "pageInfo": {"hasNextPage": False}}
    return None if node is None else connection(node["found"])


def _of_reviews(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = [node for name in LISTS for node in data[name] if node is not None]
    for node in found:
        if node["comments"] is not None or "withheld" not in data:
            connection(node["comments"])
    return found


def _of_pulls(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = [node for node in data["nodes"] if node is not None]
    for node in found:
        if node["commits"] is not None or "withheld" not in data:
            connection(node["commits"])
    return found


def _of_things(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = [node for node in data["nodes"] if node is not None]
    for node in found:
        if node["found"] is not None or "withheld" not in data:
            connection(node["found"])
    return found


def _has(thing: Mapping[str, Any], name: str) -> bool:
    """Whether anything hangs on a thing; where GitHub does not say, it is asked."""
    if name == "replies":
        replies = thing.get("replies")
        return replies is None or replies["totalCount"] > 0
    groups = thing["reactionGroups"]
    return groups is None or any(group["reactors"]["totalCount"] for group in groups)


def _key(node: Mapping[str, Any]) -> object:
    return (
        node.get("fullDatabaseId") or node.get("databaseId") or node.get("path") or node.get("id")
        or node["commit"]["oid"]
    )  # fmt: skip
