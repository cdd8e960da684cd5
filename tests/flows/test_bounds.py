"""Totals near 2^63-1: nothing stops an epoch for good, and what does stop it can be taken back (ALL_MATH_BIGINT)."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.core.errors import FormatError, InputError
from ledger.flows.batch import override_file
from ledger.flows.collect import collect
from ledger.flows.decide import curate, override
from ledger.flows.drafting import preview
from ledger.flows.identity import bind
from ledger.flows.streamrun import StreamRun
from ledger.flows.verify import verify
from ledger.store.append import append_records
from tests.nodes import ROWS, at, digest, make_node, set_in_scope

HEAD = "id,time,event_type,account,evidence,quantity\n"
ROW = "{id},2026-01-06,governance,{account},https://example.org/{id},{quantity}\n"
MOST = 2**53 - 1


def big_node(root: Path, *rows: tuple[str, str, int]) -> Path:
    """Alice is bound, what is others' is held; rows are id, account and quantity, of 4000 milli-units each."""
    text = HEAD + "".join(ROW.format(id=name, account=account, quantity=count) for name, account, count in rows)
    make_node(root, rows=text)
    set_in_scope(root, "unresolved: hold\n")
    with at(root, "2026-01-06T01:00:00Z", "ann") as session:
        bind(session, "file", "alice", login="alice", actor="ann")
    return root


@pytest.mark.parametrize("time", ["2026-01-10T00:00:00Z", "2026-01-14T00:00:00Z"], ids=["open", "review"])
def test_an_override_leaves_room_for_shares_that_are_held(tmp_path: Path, time: str) -> None:
    root = make_node(tmp_path, rows=ROWS)
    set_in_scope(root, "unresolved: hold\n")
    with at(root, "2026-01-06T01:00:00Z", "ann") as session:
        user = bind(session, "file", "alice", login="alice", actor="ann").user_id
    with at(root, time, "ann") as session:
        collect(session)
        folder, before = session.node.epoch("default", 1), digest(root)
        with pytest.raises(InputError, match="2\\^63-1"):
            override(session, folder, user, 2**63 - 1, "everything")
        with pytest.raises(InputError, match="2\\^63-1"):
            override_file(session, folder, f"user,units,reason\n{user},{2**63 - 1},all\n".encode(), "all.csv")
        assert digest(root) == before
        assert override(session, folder, user, 2**62, "nearly everything").added
        assert verify(session).all_findings == []


def test_an_event_that_no_total_could_hold_is_not_taken_in_and_is_named(tmp_path: Path) -> None:
    root = big_node(tmp_path, ("a1", "alice", 1), ("a2", "alice", MOST))
    with at(root, "2026-01-10T00:00:00Z", "ann") as session:
        (error,) = [report.error for report in collect(session).reports if report.error]
        assert "'file:work:a2': 9007199254740991 × 4000 milli-units is more than 2^63-1" in error.message
        assert preview(session, session.node.epoch("default", 1)).evaluation.activity_count == 1


def test_events_that_come_to_too_much_are_excluded_one_by_one(tmp_path: Path) -> None:
    root = big_node(tmp_path, *((f"a{number}", "alice", MOST // 8) for number in range(12)))
    with at(root, "2026-01-10T00:00:00Z", "ann") as session:
        collect(session)
        folder = session.node.epoch("default", 1)
        with pytest.raises(InputError, match="2\\^63-1"):
            preview(session, folder)
        with pytest.raises(InputError, match="2\\^63-1"):
            curate(session, folder, "weight", "file:work:a1", note="more", weight_milli=4001)
        for number in range(11):
            curate(session, folder, "exclude", f"file:work:a{number}", note="points, not units")
        assert preview(session, folder).evaluation.allocations[0].units == MOST // 8 * 4000


def test_what_stands_too_high_already_can_be_lowered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = big_node(tmp_path, ("a1", "alice", MOST), ("b1", "bob", 1))
    monkeypatch.setattr(StreamRun, "_require_bounded", lambda *_: None)  # as a record of an older version may hold it
    with at(root, "2026-01-10T00:00:00Z", "ann") as session:
        collect(session)
        folder, user = session.node.epoch("default", 1), session.node.bindings()[0].user_id
        with pytest.raises(FormatError, match="2\\^63-1"):
            curate(session, folder, "include", "file:work:a1", note="counts")
        curate(session, folder, "weight", "file:work:a1", note="an hour is no credit", weight_milli=1)
        assert preview(session, folder).evaluation.allocations[0].units == MOST
        assert verify(session).all_findings == []
        high = override(session, folder, user, 2**62, "much").record
        higher = high.model_copy(update={"seq": 2, "final_units": 2**63 - 1})
        append_records(root, folder.path("overrides.jsonl"), [higher])
        with pytest.raises(InputError, match="2\\^63-1"):
            preview(session, folder)
        override(session, folder, user, 5, "little")
        assert preview(session, folder).evaluation.allocations[0].units == 5
