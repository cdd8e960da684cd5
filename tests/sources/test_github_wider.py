"""GitHub, wider: discussions, reactions, authors of commits, references; each only where it is asked for."""

from __future__ import annotations

from typing import get_args

import pytest

from ledger.core.errors import LedgerError
from ledger.sources.github.source import Kind
from tests.servers.github import GitHubServer, World, status
from tests.servers.github.world import Commit, CommitComment
from tests.sources.githubworld import ANNA, BEN, CAT, DAY, DEPENDABOT, HOUR, MONDAY, NAME, busy, collect, merged, world

WIDER = [
    "commit_comment_created", "discussion_answered", "discussion_comment_created", "discussion_opened",
    "item_referenced", "pr_commit_authored", "reaction_given", "reaction_received",
]  # fmt: skip
AT = MONDAY + DAY


def rich() -> World:
    """Each wider thing at least once, by people, bots, nobody and oneself."""
    made = world()
    repository = made.repositories[0]
    asked = repository.discussion(ANNA, AT, "How do I?", "a long question")
    first = asked.say(BEN, "like so", AT + 10)
    asked.say(CAT, "or so", AT + 20, to=first)
    asked.say(DEPENDABOT, "beep", AT + 25)
    asked.choose(first, AT + 30)
    first.react(ANNA, "HEART", AT + 40)
    own = repository.discussion(CAT, AT + 50)
    own.choose(own.say(CAT, "found it", AT + 60), AT + 70)
    pull = merged(repository, AT + HOUR, ANNA, title="A change")
    pull.commit("First <ben@example.org>\n\nbody", BEN, "ben@example.org", AT)
    pull.commit("Second", None, "dora@example.org", AT + 1)
    pull.commit("Third", None, None, AT + 2)
    review = pull.review(BEN, "APPROVED", AT + 5)
    review.react(ANNA, "ROCKET", AT + 6)
    review.comment(BEN, "here", AT + 7).react(CAT, "EYES", AT + 8)
    pull.react(ANNA, "HOORAY", AT + 9)
    issue = repository.issue(BEN, AT + 11)
    issue.refer(CAT, pull, AT + 12)
    issue.refer(BEN, pull, AT + 13)
    issue.refer(DEPENDABOT, pull, AT + 14)
    hidden = made.repository("team/hidden", is_private=True).issue(CAT, AT)
    issue.refer(CAT, hidden, AT + 15)
    for n in range(120):
        issue.react(CAT if n % 2 else None, "THUMBS_UP", AT + 100 + n)
    repository.commit_comments.append(CommitComment(CAT, "why?", AT + 16, commit=Commit("a" * 40, "x")))
    return made


def test_wider_kinds_are_off_unless_listed_and_then_each_thing_is_one_event_with_a_lasting_id() -> None:
    with GitHubServer(rich()) as server:
        assert {event.event_type for event in collect(server).events}.isdisjoint(WIDER)
        run = collect(server, kinds=WIDER)
        again = collect(server, run, kinds=WIDER)
    count = {kind: len(run.of(kind)) for kind in WIDER}
    assert count == {
        "commit_comment_created": 1, "discussion_answered": 1, "discussion_comment_created": 3, "discussion_opened": 2,
        "item_referenced": 1, "pr_commit_authored": 2, "reaction_given": 123, "reaction_received": 123,
    }  # fmt: skip
    assert len(run.ids) == len(run.events)
    assert (run.gaps, again.events) == ([], [])
    (answer,) = run.of("discussion_answered")
    assert (answer.platform_user_id, answer.artifact_url.rpartition("#")[0]) == (
        "102", f"https://github.com/{NAME}/discussions/1",
    )  # fmt: skip
    (reference,) = run.of("item_referenced")
    assert (reference.platform_user_id, reference.metadata["from"]) == ("102", f"{NAME}#3")
    left = sum((run.counts[stream] for stream in run.counts), start=type(run.counts[f"{NAME}:pulls"])())
    expected = {
        "answers_to_oneself": 1, "references_to_oneself": 1, "references_by_bots": 1, "reactions_to_oneself": 1,
        "references_from_private_places": 1, "commits_without_address": 1,
    }  # fmt: skip
    assert {name: left[name] for name in expected} == expected
    commits = {event.metadata["title"]: event for event in run.of("pr_commit_authored")}
    assert set(commits) == {"First <\u2026>", "Second"}
    assert commits["First <\u2026>"].platform_user_id == "102"
    assert len(commits["Second"].platform_user_id) == 64  # known by the address alone, which is not stored
    given, received = run.of("reaction_given"), run.of("reaction_received")
    assert {event.platform_user_id for event in received} == {"102"}
    assert {event.metadata["emoji"] for event in given} == {"heart", "rocket", "eyes", "thumbs_up"}
    assert sum(event.platform_user_id == "ghost" for event in given) == 60
    text = repr([event._asdict() for event in run.events])
    assert "example.org" not in text
    assert "team/hidden" not in text


def test_a_reaction_that_touches_nothing_is_found_when_the_week_has_ended() -> None:
    made = world()
    repository = made.repositories[0]
    for n in range(130):
        repository.issue(ANNA, MONDAY - 40 * DAY + n).comment(BEN, "so", MONDAY - 30 * DAY + n)
        merged(repository, MONDAY - 20 * DAY + n * 60)
    with GitHubServer(made) as server:
        first = collect(server, kinds=["reaction_given"])
        assert first.events == []
        repository.issues[7].comments[0].react(CAT, "HEART", MONDAY + DAY)
        repository.pull_requests[5].react(CAT, "EYES", MONDAY + 2 * DAY)
        found = collect(server, kinds=["reaction_given"])
    assert {event.metadata["emoji"] for event in found.events} == {"heart", "eyes"}
    assert found.gaps == []


def test_emoji_labels_and_repositories_give_kinds_of_ones_own() -> None:
    rules = [
        {"kind": "reaction_received", "emoji": "rocket", "as": "praised"},
        {"kind": "reaction_received", "emoji": "*", "as": "liked"},
    ]
    with GitHubServer(rich()) as server:
        run = collect(server, kinds=WIDER, kinds_as=rules)
    assert (len(run.of("praised")), len(run.of("liked")), run.of("reaction_received")) == (1, 122, [])


def test_a_repository_without_any_of_it_costs_at_most_a_fifth_more_requests() -> None:
    made = world()
    busy(made.repositories[0], 150)
    with GitHubServer(made) as server:
        collect(server)
        plain = server.count()
        collect(server, kinds=[kind for kind in get_args(Kind) if kind.startswith(("discussion_", "reaction_"))])
        assert server.count() - 2 * plain <= plain // 5


@pytest.mark.parametrize("operation", ["ReactionsTo", "Replies", "Discussions", "CommitComments", "Commits"])
def test_what_breaks_at_a_wider_question_is_asked_again_or_told_and_nothing_is_lost(operation: str) -> None:
    with GitHubServer(rich()) as server:
        whole = collect(server, kinds=WIDER)
        server.fail(f"graphql {operation}", status(502), times=1)
        assert collect(server, kinds=WIDER).ids == whole.ids
        server.fail(f"graphql {operation}", status(502), times=100)
        with pytest.raises(LedgerError, match="after 9 tries"):
            collect(server, kinds=WIDER)
        server.heal()
        assert collect(server, kinds=WIDER).ids == whole.ids
