"""Which questions keep an epoch open, and until when new ones may."""

from __future__ import annotations

from ledger.core.objections import objections_end, unanswered
from ledger.core.records.decisions import Objection
from ledger.core.records.epoch import Transition
from ledger.core.values import Timestamp, parse_time
from tests.nodes import NODE_ID

PLACE = {"node_id": NODE_ID, "scope_id": "default", "epoch_id": 1}
REVIEW = "2026-01-13T06:00:00.000Z"


def step(to: str, at: str, before: str | None) -> Transition:
    pins = {
        "approver_set_hash": "0" * 64,
        "approvers_seq": 1,
        "gaps": [],
        "threshold": 1,
    }
    return Transition.read(
        {**PLACE, "actor": "ledger", "at": at, "from": before, "to": to, **(pins if to == "review" else {})}
    )


def line(seq: int, issue: int, at: str, note: str | None = None) -> Objection:
    action = "raised" if note is None else "answered"
    return Objection.read(
        {
            **PLACE,
            "action": action,
            "actor": "github:1",
            "at": at,
            "evidence": "",
            "issue": issue,
            "note": note,
            "person": None,
            "seq": seq,
        }
    )


def test_before_review_there_is_no_end() -> None:
    assert objections_end([step("open", REVIEW, None)], 24) is None


def test_the_hours_count_from_the_last_step_to_review() -> None:
    steps = [
        step("open", "2026-01-05T00:00:00.000Z", None),
        step("review", REVIEW, "open"),
        step("review", "2026-01-14T06:00:00.000Z", "review"),
    ]
    assert objections_end(steps, 0) == "2026-01-14T06:00:00.000Z"
    assert objections_end(steps, 48) == "2026-01-16T06:00:00.000Z"


def test_only_questions_in_time_and_without_an_answer_keep_it_open() -> None:
    until = parse_time("2026-01-14")
    early, late = "2026-01-13T23:59:59.999Z", "2026-01-14T00:00:00.001Z"
    lines = [line(1, 7, early), line(2, 8, late), line(3, 9, Timestamp(until)), line(4, 7, late, "as agreed")]
    assert [one.issue for one in unanswered(lines, until)] == [9]
