"""One issue a workflow: opened once, closed when it works again, and nobody else's issue counts."""

from __future__ import annotations

import pytest

from ledger.core.errors import UsageError
from ledger.forge.alarm import alarm
from ledger.forge.github import Forge
from tests.forge.test_loop import Town, town

__all__ = ["town"]

RUN = {"GITHUB_RUN_ID": "77"}


def forge(town: Town) -> Forge:
    town.hub.settings.labels["ledger:alarm"] = ("ededed", "")
    return Forge(town.hub.environ("actions"))


def test_a_failing_workflow_has_one_issue_however_often_it_fails(town: Town) -> None:
    hub = forge(town)
    number = alarm(hub, "collect", RUN, ok=False)
    assert number is not None and alarm(hub, "collect", RUN, ok=False) is None
    issue = town.hub.issue(number)
    assert (issue.title, issue.labels, issue.author) == (
        "collect: a run failed",
        ["ledger:alarm"],
        "github-actions[bot]",
    )
    assert issue.body.startswith(f"A run of `collect` failed. See [the run]({hub.url}/actions/runs/77).")
    assert alarm(hub, "publish", RUN, ok=False) != number, "each workflow has its own"


def test_it_is_closed_when_the_workflow_works_again(town: Town) -> None:
    hub = forge(town)
    number = alarm(hub, "collect", RUN, ok=False)
    assert number is not None
    assert alarm(hub, "publish", RUN, ok=True) is None and town.hub.issue(number).state == "open"
    assert alarm(hub, "collect", RUN, ok=True) == number and town.hub.issue(number).state == "closed"
    assert alarm(hub, "collect", RUN, ok=True) is None
    again = alarm(hub, "collect", RUN, ok=False)
    assert again not in (None, number)


def test_a_strangers_issue_neither_hides_an_alarm_nor_is_closed(town: Town) -> None:
    hub = forge(town)
    fake = town.hub.open_issue("ann", "collect: a run failed", "hush", ["ledger:alarm"])
    number = alarm(hub, "collect", RUN, ok=False)
    assert number not in (None, fake)
    alarm(hub, "collect", RUN, ok=True)
    assert town.hub.issue(fake).state == "open"


@pytest.mark.parametrize("name", ["", "a b", "x\n::set-output name=a::b", "../collect", "Collect"])
def test_only_the_name_of_a_workflow_is_taken(town: Town, name: str) -> None:
    with pytest.raises(UsageError, match="is no workflow"):
        alarm(forge(town), name, RUN, ok=False)


def test_what_is_no_run_is_not_linked(town: Town) -> None:
    hub = forge(town)
    number = alarm(hub, "collect", {"GITHUB_RUN_ID": "7)[x](https://evil.example"}, ok=False)
    assert number is not None and "evil" not in town.hub.issue(number).body
