"""`ledger sources`: a source can be tried by its user before it writes, and has a meaning for each option."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.cli import main
from ledger.flows.identity import bind
from ledger.flows.session import open_session
from ledger.flows.start import NodePlan, SourcePlan, init_node
from ledger.sources.kinds import KindAs
from ledger.sources.meanings import described
from ledger.sources.registry import BUILT_IN
from tests.servers.github import TOKEN, GitHubServer, Repository, status
from tests.sources.githubworld import ANNA, BEN, DAY, DEPENDABOT, HOUR, MONDAY, NAME, collect, merged, time

KINDS_AS = [
    {"kind": "pr_merged", "label": "doc*", "as": "pr_merged_docs"},
    {"kind": "pr_merged", "repository": "TEAM/code", "path": "site/*", "as": "pr_merged_site"},
]


@pytest.fixture
def call(
    server: GitHubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    options = {"repositories": [NAME], "kinds": ["pr_merged", "comment_created"]}
    init_node(
        tmp_path / "node",
        NodePlan(name="Test", start=time(MONDAY + DAY), sources=[SourcePlan("github", "code", options)]),
    )
    session = open_session(tmp_path / "node", time(MONDAY), environ={})
    bind(session, "github", "101", login="anna", actor="test", evidence="test")
    session.close()
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    monkeypatch.setenv("GITHUB_API_URL", server.api_url)

    def run(*arguments: str) -> tuple[int, str, str]:
        line = ["ledger", "sources", *arguments]
        if arguments[0] == "try":
            line += ["--node", str(tmp_path / "node"), "--now", time(MONDAY + 3 * DAY)]
        monkeypatch.setattr(sys, "argv", line)
        code = main()
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_a_trial_says_what_would_come_for_whom_and_what_stays_out_and_writes_nothing(
    call: Callable[..., tuple[int, str, str]], repository: Repository, tmp_path: Path
) -> None:
    merged(repository, MONDAY - HOUR)  # before the scope begins
    merged(repository, MONDAY + DAY + HOUR).comment(BEN, "fine", MONDAY + DAY + HOUR)
    merged(repository, MONDAY + DAY + HOUR, DEPENDABOT)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    code, out, _ = call("try", "code", "--since", "2026-01-01", "--json")
    found = json.loads(out)
    assert code == 0 and {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert [(one["name"], one["events"], one["known"]) for one in found["kinds"]] == [
        ("github:comment_created", 1, 0),
        ("github:pr_merged", 1, 0),
    ]
    assert {(who["account"], who["user"], who["events"]) for who in found["people"]} == {
        ("101", "anna", 1),
        ("102", None, 1),
    }
    assert found["left_out"] == {"before_the_scope_begins": 1, "bots_left_out": 1}
    code, out, _ = call("try", "code", "--since", "2026-01-01")
    assert code == 0 and "nothing is written" in out and "nobody yet" in out and "left out: bots_left_out 1" in out


def test_a_trial_ends_as_collecting_would_where_a_source_cannot_be_read(
    call: Callable[..., tuple[int, str, str]], server: GitHubServer
) -> None:
    server.fail("graphql", status(401), times=99)
    assert call("try", "code", "--since", "2026-01-05")[0] == 4
    code, _, err = call("try", "chat", "--since", "2026-01-05")
    assert code == 3 and "It has: code" in err
    assert call("try", "code", "--since", "yesterday")[0] == 2


@pytest.mark.parametrize("kind", BUILT_IN)
def test_every_option_of_every_source_has_a_meaning(kind: str) -> None:
    found = described(kind)
    assert found.summary and found.options
    assert [option.name for option in found.options if option.meaning == "see its documentation"] == []


def test_the_list_shows_options_with_their_defaults(call: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = call("list", "discord")
    assert code == 0 and 'consent = "bound": bound or all: only what people write' in out and "github" not in out
    assert call("list", "discus")[0] == 3


def test_an_event_gets_the_kind_of_the_first_rule_that_fits_and_keeps_its_id(
    server: GitHubServer, repository: Repository
) -> None:
    for labels, paths in ((("docs",), ("site/a.md",)), ((), ("site/a.md",)), ((), ("src/a.py",))):
        pull = merged(repository, MONDAY + DAY, ANNA)
        pull.label(*labels)
        pull.touches(*paths)
        pull.merged_by = BEN
    run = collect(server, kinds=["pr_merged", "pr_merged_by"], paths=True, kinds_as=KINDS_AS)
    found = {event.id: event.event_type for event in run.events if event.id.startswith("github:pr:")}
    assert found == {
        f"github:pr:{NAME}:1": "pr_merged_docs",
        f"github:pr:{NAME}:2": "pr_merged_site",
        f"github:pr:{NAME}:3": "pr_merged",
    }
    assert {(event.id, event.platform_user_id) for event in run.of("pr_merged_by")} == {
        (f"github:merge:{NAME}:{n}", "102") for n in (1, 2, 3)
    }
    with pytest.raises(Exception, match="kinds_as asks for paths"):
        collect(server, kinds_as=KINDS_AS)


def test_a_rule_needs_every_pattern_that_it_has() -> None:
    rule: Any = KindAs.load({"kind": "message_sent", "channel": "7", "as": "message_in_support"}, "x")
    assert rule.facets() == {"channels"}
