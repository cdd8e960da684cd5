"""GitHub through the whole ledger: what a node holds, byte for byte, after people worked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ledger.core.values import Timestamp
from ledger.flows.collect import CollectRun
from ledger.flows.start import NodePlan, SourcePlan, init_node
from ledger.sources.github import walk
from tests.nodes import WALLETS, everything
from tests.servers.github import TOKEN, GitHubServer, Repository, status
from tests.sources.githubworld import ADDRESS, BODY, DAY, MONDAY, NAME, busy, merged, time
from tests.sources.noderun import collect_once, lines

NEXT_MONDAY = time(MONDAY + 7 * DAY - 60)


def node_of(root: Path, approvers: list[tuple[str, str]] | None = None, overlap: bool = False, **options: Any) -> Path:
    sources = [SourcePlan("github", "code", {"repositories": [NAME], **options})]
    plan = NodePlan(name="Test", start=time(MONDAY), sources=sources, approvers=approvers or [], overlap=overlap)
    init_node(root, plan)
    return root


def run(server: GitHubServer, root: Path, now: Timestamp = NEXT_MONDAY) -> CollectRun:
    return collect_once(root, now, {"GITHUB_TOKEN": TOKEN, "GITHUB_API_URL": server.api_url})


def test_no_text_address_or_token_is_anywhere_in_the_node(
    server: GitHubServer, repository: Repository, tmp_path: Path
) -> None:
    busy(repository, 12)
    root = node_of(tmp_path / "node")
    assert sum(report.added for report in run(server, root).reports) > 50
    held = everything(root).casefold()
    assert held.count("change 1") > 1
    hidden = [BODY, "nobody may keep", ADDRESS, "users.noreply.github.com", TOKEN]
    assert [secret for secret in hidden if secret.casefold() in held] == []


def test_collecting_again_adds_nothing_and_writes_nothing(
    server: GitHubServer, repository: Repository, tmp_path: Path
) -> None:
    busy(repository, 12)
    root = node_of(tmp_path / "node")
    run(server, root)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    server.requests.clear()
    run(server, root)
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
    assert server.count() <= 2


def test_the_completeness_record_accounts_for_all_that_github_states(
    server: GitHubServer, repository: Repository, tmp_path: Path
) -> None:
    busy(repository, 12)
    root = node_of(tmp_path / "node")
    run(server, root)
    seen = {line["stream"].partition(":")[2]: line for line in lines(root, "collection.jsonl")}
    assert set(seen) == {"pulls", "issues", "releases"}
    for line in seen.values():
        assert line["events_stated"] == line["events_seen"] + sum(line["counts"].values())
        assert (line["gaps"], line["errors"]) == ([], [])


def test_a_run_that_fails_keeps_what_it_has_and_the_next_one_completes_it(
    server: GitHubServer, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "PAGE", 5)
    for n in range(20):
        merged(repository, MONDAY + DAY + n)
    root = node_of(tmp_path / "node", kinds=["pr_merged"])
    server.fail("graphql Pulls", status(502), skip=2, times=999)
    (report,) = run(server, root).reports
    assert report.added == 10 and "after 9 tries" in str(report.error)
    assert lines(root, "collection.jsonl")[0]["errors"] != []
    server.heal()
    assert run(server, root).reports[0].added == 10
    assert len({line["id"] for line in lines(root, "activity.jsonl")}) == 20


def test_events_of_the_next_week_wait_for_their_epoch_and_then_come(
    server: GitHubServer, repository: Repository, tmp_path: Path
) -> None:
    server.world.now = MONDAY + 14 * DAY
    for n in range(28):
        merged(repository, MONDAY + n * DAY // 2)
    root = node_of(tmp_path / "node", kinds=["pr_merged"], approvers=[("ann", WALLETS["ann"])], overlap=True)
    run(server, root, time(MONDAY + 7 * DAY - 60))
    assert len(lines(root, "activity.jsonl")) == 14
    run(server, root, time(MONDAY + 14 * DAY - 60))
    by_epoch = [len(path.read_text("utf-8").splitlines()) for path in sorted(root.rglob("activity.jsonl"))]
    assert by_epoch == [14, 14]


def test_an_edit_after_collecting_is_reported_and_changes_no_line(
    server: GitHubServer, repository: Repository, tmp_path: Path
) -> None:
    pull = merged(repository, MONDAY + DAY)
    root = node_of(tmp_path / "node")
    server.world.now = MONDAY + 2 * DAY
    run(server, root, time(MONDAY + 2 * DAY))
    before = lines(root, "activity.jsonl")
    pull.title = "Another title"
    pull.touch(MONDAY + 3 * DAY)
    server.world.now = MONDAY + 4 * DAY
    reports = run(server, root, time(MONDAY + 4 * DAY)).reports
    assert [changed for report in reports for changed in report.changed] == ["github:pr:team/code:1"]
    assert lines(root, "activity.jsonl") == before


def test_a_run_that_pretends_to_be_earlier_takes_in_nothing_from_after_it(server: GitHubServer, tmp_path: Path) -> None:
    for day in (1, 3):
        merged(server.world.repositories[0], MONDAY + day * DAY)
    root = node_of(tmp_path / "node")
    run(server, root, time(MONDAY + 2 * DAY))
    assert [line["event_time"] for line in lines(root, "activity*.jsonl")] == [time(MONDAY + DAY)]
    run(server, root, time(MONDAY + 4 * DAY))
    assert len(lines(root, "activity*.jsonl")) == 2
