"""An amendment on GitHub: begun by a comment, decided, signed and merged in a pull request of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from ledger.cli.app import ledger
from ledger.core.errors import StateError
from ledger.core.place import Place
from ledger.core.values import parse_time
from ledger.flows.identity import bind
from ledger.flows.session import open_session
from ledger.flows.sign import finalize
from ledger.flows.verify import verify
from ledger.forge.epoch import EpochBranch, Outcome
from tests.forge.support import ACCOUNTS, forge_node, in_review
from tests.forge.test_bindings import said
from tests.forge.test_clone import git
from tests.forge.test_inquiries import ask
from tests.forge.test_loop import Town
from tests.nodes import at, review_lines, sign_as
from tests.servers.forge import Forge as Hub

PLACE = Place("default", 1, 2)
HOME = "data/epochs/default/0001/amendments/02"
ASKED, BEGUN, DECIDED, SIGNED, AFTER = (f"2026-01-14T{hour:02d}:00:00Z" for hour in (6, 7, 8, 9, 10))


class Square(Town):
    """The town once its first epoch is final; Carol's account is bound a day late."""

    def sync(self, time: str) -> Outcome | None:  # type: ignore[override]
        self.hub.now = time
        return next(iter(self.loop(time).sync()), None)

    def sign(self, name: str, number: int) -> None:
        loop = self.loop(SIGNED)
        loop.clone.fetch()
        with loop.clone.workspace() as work:
            there = EpochBranch(loop, work, "default", PLACE)
            there.lay()
            lines = review_lines(there.session, there.folder, name)
            there.session.close()
        self.hub.review(number, name, "APPROVED", f"I looked.\n{lines}\n")

    def begin(self, text: str = "/amend late_evidence Carol's account was bound a day late") -> tuple[int, int]:
        """The issue of the question and the pull request of the amendment that an approver's comment begins."""
        self.hub.now = ASKED
        issue = ask(self, "default", "1")
        self.hub.comment(issue, "ann", text)
        outcome = self.sync(BEGUN)
        assert outcome is not None and outcome.pull is not None and not outcome.errors and not outcome.findings
        return issue, outcome.pull

    def branch(self) -> str:
        return git(self.checkout, "ls-remote", "origin", f"refs/heads/{PLACE.branch}").partition("\t")[0]


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = forge_node(tmp_path_factory.mktemp("node"))
    with in_review(root) as (session, folder):
        sign_as(session, folder, "ann", "ben")
        finalize(session, folder)
    with at(root, "2026-01-14T00:00:00Z", "ann") as session:
        bind(session, "file", "carol", login="carol", evidence="the minutes", actor="ann")
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", "--all")
    git(root, "reset", "--quiet", "--", "data/.lock")
    git(root, "commit", "--quiet", "-m", "A node")
    return root


@pytest.fixture
def square(closed: Path, tmp_path: Path) -> Iterator[Square]:
    with Hub(tmp_path / "hub") as hub:
        for name, number in ACCOUNTS.items():
            hub.account(name, number, permission="write" if name in ("ann", "ben", "cy") else "read")
        hub.push_main(closed)
        yield Square(hub, hub.clone(tmp_path / "checkout"))


def test_a_late_claim_comes_from_a_question_to_a_merged_second_version(square: Square) -> None:
    issue, number = square.begin()
    pull = square.hub.pull(number)
    assert pull.draft and pull.title == "Amendment default/1, version 2: late evidence"
    assert "began version 2 of epoch `default/1`" in said(square, issue)[-1]
    first = pull.body.index("### Who gains, who loses")
    assert 0 < pull.body.index("bound a day late") < first < pull.body.index("### Who gets what")
    assert "| `carol` | 0 | 2000 | +2000 |" in pull.body
    square.hub.comment(number, "cy", "/award alice 7 hosted the call")
    square.hub.comment(number, "ann", "/pool top_up 5 https://example.org/vote")
    square.hub.comment(number, "ann", "/review")
    outcome = square.sync(DECIDED)
    assert outcome is not None and (outcome.state, outcome.version) == ("review", 2)
    texts = square.said(number)
    assert any("Nothing was done" in text and "pool" in text for text in texts)
    assert sum("ledger:recorded" in text for text in texts) == 2
    pull = square.hub.pull(number)
    assert not pull.draft and "Version: 2" in pull.body and "hosted the call" in pull.body
    assert "Ledger Statement Amendment" in pull.body and "- [ ] **signatures**: `0 of 2`" in pull.body
    head, body, texts = square.branch(), pull.body, square.said(number)
    again = square.sync(SIGNED)
    assert again is not None and not again.changed and again.findings == ()
    assert (square.branch(), square.hub.pull(number).body, square.said(number)) == (head, body, texts)
    for name in ("ann", "ben"):
        square.sign(name, number)
    outcome = square.sync(AFTER)
    assert outcome is not None and (outcome.state, outcome.merged, outcome.findings) == ("finalized", True, ())
    assert square.hub.pull(number).merged and square.branch() == ""
    assert f"{HOME}/sha256sums.txt" in square.main()
    git(square.checkout, "merge", "--quiet", "--ff-only", "origin/main")
    session = open_session(square.checkout, parse_time(AFTER))
    assert verify(session).ok and session.folder("default", 1).version == 2
    session.close()
    assert square.sync(AFTER) is None, "nothing is in progress, and the old comment begins nothing anew"
    assert "(version 2)" in said(square, issue)[-1]


def test_an_amendment_that_an_approver_gives_up_leaves_nothing_and_another_begins_clean(square: Square) -> None:
    _, number = square.begin()
    square.hub.comment(number, "cy", "/award alice 7 hosted the call")
    square.hub.comment(number, "cy", "/abandon")
    square.sync(DECIDED)
    assert any("only an approver" in text for text in square.said(number)) and square.branch() != ""
    square.hub.comment(number, "ben", "/abandon")
    outcome = square.sync(SIGNED)
    assert outcome is not None and outcome.state == "abandoned" and square.branch() == ""
    assert square.hub.pull(number).state == "closed"
    assert square.sync(SIGNED) is None
    place = ["pr", "amend", "--node", str(square.checkout), "--epoch", "1", "--actor", "ben", "--now", AFTER, "--json"]
    environ = square.hub.environ("ben")
    why = ["--kind", "error", "--reason", "a slip"]
    for _ in range(2):  # the same words are the same act
        begun = CliRunner().invoke(ledger, [*place, *why], env=environ)
        assert begun.exception is None, begun.exception
        assert json.loads(begun.stdout)["branch"] == PLACE.branch
    other = CliRunner().invoke(ledger, [*place, "--kind", "fraud", "--reason", "another"], env=environ)
    assert isinstance(other.exception, StateError) and "is in progress" in str(other.exception)
    outcome = square.sync(AFTER)
    assert outcome is not None and outcome.pull not in (None, number)
    body = square.hub.pull(outcome.pull or 0).body
    assert "a slip" in body and "hosted the call" not in body


def test_nobody_but_an_approver_begins_one_and_a_wrong_form_is_answered(square: Square) -> None:
    square.hub.now = ASKED
    issue = ask(square, "default", "1")
    for name, text in (("eve", "/amend fraud mine"), ("cy", "/amend error a slip"), ("ann", "/amend oops a slip")):
        square.hub.comment(issue, name, text)
    assert square.sync(BEGUN) is None and square.branch() == ""
    answers = [text for text in said(square, issue) if "ledger:amending" in text]
    assert len(answers) == 1 and "/amend KIND reason" in answers[0]


def test_what_somebody_pushes_to_its_branch_by_hand_is_refused(square: Square) -> None:
    _, number = square.begin()
    git(square.checkout, "fetch", "--quiet", "origin", PLACE.branch)
    git(square.checkout, "checkout", "--quiet", "--detach", "FETCH_HEAD")
    paths = ("data/epochs/default/0001/statement.json", f"{HOME}/allocations.jsonl", "README.md")
    for path in paths:
        (square.checkout / path).write_bytes(b"")
    git(square.checkout, "add", "--all", "--force")
    git(square.checkout, "commit", "--quiet", "-m", "by hand")
    git(square.checkout, "push", "--quiet", "origin", f"HEAD:refs/heads/{PLACE.branch}")
    git(square.checkout, "checkout", "--quiet", "main")
    square.hub.comment(number, "ann", "/review")
    outcome = square.sync(DECIDED)
    assert outcome is not None and outcome.errors and square.hub.pull(number).draft
    assert {finding.path for finding in outcome.findings} >= set(paths)
