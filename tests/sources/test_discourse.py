"""The Discourse collector: topics, posts and likes of a forum; whatever fails, nothing is lost and no text is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import pytest

from ledger.core.errors import CredentialsError, LedgerError, SourceError
from ledger.core.values import from_milliseconds
from ledger.core.windows import Window, merge
from ledger.sources.conformance import CHECKS, World
from ledger.sources.discourse import DiscourseOptions, DiscourseSource
from ledger.sources.port import SourceContext, SourceEvent, StreamCursor
from tests.servers.discourse import Forum, serve
from tests.servers.github.faults import (
    Fault,
    bad_json,
    before,
    empty,
    html,
    reset,
    rewritten,
    status,
    too_many,
    truncated,
)
from tests.servers.jsonserver import JsonServer

MONDAY = 1_767_571_200
HOUR, DAY = 3600, 86_400
WEEK = Window(from_milliseconds(MONDAY * 1000), from_milliseconds((MONDAY + 7 * DAY) * 1000))
ANN, BOB, EVE = (11, "ann"), (12, "bob"), (-1, "system")
HOST = "127.0.0.1"


class Run:
    """What one run of both streams gave."""

    def __init__(self, before: Run | None = None) -> None:
        self.events: list[SourceEvent] = []
        self.cursors: dict[str, StreamCursor] = dict(before.cursors) if before else {}
        self.counts: dict[str, int] = {}
        self.told: list[str] = []

    @property
    def ids(self) -> set[str]:
        return {event.id for event in self.events}


@pytest.fixture
def forum() -> Forum:
    return Forum(MONDAY + 8 * DAY, MONDAY + 8 * DAY, page=5)


@pytest.fixture
def server(forum: Forum) -> Iterator[JsonServer]:
    with serve(forum) as running:
        yield running


def source_of(server: JsonServer, told: list[str], now: int = MONDAY + 7 * DAY, **options: Any) -> DiscourseSource:
    context = SourceContext(
        "", "default", "", "", lambda: from_milliseconds(now * 1000), options.pop("environ", {}), tell=told.append
    )
    return DiscourseSource("forum", DiscourseOptions.load({"forum": server.url, **options}, "x"), context)


def collect(server: JsonServer, earlier: Run | None = None, cut: int | None = None, **options: Any) -> Run:
    run = Run(earlier)
    source = source_of(server, run.told, **options)
    for stream in source.streams():
        for page in islice(source.fetch(stream, WEEK, run.cursors.get(stream, StreamCursor())), cut):
            run.events += [e for raw in page.items for e in source.parse(raw) if e.event_time in WEEK]
            held = run.cursors.get(stream, StreamCursor())
            covered = merge([*held.covered, *([page.covered] if page.covered else [])])
            run.cursors[stream] = StreamCursor(tuple(covered), held.state if page.state is None else page.state)
            run.counts |= page.counts
    return run


def talk(forum: Forum, count: int) -> None:
    for n in range(count):
        post = forum.post((ANN, BOB)[n % 2], MONDAY + n * HOUR, f"text {n}", topic=7, number=n + 1)
        forum.like((BOB, ANN)[n % 2], post, MONDAY + n * HOUR + 60)


def test_topics_posts_and_likes_are_events_of_who_wrote_and_liked_and_no_text_is_kept(
    forum: Forum, server: JsonServer
) -> None:
    topic = forum.post(ANN, MONDAY, "How do I?", topic=7)
    answer = forum.post(BOB, MONDAY + 60, "Like this.", topic=7, number=2, reply_to_post_number=1)
    forum.post(BOB, MONDAY + 61, "moved it", topic=7, number=3, post_type=3)
    forum.post(EVE, MONDAY + 62, "welcome", topic=8)
    forum.post(BOB, MONDAY + 63, "sorry", topic=7, number=4, user_deleted=True)
    forum.post(ANN, MONDAY - DAY, "old", topic=6)
    forum.like(ANN, answer, MONDAY + HOUR)
    run = collect(server)
    found = {event.id: (event.event_type, event.platform_user_id, event.platform_login) for event in run.events}
    assert found == {
        f"discourse:topic:{HOST}:7": ("topic_created", "11", "ann"),
        f"discourse:post:{HOST}:{answer}": ("post_created", "12", "bob"),
        f"discourse:like:{HOST}:11:{answer}": ("like_given", "11", "ann"),
    }
    assert run.counts == {"notices": 1, "system_users": 1, "deleted": 1} and topic
    shown = repr(run.events)
    assert "Like this" not in shown and hashlib.sha256(b"Like this.").hexdigest() in shown
    assert {cursor.covered for cursor in run.cursors.values()} == {(WEEK,)}
    again = collect(server, run)
    assert again.events == [] and {e.platform_login for e in collect(server, logins="hide").events} == {None}
    assert f"{server.url}/t/7/2" in {event.artifact_url for event in run.events}


FAULTS: dict[str, Fault] = {
    "500": status(500),
    "429 with a time": too_many(7),
    "429 without": too_many(),
    "HTML": html(),
    "empty": empty(),
    "cut": truncated(),
    "half": bad_json(),
    "reset": reset(),
    "another form": rewritten(lambda _body: {"error": "later"}),
    "a post without its time": rewritten(
        lambda body: {"latest_posts": [{**p, "created_at": None} for p in body.get("latest_posts", [{}])]}
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_changes_nothing_in_the_end(name: str, forum: Forum, server: JsonServer) -> None:
    talk(forum, 17)
    clean = collect(server)
    assert len(clean.ids) == 34
    for pattern in ("/posts", "/directory", "/user_actions"):
        server.fail(pattern, FAULTS[name], skip=1 if pattern == "/posts" else 0, times=3)
    assert collect(server).ids == clean.ids
    server.heal()
    server.fail("/posts", FAULTS[name], skip=2, times=999)
    cut = Run()
    source = source_of(server, cut.told)
    with pytest.raises(SourceError, match="the forum"):
        for page in source.fetch(f"{HOST}:posts", WEEK, StreamCursor()):
            cut.events += [event for raw in page.items for event in source.parse(raw)]
            cut.cursors[f"{HOST}:posts"] = StreamCursor((), page.state)
    assert 0 < len(cut.ids) < 17 and cut.told
    server.heal()
    server.requests.clear()
    rest = collect(server, cut, likes=False)
    assert cut.ids | rest.ids == {id for id in clean.ids if ":like:" not in id}
    assert not cut.ids & rest.ids  # what was read before the fault is not read again


def test_an_empty_page_is_believed_only_when_it_comes_twice(forum: Forum, server: JsonServer) -> None:
    talk(forum, 12)
    server.fail("/posts", rewritten(lambda _body: {"latest_posts": []}), skip=1)
    assert len(collect(server, likes=False).ids) == 12


def test_posts_that_appear_and_vanish_while_pages_are_read_take_no_other_with_them(
    forum: Forum, server: JsonServer
) -> None:
    talk(forum, 17)

    def change() -> None:
        forum.posts.pop(10)
        forum.post(ANN, MONDAY + 3 * DAY, "late", topic=9)

    server.fail("/posts", before(change), skip=1)
    assert len(collect(server, likes=False).ids) >= 16


def test_likes_are_covered_up_to_the_moment_of_the_forums_directory(forum: Forum, server: JsonServer) -> None:
    talk(forum, 4)
    forum.directory_at = MONDAY + 5 * DAY
    likes = collect(server).cursors[f"{HOST}:likes"].covered
    assert likes == (Window(WEEK.start, from_milliseconds((MONDAY + 5 * DAY) * 1000)),)


def test_a_category_may_give_its_posts_a_kind_of_their_own(forum: Forum, server: JsonServer) -> None:
    talk(forum, 2)
    rule = {"kind": "post_created", "channel": "4", "as": "post_in_support"}
    assert {e.event_type for e in collect(server, likes=False, kinds_as=[rule]).events} == {
        "topic_created",
        "post_in_support",
    }


def test_what_cannot_be_right_is_refused_in_words(forum: Forum, server: JsonServer) -> None:
    forum.locked = True
    with pytest.raises(CredentialsError, match="HTTP 403"):
        collect(server, environ={"DISCOURSE_API_KEY": "s3cret"})
    for address in ("http://forum.example.org", "forum.example.org"):
        with pytest.raises(LedgerError):
            collect(server, forum=address)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_collector_conforms(check: Callable[[World], None], forum: Forum, server: JsonServer) -> None:
    for n in range(13):
        who = (ANN, (12, "bob \x1b[2J\u202e"))[n % 2]
        post = forum.post(who, MONDAY + n * 7200, "nobody may keep", topic=7 + n % 3, number=n // 3 + 1)
        forum.like((13, "carol"), post, MONDAY + n * 7200 + 5)
    told: list[str] = []
    check(
        World(
            make=lambda: source_of(server, told, environ={"DISCOURSE_API_KEY": "s3cret"}),
            window=WEEK,
            id_pattern=r"discourse:(topic|post|like):[!-~]+",
            secrets=("nobody may keep", "s3cret"),
            told=told,
        )
    )
