"""Several scopes in one repository: each has its own branch and pull request, and none waits for another."""

from __future__ import annotations

import pytest

from ledger.core.errors import StateError
from ledger.forge.epoch import EpochBranch
from tests.forge.test_clone import git
from tests.forge.test_loop import LATER, REVIEW, SOON, Town, town
from tests.nodes import review_lines

__all__ = ["town"]


@pytest.fixture
def two(town: Town) -> Town:
    """A second scope comes to main, with the same people and a source of its own."""
    text = (town.checkout / "scopes" / "default.yaml").read_text("utf-8")
    text = (
        text.replace("scope_id: default", "scope_id: docs").replace("work.csv", "docs.csv").replace('"work"', '"docs"')
    )
    (town.checkout / "scopes" / "docs.yaml").write_text(text, "utf-8")
    rows = (town.checkout / "work.csv").read_text("utf-8")
    (town.checkout / "docs.csv").write_text(rows, "utf-8")
    git(town.checkout, "add", "--all")
    git(town.checkout, "commit", "--quiet", "-m", "A second scope")
    town.hub.push_main(town.checkout)
    return town


def sign(town: Town, scope_id: str, number: int) -> None:
    """Both approvers sign the first epoch of a scope, in reviews."""
    loop = town.loop(town.hub.now)
    loop.clone.fetch()
    with loop.clone.workspace() as work:
        epoch = EpochBranch(loop, work, scope_id)
        epoch.lay()
        lines = {name: review_lines(epoch.session, epoch.folder, name) for name in ("ann", "ben")}
        epoch.session.close()
    for name, text in lines.items():
        town.hub.review(number, name, "APPROVED", text)


def test_each_scope_has_a_branch_and_a_pull_request_and_one_run_merges_both(two: Town) -> None:
    first, second = two.loop(REVIEW).open()
    assert [one.scope_id for one in (first, second)] == ["default", "docs"]
    assert first.pull is not None and second.pull is not None and first.pull != second.pull
    assert two.hub.pull(second.pull).head == "epoch/docs/1"
    two.hub.now = SOON
    sign(two, "default", first.pull)
    sign(two, "docs", second.pull)
    assert [one.merged for one in two.loop(LATER).sync()] == [True, True]
    assert {path.split("/")[2] for path in two.main() if path.endswith("/statement.json")} == {"default", "docs"}


def test_a_signature_for_one_scope_does_not_count_in_another(two: Town) -> None:
    first, second = two.loop(REVIEW).open()
    assert first.pull is not None and second.pull is not None
    two.hub.now = SOON
    sign(two, "default", second.pull)
    assert [one.state for one in two.loop(SOON).sync()] == ["review", "review"]
    assert sum("Not counted" in text for text in two.said(second.pull)) == 2


def test_a_scope_that_is_stuck_keeps_no_other_from_its_turn(two: Town) -> None:
    _, second = two.loop(REVIEW).open()
    assert second.pull is not None
    two.hub.now = SOON
    sign(two, "docs", second.pull)
    git(two.checkout, "fetch", "--quiet", "origin", "epoch/default/1")
    git(two.checkout, "checkout", "--quiet", "FETCH_HEAD", "--", "data/epochs/default")
    git(two.checkout, "commit", "--quiet", "-m", "An administrator merges what nobody signed")
    two.hub.push_main(two.checkout)
    dispatched = len(two.hub.dispatches)
    with pytest.raises(StateError, match="unsigned data was merged"):
        two.loop(LATER).sync()
    assert two.hub.pull(second.pull).merged
    started = [each.workflow for each in two.hub.dispatches[dispatched:]]
    assert sorted(started) == ["collect.yml", "guard.yml", "publish.yml"], "the site is told, too"
