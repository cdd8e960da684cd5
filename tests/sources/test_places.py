"""A repository that changes its name, or is listed under two, never counts twice, though ids are made of its name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.core.errors import SourceError
from ledger.flows.collect import CollectRun
from tests.servers.github import GitHubServer, Repository
from tests.sources.githubworld import DAY, MONDAY, NAME, Run, busy, merged, source_of, world
from tests.sources.test_github_node import lines, node_of, run
from tests.sources.test_github_webhook import closed_issue

NEW = "team/renamed"


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    with GitHubServer(world()) as running:
        busy(running.world.repositories[0], 6)
        yield running


def relist(root: Path, text: str, scope: str = "default", was: str = NAME) -> None:
    """Write other repositories into the scope's file, as people do."""
    path = root / f"scopes/{scope}.yaml"
    before = (root / "scopes/default.yaml").read_text("utf-8").replace("scope_id: default", f"scope_id: {scope}")
    path.write_text(before.replace(f'repositories: ["{was}"]', text), "utf-8")


def errors(done: CollectRun) -> set[str]:
    return {str(report.error) for report in done.reports if report.error is not None}


def test_listing_the_new_name_of_a_repository_is_refused_until_moved_says_so(
    server: GitHubServer, repository: Repository, tmp_path: Path
) -> None:
    root = node_of(tmp_path / "node")
    run(server, root)
    before = lines(root, "activity.jsonl")
    repository.rename(NEW)
    relist(root, f'repositories: ["{NEW}"]')
    done = run(server, root)
    assert errors(done) == {f"{NEW} is the repository that this node has read as {NAME} (GitHub's number 5000)"}
    hint = next(report.error.hint for report in done.reports if report.error is not None)
    assert f"`moved: {{{NAME}: {NEW}}}`" in hint
    assert lines(root, "activity.jsonl") == before
    relist(root, f'repositories: ["{NAME}"]\n      moved: {{"{NAME}": "{NEW}"}}', was=NEW)
    merged(repository, MONDAY + 6 * DAY)
    done = run(server, root)
    assert errors(done) == set()
    assert len(lines(root, "activity.jsonl")) == len({line["id"] for line in lines(root, "activity.jsonl")})


def test_two_names_of_one_repository_in_one_list_bring_its_events_once(
    server: GitHubServer, repository: Repository, tmp_path: Path
) -> None:
    repository.rename(NEW)
    root = node_of(tmp_path / "node")
    relist(root, f'repositories: ["{NAME}", "{NEW}"]')
    assert errors(run(server, root)) == {
        f"{NEW} is the repository that this node has read as {NAME} (GitHub's number 5000)"
    }
    assert {line["id"].split(":")[2] for line in lines(root, "activity.jsonl")} == {NAME}


def test_two_scopes_may_not_read_one_repository_under_two_names(
    server: GitHubServer, repository: Repository, tmp_path: Path
) -> None:
    repository.rename(NEW)
    root = node_of(tmp_path / "node")
    relist(root, f'repositories: ["{NEW}"]', scope="art")
    assert errors(run(server, root)) == {
        f"{NEW} is the repository that this node has read as {NAME} (GitHub's number 5000)"
    }
    assert {line["id"].split(":")[2] for line in lines(root, "activity.jsonl")} == {NAME}


def test_a_payload_of_a_repository_under_another_name_is_refused_too(
    server: GitHubServer, repository: Repository
) -> None:
    body = json.loads(json.dumps(closed_issue(repository, None)))
    source = source_of(server, Run(), repositories=[NEW])
    source._context = replace(source._context, notes=known)
    body["repository"]["full_name"] = NEW
    with pytest.raises(SourceError, match=f"read as {NAME}"):
        source.webhook(body)


def known() -> dict[str, dict[str, str | int | bool | None]]:
    return {f"{NAME}:pulls": {"repository": 5000}}
