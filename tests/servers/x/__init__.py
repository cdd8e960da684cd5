"""X's API (version 2) on loopback: timelines and look-ups, with what is gone named among the errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.servers.jsonserver import JsonServer

X_EPOCH_MS = 1_288_834_974_657
TOKEN = "x-s3cret"


def post_id(at_ms: int, number: int = 0) -> int:
    """The id of a post made at this millisecond."""
    return (at_ms - X_EPOCH_MS << 22) + number


@dataclass
class Posts:
    """What X holds: `accounts` are those that are there, some of them `protected`."""

    now: int
    accounts: dict[str, int] = field(default_factory=dict)
    protected: set[str] = field(default_factory=set)
    posts: list[dict[str, Any]] = field(default_factory=list)
    page: int = 100
    reach: int = 3_200

    def post(self, account: str, at_ms: int, *, reply: bool = False, edited_ms: int | None = None) -> str:
        """Somebody posts; the first id is given back."""
        first = post_id(at_ms, len(self.posts))
        history = [first] if edited_ms is None else [first, post_id(edited_ms, len(self.posts))]
        made: dict[str, Any] = {
            "id": str(history[-1]),
            "text": f"nobody may keep \x1b[2J {len(self.posts)}",
            "author_id": account,
            "edit_history_tweet_ids": [str(each) for each in history],
        }
        if reply:
            made["referenced_tweets"] = [{"type": "replied_to", "id": "99"}]
        self.posts.append(made)
        self.accounts[account] = self.accounts.get(account, 0) + 1
        return str(first)

    def delete(self, first: str) -> None:
        """A post goes."""
        self.posts = [one for one in self.posts if first not in one["edit_history_tweet_ids"]]

    def handle(self, path: str, headers: Mapping[str, str], _body: Any) -> tuple[int, Any]:
        """One question."""
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"title": "Unauthorized", "type": "about:blank", "status": 401}
        parts = urlsplit(path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        match parts.path.split("/")[1:]:
            case ["users"]:
                users = {
                    key: {
                        "id": key, "name": "A name", "username": "ann", "protected": key in self.protected,
                        "public_metrics": {"tweet_count": count, "followers_count": 1},
                    }
                    for key, count in self.accounts.items()
                }  # fmt: skip
                return 200, self._looked(users, asked["ids"])
            case ["tweets"]:
                posts = {each: one for one in self.posts for each in one["edit_history_tweet_ids"]}
                return 200, self._looked({key: {**one, "id": key} for key, one in posts.items()}, asked["ids"])
            case ["users", account, "tweets"]:
                return self._timeline(account, asked)
        return 404, {"title": "Not Found Error", "type": "https://api.x.com/2/problems/resource-not-found"}

    def _looked(self, held: Mapping[str, Any], ids: str) -> dict[str, Any]:
        asked, answer = ids.split(","), dict[str, Any]()
        if found := [held[key] for key in asked if key in held]:
            answer["data"] = found
        if missing := [key for key in asked if key not in held]:
            kind = "https://api.x.com/2/problems/resource-not-found"
            answer["errors"] = [
                {"value": key, "resource_id": key, "parameter": "ids", "title": "Not Found Error", "type": kind}
                for key in missing
            ]
        return answer

    def _timeline(self, account: str, asked: Mapping[str, str]) -> tuple[int, Any]:
        start, end = (_ms(asked[name]) if name in asked else None for name in ("start_time", "end_time"))
        if end is None or end > (self.now - 10) * 1000:
            return 400, {"errors": [{"message": "end_time must be a minimum of 10 seconds prior to the request time"}]}
        mine = sorted((one for one in self.posts if one["author_id"] == account), key=lambda one: -int(one["id"]))
        held = [one for one in mine[: self.reach] if (start or 0) <= (int(one["id"]) >> 22) + X_EPOCH_MS < end]
        at = int(asked.get("pagination_token", "0"))
        size = min(self.page, int(asked["max_results"]))
        page, meta = held[at : at + size], dict[str, Any]()
        meta["result_count"] = len(page)
        if held[at + size :]:
            meta["next_token"] = str(at + size)
        return 200, {"data": page, "meta": meta} if page else {"meta": meta}


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def serve(posts: Posts) -> JsonServer:
    """X's API, to be used as `with serve(posts) as server:`."""
    return JsonServer(posts.handle, lambda: posts.now)
