"""Routes that no source can answer are refused before anything is read; those that one can are honoured."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.core.config import ScopeSettings
from ledger.core.errors import ConfigError
from ledger.flows.routes import check_routes

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
