"""The epoch's money before it is split: pool rules, withdrawals, awards, held shares, and windows that are joined."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.core.errors import InputError, LedgerError, StateError
from ledger.core.records.statement import Statement
from ledger.flows.budget import add_component, award, cancel_award, withdraw_component
from ledger.flows.collect import collect
from ledger.flows.drafting import draft
from ledger.flows.identity import bind, unbind
from ledger.flows.ingest import Ingest
from ledger.flows.review import review
from ledger.flows.session import locked
from ledger.flows.sign import finalize
from ledger.flows.verify import Verification, verify
from tests.nodes import at, make_node, set_in_scope, sign_as

HELD = 'unresolved: hold\nhold_epochs: 1\npool_rules:\n  - {rule: carry-over-v1, cap_credits: "0"}\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_node(tmp_path)


def change_scope(root: Path, old: str, new: str) -> None:
    scope = root / "scopes/default.yaml"
    assert old in scope.read_text("utf-8")
    scope.write_text(scope.read_text("utf-8").replace(old, new), "utf-8")


def test_an_epoch_without_a_base_by_rule_or_by_hand_does_not_go_to_review(root: Path) -> None:
    change_scope(root, 'base_issuance: "10000"', "base_issuance: null")
    with at(root, "2026-01-08T00:00:00Z") as session:
        collect(session)
    with at(root, "2026-01-14T00:00:00Z", "ann") as session:
        folder = session.node.epoch("default", 1)
        with pytest.raises(LedgerError) as caught, locked(session):
            review(session, folder, Ingest(session))
        assert (caught.value.rule, caught.value.path) == ("POOL_REQUIRES_BASE", "scopes/default.yaml")
        add_component(session, folder, "base_issuance", 100)
        with locked(session):
            assert review(session, folder, Ingest(session)).draft.derived.statement.pool_total_credits == 100


def test_a_pool_with_a_zero_too_many_is_put_right_before_anyone_signs(root: Path) -> None:
    with at(root, "2026-01-14T00:00:00Z", "ann") as session:
        collect(session)
        folder = session.node.epoch("default", 1)
        sign_as(session, folder, "ann")
        with pytest.raises(InputError, match="already recorded with 10000"):
            add_component(session, folder, "base_issuance", 1000)
        draft = withdraw_component(session, folder, "base_issuance", "a zero too many").draft
        assert draft is not None
        assert (draft.voided, draft.derived.statement.pool_total_credits) == (1, 0)
        assert not withdraw_component(session, folder, "base_issuance", "once more").added
        with pytest.raises(StateError, match="no base_issuance"):
            sign_as(session, folder, "ann", "ben")
            finalize(session, folder)
        assert add_component(session, folder, "base_issuance", 1000).added
        sign_as(session, folder, "ann", "ben")
        assert finalize(session, folder).statement.pool_total_credits == 1000
    assert verified(root).ok


def test_only_an_approver_takes_a_component_back(root: Path) -> None:
    with at(root, "2026-01-14T00:00:00Z", "eve") as session:
        collect(session)
        folder = session.node.epoch("default", 1)
        with pytest.raises(InputError, match="eve is no approver"):
            withdraw_component(session, folder, "base_issuance", "mine")


def test_a_held_share_waits_for_its_owner_and_lapses_into_a_later_pool(root: Path) -> None:
    """Bob is bound, Alice and Carol are not: theirs waits, and after one epoch what nobody claimed comes back."""
    set_in_scope(root, HELD)
    with at(root, "2026-01-08T00:00:00Z", "ann") as session:
        collect(session)
        bind(session, "file", "bob", login="bob", evidence="https://example.org/bob", actor="ann")
    first = closed(root, "2026-01-14T00:00:00Z", 1)
    assert [(line.key, line.amount_credits) for line in first.held] == [("file:alice", 4000), ("file:carol", 2000)]
    assert sum(line.amount_credits for line in first.payouts) == 4000
    with at(root, "2026-01-15T00:00:00Z", "ann") as session:
        bind(session, "file", "alice", login="alice", evidence="https://example.org/alice", actor="ann")
        unbind(session, "file", "alice", evidence="https://example.org/mistake", actor="ann")
    second = closed(root, "2026-01-20T00:00:00Z", 2)
    assert second.pool_total_credits == 10_000 + 2000, "Carol's lapsed; for Alice's somebody came: it may be paid"
    assert verified(root).ok


def test_a_binding_during_review_changes_what_lapses_and_the_pool_is_recorded_anew(root: Path) -> None:
    set_in_scope(root, HELD)
    closed(root, "2026-01-14T00:00:00Z", 1)
    with at(root, "2026-01-20T00:00:00Z", "ann") as session:
        collect(session)
        folder = session.node.epoch("default", 2)
        assert folder.state() == "review"
        assert {line.component_id: line.amount_credits for line in folder.components()}["carry_over"] == 10_000
        bind(session, "file", "carol", login="carol", evidence="https://example.org/carol", actor="ann")
        draft(session, folder)
        assert [(line.action, line.amount_credits) for line in folder.pool()[1:]] == [
            ("record", 10_000),
            ("withdraw", None),
            ("record", 8000),
        ]
    assert verified(root).ok


def test_an_award_reaches_one_person_and_the_rest_is_split(root: Path) -> None:
    with at(root, "2026-01-08T00:00:00Z", "ann") as session:
        collect(session)
        folder = session.node.epoch("default", 1)
        alice, bob = (
            bind(session, "file", name, login=name, evidence="https://example.org", actor="ann").user_id
            for name in ("alice", "bob")
        )
        assert award(session, folder, bob, 500, "hosted").added
        assert not award(session, folder, bob, 500, "hosted").added
        assert award(session, folder, alice, 7, "a mistake", name="typo").added
        assert cancel_award(session, folder, "typo", "not hers").added
        assert not cancel_award(session, folder, "typo", "again").added
        with pytest.raises(InputError, match="more than the pool"):
            award(session, folder, bob, 9501, "too much")
    first = closed(root, "2026-01-14T00:00:00Z", 1)
    paid = {line.user_id: (line.award_credits, line.share_credits, line.amount_credits) for line in first.payouts}
    assert paid == {alice: (0, 4750, 4750), bob: (500, 4750, 5250)}
    assert first.awards_total_credits == 500
    assert verified(root).ok


@pytest.mark.parametrize(("catch_up", "spans"), [("each", [1, 1, 1]), ("join", [3])])
def test_missed_windows_become_one_review_where_the_scope_joins_them(
    root: Path, catch_up: str, spans: list[int]
) -> None:
    set_in_scope(root, f"catch_up: {catch_up}\n")
    for number, span in enumerate(spans, start=1):
        statement = closed(root, "2026-01-27T00:00:00Z", number)
        assert statement.pool_total_credits == 10_000 * span
    with at(root, "2026-01-28T00:00:00Z") as session:
        folders = session.node.epochs("default")
        assert [folder.epoch().windows for folder in folders][: len(spans)] == spans
        assert folders[len(spans) - 1].window().end == "2026-01-26T00:00:00.000Z"
    assert verified(root).ok


def closed(root: Path, time: str, number: int) -> Statement:
    """Collect, sign by everyone and close an epoch."""
    with at(root, time, "ann") as session:
        collect(session)
        folder = session.node.epoch("default", number)
        sign_as(session, folder, "ann", "ben")
        return finalize(session, folder).statement


def verified(root: Path) -> Verification:
    with at(root, "2026-02-01T00:00:00Z") as session:
        return verify(session)


def test_a_monthly_table_of_fixed_bonuses_is_paid_by_awards_alone(root: Path) -> None:
    """Five people, $50 to $500 each month, in cents; the events of the month divide nothing."""
    bonuses = {"ana": 50_000, "bea": 25_000, "cid": 12_500, "dan": 10_000, "eli": 5_000}
    settings = root / "ledger.yaml"
    text = settings.read_text("utf-8").replace("unit: days ", "unit: months ").replace("length: 7 ", "length: 1 ")
    settings.write_text(text.replace('anchor: "2026-01-05"', 'anchor: "2026-01-01"'), "utf-8")
    scope = root / "scopes/default.yaml"
    scope.write_text(scope.read_text("utf-8").replace('base_issuance: "10000"', 'base_issuance: "102500"'), "utf-8")
    with at(root, "2026-01-08T00:00:00Z", "ann") as session:
        collect(session)
        folder = session.node.epoch("default", 1)
        assert folder.window().end == "2026-02-01T00:00:00.000Z"
        users = {name: bind(session, "file", name, login=name, evidence="", actor="ann").user_id for name in bonuses}
        for name, cents in bonuses.items():
            award(session, folder, users[name], cents, "the table that was voted", name=f"bonus-{name}")
    statement = closed(root, "2026-02-03T00:00:00Z", 1)
    assert {line.user_id: line.amount_credits for line in statement.payouts} == {
        users[name]: cents for name, cents in bonuses.items()
    }
    assert statement.undistributed_credits == 0
    assert verified(root).ok
