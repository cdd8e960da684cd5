"""Routes that no source can answer are refused before anything is read; those that one can are honoured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ledger.core.config import ScopeSettings
from ledger.core.errors import ConfigError
from ledger.flows.routes import check_routes
from tests.servers.github import GitHubServer
from tests.sources.githubworld import DAY, MONDAY, merged, time
from tests.sources.test_github_node import lines, node_of, run

GITHUB = {"source": "github", "name": "code", "options": {"repositories": ["Team/Code"]}}
WITH_PATHS = {"source": "github", "name": "code", "options": {"repositories": ["team/code"], "paths": True}}
ELSEWHERE = {"source": "github", "name": "code", "options": {"repositories": ["team/other"]}}
GIT = {"source": "git", "name": "code", "options": {"repository": "."}}
FILE = {"source": "file", "name": "work", "options": {"path": "work.csv"}}
DISCORD = {"source": "discord", "name": "chat", "options": {"guild": "1"}}


def scope(name: str, *sources: dict[str, Any], **route: Any) -> ScopeSettings:
    routing = [{"source": sources[0]["source"], **route}] if route else []
    return ScopeSettings.load({"scope_id": name, "sources": list(sources), "routing": routing}, f"scopes/{name}.yaml")


@pytest.mark.parametrize(
    ("source", "route"),
    [
        (GITHUB, {"repositories": ["team/*"], "labels": ["bug"]}),
        (WITH_PATHS, {"paths": ["docs/*"]}),
        (GIT, {"repositories": ["."]}),
        (FILE, {"paths": ["*.csv"]}),
        (DISCORD, {"channels": ["7"]}),
    ],
)
def test_a_route_may_ask_what_its_source_tells(source: dict[str, Any], route: dict[str, Any]) -> None:
    check_routes([scope("docs", source, **route)], source["source"])


@pytest.mark.parametrize(
    ("source", "route"),
    [
        (GITHUB, {"paths": ["docs/*"]}),
        (GITHUB, {"channels": ["7"]}),
        (GIT, {"paths": ["docs/*"]}),
        (GIT, {"labels": ["bug"]}),
        (FILE, {"repositories": ["team/code"]}),
        (DISCORD, {"labels": ["bug"]}),
    ],
)
def test_a_route_that_its_source_cannot_answer_is_refused(source: dict[str, Any], route: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"asks for {next(iter(route))}, which source .* does not tell") as caught:
        check_routes([scope("docs", source, **route)], source["source"])
    assert caught.value.path == "scopes/docs.yaml"
    assert caught.value.hint.startswith("It tells: ")


def test_every_source_that_reads_the_same_repository_must_tell_what_one_scope_asks() -> None:
    asking = scope("docs", WITH_PATHS, paths=["docs/*"])
    check_routes([asking, scope("ops", WITH_PATHS), scope("web", ELSEWHERE)], "github")
    with pytest.raises(ConfigError, match="scope ops does not tell") as caught:
        check_routes([asking, scope("ops", GITHUB)], "github")
    assert "paths: true" in caught.value.hint


def test_routes_of_other_kinds_are_not_judged_so_that_their_clients_are_not_needed() -> None:
    check_routes([scope("docs", GITHUB, paths=["docs/*"])], "git")


# --- through a node, with real pull requests ---


def test_what_no_scope_claims_is_refused_in_words_and_counted_on_record(server: GitHubServer, tmp_path: Path) -> None:
    for number, label in enumerate(("docs", "docs", "other"), start=1):
        merged(server.world.repositories[0], MONDAY + number).label(label)
    root = node_of(tmp_path, kinds=["pr_merged"])
    default = root / "scopes/default.yaml"
    text = default.read_text("utf-8").rstrip("\n") + "\nrouting:\n  - {source: github, labels: [docs]}\n"
    (root / "scopes/art.yaml").write_text(text.replace("scope_id: default", "scope_id: art"), "utf-8")
    default.write_text(default.read_text("utf-8").partition("sources:")[0] + "sources: []\n", "utf-8")
    (report,) = run(server, root).reports
    assert (report.added, report.refused) == (2, ["github:pr:team/code:3"])
    (record,) = lines(root, "collection.jsonl")
    assert (record["scope_id"], record["events_seen"], record["counts"]["refused_by_routing"]) == ("art", 2, 1)
    assert [event["id"] for event in lines(root, "activity.jsonl")] == [
        "github:pr:team/code:1",
        "github:pr:team/code:2",
    ]


def test_what_no_route_claims_is_the_default_scopes_where_it_reads_the_repository(
    server: GitHubServer, tmp_path: Path
) -> None:
    for number, label in enumerate(("docs", "other"), start=1):
        merged(server.world.repositories[0], MONDAY + number).label(label)
    root = node_of(tmp_path, kinds=["pr_merged"])
    text = (root / "scopes/default.yaml").read_text("utf-8").rstrip("\n")
    for name, label in (("art", "docs"), ("default", "core")):
        routed = f"{text}\nrouting:\n  - {{source: github, labels: [{label}], repositories: [Team/CODE]}}\n"
        (root / f"scopes/{name}.yaml").write_text(routed.replace("scope_id: default", f"scope_id: {name}"), "utf-8")
    assert [report.refused for report in run(server, root).reports] == [[], []]
    assert {(event["scope_id"], event["id"]) for event in lines(root, "activity.jsonl")} == {
        ("art", "github:pr:team/code:1"),
        ("default", "github:pr:team/code:2"),
    }


def test_a_label_that_is_added_later_gives_each_scope_the_event_once(server: GitHubServer, tmp_path: Path) -> None:
    pull = merged(server.world.repositories[0], MONDAY + 1)
    pull.label("docs")
    root = node_of(tmp_path, kinds=["pr_merged"])
    text = (root / "scopes/default.yaml").read_text("utf-8").rstrip("\n")
    for name, label in (("art", "docs"), ("default", "core"), ("web", "web")):
        routed = f"{text}\nrouting:\n  - {{source: github, labels: [{label}]}}\n"
        (root / f"scopes/{name}.yaml").write_text(routed.replace("scope_id: default", f"scope_id: {name}"), "utf-8")
    held = [("art", "github:pr:team/code:1")]
    for day, labels in enumerate((["docs"], ["docs", "core"], ["docs", "core", "web"], ["web"]), start=2):
        pull.label(*labels)
        pull.touch(MONDAY + day * DAY)
        server.world.now = MONDAY + day * DAY + 60
        for _ in range(2):
            run(server, root, time(server.world.now))
        held += [("default", "github:pr:team/code:1#default")] * (day == 3)
        held += [("web", "github:pr:team/code:1#web")] * (day == 4)
        assert sorted((event["scope_id"], event["id"]) for event in lines(root, "activity.jsonl")) == sorted(held)
