"""What the forge's own tests share: a repository with a first commit and three people, and how it is asked."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import github
import jsonschema  # type: ignore[import-untyped]

from tests.servers.forge import Forge
from tests.servers.github.schema import SCHEMAS

BRANCH = "epoch/default/1"
PUBLISH = "on:\n  workflow_dispatch:\n"


@contextmanager
def small_forge(folder: Path) -> Iterator[Forge]:
    """A forge with one commit on main; ann and ben may write, eve may not."""
    with Forge(folder / "forge") as running:
        running.account("ann", 101, permission="write")
        running.account("ben", 102, permission="write")
        running.account("eve", 104)
        work = folder / "work"
        git(folder, "init", "--quiet", "--initial-branch=main", str(work))
        (work / ".github/workflows").mkdir(parents=True)
        (work / ".github/workflows/publish.yml").write_text(PUBLISH, "utf-8")
        (work / "README.md").write_text("A ledger\n", "utf-8")
        git(work, "add", "--all")
        git(work, "commit", "--quiet", "-m", "Start")
        running.push_main(work)
        running.events.clear()
        yield running


def git(folder: Path, *arguments: str, **extra: str) -> str:
    """What git says there, by nobody in particular; RuntimeError with its reason."""
    who = ["-c", "user.name=someone", "-c", "user.email=someone@example.org"]
    command = ["git", "-C", str(folder), *who, *arguments]
    done = subprocess.run(command, capture_output=True, check=False, env={"PATH": os.environ["PATH"], **extra})
    if done.returncode:
        raise RuntimeError(done.stderr.decode())
    return done.stdout.decode().strip()


def client(forge: Forge, login: str = "actions", permissions: dict[str, str] | None = None) -> Any:
    """PyGithub's view of the repository."""
    auth = github.Auth.Token(forge.token(login, permissions))
    hub = github.Github(
        auth=auth, base_url=forge.api_url, seconds_between_requests=0, seconds_between_writes=0, retry=None
    )
    return hub.get_repo(forge.repository.full_name)


def opened(forge: Forge, branch: str = BRANCH, **more: Any) -> int:
    """A pull request of the job's own token."""
    forge.commit("ann", branch, {"data/one.txt": "one\n"})
    return forge.open_pull("actions", branch, "Epoch 1", "The body", **more)


@cache
def webhook(name: str) -> Any:
    """Holds a payload to what GitHub publishes about it."""
    schema = json.loads(gzip.decompress((SCHEMAS / "github-webhooks.json.gz").read_bytes()))
    return jsonschema.Draft7Validator({"$ref": f"#/definitions/{name}", "definitions": schema["definitions"]})


def started(forge: Forge) -> list[str]:
    """What would have started workflows since the last look, each held to GitHub's schema."""
    found = []
    for event, payload in forge.events:
        action = payload.get("action", "event")
        wrong = [
            f"{list(e.absolute_path)}: {e.message[:200]}" for e in webhook(f"{event}${action}").iter_errors(payload)
        ]
        assert wrong == [], (event, action)
        found.append(event if action == "event" else f"{event} {action}")
    forge.events.clear()
    return found
