"""The weekly loop against a forge on loopback and a real remote: whatever comes, however often, the same ledger."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ledger.core.errors import InputError
from ledger.core.values import parse_time
from ledger.flows.session import open_session
from ledger.forge.epoch import EpochBranch, Outcome
from ledger.forge.github import Forge
from ledger.forge.loop import Loop
from tests.forge.support import ACCOUNTS, forge_node
from tests.forge.test_clone import git
from tests.nodes import review_lines
from tests.servers.forge import Forge as Hub

OPEN, REVIEW = "2026-01-07T06:00:00Z", "2026-01-13T06:00:00Z"
SOON, LATER = "2026-01-13T12:00:00Z", "2026-01-13T18:00:00Z"


class Town:
    """A node on the hub, and what people do there."""

    def __init__(self, hub: Any, checkout: Path) -> None:
        self.hub, self.checkout = hub, checkout

    def loop(self, time: str) -> Loop:
        environ = {**os.environ, **self.hub.environ("actions")}
        return Loop(self.checkout, Forge(environ), parse_time(time), environ, lambda _: None)

    def open(self, time: str) -> Outcome:
        self.hub.now = time
        (outcome,) = self.loop(time).open()
        return outcome

    def sync(self, time: str) -> Outcome:
        self.hub.now = time
        (outcome,) = self.loop(time).sync()
        return outcome

    def lines(self, name: str) -> str:
        loop = self.loop(LATER)
        loop.clone.fetch()
        with loop.clone.workspace() as work:
            epoch = EpochBranch(loop, work, "default")
            epoch.lay()
            lines = review_lines(epoch.session, epoch.folder, name)
            epoch.session.close()
        return lines

    def sign(self, name: str, number: int) -> None:
        self.hub.review(number, name, "APPROVED", f"I looked.\n{self.lines(name)}\n")

    def said(self, number: int) -> list[str]:
        return [one.body for one in self.hub.pull(number).comments if one.author == "github-actions[bot]"]

    def head(self) -> str:
        return git(self.checkout, "ls-remote", "origin", "refs/heads/epoch/default/1").partition("\t")[0]

    def main(self) -> list[str]:
        git(self.checkout, "fetch", "--quiet", "origin", "main")
        return git(self.checkout, "ls-tree", "-r", "--name-only", "origin/main", "data").splitlines()


@contextmanager
def founded(folder: Path) -> Iterator[Town]:
    """A town whose node is new."""
    with Hub(folder / "hub") as hub:
        for name, number in ACCOUNTS.items():
            hub.account(name, number, permission="write" if name in ("ann", "ben", "cy") else "read")
        root = forge_node(folder / "node")
        git(root, "init", "--quiet", "--initial-branch=main")
        git(root, "add", "--all")
        git(root, "commit", "--quiet", "-m", "A node")
        hub.push_main(root)
        yield Town(hub, hub.clone(folder / "checkout"))


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    with founded(tmp_path) as town:
        yield town


@pytest.fixture(scope="module")
def to_finalize(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], tuple[Town, int]]]:
    """A town whose epoch has all its signatures, with its pull request; each call goes back to that moment."""
    with founded(tmp_path_factory.mktemp("to-finalize")) as town:
        number = town.open(REVIEW).pull
        assert number is not None
        town.hub.comment(number, "cy", "/exclude file:work:b1 counted elsewhere")
        town.sync(REVIEW)
        for name in ("ann", "ben"):
            town.sign(name, number)
        back = town.hub.kept(town.checkout)
        yield lambda: (back(), (town, number))[1]


def test_a_week_from_open_to_merged(town: Town) -> None:
    outcome = town.open(OPEN)
    assert (outcome.state, outcome.errors, outcome.findings) == ("open", [], ())
    number = outcome.pull
    assert number is not None
    pull = town.hub.pull(number)
    assert pull.draft and "is **open**" in pull.body
    assert town.main() == ["data/epochs/.gitkeep", "data/identities.jsonl"]
    town.hub.comment(number, "cy", "/exclude file:work:b1 counted elsewhere")
    outcome = town.open(REVIEW)
    assert outcome.state == "review" and outcome.pull == number
    pull = town.hub.pull(number)
    assert not pull.draft and "- [ ] **signatures**: `0 of 2`" in pull.body
    town.sign("ann", number)
    outcome = town.sync(SOON)
    assert outcome.state == "review" and "1 of 2: ann" in town.hub.pull(number).body
    town.sign("ben", number)
    outcome = town.sync(LATER)
    assert (outcome.state, outcome.merged) == ("finalized", True)
    assert town.hub.pull(number).merged
    assert "data/epochs/default/0001/sha256sums.txt" in town.main()
    assert town.head() == "", "its branch is gone"
    git(town.checkout, "merge", "--quiet", "--ff-only", "origin/main")
    session = open_session(town.checkout, parse_time(LATER))
    from ledger.flows.verify import verify

    assert verify(session).ok
    session.close()


def test_where_minutes_are_billed_the_site_is_built_for_what_is_signed_alone(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_SPARING", "yes")
    town.open(OPEN)
    assert town.hub.dispatches == []
    town.open(REVIEW)
    assert [one.workflow for one in town.hub.dispatches] == ["publish.yml"]


def test_running_everything_again_changes_nothing(town: Town) -> None:
    number = town.open(OPEN).pull
    assert number is not None
    town.hub.comment(number, "cy", "/exclude file:work:b1 counted elsewhere")
    town.open(REVIEW)
    town.sign("ann", number)
    town.sync(SOON)
    head, body, said = town.head(), town.hub.pull(number).body, town.said(number)
    for _ in range(2):
        assert not town.sync(LATER).changed
        assert not town.open(LATER).changed
    assert (town.head(), town.hub.pull(number).body, town.said(number)) == (head, body, said)


def test_each_command_is_answered_once(town: Town) -> None:
    number = town.open(OPEN).pull
    assert number is not None
    for body in ("/help", "/status", "/exclude nothing at all", "/weight file:work:a1 5000 twice as hard"):
        town.hub.comment(number, "ann", body)
    town.hub.comment(number, "eve", "/exclude file:work:a1 mine")
    town.sync(SOON)
    town.sync(SOON)
    said = town.said(number)
    assert len(said) == 5
    assert sum("Nothing was done" in text for text in said) == 2
    assert sum("ledger:recorded" in text for text in said) == 1


def test_a_changed_statement_voids_signatures_and_asks_again(town: Town) -> None:
    number = town.open(REVIEW).pull
    assert number is not None
    town.sync(REVIEW)
    town.sign("ann", number)
    town.sync(SOON)
    town.hub.comment(number, "cy", "/exclude file:work:b1 counted elsewhere")
    outcome = town.sync(LATER)
    assert "(1 void)" in {one.name: one.detail for one in outcome.conditions}["signatures"]
    asked = [text for text in town.said(number) if text.startswith("<!-- ledger:statement")]
    assert len(asked) == 2 and "1 signature(s) over earlier ones are void" in asked[1] and "@ann @ben" in asked[1]


def test_main_that_moves_is_taken_in(town: Town) -> None:
    number = town.open(OPEN).pull
    (town.checkout / "README.md").write_text("moved\n", "utf-8")
    git(town.checkout, "commit", "--quiet", "-am", "Main moves")
    town.hub.push_main(town.checkout)
    outcome = town.sync(SOON)
    assert outcome.changed and outcome.findings == () and outcome.pull == number
    assert git(town.checkout, "diff", "--name-only", "origin/main", town.head()).count("README") == 0


def test_a_branch_that_was_tampered_with_is_refused_and_nothing_is_taken_from_it(town: Town) -> None:
    from tests.forge.test_clone import by_hand

    number = town.open(REVIEW).pull
    assert number is not None
    by_hand(town.checkout, "sed -i 1d data/epochs/default/0001/activity.jsonl")
    outcome = town.sync(SOON)
    assert "what the log does not allow" in str(outcome.errors[0])
    assert {"context": "ledger/guard", "state": "failure"}.items() <= town.hub.status(
        town.head(), "ledger/guard"
    ).items()
    assert not town.hub.pull(number).merged


def test_decisions_come_back_when_a_branch_is_started_anew(town: Town) -> None:
    number = town.open(OPEN).pull
    assert number is not None
    town.hub.comment(number, "cy", "/exclude file:work:b1 counted elsewhere")
    town.sync(OPEN)
    path = "origin/epoch/default/1:data/epochs/default/0001/curation.jsonl"
    git(town.checkout, "fetch", "--quiet", "origin", "+refs/heads/*:refs/remotes/origin/*")
    before = git(town.checkout, "show", path)
    git(town.checkout, "push", "--quiet", "origin", ":refs/heads/epoch/default/1")
    town.open(OPEN)
    town.sync(OPEN)
    git(town.checkout, "fetch", "--quiet", "origin", "+refs/heads/*:refs/remotes/origin/*")
    assert git(town.checkout, "show", path) == before


def test_with_merge_manual_it_waits_for_a_person(town: Town) -> None:
    path = town.checkout / "scopes" / "default.yaml"
    path.write_text(path.read_text("utf-8") + "merge: manual\n", "utf-8")
    git(town.checkout, "commit", "--quiet", "-am", "Merge by hand")
    town.hub.push_main(town.checkout)
    number = town.open(REVIEW).pull
    assert number is not None
    town.sync(REVIEW)
    for name in ("ann", "ben"):
        town.sign(name, number)
    outcome = town.sync(SOON)
    assert (outcome.state, outcome.merged) == ("finalized", False)
    assert "a person merges it" in outcome.notes[0]


def test_questions_block_until_they_are_answered(town: Town) -> None:
    path = town.checkout / "scopes" / "default.yaml"
    path.write_text(path.read_text("utf-8") + "objection_hours: 4\n", "utf-8")
    git(town.checkout, "commit", "--quiet", "-am", "Time for questions")
    town.hub.push_main(town.checkout)
    number = town.open(REVIEW).pull
    assert number is not None
    form = "### Scope\n\ndefault\n\n### Epoch\n\n1\n\n### Person\n\nalice\n\n### Question\n\nWhy so much? @everyone"
    issue = town.hub.open_issue("eve", "Why?", form, ["ledger:question"])
    town.sync(REVIEW)
    for name in ("ann", "ben"):
        town.sign(name, number)
    outcome = town.sync(LATER)
    assert outcome.state == "review"
    assert f"without an answer: #{issue}" in {one.name: one.detail for one in outcome.conditions}["questions"]
    assert "everyone" not in town.hub.pull(number).body
    town.hub.comment(number, "ann", f"/answer {issue} she chaired the meeting")
    outcome = town.sync(LATER)
    assert outcome.state == "finalized"
    assert town.hub.issue(issue).state == "closed"
    assert any("she chaired the meeting" in one.body for one in town.hub.issue(issue).comments)


def test_a_pull_request_of_a_fork_with_the_same_branch_name_is_not_taken_for_ours(town: Town) -> None:
    town.hub.fork_pull("eve", "epoch/default/1", "Mine")
    number = town.open(OPEN).pull
    assert number is not None and town.hub.pull(number).author == "github-actions[bot]"


def test_preview_lays_what_is_in_progress_over_main(town: Town, tmp_path: Path) -> None:
    town.open(OPEN)
    for _ in range(2):
        assert town.loop(OPEN).preview(tmp_path / "preview") == [("default", 1, 1)]
    assert (tmp_path / "preview" / "data/epochs/default/0001/activity.jsonl").is_file()


def test_a_preview_replaces_nothing_but_a_preview(town: Town, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine", "utf-8")
    for out in (tmp_path / "mine", tmp_path / "mine" / "notes.txt", town.checkout):
        with pytest.raises(InputError, match="no earlier preview"):
            town.loop(OPEN).preview(out)
    assert (tmp_path / "mine" / "notes.txt").read_text("utf-8") == "mine"


RUBBISH = {
    "a line gone": "sed -i 1d data/epochs/default/0001/activity.jsonl",
    "a link": "ln -s /etc/passwd data/epochs/default/0001/statement.json",
    "a file of another place": "echo x > evil",
    "no history": "git checkout --quiet --orphan other; git rm -rfq .; mkdir -p data; echo x > data/x",
}


@pytest.mark.parametrize("change", RUBBISH)
def test_a_branch_that_was_tampered_with_is_left_out_of_the_preview(town: Town, tmp_path: Path, change: str) -> None:
    from tests.forge.test_clone import by_hand

    town.open(OPEN)
    by_hand(town.checkout, RUBBISH[change], force=True)
    told: list[str] = []
    loop = town.loop(OPEN)
    loop.tell = told.append
    assert loop.preview(tmp_path / "preview") == []
    assert not (tmp_path / "preview" / "data/epochs/default").exists(), "main is published as it stands"
    assert [text for text in told if text.startswith("default/1 is left out: ")]
    outcome = town.sync(SOON)
    assert outcome.findings and "holds what the log does not allow" in str(outcome.errors[0])


def test_unsigned_data_that_was_merged_by_hand_stops_the_loop(town: Town) -> None:
    from ledger.core.errors import StateError

    town.open(OPEN)
    git(town.checkout, "fetch", "--quiet", "origin", "+refs/heads/*:refs/remotes/origin/*")
    git(town.checkout, "merge", "--quiet", "--no-ff", "-m", "by hand", "origin/epoch/default/1")
    town.hub.push_main(town.checkout)
    with pytest.raises(StateError, match="unsigned data was merged"):
        town.sync(SOON)


CUTS = [
    "graphql Pulls",
    "graphql Comments",
    "graphql Reviews",
    "graphql Questions",
    "POST .*/comments",
    "POST .*/statuses/",
    "GET .*/status$",
    "PATCH .*/pulls/",
    "PUT .*/merge",
    "POST .*/dispatches",
]


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("cut", CUTS)
def test_a_run_that_is_cut_off_at_a_request_is_completed_by_the_next(
    to_finalize: Callable[[], tuple[Town, int]], cut: str, done: bool
) -> None:
    from ledger.core.errors import LedgerError
    from tests.servers.github.faults import Answer

    town, number = to_finalize()
    town.hub.fail(cut, lambda _: Answer(403, b'{"message": "cut off"}'), times=50, done=done)
    try:
        town.sync(SOON)
    except LedgerError as error:
        assert "HTTP 403" in str(error)
    town.hub.heal()
    town.loop(LATER).sync()
    assert town.hub.pull(number).merged
    assert "data/epochs/default/0001/sha256sums.txt" in town.main()
    assert town.head() == ""
    signatures = git(town.checkout, "show", "origin/main:data/epochs/default/0001/signatures.jsonl").splitlines()
    assert len(signatures) == 2
    recorded = [text.partition("\n")[0] for text in town.said(number) if "ledger:recorded" in text]
    assert sorted(set(recorded)) == sorted(recorded) or done, "said twice only where the answer to it was lost"
