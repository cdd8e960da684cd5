"""The runner starts what GitHub would start, stops where it would stop, and raises on what it does not model."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ledger.flows.start import ACTION
from tests.workflows.expressions import UnknownExpression
from tests.workflows.runner import Actions, Run, UnknownWorkflow

HEAD = """name: w
on: {on}
permissions: {{}}
jobs:
"""
JOB = """  {id}:
    name: {id}
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    permissions: {{contents: read}}
{more}    steps:
{steps}"""


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", "-C", str(folder), *who, *arguments], capture_output=True, check=True, text=True)
    return done.stdout.strip()


class World:
    """A repository with one workflow, `w.yml`, and Actions for it."""

    def __init__(self, folder: Path, **given: Any) -> None:
        self.folder, self.repository = folder, folder / "repository"
        self.repository.mkdir()
        git(self.repository, "init", "--quiet")
        remotes = {"acme/led": str(self.repository), "evil/led": str(self.repository)}
        self.actions = Actions(folder / "actions", "acme/led", remotes, **given)

    def workflow(self, text: str, on: str = "push") -> None:
        path = self.repository / ".github" / "workflows" / "w.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEAD.format(on=on) + text, "utf-8")
        self.commit()

    def commit(self) -> str:
        git(self.repository, "add", "--all")
        git(self.repository, "commit", "--quiet", "--allow-empty", "-m", "c")
        return git(self.repository, "rev-parse", "HEAD")

    def push(self) -> Run:
        (run,) = self.actions.deliver("push", {"after": git(self.repository, "rev-parse", "HEAD")})
        return run

    def pull(self, branch: str, head: str = "acme/led") -> dict[str, Any]:
        """A pull request from a branch with one more file."""
        git(self.repository, "checkout", "--quiet", "-b", branch)
        (self.repository / "more.txt").write_text("more")
        sha = self.commit()
        git(self.repository, "checkout", "--quiet", "main")
        return {
            "number": 7,
            "head": {"ref": branch, "sha": sha, "repo": {"full_name": head}},
            "base": {"ref": "main", "sha": git(self.repository, "rev-parse", "main")},
        }


def job(*steps: str, id: str = "one", more: str = "") -> str:
    return JOB.format(id=id, more=more, steps="".join(f"      - {{{step}}}\n" for step in steps))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, variables={"ON": "acme/led"}, secrets={"S": "hush"}, environments={"safe": {"E": "deep"}})


def conclusions(run: Run) -> list[list[str]]:
    return [[step.conclusion for step in each.steps] for each in run.jobs]


def test_a_step_that_fails_ends_the_job_but_for_steps_that_ask_for_failure(world: World) -> None:
    world.workflow(
        job("run: echo a", "run: 'exit 3'", "run: echo c", "run: echo d, if: failure()", "run: e, if: false")
    )
    run = world.push()
    assert conclusions(run) == [["success", "failure", "skipped", "success", "skipped"]]
    assert (run.conclusion, run.output) == ("failure", "a\nd\n")


def test_a_job_with_a_false_condition_does_not_run(world: World) -> None:
    world.workflow(
        job("run: touch ran", more="    if: false\n")
        + job("run: 'true'", id="two", more="    if: github.repository == vars.OFF\n")
    )
    run = world.push()
    assert (run.conclusion, conclusions(run)) == ("skipped", [[], []])


def test_jobs_wait_for_those_they_need_and_are_skipped_when_these_fail(world: World) -> None:
    world.workflow(
        job("run: echo late", id="last", more="    needs: [first]\n")
        + job("run: 'false'", id="first")
        + job("run: echo anyway", id="cleanup", more="    needs: first\n    if: always()\n")
        + job("run: echo alarm", id="alarm", more="    needs: first\n    if: failure()\n")
    )
    found = {each.id: each.conclusion for each in world.push().jobs}
    assert found == {"first": "failure", "last": "skipped", "cleanup": "success", "alarm": "success"}


def test_a_multi_line_script_stops_at_its_first_failure(world: World) -> None:
    world.workflow(job('run: "false\\necho unreachable"'))
    run = world.push()
    assert (run.conclusion, run.output) == ("failure", "")


def test_values_reach_a_step_by_env_alone_the_nearest_wins(world: World) -> None:
    world.workflow(
        job('run: echo "$A $B", env: {A: "${{ secrets.S }}"}', more="    env: {A: x, B: '${{ github.event_name }}'}\n")
    )
    assert world.push().output == "hush push\n"


def test_an_expression_inside_run_is_refused(world: World) -> None:
    world.workflow(job('run: "echo ${{ github.ref }}"'))
    with pytest.raises(UnknownWorkflow, match="expression inside run"):
        world.push()


def test_an_unknown_function_raises_instead_of_being_taken_for_false(world: World) -> None:
    world.workflow(job("run: 'true'", more="    if: hashFiles('x') != ''\n"))
    with pytest.raises(UnknownExpression, match="hashFiles"):
        world.push()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (job("uses: evil/action@v1"), "evil/action"),
        (job("run: 'true', continue-on-error: true"), "continue-on-error"),
        (job("run: 'true'", more="    strategy: {matrix: {a: [1]}}\n"), "strategy"),
        (job("run: 'true'", more="    needs: [nobody]\n"), "wait for each other"),
        (job("run: 'echo x=1 >> $GITHUB_OUTPUT'"), "GITHUB_OUTPUT"),
        (job("uses: actions/checkout@v7, with: {fetch-depth: 0, persist-credentials: true}"), "keeps the token"),
    ],
)
def test_what_the_runner_does_not_model_raises(world: World, text: str, named: str) -> None:
    world.workflow(text)
    with pytest.raises(UnknownWorkflow, match=named):
        world.push()


@pytest.mark.parametrize("on", ["pull_request_target", "workflow_run", "{push: {paths: [data]}}"])
def test_a_trigger_outside_the_subset_raises(world: World, on: str) -> None:
    world.workflow(job("run: 'true'"), on)
    with pytest.raises(UnknownWorkflow):
        world.push()


@pytest.mark.parametrize(
    ("on", "event", "payload", "starts"),
    [
        ("{schedule: [{cron: 17 6 * * *}]}", "schedule", {"schedule": "17 6 * * *"}, True),
        ("{schedule: [{cron: 17 6 * * *}]}", "schedule", {"schedule": "18 6 * * *"}, False),
        ("[push, workflow_dispatch]", "workflow_dispatch", {"workflow": ".github/workflows/w.yml"}, True),
        ("workflow_dispatch", "workflow_dispatch", {"workflow": ".github/workflows/v.yml"}, False),
        ("{issues: {types: [opened]}}", "issues", {"action": "opened"}, True),
        ("{issues: {types: [opened]}}", "issues", {"action": "labeled"}, False),
        ("issues", "issues", {"action": "labeled"}, True),
        ("issues", "issue_comment", {"action": "created"}, False),
    ],
)
def test_an_event_starts_only_what_asks_for_it(
    world: World, on: str, event: str, payload: dict[str, str], starts: bool
) -> None:
    world.workflow(job("run: 'true'"), on)
    assert [run.conclusion for run in world.actions.deliver(event, payload)] == ["success"] * starts


def test_a_push_is_matched_by_its_branch(world: World) -> None:
    world.workflow(job("run: 'true'"), "{push: {branches: [main]}}")
    git(world.repository, "branch", "epoch/default/1")
    after = git(world.repository, "rev-parse", "HEAD")
    assert world.actions.deliver("push", {"after": after}, "refs/heads/epoch/default/1") == []
    assert len(world.actions.deliver("push", {"after": after}, "refs/heads/main")) == 1


CHECKOUT = "uses: actions/checkout@v7, with: {fetch-depth: 0, persist-credentials: false"


def test_a_pull_request_runs_on_its_merge_with_the_base_unless_a_ref_is_named(world: World) -> None:
    world.workflow(job(CHECKOUT + "}", "run: ls") + job(CHECKOUT + ", ref: main}", "run: ls", id="two"), "pull_request")
    (run,) = world.actions.deliver("pull_request", {"action": "opened", "pull_request": world.pull("topic")})
    assert [each.steps[1].output for each in run.jobs] == ["more.txt\n", ""]
    assert world.actions.deliver("pull_request", {"action": "labeled", "pull_request": world.pull("topic2")}) == []


def test_a_pull_request_that_conflicts_with_its_base_starts_nothing(world: World) -> None:
    world.workflow(job("run: 'true'"), "pull_request")
    pull = world.pull("topic")
    (world.repository / "more.txt").write_text("other")
    world.commit()
    assert world.actions.deliver("pull_request", {"action": "opened", "pull_request": pull}) == []


def test_an_event_about_a_branch_that_is_gone_finds_the_commit_that_github_keeps(world: World) -> None:
    world.workflow(job(CHECKOUT + "}", "run: ls"), "pull_request")
    pull = world.pull("topic")
    git(world.repository, "update-ref", "refs/pull/7/head", "topic")
    git(world.repository, "branch", "--quiet", "-D", "topic")
    (run,) = world.actions.deliver("pull_request", {"action": "opened", "pull_request": pull})
    assert run.output == "more.txt\n"
    git(world.repository, "update-ref", "-d", "refs/pull/7/head")
    assert world.actions.deliver("pull_request", {"action": "opened", "pull_request": pull}) == []


def test_a_pull_request_from_a_fork_sees_no_secret_no_variable_and_may_only_read(tmp_path: Path) -> None:
    asked: list[dict[str, str]] = []

    def token(permissions: Any) -> str:
        asked.append(dict(permissions))
        return "t"

    world = World(tmp_path, variables={"ON": "yes"}, secrets={"S": "hush"}, token=token)
    world.workflow(job('run: echo "=$A$B=", env: {A: "${{ secrets.S }}", B: "${{ vars.ON }}"}'), "pull_request")
    path = world.repository / ".github" / "workflows" / "w.yml"
    path.write_text(path.read_text().replace("{contents: read}", "{contents: write, id-token: write}"))
    world.commit()
    for repository, output in (("acme/led", "=hushyes=\n"), ("evil/led", "==\n")):
        asked.clear()
        pull = world.pull(repository[0], repository)
        (run,) = world.actions.deliver("pull_request", {"action": "opened", "pull_request": pull})
        assert run.output == output
    assert {"contents": "read"} in asked
    assert not [each for each in asked if "write" in each.values()]


def test_secrets_of_an_environment_are_for_main_alone(world: World) -> None:
    world.workflow(job('run: echo "$A", env: {A: "${{ secrets.E }}"}', more="    environment: safe\n"))
    assert world.push().output == "deep\n"
    git(world.repository, "branch", "other")
    (run,) = world.actions.deliver("push", {"after": git(world.repository, "rev-parse", "main")}, "refs/heads/other")
    assert (run.conclusion, run.output) == ("failure", "")


def test_ledger_is_on_the_path_once_our_action_ran_and_not_before(world: World) -> None:
    world.workflow(
        job("run: ledger --version", f"uses: {ACTION}") + job(f"uses: {ACTION}", "run: ledger --version", id="b")
    )
    first, second = world.push().jobs
    assert [step.conclusion for step in first.steps] == ["failure", "skipped"]
    assert second.steps[1].output.startswith("ledger ")
    assert (Path(sys.executable).parent / "ledger").exists()


def test_what_is_uploaded_is_what_is_deployed_and_downloaded(world: World) -> None:
    build = job(
        "run: 'mkdir out; echo new > out/index.html'",
        "uses: actions/upload-pages-artifact@v5, with: {path: out}",
        "uses: actions/upload-artifact@v7, with: {name: site, path: out}",
    )
    deploy = job(
        "id: d, uses: actions/deploy-pages@v5",
        "uses: actions/download-artifact@v8, with: {name: site, path: here}",
        'run: cat here/index.html; echo "$URL", env: {URL: "${{ steps.d.outputs.page_url }}"}',
        id="deploy",
        more="    needs: one\n    environment: {name: pages, url: '${{ steps.d.outputs.page_url }}'}\n",
    )
    world.workflow(build + deploy)
    world.actions.pages.mkdir(parents=True)
    (world.actions.pages / "old.html").write_text("old")
    run = world.push()
    assert (run.conclusion, run.output) == ("success", f"new\n{world.actions.pages_url}\n")
    assert [path.name for path in world.actions.pages.iterdir()] == ["index.html"]


def test_lines_that_github_would_obey_are_told_apart(world: World) -> None:
    world.workflow(job("run: \"echo '::add-mask::x'; echo plain; echo 'a::b ##[add-mask]x'\""))
    assert world.push().jobs[0].steps[0].commands == ["::add-mask::x", "a::b ##[add-mask]x"]
