"""The GitHub collector over several runs: it goes on where it stopped, and asks for no more than it needs."""

from __future__ import annotations

import pytest

from ledger.core.windows import Window
from ledger.sources.port import StreamCursor
from tests.servers.github import GitHubServer, Repository, before
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
    time,
)


def thousand(repository: Repository, reviews: int = 3, comments: bool = False) -> None:
    """A thousand merged pull requests with three reviews each; with `comments`, things of all kinds too."""
    for n in range(1000):
        pull = merged(repository, MONDAY + HOUR + 500 * n)
        for m in range(reviews):
            review = pull.review((BEN, CAT)[m % 2], "APPROVED", MONDAY + HOUR + 500 * n + m, BODY)
            if comments:
                review.comment(BEN, BODY, MONDAY + HOUR + 500 * n + m)
        if comments:
            pull.comment(CAT, BODY, MONDAY + HOUR + 500 * n + 9)
    if comments:
        for n in range(200):
            repository.issue(CAT, MONDAY + HOUR + n).close(MONDAY + 2 * HOUR + n)
        for n in range(20):
            repository.release(ANNA, f"v{n}", MONDAY + DAY + n)


def test_a_thousand_pull_requests_with_three_reviews_each_cost_at_most_fifteen_requests(
    server: GitHubServer, repository: Repository
) -> None:
    thousand(repository)
    run = collect(server, kinds=["pr_merged", "review_submitted"])
    assert len(run.ids) == 4000
    assert server.count() <= 15
    assert server.points <= 25


def test_all_kinds_cost_at_most_thirty_requests_even_with_a_comment_on_every_review(
    server: GitHubServer, repository: Repository
) -> None:
    thousand(repository, comments=True)
    run = collect(server)
    assert len(run.ids) == 1000 + 3000 + 3000 + 1000 + 400 + 20
    assert server.count() <= 30
    assert server.points <= 90


@pytest.mark.usefixtures("small_pages")
def test_pages_are_asked_for_only_as_they_are_taken_so_that_memory_stays_flat(
    server: GitHubServer, repository: Repository
) -> None:
    for n in range(30):
        merged(repository, MONDAY + DAY + n)
    source = source_of(server, Run())
    pages = source.fetch("team/code:pulls", WEEK, StreamCursor())
    for taken_so_far in (1, 2, 3):
        assert len(next(pages).items) == 5
        assert server.count() == taken_so_far
    source.close()


def test_a_second_run_with_nothing_new_asks_at_most_twice_a_repository(
    server: GitHubServer, repository: Repository
) -> None:
    server.world.now = MONDAY + 3 * DAY
    busy(repository, 50)
    first = collect(server)
    for hours in (0, 1, 26):
        server.world.now += hours * HOUR
        server.requests.clear()
        again = collect(server, first)
        assert server.count() <= 2
        assert (again.events, again.gaps) == ([], [])
        assert {cursor.covered for cursor in again.cursors.values()} == {(Window(WEEK.start, time(server.world.now)),)}
        first = again


def test_a_covered_window_asks_for_nothing(server: GitHubServer, repository: Repository) -> None:
    busy(repository, 5)
    first = collect(server)
    server.requests.clear()
    assert collect(server, first).events == []
    assert server.count() == 0


def test_one_new_comment_is_found_by_reading_only_what_was_touched(
    server: GitHubServer, repository: Repository
) -> None:
    server.world.now = MONDAY + 3 * DAY
    for n in range(60):
        merged(repository, MONDAY + DAY + n)
    first = collect(server)
    server.world.now += DAY
    comment = repository.pull_requests[3].comment(CAT, BODY, server.world.now - HOUR)
    server.requests.clear()
    second = collect(server, first)
    assert second.ids == {"github:pr:team/code:4", f"github:comment:team/code:{comment.full_database_id}"}
    assert server.count("Pulls") == 1


@both_cursors
@pytest.mark.usefixtures("small_pages")
def test_a_run_killed_at_any_page_goes_on_where_it_stopped(server: GitHubServer, repository: Repository) -> None:
    for n in range(33):
        merged(repository, MONDAY + DAY + n)
    whole = collect(server, only=":pulls")
    for cut in range(1, 8):
        first = collect(server, cut=cut, only=":pulls")
        assert len(first.events) == min(5 * cut, 33)
        server.requests.clear()
        second = collect(server, first, only=":pulls")
        assert first.ids | second.ids == whole.ids
        assert len(first.ids & second.ids) <= 1, "what stands at the very front may be read again"
        assert second.cursors["team/code:pulls"].covered == (WEEK,)
        assert server.count() <= 10 - cut


@both_cursors
@pytest.mark.usefixtures("small_pages")
def test_what_is_touched_between_the_runs_is_found_by_the_run_that_goes_on(
    server: GitHubServer, repository: Repository
) -> None:
    pulls = [merged(repository, MONDAY + DAY + n) for n in range(33)]
    first = collect(server, cut=3, only=":pulls")
    seen, unseen = pulls[30], pulls[2]
    seen.comment(CAT, BODY, MONDAY + 2 * DAY)
    unseen.comment(CAT, BODY, MONDAY + 2 * DAY + 1)
    second = collect(server, first, only=":pulls")
    assert len(first.ids | second.ids) == 35
    assert len(second.of("comment_created")) == 2


@pytest.mark.usefixtures("small_pages")
def test_a_run_that_was_cut_before_its_window_grew_takes_what_was_left_out_then(
    server: GitHubServer, repository: Repository
) -> None:
    for n in range(20):
        merged(repository, MONDAY + n * 6 * HOUR + HOUR)
    early = Window(WEEK.start, time(MONDAY + 2 * DAY))
    first = collect(server, cut=2, window=early)
    assert first.events == []
    assert len(collect(server, first).ids) == 20


def test_windows_that_catch_up_bring_each_event_in_its_own(server: GitHubServer, repository: Repository) -> None:
    busy(repository, 40)
    run, all_ids = Run(), collect(server).ids
    found: set[str] = set()
    for day in range(1, 8):
        window = Window(WEEK.start, time(MONDAY + day * DAY))
        run = collect(server, run, window=window)
        assert all(event.event_time < window.end for event in run.events)
        found |= run.ids
    assert found == all_ids


def test_a_back_fill_reads_a_covered_window_again(server: GitHubServer, repository: Repository) -> None:
    merged(repository, MONDAY + DAY)
    collect(server)
    missed = merged(repository, MONDAY + DAY + 1)
    window = Window(time(MONDAY + DAY), time(MONDAY + 2 * DAY))
    assert f"github:pr:team/code:{missed.number}" in collect(server, window=window).ids


def test_a_gap_before_what_is_covered_is_read_although_nothing_is_new(
    server: GitHubServer, repository: Repository
) -> None:
    merged(repository, MONDAY + DAY)
    late = Window(time(MONDAY + 3 * DAY), WEEK.end)
    first = collect(server, window=late)
    assert first.events == []
    assert len(collect(server, first).events) == 1


def test_a_deep_draft_that_is_published_is_found(server: GitHubServer, repository: Repository) -> None:
    draft = repository.release(ANNA, "old", MONDAY - 9 * DAY, published_at=None, is_draft=True)
    for n in range(150):
        repository.release(ANNA, f"v{n}", MONDAY + n)
    server.world.now = MONDAY + 3 * DAY
    first = collect(server)
    assert (len(first.events), server.count("Releases")) == (150, 1)
    draft.is_draft, draft.published_at = False, MONDAY + 4 * DAY
    server.world.now = MONDAY + 5 * DAY
    assert f"github:release:team/code:{draft.database_id}" in collect(server, first).ids


@both_cursors
def test_a_release_deleted_while_they_are_read_takes_no_other_with_it(
    server: GitHubServer, repository: Repository
) -> None:
    for n in range(250):
        repository.release(ANNA, f"v{n}", MONDAY + n)
    server.fail("graphql Releases", before(lambda: repository.releases.pop(240)))
    run = collect(server)
    assert {f"github:release:team/code:{release.database_id}" for release in repository.releases} <= run.ids
    assert run.gaps == []


def test_releases_alone_are_asked_for_by_themselves(server: GitHubServer, repository: Repository) -> None:
    repository.release(ANNA, "v1", MONDAY + DAY)
    assert len(collect(server, kinds=["release_published"]).events) == 1
    assert [request.line for request in server.requests] == ["graphql Releases"]


def test_a_note_of_another_version_is_passed_over(server: GitHubServer, repository: Repository) -> None:
    merged(repository, MONDAY + DAY)
    odd = Run(cursors={f"{NAME}:pulls": StreamCursor((), {"base": 7, "head": None, "unknown": "x", "total": True})})
    assert "github:pr:team/code:1" in collect(server, odd).ids
