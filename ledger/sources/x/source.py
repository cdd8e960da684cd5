"""The X collector: ids of posts of listed accounts, never a text, and which of those on record are still there.

One stream an account, read from the newest post down; only the end of a stretch covers it. X gives the newest 3,200
posts of an account and is silent about older ones: they are taken for read only where the account has no more, or an
older post was seen. Two rules of X's Developer Policy stand here: "Pay to engage" and "Content compliance".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, NamedTuple
from urllib.parse import urlencode

from pydantic import BeforeValidator, Field, StringConstraints

from ledger.core.config import Settings
from ledger.core.errors import CredentialsError, SourceError
from ledger.core.values import Timestamp, from_milliseconds, to_milliseconds
from ledger.core.windows import HOUR, Window, gaps, later
from ledger.sources.address import api_address
from ledger.sources.options import as_text
from ledger.sources.port import Page, Raw, SourceContext, SourceEvent, StreamCursor
from ledger.sources.web import Web

REACH = 3_200
"""Posts of an account that its timeline gives, the newest ones, reposts counted."""
PAGE = 100
MOST_PAGES = 1_000
EDITABLE_MS = HOUR
"""A post can be edited so long, and is then found by the time of its edit."""
LAG_MS = 30_000
"""X refuses to be asked about the last ten seconds."""
_X_EPOCH_MS = 1_288_834_974_657
PAY_TO_ENGAGE = (
    'X\'s Developer Policy, "Pay to engage": who uses its API may not compensate people for posts, replies or any '
    "other action on X"
)
_GONE = ("/resource-not-found", "/not-authorized-for-resource")
"""How the types of X's problems end for what is deleted, and for what became private."""


AccountId = Annotated[str, BeforeValidator(as_text), StringConstraints(pattern=r"^[1-9][0-9]{0,19}$")]


class XOptions(Settings):
    """A source of posts on X in a scope's file; docs/sources.md explains each option."""

    accounts: Annotated[tuple[AccountId, ...], Field(min_length=1, max_length=100)]
    replies: bool = False
    i_have_read_the_policy: bool = False
    max_wait_seconds: Annotated[int, Field(ge=1, le=86_400)] = 900


class _Account(NamedTuple):
    """What X says of an account: how many posts it has, and whether only some may read them."""

    posts: int
    protected: bool


class XSource:
    """That listed accounts posted on X: ids alone, and without weight unless the scope's file says so."""

    kind: ClassVar[str] = "x"
    version: ClassVar[str] = "1"
    Options: ClassVar[type[Settings]] = XOptions

    def __init__(self, name: str, options: XOptions, context: SourceContext) -> None:
        self.name = name
        self._options, self._context = options, context
        token = context.environ.get("X_BEARER_TOKEN")
        if not token:
            raise CredentialsError("X_BEARER_TOKEN is not set", hint="X's API answers nobody without one.")
        url = api_address(context.environ, "X_API_URL", "https://api.x.com/2", "https://api.x.com/2")
        headers = {"Authorization": f"Bearer {token}"}
        self._web = Web(context, "X", url, float(options.max_wait_seconds), headers)
        self._known: dict[str, _Account] | None = None

    @classmethod
    def origins(cls, options: XOptions) -> frozenset[str]:
        """The accounts."""
        return frozenset(f"x:{account}" for account in options.accounts)

    @classmethod
    def facets(cls, options: XOptions) -> frozenset[str]:
        """None."""
        return frozenset()

    @classmethod
    def forbids_weight(cls, options: XOptions) -> str | None:
        """The rule of the platform by which its events may weigh nothing; None where somebody answers for it."""
        return None if options.i_have_read_the_policy else PAY_TO_ENGAGE

    def streams(self) -> Sequence[str]:
        """The accounts."""
        return tuple(dict.fromkeys(self._options.accounts))

    def fetch(self, stream: str, window: Window, cursor: StreamCursor) -> Iterator[Page]:
        """The posts of an account in what is not covered yet, the newest first."""
        found = self._accounts().get(stream)
        now = min(self._context.now(), self._web.server_time or self._context.now())
        until = from_milliseconds((to_milliseconds(now) - LAG_MS) // 1000 * 1000)
        end = min(window.end, until)
        counts: Counter[str] = Counter()
        for target in gaps(Window(window.start, end), list(cursor.covered)) if window.start < end else []:
            if found is None or found.protected:
                what = "is not there, or suspended" if found is None else "is protected"
                words = f"account {stream} {what}: X gives none of its posts"
                yield Page((), self._context.now(), gaps=(words,))
                return
            yield from self._stretch(stream, found, target, min(later(target.end, EDITABLE_MS), until), counts)

    def parse(self, raw: Raw) -> Iterable[SourceEvent]:
        """The one event of a post."""
        yield SourceEvent(
            artifact_url=f"https://x.com/i/web/status/{raw['id']}",
            event_time=_time(int(raw["id"])),
            event_type="reply_created" if raw["reply"] else "post_created",
            id=f"x:post:{raw['id']}",
            metadata={},
            platform_login=None,
            platform_user_id=raw["account"],
            source=self.kind,
        )

    def present(self, ids: Collection[str]) -> Collection[str]:
        """Those of these events whose post everybody may still read; a hundred a question."""
        posts = {each: each.split(":")[2].partition("#")[0] for each in ids}
        asked, there = sorted(set(posts.values())), set[str]()
        for at in range(0, len(asked), PAGE):
            there.update(self._look_up("/tweets", asked[at : at + PAGE], "which posts are there", {}, len))
        return {each for each, post in posts.items() if post in there}

    def _accounts(self) -> Mapping[str, _Account]:
        """What is known of the accounts; one question a run. An account that X has not is not in it."""
        if self._known is None:
            fields = {"user.fields": "protected,public_metrics"}
            rows = self._look_up("/users", self.streams(), "about the accounts", fields, _account)
            self._known = {key: _account(row) for key, row in rows.items()}
        return self._known

    def _look_up(
        self,
        path: str,
        ids: Sequence[str],
        what: str,
        fields: Mapping[str, str],
        check: Callable[[Mapping[str, Any]], object],
    ) -> dict[str, Mapping[str, Any]]:
        """Things by their ids: each must be in the answer, or be named in it as one that is gone."""

        def whole(answer: Any) -> dict[str, Mapping[str, Any]]:
            rows = {str(row["id"]): row for row in answer.get("data", [])}
            missing = {str(each["resource_id"]) for each in answer.get("errors", []) if each["type"].endswith(_GONE)}
            if len(missing) != len(answer.get("errors", [])) or rows.keys() ^ missing != set(ids):
                raise ValueError("not what was asked for")
            for row in rows.values():
                check(row)
            return rows

        return self._web.ask(what, whole, path=f"{path}?{urlencode({'ids': ','.join(ids), **fields})}")

    def _stretch(
        self, account: str, known: _Account, target: Window, until: Timestamp, counts: Counter[str]
    ) -> Iterator[Page]:
        """One stretch of one account; the last page covers it, or says why it does not."""
        query = {
            "end_time": _seconds(until),
            "exclude": "retweets",
            "max_results": str(PAGE),
            "tweet.fields": "author_id,edit_history_tweet_ids,referenced_tweets",
        }
        if known.posts <= REACH:
            query["start_time"] = _seconds(target.start)
        below = 1 << 64
        for _ in range(MOST_PAGES):
            posts, token = self._page(account, query, below)
            items = []
            for post in posts:
                below = int(post["id"])
                raw = _reduced(post, account)
                if raw["reply"] and not self._options.replies:
                    counts["replies_left_out"] += _time(int(raw["id"])) in target
                else:
                    items.append(raw)
            if _time(below) < target.start or (token is None and known.posts <= REACH):
                yield Page(items, self._context.now(), covered=target, counts=dict(counts))
                return
            if token is None:
                words = (
                    f"X gives the newest {REACH} posts of account {account} alone, and {target} reaches further back"
                )
                yield Page(items, self._context.now(), counts=dict(counts), gaps=(words,))
                return
            yield Page(items, self._context.now(), counts=dict(counts))
            query["pagination_token"] = token
        raise SourceError("an account's posts do not end", hint="Please report it.")

    def _page(
        self, account: str, query: Mapping[str, str], below: int
    ) -> tuple[Sequence[Mapping[str, Any]], str | None]:
        """Posts with ids under `below`, the newest first, and what the next page is asked by."""

        def check(answer: Any) -> tuple[Sequence[Mapping[str, Any]], str | None]:
            posts, meta = answer.get("data", []), answer["meta"]
            ids = [int(post["id"]) for post in posts]
            if answer.get("errors") or meta["result_count"] != len(ids):
                raise ValueError("a part of an answer")
            if ids != sorted(set(ids), reverse=True) or (ids and ids[0] >= below):
                raise ValueError("not by their ids")
            for post in posts:
                _reduced(post, account)
            token = meta.get("next_token")
            return posts, None if token is None else str(token)

        return self._web.ask("an account's posts", check, path=f"/users/{account}/tweets?{urlencode(query)}")


def _account(row: Mapping[str, Any]) -> _Account:
    posts, protected = row["public_metrics"]["tweet_count"], row["protected"]
    if type(posts) is not int or type(protected) is not bool:
        raise ValueError("no account")
    return _Account(posts, protected)


def _reduced(post: Mapping[str, Any], account: str) -> Raw:
    """What is kept of a post: its first id (an edit gives it another), whose it is, and whether it answers."""
    if post["author_id"] != account:
        raise ValueError("somebody else's post")
    first = min(int(each) for each in post["edit_history_tweet_ids"])
    reply = any(each["type"] == "replied_to" for each in post.get("referenced_tweets", ()))
    return {"account": account, "id": str(first), "reply": reply}


def _time(post: int) -> Timestamp:
    """When the post with this id was made: an id is milliseconds since X's own beginning, then 22 bits."""
    return from_milliseconds((post >> 22) + _X_EPOCH_MS)


def _seconds(time: Timestamp) -> str:
    """A time as X takes it."""
    return f"{time[:19]}Z"
