"""Complete means complete on GitHub: what is withheld ends itself alone, is named, and is asked for until given."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.core.windows import Window, later
from tests.servers.github import Fault, GitHubServer, Repository, forbidden, no_review, no_thing, rewritten
from tests.sources import test_faults_node as node
from tests.sources.githubworld import (
    ADDRESS,
    ANNA,
    BEN,
    CAT,
    DAY,
    HOUR,
    MONDAY,
    NAME,
    WEEK,
    collect,
    merged,
    time,
)

WITHHELD = {
    "null in the place of a review": (no_review, "reviews of number 2: GitHub withholds 1 of 2"),
    "null in the place of a pull request": (no_thing, "number 2: GitHub withholds it"),
    "no access to the reviews": (
        lambda number: forbidden(number, "reviews"),
        "reviews of number 2: GitHub withholds them",
    ),
}


@pytest.fixture
def busy(repository: Repository) -> Iterator[Repository]:
    for n in range(4):
        pull = merged(repository, MONDAY + DAY + n * HOUR)
        pull.review(BEN, "APPROVED", MONDAY + DAY + n * HOUR + 1)
        pull.review(CAT, "COMMENTED", MONDAY + DAY + n * HOUR + 2)
    yield repository


@pytest.mark.parametrize("name", WITHHELD)
def test_what_is_withheld_ends_itself_alone_and_is_asked_for_again(
    name: str, server: GitHubServer, busy: Repository
) -> None:
    fault, words = WITHHELD[name]
    clean = collect(server, only=":pulls")
    server.fail("graphql", fault(2), times=9999)
    first = collect(server, only=":pulls")
    touched = time(busy.pull_requests[1].updated_at)
    assert first.gaps == [words]
    assert first.cursors[f"{NAME}:pulls"].covered == (Window(WEEK.start, touched), Window(later(touched, 1), WEEK.end))
    assert clean.ids - first.ids <= {id for id in clean.ids if f"{NAME}:2" in id} and len(first.ids) >= 9
    again = collect(server, first, only=":pulls")
    assert again.gaps == [words]
    server.heal()
    server.requests.clear()
    healed = collect(server, again, only=":pulls")
    assert (first.ids | healed.ids, healed.gaps) == (clean.ids, [])
    assert healed.cursors[f"{NAME}:pulls"].covered == (WEEK,)
    assert server.count("graphql") <= 2  # the thing itself, and its reviews' comments; no list is read for it
    server.requests.clear()
    assert collect(server, healed, only=":pulls").events == [] and server.count() == 0


def test_a_node_says_incomplete_until_the_withheld_thing_is_given(
    server: GitHubServer, busy: Repository, tmp_path: Path
) -> None:
    root, environ = node.github_node(server, tmp_path / "node")
    server.fail("graphql", no_review(2), times=9999)
    assert node.failed(node.run(root, environ)) == []
    assert "INCOMPLETE" in node.verdicts(root) and len(node.events(root)) == 11
    server.heal()
    assert node.failed(node.run(root, environ)) == []
    assert "INCOMPLETE" not in node.verdicts(root) and len(node.events(root)) == 12


@pytest.mark.parametrize("fault", [no_review, no_thing])
def test_what_is_withheld_for_a_moment_is_no_gap(fault: type[Fault], server: GitHubServer, busy: Repository) -> None:
    server.fail("graphql Pulls", fault(2), times=2)  # type: ignore[call-arg]
    run = collect(server, only=":pulls")
    assert (len(run.ids), run.gaps) == (12, [])


def test_a_thing_that_even_its_list_does_not_name_is_a_gap_of_the_whole_stretch(
    server: GitHubServer, busy: Repository
) -> None:
    def nameless(body: dict) -> dict:  # type: ignore[type-arg]
        body["data"]["repository"]["found"]["nodes"][1] = None
        return body

    server.fail("graphql Pull", rewritten(nameless), times=9999)
    run = collect(server, only=":pulls")
    assert run.gaps == ["pulls: GitHub withholds 1 without naming them"] and len(run.ids) == 9
    assert run.cursors[f"{NAME}:pulls"].covered == ()
    server.heal()
    assert len(run.ids | collect(server, run, only=":pulls").ids) == 12


def test_a_review_that_moved_no_time_of_its_pull_request_is_found_at_the_end_of_the_window(
    server: GitHubServer, repository: Repository
) -> None:
    for n in range(30):
        merged(repository, MONDAY + n * 60)
    waiting = repository.pull(ANNA, MONDAY + 60)
    server.world.now = MONDAY + 2 * DAY + 60
    first = collect(server, only=":pulls")
    for pull in (waiting, repository.pull_requests[3]):
        before = pull.updated_at
        pull.review(BEN, "APPROVED", MONDAY + 3 * DAY)
        pull.updated_at = before
    server.world.now = MONDAY + 7 * DAY
    server.requests.clear()
    found = collect(server, first, only=":pulls")
    assert len(found.of("review_submitted")) == 2
    assert server.count() <= 6
    assert found.gaps == [] and collect(server, found, only=":pulls").events == []


def test_co_authors_are_found_in_every_paragraph_and_in_the_commits_of_a_merge(
    server: GitHubServer, repository: Repository
) -> None:
    squashed = repository.pull(ANNA, MONDAY)
    squashed.commit(
        "not read: the squashed commit says it all\n\nCo-authored-by: Ben <102+ben@users.noreply.github.com>"
    )
    squashed.merge(MONDAY + 1, f"One\n\nCo-authored-by: Dora <{ADDRESS}>\n\nSigned-off-by: Anna <anna@example.org>")
    whole = repository.pull(ANNA, MONDAY)
    for n in range(130):
        whole.commit(f"Step {n}")
    whole.commit(
        "Last step\n\nco-authored-by: Cat <103+cat@users.noreply.github.com>\n\nReviewed-by: Ben <b@example.org>"
    )
    whole.merge(MONDAY + 2, "Merge pull request #2", parents=2)
    run = collect(server, only=":pulls", kinds=["pr_coauthored"])
    assert {event.id for event in run.events} == {f"github:coauthor:{NAME}:1:1", f"github:coauthor:{NAME}:2:1"}
    assert run.by_id[f"github:coauthor:{NAME}:2:1"].platform_user_id == "103"
    assert server.count("Commits") == 2
