"""A Discourse forum on loopback: posts, likes and the directory that is made once a day, as its API gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.servers.jsonserver import JsonServer

PAGE, DIRECTORY, ACTIONS = 50, 50, 30


@dataclass
class Forum:
    """What the forum holds. `now` is its clock, `directory_at` when its directory was made, both in seconds."""

    now: int
    directory_at: int
    posts: list[dict[str, Any]] = field(default_factory=list)
    likes: list[dict[str, Any]] = field(default_factory=list)
    page: int = PAGE
    locked: bool = False

    def post(self, user: tuple[int, str], at: int, raw: str, *, topic: int = 0, number: int = 1, **more: Any) -> int:
        """Somebody writes; `number` 1 opens the topic."""
        made = {
            "id": len(self.posts) * 3 + 1, "user_id": user[0], "username": user[1], "created_at": _iso(at), "raw": raw,
            "cooked": f"<p>{raw}</p>", "post_number": number, "post_type": 1, "reply_to_post_number": None,
            "topic_id": topic or 100 + len(self.posts), "topic_title": "A title \x1b[2J", "category_id": 4,
            "deleted_at": None, "user_deleted": False, **more,
        }  # fmt: skip
        self.posts.append(made)
        return int(made["id"])

    def like(self, user: tuple[int, str], post: int, at: int) -> None:
        """Somebody likes a post."""
        held = next(one for one in self.posts if one["id"] == post)
        self.likes.append(
            {
                "action_type": 1,
                "created_at": _iso(at),
                "acting_user_id": user[0],
                "acting_username": user[1],
                "post_id": post,
                "post_number": held["post_number"],
                "topic_id": held["topic_id"],
                "category_id": 4,
                "username": held["username"],
                "excerpt": held["raw"],
            }
        )

    def handle(self, path: str, _headers: Mapping[str, str], _body: Any) -> tuple[int, Any]:
        """One question."""
        if self.locked:
            return 403, {
                "errors": ["You are not permitted to view the requested resource."],
                "error_type": "invalid_access",
            }
        parts = urlsplit(path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/posts.json":
            before = int(asked.get("before", 0)) or 10**9
            held = sorted((one for one in self.posts if one["id"] <= before), key=lambda one: -one["id"])
            return 200, {"latest_posts": held[: self.page]}
        if parts.path == "/directory_items.json":
            return 200, self._directory(int(asked["page"]))
        if parts.path == "/user_actions.json":
            given = [one for one in self.likes if one["acting_username"] == asked["username"]]
            given.sort(key=lambda one: one["created_at"], reverse=True)
            start = int(asked["offset"])
            return 200, {"user_actions": given[start : start + ACTIONS]}
        return 404, {"errors": ["not found"]}

    def _directory(self, number: int) -> dict[str, Any]:
        users = {(one["user_id"], one["username"]): 0 for one in self.posts if one["user_id"] > 0}
        for like in self.likes:
            if like["created_at"] <= _iso(self.directory_at):
                who = (like["acting_user_id"], like["acting_username"])
                users[who] = users.get(who, 0) + 1
        rows = sorted(users.items(), key=lambda item: (-item[1], item[0]))[
            number * DIRECTORY : (number + 1) * DIRECTORY
        ]
        items = [{"id": who[0], "likes_given": n, "user": {"id": who[0], "username": who[1]}} for who, n in rows]
        return {"directory_items": items, "meta": {"last_updated_at": _iso(self.directory_at)}}


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def serve(forum: Forum) -> JsonServer:
    """The forum's API, to be used as `with serve(forum) as server:`."""
    return JsonServer(forum.handle, lambda: forum.now)
