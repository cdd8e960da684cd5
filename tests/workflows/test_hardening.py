"""The workflows that `ledger init` writes, the project's own copies and the action: hardened, and the same thing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ledger.core.errors import InputError
from ledger.core.values import parse_time
from ledger.flows.start import ACTION, WORKFLOWS, NodePlan, init_node, workflows

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
WRITERS = ("collect", "statement", "review")
SECRET = re.compile(r"secrets\.(\w+)")


def parse(text: str) -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 (text only: `on` stays `on`)
    return parsed


TEXTS = {Path(path).stem: text for path, text in workflows().items()}
PARSED = {name: parse(text) for name, text in TEXTS.items()}
JOBS = [(name, job) for name, workflow in PARSED.items() for job in workflow["jobs"]]


def steps(name: str) -> list[dict[str, Any]]:
    return [step for job in PARSED[name]["jobs"].values() for step in job["steps"]]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("node") / "ledger"
    init_node(root, NodePlan(name="n", start=parse_time("2026-01-05"), repository="acme/ledger"))
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    return root


def tool(name: str, *arguments: str, cwd: Path) -> str:
    done = subprocess.run([str(BIN / name), *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_auditor_of_workflows_finds_nothing_even_pedantically(node: Path) -> None:
    tool("zizmor", "--offline", "--pedantic", "--strict-collection", ".", cwd=node)
    tool("zizmor", "--offline", "--pedantic", "--strict-collection", "action.yml", cwd=ROOT)


def test_the_auditor_would_say_so_if_a_pin_were_gone(node: Path) -> None:
    loose = re.sub(r"(actions/checkout)@\S+ # ", r"\1@", TEXTS["collect"])
    path = node / ".github" / "workflows" / "loose.yml"
    path.write_text(loose, "utf-8")
    try:
        with pytest.raises(AssertionError, match="unpinned-uses"):
            tool("zizmor", "--offline", "--pedantic", ".", cwd=node)
    finally:
        path.unlink()


@pytest.mark.parametrize(
    ("schema", "pattern"),
    [
        ("github-workflows", ".github/workflows/*.yml"),
        ("dependabot", ".github/dependabot.yml"),
        ("github-issue-forms", ".github/ISSUE_TEMPLATE/*.yml"),
    ],
)
def test_the_files_of_a_new_node_are_what_their_published_schemas_ask_for(
    node: Path, schema: str, pattern: str
) -> None:
    files = [str(path) for path in sorted(node.glob(pattern))]
    assert files
    tool("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *files, cwd=node)


def test_the_action_is_what_its_published_schema_asks_for() -> None:
    tool("check-jsonschema", "--builtin-schema", "vendor.github-actions", "action.yml", cwd=ROOT)


def test_the_projects_own_workflows_are_the_scaffold_and_rest_until_switched_on() -> None:
    for path, text in workflows(resting=True).items():
        assert (ROOT / path).read_text("utf-8") == text, f"{path}: write it anew from ledger/flows/scaffold"
        for name, job in parse(text)["jobs"].items():
            rests = "vars.LEDGER_REPOSITORY" in job.get("if", "") or "vars.LEDGER_WITNESS" in job.get("if", "")
            assert rests or set(job["needs"].split()) <= set(parse(text)["jobs"]), name


@pytest.mark.parametrize("name", WORKFLOWS)
def test_nothing_is_granted_but_by_the_job_and_each_grant_says_why(name: str) -> None:
    assert PARSED[name]["permissions"] == {}
    for job in PARSED[name]["jobs"].values():
        assert job["permissions"]
        assert job["runs-on"] == "ubuntu-24.04"
        assert 0 < int(job["timeout-minutes"]) <= 60
    grants = re.findall(r"^ {6}(?:[a-z-]+): (?:read|write)(.*)$", TEXTS[name], flags=re.MULTILINE)
    assert grants
    assert [comment for comment in grants if not re.fullmatch(r" # \w.*", comment)] == []


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_command_is_one_of_ledger_and_holds_no_expression(name: str) -> None:
    commands = [step["run"] for step in steps(name) if "run" in step]
    assert commands
    for command in commands:
        assert re.fullmatch(r'ledger [a-z][a-z /"$A-Z_-]*', command), command
        assert "${{" not in command


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_action_is_pinned_by_commit_but_our_own_by_its_release(name: str) -> None:
    used = [step["uses"] for step in steps(name) if "uses" in step]
    assert ACTION in used
    for uses in set(used) - {ACTION}:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", uses), uses
    lines = [line for line in TEXTS[name].splitlines() if "uses: actions/" in line]
    assert [line for line in lines if not re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)] == []


@pytest.mark.parametrize("name", WORKFLOWS)
def test_no_trigger_hands_a_strangers_pull_request_more_than_it_has(name: str) -> None:
    allowed = {
        "issue_comment", "issues", "pull_request", "pull_request_review", "push", "schedule", "workflow_dispatch",
    }  # fmt: skip
    assert set(PARSED[name]["on"]) <= allowed
    for entry in PARSED[name]["on"].get("schedule", []):
        assert entry["cron"].split()[0] not in ("0", "*"), "the full hour is when everybody comes"
    for forbidden in ("continue-on-error", "secrets: inherit", "toJSON(secrets)", "github.actor", "uses: ./"):
        assert forbidden not in TEXTS[name]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_the_token_stays_out_of_the_checkout_and_the_whole_history_is_there(name: str) -> None:
    for step in steps(name):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] == "false"
            assert step["with"]["fetch-depth"] == "0"
            if name != "guard":  # which looks at the change itself, and holds nothing but leave to read
                assert step["with"]["ref"] == "main"


def test_a_job_that_may_write_checks_out_main_alone() -> None:
    for name, job_id in JOBS:
        job = PARSED[name]["jobs"][job_id]
        if "write" in job["permissions"].values():
            checkouts = [step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")]
            assert [step["with"].get("ref") for step in checkouts] == ["main"], (name, job_id)


def test_secrets_are_in_one_step_of_one_job_in_a_protected_environment() -> None:
    for name, job_id in JOBS:
        job = PARSED[name]["jobs"][job_id]
        outside = {key: value for key, value in job.items() if key != "steps"}
        assert not SECRET.search(json.dumps(outside))
        holding = [step for step in job["steps"] if SECRET.search(json.dumps(step))]
        assert bool(holding) == ((name, job_id) == ("collect", "collect"))
        for step in holding:
            assert (step["run"], job["environment"]) == ("ledger pr open", "collect")
            assert set(SECRET.findall(json.dumps(step["env"]))) == {
                "DISCORD_TOKEN", "LEDGER_APP_PRIVATE_KEY", "LEDGER_SECRET",
            }  # fmt: skip


def test_all_that_write_take_turns_and_nobody_loses_a_turn() -> None:
    """Each turn belongs to a job, not to a run: what a condition lets rest must not fill the queue of 100."""
    turn = {"group": "ledger-write-${{ github.repository }}", "cancel-in-progress": "false", "queue": "max"}
    assert [PARSED[name]["jobs"][name]["concurrency"] for name in WRITERS] == [turn] * len(WRITERS)
    assert PARSED["publish"]["concurrency"]["queue"] == "max"
    for name in WORKFLOWS:
        for owner in (PARSED[name], *PARSED[name]["jobs"].values()):
            found = owner.get("concurrency", {})
            assert not (found.get("queue") and found["cancel-in-progress"] != "false"), "GitHub refuses both"


def test_in_a_fork_nothing_writes_until_it_is_switched_on() -> None:
    for name, job_id in JOBS:
        job = PARSED[name]["jobs"][job_id]
        if "write" in job["permissions"].values() and "needs" not in job:
            assert job["if"].startswith("github.repository == vars.LEDGER_REPOSITORY"), (name, job_id)


def test_a_required_check_has_no_condition_that_a_fork_could_fall_through() -> None:
    """GitHub takes a skipped required check for a passed one, and gives no variables to a fork's pull request."""
    required = {"ledger/guard", "ledger/verify"}
    jobs = [job for job in PARSED["guard"]["jobs"].values() if job["name"] in required]
    assert len(jobs) == len(required)
    for job in jobs:
        assert "if" not in job
        assert "needs" not in job


def test_only_the_deploying_job_may_touch_pages() -> None:
    for name, job_id in JOBS:
        granted = set(PARSED[name]["jobs"][job_id]["permissions"])
        assert bool(granted & {"pages", "id-token"}) == ((name, job_id) == ("publish", "deploy"))


@pytest.mark.parametrize("name", [name for name in WORKFLOWS if name != "witness"])
def test_a_run_that_fails_is_reported_and_a_run_that_works_takes_it_back(name: str) -> None:
    commands = [step["run"] for step in steps(name) if step.get("run", "").startswith("ledger ci alarm")]
    assert set(commands) == {f"ledger ci alarm {name}", f"ledger ci alarm {name} --ok"}


def test_the_rules_for_main_ask_for_exactly_the_checks_that_exist(node: Path) -> None:
    rules = json.loads((node / ".github/rulesets/main.json").read_text("utf-8"))
    assert rules["bypass_actors"] == []
    by_type = {rule["type"]: rule.get("parameters") for rule in rules["rules"]}
    assert {"deletion", "non_fast_forward", "required_linear_history", "pull_request"} < set(by_type)
    checks = by_type["required_status_checks"]
    names = {job["name"] for job in PARSED["guard"]["jobs"].values()}
    assert {check["context"] for check in checks["required_status_checks"]} == {
        name for name in names if name.startswith("ledger/")
    }
    assert checks["strict_required_status_checks_policy"] is True


def test_updates_of_actions_wait_a_week(node: Path) -> None:
    updates = parse((node / ".github/dependabot.yml").read_text("utf-8"))["updates"]
    assert [int(update["cooldown"]["default-days"]) >= 7 for update in updates] == [True]


def locked(path: str) -> dict[str, set[str]]:
    """Each requirement line of a lock file with the hashes under it."""
    blocks = re.split(r"\n(?=[a-z])", (ROOT / path).read_text("utf-8"))
    return {block.split(" ")[0]: set(re.findall(r"sha256:[0-9a-f]{64}", block)) for block in blocks if "==" in block}


def test_the_action_installs_only_what_the_projects_own_lock_holds() -> None:
    ours, all_ = locked(".github/requirements.lock"), locked("requirements.lock")
    assert {name: hashes for name, hashes in ours.items() if all_.get(name) != hashes} == {}, "run `make lock`"
    assert {"click", "duckdb", "pygithub", "mkdocs-material", "hatchling"} <= {name.split("==")[0] for name in ours}
    assert not {"pytest", "playwright", "mypy"} & {name.split("==")[0] for name in ours}


def test_the_action_caches_nothing_and_takes_every_dependency_by_its_hash() -> None:
    action = parse((ROOT / "action.yml").read_text("utf-8"))
    setup, dependencies, ourselves = action["runs"]["steps"]
    assert re.fullmatch(r"actions/setup-python@[0-9a-f]{40}", setup["uses"])
    assert set(setup["with"]) == {"python-version"}
    assert {"--require-hashes", "--only-binary=:all:"} <= set(dependencies["run"].split())
    assert {"--no-deps", "--no-index", "--no-build-isolation"} <= set(ourselves["run"].split())
    assert "inputs" not in action


@pytest.mark.parametrize("action", ["./here", "acme/tool", "acme/tool@v1\n", "acme@v1", "acme/tool@${{ x }}", ""])
def test_an_action_that_github_would_not_understand_is_refused(action: str) -> None:
    with pytest.raises(InputError, match="is no action"):
        workflows(action)


def test_another_action_is_one_word_in_every_workflow() -> None:
    pinned = "acme/ledger/sub@" + "a" * 40
    for text in workflows(pinned).values():
        assert f"uses: {pinned}\n" in text
        assert ACTION not in text
