"""Receipts on GitHub: an issue asks, wallets sign in comments, one pull request on main gathers what counts."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.core.values import parse_time
from ledger.core.workitems import Named, named
from ledger.flows.identity import bind
from ledger.flows.people import find_user
from ledger.forge.github import Forge
from ledger.forge.receipts import LABEL, Gathered, ReceiptLoop
from tests.forge.test_clone import git
from tests.nodes import at, signature
from tests.receipt_nodes import receipt_node
from tests.servers.forge import Forge as Hub

LOG = "data/receipts.jsonl"
FORM = "### Scope\n\n_No response_\n\n### Item\n\n{item}\n\n### Points\n\n5\n\n"
FORM += "### Author\n\n@dora\n\n### Reviewer\n\n@emil\n\n"
FORM += "### Approver\n\n_No response_\n\n### Link\n\nhttps://example.org/`54`\n"


class Village:
    """A node on the hub whose people vouch for each other."""

    def __init__(self, hub: Any, checkout: Path) -> None:
        self.hub, self.checkout = hub, checkout

    def gather(self, time: str) -> Gathered:
        self.hub.now = time
        environ = {**os.environ, **self.hub.environ("actions")}
        return ReceiptLoop(self.checkout, Forge(environ), parse_time(time), environ, lambda _: None).gather()

    def said(self, number: int) -> list[str]:
        return [one.body for one in self.hub.thread(number).comments if one.author == "github-actions[bot]"]

    def sign(self, number: int, who: str, time: str, which: int = -1, by: str = "ann") -> None:
        """Sign every text of what the ledger said, and post the lines with the answers."""
        self.hub.now = time
        blocks = re.findall(r"^(`{3,})text\n(.*?)\n\1$", self.said(number)[which], re.M | re.S)
        texts = [text for _, text in blocks]
        for text, line in zip(texts[::2], texts[1::2], strict=True):
            self.hub.comment(number, by, line.replace("0x…", signature(text, who)))

    def branch(self, name: str = "receipts") -> str:
        return git(self.checkout, "ls-remote", "origin", f"refs/heads/{name}").partition("\t")[0]

    def log(self) -> list[Any]:
        git(self.checkout, "fetch", "--quiet", "origin", "receipts")
        return [json.loads(line) for line in git(self.checkout, "show", f"FETCH_HEAD:{LOG}").splitlines()]


@pytest.fixture
def village(tmp_path: Path) -> Iterator[Village]:
    with Hub(tmp_path / "hub") as hub:
        for number, name in enumerate(("ann", "ben", "eve"), start=101):
            hub.account(name, number, permission="write" if name != "eve" else "read")
        root = receipt_node(tmp_path / "node")
        git(root, "init", "--quiet", "--initial-branch=main")
        git(root, "add", "--all")
        git(root, "commit", "--quiet", "-m", "A node")
        hub.push_main(root)
        yield Village(hub, hub.clone(tmp_path / "checkout"))


def test_from_a_form_to_a_pull_request_with_signed_acts_and_again_nothing(village: Village) -> None:
    village.hub.now = "2026-01-06T08:00:00Z"
    number = village.hub.open_issue("eve", "Vouch", FORM.format(item="task.0054"), [LABEL])
    assert village.gather("2026-01-06T09:00:00Z").acts == 0
    assert village.branch() == ""
    assert "Estimate: 5 of 5" in village.said(number)[0]
    village.sign(number, "ann", "2026-01-06T10:00:00Z")
    found = village.gather("2026-01-06T11:00:00Z")
    assert (found.acts, found.refused) == (2, [])
    assert found.pull is not None
    assert village.hub.pull(found.pull).title == "Receipts"
    village.sign(number, "ben", "2026-01-06T12:00:00Z", by="ben")
    village.sign(number, "ben", "2026-01-06T12:10:00Z", -2, by="eve")  # whoever posts it, the signature counts
    village.hub.now = "2026-01-06T12:30:00Z"
    village.hub.comment(number, "eve", '/receipt {"decision":"approved"}')
    village.hub.comment(number, "eve", "thanks!")
    found = village.gather("2026-01-06T13:00:00Z")
    assert [(act["act"], act["at"][11:16]) for act in village.log()] == [
        ("issued", "10:00"),
        ("issued", "10:00"),
        ("approved", "12:00"),
        ("approved", "12:10"),
    ]
    assert len(found.refused) == 1
    assert "Nothing was done" in village.said(number)[-1]
    head, said = village.branch(), village.said(number)
    again = village.gather("2026-01-07T13:00:00Z")
    assert (again.changed, village.branch(), village.said(number)) == (False, head, said)


def test_the_branch_is_built_anew_when_main_moves_so_that_it_never_conflicts(village: Village, tmp_path: Path) -> None:
    village.hub.now = "2026-01-06T08:00:00Z"
    number = village.hub.open_issue("eve", "Vouch", FORM.format(item="a.1"), [LABEL])
    village.gather("2026-01-06T09:00:00Z")
    village.sign(number, "ann", "2026-01-06T10:00:00Z")
    first = village.gather("2026-01-06T11:00:00Z").commit
    other = village.hub.clone(tmp_path / "other")
    (other / "README.md").write_text("more\n", "utf-8")
    git(other, "add", "--all")
    git(other, "commit", "--quiet", "-m", "More")
    village.hub.push_main(other)
    second = village.gather("2026-01-06T12:00:00Z")
    assert second.changed and second.commit != first
    git(village.checkout, "fetch", "--quiet", "origin", "main", "receipts")
    base = git(village.checkout, "merge-base", "origin/main", str(second.commit))
    assert base == git(village.checkout, "rev-parse", "origin/main")


def test_a_form_that_cannot_be_right_is_answered_in_words_once(village: Village) -> None:
    village.hub.now = "2026-01-06T08:00:00Z"
    number = village.hub.open_issue("eve", "Vouch", FORM.format(item="two words"), [LABEL])
    village.gather("2026-01-06T09:00:00Z")
    village.gather("2026-01-06T10:00:00Z")
    (said,) = village.said(number)
    assert "cannot be vouched for as it stands" in said
    assert village.branch() == ""


def test_a_merged_pull_request_that_names_a_work_item_proposes_receipts_and_counts_nothing_unsigned(
    village: Village, tmp_path: Path
) -> None:
    """Reviewer and merger by their accounts; who is bound to nobody is named; a second run says nothing."""
    root = village.checkout
    with at(root, "2026-01-06T07:00:00Z", "ann") as session:
        for name, account in (("dora", "103"), ("emil", "102")):
            bind(session, "github", account, login=name, actor="ann", user_id=find_user(session, f"@{name}"))
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", "Accounts")
    village.hub.push_main(root)
    work = village.hub.clone(tmp_path / "work")
    git(work, "checkout", "--quiet", "-b", "feature")
    (work / "README.md").write_text("more\n", "utf-8")
    git(work, "add", "--all")
    git(work, "commit", "--quiet", "-m", "More")
    git(work, "push", "--quiet", "origin", "feature")
    village.hub.now = "2026-01-06T08:00:00Z"
    number = village.hub.open_pull("ann", "feature", "More", "Closes task.0054\n\nestimate: 5\n")
    village.hub.review(number, "ben", "APPROVED")
    village.hub.merge(number, "ben")
    assert village.gather("2026-01-06T09:00:00Z").acts == 0
    (said,) = village.said(number)
    assert re.findall("^Role: (.*)\nEstimate: (.*)$", said, re.M) == [("reviewer", "5 of 5"), ("approver", "5 of 5")]
    assert "Nobody has bound the account of `ann`" in said
    assert village.branch() == ""
    village.sign(number, "ann", "2026-01-06T10:00:00Z")
    assert village.gather("2026-01-06T11:00:00Z").acts == 2
    before = village.said(number)
    assert not village.gather("2026-01-06T12:00:00Z").changed
    assert village.said(number) == before


def test_only_one_item_with_its_points_is_a_proposal() -> None:
    for text, labels, found in (
        ("Fix task.0054.\n- Estimate: 5", [], Named("task.0054", 5)),
        ("nothing", ["task.1/a", "estimate: 3"], Named("task.1/a", 3)),
        ("task.1 and task.2\nestimate: 5", [], None),
        ("task.1\nestimate: 5\nestimate: 6", [], None),
        ("task.1\nestimate: 0", [], None),
        ("task.1\nmy estimate: 5", [], None),
        ("multitask.1\nestimate: 5", [], None),
        ("task.\nestimate: 5", [], None),
    ):
        assert named(text, labels, ["task."], "estimate") == found, text
