"""Executes a node's workflow files: the real YAML, as GitHub Actions would run it, in clones against a test forge.

Given an event, it picks the workflows whose `on:` matches, evaluates `if:`, `env:` and `with:`, and runs each `run:`
with `bash -e`. Whatever it does not know (a key, an action, a function) raises `UnknownWorkflow`: a workflow that is
tested here uses nothing that is not modelled here. Not modelled: concurrency, approval clicks and minutes.
"""

from __future__ import annotations

import base64
import fnmatch
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ledger.flows.start import ACTION
from tests.workflows.expressions import Known, condition, filled

MAIN = "refs/heads/main"
TYPES = {
    "pull_request": ("opened", "synchronize", "reopened"),  # GitHub's default; any type for the other events
}
EVENTS = {
    "issue_comment",
    "issues",
    "pull_request",
    "pull_request_review",
    "push",
    "schedule",
    "workflow_dispatch",
}
_TOP = {"name", "on", "permissions", "concurrency", "jobs"}
_JOB = {
    "name", "if", "needs", "runs-on", "timeout-minutes", "concurrency", "environment", "permissions", "env", "steps",
}  # fmt: skip
_STEP = {"id", "name", "if", "env", "run", "uses", "with"}
_FILES = ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY")


class UnknownWorkflow(ValueError):
    """A workflow uses what this runner does not model."""


@dataclass
class Step:
    """What became of a step.

    `commands`: lines of its output that GitHub would obey (`::add-mask::` at their start, `##[add-mask]` anywhere).
    """

    name: str
    conclusion: str
    output: str = ""
    outputs: dict[str, str] = field(default_factory=dict)

    @property
    def commands(self) -> list[str]:
        return [line for line in self.output.splitlines() if line.lstrip().startswith("::") or "##[" in line]


@dataclass
class Job:
    """What became of a job: success, failure or skipped."""

    id: str
    name: str
    conclusion: str
    steps: list[Step] = field(default_factory=list)


@dataclass
class Run:
    """What became of a workflow that an event started."""

    workflow: str
    jobs: list[Job] = field(default_factory=list)

    @property
    def conclusion(self) -> str:
        found = {job.conclusion for job in self.jobs}
        return "failure" if "failure" in found else "success" if "success" in found else "skipped"

    @property
    def output(self) -> str:
        """Everything that its steps printed."""
        return "".join(step.output for job in self.jobs for step in job.steps)


@dataclass
class Actions:
    """GitHub Actions of one repository.

    `remotes` are the addresses to clone repositories from, by owner/name; `environ` is what every step finds in its
    environment besides what Actions sets (LEDGER_NOW, the addresses of the API); `environments` are the secrets of
    protected environments, which only main may use; `token` makes the job's token from what the job may do; `pages` is
    the folder that GitHub Pages serves at `pages_url`; `command` is what our own action installs (default: our own).
    """

    folder: Path
    repository: str
    remotes: Mapping[str, str]
    environ: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    environments: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    token: Callable[[Mapping[str, str]], str] = lambda permissions: "job-token"
    pages_url: str = "https://pages.example.org/"
    action: str = ACTION
    command: Path | None = None
    count: int = 0

    @property
    def pages(self) -> Path:
        """What is deployed."""
        return self.folder / "pages"

    def deliver(self, event: str, payload: Mapping[str, Any], ref: str = MAIN) -> list[Run]:
        """Run everything that the event starts, in the order of the files' names.

        `ref` is what was pushed or dispatched; pull requests run on their merge with the base, or not at all. A
        schedule's payload holds `schedule` (the cron line), a dispatch's `workflow` (the path of its file), a push's
        `after`.
        """
        if event not in EVENTS:
            raise UnknownWorkflow(f"the event {event}")
        self.count += 1
        place = self.folder / f"run-{self.count}"
        place.mkdir(parents=True)
        occasion = _Occasion(self, event, dict(payload), ref, place)
        if not occasion.check_out(place / "event"):
            return []
        runs = []
        for path in sorted((place / "event" / ".github" / "workflows").glob("*.y*ml")):
            workflow = yaml.load(path.read_text("utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 (text only)
            _refuse_unknown(workflow, _TOP, path.name)
            if _starts(workflow["on"], occasion, path.name):
                runs.append(occasion.run(path.name, workflow))
        return runs


class _Occasion:
    """One event as it was delivered."""

    def __init__(self, actions: Actions, event: str, payload: dict[str, Any], ref: str, place: Path) -> None:
        self.actions, self.event, self.payload, self.place = actions, event, payload, place
        self.pull: dict[str, Any] | None = payload["pull_request"] if event.startswith("pull_request") else None
        self.ref = f"refs/pull/{self.pull['number']}/merge" if self.pull else ref
        self.from_fork = self.pull is not None and self.pull["head"]["repo"]["full_name"] != actions.repository
        self.sha = ""
        self.artifacts: dict[str, Path] = {}

    def check_out(self, target: Path, repository: str = "", ref: str = "") -> bool:
        """A clone at `ref`, by default at what the event is about; False when that is gone, or its merge conflicts."""
        name = repository or self.actions.repository
        self._git(None, "clone", "--quiet", self.actions.remotes[name], str(target))
        if ref or repository or self.pull is None:
            wanted = ref or (self.payload["after"] if self.event == "push" and not repository else self.ref)
            self._git(target, "checkout", "--quiet", wanted.removeprefix("refs/heads/"))
        else:
            head, base = self.pull["head"], self.pull["base"]
            sources = ((head["repo"]["full_name"], head["ref"]), (name, f"refs/pull/{self.pull['number']}/head"))
            if all(
                self._git(target, "fetch", "--quiet", self.actions.remotes[place], kept, check=False)
                for place, kept in sources
            ):
                return False
            self._git(target, "checkout", "--quiet", "--detach", f"origin/{base['ref']}")
            if self._git(target, "merge", "--quiet", "--no-ff", "-m", "merge", head["sha"], check=False) != 0:
                return False
        self.sha = self.sha or self._read(target, "rev-parse", "HEAD")
        return True

    def run(self, file: str, workflow: dict[str, Any]) -> Run:
        """Every job of the workflow, those that others need first."""
        run = Run(workflow["name"])
        done: dict[str, Job] = {}
        waiting = dict(workflow["jobs"])
        while waiting:
            for name, job in list(waiting.items()):
                _refuse_unknown(job, _JOB, f"{file}: {name}")
                needs = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
                if all(need in done for need in needs):
                    done[name] = self._job(run.workflow, name, job, {need: done[need] for need in needs}, workflow)
                    run.jobs.append(done[name])
                    del waiting[name]
                    break
            else:
                raise UnknownWorkflow(f"{file}: jobs that wait for each other: {', '.join(waiting)}")
        return run

    def _job(
        self, workflow: str, name: str, job: dict[str, Any], needs: Mapping[str, Job], whole: Mapping[str, Any]
    ) -> Job:
        permissions = job.get("permissions", whole.get("permissions"))
        if not isinstance(permissions, dict):
            raise UnknownWorkflow(f"{name}: permissions must be listed")
        if self.from_fork:
            permissions = {what: "read" for what in permissions if what != "id-token"}
        contexts = self._contexts(workflow, self.actions.token(permissions), needs)
        results = {need.conclusion for need in needs.values()}
        status = "failure" if "failure" in results else "success" if results <= {"success"} else "skipped"
        found = Job(name, filled(job["name"], contexts), "skipped")
        if not condition(job.get("if"), contexts, status):
            return found
        place = self.place / workflow / name
        (place / "work").mkdir(parents=True)
        return _Worker(self, job, contexts, place, found).work()

    def _contexts(self, workflow: str, token: str, needs: Mapping[str, Job]) -> dict[str, Any]:
        actions, pull = self.actions, self.pull or {}
        github = Known(
            event=self.payload,
            event_name=self.event,
            head_ref=pull["head"]["ref"] if pull else "",
            base_ref=pull["base"]["ref"] if pull else "",
            ref=self.ref,
            repository=actions.repository,
            run_id=str(actions.count),
            sha=self.sha,
            token=token,
            workflow=workflow,
        )
        return {
            "github": github,
            "needs": Known({name: Known(result=job.conclusion) for name, job in needs.items()}),
            "secrets": {} if self.from_fork else dict(actions.secrets),
            "vars": {} if self.from_fork else dict(actions.variables),  # GitHub gives forks neither
            "steps": Known(),
        }

    def _git(self, folder: Path | None, *arguments: str, check: bool = True) -> int:
        done = subprocess.run(self._command(folder, arguments), env=_git_environ(), capture_output=True, check=False)
        if check and done.returncode:
            raise RuntimeError(f"git {' '.join(arguments)}: {done.stderr.decode()}")
        return done.returncode

    def _read(self, folder: Path, *arguments: str) -> str:
        command = self._command(folder, arguments)
        return subprocess.run(command, env=_git_environ(), capture_output=True, check=True, text=True).stdout.strip()

    def _command(self, folder: Path | None, arguments: tuple[str, ...]) -> list[str]:
        at = ["-C", str(folder)] if folder else []
        secret = base64.b64encode(f"x-access-token:{self.actions.token({'contents': 'read'})}".encode()).decode()
        return ["git", *at, "-c", f"http.extraheader=AUTHORIZATION: basic {secret}", *arguments]


class _Worker:
    """The machine of one job: its steps, its environment and its working folder."""

    def __init__(self, on: _Occasion, job: dict[str, Any], contexts: dict[str, Any], place: Path, found: Job) -> None:
        self.on, self.spec, self.contexts, self.place, self.job = on, job, contexts, place, found
        self.status = "success"
        self.path = [each for each in os.environ["PATH"].split(":") if not (Path(each) / "ledger").exists()]

    def work(self) -> Job:
        self.job.conclusion = "success"
        if environment := self.spec.get("environment"):
            name = environment if isinstance(environment, str) else environment["name"]
            protected = self.on.actions.environments.get(name)
            if protected is not None and self.on.ref != MAIN:
                self.job.conclusion = "failure"  # only main may deploy there
                return self.job
            self.contexts["secrets"] = {**self.contexts["secrets"], **(protected or {})}
        for step in self.spec["steps"]:
            _refuse_unknown(step, _STEP, self.job.name)
            self.job.steps.append(self._step(step))
        if isinstance(environment := self.spec.get("environment"), dict) and self.status == "success":
            filled(environment.get("url", ""), self.contexts)
        self.job.conclusion = self.status
        return self.job

    def _step(self, spec: dict[str, Any]) -> Step:
        step = Step(spec.get("name") or spec.get("uses") or spec["run"], "skipped")
        if condition(spec.get("if"), self.contexts, self.status):
            environ = {key: filled(text, self.contexts) for key, text in self._env(spec).items()}
            options = {key: filled(text, self.contexts) for key, text in spec.get("with", {}).items()}
            step.conclusion = self._uses(spec, options, step) if "uses" in spec else self._run(spec, environ, step)
            if step.conclusion == "failure":
                self.status = "failure"
        if "id" in spec:
            self.contexts["steps"][spec["id"]] = Known(outputs=step.outputs, conclusion=step.conclusion)
        return step

    def _env(self, spec: Mapping[str, Any]) -> dict[str, str]:
        return {**self.spec.get("env", {}), **spec.get("env", {})}

    def _run(self, spec: Mapping[str, Any], environ: Mapping[str, str], step: Step) -> str:
        if "${{" in spec["run"]:
            raise UnknownWorkflow(f"an expression inside run: {spec['run']!r}")
        script = self.place / "script.sh"
        script.write_text(spec["run"] + "\n", "utf-8")
        event = self.place / "event.json"
        event.write_text(json.dumps(self.on.payload), "utf-8")
        files = {name: self.place / name for name in _FILES}
        for file in files.values():
            file.write_bytes(b"")
        given = {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": self.on.event,
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_REF": self.on.ref,
            "GITHUB_REPOSITORY": self.on.actions.repository,
            "GITHUB_RUN_ID": str(self.on.actions.count),
            "GITHUB_SHA": self.on.sha,
            "GITHUB_WORKSPACE": str(self.place / "work"),
            "HOME": str(self.place),
            "PATH": ":".join(self.path),
            **{name: str(file) for name, file in files.items()},
            **self.on.actions.environ,
            **environ,
        }
        done = subprocess.run(
            ["bash", "-e", str(script)], cwd=self.place / "work", env=given, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        step.output = done.stdout.decode("utf-8", "replace")
        for name, file in files.items():
            if name != "GITHUB_STEP_SUMMARY" and file.read_bytes():
                raise UnknownWorkflow(f"{step.name} wrote to {name}")
        return "failure" if done.returncode else "success"

    def _uses(self, spec: Mapping[str, Any], options: dict[str, str], step: Step) -> str:
        name, work = spec["uses"].partition("@")[0], self.place / "work"
        if spec["uses"] == self.on.actions.action:
            tools = self.place / "tools"
            tools.mkdir()
            (tools / "ledger").symlink_to(self.on.actions.command or Path(sys.executable).parent / "ledger")
            self.path.insert(0, str(tools))
        elif name == "actions/checkout":
            _refuse_unknown(options, {"repository", "ref", "fetch-depth", "persist-credentials"}, name)
            if options["fetch-depth"] != "0" or options["persist-credentials"] != "false":
                raise UnknownWorkflow("a checkout without the history, or that keeps the token")
            work.rmdir()
            if not self.on.check_out(work, options.get("repository", ""), options.get("ref", "")):
                return "failure"
        elif name in ("actions/upload-pages-artifact", "actions/upload-artifact"):
            _refuse_unknown(options, {"name", "path", "retention-days", "include-hidden-files"}, name)
            source, target = work / options["path"], self.place / f"artifact-{options.get('name', 'github-pages')}"
            if not source.is_dir():
                return "failure"
            hidden = shutil.ignore_patterns(".*") if options.get("include-hidden-files") != "true" else None
            shutil.copytree(source, target, ignore=None if name.endswith("pages-artifact") else hidden)
            self.on.artifacts[options.get("name", "github-pages")] = target
        elif name == "actions/download-artifact":
            _refuse_unknown(options, {"name", "path"}, name)
            if options["name"] not in self.on.artifacts:
                return "failure"
            shutil.copytree(self.on.artifacts[options["name"]], work / options["path"], dirs_exist_ok=True)
        elif name == "actions/deploy-pages":
            _refuse_unknown(options, set(), name)
            if "github-pages" not in self.on.artifacts:
                return "failure"
            pages = self.on.actions.pages
            shutil.rmtree(pages, ignore_errors=True)
            shutil.copytree(self.on.artifacts["github-pages"], pages)
            step.outputs["page_url"] = self.on.actions.pages_url
        else:
            raise UnknownWorkflow(f"the action {spec['uses']}")
        return "success"


def _starts(on: Any, occasion: _Occasion, file: str) -> bool:
    """Whether the event starts a workflow with this `on:`."""
    rules = {on: ""} if isinstance(on, str) else dict.fromkeys(on, "") if isinstance(on, list) else on
    for unknown in set(rules) - EVENTS:
        raise UnknownWorkflow(f"{file}: on {unknown}")
    if occasion.event not in rules:
        return False
    rule, payload = rules[occasion.event] or {}, occasion.payload
    if occasion.event == "schedule":
        return payload["schedule"] in [each["cron"] for each in rule]
    if occasion.event == "workflow_dispatch":
        return Path(payload["workflow"]).name == file
    _refuse_unknown(rule, {"types", "branches"}, f"{file}: {occasion.event}")
    types = rule.get("types", TYPES.get(occasion.event))
    if types and payload["action"] not in types:
        return False
    branch = occasion.pull["base"]["ref"] if occasion.pull else occasion.ref.removeprefix("refs/heads/")
    return any(fnmatch.fnmatchcase(branch, pattern) for pattern in rule.get("branches", ["*"]))


def _refuse_unknown(found: Mapping[str, Any], known: set[str], where: str) -> None:
    if unknown := set(found) - known:
        raise UnknownWorkflow(f"{where}: {', '.join(sorted(unknown))}")


def _git_environ() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    who = {f"GIT_{role}_{what}": "web-flow" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return {**kept, **who, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
