"""The test forge answers as GitHub does: everything that the loop asks for, through PyGithub and plain requests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import github
import pytest
import requests

from ledger.core.errors import SourceError
from ledger.forge.github import Forge as Client
from tests.servers.forge import Environment, Forge, Refused, openapi
from tests.servers.forge.paths import ROUTES
from tests.servers.forge.support import BRANCH, client, git, opened, small_forge
from tests.servers.github import status, truncated


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    with small_forge(tmp_path) as running:
        yield running


def test_a_pull_request_lives_from_draft_to_squash(forge: Forge, tmp_path: Path) -> None:
    commit = forge.commit("ann", BRANCH, {"data/one.txt": "one\n"})
    repository = client(forge)
    pull = repository.create_pull(base="main", head=BRANCH, title="Epoch 1", body="The body", draft=True)
    assert (pull.number, pull.draft, pull.head.sha, pull.changed_files) == (1, True, commit, 1)
    assert (pull.user.login, pull.user.id, pull.user.type) == ("github-actions[bot]", 41898282, "Bot")
    with pytest.raises(github.GithubException) as refused:
        pull.merge(sha=commit, merge_method="squash")
    assert refused.value.status == 405 and "draft" in str(refused.value)
    pull.mark_ready_for_review()
    pull.edit(title="Epoch 1: review", body="Another")
    assert not repository.get_pull(1).draft
    moved = forge.commit("ann", BRANCH, {"data/two.txt": "two\n"})
    assert repository.get_pull(1).head.sha == moved
    with pytest.raises(github.GithubException) as refused:
        pull.merge(sha=commit, merge_method="squash")
    assert refused.value.status == 409
    done = pull.merge(sha=moved, merge_method="squash", commit_title="Epoch 1 (#1)", commit_message="")
    assert done.merged
    pull = repository.get_pull(1)
    assert (pull.merged, pull.state, pull.merge_commit_sha, pull.is_merged()) == (True, "closed", done.sha, True)
    work = forge.clone(tmp_path / "clone")
    assert git(work, "log", "--format=%s|%an|%cn", "-1") == "Epoch 1 (#1)|github-actions[bot]|GitHub"
    assert git(work, "rev-list", "--count", "HEAD") == "2"
    assert [(work / "data" / name).read_text() for name in ("one.txt", "two.txt")] == ["one\n", "two\n"]
    with pytest.raises(github.GithubException) as refused:
        pull.merge(sha=moved, merge_method="squash")
    assert refused.value.status == 405


@pytest.mark.parametrize(
    ("head", "more", "message"),
    [
        ("same", {}, "No commits between main and same"),
        ("nowhere", {}, '"field": "head"'),
        (BRANCH, {}, "A pull request already exists for team:epoch/default/1"),
        ("other", {"title": "  "}, "missing_field"),
        ("other", {"title": "x" * 257}, "title is too long"),
        ("other", {"body": "x" * 65537}, "body is too long (maximum is 65536 characters)"),
        ("other", {"title": 5}, "5 is not of type 'string'"),
    ],
)
def test_a_pull_request_that_github_would_not_open_is_refused(
    forge: Forge, head: str, more: dict[str, Any], message: str
) -> None:
    opened(forge)
    forge.commit("ann", "other", {"b": "b"})
    client(forge).create_git_ref("refs/heads/same", forge.repository.bare.tip("main"))
    body = {"title": "Epoch", "body": "", "head": head, "base": "main", **more}
    with pytest.raises(github.GithubException) as refused:
        client(forge).requester.requestJsonAndCheck("POST", "/repos/team/ledger/pulls", input=body)
    assert refused.value.status == 422 and message in str(refused.value)
    assert len(forge.pulls()) == 1


def test_a_fork_is_told_apart_and_its_pull_request_outlives_it(forge: Forge) -> None:
    number = forge.fork_pull("eve", BRANCH, "Mine", files={"data/one.txt": "evil\n"})
    ours = opened(forge)
    pull = client(forge).get_pull(number)
    assert (pull.head.label, pull.head.repo.full_name, pull.head.repo.fork) == (f"eve:{BRANCH}", "eve/ledger", True)
    found = Client(forge.environ()).graphql("pulls", {"head": BRANCH})["repository"]
    repositories = {node["number"]: node["headRepository"]["databaseId"] for node in found["pullRequests"]["nodes"]}
    assert repositories[ours] == found["databaseId"] != repositories[number]
    rest = Client(forge.environ())
    assert rest.rest("GET", "/repos/eve/ledger")["parent"]["full_name"] == "team/ledger"
    with pytest.raises(Exception, match="404"):
        rest.rest("GET", f"/repos/eve/ledger/pulls/{ours}")
    forge.delete_fork("eve")
    assert client(forge).get_pull(number).raw_data["head"]["repo"] is None
    assert forge.pull(number).state == "closed"


def test_reviews_are_read_as_github_gives_them(forge: Forge) -> None:
    number = opened(forge)
    first = forge.pull(number).head_sha
    forge.now = "2026-01-06T00:00:00Z"
    approved = forge.review(number, "ann", "APPROVED", "/sign 0x00")
    forge.commit("ann", BRANCH, {"data/two.txt": "two\n"})
    edited = forge.review(number, "ben", "COMMENTED", "hm", commit=first)
    forge.review(number, "eve", "PENDING", "not yet")
    forge.now = "2026-01-07T00:00:00Z"
    forge.edit_review(edited, "well")
    forge.dismiss_review(approved)
    forge.delete_account("ben")
    nodes = Client(forge.environ()).graphql("reviews", {"number": number, "after": None})
    reviews = nodes["repository"]["pullRequest"]["reviews"]["nodes"]
    assert [(one["state"], one["lastEditedAt"], one["commit"]["oid"]) for one in reviews] == [
        ("DISMISSED", None, first),
        ("COMMENTED", "2026-01-07T00:00:00Z", first),
    ]
    assert [one["author"] for one in reviews] == [{"__typename": "User", "login": "ann", "databaseId": 101}, None]
    assert all(int(one["fullDatabaseId"]) > 2**31 for one in reviews)
    assert [one.user and one.user.login for one in client(forge).get_pull(number).get_reviews()] == ["ann", None]
    query = 'query Q($n: Int!) { repository(owner: "team", name: "ledger") { pullRequest(number: $n) {'
    query += " reviews(first: 9) { nodes { databaseId } } } } }"
    asked: dict[str, Any] = {"query": query, "variables": {"n": number}}
    found = requests.post(f"{forge.api_url}/graphql", json=asked, headers=bearer(forge), timeout=10).json()
    assert found["data"]["repository"]["pullRequest"]["reviews"]["nodes"][0] == {"databaseId": None}


def bearer(forge: Forge, login: str = "actions") -> dict[str, str]:
    return {"Authorization": f"bearer {forge.token(login)}"}


def test_a_review_through_the_api_is_at_the_commit_that_it_names(forge: Forge) -> None:
    number = opened(forge)
    first = forge.pull(number).head_sha
    forge.commit("ann", BRANCH, {"data/two.txt": "two\n"})
    repository = client(forge, "ben")
    review = repository.get_pull(number).create_review(repository.get_commit(first), "/sign 0x00", "APPROVE")
    assert (review.state, review.commit_id, review.user.id) == ("APPROVED", first, 102)
    pending = repository.get_pull(number).create_review(body="later")
    assert [one.id for one in client(forge, "ann").get_pull(number).get_reviews()] == [review.id]
    path = f"/repos/team/ledger/pulls/{number}/reviews/{pending.id}"
    repository.requester.requestJsonAndCheck("POST", f"{path}/events", input={"event": "COMMENT"})
    assert [one.state for one in repository.get_pull(number).get_reviews()] == ["APPROVED", "COMMENTED"]
    review.edit("changed")
    review.dismiss("outdated")
    assert repository.get_pull(number).get_review(review.id).state == "DISMISSED"


def test_reviewers_are_requested_among_collaborators_alone(forge: Forge) -> None:
    pull = client(forge).get_pull(opened(forge))
    pull.create_review_request(reviewers=["ann", "ben"])
    assert [one.login for one in client(forge).get_pull(1).requested_reviewers] == ["ann", "ben"]
    for nobody in ("eve", "nobody"):
        with pytest.raises(github.GithubException, match="not a collaborator"):
            pull.create_review_request(reviewers=[nobody])
    forge.review(1, "ann", "COMMENTED", "seen")
    assert [one.login for one in client(forge).get_pull(1).requested_reviewers] == ["ben"]


def test_comments_are_written_edited_and_read_by_pages(forge: Forge) -> None:
    number = opened(forge)
    pull = client(forge).get_pull(number)
    mine = pull.create_issue_comment("<!-- ledger --> hello")
    for n in range(120):
        forge.comment(number, "eve", f"comment {n}")
    assert len(list(pull.get_issue_comments())) == 121
    read = Client(forge.environ())
    first = read.graphql("comments", {"number": number, "after": None})["repository"]["issueOrPullRequest"]["comments"]
    after = first["pageInfo"]["endCursor"]
    second = read.graphql("comments", {"number": number, "after": after})["repository"]["issueOrPullRequest"]
    nodes = [*first["nodes"], *second["comments"]["nodes"]]
    assert len({one["fullDatabaseId"] for one in nodes}) == 121
    assert [one["viewerDidAuthor"] for one in nodes[:2]] == [True, False]
    assert nodes[0]["author"] == {"__typename": "Bot", "login": "github-actions"}
    forge.now = "2026-02-01T00:00:00Z"
    mine.edit("changed")
    assert forge.find_comment(mine.id).last_edited_at == "2026-02-01T00:00:00Z"
    with pytest.raises(github.GithubException) as refused:
        client(forge, "eve").get_pull(number).get_issue_comment(mine.id).edit("hijacked")
    assert refused.value.status == 403
    with pytest.raises(github.GithubException, match="Body cannot be blank"):
        pull.create_issue_comment(" ")
    mine.delete()
    assert len(forge.pull(number).comments) == 120


def test_issues_are_opened_found_by_label_and_closed(forge: Forge) -> None:
    repository = client(forge)
    alarm = repository.create_issue("collect failed", "See the run", labels=["ledger:alarm"])
    question = forge.open_issue("eve", "Why?", "### Epoch\n\n1", ["ledger:question"])
    forge.open_issue("eve", "Unrelated")
    assert [one.number for one in repository.get_issues(labels=["ledger:alarm"])] == [alarm.number]
    found = Client(forge.environ()).graphql("questions", {"label": "ledger:question", "after": None})
    assert [one["number"] for one in found["repository"]["issues"]["nodes"]] == [question]
    alarm.edit(state="closed", state_reason="completed")
    assert (repository.get_issue(alarm.number).state, list(repository.get_issues(labels=["ledger:alarm"]))) == (
        "closed",
        [],
    )
    assert [one.number for one in repository.get_issues(state="all", labels=["ledger:alarm"])] == [alarm.number]
    repository.get_issue(question).add_to_labels("bug")
    assert forge.issue(question).labels == ["ledger:question", "bug"]
    assert {one.name for one in repository.get_labels()} == {"bug", "ledger:alarm", "ledger:question"}
    with pytest.raises(github.GithubException, match="already_exists"):
        repository.create_label("Bug", "ffffff")
    assert repository.create_label("new", "ffffff", "one").name == repository.get_label("new").name


def test_labels_of_those_who_may_not_write_are_dropped_without_a_word(forge: Forge) -> None:
    issue = client(forge, "eve").create_issue("Mine", "text", labels=["ledger:alarm"])
    issue.edit(title="Still mine", labels=["ledger:alarm"])
    assert (forge.issue(issue.number).title, forge.issue(issue.number).labels) == ("Still mine", [])
    with pytest.raises(github.GithubException) as refused:
        issue.add_to_labels("ledger:alarm")
    assert refused.value.status == 403


def test_statuses_of_a_commit_are_combined_by_context(forge: Forge) -> None:
    opened(forge)
    commit = client(forge).get_commit(forge.pull(1).head_sha)
    assert commit.get_combined_status().state == "pending"
    for context, state in (("ledger/guard", "failure"), ("ledger/verify", "success"), ("ledger/guard", "success")):
        commit.create_status(state, description=f"{context} {state}", context=context)
    combined = commit.get_combined_status()
    assert (combined.state, combined.total_count) == ("success", 2)
    assert {one.context: one.state for one in combined.statuses} == {
        "ledger/guard": "success",
        "ledger/verify": "success",
    }
    assert len(Client(forge.environ()).rest("GET", f"commits/{commit.sha}/statuses")) == 3
    assert forge.status(commit.sha, "ledger/guard")["description"] == "ledger/guard success"
    assert forge.status(commit.sha, "other") == {}
    with pytest.raises(github.GithubException, match="too long"):
        commit.create_status("success", description="x" * 141, context="ledger/guard")
    with pytest.raises(github.GithubException, match="No commit found for SHA"):
        path = f"/repos/team/ledger/statuses/{'0' * 40}"
        client(forge).requester.requestJsonAndCheck("POST", path, input={"state": "success"})


def test_a_dispatch_is_recorded_where_the_workflow_is_there(forge: Forge) -> None:
    assert client(forge).get_workflow("publish.yml").create_dispatch("main")
    rest = Client(forge.environ())
    assert (
        rest.rest("POST", "actions/workflows/publish.yml/dispatches", {"ref": "main", "inputs": {"why": "x"}}) is None
    )
    assert [(one.workflow, one.ref, one.inputs, one.by) for one in forge.dispatches] == [
        ("publish.yml", "main", {}, "github-actions[bot]"),
        ("publish.yml", "main", {"why": "x"}, "github-actions[bot]"),
    ]
    for path, body, code in (("nothing.yml", {"ref": "main"}, 404), ("publish.yml", {"ref": "nowhere"}, 422)):
        with pytest.raises(github.GithubException) as refused:
            url = f"/repos/team/ledger/actions/workflows/{path}/dispatches"
            client(forge).requester.requestJsonAndCheck("POST", url, input=body)
        assert refused.value.status == code


def test_files_and_branches_are_those_of_the_real_repository(forge: Forge) -> None:
    repository = client(forge)
    assert repository.get_contents("README.md").decoded_content == b"A ledger\n"
    assert [one.path for one in repository.get_contents(".github")] == [".github/workflows"]
    with pytest.raises(github.UnknownObjectException):
        repository.get_contents("nothing.md")
    opened(forge)
    assert [one.filename for one in repository.get_pull(1).get_files()] == ["data/one.txt"]
    assert repository.get_git_ref(f"heads/{BRANCH}").object.sha == forge.pull(1).head_sha
    repository.get_git_ref(f"heads/{BRANCH}").delete()
    assert forge.pull(1).state == "closed"
    with pytest.raises(github.UnknownObjectException):
        repository.get_git_ref(f"heads/{BRANCH}")
    with pytest.raises(Refused, match="Cannot delete"):
        forge.delete_branch("main", "maintainer")


def test_accounts_keep_their_number_when_they_are_renamed(forge: Forge) -> None:
    hub = github.Github(auth=github.Auth.Token(forge.token("ann")), base_url=forge.api_url, retry=None)
    assert (hub.get_user().login, hub.get_user().id) == ("ann", 101)
    forge.rename_account("ann", "anna")
    assert (hub.get_user_by_id(101).login, hub.get_user("anna").id) == ("anna", 101)
    forge.delete_account("anna")
    with pytest.raises(github.GithubException) as refused:
        hub.get_user_by_id(102)
    assert refused.value.status == 401
    rest = Client(forge.environ())
    for path in ("/user/101", "/users/ann"):
        with pytest.raises(Exception, match="404"):
            rest.rest("GET", path)
    with pytest.raises(Exception, match="403"):
        rest.rest("GET", "/user")
    permission = client(forge).get_collaborator_permission
    assert (permission("ben"), permission("eve")) == ("write", "read")


def test_settings_are_shown_to_those_who_may_see_them(forge: Forge) -> None:
    settings = forge.settings
    forge.add_ruleset(
        "main", "deletion", bypass_actors=[{"actor_id": 5, "actor_type": "Team", "bypass_mode": "always"}]
    )
    settings.pages = {"build_type": "workflow"}
    settings.environments = {"github-pages": Environment(("main",)), "sign": Environment(reviewers=("ann",))}
    settings.variables["LEDGER_REPOSITORY"] = "team/ledger"
    rest = Client(forge.environ("maintainer"))
    (listed,) = rest.rest("GET", "rulesets")
    assert "rules" not in listed
    whole = rest.rest("GET", f"rulesets/{listed['id']}")
    assert ([one["type"] for one in whole["rules"]], len(whole["bypass_actors"])) == (["deletion"], 1)
    assert "bypass_actors" not in Client(forge.environ()).rest("GET", f"rulesets/{listed['id']}")
    assert [one["type"] for one in rest.rest("GET", "rules/branches/main")] == ["deletion"]
    assert rest.rest("GET", f"rules/branches/{BRANCH}") == []
    assert rest.rest("GET", "pages")["build_type"] == "workflow"
    names = [one["name"] for one in rest.rest("GET", "environments")["environments"]]
    assert names == ["github-pages", "sign"]
    policies = rest.rest("GET", "environments/github-pages/deployment-branch-policies")
    assert [one["name"] for one in policies["branch_policies"]] == ["main"]
    assert rest.rest("GET", "actions/permissions")["allowed_actions"] == "all"
    assert rest.rest("GET", "actions/permissions/workflow") == {
        "default_workflow_permissions": "read",
        "can_approve_pull_request_reviews": True,
    }
    assert client(forge, "maintainer").get_variables()[0].value == "team/ledger"
    assert client(forge, "maintainer").get_environment("sign").protection_rules[0].type == "required_reviewers"
    for login in ("ann", "actions"):
        with pytest.raises(Exception, match="403"):
            Client(forge.environ(login)).rest("GET", "actions/permissions/workflow")
    with pytest.raises(Exception, match="403"):
        Client(forge.environ()).rest("GET", "actions/variables")


def test_a_fresh_repository_has_none_of_it(forge: Forge) -> None:
    rest = Client(forge.environ("maintainer"))
    assert rest.rest("GET", "rulesets") == rest.rest("GET", "rules/branches/main") == []
    assert rest.rest("GET", "environments") == {"total_count": 0, "environments": []}
    for path in ("pages", "rulesets/1", "environments/none", "actions/variables/NONE"):
        with pytest.raises(Exception, match="404"):
            rest.rest("GET", path)


def test_an_answer_that_the_description_does_not_allow_fails_the_test(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"GET /user/\{account_id\} 200, the whole"), Forge(tmp_path) as forge:
        forge.account("ann", "101")  # type: ignore[arg-type]
        forge.accounts[101] = forge.accounts.pop("101")  # type: ignore[call-overload]
        Client(forge.environ()).rest("GET", "/user/101")
    with Forge(tmp_path / "other", validate=False) as forge:
        forge.account("ann", 101).type = 5  # type: ignore[assignment]
        assert Client(forge.environ()).rest("GET", "/user/101")["type"] == 5


def test_the_description_is_held_to_answers_and_tolerates_only_what_is_listed() -> None:
    listed = "GET /repos/{owner}/{repo}/pulls"
    assert openapi.wrong_answer(listed, 200, [{"number": "1"}])
    assert openapi.wrong_answer(listed, 201, []) == [f"{listed}: the description knows ['200'], not 201"]
    assert openapi.wrong_answer(listed, 404, {"message": "Not Found"}) == []
    assert openapi.wrong_answer(listed, 404, []) != []
    assert set(openapi.kept()["operations"]) == {f"{route.method} {route.template}" for route in ROUTES}


def test_faults_spoil_the_request_before_or_after_it_is_done(forge: Forge) -> None:
    opened(forge)
    rest = requests.Session()
    rest.headers.update(bearer(forge))
    url = f"{forge.api_url}/repos/team/ledger/issues/1/comments"
    forge.fail("POST .*/comments", status(502))
    forge.fail("POST .*/comments", status(502), done=True)
    assert [rest.post(url, json={"body": "x"}, timeout=10).status_code for _ in range(3)] == [502, 502, 201]
    assert len(forge.pull(1).comments) == 2
    forge.fail("graphql Pulls", truncated(), skip=1, times=9)
    client = Client(forge.environ())
    assert client.graphql("pulls", {"head": BRANCH})
    with pytest.raises(Exception, match="cannot be reached"):
        client.graphql("pulls", {"head": BRANCH})
    forge.heal()
    assert client.graphql("pulls", {"head": BRANCH})
    assert forge.count("graphql Pulls") >= 3
    assert forge.requests[0].login == "github-actions[bot]"


def test_unknown_tokens_paths_and_fields_are_refused(forge: Forge) -> None:
    def ask(path: str, **more: Any) -> requests.Response:
        return requests.get(forge.api_url + path, timeout=10, **more)

    assert ask("/repos/team/ledger", headers={"Authorization": "bearer stolen"}).status_code == 401
    for path in ("/repos/team/other", "/repos/team/ledger/pulls/9", "/repos/team/ledger/pulls/x", "/nothing"):
        assert ask(path, headers=bearer(forge)).status_code == 404
    for query, said in (
        ('query { repository(owner: "team", name: "ledger") { mergedOn } }', "Cannot query field"),
        ('query { repository(owner: "a", name: "b") { id } }', "Could not resolve to a Repository"),
        ('query { repository(owner: "team", name: "ledger") { stargazerCount } }', "does not serve"),
        ('query { repository(owner: "team", name: "ledger") { issues { nodes { id } } } }', "first"),
    ):
        found = requests.post(f"{forge.api_url}/graphql", json={"query": query}, headers=bearer(forge), timeout=10)
        assert said in found.json()["errors"][0]["message"]


def test_a_job_has_a_thousand_requests_an_hour_and_then_says_so_at_once(forge: Forge) -> None:
    forge.now = "2099-01-05T06:10:00Z"  # whoever waited for the limit to end would never come back
    jobs, person = (requests.Session() for _ in range(2))
    jobs.headers.update(bearer(forge))
    person.headers.update(bearer(forge, "ann"))
    url = f"{forge.api_url}/repos/team/ledger"
    forge.hours["2099-01-05T06"] = 998
    assert [jobs.get(url, timeout=10).status_code for _ in range(2)] == [200, 200]
    refused = jobs.get(url, timeout=10)
    assert (refused.status_code, refused.headers["X-RateLimit-Remaining"]) == (403, "0")
    with pytest.raises(SourceError, match="rate limit exceeded") as told:
        Client(forge.environ()).rest("GET", "")
    assert "the next run goes on" in told.value.hint
    assert person.get(url, timeout=10).status_code == 200
    forge.now = "2099-01-05T07:00:00Z"
    assert jobs.get(url, timeout=10).status_code == 200
    assert forge.hours == {"2099-01-05T06": 1002, "2099-01-05T07": 1}, "the client asked once and did not wait"
