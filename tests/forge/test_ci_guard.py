"""The required check as a workflow runs it: each kind of event, and what a stranger may make of one."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ledger.core.errors import InputError
from ledger.core.values import parse_time
from ledger.flows.amend import begin
from ledger.flows.sign import finalize, sign
from ledger.forge.ciguard import Guarded, ci_guard
from tests.forge.support import LATER, forge_node, in_review, signature_of
from tests.forge.test_clone import FOLDER, git
from tests.nodes import at

HERE, FORK = {"id": 5000}, {"id": 6000}


class Checkout:
    """A repository whose main holds a node, and a working tree to change."""

    def __init__(self, folder: Path) -> None:
        self.root, self.folder = forge_node(folder / "node", threshold=1), folder
        git(self.root, "init", "--quiet", "--initial-branch=main")
        git(self.root, "add", "--all")
        git(self.root, "commit", "--quiet", "-m", "A node")
        self.base = git(self.root, "rev-parse", "HEAD")

    def change(self, script: str) -> str:
        subprocess.run(["sh", "-ec", script], cwd=self.root, check=True)
        return self.save()

    def save(self) -> str:
        git(self.root, "add", "--all", "--force")
        git(self.root, "reset", "--quiet", "--", "data/.lock")
        git(self.root, "commit", "--quiet", "-m", "change")
        return git(self.root, "rev-parse", "HEAD")

    def epoch(self, *, final: bool) -> str:
        with in_review(self.root) as (session, folder):
            if final:
                sign(session, folder, signature_of(session, folder, "ann"))
                finalize(session, folder)
        return self.save()

    def run(self, name: str, event: Any) -> Guarded:
        path = self.folder / "event.json"
        path.write_text(event if isinstance(event, str) else json.dumps(event), "utf-8")
        environ = {**os.environ, "GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(path)}
        return ci_guard(self.root, parse_time(LATER), environ)

    def pull(self, ref: str, *, repo: Any = HERE) -> Guarded:
        head = {"sha": git(self.root, "rev-parse", "HEAD"), "ref": ref, "repo": repo}
        return self.run("pull_request", {"pull_request": {"base": {"sha": self.base, "repo": HERE}, "head": head}})

    def push(self, before: str | None = None) -> Guarded:
        return self.run("push", {"before": before or self.base, "after": git(self.root, "rev-parse", "HEAD")})


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def rules(found: Guarded) -> set[str]:
    return {finding.rule for finding in found.findings}


@pytest.mark.parametrize("final", [False, True])
def test_an_epochs_own_branch_may_bring_its_folder(checkout: Checkout, final: bool) -> None:
    checkout.epoch(final=final)
    found = checkout.pull("epoch/default/1")
    assert found.findings == () and found.compared.startswith("epoch default/1")


@pytest.mark.parametrize("ref", ["topic", "epoch/default/2", "epoch/other/1", "epoch/default/01", "epoch/default/1/x"])
def test_no_other_branch_may_touch_an_epochs_records(checkout: Checkout, ref: str) -> None:
    checkout.epoch(final=True)
    assert "WRITES_VIA_WORKFLOW" in rules(checkout.pull(ref))


@pytest.mark.parametrize("repo", [FORK, None])
def test_a_fork_gets_nowhere_by_the_name_of_its_branch(checkout: Checkout, repo: Any) -> None:
    checkout.epoch(final=True)
    found = checkout.pull("epoch/default/1", repo=repo)
    assert "WRITES_VIA_WORKFLOW" in rules(found) and found.compared.startswith("a change from a fork")


@pytest.mark.parametrize(
    "path", ["README.md", ".github/workflows/evil.yml", "scopes/default.yaml", "weights/default.yaml"]
)
def test_an_epochs_branch_may_change_nothing_else(checkout: Checkout, path: str) -> None:
    checkout.epoch(final=False)
    checkout.change(f"mkdir -p $(dirname {path}); echo '# x' >> {path}")
    assert "WRITES_VIA_WORKFLOW" in rules(checkout.pull("epoch/default/1"))


def test_a_change_of_rules_is_allowed_and_pointed_out(checkout: Checkout) -> None:
    checkout.change("echo '# x' >> weights/default.yaml; echo y >> README.md")
    found = checkout.pull("topic")
    assert found.findings == ()
    assert found.notices == ("changes what the ledger's rules rest on: weights/default.yaml; its owners decide",)


def test_main_never_holds_unsigned_data(checkout: Checkout) -> None:
    checkout.epoch(final=False)
    (finding,) = [one for one in checkout.push().findings if one.path == FOLDER]
    assert (finding.expected, finding.actual) == ("finalized", "review")


def test_what_was_signed_may_come_to_main(checkout: Checkout) -> None:
    checkout.epoch(final=True)
    assert checkout.push().findings == ()


def test_a_first_push_is_looked_at_as_it_stands(checkout: Checkout) -> None:
    assert checkout.push("0" * 40).findings == ()
    checkout.epoch(final=False)
    assert "WRITES_VIA_WORKFLOW" in rules(checkout.push("0" * 40))


def test_a_rewritten_history_is_seen(checkout: Checkout) -> None:
    lost = checkout.change("echo x >> README.md")
    git(checkout.root, "reset", "--quiet", "--hard", checkout.base)
    (finding,) = checkout.push(lost).findings
    assert "its history was rewritten" in finding.message


def test_a_line_that_main_lost_is_seen(checkout: Checkout) -> None:
    before = checkout.epoch(final=True)
    checkout.change(f"sed -i 1d {FOLDER}/activity.jsonl")
    assert rules(checkout.push(before)) == {"CURATION_FREEZE_ON_FINALIZE"}


def test_by_the_clock_main_is_looked_at_as_it_stands(checkout: Checkout) -> None:
    assert checkout.run("schedule", {"schedule": "1 2 * * *"}).findings == ()
    checkout.epoch(final=False)
    assert rules(checkout.run("schedule", {})) == {"WRITES_VIA_WORKFLOW"}


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("pull_request", {}),
        (
            "pull_request",
            {"pull_request": {"base": {"sha": "--upload-pack=x", "repo": HERE}, "head": {"ref": "x", "repo": HERE}}},
        ),
        ("push", {"before": "HEAD"}),
        ("push", {"before": "0" * 39 + "\n"}),
        ("push", "[]"),
        ("push", "{"),
    ],
)
def test_an_event_of_another_form_is_refused_in_words(checkout: Checkout, name: str, event: Any) -> None:
    with pytest.raises(InputError):
        checkout.run(name, event)


def test_an_amendment_comes_by_its_own_branch_alone_and_only_signed(checkout: Checkout) -> None:
    checkout.epoch(final=True)
    checkout.base = git(checkout.root, "rev-parse", "HEAD")
    with at(checkout.root, "2026-01-14T00:00:00Z", "ann") as session:
        begin(session, session.node.epoch("default", 1), "error", "a slip")
    checkout.save()
    found = checkout.pull("amend/default/1/2")
    assert found.findings == () and found.compared.startswith("epoch default/1, version 2")
    for ref in ("topic", "amend/default/1/3", "amend/default/2/2"):
        assert "WRITES_VIA_WORKFLOW" in rules(checkout.pull(ref)), ref
    (finding,) = [one for one in checkout.push(checkout.base).findings if one.rule == "WRITES_VIA_WORKFLOW"]
    assert (finding.path, finding.actual) == (f"{FOLDER}/amendments/02", "open"), "main holds only what was signed"
