"""What the GitHub collector makes of what people did: one stated rule, one test."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from ledger.core.errors import ConfigError, CredentialsError, LedgerError, SourceError
from ledger.core.windows import Window
from ledger.sources.github import GitHubOptions, GitHubSource
from ledger.sources.keyed import keyed_text
from ledger.sources.machines import kept
from tests.servers.github import Actor, GitHubServer, Repository
from tests.sources.githubworld import (
    ADDRESS,
    ANNA,
    BEN,
    BODY,
    CAT,
    DAY,
    DEPENDABOT,
    HOUR,
    MONDAY,
    NAME,
    SECRET,
    WEEK,
    Run,
    busy,
    collect,
    merged,
    source_of,
    time,
)


def refused(server: GitHubServer, **options: Any) -> LedgerError:
    with pytest.raises(LedgerError) as caught:
        collect(server, **options)
    return caught.value


def test_a_merged_pull_request_is_one_event_with_its_facts(server: GitHubServer, repository: Repository) -> None:
    pull = merged(repository, MONDAY + DAY, title="Add \x1b[2J a thing", body="why\r\nso")
    pull.label("zeta", "bug,fix")
    (event,) = collect(server).events
    assert event._asdict() == {
        "artifact_url": "https://github.com/team/code/pull/1",
        "event_time": "2026-01-06T00:00:00.000Z",
        "event_type": "pr_merged",
        "id": "github:pr:team/code:1",
        "metadata": {
            "additions": 10,
            "base_branch": "main",
            "changed_files": 1,
            "deletions": 2,
            "labels": '["bug,fix","zeta"]',
            "length": 7,
            "merge_commit": f"{pull.full_database_id:040x}",
            "number": 1,
            "repository_id": 5000,
            "text_sha256": hashlib.sha256("why\ufffd\ufffdso".encode()).hexdigest(),
            "title": "Add \ufffd[2J a thing",
        },
        "platform_login": "anna",
        "platform_user_id": "101",
        "source": "github",
        "facets": {"labels": ("bug,fix", "zeta"), "paths": (), "repositories": (NAME,)},
        "quantity": 1,
    }


def test_each_kind_has_its_id_and_its_page(server: GitHubServer, repository: Repository) -> None:
    pull = merged(repository, MONDAY + DAY)
    review = pull.review(BEN, "APPROVED", MONDAY + DAY, BODY)
    on_line, on_pull = review.comment(CAT, BODY, MONDAY + DAY), pull.comment(CAT, BODY, MONDAY + DAY)
    issue = repository.issue(CAT, MONDAY + DAY)
    on_issue = issue.comment(BEN, BODY, MONDAY + DAY)
    issue.close(MONDAY + 2 * DAY)
    release = repository.release(ANNA, "v1.0/rc 1", MONDAY + DAY)
    below = {
        event.id: event.artifact_url.removeprefix("https://github.com/team/code/") for event in collect(server).events
    }
    assert below == {
        "github:pr:team/code:1": "pull/1",
        f"github:review:team/code:1:{review.full_database_id}": f"pull/1#pullrequestreview-{review.full_database_id}",
        f"github:review_comment:team/code:{on_line.full_database_id}": f"pull/1#discussion_r{on_line.full_database_id}",
        f"github:comment:team/code:{on_pull.full_database_id}": f"pull/1#issuecomment-{on_pull.full_database_id}",
        f"github:comment:team/code:{on_issue.full_database_id}": f"issues/2#issuecomment-{on_issue.full_database_id}",
        "github:issue_opened:team/code:2": "issues/2",
        "github:issue:team/code:2": "issues/2",
        f"github:release:team/code:{release.database_id}": "releases/tag/v1.0/rc%201",
    }  # fmt: skip


def test_ids_above_32_bits_are_kept_whole(server: GitHubServer, repository: Repository) -> None:
    review = merged(repository, MONDAY + DAY).review(BEN, "APPROVED", MONDAY + DAY)
    assert review.full_database_id > 2**31
    assert f"github:review:team/code:1:{review.full_database_id}" in collect(server).ids


def test_only_merged_pull_requests_count_as_such(server: GitHubServer, repository: Repository) -> None:
    closed = repository.pull(ANNA, MONDAY + HOUR)
    closed.review(BEN, "CHANGES_REQUESTED", MONDAY + 2 * HOUR)
    closed.close(MONDAY + 3 * HOUR)
    draft = repository.pull(ANNA, MONDAY + HOUR)
    draft.is_draft = True
    draft.comment(BEN, "why not", MONDAY + 2 * HOUR)
    repository.pull(ANNA, MONDAY + HOUR)
    assert [event.event_type for event in collect(server).events] == ["comment_created", "review_submitted"]


@pytest.mark.parametrize("state", ["APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED"])
def test_every_submitted_review_counts_with_its_state(server: GitHubServer, repository: Repository, state: str) -> None:
    repository.pull(ANNA, MONDAY + HOUR).review(BEN, state, MONDAY + 2 * HOUR)
    (event,) = collect(server).events
    assert (event.metadata["state"], event.event_time) == (state.lower(), "2026-01-05T02:00:00.000Z")


def test_pending_reviews_and_their_comments_count_once_they_are_submitted(
    server: GitHubServer, repository: Repository
) -> None:
    pull = repository.pull(ANNA, MONDAY + HOUR)
    review = pull.review(BEN, "PENDING", None, created=MONDAY + 2 * HOUR)
    review.comment(BEN, BODY, MONDAY + 2 * HOUR)
    before = collect(server)
    assert before.events == []
    assert before.counts["team/code:pulls"]["reviews_pending"] == 1
    review.state, review.submitted_at = "COMMENTED", MONDAY + 3 * DAY
    pull.touch(MONDAY + 3 * DAY)
    assert sorted(event.event_type for event in collect(server).events) == [
        "review_comment_created",
        "review_submitted",
    ]


def test_reviews_by_the_author_are_no_events_but_comments_are(server: GitHubServer, repository: Repository) -> None:
    review = repository.pull(ANNA, MONDAY + HOUR).review(ANNA, "COMMENTED", MONDAY + 2 * HOUR)
    review.comment(ANNA, BODY, MONDAY + 2 * HOUR)
    run = collect(server)
    assert [event.event_type for event in run.events] == ["review_comment_created"]
    assert run.counts["team/code:pulls"]["reviews_by_author"] == 1


@pytest.mark.parametrize("reason", ["COMPLETED", "NOT_PLANNED", "DUPLICATE", None])
def test_a_closed_issue_is_kept_and_marked_with_its_reason(
    server: GitHubServer, repository: Repository, reason: str | None
) -> None:
    repository.issue(CAT, MONDAY + HOUR).close(MONDAY + DAY, reason)
    (event,) = collect(server).of("issue_closed")
    assert event.metadata["reason"] == (reason.lower() if reason else None)
    assert (event.platform_user_id, event.event_time) == ("103", "2026-01-06T00:00:00.000Z")


def test_an_issue_that_was_opened_again_is_not_closed(server: GitHubServer, repository: Repository) -> None:
    issue = repository.issue(CAT, MONDAY + HOUR)
    issue.close(MONDAY + DAY)
    issue.reopen(MONDAY + 2 * DAY)
    assert [event.event_type for event in collect(server).events] == ["issue_opened"]


def test_pull_requests_are_never_taken_for_issues(server: GitHubServer, repository: Repository) -> None:
    merged(repository, MONDAY + DAY)
    assert collect(server, only=":issues").events == []


def test_drafts_of_releases_count_once_they_are_published(server: GitHubServer, repository: Repository) -> None:
    release = repository.release(ANNA, "v1", MONDAY + HOUR, published_at=None, is_draft=True)
    before = collect(server)
    assert (before.ids, before.counts["team/code:releases"]["release_drafts"]) == (set(), 1)
    release.is_draft, release.published_at = False, MONDAY + DAY
    (event,) = collect(server).events
    assert (event.event_time, event.metadata["tag"]) == ("2026-01-06T00:00:00.000Z", "v1")


def test_deleted_accounts_share_one_account_and_lose_nothing(server: GitHubServer, repository: Repository) -> None:
    pull = merged(repository, MONDAY + DAY, None)
    pull.review(None, "APPROVED", MONDAY + DAY)
    pull.review(Actor("ghost", 10137), "APPROVED", MONDAY + DAY)
    issue = repository.issue(None, MONDAY + DAY)
    issue.comment(None, BODY, MONDAY + DAY)
    run = collect(server)
    assert {(event.platform_user_id, event.platform_login) for event in run.events} == {("ghost", None)}
    assert len(run.events) == 5


def test_bots_are_left_out_and_counted_but_people_on_their_work_are_not(
    server: GitHubServer, repository: Repository
) -> None:
    pull = merged(repository, MONDAY + DAY, DEPENDABOT)
    pull.merge_commit = pull.merge_commit and type(pull.merge_commit)(
        pull.merge_commit.oid, f"Bump\n\nCo-authored-by: D <{ADDRESS}>"
    )
    pull.review(BEN, "APPROVED", MONDAY + DAY)
    pull.review(Actor("release-robot", 7), "APPROVED", MONDAY + DAY)
    run = collect(server, bots=["Release-*"])
    assert sorted(event.event_type for event in run.events) == ["pr_coauthored", "review_submitted"]
    assert run.counts["team/code:pulls"]["bots_left_out"] == 2
    assert len(collect(server).of("review_submitted")) == 2


def test_a_bots_name_has_its_brackets_however_it_comes(server: GitHubServer, repository: Repository) -> None:
    merged(repository, MONDAY + DAY, Actor("renovate[bot]", 29139614))
    assert collect(server).events == []


@pytest.mark.parametrize("typename", ["Mannequin", "Organization", "EnterpriseUserAccount"])
def test_accounts_of_other_sorts_count_by_their_number(
    server: GitHubServer, repository: Repository, typename: str
) -> None:
    merged(repository, MONDAY + DAY, Actor("imported", 4711, typename))
    assert [(event.platform_user_id, event.platform_login) for event in collect(server).events] == [
        ("4711", "imported")
    ]


def test_coauthors_are_numbered_by_their_addresses(server: GitHubServer, repository: Repository) -> None:
    pull = repository.pull(ANNA, MONDAY)
    pull.merge(
        MONDAY + DAY,
        "Title\r\n\r\n* part one\r\n\r\nCo-authored-by: Anna <101+anna@users.noreply.github.com>\r\n"
        f"Co-authored-by: Dora <{ADDRESS}>\r\nCO-AUTHORED-BY:  Cat < 103+cat@users.noreply.github.com > \r\n"
        f"Co-authored-by: dora <{ADDRESS.lower()}>\r\nCo-authored-by: x@y.org <x@y.org>\r\nco-authored-by: nobody\r\n"
        "Co-authored-by: Bot <49699333+dependabot[bot]@users.noreply.github.com>",
    )
    run = collect(server)
    assert [(event.id, event.platform_user_id, event.platform_login) for event in run.of("pr_coauthored")] == [
        ("github:coauthor:team/code:1:2", hashlib.sha256(ADDRESS.lower().encode()).hexdigest(), "Dora"),
        ("github:coauthor:team/code:1:3", "103", "cat"),
        ("github:coauthor:team/code:1:4", hashlib.sha256(b"x@y.org").hexdigest(), None),
    ]
    assert {(event.source, event.event_time) for event in run.of("pr_coauthored")} == {
        ("github", "2026-01-06T00:00:00.000Z")
    }
    assert run.counts["team/code:pulls"] == {
        "coauthor_is_author": 1,
        "coauthors_without_address": 1,
        "bots_left_out": 1,
    }


def test_an_unmerged_pull_request_has_no_coauthors(server: GitHubServer, repository: Repository) -> None:
    pull = repository.pull(ANNA, MONDAY)
    pull.merge(MONDAY + DAY, f"Title\n\nCo-authored-by: Dora <{ADDRESS}>")
    pull.merged_at = None
    assert collect(server).events == []


def test_a_renamed_repository_keeps_its_ids_and_its_events(server: GitHubServer, repository: Repository) -> None:
    busy(repository, 4)
    before = collect(server)
    repository.rename("other-team/renamed")
    after = collect(server)
    assert after.by_id == before.by_id
    assert [text for text in after.told if "other-team/renamed" in text] == [
        "team/code is named other-team/renamed now; keep the listed name, event ids are made of it"
    ]


def test_an_old_name_that_leads_to_another_repository_is_refused(server: GitHubServer, repository: Repository) -> None:
    busy(repository, 4)
    before = collect(server)
    repository.rename("other-team/renamed")
    merged(server.world.repository(NAME), MONDAY + DAY, title="Not ours")
    server.world.now += DAY
    later = Window(WEEK.start, time(server.world.now))
    error = refused(server, before=before, window=later)
    assert "another repository now (number 5001, formerly 5000)" in error.message
    moved = {NAME: "Other-Team/Renamed"}
    assert collect(server, before, moved=moved, window=later).gaps == []
    assert collect(server, moved=moved).by_id == before.by_id


def test_names_are_the_same_in_any_case(server: GitHubServer, repository: Repository) -> None:
    merged(repository, MONDAY + DAY)
    assert collect(server, repositories=["Team/Code", "team/CODE"]).ids == {"github:pr:team/code:1"}


def test_a_fork_is_a_repository_of_its_own(server: GitHubServer, repository: Repository) -> None:
    fork = server.world.repository("someone/code", parent=repository)
    merged(repository, MONDAY + DAY)
    merged(fork, MONDAY + DAY)
    from_fork = merged(repository, MONDAY + 2 * DAY)
    from_fork.is_cross_repository, from_fork.head_repository = True, None
    assert collect(server).ids == {"github:pr:team/code:1", "github:pr:team/code:2"}
    assert collect(server, repositories=["someone/code"]).ids == {"github:pr:someone/code:1"}


def test_a_private_repository_is_refused_unless_its_publication_is_meant(
    server: GitHubServer, repository: Repository
) -> None:
    merged(repository, MONDAY + DAY)
    repository.is_private = True
    assert "private" in refused(server).message
    assert len(collect(server, private=True).events) == 1


def test_files_are_read_for_routing_only_where_wanted(server: GitHubServer, repository: Repository) -> None:
    pull = merged(repository, MONDAY + DAY)
    pull.touches(*(f"src/{n}.py" for n in range(150)))
    pull.review(BEN, "APPROVED", MONDAY + DAY)
    assert {event.facets["paths"] for event in collect(server).events} == {()}
    assert {len(event.facets["paths"]) for event in collect(server, paths=True).events} == {150}


def test_only_the_wanted_kinds_are_asked_for(server: GitHubServer, repository: Repository) -> None:
    busy(repository, 6)
    run = collect(server, kinds=["pr_merged"])
    assert {event.event_type for event in run.events} == {"pr_merged"}
    assert [request.line for request in server.requests] == ["graphql Pulls"]
    assert server.requests[0].variables["reviews"] is False


def test_hidden_logins_and_keyed_ids_show_nobody(server: GitHubServer, repository: Repository) -> None:
    busy(repository, 6)
    run = collect(server, logins="hide", ids="keyed")
    plain = collect(server)
    assert {event.platform_login for event in run.events} == {None}
    assert all(event.platform_user_id == "ghost" or len(event.platform_user_id) == 64 for event in run.events)
    assert run.ids == plain.ids
    other = collect(server, logins="hide", ids="keyed", secret=b"another")
    assert {e.platform_user_id for e in run.events} & {e.platform_user_id for e in other.events} == {"ghost"}
    assert isinstance(refused(server, ids="keyed", secret=None), CredentialsError)
    assert SECRET.decode() not in repr(run.events)


def test_every_thing_that_github_states_is_an_event_or_left_out_by_a_rule(
    server: GitHubServer, repository: Repository
) -> None:
    busy(repository, 40)
    run = collect(server)
    assert any(run.stated.values())
    for stream, stated in run.stated.items():
        events = sum(_stream(event.id, event.artifact_url) == stream.partition(":")[2] for event in run.events)
        assert stated == events + sum(run.counts[stream].values()), stream


def _stream(event_id: str, url: str) -> str:
    kind = event_id.split(":")[1]
    if kind == "release":
        return "releases"
    return "issues" if "/issues/" in url else "pulls"


def test_things_outside_the_window_are_counted_as_such(server: GitHubServer, repository: Repository) -> None:
    pull = merged(repository, MONDAY - DAY)
    pull.comment(CAT, BODY, MONDAY + DAY)
    run = collect(server)
    assert [event.event_type for event in run.events] == ["comment_created"]
    assert run.counts["team/code:pulls"] == {"outside_window": 1}


@pytest.mark.parametrize(
    "options",
    [
        {"repositories": []},
        {"repositories": ["no-slash"]},
        {"repositories": ["a/b/c"]},
        {"repositories": ["-x/code"]},
        {"repositories": ["team/co\nde"]},
        {"kinds": ["pr_opened"]},
        {"web": "javascript:alert(1)"},
        {"token": "ghp_secret"},
        {"max_wait_seconds": 0},
    ],
)
def test_options_that_cannot_be_right_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        GitHubOptions.load({"repositories": [NAME], **options}, "scopes/default.yaml")


def test_origins_are_the_listed_repositories() -> None:
    options = GitHubOptions.load({"repositories": ["Team/Code", "team/docs"]}, "")
    assert GitHubSource.origins(options) == {"github:team/code", "github:team/docs"}


def test_an_unknown_repository_is_named(server: GitHubServer) -> None:
    error = refused(server, repositories=["team/nothing"])
    assert isinstance(error, SourceError) and "team/nothing" in error.message


@pytest.mark.parametrize(
    ("environ", "kind"),
    [
        ({"GITHUB_TOKEN": ""}, CredentialsError),
        ({"GITHUB_TOKEN": "wrong"}, CredentialsError),
        ({"GITHUB_APP_ID": "12"}, CredentialsError),
        ({"GITHUB_APP_ID": "12", "GITHUB_APP_PRIVATE_KEY": "no key"}, CredentialsError),
        ({"GITHUB_API_URL": "http://api.example.org"}, ConfigError),
        ({"GITHUB_API_URL": "ftp://127.0.0.1"}, ConfigError),
    ],
)
def test_wrong_credentials_and_addresses_are_refused_without_showing_the_token(
    server: GitHubServer, environ: dict[str, str], kind: type[LedgerError]
) -> None:
    error = refused(server, environ=environ)
    assert isinstance(error, kind)
    assert "wrong" not in str(error) + error.hint


def test_the_graphql_address_of_the_environment_is_used(server: GitHubServer, repository: Repository) -> None:
    merged(repository, MONDAY + DAY)
    environ = {"GITHUB_API_URL": "https://api.invalid", "GITHUB_GRAPHQL_URL": f"{server.api_url}/api/graphql"}
    assert len(collect(server, environ=environ).events) == 1


def test_streams_of_all_repositories_are_listed_once_in_order(server: GitHubServer) -> None:
    source = source_of(
        server, Run(), repositories=[NAME, "Team/Code", "team/docs"], kinds=["pr_merged", "issue_closed"]
    )
    assert source.streams() == ["team/code:pulls", "team/code:issues", "team/docs:pulls", "team/docs:issues"]


def test_texts_of_a_private_repository_are_keyed(server: GitHubServer, repository: Repository) -> None:
    repository.is_private = True
    pull = merged(repository, MONDAY + DAY, body="LGTM")
    review = pull.review(BEN, "APPROVED", MONDAY + DAY, "LGTM")
    run = collect(server, private=True)
    shown = json.dumps([event.metadata for event in run.events])
    assert hashlib.sha256(b"LGTM").hexdigest() not in shown and "text_sha256" not in shown
    hashes = {event.metadata["text_hmac"] for event in run.events}
    assert hashes == {keyed_text(SECRET, "1", "LGTM"), keyed_text(SECRET, str(review.full_database_id), "LGTM")}
    with pytest.raises(CredentialsError, match="private: true"):
        collect(server, private=True, secret=None)


def test_titles_and_labels_turn_no_line_around(server: GitHubServer, repository: Repository) -> None:
    merged(repository, MONDAY + DAY, title="safe \u202etxt.exe").label("\u2066left")
    (event,) = collect(server, kinds=["pr_merged"]).events
    assert (event.metadata["title"], event.metadata["labels"]) == ("safe \ufffdtxt.exe", '["\ufffdleft"]')


def test_kept_machines_are_left_out_by_number_and_address_and_counted_unless_they_shall_count(
    server: GitHubServer, repository: Repository
) -> None:
    machine = next(one for one in kept().entries if one.numbers and one.addresses)
    (login, *_), (address, *_) = sorted(machine.logins), sorted(machine.addresses)
    merged(repository, MONDAY + DAY, Actor(login, min(machine.numbers)))
    repository.pull(ANNA, MONDAY).merge(MONDAY + 1, f"One\n\nCo-authored-by: Somebody <{address}>")
    run = collect(server)
    assert [event.id for event in run.events] == ["github:pr:team/code:2"]
    assert run.counts["team/code:pulls"] == {"bots_left_out": 2, f"machine_{machine.key}": 2}
    assert len(collect(server, machines=True).events) == 3
