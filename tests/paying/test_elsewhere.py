"""A line that failed is owed again: it is paid by one distribution, and nobody's word about others makes it paid."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.core.distribution import Plan
from ledger.core.errors import StateError
from ledger.flows.paying.accounts import page
from ledger.flows.paying.elsewhere import paid_elsewhere
from ledger.flows.paying.export import export
from ledger.flows.paying.instruct import Wish, draft, instruct
from ledger.flows.paying.plan import abandon, latest, plan
from ledger.flows.paying.settle import by_hand
from ledger.flows.session import Session
from ledger.flows.verify import verify
from tests.nodes import KEYS, at, signature
from tests.paying.world import EURO, close_epoch, owed_node, prove_wallet, signed_plan, user_of

NOTE = {"kind": "hand", "note": "seen on the account"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return owed_node(tmp_path / "node")


def returned(session: Session, place: int = 1) -> tuple[Plan, str]:
    """A plan of which one line came back from the bank, and that line's reference."""
    stood = signed_plan(session).plan
    back = stood.lines[place].reference
    by_hand(session, "default", None, state="failed", references=[back], evidence=NOTE)
    return stood, back


def test_the_rest_that_arrived_is_not_what_came_back(root: Path) -> None:
    with at(root, "2026-01-13T00:00:00Z", "ann") as session:
        stood, back = returned(session)
        with pytest.raises(StateError, match=f"failed and are owed again, among them {back}"):
            by_hand(
                session, "default", None, state="settled", evidence={"kind": "provider_ref", "ref": "R7", "note": None}
            )
        rest = by_hand(session, "default", None, state="settled", evidence=NOTE)
        assert [entry.reference for entry in rest.added] == [ref for ref in stood.by_reference if ref != back]
        assert rest.open == (back,)
        owed = {row.user_id: row.outstanding for row in page(session, "default").rows}
        assert owed[stood.by_reference[back].user_id] == stood.by_reference[back].amount_credits
        with pytest.raises(StateError, match="owed again"):
            by_hand(session, "default", None, state="settled", evidence=NOTE)
        assert by_hand(session, "default", None, state="settled", references=[back], evidence=NOTE).open == ()
        assert verify(session).all_findings == []


def test_what_all_lines_are_said_to_be_twice_changes_nothing(root: Path) -> None:
    with at(root, "2026-01-13T00:00:00Z", "ann") as session:
        signed_plan(session)
        assert len(by_hand(session, "default", None, state="failed", evidence=NOTE).added) == 1
        assert by_hand(session, "default", None, state="failed", evidence=NOTE).added == ()


def written(session: Session, number: int, out: Path) -> list[str]:
    """The references in the payment file of a distribution; none where there is nothing to pay."""
    try:
        (file,) = export(session, "default", number, out).files
    except StateError:
        return []
    paid = latest(session, "default", number).plan
    return [ref for ref in paid.by_reference if ref in file.read_text("utf-8")]


def test_what_the_next_plan_took_over_is_not_written_again(root: Path) -> None:
    with at(root, "2026-01-13T00:00:00Z", "ann") as session:
        stood, back = returned(session)
        assert back in written(session, 1, root.parent / "out")
    with at(root, "2026-01-14T00:00:00Z", "ann") as session:
        second = signed_plan(session).plan
        assert [line.user_id for line in second.lines] == [stood.by_reference[back].user_id]
        assert back not in written(session, 1, root.parent / "out")
        assert written(session, 2, root.parent / "out") == [second.lines[0].reference]


def test_a_payment_that_arrived_after_all_is_not_made_again_and_this_is_told(root: Path) -> None:
    with at(root, "2026-01-13T00:00:00Z", "ann") as session:
        _, back = returned(session)
    with at(root, "2026-01-14T00:00:00Z", "ann") as session:
        signed_plan(session)
    with at(root, "2026-01-15T00:00:00Z", "ann") as session:
        told: list[str] = []
        session.tell = told.append
        by_hand(session, "default", 1, state="settled", references=[back], evidence=NOTE)
        assert told == [f"{back} is paid by distribution 2 too: see that one of them is not"]
        assert written(session, 2, root.parent / "out") == []
        assert any("distribution 1 pays it" in words for words in told)


def test_a_line_that_pays_more_than_what_arrived_is_written_whole(root: Path) -> None:
    with at(root, "2026-01-13T00:00:00Z", "ann") as session:
        stood, back = returned(session, place=0)
    close_epoch(root, 2)
    with at(root, "2026-01-20T00:00:00Z", "ann") as session:
        second = signed_plan(session).plan
        mine = next(line for line in second.lines if line.user_id == stood.by_reference[back].user_id)
        assert mine.amount_credits > stood.by_reference[back].amount_credits
    with at(root, "2026-01-21T00:00:00Z", "ann") as session:
        by_hand(session, "default", 1, state="settled", references=[back], evidence=NOTE)
        assert paid_elsewhere(session, "default", latest(session, "default", 2)) == {}


@pytest.fixture(params=["gift", "decline"])
def given_away(root: Path, request: pytest.FixtureRequest) -> str:
    """Bob's line of distribution 1 came back, and he gives away what it is about; its reference."""
    wallet = next(name for name in KEYS if name not in ("ann", "ben"))
    with at(root, "2026-01-13T00:00:00Z", "ann") as session:
        bob = user_of(session, "bob")
        stood = signed_plan(session).plan
        back = next(line.reference for line in stood.lines if line.user_id == bob)
        by_hand(session, "default", None, state="failed", references=[back], evidence=NOTE)
        by_hand(session, "default", None, state="settled", evidence=NOTE)
        assert written(session, 1, root.parent / "out") == [back]
        prove_wallet(session, "bob", wallet)
        wish = Wish(bob, request.param, None, user_of(session, "carol") if request.param == "gift" else None)
        text = draft(session, "default", wish).signed_text
        assert instruct(session, "default", wish, signature=signature(text, wallet)).added
    close_epoch(root, 2)
    return back


def test_what_came_back_and_was_given_away_since_is_not_written_again(root: Path, given_away: str) -> None:
    with at(root, "2026-01-20T00:00:00Z", "ann") as session:
        assert user_of(session, "bob") not in {line.user_id for line in signed_plan(session).plan.lines}
        assert written(session, 1, root.parent / "out") == []
    with at(root, "2026-01-21T00:00:00Z", "ann") as session:
        told: list[str] = []
        session.tell = told.append
        by_hand(session, "default", 1, state="settled", references=[given_away], evidence=NOTE)
        assert told == [f"{given_away} was no longer owed: its credits were given away or taken back since"]


def test_what_a_draft_gives_away_is_not_written_while_the_draft_may_be_signed(root: Path, given_away: str) -> None:
    with at(root, "2026-01-20T00:00:00Z", "ann") as session:
        drafted = plan(session, "default", EURO).plan
        assert user_of(session, "bob") not in {line.user_id for line in drafted.lines}
        assert written(session, 1, root.parent / "out") == []
    with at(root, "2026-01-21T00:00:00Z", "ann") as session:
        abandon(session, "default", None, reason="not yet")
        assert written(session, 1, root.parent / "out") == [given_away]
