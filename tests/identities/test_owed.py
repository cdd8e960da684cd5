"""What accounts that nobody bound would earn, epoch by epoch and in all; binding later changes no closed epoch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ledger.cli.app import ledger
from ledger.flows.collect import collect
from ledger.flows.identity import bind, owed_totals, unresolved
from ledger.flows.sign import finalize
from ledger.flows.verify import verify
from tests.nodes import at, digest, make_node, set_in_scope, sign_as

ROWS = """id,time,event_type,account,login,evidence,title
a1,2026-01-05T09:00:00Z,governance,alice,alice,https://example.org/1,First
c1,2026-01-07T09:00:00Z,community,carol,carol,https://example.org/3,Third
c2,2026-01-13T09:00:00Z,community,carol,carol,https://example.org/4,Next week
c3,2026-01-14T09:00:00Z,community,carol,carol,https://example.org/5,Next week
c4,2026-01-20T09:00:00Z,community,carol,carol,https://example.org/6,Open still
"""
LAST = "2026-01-22T00:00:00Z"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two finalized epochs and an open one, in each of which nobody has bound carol; alice earns in the first alone."""
    made = make_node(tmp_path, rows=ROWS)
    with at(made, "2026-01-06T00:00:00Z") as session:
        bind(session, "file", "alice", actor="ann")
    for number, day in enumerate(("2026-01-14", "2026-01-21"), start=1):
        with at(made, f"{day}T00:00:00Z") as session:
            collect(session)
            folder = session.node.epoch("default", number)
            sign_as(session, folder, "ann", "ben")
            finalize(session, folder)
    with at(made, LAST) as session:
        collect(session)
    return made


def show(root: Path, *arguments: str) -> Any:
    result = CliRunner().invoke(
        ledger, ["identity", "unresolved", "--node", str(root), "--now", LAST, *arguments], standalone_mode=False
    )
    assert result.exception is None
    return json.loads(result.stdout) if "--json" in arguments else result.stdout


def test_each_epoch_that_holds_events_of_an_unbound_account_is_listed_with_its_units(root: Path) -> None:
    with at(root, LAST) as session:
        found = [
            (one.epoch_id, one.state, one.account.platform_user_id, one.account.event_count, one.account.units)
            for one in unresolved(session)
        ]
        weight = session.node.epoch("default", 1).epoch().weight_config["file:community"]
    assert found == [
        (1, "finalized", "carol", 1, weight),
        (2, "finalized", "carol", 2, 2 * weight),
        (3, "open", "carol", 1, weight),
    ]
    lines = show(root).splitlines()
    assert [line.split()[:4] for line in lines[1:]] == [
        ["default/1", "finalized", "file", "carol"],
        ["default/2", "finalized", "file", "carol"],
        ["default/3", "open", "file", "carol"],
    ]


def test_what_would_wait_of_closed_epochs_is_the_exact_split_and_never_more_than_the_pool(root: Path) -> None:
    with at(root, LAST) as session:
        (total,) = owed_totals(session)
        statement = session.node.epoch("default", 1).statement()
        weights = session.node.epoch("default", 1).epoch().weight_config
    assert statement is not None
    mine, alices = weights["file:community"], weights["file:governance"]
    first = mine * statement.pool_total_credits // (mine + alices)
    assert (total.account, total.user_id, total.epochs) == ("carol", None, 2)
    assert total.units == 3 * weights["file:community"]
    assert total.credits == first + 10_000  # in the second epoch she was alone
    (shown,) = show(root, "--owed", "--json")["accounts"]
    assert (shown["units"], shown["credits"]) == (str(total.units), str(total.credits))


def test_binding_later_changes_no_closed_epoch_and_makes_the_open_one_count(root: Path) -> None:
    before = {path: hashed for path, hashed in digest(root).items() if "/0003/" not in path}
    with at(root, LAST) as session:
        carol = bind(session, "file", "carol", login="carol", actor="ann").user_id
        assert unresolved(session) == []
        (total,) = owed_totals(session)
        assert (total.user_id, total.epochs) == (carol, 2)  # still to be decided upon, now with a name
        assert verify(session).ok
    after = digest(root)
    assert [path for path in before if after[path] != before[path]] == ["data/identities.jsonl"]
    assert carol in show(root, "--owed")


def test_a_held_share_that_was_claimed_or_lapsed_is_listed_no_more(tmp_path: Path) -> None:
    rows = ROWS + "d1,2026-01-05T10:00:00Z,governance,dora,dora,https://example.org/7,Fourth\n"
    made = make_node(tmp_path, rows=rows)
    set_in_scope(made, 'unresolved: hold\nhold_epochs: 1\npool_rules:\n  - rule: carry-over-v1\n    cap_credits: "0"\n')
    days = ("2026-01-14", "2026-01-21")
    listed = []
    for number, day in enumerate(days, start=1):
        with at(made, f"{day}T00:00:00Z") as session:
            collect(session)
            folder = session.node.epoch("default", number)
            sign_as(session, folder, "ann", "ben")
            finalize(session, folder)
            listed.append({(one.account, one.epochs) for one in owed_totals(session)})
        if number == 1:
            with at(made, f"{day}T01:00:00Z") as session:
                bind(session, "file", "dora", login="dora", actor="ann")
                listed.append({(one.account, one.epochs) for one in owed_totals(session)})
    everyone = {("alice", 1), ("carol", 1), ("dora", 1)}
    assert listed == [everyone, everyone - {("dora", 1)}, {("carol", 1)}]  # in the end carol's share of epoch 2
