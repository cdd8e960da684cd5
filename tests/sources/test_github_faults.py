"""GitHub fails in every way that was measured: what is collected in the end is what a clean run collects."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ledger.core.errors import CredentialsError, SourceError
from ledger.core.windows import Window, later
from ledger.sources.github import client, nested, walk
from ledger.sources.port import StreamCursor
from tests.servers.github import (
    Fault,
    GitHubServer,
    Repository,
    bad_json,
    before,
    empty,
    graphql_limit,
    html,
    partial,
    reset,
    rewritten,
    secondary_limit,
    slow,
    status,
    too_many,
    truncated,
)
from tests.sources.githubworld import (
    ANNA,
    BEN,
    BODY,
    CAT,
    DAY,
    HOUR,
    MONDAY,
    NAME,
    WEEK,
    Run,
    both_cursors,
    busy,
    collect,
    merged,
    source_of,
    taken,
    time,
)


def without_nodes(data: dict[str, Any]) -> None:
    data["repository"] = None


def a_hole(body: dict[str, Any]) -> dict[str, Any]:
    body["data"]["repository"]["found"]["nodes"][0] = None
    return body


def unsorted(body: dict[str, Any]) -> dict[str, Any]:
    body["data"]["repository"]["found"]["nodes"].reverse()
    return body


def no_nodes_but_more(body: dict[str, Any]) -> dict[str, Any]:
    body["data"]["repository"]["found"] |= {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": "x"}}
    return body


def in_circles(body: dict[str, Any]) -> dict[str, Any]:
    body["data"]["repository"]["found"]["pageInfo"] = {"hasNextPage": True, "endCursor": None}
    return body


FAULTS: Mapping[str, Callable[[GitHubServer], Fault]] = {
    "500": lambda _: status(500),
    "502": lambda _: status(502),
    "502 as a page for people": lambda _: html(502),
    "429 with a time": lambda _: too_many(7),
    "429 without": lambda _: too_many(),
    "secondary limit": lambda _: secondary_limit(),
    "secondary limit with a time": lambda _: secondary_limit(11),
    "RATE_LIMITED with 200": lambda server: graphql_limit(server.world.now + 60),
    "RATE_LIMIT with 200": lambda server: graphql_limit(server.world.now + 60, form="RATE_LIMIT"),
    "RESOURCE_LIMITS_EXCEEDED with data": lambda _: partial(),
    "partial data": lambda _: partial("INTERNAL", without_nodes),
    "empty 200": lambda _: empty(),
    "HTML 200": lambda _: html(),
    "JSON that is a text": lambda _: status(200, body='"<html>"'),
    "JSON without data": lambda _: status(200, body={"message": "ok"}),
    "data null": lambda _: rewritten(lambda _body: {"data": None}),
    "repository null": lambda _: rewritten(lambda _body: {"data": {"repository": None, "node": None}}),
    "cut body": lambda _: truncated(),
    "cut JSON": lambda _: bad_json(),
    "connection reset": lambda _: reset(),
    "a hole in a page": lambda _: rewritten(a_hole),
    "a page out of order": lambda _: rewritten(unsorted),
    "no nodes but more": lambda _: rewritten(no_nodes_but_more),
    "a page that leads nowhere": lambda _: rewritten(in_circles),
}


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_at_any_page_changes_nothing_in_the_end(
    server: GitHubServer, repository: Repository, name: str
) -> None:
    busy(repository, 8)
    clean = collect(server)
    for page in range(3):
        server.fail("graphql (Pulls|Issues)", FAULTS[name](server), skip=page)
        run = collect(server)
        assert (run.by_id, run.gaps) == (clean.by_id, []), f"{name} at page {page}"
        assert run.stated == clean.stated
        assert run.waits and all("waiting" in text for text in run.told)
        server.heal()


@pytest.mark.parametrize("operation", ["DiffComments", "MoreComments", "MoreReviews"])
@pytest.mark.parametrize("name", ["502", "RESOURCE_LIMITS_EXCEEDED with data", "cut body", "empty 200"])
def test_a_fault_at_a_nested_page_changes_nothing_in_the_end(
    server: GitHubServer, repository: Repository, name: str, operation: str
) -> None:
    long(repository)
    clean = collect(server)
    server.fail(f"graphql {operation}", FAULTS[name](server))
    run = collect(server)
    assert (run.by_id, run.gaps) == (clean.by_id, [])


def long(repository: Repository) -> None:
    """A pull request with more of everything than fits on a page."""
    pull = merged(repository, MONDAY + DAY)
    for n in range(130):
        pull.review(BEN, "COMMENTED", MONDAY + DAY + n, BODY)
        pull.comment(CAT, f"comment {n}", MONDAY + DAY + n)
    for n in range(120):
        pull.reviews[0].comment(BEN, f"line {n}", MONDAY + DAY + n)


def test_nested_lists_are_followed_to_their_end(server: GitHubServer, repository: Repository) -> None:
    long(repository)
    run = collect(server)
    assert [len(run.of(kind)) for kind in ("review_submitted", "comment_created", "review_comment_created")] == [
        130,
        130,
        120,
    ]
    assert run.gaps == []


def test_a_slow_body_is_given_up_and_asked_for_again(
    server: GitHubServer, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "TIMEOUT_SECONDS", 1)
    merged(repository, MONDAY + DAY)
    server.fail("graphql Pulls", slow())
    run = collect(server, only=":pulls")
    assert (run.ids, run.waits) == ({"github:pr:team/code:1"}, [1.0])


def test_a_page_that_is_too_much_is_halved_until_it_can_be_had(server: GitHubServer, repository: Repository) -> None:
    busy(repository, 30)
    clean = collect(server)
    server.requests.clear()

    def heavy(healthy: bytes) -> Any:
        nodes = json.loads(healthy)["data"]["repository"]["found"]["nodes"]
        return None if len(nodes) <= 12 else status(502)(healthy)

    server.fail("graphql Pulls", heavy, times=99)
    run = collect(server, only=":pulls")
    assert run.by_id == {event.id: event for event in clean.events if event.id in run.ids}
    assert len(run.of("pr_merged")) == len(clean.of("pr_merged"))
    sizes = [request.variables["first"] for request in server.requests if request.line == "graphql Pulls"]
    assert sizes[:5] == [100, 50, 25, 12, 24], "halved at each failure, doubled after each success"


def test_the_client_itself_pauses_between_no_two_questions(
    server: GitHubServer, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyGithub takes each question for a write, before which it would wait for a second without a word."""
    slept: list[float] = []
    monkeypatch.setattr("github.Requester.time.sleep", slept.append)
    long(repository)
    run = collect(server)
    assert (slept, run.waits) == ([], []) and server.count() > 4


def test_a_lasting_502_ends_the_stream_with_what_it_has(server: GitHubServer, repository: Repository) -> None:
    busy(repository, 3)
    server.fail("graphql", status(502), times=999)
    with pytest.raises(SourceError, match="after 9 tries: HTTP 502"):
        collect(server)
    assert server.count() == client.ATTEMPTS
    assert [request.variables["first"] for request in server.requests] == [100, 50, 25, 12, 6, 3, 1, 1, 1]


@pytest.mark.parametrize(
    ("fault", "waits"),
    [
        (too_many(7), [7.0]),
        (secondary_limit(11), [11.0]),
        (too_many(0), [1.0]),
        (too_many(), [60.0]),
        (secondary_limit(), [60.0]),
    ],
)
def test_waits_are_those_that_github_asks_for(
    server: GitHubServer, repository: Repository, fault: Fault, waits: list[float]
) -> None:
    merged(repository, MONDAY + DAY)
    server.fail("graphql Pulls", fault)
    assert collect(server, only=":pulls").waits == waits


def test_a_secondary_limit_without_a_time_is_waited_for_twice_as_long_each_time(
    server: GitHubServer, repository: Repository
) -> None:
    merged(repository, MONDAY + DAY)
    server.fail("graphql Pulls", secondary_limit(), times=3)
    run = collect(server, only=":pulls")
    assert (run.waits, len(run.events)) == ([60.0, 120.0, 240.0], 1)
    assert run.told[2] == "GitHub: rate limit reached; waiting 240 s (420 of 900 s)"


@pytest.mark.parametrize("form", ["RATE_LIMITED", "RATE_LIMIT"])
def test_the_primary_limit_is_waited_out_by_githubs_own_clock(
    server: GitHubServer, repository: Repository, form: str
) -> None:
    merged(repository, MONDAY + DAY)
    server.fail("graphql Pulls", graphql_limit(server.world.now + 300, form=form))
    assert collect(server, only=":pulls", now=time(MONDAY + 8 * DAY)).waits == [301.0]


def test_a_limit_beyond_the_bound_ends_the_run_cleanly_and_the_next_one_completes_it(
    server: GitHubServer, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "PAGE", 10)
    busy(repository, 40)
    clean = collect(server)
    server.used, server.limit = 0, 7
    run = Run()
    source = source_of(server, run)
    with pytest.raises(SourceError, match="would pass the bound of 900 s"):
        taken(run, "team/code:pulls", source, WEEK, source.fetch("team/code:pulls", WEEK, StreamCursor()))
    source.close()
    assert run.events and run.waits == []  # an hour until the reset: no use to begin
    server.limit = 5000
    server.requests.clear()
    second = collect(server, run)
    assert run.ids | second.ids == clean.ids
    assert server.requests[0].variables["after"] is not None


def test_a_forbidden_request_is_no_rate_limit(server: GitHubServer) -> None:
    server.fail("graphql", status(403, body={"message": "Resource protected by organization SAML enforcement."}))
    with pytest.raises(CredentialsError, match="forbids"):
        collect(server)
    server.fail("graphql", partial("FORBIDDEN", without_nodes))
    with pytest.raises(CredentialsError, match="Resource limits"):
        collect(server)


def test_a_graphql_that_is_not_there_is_said(server: GitHubServer) -> None:
    server.fail("graphql", status(404))
    with pytest.raises(SourceError, match="no GraphQL"):
        collect(server)


@both_cursors
@pytest.mark.usefixtures("small_pages")
def test_an_item_that_is_touched_while_the_list_is_read_is_not_lost(
    server: GitHubServer, repository: Repository
) -> None:
    pulls = [merged(repository, MONDAY + DAY - n) for n in range(30)]

    def touch() -> None:
        pulls[24].comment(CAT, "late", MONDAY + 2 * DAY)

    server.fail("graphql Pulls", before(touch), skip=3)
    run = collect(server, only=":pulls")
    assert {f"github:pr:team/code:{pull.number}" for pull in pulls} <= run.ids
    assert len(run.of("comment_created")) == 1


@both_cursors
@pytest.mark.usefixtures("small_pages")
def test_a_list_that_moves_at_every_page_is_read_whole_or_said_not_to_be(
    server: GitHubServer, repository: Repository
) -> None:
    pulls = [merged(repository, MONDAY + DAY - n) for n in range(30)]
    clock = iter(range(MONDAY + 2 * DAY, MONDAY + 3 * DAY))
    for n in range(400):
        server.fail("graphql Pulls", before(lambda n=n: pulls[n * 7 % 30].touch(next(clock))), skip=n)  # type: ignore[misc]
    run = collect(server, only=":pulls")
    assert run.ids == {f"github:pr:team/code:{pull.number}" for pull in pulls}


@both_cursors
@pytest.mark.usefixtures("small_pages")
def test_an_issue_that_is_deleted_while_the_list_is_read_takes_no_other_with_it(
    server: GitHubServer, repository: Repository
) -> None:
    issues = [repository.issue(ANNA, MONDAY + DAY - n) for n in range(23)]
    server.fail("graphql Issues", before(lambda: repository.issues.remove(issues[1])), skip=2)
    run = collect(server, only=":issues")
    kept = {f"github:issue_opened:team/code:{issue.number}" for issue in repository.issues}
    assert kept <= run.ids
    assert run.gaps == []


@both_cursors
def test_a_comment_that_is_deleted_while_the_thread_is_read_takes_no_other_with_it(
    server: GitHubServer, repository: Repository
) -> None:
    issue = repository.issue(ANNA, MONDAY + DAY)
    comments = [issue.comment(BEN, f"comment {n}", MONDAY + DAY + n) for n in range(250)]
    server.fail("graphql MoreComments", before(lambda: issue.comments.remove(comments[3])), skip=1)
    run = collect(server, only=":issues")
    kept = {f"github:comment:team/code:{comment.full_database_id}" for comment in issue.comments}
    assert kept <= run.ids
    assert run.gaps == []


def test_an_issue_that_vanishes_before_its_thread_is_read_is_kept_as_it_was_seen(
    server: GitHubServer, repository: Repository
) -> None:
    issue = repository.issue(ANNA, MONDAY + DAY)
    for n in range(150):
        issue.comment(BEN, f"comment {n}", MONDAY + DAY + n)
    server.fail("graphql MoreComments", before(repository.issues.clear))
    run = collect(server, only=":issues")
    assert (len(run.of("comment_created")), len(run.of("issue_opened"))) == (100, 1)


def test_a_review_that_vanishes_before_its_comments_are_read_stops_nothing(
    server: GitHubServer, repository: Repository
) -> None:
    pull = merged(repository, MONDAY + DAY)
    for n in range(2):
        pull.review(BEN, "COMMENTED", MONDAY + DAY + n).comment(BEN, BODY, MONDAY + DAY + n)
    server.fail("graphql DiffComments", before(lambda: pull.reviews.pop(0)))
    run = collect(server, only=":pulls")
    assert (len(run.of("review_submitted")), len(run.of("review_comment_created"))) == (2, 1)


def test_what_github_counts_but_does_not_list_is_named(server: GitHubServer, repository: Repository) -> None:
    pull = merged(repository, MONDAY + DAY)
    pull.comment(CAT, BODY, MONDAY + DAY)
    pull.label("bug")

    def hide(body: dict[str, Any]) -> dict[str, Any]:
        for node in body["data"].get("repository", {}).get("found", {}).get("nodes", [body["data"].get("node")]):
            thread = node.get("comments") or node["found"]
            thread["totalCount"] += 1
            if "labels" in node:
                node["labels"]["totalCount"] += 1
        return body

    server.fail("graphql (Pulls|MoreComments)", rewritten(hide), times=99)
    run = collect(server, only=":pulls")
    assert run.gaps == [
        "comments of number 1: GitHub states 2 and lists 1",
        "labels of number 1: GitHub states 2 and lists 1",
    ]
    assert server.count("MoreComments") == nested.REREADS
    touched = time(MONDAY + DAY)
    assert run.cursors["team/code:pulls"].covered == (Window(WEEK.start, touched), Window(later(touched, 1), WEEK.end))


def test_a_short_page_of_a_thread_is_asked_for_again(server: GitHubServer, repository: Repository) -> None:
    pull = merged(repository, MONDAY + DAY)
    for n in range(9):
        pull.comment(CAT, f"comment {n}", MONDAY + DAY + n)

    def shorten(body: dict[str, Any]) -> dict[str, Any]:
        del body["data"]["repository"]["found"]["nodes"][0]["comments"]["nodes"][4:]
        return body

    server.fail("graphql Pulls", rewritten(shorten))
    run = collect(server, only=":pulls")
    assert (len(run.of("comment_created")), run.gaps) == (9, [])


@pytest.mark.usefixtures("small_pages")
def test_a_cursor_that_github_forgot_makes_the_walk_begin_anew(server: GitHubServer, repository: Repository) -> None:
    busy(repository, 20)
    clean = collect(server)
    first = collect(server, cut=2)
    cursor = first.cursors["team/code:pulls"]
    first.cursors["team/code:pulls"] = type(cursor)(cursor.covered, {**(cursor.state or {}), "after": "forgotten"})
    assert first.ids | collect(server, first).ids == clean.ids


def test_our_clock_ahead_of_githubs_covers_nothing_that_github_has_not_reached(
    server: GitHubServer, repository: Repository
) -> None:
    server.world.now = MONDAY + 2 * DAY
    merged(repository, MONDAY + DAY)
    run = collect(server, now=time(MONDAY + 6 * DAY))
    assert {cursor.covered for cursor in run.cursors.values()} == {(Window(WEEK.start, time(MONDAY + 2 * DAY)),)}
    merged(repository, MONDAY + 3 * DAY)
    server.world.now = MONDAY + 7 * DAY
    assert "github:pr:team/code:2" in collect(server, run).ids


def test_githubs_clock_before_the_window_is_said(server: GitHubServer) -> None:
    server.world.now = MONDAY - HOUR
    run = collect(server, now=WEEK.end, only=":pulls")
    assert run.gaps == ["GitHub's clock stands before the window; nothing is taken for complete"]
    assert run.cursors["team/code:pulls"].covered == ()


def test_answers_without_a_date_or_with_a_wrong_one_are_taken(server: GitHubServer, repository: Repository) -> None:
    merged(repository, MONDAY + DAY)
    server.dated = False
    assert collect(server).cursors["team/code:pulls"].covered == (WEEK,)
    server.fail("graphql", status(200, headers={"Date": "yesterday"}, body="{}"))
    assert len(collect(server).events) == 1


def test_an_app_collects_with_a_token_of_its_installation(server: GitHubServer, repository: Repository) -> None:
    merged(repository, MONDAY + DAY)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    private = key.private_bytes(encoding, pem, serialization.NoEncryption()).decode()
    public = key.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
    server.app_key = public.decode()
    environ = {"GITHUB_TOKEN": "", "GITHUB_APP_ID": "12", "GITHUB_APP_PRIVATE_KEY": private}
    server.fail("access_tokens", status(502))
    run = collect(server, environ=environ)
    assert (len(run.events), run.waits) == (1, [1.0])
    assert server.count("POST /app/installations/77/access_tokens") >= 2
    with pytest.raises(CredentialsError, match="refused the app"):
        collect(server, environ={**environ, "GITHUB_APP_INSTALLATION_ID": "78"})
    repository.rename("other-team/renamed")
    assert collect(server, environ=environ).ids == run.ids
    server.requests.clear()
    assert collect(server, environ=environ, moved={NAME: "other-team/renamed"}).ids == run.ids
    assert server.count("GET /repos/other-team/renamed/installation") and not server.count(f"GET /repos/{NAME}")


@pytest.mark.parametrize("code", [301, 302, 307, 308])
@pytest.mark.parametrize("location", ["http://other.example/graphql", "https://127.0.0.1/graphql", "/elsewhere"])
def test_a_token_follows_no_redirection_and_it_is_said_at_once(server: GitHubServer, code: int, location: str) -> None:
    server.fail("graphql", status(code, headers={"Location": location}), times=9)
    with pytest.raises(SourceError, match="redirects to another") as caught:
        collect(server)
    assert "GITHUB_API_URL" in caught.value.hint and server.count() == 1
