"""The test forge lets happen what GitHub lets happen: who may, what git may, what follows, what starts workflows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import github
import pytest
import requests

from ledger.forge.github import Forge as Client
from tests.servers.forge import Forge, Refused
from tests.servers.forge.support import BRANCH, client, git, opened, small_forge, started


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    with small_forge(tmp_path) as running:
        yield running


def test_a_pull_request_that_conflicts_is_not_merged(forge: Forge, tmp_path: Path) -> None:
    forge.commit("ann", "mine", {"README.md": "mine\n"})
    number = forge.open_pull("ann", "mine", "Mine")
    work = forge.clone(tmp_path / "clone")
    (work / "README.md").write_text("theirs\n", "utf-8")
    git(work, "commit", "--quiet", "-am", "Theirs")
    before = forge.push_main(work)
    assert client(forge).get_pull(number).mergeable is False
    with pytest.raises(Refused, match=r"405 .*conflicts"):
        forge.merge(number, "ann")
    assert forge.repository.bare.tip("main") == before


def test_a_branch_that_goes_closes_its_pull_request_and_one_that_is_in_main_merges_it(
    forge: Forge, tmp_path: Path
) -> None:
    number = opened(forge)
    work = forge.clone(tmp_path / "clone")
    git(work, "push", "--quiet", "origin", f":{BRANCH}")
    assert (forge.pull(number).state, forge.pull(number).merged) == ("closed", False)
    assert forge.deleted_branches == [BRANCH]
    with pytest.raises(Refused, match="cannot be reopened"):
        forge.edit_thread(number, "ann", state="open")
    second = opened(forge, "other")
    git(work, "fetch", "--quiet", "origin")
    git(work, "merge", "--quiet", "--no-ff", "-m", "By hand", "origin/other")
    forge.push_main(work)
    assert forge.pull(second).merged and client(forge).get_pull(second).merged_by.login == "maintainer"


def test_rules_for_main_hold_back_a_merge_until_they_are_met(forge: Forge) -> None:
    checks = {"required_status_checks": [{"context": "ledger/guard"}], "strict_required_status_checks_policy": False}
    approvals = {
        "dismiss_stale_reviews_on_push": False,
        "require_code_owner_review": False,
        "require_last_push_approval": False,
        "required_approving_review_count": 1,
        "required_review_thread_resolution": False,
    }
    rules = [
        {"type": "required_status_checks", "parameters": checks},
        {"type": "pull_request", "parameters": approvals},
    ]
    forge.add_ruleset("main", "deletion", "non_fast_forward", *rules)
    number, sha = opened(forge), forge.pull(1).head_sha
    with pytest.raises(Refused, match='"ledger/guard" is expected'):
        forge.merge(number, "actions", sha=sha)
    client(forge).get_commit(sha).create_status("success", description="fine", context="ledger/guard")
    forge.review(number, "eve", "APPROVED")
    with pytest.raises(Refused, match="approving review"):
        forge.merge(number, "actions", sha=sha)
    forge.review(number, "ben", "APPROVED")
    forge.merge(number, "actions", sha=sha)


@pytest.mark.parametrize(
    ("login", "state", "body", "message"),
    [
        ("actions", "APPROVED", "", "Can not approve your own pull request"),
        ("actions", "CHANGES_REQUESTED", "no", "Can not request changes on your own pull request"),
        ("ann", "COMMENTED", "", "Body can't be blank"),
        ("ann", "DISMISSED", "", "is no state"),
    ],
)
def test_reviews_that_github_would_not_take_are_refused(
    forge: Forge, login: str, state: str, body: str, message: str
) -> None:
    number = opened(forge)
    with pytest.raises(Refused, match=message):
        forge.review(number, login, state, body)
    with pytest.raises(Refused, match="No commit found"):
        forge.review(number, "ann", "APPROVED", commit="0" * 40)


@pytest.mark.parametrize(
    ("held", "refused"),
    [
        ({"contents": "write", "pull-requests": "write", "statuses": "write", "actions": "write"}, []),
        ({"contents": "read", "pull-requests": "write"}, ["ready", "merge", "status", "dispatch"]),
        ({"contents": "write", "pull-requests": "read"}, ["ready", "comment", "status", "dispatch"]),
        ({}, ["ready", "comment", "status", "dispatch", "merge"]),
    ],
)
def test_a_job_can_do_what_its_permissions_say(forge: Forge, held: dict[str, str], refused: list[str]) -> None:
    opened(forge, draft=True)
    sha, rest = forge.pull(1).head_sha, Client(forge.environ("actions", held))
    calls: dict[str, Callable[[], Any]] = {
        "ready": lambda: rest.graphql("ready", {"pull": f"PR_{forge.pull(1).id}"}),
        "comment": lambda: rest.rest("POST", "issues/1/comments", {"body": "x"}),
        "status": lambda: rest.rest("POST", f"statuses/{sha}", {"state": "success"}),
        "dispatch": lambda: rest.rest("POST", "actions/workflows/publish.yml/dispatches", {"ref": "main"}),
        "merge": lambda: rest.rest("PUT", "pulls/1/merge", {"sha": sha, "merge_method": "squash"}),
    }
    found = []
    for name, call in calls.items():
        try:
            call()
        except Exception as error:
            assert "403" in str(error) or "not accessible" in str(error), name
            found.append(name)
        if name == "ready":
            forge.set_draft(1, "ann", False)
    assert sorted(found) == sorted(refused)


def test_actions_opens_no_pull_request_where_that_is_switched_off(forge: Forge) -> None:
    forge.settings.can_approve_pull_request_reviews = False
    with pytest.raises(Refused, match="not permitted to create"):
        opened(forge)


def test_a_private_repository_is_read_by_permission_alone(forge: Forge) -> None:
    forge.account("stranger", 500, permission="none")
    assert client(forge, "stranger", None).get_pulls().totalCount == 0
    forge.settings.private = True
    for login, held in (("stranger", None), ("actions", {"contents": "read"})):
        with pytest.raises(github.GithubException) as refused:
            client(forge, login, held).get_pulls().totalCount  # noqa: B018
        assert refused.value.status in (403, 404)


@pytest.mark.parametrize("http", [False, True])
def test_main_is_changed_by_pull_requests_alone(forge: Forge, tmp_path: Path, http: bool) -> None:
    work = forge.clone(tmp_path / "clone", http=http)
    (work / "README.md").write_text("pushed\n", "utf-8")
    git(work, "commit", "--quiet", "-am", "Past everybody")
    secret = requests.auth._basic_auth_str("x-access-token", forge.token("actions"))
    header = ("-c", f"http.{forge.api_url}/.extraheader=AUTHORIZATION: {secret}")
    before = forge.repository.bare.tip("main")
    with pytest.raises(RuntimeError, match="GH006"):
        git(work, *header, "push", "--quiet", "origin", "main")
    with pytest.raises(RuntimeError, match="GH006"):
        git(work, *header, "push", "--quiet", "origin", ":main")
    git(work, *header, "push", "--quiet", "origin", f"main:{BRANCH}")
    git(work, "fetch", "--quiet", "origin")
    assert git(work, "rev-parse", f"origin/{BRANCH}") == forge.repository.bare.tip(BRANCH) != before
    assert forge.repository.bare.tip("main") == before
    forge.push_main(work)
    assert forge.repository.bare.tip("main") != before


@pytest.mark.parametrize(("login", "held"), [("eve", None), ("actions", {"contents": "read"}), (None, None)])
def test_a_push_by_http_needs_permission(
    forge: Forge, tmp_path: Path, login: str | None, held: dict[str, str] | None
) -> None:
    work = forge.clone(tmp_path / "clone", http=True)
    arguments = ["push", "--quiet", "origin", "main:new"]
    if login is not None:
        secret = requests.auth._basic_auth_str("x-access-token", forge.token(login, held))
        arguments = ["-c", f"http.{forge.api_url}/.extraheader=AUTHORIZATION: {secret}", *arguments]
    with pytest.raises(RuntimeError, match=r"403|could not read Username"):
        git(work, *arguments, GIT_TERMINAL_PROMPT="0")
    assert forge.repository.bare.tip("new") is None


def test_what_people_do_starts_workflows_and_what_the_job_does_starts_none(forge: Forge, tmp_path: Path) -> None:
    number = opened(forge)
    assert started(forge) == ["push"]
    forge.comment(number, "ann", "/status")
    forge.comment(number, "actions", "answer")
    review = forge.review(number, "ann", "APPROVED", "fine")
    forge.edit_review(review, "very fine")
    forge.dismiss_review(review)
    issue = forge.open_issue("eve", "Why?", "", ["ledger:question"])
    forge.comment(issue, "eve", "please")
    forge.edit_comment(forge.issue(issue).comments[0], "pretty please")
    forge.close(issue, "actions")
    forge.edit_thread(issue, "eve", state="open")
    assert started(forge) == [
        "issue_comment created",
        "pull_request_review submitted",
        "pull_request_review edited",
        "pull_request_review dismissed",
        "issues opened",
        "issues labeled",
        "issue_comment created",
        "issue_comment edited",
        "issues reopened",
    ]
    forge.commit("ann", BRANCH, {"data/two.txt": "two\n"})
    forge.set_draft(number, "ann", True)
    forge.set_draft(number, "actions", False)
    forge.edit_thread(number, "ann", title="Better")
    forge.request_reviewers(number, "ann", ["ben"])
    work = forge.clone(tmp_path / "clone")
    git(work, "push", "--quiet", "origin", "main:by-the-job", GITHUB_TOKEN=forge.token("actions"))
    git(work, "push", "--quiet", "origin", "main:by-a-person", GITHUB_TOKEN=forge.token("ann"))
    forge.merge(number, "actions")
    forge.dispatch("actions", "publish.yml")
    assert started(forge) == [
        "push",
        "pull_request synchronize",
        "pull_request converted_to_draft",
        "pull_request edited",
        "pull_request review_requested",
        "push",
        "workflow_dispatch",
    ]
    fork = forge.fork_pull("eve", "mine", "Mine")
    forge.close(fork, "eve")
    second = forge.fork_pull("eve", "again", "Again")
    forge.merge(second, "ben")
    assert started(forge) == [
        "pull_request opened",
        "pull_request closed",
        "pull_request opened",
        "pull_request closed",
        "push",
    ]


def test_many_at_once_leave_one_consistent_world(forge: Forge) -> None:
    opened(forge)

    def act(n: int) -> int:
        Client(forge.environ()).rest("POST", "issues/1/comments", {"body": f"{n}"})
        return forge.open_issue("eve", f"Issue {n}")

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(act, range(24)))
    assert sorted(numbers) == list(range(2, 26))
    assert sorted(int(one.body) for one in forge.pull(1).comments) == list(range(24))


@pytest.mark.parametrize("word", ["[skip ci]", "[actions skip]"])
def test_a_message_that_says_so_starts_no_workflow_not_even_after_the_merge(forge: Forge, word: str) -> None:
    forge.commit("ann", BRANCH, {"data/one.txt": "one\n"}, f"Tidy up {word}")
    number = forge.open_pull("ann", BRANCH, "Tidy")
    forge.comment(number, "ann", "that is all right")
    forge.merge(number, "ann")
    assert started(forge) == ["issue_comment created"]
    forge.commit("ann", "third", {"data/three.txt": "three\n"}, "Three\n\n\nskip-checks: true")
    assert started(forge) == []
    forge.commit("ann", "other", {"data/two.txt": "two\n"}, "Two")
    second = forge.open_pull("ann", "other", "Other")
    forge.merge(second, "ann", title="Said by the one who merges", message="")
    assert started(forge) == ["push", "pull_request opened", "pull_request closed", "push"]


def test_a_merge_closes_the_issues_that_its_texts_name_but_not_in_code(forge: Forge, tmp_path: Path) -> None:
    first, second, third, fourth = (forge.open_issue("eve", f"Issue {n}") for n in range(4))
    forge.commit("ann", BRANCH, {"data/one.txt": "one\n"}, "One")
    number = forge.open_pull("ann", BRANCH, f"Closes #{fourth}", f"Fixes #{first}, and `closes #{second}` in code")
    forge.merge(number, "ann", title=f"Resolved: #{third}", message="")
    assert [forge.issue(n).state for n in (first, second, third, fourth)] == ["closed", "open", "closed", "open"]
