"""A question is never lost: about a final epoch, about none, or with a form filled in anyhow, it gets an answer."""

from __future__ import annotations

from tests.forge.test_bindings import said, sync
from tests.forge.test_loop import LATER, REVIEW, SOON, Town
from tests.forge.test_loop import town as town


def ask(town: Town, scope: str, epoch: str) -> int:
    body = f"### Scope\n\n{scope}\n\n### Epoch\n\n{epoch}\n\n### Question\n\nWhy?"
    return town.hub.open_issue("eve", "Question", body, ["ledger:question"])


def test_a_question_about_a_final_epoch_is_open_until_an_approver_answers_it(town: Town) -> None:
    number = town.open(REVIEW).pull
    assert number is not None
    for name in ("ann", "ben"):
        town.sign(name, number)
    assert town.sync(SOON).merged
    issue = ask(town, "Default", "Epoch 1")
    sync(town, LATER)
    sync(town, LATER)
    (text,) = said(town, issue)
    assert "is **final**" in text and "question is **open**" in text and "`/amend KIND reason`" in text
    town.hub.comment(issue, "eve", "/answer I say so")
    sync(town, LATER)
    assert town.hub.thread(issue).state == "open" and len(said(town, issue)) == 1
    town.hub.comment(issue, "ann", "/answer The figures are right: see the weights.")
    sync(town, LATER)
    assert "Answered by `ann`" in said(town, issue)[-1] and town.hub.thread(issue).state == "closed"


def test_a_question_that_names_no_epoch_is_told_which_there_are(town: Town) -> None:
    issues = [ask(town, "default", "77"), ask(town, "nowhere", "1")]
    sync(town, SOON)
    assert "no epoch `default/77` yet" in said(town, issues[0])[0]
    assert "does not say which epoch" in said(town, issues[1])[0]


def test_what_is_open_is_never_called_answered(town: Town) -> None:
    number = town.open(REVIEW).pull
    assert number is not None
    town.hub.now = SOON
    issue = ask(town, "default", "1")
    outcome = town.sync(LATER)
    detail = {one.name: one.detail for one in outcome.conditions}["questions"]
    assert f"1 open: #{issue}" in detail and "answered" not in detail
