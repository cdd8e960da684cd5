"""A question keeps an epoch open until an approver answers it, and all of it is on record."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.core.errors import InputError, StateError
from ledger.flows.questions import answer, ask
from ledger.flows.session import Session
from ledger.flows.sign import finalize, sign
from ledger.store.epochfolder import EpochFolder
from tests.forge.support import forge_node, in_review, signature_of


def signed(session: Session, folder: EpochFolder) -> None:
    for name in ("ann", "ben"):
        sign(session, folder, signature_of(session, folder, name))


def test_a_question_blocks_until_an_approver_answers(tmp_path: Path) -> None:
    root = forge_node(tmp_path / "n", extra="objection_hours: 6\n")
    with in_review(root, "2026-01-13T13:00:00Z") as (session, folder):
        session.now = type(session.now)("2026-01-13T11:00:00.000Z")
        ask(session, folder, 7, actor="github:104", evidence="https://example.org/7")
        assert not ask(session, folder, 7, actor="github:104", evidence="https://example.org/7").added
        session.now = type(session.now)("2026-01-13T13:00:00.000Z")
        signed(session, folder)
        with pytest.raises(StateError, match="without an answer: #7"):
            finalize(session, folder)
        session.actor = "cy"
        with pytest.raises(InputError, match="no approver"):
            answer(session, folder, 7, "as agreed", evidence="")
        session.actor = "ann"
        assert answer(session, folder, 7, "as agreed", evidence="").added
        assert not answer(session, folder, 7, "as agreed", evidence="").added
        assert finalize(session, folder).statement is not None


def test_a_statement_stays_open_for_questions_as_long_as_the_scope_says(tmp_path: Path) -> None:
    with in_review(forge_node(tmp_path / "n", extra="objection_hours: 48\n")) as (session, folder):
        signed(session, folder)
        with pytest.raises(StateError, match="questions may be raised until 2026-01-15T06:00"):
            finalize(session, folder)


def test_a_question_that_comes_too_late_is_listed_and_blocks_nothing(tmp_path: Path) -> None:
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        ask(session, folder, 9, actor="github:104", evidence="https://example.org/9")
        signed(session, folder)
        finalize(session, folder)
        assert [line.issue for line in folder.objections()] == [9]


def test_an_unknown_question_cannot_be_answered(tmp_path: Path) -> None:
    with in_review(forge_node(tmp_path / "n")) as (session, folder):
        session.actor = "ann"
        with pytest.raises(InputError, match="no question #9"):
            answer(session, folder, 9, "x", evidence="")
