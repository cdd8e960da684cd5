"""The GitHub test server answers as GitHub does, and fails as planned: its own tests, through the real client."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

import github
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.servers.evm import npm_tools
from tests.servers.forge import extract
from tests.servers.github import (
    INSTALLATION,
    TOKEN,
    Actor,
    Answer,
    Fault,
    GitHubServer,
    World,
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
from tests.servers.github.schema import SCHEMAS, schema

NOW = 1_768_000_000
ANNA = Actor("anna", 101)
PULLS = """query Pulls($first: Int, $after: String) { repository(owner: "team", name: "code") {
  pullRequests(first: $first, after: $after, orderBy: {field: UPDATED_AT, direction: DESC}) {
    totalCount pageInfo { hasNextPage endCursor } nodes { number updatedAt } } } rateLimit { cost nodeCount } }"""


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    with GitHubServer(World(NOW)) as running:
        running.world.repository("team/code")
        yield running


def ask(server: GitHubServer, query: str, timeout: float = 10, **variables: Any) -> Any:
    """One GraphQL question without any library of GitHub's."""
    response = requests.post(
        f"{server.api_url}/graphql",
        json={"query": query, "variables": variables},
        headers={"Authorization": f"bearer {TOKEN}"},
        timeout=timeout,
    )
    return response.json()


def test_the_vendored_files_are_those_that_the_table_names() -> None:
    table = (SCHEMAS / "README.md").read_text("utf-8")
    rows = re.findall(r"\| `([\w.-]+\.gz)` .* `([0-9a-f]{64})` \|", table)
    assert {name for name, _ in rows} == {path.name for path in SCHEMAS.glob("*.gz")}
    for name, digest in rows:
        packed = (SCHEMAS / name).read_bytes()
        assert packed[3:8] == bytes(5), f"{name} holds a name or a time"
        assert hashlib.sha256(gzip.decompress(packed)).hexdigest() == digest


def test_github_is_described_by_the_very_packages_that_npm_pins(capsys: pytest.CaptureFixture[str]) -> None:
    packages = npm_tools() / "@octokit"
    kept = {
        name: gzip.decompress((SCHEMAS / name).read_bytes()) for name in ("github.graphql.gz", "github-rest.json.gz")
    }
    assert (packages / "graphql-schema/schema.graphql").read_bytes() == kept["github.graphql.gz"]
    extract.main(str(packages / "openapi/generated/api.github.com.json"))
    assert capsys.readouterr().out.encode() == kept["github-rest.json.gz"], "run tests.servers.forge.extract again"


def test_a_wrong_field_or_argument_fails_as_at_github(server: GitHubServer) -> None:
    wrong = 'query { repository(owner: "team", name: "code") { pullRequest(number: 1) { mergedOn } } }'
    assert "Cannot query field 'mergedOn'" in ask(server, wrong)["errors"][0]["message"]
    assert "Unknown argument" in ask(server, 'query { node(ident: "x") { id } }')["errors"][0]["message"]


def test_the_schema_holds_what_the_notes_say_about_its_age() -> None:
    assert "stateReason" in schema().type_map["Issue"].fields  # type: ignore[attr-defined]
    assert "issueType" not in schema().type_map["Issue"].fields  # type: ignore[attr-defined]


@pytest.mark.parametrize("cursors", ["keyset", "offset"])
def test_pages_of_a_hundred_give_every_item_once(server: GitHubServer, cursors: str) -> None:
    server.cursors = cursors
    repository = server.world.repositories[0]
    for n in range(230):
        repository.pull(ANNA, NOW - n // 3)
    seen, after, sizes = [], None, []
    while True:
        page = ask(server, PULLS, first=100, after=after)["data"]["repository"]["pullRequests"]
        assert page["totalCount"] == 230
        seen += [node["number"] for node in page["nodes"]]
        sizes.append(len(page["nodes"]))
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert sizes == [100, 100, 30]
    assert sorted(seen) == list(range(1, 231))


@pytest.mark.parametrize(("cursors", "repeated"), [("keyset", []), ("offset", [100])])
def test_an_item_that_moves_to_the_front_shifts_pages_only_where_they_go_by_place(
    server: GitHubServer, cursors: str, repeated: list[int]
) -> None:
    server.cursors = cursors
    repository = server.world.repositories[0]
    pulls = [repository.pull(ANNA, NOW - n) for n in range(150)]
    first = ask(server, PULLS, first=100)["data"]["repository"]["pullRequests"]
    pulls[120].touch(NOW + 5)
    second = ask(server, PULLS, first=100, after=first["pageInfo"]["endCursor"])["data"]["repository"]["pullRequests"]
    numbers = [[node["number"] for node in page["nodes"]] for page in (first, second)]
    assert [n for n in numbers[1] if n in numbers[0]] == repeated
    assert pulls[120].number not in numbers[0] + numbers[1]


def test_since_leaves_out_what_was_not_touched(server: GitHubServer) -> None:
    repository = server.world.repositories[0]
    for n in range(5):
        repository.issue(ANNA, NOW + n)
    query = """query { repository(owner: "team", name: "code") {
      issues(first: 9, filterBy: {since: "%s"}) { totalCount nodes { number } } } }"""
    found = ask(server, query % "2026-01-09T23:06:43Z")["data"]["repository"]["issues"]
    assert (found["totalCount"], [node["number"] for node in found["nodes"]]) == (2, [4, 5])


def test_a_page_without_a_size_or_above_a_hundred_is_refused(server: GitHubServer) -> None:
    assert ask(server, PULLS)["errors"][0]["type"] == "MISSING_PAGINATION_BOUNDARIES"
    assert ask(server, PULLS, first=101)["errors"][0]["type"] == "EXCESSIVE_PAGINATION"


def test_a_call_that_asks_for_too_many_nodes_is_refused(server: GitHubServer) -> None:
    query = """query { repository(owner: "team", name: "code") { pullRequests(first: 100) { nodes {
      reviews(first: 100) { nodes { comments(first: 100) { nodes { id } } } } } } } }"""
    assert ask(server, query)["errors"][0]["type"] == "MAX_NODE_LIMIT_EXCEEDED"


def test_cost_counts_connections_as_github_documents_it(server: GitHubServer) -> None:
    query = """query { repository(owner: "team", name: "code") { pullRequests(first: 100) { nodes {
      reviews(first: 50) { nodes { comments(first: 10) { nodes { id } } } } } } } rateLimit { cost nodeCount } }"""
    limit = ask(server, query)["data"]["rateLimit"]
    assert limit == {"cost": 51, "nodeCount": 100 + 5_000 + 50_000}  # (1 + 100 + 5,000) / 100, rounded
    assert server.points == 51


def test_connections_behind_a_fragment_cost_the_same(server: GitHubServer) -> None:
    query = """query { repository(owner: "team", name: "code") { pullRequests(first: 100) { ...Page } } }
      fragment Page on PullRequestConnection { nodes {
      reviews(first: 50) { ...Inner } labels(first: 9) { totalCount } } }
      fragment Inner on PullRequestReviewConnection { nodes { comments(first: 10) { nodes { id } } } }"""
    assert "data" in ask(server, query)
    assert server.points == 51


def test_the_limit_is_refused_with_a_200_once_it_is_used_up(server: GitHubServer) -> None:
    server.limit = 1
    assert "data" in ask(server, PULLS, first=1)
    assert ask(server, PULLS, first=1)["errors"][0]["type"] == "RATE_LIMITED"


def test_a_renamed_repository_answers_to_both_names_until_another_takes_the_old_one(server: GitHubServer) -> None:
    repository = server.world.repositories[0]
    repository.rename("team/new")
    query = 'query { repository(owner: "team", name: "code") { nameWithOwner databaseId } }'
    assert ask(server, query)["data"]["repository"]["nameWithOwner"] == "team/new"
    with github.Github(auth=github.Auth.Token(TOKEN), base_url=server.api_url) as client:
        assert client.get_repo("team/code").full_name == "team/new"
    assert [request.status for request in server.requests[-2:]] == [301, 200]
    server.world.repository("team/code")
    assert ask(server, query)["data"]["repository"]["databaseId"] != repository.database_id


def test_unknown_repositories_nodes_and_tokens_are_refused(server: GitHubServer) -> None:
    query = 'query { repository(owner: "no", name: "body") { id } }'
    assert ask(server, query)["errors"][0]["type"] == "NOT_FOUND"
    assert ask(server, 'query { nodes(ids: ["nothing"]) { id } }')["data"] == {"nodes": [None]}
    server.tokens.clear()
    assert ask(server, query) == {"message": "Bad credentials"}


def test_accounts_of_every_sort_are_told_apart(server: GitHubServer) -> None:
    repository = server.world.repositories[0]
    bot, mannequin = Actor("dependabot", 7, "Bot"), Actor("imported", 8, "Mannequin")
    for author in (ANNA, bot, mannequin, None):
        repository.issue(author, NOW)
    query = """query { repository(owner: "team", name: "code") { issues(first: 9) { nodes { author {
      __typename login ... on User { databaseId } ... on Bot { databaseId } ... on Mannequin { databaseId } } } } } }"""
    authors = [node["author"] for node in ask(server, query)["data"]["repository"]["issues"]["nodes"]]
    assert authors[1] == {"__typename": "Bot", "login": "dependabot", "databaseId": 7}
    assert [author and author["__typename"] for author in authors] == ["User", "Bot", "Mannequin", None]


def test_a_duplicate_shows_only_to_those_who_ask_for_it(server: GitHubServer) -> None:
    server.world.repositories[0].issue(ANNA, NOW).close(NOW, "DUPLICATE")
    query = """query { repository(owner: "team", name: "code") { issue(number: 1) {
      plain: stateReason asked: stateReason(enableDuplicate: true) } } }"""
    assert ask(server, query)["data"]["repository"]["issue"] == {"plain": "COMPLETED", "asked": "DUPLICATE"}


def test_an_app_gets_a_token_for_its_installation(server: GitHubServer) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    server.app_key = (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )
    with github.GithubIntegration(auth=github.Auth.AppAuth(12, private), base_url=server.api_url) as app:
        assert app.get_repo_installation("team", "code").id == INSTALLATION
        assert app.get_access_token(INSTALLATION).token in server.tokens
        server.app_key = ""
        with pytest.raises(github.GithubException):
            app.get_access_token(INSTALLATION)


FAULTS: dict[str, tuple[Fault, type[Exception] | None]] = {
    "empty": (empty(), requests.JSONDecodeError),
    "html": (html(), requests.JSONDecodeError),
    "bad json": (bad_json(), requests.JSONDecodeError),
    "truncated": (truncated(), requests.exceptions.ChunkedEncodingError),
    "slow": (slow(), requests.exceptions.ConnectionError),
    "reset": (reset(), requests.exceptions.ConnectionError),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planned_fault_reaches_the_client_and_then_passes(server: GitHubServer, name: str) -> None:
    fault, error = FAULTS[name]
    server.fail("graphql Pulls", fault)
    with pytest.raises(error or Exception):
        ask(server, PULLS, timeout=0.3, first=1)
    assert ask(server, PULLS, first=1)["data"]["repository"]["pullRequests"]["totalCount"] == 0
    assert server.count("graphql Pulls") == 2


@pytest.mark.parametrize(
    ("fault", "code", "header"),
    [
        (status(502), 502, None),
        (too_many(), 429, None),
        (too_many(7), 429, "7"),
        (secondary_limit(), 403, None),
        (secondary_limit(9), 403, "9"),
    ],
)
def test_errors_come_with_their_status_and_headers(
    server: GitHubServer, fault: Fault, code: int, header: str | None
) -> None:
    server.fail("GET /user", fault, skip=1)
    url, headers = f"{server.api_url}/user", {"Authorization": f"token {TOKEN}"}
    assert requests.get(url, headers=headers, timeout=10).json()["login"] == "collector"
    answer = requests.get(url, headers=headers, timeout=10)
    assert (answer.status_code, answer.headers.get("Retry-After")) == (code, header)


@pytest.mark.parametrize("form", ["RATE_LIMITED", "RATE_LIMIT"])
def test_partial_data_and_graphql_limits_make_the_client_raise(server: GitHubServer, form: str) -> None:
    server.fail("graphql Pulls", graphql_limit(NOW + 60, form=form))
    server.fail("graphql Pulls", partial(change=lambda data: data["repository"].update(pullRequests=None)))
    with github.Github(auth=github.Auth.Token(TOKEN), base_url=server.api_url, seconds_between_writes=0) as client:
        with pytest.raises(github.GithubException) as limited:
            client.requester.graphql_query(PULLS, {"first": 1})
        assert limited.value.data["errors"][0]["type"] == form
        with pytest.raises(github.GithubException) as broken:
            client.requester.graphql_query(PULLS, {"first": 1})
        assert broken.value.data["data"]["repository"] == {"pullRequests": None}


def test_the_world_can_change_right_before_an_answer(server: GitHubServer) -> None:
    server.fail("graphql Pulls", before(lambda: server.world.repositories[0].pull(ANNA, NOW)))
    assert ask(server, PULLS, first=1)["data"]["repository"]["pullRequests"]["totalCount"] == 1
    server.fail("graphql Pulls", rewritten(lambda body: {**body, "more": 1}))
    assert ask(server, PULLS, first=1)["more"] == 1
    server.fail("graphql Pulls", lambda healthy: Answer(body=json.dumps({"length": len(healthy)}).encode()))
    server.heal()
    assert "data" in ask(server, PULLS, first=1)
