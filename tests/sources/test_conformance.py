"""The git and file collectors hold what every collector must."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.core.windows import Window
from ledger.sources import file as file_module
from ledger.sources import git as git_module
from ledger.sources.conformance import CHECKS, World
from ledger.sources.file import FileOptions, FileSource
from ledger.sources.git import GitOptions, GitSource
from ledger.sources.port import SourceContext
from tests.sources.gitworld import ANN, BEN, CAT, ENVIRON, GitWorld, at

NOW = at("2026-02-01")
WINDOW = Window(at("2026-01-05"), at("2026-01-26"))


def context(root: Path, told: list[str]) -> SourceContext:
    return SourceContext(
        node_id="4f8a7f4e-53b1-4b3e-9a7b-0d5b1f0f6c11",
        scope_id="default",
        node_root=str(root),
        cache_dir=str(root / "cache"),
        now=lambda: NOW,
        environ=ENVIRON,
        tell=told.append,
    )


def git_world(root: Path, url: bool) -> World:
    repository = GitWorld(root / "repository")
    first = repository.commit(
        "2026-01-05", "Begin\n\nbody text\n", files={".mailmap": "Cat <cat@example.org> <old@example.org>"}
    )
    last = first
    for day in range(6, 24):
        message = f"Day {day}\x1b[2J \u202e write to {ANN[1]}\n\nthe body\n\nCo-authored-by: Cat <OLD@example.org>\n"
        last = repository.commit(f"2026-01-{day:02d}T12:00:00Z", message, last, author=(ANN, BEN)[day % 2])
    side = repository.commit("2026-01-08T12:00:00Z", "Side", first, author=("dependabot[bot]", "d@example.org"))
    repository.commit("2026-01-25T23:59:59Z", "Merge", last, side, author=CAT)
    repository.write()
    told: list[str] = []
    options = GitOptions(repository=f"file://{root}/repository" if url else "repository")
    return World(
        make=lambda: GitSource("code", options, context(root, told)),
        window=WINDOW,
        id_pattern=r"git:(commit:[0-9a-f]{40}|coauthor:[0-9a-f]{40}:[1-9][0-9]*)",
        secrets=(ANN[1], BEN[1], CAT[1], "old@example.org", "d@example.org", "the body", "body text"),
        told=told,
    )


def file_world(root: Path, name: str) -> World:
    rows = [
        {
            "id": f"r{number}",
            "time": f"2026-01-{5 + number % 20:02d}T{number % 24:02d}:00:00Z",
            "event_type": "design",
            "account": f"person-{number % 3}",
            "evidence": f"https://example.org/{number}",
            "title": f"hostile \u202e <b>{number}</b> \x7f",
        }
        for number in range(40)
    ]
    if name.endswith(".csv"):
        lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    else:
        lines = [json.dumps(row) for row in rows]
    (root / name).write_text("\n".join(lines) + "\n", "utf-8")
    return World(
        make=lambda: FileSource("work", FileOptions(path=name), context(root, [])),
        window=WINDOW,
        id_pattern=r"file:work:[A-Za-z0-9._-]{1,128}",
        secrets=(str(root),),
    )


WORLDS: dict[str, Callable[[Path], World]] = {
    "git": lambda root: git_world(root, url=False),
    "git-url": lambda root: git_world(root, url=True),
    "jsonl": lambda root: file_world(root, "work.jsonl"),
    "csv": lambda root: file_world(root, "work.csv"),
}


@pytest.fixture(scope="module", params=WORLDS)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    return WORLDS[request.param](tmp_path_factory.mktemp(request.param))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_collector_conforms(check: Callable[[World], None], world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_module, "PAGE_SIZE", 7)
    monkeypatch.setattr(file_module, "PAGE_SIZE", 7)
    check(world)
