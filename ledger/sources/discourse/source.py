"""The Discourse collector: what is read of a forum, from where on, and what is said about what was not read.

Two streams. Posts are read by their ids from the newest down, so that what is written meanwhile moves no page; only the
end of a stretch covers it, and a note with each page says where a killed run goes on. Likes are read person by person;
who gave any, the forum's directory says, which is made once a day: nothing is covered beyond that moment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import quote, urlsplit

from pydantic import Field, model_validator

from ledger.core.config import Settings
from ledger.core.errors import SourceError
from ledger.core.values import Timestamp, parse_time
from ledger.core.windows import HOUR, Window, gaps, later
from ledger.sources.address import api_address
from ledger.sources.discourse import rules
from ledger.sources.kinds import KindAs, answerable, kind_of
from ledger.sources.port import Page, Raw, SourceContext, SourceEvent, StreamCursor
from ledger.sources.web import Web

LOOK_BACK_MS = HOUR
"""How far before an uncovered stretch is read again: a post may appear later than its time says."""
MOST_PAGES = 100_000


class DiscourseOptions(Settings):
    """A Discourse source in a scope's file; docs/sources.md explains each option."""

    forum: Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.-]{1,200}(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]{0,100})?$")]
    likes: bool = True
    logins: Literal["show", "hide"] = "show"
    kinds_as: tuple[KindAs, ...] = ()
    max_wait_seconds: Annotated[int, Field(ge=1, le=86_400)] = 900

    @model_validator(mode="after")
    def _answerable(self) -> DiscourseOptions:
        answerable(self.kinds_as, DiscourseSource.facets(self))
        return self


class DiscourseSource:
    """What people wrote and liked on one Discourse forum, as far as everybody may read it."""

    kind: ClassVar[str] = "discourse"
    version: ClassVar[str] = "1"
    Options: ClassVar[type[Settings]] = DiscourseOptions

    def __init__(self, name: str, options: DiscourseOptions, context: SourceContext) -> None:
        self.name = name
        self._options, self._context = options, context
        self._forum = api_address({"forum": options.forum}, "forum", "", "https://forum.example.org")
        self._host = (urlsplit(self._forum).hostname or "").lower()
        headers = {}
        if key := context.environ.get("DISCOURSE_API_KEY"):
            headers = {"Api-Key": key, "Api-Username": context.environ.get("DISCOURSE_API_USERNAME", "system")}
        self._web = Web(context, "the forum", self._forum, float(options.max_wait_seconds), headers)

    @classmethod
    def origins(cls, options: DiscourseOptions) -> frozenset[str]:
        """The forum."""
        return frozenset({f"discourse:{(urlsplit(options.forum).hostname or '').lower()}"})

    @classmethod
    def facets(cls, options: DiscourseOptions) -> frozenset[str]:
        """Categories, as channels."""
        return frozenset({"channels"})

    def streams(self) -> Sequence[str]:
        """`<host>:posts`, and `<host>:likes` unless they are not wanted."""
        return [f"{self._host}:posts", *([f"{self._host}:likes"] if self._options.likes else [])]

    def fetch(self, stream: str, window: Window, cursor: StreamCursor) -> Iterator[Page]:
        """What is not covered of the window yet; the newest first."""
        end = min(window.end, self._context.now())
        counts: Counter[str] = Counter()
        for target in gaps(Window(window.start, end), list(cursor.covered)) if window.start < end else []:
            if stream.endswith(":likes"):
                yield from self._likes(target)
            else:
                for part, before in _parts(target, cursor.state or {}):
                    yield from self._posts(part, before, counts)

    def parse(self, raw: Raw) -> Iterable[SourceEvent]:
        """The one event of a post or like."""
        event = rules.event_of(raw, self._forum, self._host, show_login=self._options.logins == "show")
        return (event._replace(event_type=kind_of(self._options.kinds_as, event)),)

    def _posts(self, target: Window, before: int, counts: Counter[str]) -> Iterator[Page]:
        """One stretch, from the post `before` down (0: from the newest)."""
        since, until = later(target.start, -LOOK_BACK_MS), None
        for _ in range(MOST_PAGES):
            page = self._page(before)
            until = until or min(target.end, self._web.server_time or target.end)
            items = []
            for post in page:
                reason = rules.left_out(post)
                if reason is None:
                    items.append(rules.reduce_post(post))
                else:
                    counts[reason] += parse_time(post["created_at"]) in target
            before = min((post["id"] for post in page), default=1) - 1
            if before < 1 or all(parse_time(post["created_at"]) < since for post in page):
                yield self._last(items, Window(target.start, until) if target.start < until else None, counts)
                return
            state: dict[str, str | int | bool | None] = {"from": target.start, "to": until, "before": before}
            yield Page(items, self._context.now(), state=state, counts=dict(counts))
        raise SourceError("the forum's posts do not end", hint="Please report it.")

    def _last(self, items: Sequence[Raw], covered: Window | None, counts: Mapping[str, int]) -> Page:
        if covered is None:
            words = "the forum's clock stands before the window; nothing is taken for complete"
            return Page(items, self._context.now(), counts=dict(counts), gaps=(words,))
        return Page(items, self._context.now(), covered=covered, state={}, counts=dict(counts))

    def _page(self, before: int) -> list[Mapping[str, Any]]:
        """Up to fifty posts with ids up to `before`, the newest first; an empty page must come twice to be believed."""

        def check(answer: Any) -> list[Mapping[str, Any]]:
            posts = answer["latest_posts"]
            ids = [post["id"] for post in posts]
            if ids != sorted(set(ids), reverse=True) or (before and ids and ids[0] > before):
                raise ValueError("not by their ids")
            for post in posts:
                parse_time(post["created_at"])
                if rules.left_out(post) is None:
                    rules.reduce_post(post)
            return list(posts)

        path = f"/posts.json?before={before}" if before else "/posts.json"
        return self._web.ask("its posts", check, path=path) or self._web.ask("its posts", check, path=path)

    def _likes(self, target: Window) -> Iterator[Page]:
        """The likes of everybody who gave any, person by person."""
        people, made_at = self._givers()
        since = later(target.start, -LOOK_BACK_MS)
        for name in people:
            found: list[Raw] = []
            for page in self._given(name, since):
                found += page
            if found:
                yield Page(found, self._context.now())
        until = min(target.end, made_at, self._web.server_time or target.end)
        if target.start < until:
            yield Page((), self._context.now(), covered=Window(target.start, until))

    def _givers(self) -> tuple[list[str], Timestamp]:
        """Who has given likes, and when the forum made its directory."""
        names: list[str] = []

        def check(answer: Any) -> tuple[list[tuple[str, int]], Timestamp]:
            rows = [(str(row["user"]["username"]), int(row["likes_given"])) for row in answer["directory_items"]]
            return rows, parse_time(answer["meta"]["last_updated_at"])

        made_at: Timestamp | None = None
        for number in range(MOST_PAGES):
            path = f"/directory_items.json?period=all&order=likes_given&page={number}"
            rows, stamp = self._web.ask("its directory", check, path=path)
            made_at = stamp if made_at is None else min(made_at, stamp)
            names += [name for name, given in rows if given > 0]
            if not rows or rows[-1][1] == 0:
                return sorted(set(names)), made_at
        raise SourceError("the forum's directory does not end", hint="Please report it.")

    def _given(self, name: str, since: Timestamp) -> Iterator[list[Raw]]:
        """The likes that one person gave, the newest first, down to `since`."""
        seen = 0

        def check(answer: Any) -> list[Raw]:
            actions = answer["user_actions"]
            if any(action["action_type"] != rules.LIKE for action in actions):
                raise ValueError("other actions")
            return [rules.reduce_like(action) for action in actions]

        for _ in range(MOST_PAGES):
            path = f"/user_actions.json?username={quote(name)}&filter={rules.LIKE}&offset={seen}"
            page = self._web.ask("somebody's likes", check, path=path)
            yield [raw for raw in page if raw["time"] >= since]
            seen += len(page)
            if not page or page[-1]["time"] < since:
                return
        raise SourceError("somebody's likes do not end", hint="Please report it.")


def _parts(target: Window, note: Mapping[str, Any]) -> Iterator[tuple[Window, int]]:
    """A stretch, split where an earlier run was cut: with the post from which on each part is to be read."""
    begun, until, before = note.get("from"), str(note.get("to", "")), note.get("before")
    if isinstance(before, int) and begun == target.start and target.start < until <= target.end:
        yield Window(target.start, Timestamp(until)), before
        if until < target.end:
            yield Window(Timestamp(until), target.end), 0
    else:
        yield target, 0
