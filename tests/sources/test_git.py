"""The git collector on real repositories: who is credited, what is left out, and what is refused."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ledger.core.errors import ConfigError, SourceError
from ledger.core.values import Timestamp
from ledger.core.windows import Window
from ledger.sources.git import GitOptions, GitSource
from ledger.sources.git_repository import Repository
from ledger.sources.port import Page, SourceContext, SourceEvent, StreamCursor
from ledger.sources.registry import source_class
from tests.sources.gitworld import ANN, BEN, CAT, ENVIRON, GitWorld, at, git

NOW = at("2026-03-01")
WINDOW = Window(at("2026-01-05"), at("2026-02-02"))


@dataclass
class Run:
    """What one run of a fresh source gave."""

    pages: list[Page] = field(default_factory=list)
    events: list[SourceEvent] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        return [event.id for event in self.events]

    @property
    def last(self) -> Page:
        return self.pages[-1]


def account(address: str) -> str:
    return hashlib.sha256(address.lower().encode()).hexdigest()


def with_coauthors(*people: str, title: str = "Work") -> str:
    return f"{title}\n\n" + "".join(f"Co-authored-by: {person}\n" for person in people)


def source(
    root: Path, told: list[str], now: Timestamp = NOW, bound: frozenset[str] = frozenset(), **options: Any
) -> GitSource:
    context = SourceContext(
        node_id="", scope_id="default", node_root=str(root), cache_dir=str(root / "cache"), now=lambda: now,
        environ=ENVIRON, bound=bound, tell=told.append,
    )  # fmt: skip
    return GitSource("code", GitOptions.load({"repository": "repo", **options}, "scopes/default.yaml"), context)


def collect(
    root: Path, window: Window = WINDOW, cursor: StreamCursor | None = None, now: Timestamp = NOW, **options: Any
) -> Run:
    run = Run()
    reader = source(root, run.told, now, **options)
    for page in reader.fetch("code", window, cursor or StreamCursor()):
        run.pages.append(page)
        run.events += [event for raw in page.items for event in reader.parse(raw)]
    return run


@pytest.fixture
def world(tmp_path: Path) -> GitWorld:
    return GitWorld(tmp_path / "repo")


def test_the_registry_knows_the_adapter() -> None:
    assert source_class("git") is GitSource


def test_a_commit_credits_its_author_and_links_to_the_web(world: GitWorld, tmp_path: Path) -> None:
    first = world.commit("2026-01-06T10:00:00Z", "Begin\n\nwith a body", author=("Ann", "Ann@Example.ORG"))
    world.commit("2026-01-07T10:00:00.000Z", "Go on", first)
    oid = world.write()
    (one, two) = collect(tmp_path, web="https://example.org/team/repo/").events
    assert two.id == f"git:commit:{oid}"
    assert (one.platform_user_id, one.platform_login) == (account("ann@example.org"), "Ann")
    assert (one.event_type, one.event_time, one.source) == ("commit_authored", "2026-01-06T10:00:00.000Z", "git")
    assert one.metadata == {"title": "Begin", "parents": 0, "merge": False}
    assert two.artifact_url == f"https://example.org/team/repo/commit/{oid}"
    assert collect(tmp_path).events[1].artifact_url == f"git:{oid}"
    assert collect(tmp_path, logins="hide").events[0].platform_login is None


def test_co_authors_are_credited_once_each_and_the_author_not_again(world: GitWorld, tmp_path: Path) -> None:
    trailers = (
        "Co-authored-by: Ann again <ANN@example.org>\n"
        "co-authored-by: Ben <ben@example.org>\n"
        "Co-Authored-By: Benjamin <Ben@Example.org>\n"
        "Co-authored-by: nobody at all\n"
        "Co-authored-by: <cat@example.org>\n"
        "Signed-off-by: Dan <dan@example.org>\n"
    )
    world.commit("2026-01-06", f"Work\n\nCo-authored-by: above <f@example.org>\n\nbody\n\n{trailers}")
    oid = world.write()
    run = collect(tmp_path)
    assert [(event.id, event.platform_user_id, event.platform_login) for event in run.events] == [
        (f"git:commit:{oid}", account(ANN[1]), "Ann"),
        (f"git:coauthor:{oid}:1", account("f@example.org"), "above"),
        (f"git:coauthor:{oid}:3", account(BEN[1]), "Ben"),
        (f"git:coauthor:{oid}:4", account(CAT[1]), None),
    ]
    assert {event.event_type for event in run.events[1:]} == {"commit_coauthored"}
    assert run.last.counts == {"coauthors": 3, "coauthors_without_address": 1}


def test_the_mailmap_of_the_tip_speaks_for_accounts_that_nobody_bound_and_is_counted(
    world: GitWorld, tmp_path: Path
) -> None:
    message = with_coauthors("a <old@example.org>", "b <ann@work.example>", "C <cat@example.org>")
    first = world.commit("2026-01-06", message, author=("ann", "ann@work.example"))
    lines = "Ann <ann@example.org> <ann@work.example>\nBen <ben@example.org> <old@example.org>\n"
    world.commit("2026-01-07", "Say who we are", first, files={".mailmap": lines}, author=("x", "old@example.org"))
    world.write()
    run = collect(tmp_path)
    assert [(e.platform_login, e.platform_user_id) for e in run.events] == [
        ("Ann", account(ANN[1])), ("Ben", account(BEN[1])), ("C", account(CAT[1])), ("Ben", account(BEN[1])),
    ]  # fmt: skip
    assert [event.id[-2:] for event in run.events[1:3]] == [":1", ":3"]
    assert run.last.counts == {"coauthors": 2, "mailmap_redirected": 3}
    assert [event.metadata.get("written_as") for event in run.events] == [
        account("ann@work.example"), account("old@example.org"), None, account("old@example.org"),
    ]  # fmt: skip
    bound = collect(tmp_path, bound=frozenset({account("old@example.org")}))
    assert [(e.platform_login, e.platform_user_id) for e in bound.events] == [
        ("Ann", account(ANN[1])), ("a", account("old@example.org")), ("C", account(CAT[1])),
        ("x", account("old@example.org")),
    ]  # fmt: skip
    assert bound.last.counts == {"coauthors": 2, "mailmap_bound_kept": 2, "mailmap_redirected": 1}


def test_an_address_of_githubs_is_one_account_whatever_the_name_in_it(world: GitWorld, tmp_path: Path) -> None:
    text = with_coauthors("Bo <777+New@users.noreply.github.com>", "Cy <778+new@users.noreply.github.com>")
    world.commit("2026-01-06", text, author=("Bo", "777+old@users.noreply.github.com"))
    world.write()
    one, two = collect(tmp_path).events
    assert one.platform_user_id == account("777@users.noreply.github.com")
    assert (two.id[-2:], two.platform_user_id) == (":2", account("778@users.noreply.github.com"))


def test_machines_are_left_out_by_what_they_write_under_and_can_be_claimed(world: GitWorld, tmp_path: Path) -> None:
    agent = ("Copilot", "198982749+Copilot@users.noreply.github.com")
    text = with_coauthors("Claude <noreply@anthropic.com>", "Kate Copilot <kate@example.org>")
    first = world.commit("2026-01-06", text, author=agent)
    world.commit("2026-01-07", "b", first, author=("renovate-bot", "bot@renovateapp.com"))
    world.write()
    run = collect(tmp_path)
    assert [event.platform_login for event in run.events] == ["Kate Copilot"]
    assert run.last.counts == {
        "bots_left_out": 3, "coauthors": 2, "machine_claude": 1, "machine_copilot": 1, "machine_renovate": 1,
    }  # fmt: skip
    claimed = collect(tmp_path, bound=frozenset({account("198982749@users.noreply.github.com")}))
    assert [event.platform_login for event in claimed.events] == ["Copilot", "Kate Copilot"]
    assert len(collect(tmp_path, machines=True).events) == 4
    assert len(collect(tmp_path, machines=True, bots=["*@anthropic.com"]).events) == 3


def test_reverts_and_empty_commits_are_marked(world: GitWorld, tmp_path: Path) -> None:
    first = world.commit("2026-01-06T01:00:00Z", "Add x")
    oid = world.write(branch="x")
    second = world.commit("2026-01-06T02:00:00Z", f'Revert "Add x"\n\nThis reverts commit {oid}.', first)
    world.commit("2026-01-06T03:00:00Z", "ci: again", second, files={})
    world.write()
    marks = [{"empty", "reverts"} & set(event.metadata) for event in collect(tmp_path).events]
    assert marks == [set(), {"reverts"}, {"empty"}]
    assert collect(tmp_path).events[1].metadata["reverts"] == oid


def test_empty_is_told_right_where_clocks_went_wrong(world: GitWorld, tmp_path: Path) -> None:
    base = world.commit("2026-01-06T01:00:00Z", "base")
    same = world.commit("2026-01-06T02:00:00Z", "same", base, files={}, committed=5)
    other = world.commit("2026-01-06T03:00:00Z", "other", base, committed=4)
    right = world.commit("2026-01-06T04:00:00Z", "right", base)
    world.commit("2026-01-06T05:00:00Z", "merged", right, same, other)
    world.write()
    assert git(world.path, "log", "--format=%s").split() == [b"merged", b"right", b"base", b"same", b"other"]
    told = {event.metadata["title"]: "empty" in event.metadata for event in collect(tmp_path).events}
    assert told == {"base": False, "same": True, "other": False, "right": False}


def test_a_co_author_keeps_his_number_when_the_mailmap_changes(world: GitWorld, tmp_path: Path) -> None:
    message = with_coauthors("a <a2@example.org>", "a <a1@example.org>", "Cat <cat@example.org>")
    first = world.commit("2026-01-06", message)
    world.write()
    before = {event.id: event.platform_user_id for event in collect(tmp_path).events}
    world.commit(
        "2026-01-07",
        "Map",
        first,
        files={".mailmap": "Ann <ann@example.org> <a2@example.org>\nX <x@example.org> <a1@example.org>\n"},
    )
    world.write()
    after = {event.id: event.platform_user_id for event in collect(tmp_path).events}
    third = next(key for key in before if key.endswith(":3"))
    assert after[third] == before[third] == account(CAT[1])
    assert not any(key.endswith(":1") for key in after)


def test_merges_are_left_out_unless_asked_for_and_counted(world: GitWorld, tmp_path: Path) -> None:
    first = world.commit("2026-01-06")
    second, side = world.commit("2026-01-07", "main", first), world.commit("2026-01-07", "side", first)
    world.commit("2026-01-08", "Merge\n\nCo-authored-by: Ben <ben@example.org>\n", second, side)
    oid = world.write()
    run = collect(tmp_path)
    assert len(run.ids) == 3 and f"git:commit:{oid}" not in run.ids
    assert (run.last.stated, run.last.counts) == (4, {"merges_left_out": 1})
    merged = collect(tmp_path, merges=True)
    assert merged.events[3].metadata == {"title": "Merge", "parents": 2, "merge": True}
    assert len(merged.ids) == 5


def test_bots_are_left_out_by_name_or_address_where_brackets_mean_themselves(world: GitWorld, tmp_path: Path) -> None:
    first = world.commit("2026-01-06", author=("dependabot[bot]", "1+dependabot[bot]@users.noreply.github.com"))
    second = world.commit("2026-01-07", "b", first, author=("Bob", "bob@example.org"))
    text = "c\n\nCo-authored-by: Helper[BOT] <h@example.org>\nCo-authored-by: Ben <ben@example.org>\n"
    world.commit("2026-01-08", text, second, author=("Robot", "7+x[bot]@users.noreply.github.com"))
    world.write()
    run = collect(tmp_path)
    assert [event.platform_login for event in run.events] == ["Bob", "Ben"]
    assert run.last.counts == {"bots_left_out": 3, "coauthors": 2, "machine_marked": 3}
    patterns = collect(tmp_path, bots=["b?b@example.*"], machines=True)
    others = [event for event in patterns.events if event.id.startswith("git:commit:")]
    assert [event.platform_login for event in others] == ["dependabot[bot]", "Robot"]
    assert len(collect(tmp_path, machines=True).events) == 5


def test_what_git_counts_and_what_is_credited_add_up(world: GitWorld, tmp_path: Path) -> None:
    last = world.commit("2026-01-06")
    for day in range(7, 20):
        side = world.commit(f"2026-01-{day:02d}", "side", last, author=(BEN, ("x[bot]", "x@y"))[day // 2 % 2])
        last = world.commit(
            f"2026-01-{day:02d}", "m\n\nCo-authored-by: Cat <cat@example.org>", *(last, side)[: 1 + day % 2]
        )
    world.write()
    run = collect(tmp_path)
    counts = run.last.counts
    expected = (run.last.stated or 0) - counts["merges_left_out"] + counts["coauthors"] - counts["bots_left_out"]
    assert len(run.events) == expected


def test_a_named_branch_is_read_and_a_missing_one_is_named(world: GitWorld, tmp_path: Path) -> None:
    first = world.commit("2026-01-06")
    world.write(first)
    world.commit("2026-01-07", "elsewhere", first)
    world.write(branch="topic/x")
    assert len(collect(tmp_path).ids) == 1
    assert len(collect(tmp_path, branch="topic/x").ids) == 2
    with pytest.raises(SourceError, match="has no branch 'gone'"):
        collect(tmp_path, branch="gone")


def test_a_clone_with_a_work_tree_is_read_by_its_commits_alone(world: GitWorld, tmp_path: Path) -> None:
    world.commit("2026-01-06", files={".mailmap": "Right <right@example.org> <ann@example.org>\n"})
    world.write()
    world.commit("2026-01-07", "only upstream", 1)
    world.write(branch="topic")
    git(tmp_path, "clone", "--quiet", "repo", "clone")
    (tmp_path / "clone/.mailmap").write_text("Wrong <wrong@example.org> <ann@example.org>\n")
    git(tmp_path / "clone", "config", "mailmap.file", str(tmp_path / "clone/.mailmap"))
    git(tmp_path / "clone", "config", "log.showSignature", "true")
    git(tmp_path / "clone", "config", "format.pretty", "oneline")
    git(tmp_path / "clone", "worktree", "add", "--quiet", "--detach", "../tree")
    for name in ("clone", "tree"):
        assert [event.platform_login for event in collect(tmp_path, repository=name).events] == ["Right"]
    assert len(collect(tmp_path, repository="clone", branch="topic").ids) == 2


def test_replaced_and_grafted_commits_are_read_as_they_were_made(world: GitWorld, tmp_path: Path) -> None:
    first = world.commit("2026-01-06", "true")
    second = world.commit("2026-01-07", "second", first)
    fake = world.commit("2026-01-06", "false", author=BEN)
    world.write(second)
    git(world.path, "replace", world.oids[first], world.oids[fake])
    (world.path / "info").mkdir(exist_ok=True)
    (world.path / "info/grafts").write_text(f"{world.oids[second]}\n")
    assert [event.metadata["title"] for event in collect(tmp_path).events] == ["true", "second"]


def test_an_empty_repository_is_a_quiet_one(world: GitWorld, tmp_path: Path) -> None:
    run = collect(tmp_path)
    assert (run.events, run.last.covered, run.last.state) == ([], WINDOW, None)


def test_a_repository_that_cannot_be_read_is_no_empty_one(world: GitWorld, tmp_path: Path) -> None:
    world.commit("2026-01-07", "two", world.commit("2026-01-06"))
    oid = world.write()
    git(world.path, "symbolic-ref", "HEAD", "refs/heads/gone")
    with pytest.raises(SourceError, match=r"HEAD of repo names refs/heads/gone, which is not there; there are .*main"):
        collect(tmp_path)
    git(world.path, "symbolic-ref", "HEAD", "refs/heads/main")
    (world.path / "refs/heads/main").write_text("1" * 40 + "\n")
    with pytest.raises(SourceError, match="HEAD of repo names a commit that cannot be read"):
        collect(tmp_path)
    with pytest.raises(SourceError, match="refs/heads/main of repo names a commit that cannot be read"):
        collect(tmp_path, branch="main")
    shutil.rmtree(world.path / "refs")
    (world.path / "refs").mkdir()
    with pytest.raises(SourceError, match="holds commits, but no branch that can be read"):
        collect(tmp_path)
    shutil.rmtree(world.path / "objects")
    (world.path / "objects").mkdir()
    with pytest.raises(SourceError, match="had commits when it was last read, and has none now"):
        collect(tmp_path, cursor=StreamCursor(state={"tip": oid}))


def test_a_shallow_clone_is_refused_with_the_way_out(world: GitWorld, tmp_path: Path) -> None:
    world.commit("2026-01-07", "two", world.commit("2026-01-06"))
    world.write()
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{world.path}", "shallow")
    with pytest.raises(SourceError, match="shallow clone") as error:
        collect(tmp_path, repository="shallow")
    assert "fetch --unshallow" in error.value.hint
    for _ in range(2):
        with pytest.raises(SourceError, match="shallow clone"):
            collect(tmp_path, repository=f"file://{tmp_path}/shallow/.git")


def test_a_remote_that_turned_shallow_is_refused_and_not_read_as_it_was(world: GitWorld, tmp_path: Path) -> None:
    first = world.commit("2026-01-06")
    last = world.commit("2026-01-08", "three", world.commit("2026-01-07", "two", first))
    world.write(first)
    url = f"file://{world.path}"
    collect(tmp_path, repository=url)
    world.write(last)
    (world.path / "shallow").write_text(world.oids[last] + "\n")
    with pytest.raises(SourceError, match="shallow clone") as error:
        collect(tmp_path, repository=url)
    assert "delete our copy" in error.value.hint


def test_a_repository_with_sha256_ids_is_refused(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "--object-format=sha256", "repo")
    with pytest.raises(SourceError, match="sha256"):
        collect(tmp_path)


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.mkdir(), lambda p: p.write_text("x")])
def test_what_is_no_repository_is_refused(tmp_path: Path, make: Callable[[Path], object]) -> None:
    git(tmp_path, "init", "--quiet", ".")  # a repository around it is not searched for
    make(tmp_path / "repo")
    with pytest.raises(SourceError) as error:
        collect(tmp_path)
    assert error.value.hint


@pytest.mark.parametrize(
    "options",
    [
        {"repository": "--upload-pack=touch x"},
        {"repository": "ext::sh -c 'touch x'"},
        {"repository": "ftp://example.org/r"},
        {"repository": "https://user:hunter2@example.org/r"},
        {"repository": "https://hunter2@example.org/r"},
        {"repository": "ssh://git:hunter2@example.org/r"},
        {"repository": "ssh://-oProxyCommand=hunter2/r"},
        {"repository": ""},
        {"repository": "a\nb"},
        {"branch": "-x"},
        {"branch": "main~3"},
        {"branch": "a..b"},
        {"branch": "main:file"},
        {"branch": "@{u}"},
        {"web": "javascript:alert(1)"},
        {"web": "https://user@example.org/x"},
        {"bots": [""]},
        {"logins": "maybe"},
        {"unknown": 1},
    ],
)
def test_options_that_git_could_take_for_something_else_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as error:
        GitOptions.load({"repository": "repo", **options}, "scopes/default.yaml")
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    "url", ["git@example.org:team/r.git", "ssh://git@example.org/team/r", "https://example.org/r.git"]
)
def test_clone_urls_are_options(url: str) -> None:
    (origin,) = GitSource.origins(GitOptions(repository=url))
    assert not origin.endswith(".git")


def test_one_repository_has_one_origin_however_it_is_written() -> None:
    written = ("https://example.org/r", "https://example.org/r/", "https://example.org/r.git")
    assert len({GitSource.origins(GitOptions(repository=text)) for text in written}) == 1
    assert GitSource.origins(GitOptions(repository="./a/../repo")) == GitSource.origins(GitOptions(repository="repo"))


def test_a_url_is_cloned_once_and_fetched_later(world: GitWorld, tmp_path: Path) -> None:
    world.commit("2026-01-06")
    world.write()
    url = f"file://{world.path}"
    assert len(collect(tmp_path, repository=url).ids) == 1
    world.commit("2026-01-07", "new", 1)
    world.write()
    assert len(collect(tmp_path, repository=url).ids) == 2
    world.commit("2026-01-08", "aside", 1)
    world.write(branch="topic")
    assert len(collect(tmp_path, repository=url, branch="topic").ids) == 2
    kept = list((tmp_path / "cache/git").iterdir())
    assert [path.name for path in kept] == [hashlib.sha256(url.encode()).hexdigest() + ".git"]


def test_a_remote_that_fails_is_named_without_leaving_a_half_made_clone(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    with pytest.raises(SourceError, match="could not be fetched"):
        collect(tmp_path, repository=f"file://{tmp_path}/nowhere")
    assert list((tmp_path / "cache/git").iterdir()) == []


def test_a_missing_branch_of_a_remote_is_named(world: GitWorld, tmp_path: Path) -> None:
    world.commit("2026-01-06")
    world.write()
    with pytest.raises(SourceError, match="no such branch"):
        collect(tmp_path, repository=f"file://{world.path}", branch="gone")


def test_a_machine_without_git_says_so(world: GitWorld, tmp_path: Path) -> None:
    context = SourceContext("", "default", str(tmp_path), "", lambda: NOW, {"PATH": str(tmp_path)})
    with pytest.raises(SourceError, match="git could not be started"):
        list(GitSource("code", GitOptions(repository="repo"), context).fetch("code", WINDOW, StreamCursor()))


def test_a_history_that_breaks_off_is_an_error_and_no_short_answer(world: GitWorld, tmp_path: Path) -> None:
    person = b"Ann <ann@example.org> 1767700000 +0000\n"
    world.raw_commit(b"parent " + b"1" * 40 + b"\nauthor " + person + b"committer " + person + b"\nhalf\n")
    with pytest.raises(SourceError, match="could not read the history") as error:
        collect(tmp_path)
    assert "ann@" not in str(error.value)


def test_catching_up_reads_the_history_once(world: GitWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    last = world.commit("2026-01-06")
    for day in range(7, 30):
        last = world.commit(f"2026-01-{day:02d}", "work", last)
    world.write()
    calls: list[str] = []
    stream = Repository.stream
    monkeypatch.setattr(
        Repository, "stream", lambda self, *words, **more: calls.append(words[0]) or stream(self, *words, **more)
    )
    reader = source(tmp_path, [])
    given: list[str] = []
    cursor = StreamCursor()
    for day in range(6, 31):
        for page in reader.fetch("code", Window(WINDOW.start, at(f"2026-01-{day:02d}")), cursor):
            given += [event.id for raw in page.items for event in reader.parse(raw)]
            assert page.covered is not None
            cursor = StreamCursor((page.covered,), page.state)
    assert len(given) == len(set(given)) == 24
    assert calls == ["log"]


def test_raw_items_hold_no_address_even_when_people_write_theirs_everywhere(world: GitWorld, tmp_path: Path) -> None:
    author = ("ann@example.org", "ann@example.org")
    text = with_coauthors(
        "root@localhost <root@localhost>", title="Mail ann@example.org or <ben@example.org>, bump lodash@4.17.21"
    )
    world.commit("2026-01-06", text, author=author)
    world.write()
    run = collect(tmp_path)
    kept = json.dumps([dict(raw) for page in run.pages for raw in page.items])
    assert "ann@" not in kept and "ben@" not in kept and "root@" not in kept
    assert run.events[0].metadata["title"] == "Mail [address] or <[address]>, bump lodash@4.17.21"
    assert [event.platform_login for event in run.events] == ["[address]", "[address]"]
