"""Any rhythm, any order: daily windows, runs beside one another, approvers who change, gaps that people accept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ledger.core.errors import StateError
from ledger.forge.clone import Clone, LostRace
from ledger.forge.epoch import EpochBranch
from tests.forge.support import ACCOUNTS
from tests.forge.test_clone import git
from tests.forge.test_loop import LATER, OPEN, REVIEW, SOON, Town, town
from tests.nodes import WALLETS, review_lines

__all__ = ["town"]


def change(town: Town, path: str, old: str, new: str) -> None:
    """A reviewed change of one file comes to main."""
    git(town.checkout, "fetch", "--quiet", "origin", "main")
    git(town.checkout, "reset", "--quiet", "--hard", "origin/main")
    file = town.checkout / path
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")
    git(town.checkout, "commit", "--quiet", "-am", "A reviewed change")
    town.hub.push_main(town.checkout)


def sign(town: Town, number: int, epoch_id: int, *names: str) -> None:
    """The people sign the epoch in reviews."""
    loop = town.loop(town.hub.now)
    loop.clone.fetch()
    with loop.clone.workspace() as work:
        epoch = EpochBranch(loop, work, "default")
        assert epoch.folder.epoch_id == epoch_id
        epoch.lay()
        lines = {name: review_lines(epoch.session, epoch.folder, name) for name in names}
        epoch.session.close()
    for name, text in lines.items():
        town.hub.review(number, name, "APPROVED", text)


def statements(town: Town) -> list[str]:
    return [path for path in town.main() if path.endswith("/statement.json")]


def test_a_daily_rhythm_works_as_a_weekly_one_does(town: Town) -> None:
    change(town, "ledger.yaml", "length: 7 ", "length: 1 ")
    change(town, "ledger.yaml", "grace_hours: 24 ", "grace_hours: 2 ")
    for epoch_id, day in enumerate((6, 7, 8), start=1):
        outcome = town.open(f"2026-01-{day:02d}T06:17:00Z")
        assert (outcome.epoch_id, outcome.state) == (epoch_id, "review"), "what ended at midnight is due at two"
        assert outcome.pull is not None
        assert (
            town.hub.pull(outcome.pull).title == f"Epoch default/{epoch_id}: 2026-01-{day - 1:02d} to 2026-01-{day:02d}"
        )
        sign(town, outcome.pull, epoch_id, "ann", "ben")
        assert town.sync(f"2026-01-{day:02d}T12:47:00Z").merged
    assert len(statements(town)) == 3
    town.open("2026-01-08T18:00:00Z")
    assert town.loop("2026-01-08T18:00:00Z").status()[0].state == "open", "today's window fills"


def test_after_missed_days_the_next_window_is_in_review_as_soon_as_the_one_before_is_merged(town: Town) -> None:
    change(town, "ledger.yaml", "length: 7 ", "length: 1 ")
    outcome = town.open("2026-01-20T06:17:00Z")
    assert (outcome.epoch_id, outcome.state) == (1, "review") and outcome.pull is not None
    sign(town, outcome.pull, 1, "ann", "ben")
    merged, outcome = town.loop(town.hub.now).open()
    assert (merged.epoch_id, merged.merged) == (1, True)
    assert (outcome.epoch_id, outcome.state) == (2, "review") and outcome.pull is not None, "in the very same run"
    sign(town, outcome.pull, 2, "ann", "ben")
    dispatched = len(town.hub.dispatches)
    assert town.sync(town.hub.now).merged
    started = {each.workflow for each in town.hub.dispatches[dispatched:]}
    assert started == {"publish.yml", "guard.yml", "collect.yml"}, (
        "who may not read the sources starts the run that may"
    )


def test_a_push_that_loses_the_race_starts_over_from_what_the_other_left(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = town.open(OPEN).pull
    assert number is not None
    town.hub.comment(number, "cy", "/exclude file:work:b1 counted elsewhere")
    other = Town(town.hub, town.hub.clone(tmp_path / "other"))
    push, told = Clone.push_branch, []

    def slow(self: Clone, *arguments: Any) -> None:
        monkeypatch.setattr(Clone, "push_branch", push)
        other.sync(SOON)  # another run, on another machine, does all of it in between
        told.append(other.head())
        push(self, *arguments)

    monkeypatch.setattr(Clone, "push_branch", slow)
    loop = town.loop(LATER)
    loop.tell = told.append
    (outcome,) = loop.sync()
    assert "epoch/default/1 moved meanwhile; starting over" in told
    assert (outcome.commit, outcome.changed, town.head()) == (told[0], False, told[0]), "the other's commit stands"
    assert len([text for text in town.said(number) if "ledger:recorded" in text]) == 1


def test_a_branch_that_never_rests_is_told_and_nothing_is_lost(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    number = town.open(OPEN).pull
    assert number is not None
    town.hub.comment(number, "cy", "/exclude file:work:b1 counted elsewhere")
    head = town.head()

    def lose(self: Clone, *arguments: Any) -> None:
        raise LostRace("moved")

    with monkeypatch.context() as inner:
        inner.setattr(Clone, "push_branch", lose)
        with pytest.raises(StateError, match="5 times in a row"):
            town.sync(SOON)
    assert town.head() == head and town.said(number) == [], "nothing is answered before it is on record"
    assert town.sync(SOON).changed
    assert len(town.said(number)) == 1


def test_a_review_that_is_dismissed_after_it_was_counted_stays_counted(town: Town) -> None:
    number = town.open(REVIEW).pull
    assert number is not None
    town.sync(REVIEW)
    town.hub.now = SOON
    town.sign("ann", number)
    town.sync(SOON)
    (review,) = town.hub.pull(number).reviews
    town.hub.dismiss_review(review)
    outcome = town.sync(LATER)
    assert {one.name: one.detail for one in outcome.conditions}["signatures"] == "1 of 2: ann"


def test_approvers_that_change_during_review_count_only_once_the_set_before_signed_theirs(town: Town) -> None:
    number = town.open(REVIEW).pull
    assert number is not None
    town.sync(REVIEW)
    town.sign("ann", number)
    town.sync(SOON)
    account = f"    github_id: {ACCOUNTS['ben']}\n"
    change(
        town, "scopes/default.yaml", f'  - id: "ben"\n{account}', f'  - id: "eve"\n    github_id: {ACCOUNTS["eve"]}\n'
    )
    change(town, "scopes/default.yaml", WALLETS["ben"], WALLETS["eve"])
    town.sign("eve", number)
    outcome = town.sync(SOON)
    assert "sign the new set, then /repin" in {one.name: one.detail for one in outcome.conditions}["signatures"]
    assert any("no approver pinned" in text for text in town.said(number))
    town.hub.comment(number, "ann", "/repin")
    town.sync(SOON)
    assert not town.sync(LATER).merged, "ben, who is of the set before, has not signed the new one"


def test_a_source_that_fails_stops_review_until_an_approver_accepts_the_gap(town: Town) -> None:
    number = town.open(OPEN).pull
    assert number is not None
    gone = '\n  - source: "git"\n    name: "code"\n    options:\n      repository: "nowhere/at-all"\n'
    change(town, "scopes/default.yaml", "\nsources:", f"\nsources:{gone.rstrip()}")
    outcome = town.open(REVIEW)
    assert outcome.state == "open" and any("incomplete: code" in str(error) for error in outcome.errors)
    town.hub.comment(number, "cy", "/accept-gap code")
    assert town.open(REVIEW).state == "open", "a curator may not accept one"
    town.hub.comment(number, "ann", "/accept-gap code")
    outcome = town.open(SOON)
    assert outcome.state == "review", outcome.errors
    assert "accepted" in {one.name: one.detail for one in outcome.conditions}["collection"]
    assert "was missing when the epoch went to review" in town.hub.pull(number).body


def test_a_decision_written_just_before_review_counts_in_the_run_that_reviews(town: Town) -> None:
    number = town.open(OPEN).pull
    assert number is not None
    town.hub.comment(number, "cy", "/exclude file:work:b1 counted elsewhere")
    outcome = town.open(REVIEW)
    assert (outcome.state, outcome.findings) == ("review", ())
    assert "counted elsewhere" in town.hub.pull(number).body


def test_a_clock_that_runs_behind_leaves_the_epoch_where_it_is(town: Town) -> None:
    number = town.open(REVIEW).pull
    assert number is not None
    for name in ("ann", "ben"):
        town.sign(name, number)
    head = town.head()
    with pytest.raises(StateError, match="the clock stands at 2026-01-13T05:59"):
        town.sync("2026-01-13T05:59:00Z")
    assert town.head() == head
    assert town.sync(SOON).merged


def test_a_person_merges_what_waits_for_a_person_and_the_next_epoch_follows(town: Town) -> None:
    change(town, "scopes/default.yaml", "\nsources:", "\nmerge: manual\nsources:")
    number = town.open(REVIEW).pull
    assert number is not None
    town.sync(REVIEW)
    for name in ("ann", "ben"):
        town.sign(name, number)
    outcome = town.sync(SOON)
    assert (outcome.state, outcome.merged) == ("finalized", False)
    states = {
        name: town.hub.status(town.head(), f"ledger/{name}")["state"] for name in ("guard", "verify", "statement")
    }
    assert set(states.values()) == {"success"}
    town.hub.merge(number, "ben")
    outcome = town.open(LATER)
    assert (outcome.epoch_id, outcome.state, town.head()) == (2, "open", "")
