"""What `ledger init` writes for GitHub keeps a stranger's change away from what the rules rest on."""

from __future__ import annotations

import fnmatch
import json
from pathlib import Path

import pytest

from ledger.core.values import parse_time
from ledger.flows.start import NodePlan, render

NODE = render(NodePlan(name="n", start=parse_time("2026-01-05"), repository="acme/led", code_owners=["ann"]))


def owners(path: str) -> list[str]:
    """Who owns a file: the last line of CODEOWNERS that fits decides, and one without a name takes the owner away."""
    found: list[str] = []
    for line in NODE[".github/CODEOWNERS"].splitlines():
        pattern, *names = line.split("#")[0].split() or [""]
        folder = pattern.strip("/")
        if pattern == "*" or path == folder or path.startswith(f"{folder}/") or fnmatch.fnmatch(path, folder):
            found = names if pattern else found
    return found


@pytest.mark.parametrize(
    "path",
    [
        *sorted(NODE),
        ".github/workflows/new.yml",
        ".github/actions/x/action.yml",
        "data/identities.jsonl",
        "scopes/new.yaml",
        "weights/new.yaml",
        "site_templates/pages/epoch.html",
    ],
)
def test_every_file_that_rules_rest_on_has_an_owner(path: str) -> None:
    """Settings, bindings, workflows, templates: a pull request that touches them waits for the owner's own review."""
    assert owners(path) == ["@ann"]
    (review,) = [
        rule for rule in json.loads(NODE[".github/rulesets/main.json"])["rules"] if rule["type"] == "pull_request"
    ]
    assert review["parameters"]["require_code_owner_review"] is True
    assert review["parameters"]["required_approving_review_count"] >= 1


def test_the_records_of_an_epoch_belong_to_no_single_person() -> None:
    assert owners("data/epochs/default/0001/activity.jsonl") == []


def test_a_node_has_no_program_of_its_own_that_a_workflow_could_run() -> None:
    """Workflows run the pinned release of the ledger, so a change of the repository's files changes no code."""
    assert {Path(path).suffix for path in NODE} <= {".yml", ".yaml", ".json", ".md", ".gitkeep", ""}
