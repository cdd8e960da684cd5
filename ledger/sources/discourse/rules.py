"""What counts on a forum and what is kept of it: pure functions over the objects of Discourse's API.

Of a post only its length and the SHA-256 of its text leave this module; the forum shows the text to everybody anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledger.core.canonical import clean_text, sha256_hex
from ledger.core.values import Timestamp, parse_time
from ledger.sources.port import Raw, SourceEvent
from ledger.sources.titles import one_line

REGULAR = 1
"""The type of a post that somebody wrote; all others are notices, whispers and acts of moderators."""
LIKE = 1
"""The type of a user's action that is a like given."""


def left_out(post: Mapping[str, Any]) -> str | None:
    """Which rule leaves a post out, by the name of its count, or None."""
    if post["post_type"] != REGULAR:
        return "notices"
    if post["user_id"] <= 0:
        return "system_users"
    if post.get("deleted_at") is not None or post.get("user_deleted"):
        return "deleted"
    return None


def reduce_post(post: Mapping[str, Any]) -> Raw:
    """What is kept of a post. One that opens a topic has the topic's title."""
    text = clean_text(post["raw"])
    return {
        "account": str(_number(post["user_id"])),
        "category": None if post.get("category_id") is None else str(_number(post["category_id"])),
        "id": _number(post["id"]),
        "length": len(text),
        "login": one_line(post["username"]),
        "number": _number(post["post_number"]),
        "reply_to": None if post["reply_to_post_number"] is None else _number(post["reply_to_post_number"]),
        "text_sha256": sha256_hex(text.encode()),
        "time": parse_time(post["created_at"]),
        "title": one_line(post["topic_title"]),
        "topic": _number(post["topic_id"]),
    }


def reduce_like(action: Mapping[str, Any]) -> Raw:
    """What is kept of a like: who gave it, when, and for which post."""
    return {
        "account": str(_number(action["acting_user_id"])),
        "category": None if action.get("category_id") is None else str(_number(action["category_id"])),
        "login": one_line(action["acting_username"]),
        "number": _number(action["post_number"]),
        "post": _number(action["post_id"]),
        "time": parse_time(action["created_at"]),
        "topic": _number(action["topic_id"]),
    }


def event_of(raw: Raw, forum: str, host: str, *, show_login: bool) -> SourceEvent:
    """The event of a reduced post or like."""
    metadata: dict[str, str | int | bool | None] = {"category_id": raw["category"], "topic_id": raw["topic"]}
    if "post" in raw:
        kind, key = "like_given", f"like:{host}:{raw['account']}:{raw['post']}"
        metadata["post_number"] = raw["number"]
    else:
        opens = raw["number"] == 1
        kind = "topic_created" if opens else "post_created"
        key = f"topic:{host}:{raw['topic']}" if opens else f"post:{host}:{raw['id']}"
        metadata |= {"length": raw["length"], "text_sha256": raw["text_sha256"]}
        metadata |= {"title": raw["title"]} if opens else {"reply_to": raw["reply_to"], "post_number": raw["number"]}
    return SourceEvent(
        artifact_url=f"{forum}/t/{raw['topic']}/{raw['number']}",
        event_time=Timestamp(raw["time"]),
        event_type=kind,
        id=f"discourse:{key}",
        metadata=metadata,
        platform_login=raw["login"] if show_login else None,
        platform_user_id=raw["account"],
        source="discourse",
        facets={"channels": () if raw["category"] is None else (raw["category"],)},
    )


def _number(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("no number where one belongs")
    return value
