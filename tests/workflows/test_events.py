"""Which workflows an event starts, with the rendered files of a node and stand-ins for the command."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ledger.core.values import parse_time
from ledger.flows.start import NodePlan, init_node
from tests.workflows.runner import Actions, Run, Step

OURS, FORK = "acme/led", "eve/led"
SHIM = """#!/bin/sh
echo "ledger $* [$(pwd | sed 's/.*\\///')]${DISCORD_TOKEN:+ discord}${GITHUB_TOKEN:+ $GITHUB_TOKEN}"
case " $FAILING " in *" $1-$2 "*) exit 1;; esac
case "$1 $2" in "site build") mkdir -p build/site; echo page > build/site/index.html;; esac
"""


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    return subprocess.run(
        ["git", "-C", str(folder), *who, *arguments], capture_output=True, check=True, text=True
    ).stdout.strip()


class Node:
    """A node's repository with a branch for epoch 1, and Actions whose `ledger` only says how it was called."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.folder = folder / "node", folder
        init_node(self.root, NodePlan(name="n", start=parse_time("2026-01-05"), repository=OURS))
        git(self.root, "init", "--quiet")
        git(self.root, "add", "--all")
        git(self.root, "commit", "--quiet", "-m", "node")
        self.main = git(self.root, "rev-parse", "HEAD")
        for branch in ("epoch/default/1", "topic"):
            git(self.root, "checkout", "--quiet", "-b", branch, "main")
            git(self.root, "commit", "--quiet", "--allow-empty", "-m", branch)
        git(self.root, "checkout", "--quiet", "main")
        shim = folder / "bin"
        shim.mkdir()
        (shim / "python").symlink_to("/bin/false")
        (shim / "ledger").write_text(SHIM)
        (shim / "ledger").chmod(0o755)
        monkeypatch.setattr("tests.workflows.runner.sys.executable", str(shim / "python"))

    def actions(self, repository: str = OURS, variables: Mapping[str, str] | None = None, failing: str = "") -> Actions:
        return Actions(
            self.folder / f"actions-{len(list(self.folder.iterdir()))}",
            repository,
            {OURS: str(self.root), FORK: str(self.root)},
            environ={"FAILING": failing},
            variables={"LEDGER_REPOSITORY": OURS} if variables is None else variables,
            environments={"collect": {"DISCORD_TOKEN": "hush"}},
        )

    def pull(self, branch: str, head: str = OURS) -> dict[str, Any]:
        sha = git(self.root, "rev-parse", branch)
        repo = {"full_name": head}
        return {
            "number": 5,
            "head": {"ref": branch, "sha": sha, "repo": repo},
            "base": {"ref": "main", "sha": self.main},
        }


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    return Node(tmp_path, monkeypatch)


def said(runs: list[Run]) -> dict[str, list[str]]:
    """The commands that ran, by workflow; those that rested are left out."""
    return {
        run.workflow: [line.partition(" [")[0] for line in run.output.splitlines()]
        for run in runs
        if run.conclusion != "skipped"
    }


PUSH = {"before": "0" * 40}
SYNC = ["ledger pr sync"]


def alarm(name: str, *, ok: bool = True) -> str:
    return f"ledger ci alarm {name}" + (" --ok" if ok else "")


REVIEW = {"review": [*SYNC, alarm("review")]}


def test_the_daily_clock_collects_and_says_that_it_worked(node: Node) -> None:
    runs = node.actions().deliver("schedule", {"schedule": "17 6 * * *"})
    assert said(runs) == {"collect": ["ledger pr open", "ledger pr receipts", alarm("collect")]}


def test_a_run_that_fails_raises_the_alarm_and_not_its_end(node: Node) -> None:
    runs = node.actions(failing="pr-open").deliver("schedule", {"schedule": "17 6 * * *"})
    assert said(runs) == {"collect": ["ledger pr open", alarm("collect", ok=False)]}
    assert runs[0].conclusion == "failure"


def test_the_sources_secret_is_in_the_one_step_that_collects(node: Node) -> None:
    (run,) = node.actions().deliver("workflow_dispatch", {"workflow": ".github/workflows/collect.yml"})
    steps: list[Step] = run.jobs[0].steps
    assert [" discord" in step.output for step in steps if step.output] == [True, False, False]


def test_the_hourly_clock_and_a_change_of_main_keep_the_statements(node: Node) -> None:
    runs = node.actions().deliver("schedule", {"schedule": "47 * * * *"})
    assert said(runs) == {"statement": [*SYNC, alarm("statement")]}
    runs = node.actions().deliver("push", {**PUSH, "after": node.main})
    assert set(said(runs)) == {"guard", "publish", "statement"}


def test_where_minutes_are_billed_what_the_daily_run_does_too_rests(node: Node) -> None:
    actions = node.actions(OURS, {"LEDGER_REPOSITORY": OURS, "LEDGER_SPARING": "yes"})
    for cron, wanted in (("47 * * * *", set()), ("37 7 * * *", set()), ("17 6 * * *", {"collect"})):
        assert set(said(actions.deliver("schedule", {"schedule": cron}))) == wanted
    pushed = said(actions.deliver("push", {**PUSH, "after": node.main}))
    assert set(pushed) == {"guard", "publish", "statement"} and pushed["guard"] == ["ledger ci guard", "ledger verify"]
    failing = node.actions(OURS, {"LEDGER_REPOSITORY": OURS, "LEDGER_SPARING": "yes"}, failing="verify-")
    told = said(failing.deliver("push", {**PUSH, "after": node.main}))["guard"]
    assert told == ["ledger ci guard", "ledger verify", alarm("guard", ok=False)], "bad news is worth its minute"


def test_main_is_verified_before_it_is_built_and_compared_after_it_is_deployed(node: Node) -> None:
    actions = node.actions()
    runs = actions.deliver("workflow_dispatch", {"workflow": ".github/workflows/publish.yml"})
    assert said(runs)["publish"] == [
        "ledger verify",
        "ledger pr preview build/preview",
        "ledger site build --node build/preview --out build/site",
        f"ledger site compare {actions.pages_url} --site build/site",
        alarm("publish"),
    ]
    assert (actions.pages / "index.html").read_text() == "page\n"


@pytest.mark.parametrize("failing", ["verify-", "pr-preview", "site-build"])
def test_what_does_not_verify_or_build_is_not_deployed(node: Node, failing: str) -> None:
    actions = node.actions(failing=failing)
    (run,) = actions.deliver("workflow_dispatch", {"workflow": ".github/workflows/publish.yml"})
    assert run.conclusion == "failure"
    assert [job.conclusion for job in run.jobs] == ["failure", "skipped"]
    assert run.output.splitlines()[-1].startswith(alarm("publish", ok=False))
    assert not actions.pages.exists()


def test_a_site_that_is_not_what_was_built_raises_the_alarm(node: Node) -> None:
    (run,) = node.actions(failing="site-compare").deliver(
        "workflow_dispatch", {"workflow": ".github/workflows/publish.yml"}
    )
    assert [job.conclusion for job in run.jobs] == ["success", "failure"]
    assert run.output.splitlines()[-1].startswith(alarm("publish", ok=False))


@pytest.mark.parametrize("action", ["submitted", "edited", "dismissed"])
def test_a_review_of_an_epoch_is_taken_in_by_mains_code(node: Node, action: str) -> None:
    payload = {"action": action, "pull_request": node.pull("epoch/default/1"), "review": {"body": "/sign 0x"}}
    runs = node.actions().deliver("pull_request_review", payload)
    assert said(runs) == REVIEW


@pytest.mark.parametrize(("branch", "head"), [("topic", OURS), ("epoch/default/1", FORK)])
def test_a_review_of_anything_but_our_own_epoch_branch_starts_nothing(node: Node, branch: str, head: str) -> None:
    payload = {"action": "submitted", "pull_request": node.pull(branch, head), "review": {"body": "/sign 0x"}}
    assert said(node.actions().deliver("pull_request_review", payload)) == {}


@pytest.mark.parametrize(
    ("body", "where", "starts"),
    [
        ("/exclude e1 no", {"pull_request": {"url": "x"}}, True),
        ("I think so too", {"pull_request": {"url": "x"}}, False),
        ("/exclude e1 no", {}, False),
    ],
)
def test_a_command_in_a_pull_request_starts_a_run_and_talk_does_not(
    node: Node, body: str, where: dict[str, Any], starts: bool
) -> None:
    payload = {"action": "created", "issue": {"number": 5, "labels": [], **where}, "comment": {"body": body}}
    assert said(node.actions().deliver("issue_comment", payload)) == (
        {"review": [*SYNC, alarm("review")]} if starts else {}
    )


def test_a_question_starts_a_run_and_another_issue_does_not(node: Node) -> None:
    for labels, wanted in (
        ([{"name": "ledger:question"}], {"review": [*SYNC, alarm("review")]}),
        ([{"name": "bug"}], {}),
    ):
        payload = {"action": "opened", "issue": {"number": 6, "labels": labels}}
        assert said(node.actions().deliver("issues", payload)) == wanted


def guard_jobs(runs: list[Run]) -> dict[str, str]:
    (run,) = [run for run in runs if run.workflow == "guard"]
    return {job.name: job.conclusion for job in run.jobs}


def test_a_pull_request_from_a_fork_is_checked_without_any_setting_or_secret(node: Node) -> None:
    payload = {"action": "opened", "pull_request": node.pull("topic", FORK)}
    runs = node.actions(variables={}).deliver("pull_request", payload)
    assert guard_jobs(runs) == {
        "ledger/guard": "success",
        "ledger/verify": "success",
        "ledger/statement": "skipped",
        "Report what came to main": "skipped",
    }
    assert "job-token" not in runs[0].output


def test_a_pull_request_that_breaks_a_rule_fails_its_check(node: Node) -> None:
    payload = {"action": "synchronize", "pull_request": node.pull("topic", FORK)}
    found = guard_jobs(node.actions(failing="ci-guard").deliver("pull_request", payload))
    assert (found["ledger/guard"], found["ledger/verify"]) == ("failure", "success")


def test_on_an_epochs_pull_request_the_third_check_says_what_is_missing(node: Node) -> None:
    payload = {"action": "opened", "pull_request": node.pull("epoch/default/1")}
    runs = node.actions().deliver("pull_request", payload)
    assert guard_jobs(runs)["ledger/statement"] == "success"
    assert "ledger pr status" in runs[0].output


@pytest.mark.parametrize("failing", ["", "ci-guard", "verify-"])
def test_what_came_to_main_is_looked_at_and_reported(node: Node, failing: str) -> None:
    runs = node.actions(failing=failing).deliver("push", {**PUSH, "after": node.main})
    assert said(runs)["guard"] == ["ledger ci guard", "ledger verify", alarm("guard", ok=not failing)]


def test_a_fork_and_a_repository_that_is_not_switched_on_rest(node: Node) -> None:
    for repository, variables in ((FORK, {"LEDGER_REPOSITORY": OURS}), (OURS, {}), (FORK, {})):
        actions = node.actions(repository, variables)
        for cron in ("17 6 * * *", "47 * * * *", "37 7 * * *", "41 9 * * 2"):
            assert said(actions.deliver("schedule", {"schedule": cron})) == {}
        payload = {"action": "opened", "issue": {"number": 6, "labels": [{"name": "ledger:question"}]}}
        assert said(actions.deliver("issues", payload)) == {}
        assert said(actions.deliver("push", {**PUSH, "after": node.main})) == {
            "guard": ["ledger ci guard", "ledger verify"]
        }


def test_a_fork_that_is_told_whom_to_watch_is_a_witness_and_nothing_else(node: Node) -> None:
    actions = node.actions(FORK, {"LEDGER_WITNESS": OURS})
    runs = actions.deliver("schedule", {"schedule": "41 9 * * 2"})
    assert said(runs) == {"witness": ["ledger witness"]}
    assert "job-token" not in runs[0].output
