"""Switching a ledger on: the plan is shown first, what is so is left alone, and afterwards nothing is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.core.values import parse_time
from ledger.flows.session import open_session
from ledger.flows.start import NodePlan, SourcePlan, init_node
from ledger.forge.doctor import local_items, remote_items
from ledger.forge.github import Forge
from ledger.forge.setup import Plan, carry_out, make_plan
from tests.nodes import WALLETS
from tests.servers.forge import Forge as Hub
from tests.servers.github.faults import Answer

NAME, NOW = "team/town", parse_time("2026-01-07T06:00:00Z")


class Owner:
    """Somebody with the role admin and a fresh repository."""

    def __init__(self, folder: Path, hub: Hub) -> None:
        self.hub, self.root = hub, folder / "node"
        options = {"guild": "123", "logins": "hide", "ids": "keyed", "consent": "bound"}
        init_node(
            self.root,
            NodePlan(
                name="town",
                start=parse_time("2026-01-05"),
                approvers=[("ann", WALLETS["ann"])],
                accounts={"ann": 101},
                sources=[SourcePlan("discord", "discord", options)],
                repository=NAME,
                site_url="https://team.github.io/town/",
                code_owners=["ann"],
            ),
        )
        self.environ = {**os.environ, **hub.environ("maintainer"), "LEDGER_SECRET": "a" * 64, "DISCORD_TOKEN": "b"}
        self.forge = Forge(self.environ)

    def plan(self) -> Plan:
        return make_plan(open_session(self.root, NOW), self.forge, self.environ)

    def carry_out(self, plan: Plan) -> list[str]:
        session = open_session(self.root, NOW)
        return [one.name for one in carry_out(session, self.forge, plan, self.environ, lambda _: None)]

    def missing(self) -> list[str]:
        session = open_session(self.root, NOW)
        found = [*local_items(session), *remote_items(session, self.forge)]
        return [item.name for item in found if item.verdict != "ok"]


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    with Hub(tmp_path / "hub", NAME) as hub:
        hub.account("ann", 101, permission="read")
        hub.settings.default_workflow_permissions = "write"
        hub.settings.can_approve_pull_request_reviews = False
        hub.settings.allowed_actions = "selected"
        found = Owner(tmp_path, hub)
        subprocess.run(["git", "init", "-q", "-b", "main", str(found.root)], check=True)
        subprocess.run(["git", "-C", str(found.root), "remote", "add", "origin", hub.git_url], check=True)
        yield found


def test_after_the_plan_is_carried_out_the_doctor_finds_nothing_missing(owner: Owner) -> None:
    plan = owner.plan()
    assert owner.hub.settings.variables == {} and owner.hub.settings.rulesets == [], "a plan changes nothing"
    made = owner.carry_out(plan)
    assert owner.missing() == []
    assert made[0] == "main" and made[-1] == "first run"
    assert [one.workflow for one in owner.hub.dispatches] == ["collect.yml"]
    assert owner.plan().changes == [], "what is so is left alone"
    assert all(one.undo or one.name in ("main", "first run") for one in plan.changes)


def test_a_private_repository_spares_the_minutes_that_it_is_billed_for(owner: Owner) -> None:
    owner.hub.settings.private = True
    assert "billed minutes" in owner.carry_out(owner.plan())
    assert owner.hub.settings.variables["LEDGER_SPARING"] == "yes" and owner.plan().changes == []


def test_a_step_that_fails_is_named_and_the_next_run_goes_on_from_there(owner: Owner) -> None:
    owner.hub.fail("POST .*/rulesets", lambda _: Answer(422, b"{}"), times=9)
    with pytest.raises(Exception, match="rulesets") as caught:
        owner.carry_out(owner.plan())
    assert "run this again" in getattr(caught.value, "hint", "")
    owner.hub.heal()
    assert owner.carry_out(owner.plan())[0] == "rules of main"
    assert owner.missing() == []


def test_a_secret_that_is_not_here_is_a_persons(owner: Owner) -> None:
    del owner.environ["LEDGER_SECRET"]
    plan = owner.plan()
    (theirs,) = [one for one in plan.changes if one.by_person]
    assert theirs.name == "secret LEDGER_SECRET" and "openssl rand" in theirs.will
    owner.carry_out(plan)
    assert owner.missing() == ["secret LEDGER_SECRET"]


def test_from_the_command_line_the_plan_comes_first_and_nothing_is_done_unasked(owner: Owner) -> None:
    def ledger(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ledger", "setup", "--node", str(owner.root), *arguments]
        where = Path(__file__).parents[2]
        return subprocess.run(
            command, cwd=where, env=owner.environ, capture_output=True, text=True, check=False, input=""
        )

    dry = ledger("--dry-run")
    assert dry.returncode == 0 and "change  rules of main" in dry.stdout, dry.stderr
    assert ledger().returncode == 2 and owner.hub.settings.rulesets == []
    done = ledger("--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 missing, 0 unknown" in done.stderr and "gh variable delete LEDGER_REPOSITORY" in done.stderr
    assert "a" * 64 not in dry.stdout + dry.stderr + done.stdout + done.stderr
