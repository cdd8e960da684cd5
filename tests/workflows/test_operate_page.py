"""What operators are told is what there is: steps, workflows, settings, labels."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ledger.core.config import (
    Approver,
    EpochSettings,
    NodeSettings,
    PoolSettings,
    Route,
    ScopeSettings,
    SpamRule,
    WeightPolicy,
)
from ledger.core.values import parse_time
from ledger.flows.start import ACTION, WORKFLOWS, NodePlan, render, workflows

PAGE = (Path(__file__).parents[2] / "docs" / "operate.md").read_text("utf-8")
NODE = render(NodePlan(name="n", start=parse_time("2026-01-05")))


def blocks(text: str) -> list[str]:
    return re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)


def test_the_page_and_a_nodes_own_list_give_the_same_steps() -> None:
    steps = blocks(NODE["docs/operate.md"])
    assert len(steps) >= 7
    assert [step for step in steps if step not in blocks(PAGE)] == []


def test_a_nodes_own_list_names_its_repository() -> None:
    text = render(NodePlan(name="n", start=parse_time("2026-01-05"), repository="acme/led"))["docs/operate.md"]
    assert "repos/acme/led/" in text
    assert "OWNER/NAME" not in text


@pytest.mark.parametrize("name", WORKFLOWS)
def test_the_table_of_workflows_names_every_command_of_each(name: str) -> None:
    (row,) = re.findall(rf"^\| `{name}` \|.*$", PAGE, flags=re.MULTILINE)
    commands = set(re.findall(r"run: (ledger [a-z]+(?: [a-z]+)?)", workflows()[f".github/workflows/{name}.yml"]))
    listed = {command for command in commands if command not in ("ledger ci alarm", "ledger pr status")}
    assert listed
    assert {command for command in listed if f"`{command}`" not in row} == set()


@pytest.mark.parametrize(
    "model", [NodeSettings, EpochSettings, ScopeSettings, Approver, PoolSettings, Route, SpamRule, WeightPolicy]
)
def test_every_setting_is_explained(model: type) -> None:
    fields = [field for field in model.model_fields if field not in ("epoch", "pool")]  # type: ignore[attr-defined]
    missing = [field for field in fields if not re.search(rf"`(?:[a-z]+\.)?{field}`|^\s+(?:- )?{field}:", PAGE, re.M)]
    assert missing == []


def test_every_label_that_a_form_sets_is_made_by_a_step() -> None:
    made = set(re.findall(r"gh label create (\S+)", PAGE))
    forms = [yaml.safe_load(text) for path, text in NODE.items() if "/ISSUE_TEMPLATE/" in path]
    assert made == {label for form in forms for label in form["labels"]} | {"ledger:alarm"}


def test_every_variable_and_secret_that_a_workflow_reads_is_explained() -> None:
    read = set(re.findall(r"(?:vars|secrets)\.(\w+)", "".join(workflows().values())))
    assert len(read) > 5
    assert [name for name in read if name not in PAGE] == []


def test_the_page_names_the_action_that_workflows_call() -> None:
    assert f"uses: {ACTION.partition('@')[0]}@" in PAGE
