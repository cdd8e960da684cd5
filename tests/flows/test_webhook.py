"""A webhook's payload through the whole ledger: the very lines that collecting gives, and what is left to it."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ledger.cli import main
from ledger.core.errors import InputError
from ledger.core.values import Timestamp, to_milliseconds
from ledger.flows.collect import CollectRun, collect
from ledger.flows.guard import guard
from ledger.flows.session import open_session
from ledger.flows.start import NodePlan, SourcePlan, init_node
from ledger.flows.verify import verify
from ledger.flows.webhook import LARGEST, take_payload
from tests.nodes import NODE_ID, WALLETS, digest
from tests.servers.github import TOKEN, Actor, GitHubServer, Repository
from tests.sources.githubworld import ANNA, BODY, CAT, DAY, MONDAY, NAME, time, world
from tests.sources.test_github_webhook import KINDS, Payload, closed_issue, closed_pull, of_issue, payload

NOW = time(MONDAY + 3 * DAY)
TRAILERS = "Add\n\nCo-authored-by: Dora <dora@example.org>\nCo-authored-by: Cat <103+cat@users.noreply.github.com>"


def merged_with_others(repository: Repository) -> Payload:
    pull = repository.pull(ANNA, MONDAY, "Add it", BODY)
    pull.merge(MONDAY + DAY, TRAILERS)
    return closed_pull(repository, pull)


def _by_cat(make: Callable[[Repository, Actor | None], Payload], repository: Repository) -> Payload:
    return make(repository, CAT)


CASES: dict[str, tuple[Callable[[Repository], Payload], set[str]]] = {
    name: (partial(_by_cat, make), {kind}) for name, (_, make, kind) in KINDS.items()
} | {"merged pull request with co-authors": (merged_with_others, {"pr_merged", "pr_coauthored"})}


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    with GitHubServer(world()) as running:
        running.world.now = MONDAY + 3 * DAY
        yield running


@pytest.fixture
def repository(server: GitHubServer) -> Repository:
    return server.world.repositories[0]


def node_of(root: Path, *, overlap: bool = False, **options: Any) -> Path:
    """A node that reads the repository; somebody may sign, so that weeks can be closed."""
    sources = [SourcePlan("github", "code", {"repositories": [NAME], **options})]
    start, people = time(MONDAY), [("ann", WALLETS["ann"])]
    init_node(
        root,
        NodePlan(name="Test", start=start, sources=sources, approvers=people, overlap=overlap, node_id=NODE_ID),
    )
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return node_of(tmp_path / "node")


def environ(server: GitHubServer) -> dict[str, str]:
    return {"GITHUB_TOKEN": TOKEN, "GITHUB_API_URL": server.api_url}


def push(server: GitHubServer, root: Path, body: object, now: Timestamp = NOW, scope: str | None = None) -> CollectRun:
    session = open_session(root, now, environ=environ(server))
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        return take_payload(session, data, "event.json", scope)
    finally:
        session.close()


def poll(server: GitHubServer, root: Path, now: Timestamp = NOW) -> CollectRun:
    server.world.now = max(server.world.now, to_milliseconds(now) // 1000)
    session = open_session(root, now, environ=environ(server))
    try:
        return collect(session)
    finally:
        session.close()


def activity(root: Path) -> list[str]:
    """The stored lines, with their times of taking in blotted out."""
    text = "".join(path.read_text("utf-8") for path in sorted(root.rglob("activity*.jsonl")))
    return re.sub(r'"(ingested_at|retrieved_at)":"[^"]*"', r'"\1":""', text).splitlines()


def ids(root: Path) -> list[str]:
    return [json.loads(line)["id"] for line in activity(root)]


def files(root: Path, name: str) -> list[Path]:
    return sorted(root.rglob(name))


@pytest.mark.parametrize("name", CASES)
def test_a_payload_writes_the_lines_that_collecting_would_and_collecting_then_adds_none(
    server: GitHubServer, repository: Repository, tmp_path: Path, name: str
) -> None:
    make, kinds = CASES[name]
    pushed = node_of(tmp_path / "pushed", kinds=sorted(kinds))
    polled = node_of(tmp_path / "polled", kinds=sorted(kinds))
    run = push(server, pushed, make(repository))
    assert (run.left, run.waiting) == ([], [])
    lines = activity(pushed)
    assert {json.loads(line)["event_type"] for line in lines} == kinds
    poll(server, polled, time(MONDAY + 3 * DAY + 60))
    assert sorted(activity(polled)) == sorted(lines)
    reports = poll(server, pushed, time(MONDAY + 3 * DAY + 120)).reports
    assert activity(pushed) == lines
    assert sum(report.known for report in reports) == len(lines)
    assert [report.changed for report in reports if report.changed] == []


def test_what_collecting_brought_already_is_known(server: GitHubServer, repository: Repository, root: Path) -> None:
    body = closed_issue(repository, CAT)
    poll(server, root)
    before = digest(root)
    (report,) = push(server, root, body).reports
    assert (report.added, report.known, report.changed) == (0, 1, [])
    assert digest(root) == before


def test_a_payload_covers_nothing_no_cursor_moves_and_no_record_is_made(
    server: GitHubServer, repository: Repository, root: Path
) -> None:
    push(server, root, closed_issue(repository, CAT))
    assert len(ids(root)) == 1
    assert files(root, "cursors.jsonl") == files(root, "collection.jsonl") == []
    poll(server, root)
    before = {path: path.read_bytes() for path in (*files(root, "cursors.jsonl"), *files(root, "collection.jsonl"))}
    push(server, root, closed_issue(repository, CAT))
    assert len(ids(root)) == 3  # the first issue, that it was opened, and the second
    assert {path: path.read_bytes() for path in before} == before


def test_the_same_payload_twice_adds_nothing(server: GitHubServer, repository: Repository, root: Path) -> None:
    body = closed_issue(repository, CAT)
    push(server, root, body)
    before = digest(root)
    push(server, root, body, time(MONDAY + 4 * DAY))
    assert digest(root) == before


def test_an_event_of_a_closed_week_enters_the_open_one_as_late(
    server: GitHubServer, repository: Repository, tmp_path: Path
) -> None:
    root = node_of(tmp_path / "node", overlap=True)
    poll(server, root, time(MONDAY + 9 * DAY))
    (report,) = push(server, root, closed_issue(repository, CAT), time(MONDAY + 9 * DAY)).reports
    assert (report.added, report.late) == (1, 1)
    assert [path.parent.name for path in files(root, "activity.jsonl")] == ["0002"]


def test_an_event_of_the_next_week_is_left_to_collecting_which_brings_it(
    server: GitHubServer, repository: Repository, tmp_path: Path
) -> None:
    root = node_of(tmp_path / "node", overlap=True)
    push(server, root, closed_issue(repository, CAT))
    issue = repository.issue(CAT, MONDAY + 7 * DAY + 60)
    body = payload("issues", repository, action="opened", issue=of_issue(issue))
    (report,) = push(server, root, body, time(MONDAY + 7 * DAY + 120)).reports
    assert (report.added, report.later) == (0, 1)
    poll(server, root, time(MONDAY + 9 * DAY))
    assert f"github:issue_opened:{NAME}:{issue.number}" in ids(root)


def test_while_an_epoch_is_in_review_the_payload_waits_for_the_next_one(
    server: GitHubServer, repository: Repository, root: Path
) -> None:
    poll(server, root, time(MONDAY + 9 * DAY))
    before = digest(root)
    run = push(server, root, closed_issue(repository, CAT), time(MONDAY + 9 * DAY))
    assert [waiting.scope_id for waiting in run.waiting] == ["default"] and run.reports == []
    assert digest(root) == before


def test_every_scope_that_claims_the_event_gets_one_and_no_other_does(
    server: GitHubServer, repository: Repository, root: Path
) -> None:
    scope = (root / "scopes/default.yaml").read_text("utf-8").replace('base_issuance: "10000"', "base_issuance: null")
    for name, label in (("docs", "bug"), ("ops", "outage")):
        route = f"routing:\n  - {{source: github, labels: [{label}]}}\n"
        text = scope.replace("scope_id: default", f"scope_id: {name}")
        (root / f"scopes/{name}.yaml").write_text(text.rstrip("\n") + "\n" + route, "utf-8")
    body = closed_issue(repository, CAT)  # has the label `bug`
    run = push(server, root, body)
    assert {(e.folder.scope_id, r.added, r.elsewhere) for e in run.epochs for r in e.reports} == {
        ("default", 1, 0),
        ("docs", 1, 0),
        ("ops", 0, 1),
    }
    assert ids(root) == [f"github:issue:{NAME}:1", f"github:issue:{NAME}:1#docs"]
    lines = activity(root)
    poll(server, root)
    assert [line for line in activity(root) if '"issue_closed"' in line] == lines


def test_a_repository_that_nobody_lists_is_said_and_nothing_is_written(
    server: GitHubServer, repository: Repository, root: Path
) -> None:
    body = closed_issue(repository, CAT)
    body["repository"]["full_name"] = "team/other"
    before = digest(root)
    run = push(server, root, body)
    assert (run.epochs, run.left) == ([], ["no source reads the repository that the payload is about"])
    assert digest(root) == before


@pytest.mark.parametrize("kind", ["push", "star", "ping"])
def test_payloads_that_bring_no_event_are_said_and_open_no_epoch(
    server: GitHubServer, repository: Repository, root: Path, kind: str
) -> None:
    body: Payload = {"zen": "Keep it logically awesome.", "hook_id": 1, "ref": "refs/heads/main", "kind": kind}
    body["repository"] = closed_issue(repository, CAT)["repository"]
    before = digest(root)
    run = push(server, root, body)
    assert run.epochs == [] and ["brings no event by itself" in words for words in run.left] == [True]
    assert digest(root) == before


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"\xff\xfe", b'"text"', b"{}", b'{"repository": 7}', b"[" * 200_000, b'{"a": NaN}', b"1" * 9000],
    ids=lambda body: repr(body[:12]),
)
def test_what_is_no_payload_is_refused_in_words_and_nothing_is_written(
    server: GitHubServer, root: Path, body: bytes
) -> None:
    before = digest(root)
    with pytest.raises(InputError):
        push(server, root, body)
    assert digest(root) == before


def test_a_payload_larger_than_github_sends_is_refused(server: GitHubServer, root: Path) -> None:
    with pytest.raises(InputError, match="larger than"):
        push(server, root, b" " * (LARGEST + 1))


@pytest.mark.parametrize(
    "change", [{"number": -1}, {"number": 10**30}, {"closed_at": "9999-12-31"}, {"state_reason": "x" * 100_000}]
)
def test_a_forged_payload_writes_nothing_that_the_log_could_not_hold(
    server: GitHubServer, repository: Repository, root: Path, change: Payload
) -> None:
    body = closed_issue(repository, CAT)
    body["issue"].update(change)
    try:
        push(server, root, body)
    except InputError:
        assert ids(root) == []
    poll(server, root)  # the node is whole: it can be read and collected into
    assert all(len(line) < 100_000 for line in activity(root))


def test_verify_and_guard_accept_what_payloads_wrote(server: GitHubServer, repository: Repository, root: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", "-C", str(root), "-c", "user.name=x", "-c", "user.email=x@y", *arguments], check=True)

    push(server, root, closed_issue(repository, CAT))
    git("init", "-q")
    git("add", "-A")
    git("commit", "-q", "-m", "one payload")
    push(server, root, closed_issue(repository, CAT))
    assert guard(root, "HEAD", None, None) == []
    session = open_session(root, NOW, environ={})
    try:
        assert verify(session).ok
    finally:
        session.close()
    assert len(ids(root)) == 2


# --- the command ---


@pytest.fixture
def call(
    server: GitHubServer, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    for name, value in environ(server).items():
        monkeypatch.setenv(name, value)

    def run(*arguments: object) -> tuple[int, str, str]:
        line = ["ledger", "collect", "--node", str(root), "--now", NOW, *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", line)
        code = main()
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


Call = Callable[..., tuple[int, str, str]]


def test_the_command_takes_the_event_file_of_an_actions_run(
    repository: Repository, root: Path, call: Call, tmp_path: Path
) -> None:
    file = tmp_path / "event.json"
    file.write_text(json.dumps(closed_issue(repository, CAT)), "utf-8")
    code, out, _ = call("--webhook", file)
    assert (code, out) == (0, "default/1  code:webhook: 1 new\n")
    assert ids(root) == [f"github:issue:{NAME}:1"]
    code, out, _ = call("--webhook", file, "--json")
    found = json.loads(out)
    assert (code, found["schema"], found["left"]) == (0, "collect/1", [])
    assert found["epochs"][0]["streams"][0]["known"] == 1


def test_the_command_takes_what_repository_dispatch_carries_from_stdin(
    repository: Repository, root: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = {
        "action": "github",
        "client_payload": {"event": "issues", "payload": closed_issue(repository, CAT)},
        "repository": {"full_name": "team/ledger", "id": 1, "private": False},
    }
    stdin = io.TextIOWrapper(io.BytesIO(json.dumps(event).encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert call("--webhook", "-")[0] == 0
    assert ids(root) == [f"github:issue:{NAME}:1"]


def test_the_command_says_when_there_is_nothing_to_do(repository: Repository, call: Call, tmp_path: Path) -> None:
    body = closed_issue(repository, CAT)
    file = tmp_path / "event.json"
    file.write_text(json.dumps({**body, "action": "labeled"}), "utf-8")
    code, out, err = call("--webhook", file)
    assert (code, out) == (0, "") and "nothing to do: default/code: the payload brings no event by itself" in err
    body["repository"]["full_name"] = "team/other"
    file.write_text(json.dumps(body), "utf-8")
    code, out, err = call("--webhook", file)
    assert (code, out) == (0, "") and "nothing to do: no source reads the repository" in err


def test_the_command_names_the_file_that_is_no_payload(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_text("not JSON", "utf-8")
    code, out, err = call("--webhook", file)
    assert (code, out) == (3, "") and f"{file}: is not JSON" in err and "GITHUB_EVENT_PATH" in err
    assert call("--webhook", tmp_path / "missing.json")[0] == 2
    assert call("--webhook", file, "--backfill", "2026-01-05..2026-01-06")[0] == 2
