"""The way of docs/identity.md on real clients: post the code, collect, prove; others' words prove nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ledger.cli.app import ledger
from ledger.core.errors import CredentialsError, InputError, SignatureError
from ledger.sources.keyed import keyed_account
from tests.servers.discord import TOKEN as BOT_TOKEN
from tests.servers.github import TOKEN, Actor, GitHubServer, PullRequest, Repository
from tests.sources import discordworld
from tests.sources.discordworld import served
from tests.sources.githubworld import CAT, DAY, MONDAY, NAME, world
from tests.sources.test_faults_node import node_of

NOW = "2026-01-11T23:00:00Z"
MALLORY = Actor("mallory", 666)
SECRET = "a node's secret"


class Node:
    """A node and its command line, with the platforms' credentials in the environment."""

    def __init__(self, root: Path, source: str, options: dict[str, Any], environ: dict[str, str]) -> None:
        self.root, self.environ = node_of(root, source, options), environ

    def __call__(self, *arguments: str) -> Any:
        environ = {"LEDGER_NOW": NOW, **self.environ}
        found = CliRunner(env=environ).invoke(ledger, [*arguments, "--node", str(self.root)], standalone_mode=False)
        if found.exception is not None:
            raise found.exception
        return found.stdout

    def code(self, *account: str) -> str:
        """The code of a challenge, as the page tells people to get it."""
        return str(self("identity", "challenge", *account)).strip()

    def bound(self) -> dict[tuple[str, str], str]:
        accounts = json.loads(self("identity", "list", "--json"))["accounts"]
        return {(one["provider"], one["external_id"]): one["user_id"] for one in accounts}


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    with GitHubServer(world()) as running:
        yield running


@pytest.fixture
def repository(server: GitHubServer) -> Repository:
    return server.world.repositories[0]


def on_github(server: GitHubServer, root: Path, **options: str) -> Node:
    environ = {"GITHUB_TOKEN": TOKEN, "GITHUB_API_URL": server.api_url, "LEDGER_SECRET": SECRET}
    return Node(root / "node", "github", {"repositories": [NAME], **options}, environ)


def merged(repository: Repository, author: Actor, title: str = "Add", body: str = "", message: str = "") -> PullRequest:
    pull = repository.pull(author, MONDAY + DAY, title, body)
    pull.merge(MONDAY + DAY, message)
    return pull


def comment(repository: Repository, code: str) -> str:
    said = repository.issue(MALLORY, MONDAY).comment(CAT, code, MONDAY + DAY)
    return f"github:comment:{NAME}:{said.full_database_id}"


def issue(repository: Repository, code: str) -> str:
    return f"github:issue_opened:{NAME}:{repository.issue(CAT, MONDAY + DAY, 'Bind me', code).number}"


def pull_request(repository: Repository, code: str) -> str:
    return f"github:pr:{NAME}:{merged(repository, CAT, body=code).number}"


@pytest.mark.parametrize("ids", ["plain", "keyed"])
@pytest.mark.parametrize("post", [comment, issue, pull_request])
def test_an_account_on_github_proves_itself_by_what_it_wrote(
    server: GitHubServer, repository: Repository, tmp_path: Path, post: Any, ids: str
) -> None:
    node = on_github(server, tmp_path, ids=ids)
    event = post(repository, node.code("github", "103"))
    node("collect")
    user = node("identity", "prove", "github", "103", "--event", event, "--login", "cat").strip()
    written = "103" if ids == "plain" else keyed_account(SECRET.encode(), "103")
    assert node.bound() == {("github", written): user}
    assert json.loads((node.root / "data/identities.jsonl").read_text())["evidence"] == f"proof nonce=0 event:{event}"
    assert "cat" not in [line.split()[3] for line in node("identity", "unresolved").splitlines()[1:]]


def test_nobody_takes_an_account_by_naming_it_as_co_author_below_a_title_of_his_own(
    server: GitHubServer, repository: Repository, tmp_path: Path
) -> None:
    node = on_github(server, tmp_path)
    merged(repository, MALLORY, body=node.code("github", "666"))
    node("collect")
    mallory = node("identity", "prove", "github", "666", "--event", f"github:pr:{NAME}:1").strip()
    code = node.code("github", "103", "--user", mallory)
    trailer = f"{code}\n\nCo-authored-by: Cat <103+cat@users.noreply.github.com>"
    merged(repository, MALLORY, title=code, body=code, message=trailer)
    node("collect", "--backfill", "2026-01-05..2026-01-11")
    events = [f"github:coauthor:{NAME}:2:1", f"github:pr:{NAME}:2"]
    assert all(event in (node.root / "data/epochs/default/0001/activity.jsonl").read_text() for event in events)
    with pytest.raises(InputError, match="does not say"):
        node("identity", "prove", "github", "103", "--user", mallory, "--event", events[0], "--event", events[1])
    with pytest.raises(SignatureError, match="itself"):
        node("identity", "prove", "github", "103", "--user", mallory, "--event", events[1])
    assert ("github", "103") not in node.bound()


def test_on_discord_the_code_alone_enters_the_record_before_consent_and_binds_its_writer(tmp_path: Path) -> None:
    with served() as server:
        environ = {"DISCORD_TOKEN": BOT_TOKEN, "DISCORD_API_URL": server.base_url, "LEDGER_SECRET": SECRET}
        node = Node(tmp_path / "node", "discord", {"guild": str(server.guild.id)}, environ)
        channel, anna = server.guild.channel("general"), str(discordworld.ANNA.id)
        channel.say(discordworld.ANNA, "hello", at_ms=discordworld.MONDAY)
        code = node.code("discord", anna)
        said = channel.say(discordworld.ANNA, code, at_ms=discordworld.MONDAY + 1000)
        node("collect")
        event = f"discord:message:{server.guild.id}:{channel.id}:{said.id}"
        log = (node.root / "data/epochs/default/0001/activity.jsonl").read_text("utf-8").splitlines()
        assert [json.loads(line)["id"] for line in log] == [event]
        user = node("identity", "prove", "discord", anna, "--event", event).strip()
    assert node.bound() == {("discord", keyed_account(SECRET.encode(), anna)): user}
    held = "\n".join(path.read_text("utf-8") for path in node.root.rglob("*") if path.is_file())
    assert anna not in held and code not in held
    node.environ = {"LEDGER_SECRET": ""}
    with pytest.raises(CredentialsError, match="keyed discord ids"):
        node("identity", "challenge", "discord", str(discordworld.BEN.id))
