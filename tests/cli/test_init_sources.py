"""What `ledger init` asks about sources, and what it refuses to leave undecided."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ledger.cli import init_sources
from ledger.cli.app import ledger
from ledger.cli.init_sources import CONSENT, WARNING
from ledger.core.errors import UsageError
from ledger.core.values import parse_time
from ledger.flows.ingest import Ingest
from ledger.flows.session import open_session
from ledger.store.node import Node, load_node

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sits there: what the runner feeds in is typed by a person."""

    class Terminal:
        def isatty(self) -> bool:
            return True

    class System:
        stdin = Terminal()

    monkeypatch.setattr(init_sources, "sys", System())


def init(root: Path, *arguments: str, typed: str | None = None) -> Result:
    command = ["init", str(root), "--now", "2026-01-06T00:00:00Z", *arguments]
    return CliRunner().invoke(ledger, command, input=typed, standalone_mode=False)


def options(root: Path) -> dict[str, dict[str, Any]]:
    return {entry.source: entry.options for entry in load_node(root).scope("default").sources}


def test_flags_give_sources_that_the_adapters_accept(tmp_path: Path) -> None:
    root = tmp_path / "node"
    (tmp_path / "code").mkdir()
    flags = ["--repository", "../code", "--github", "Team/Code", "--github", "team/docs", "--github", "team/code"]
    result = init(root, *flags, "--discord", "123456789012345678", "--consent", "bound")
    assert result.exception is None
    assert options(root) == {
        "git": {"repository": "../code"},
        "github": {"repositories": ["team/code", "team/docs"], "logins": "show", "ids": "plain"},
        "discord": {"guild": "123456789012345678", "logins": "hide", "ids": "keyed", "consent": "bound"},
    }
    assert "GITHUB_TOKEN" in result.stderr and "LEDGER_SECRET" in result.stderr
    accepted(load_node(root), root)


def accepted(node: Node, root: Path) -> None:
    session = open_session(root, parse_time("2026-01-06"), environ={})
    try:
        ingest, scope = Ingest(session), node.scope("default")
        assert [ingest.source(scope, entry).kind for entry in scope.sources] == ["git", "github", "discord"]
        ingest.close()
    finally:
        session.close()


def test_a_discord_server_without_a_decision_on_consent_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    result = init(tmp_path / "node", "--discord", "123")
    assert isinstance(result.exception, UsageError)
    assert "--consent" in result.exception.message
    assert all(what in (result.exception.hint or "") for what in (WARNING, *CONSENT.values()))
    assert not (tmp_path / "node").exists()


@pytest.mark.parametrize("choice", CONSENT)
@pytest.mark.usefixtures("terminal")
def test_a_terminal_is_asked_and_told_what_each_choice_publishes(tmp_path: Path, choice: str) -> None:
    root = tmp_path / "node"
    result = init(root, typed=f"team/code Team/docs\n123\nperhaps\n{choice}\n")
    assert result.exception is None
    assert options(root)["github"]["repositories"] == ["team/code", "team/docs"]
    assert options(root)["discord"] == {"guild": "123", "logins": "hide", "ids": "keyed", "consent": choice}
    assert all(what in result.stderr for what in (WARNING, *CONSENT.values()))


@pytest.mark.usefixtures("terminal")
def test_a_terminal_may_answer_nothing(tmp_path: Path) -> None:
    assert init(tmp_path / "node", typed="\n\n").exception is None
    assert options(tmp_path / "node") == {}


@pytest.mark.usefixtures("terminal")
def test_a_terminal_is_asked_only_what_the_command_line_left_open(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    assert init(tmp_path / "a", "--repository", "../code", typed="").exception is None
    assert init(tmp_path / "b", "--discord", "123", typed="bound\n").exception is None
    assert init(tmp_path / "c", "--json", typed="").exception is None
    assert [list(options(tmp_path / name)) for name in "abc"] == [["git"], ["discord"], []]


def test_nobody_is_asked_where_no_terminal_is(tmp_path: Path) -> None:
    assert not sys.stdin.isatty()
    assert init(tmp_path / "node", typed="").exception is None
    assert options(tmp_path / "node") == {}


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--github", "code"], "OWNER/NAME"),
        (["--github", "https://github.com/team/code"], "OWNER/NAME"),
        (["--github", "team/code\n"], "OWNER/NAME"),
        (["--discord", "my server", "--consent", "all"], "number"),
        (["--discord", "", "--consent", "all"], "number"),
        (["--discord", "0", "--consent", "all"], "number"),
        (["--consent", "all"], "--discord"),
    ],
)
def test_what_cannot_be_a_source_is_refused_in_words(tmp_path: Path, flags: list[str], words: str) -> None:
    result = init(tmp_path / "node", *flags)
    assert isinstance(result.exception, UsageError) and words in str(result.exception)
    assert not (tmp_path / "node").exists()


def test_what_is_asked_is_explained_in_the_same_words_in_the_privacy_page() -> None:
    page = re.sub(r"[\s*]+", " ", (DOCS / "privacy.md").read_text("utf-8"))
    said = [*CONSENT.values(), *WARNING.split(". ")[:2]]
    assert [words for words in said if words.removesuffix(".").lower() not in page.lower()] == []
