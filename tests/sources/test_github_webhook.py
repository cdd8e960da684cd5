"""Webhook payloads bring the very events that polling brings, byte for byte but for the times of taking in."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import jsonschema
import pytest

from ledger.core.errors import CredentialsError, InputError
from ledger.core.sealing import Provenance, seal
from ledger.core.values import parse_time
from ledger.sources.port import SourceEvent
from tests.servers.github import Actor, GitHubServer, Issue, PullRequest, Repository, rest_repository
from tests.servers.github.schema import SCHEMAS
from tests.sources.githubworld import (
    ANNA,
    BEN,
    BODY,
    CAT,
    DAY,
    DEPENDABOT,
    MONDAY,
    NAME,
    Run,
    collect,
    source_of,
)

Payload = dict[str, Any]


@cache
def examples() -> dict[str, Payload]:
    loaded: dict[str, Payload] = json.loads(gzip.decompress((SCHEMAS / "github-webhook-examples.json.gz").read_bytes()))
    return loaded


@cache
def validator(name: str) -> jsonschema.protocols.Validator:
    schema = json.loads(gzip.decompress((SCHEMAS / "github-webhooks.json.gz").read_bytes()))
    return jsonschema.Draft7Validator({"$ref": f"#/definitions/{name}", "definitions": schema["definitions"]})


def iso(seconds: int | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def user(actor: Actor | None) -> Payload:
    """An account as webhooks show it: deleted ones as `ghost`, a bot's name with its brackets."""
    example = dict(examples()["issues"]["issue"]["user"])
    actor = actor or Actor("ghost", 10137)
    login = f"{actor.login}[bot]" if actor.typename == "Bot" else actor.login
    return {**example, "login": login, "id": actor.database_id, "type": actor.typename}


def labels(thing: Issue | PullRequest) -> list[Payload]:
    example = {"node_id": "L", "url": "https://api.github.com/l", "color": "d73a4a", "default": True, "description": ""}
    return [{**example, "id": n, "name": label.name} for n, label in enumerate(thing.labels)]


def payload(kind: str, repository: Repository, **changes: Any) -> Payload:
    """GitHub's own example with the repository and what `changes` gives, by dotted names."""
    made: Payload = copy.deepcopy(examples()[kind])
    made["repository"] |= {name: value for name, value in rest_repository(repository).items() if name != "owner"}
    for dotted, value in changes.items():
        at = made
        *path, last = dotted.split("__")
        for name in path:
            at = at[name]
        at[last] = at[last] | value if isinstance(at.get(last), dict) and isinstance(value, dict) else value
    return made


def of_pull(pull: PullRequest) -> Payload:
    return {
        "number": pull.number, "title": pull.title, "body": pull.body or None, "user": user(pull.author),
        "labels": labels(pull), "merged_at": iso(pull.merged_at), "closed_at": iso(pull.closed_at), "state": "closed",
        "merge_commit_sha": pull.merge_commit.oid if pull.merge_commit else None,
    }  # fmt: skip


def of_issue(issue: Issue | PullRequest) -> Payload:
    state = "open" if issue.closed_at is None else "closed"
    fields = {
        "number": issue.number, "title": issue.title, "body": issue.body or None, "user": user(issue.author),
        "labels": labels(issue), "state": state, "closed_at": iso(issue.closed_at), "created_at": iso(issue.created_at),
    }  # fmt: skip
    if isinstance(issue, PullRequest):
        url = "https://api.github.com/repos/team/code/pulls/1"
        return {**fields, "pull_request": {"url": url, "html_url": url, "diff_url": url, "patch_url": url}}
    return {**fields, "state_reason": issue.state_reason.lower() if issue.state_reason else None}


def closed_pull(repository: Repository, pull: PullRequest) -> Payload:
    facts = {
        "merged": pull.merged, "merged_by": user(BEN) if pull.merged else None, "additions": pull.additions,
        "deletions": pull.deletions, "changed_files": pull.changed_files, "active_lock_reason": None,
    }  # fmt: skip
    base = {**examples()["pull_request"]["pull_request"]["base"], "ref": pull.base_ref_name}
    return payload(
        "pull_request", repository, number=pull.number, pull_request={**of_pull(pull), **facts, "base": base}
    )


def merged_pull(repository: Repository, author: Actor | None) -> Payload:
    pull = repository.pull(author, MONDAY, "Add \x07 it", BODY)
    pull.label("zeta", "a,b")
    pull.merge(MONDAY + DAY)
    return closed_pull(repository, pull)


def submitted_review(repository: Repository, author: Actor | None) -> Payload:
    pull = repository.pull(ANNA, MONDAY)
    pull.label("bug")
    review = pull.review(author, "APPROVED", MONDAY + DAY)
    fields = {
        "id": review.full_database_id, "state": "approved", "body": None, "user": user(author),
        "submitted_at": iso(review.submitted_at),
    }  # fmt: skip
    short = {**of_pull(pull), "state": "open"}
    return payload("pull_request_review", repository, review=fields, pull_request=short)


def closed_issue(repository: Repository, author: Actor | None) -> Payload:
    issue = repository.issue(author, MONDAY, body=BODY)
    issue.label("bug")
    issue.close(MONDAY + DAY, "NOT_PLANNED")
    return payload("issues", repository, action="closed", issue=of_issue(issue))


def opened_issue(repository: Repository, author: Actor | None) -> Payload:
    return payload("issues", repository, issue=of_issue(repository.issue(author, MONDAY, body=BODY)))


def comment_on(thing: Issue | PullRequest, repository: Repository, author: Actor | None) -> Payload:
    comment = thing.comment(author, BODY, MONDAY + DAY)
    fields = {
        "id": comment.full_database_id, "body": comment.body, "user": user(author), "created_at": iso(MONDAY + DAY),
    }  # fmt: skip
    return payload("issue_comment", repository, comment=fields, issue=of_issue(thing))


def comment_on_issue(repository: Repository, author: Actor | None) -> Payload:
    return comment_on(repository.issue(ANNA, MONDAY), repository, author)


def comment_on_pull(repository: Repository, author: Actor | None) -> Payload:
    return comment_on(repository.pull(ANNA, MONDAY), repository, author)


def comment_on_line(repository: Repository, author: Actor | None) -> Payload:
    pull = repository.pull(ANNA, MONDAY)
    review = pull.review(author, "COMMENTED", MONDAY + DAY)
    comment = review.comment(author, BODY, MONDAY + DAY)
    fields = {
        "id": comment.full_database_id, "body": comment.body, "user": user(author), "created_at": iso(MONDAY + DAY),
        "pull_request_review_id": review.full_database_id,
    }  # fmt: skip
    return payload("pull_request_review_comment", repository, comment=fields, pull_request=of_pull(pull))


def published_release(repository: Repository, author: Actor | None) -> Payload:
    release = repository.release(author, "v1/a b", MONDAY + DAY, name="One", description=BODY, is_prerelease=True)
    fields = {
        "id": release.database_id, "tag_name": release.tag_name, "name": release.name, "body": BODY,
        "author": user(author), "published_at": iso(MONDAY + DAY), "prerelease": True, "draft": False,
    }  # fmt: skip
    return payload("release", repository, release=fields)


KINDS: dict[str, tuple[str, Callable[[Repository, Actor | None], Payload], str]] = {
    "merged pull request": ("pull_request$closed", merged_pull, "pr_merged"),
    "submitted review": ("pull_request_review$submitted", submitted_review, "review_submitted"),
    "closed issue": ("issues$closed", closed_issue, "issue_closed"),
    "opened issue": ("issues$opened", opened_issue, "issue_opened"),
    "comment on an issue": ("issue_comment$created", comment_on_issue, "comment_created"),
    "comment on a pull request": ("issue_comment$created", comment_on_pull, "comment_created"),
    "comment on a line": ("pull_request_review_comment$created", comment_on_line, "review_comment_created"),
    "published release": ("release$published", published_release, "release_published"),
}


def events(server: GitHubServer, body: Payload, **options: Any) -> list[SourceEvent]:
    source = source_of(server, Run(), **options)
    page = source.webhook(json.loads(json.dumps(body)))
    source.close()
    assert page is not None
    return [event for raw in page.items for event in source.parse(json.loads(json.dumps(raw)))]


def line(event: SourceEvent) -> bytes:
    where = Provenance(
        node_id="00000000-0000-4000-8000-000000000001",
        scope_id="default",
        producer="github",
        producer_version="1",
        retrieved_at=parse_time("2026-01-12"),
        ingested_at=parse_time("2026-01-12"),
    )
    fields = (event.artifact_url, event.event_time, event.event_type, event.metadata)
    return seal(event.id, *fields, event.platform_login, event.platform_user_id, event.source, where).line  # type: ignore[arg-type]


@pytest.mark.parametrize("author", [CAT, None, Actor("old", 77, "Mannequin")], ids=["user", "ghost", "mannequin"])
@pytest.mark.parametrize("name", KINDS)
def test_a_payload_gives_the_very_event_that_polling_gives(
    server: GitHubServer, repository: Repository, name: str, author: Actor | None
) -> None:
    schema, make, event_type = KINDS[name]
    if author is not None and author.typename == "Mannequin" and event_type == "release_published":
        author = CAT  # imported releases name no placeholder
    body = make(repository, author)
    if author is None or author.typename == "User":
        assert [error.message for error in validator(schema).iter_errors(body)] == []
    (pushed,) = events(server, body)
    polled = next(event for event in collect(server).events if event.id == pushed.id)
    assert pushed.event_type == event_type
    assert pushed == polled
    assert line(pushed) == line(polled)
    keyed = {"ids": "keyed", "logins": "hide"}
    assert events(server, body, **keyed) == [e for e in collect(server, **keyed).events if e.id == pushed.id]


@pytest.mark.parametrize("name", KINDS)
def test_a_bots_payload_gives_nothing_that_polling_would_not(
    server: GitHubServer, repository: Repository, name: str
) -> None:
    body = KINDS[name][1](repository, DEPENDABOT)
    assert events(server, body) == []


@pytest.mark.parametrize("name", KINDS)
def test_a_payload_that_repository_dispatch_brings_along_is_the_same(
    server: GitHubServer, repository: Repository, name: str
) -> None:
    body = KINDS[name][1](repository, CAT)
    outside = {"action": "ledger", "repository": {"full_name": "team/ledger", "private": True}}
    for inside in (body, {"event": "whatever", "payload": body}):
        assert events(server, {**outside, "client_payload": inside}) == events(server, body) != []


@pytest.mark.parametrize("reason", ["COMPLETED", "NOT_PLANNED", "DUPLICATE", None])
def test_a_closed_issue_is_the_same_for_each_reason_and_for_none(
    server: GitHubServer, repository: Repository, reason: str | None
) -> None:
    issue = repository.issue(CAT, MONDAY)
    issue.close(MONDAY + DAY, reason)
    (pushed,) = events(server, payload("issues", repository, action="closed", issue=of_issue(issue)))
    assert pushed == collect(server).of("issue_closed")[0]
    assert pushed.metadata["reason"] == (reason and reason.lower())


@pytest.mark.parametrize("state", ["APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED"])
def test_a_review_is_the_same_in_each_state(server: GitHubServer, repository: Repository, state: str) -> None:
    body = submitted_review(repository, CAT)
    repository.pull_requests[0].reviews[0].state, body["review"]["state"] = state, state.lower()
    assert events(server, body) == collect(server).of("review_submitted")


TRAILERS = "Add\n\nCo-authored-by: Dora <dora@example.org>\nCo-authored-by: Cat <103+cat@users.noreply.github.com>"


def test_the_co_authors_of_a_merged_pull_request_come_along_with_one_question(
    server: GitHubServer, repository: Repository
) -> None:
    pull = repository.pull(ANNA, MONDAY, "Add it", BODY)
    pull.merge(MONDAY + DAY, TRAILERS)
    pushed = events(server, closed_pull(repository, pull))
    assert [request.line for request in server.requests] == ["graphql Merge"]
    assert sorted(pushed) == sorted(collect(server).events)
    assert [event.event_type for event in pushed] == ["pr_coauthored", "pr_coauthored", "pr_merged"]


@pytest.mark.parametrize("environ", [{"GITHUB_TOKEN": ""}, {"GITHUB_TOKEN": "old"}], ids=["no token", "a bad token"])
def test_without_an_answer_the_merge_comes_and_its_co_authors_are_left_to_polling(
    server: GitHubServer, repository: Repository, environ: dict[str, str]
) -> None:
    pull = repository.pull(ANNA, MONDAY, "Add it", BODY)
    pull.merge(MONDAY + DAY, TRAILERS)
    page = source_of(server, Run(), environ=environ).webhook(closed_pull(repository, pull))
    assert page is not None and [raw["kind"] for raw in page.items] == ["pr_merged"]
    assert [gap.partition(":")[0] for gap in page.gaps] == ["co-authors are left to polling"]
    wanted = source_of(server, Run(), environ=environ, kinds=["pr_merged"]).webhook(closed_pull(repository, pull))
    assert wanted is not None and (len(wanted.items), wanted.gaps) == (1, ())


def test_a_merge_commit_that_github_lost_has_no_co_authors(server: GitHubServer, repository: Repository) -> None:
    body = merged_pull(repository, CAT)
    repository.pull_requests[0].merge_commit = None
    assert [event.event_type for event in events(server, body)] == ["pr_merged"]


def test_keyed_ids_are_never_shown_plainly_for_want_of_the_secret(server: GitHubServer, repository: Repository) -> None:
    with pytest.raises(CredentialsError, match="secret"):
        source_of(server, Run(), ids="keyed", secret=None).webhook(closed_issue(repository, CAT))


def test_a_release_without_a_name_is_the_same_too(server: GitHubServer, repository: Repository) -> None:
    body = published_release(repository, CAT)  # GitHub sends null, which its published schema does not know
    repository.releases[0].name = body["release"]["name"] = None
    assert events(server, body) == collect(server).events


def test_a_closed_but_unmerged_pull_request_brings_nothing(server: GitHubServer, repository: Repository) -> None:
    pull = repository.pull(ANNA, MONDAY)
    pull.close(MONDAY + DAY)
    assert events(server, closed_pull(repository, pull)) == []


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        ("submitted review", "edited"),
        ("comment on an issue", "deleted"),
        ("comment on a line", "edited"),
        ("closed issue", "labeled"),
        ("merged pull request", "labeled"),
        ("published release", "deleted"),
    ],
)
def test_other_actions_are_left_to_polling_and_said(
    server: GitHubServer, repository: Repository, kind: str, action: str
) -> None:
    body = {**KINDS[kind][1](repository, CAT), "action": action}
    page = source_of(server, Run()).webhook(body)
    words = "the payload brings no event by itself; what follows from it is left to polling"
    assert page is not None and (list(page.items), page.gaps) == ([], (words,))


def test_a_review_by_the_author_is_left_out_here_too(server: GitHubServer, repository: Repository) -> None:
    assert events(server, submitted_review(repository, ANNA)) == []


def test_pull_requests_wait_for_polling_where_routing_needs_their_files(
    server: GitHubServer, repository: Repository
) -> None:
    for make in (merged_pull, comment_on_pull):
        page = source_of(server, Run(), paths=True).webhook(make(repository, CAT))
        assert page is not None and (list(page.items), len(page.gaps)) == ([], 1)
    assert len(events(server, comment_on_issue(repository, CAT), paths=True)) == 1


def test_a_renamed_repository_is_known_by_its_new_name_once_the_file_says_so(
    server: GitHubServer, repository: Repository
) -> None:
    repository.rename("team/renamed")
    body = closed_issue(repository, CAT)
    assert source_of(server, Run()).webhook(body) is None
    (event,) = events(server, body, moved={NAME: "Team/Renamed"})
    assert event.id == "github:issue:team/code:1"


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.pop("repository"),
        lambda body: body.update(repository=None),
        lambda body: body["repository"].update(private=True),
        lambda body: body["issue"].pop("number"),
        lambda body: body["issue"].update(number="1:2"),
        lambda body: body["issue"].update(number=True),
        lambda body: body["repository"].update(id=None),
        lambda body: body["issue"]["user"].update(id="7"),
        lambda body: body["issue"].update(title=[]),
        lambda body: body["issue"].update(closed_at="soon"),
        lambda body: body.update(issue=[]),
    ],
)
def test_payloads_that_cannot_be_used_are_refused_in_words(
    server: GitHubServer, repository: Repository, change: Callable[[Payload], object]
) -> None:
    body = closed_issue(repository, CAT)
    change(body)
    with pytest.raises(InputError):
        events(server, body)
