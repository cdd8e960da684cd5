"""From approved receipts to paid credits: when they become events, what takes them out, and what verify sees."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ledger.core.canonical import encode
from ledger.core.errors import LedgerError
from ledger.core.receipts import Decision
from ledger.core.records.activity import PAYLOAD_FIELDS, payload_hash
from ledger.core.values import Timestamp, parse_time
from ledger.flows.collect import collect
from ledger.flows.decide import curate
from ledger.flows.drafting import as_stated
from ledger.flows.followup import follow_up
from ledger.flows.receipts.acts import Draft, draft_decisions, draft_receipts, find_receipts, take
from ledger.flows.receipts.events import receipt_events
from ledger.flows.receipts.table import part, receipts_of
from ledger.flows.remarks import remarks
from ledger.flows.session import Session
from ledger.flows.sign import finalize
from ledger.flows.verify import verify
from ledger.store.epochfolder import EpochFolder
from tests.nodes import at, sign_as, signature
from tests.receipt_nodes import receipt_node

MONDAY = "2026-01-13T01:00:00Z"
"""A day after the first week ended: the run that closes it."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return receipt_node(tmp_path / "node")


def act(session: Session, drafts: Sequence[Draft], who: str) -> None:
    follow_up(session, take(session, drafts, [signature(draft.text, who) for draft in drafts]))


def issue(root: Path, item: str, when: str, *people: str, points: int = 5, link: str = "") -> None:
    """Ann issues an author's receipt to each of these people."""
    with at(root, when) as session:
        parts = [part("author", person) for person in people]
        wanted = receipts_of(
            session, "default", item, points, parts, link or f"https://example.org/{item}", session.now
        )
        act(session, draft_receipts(session, wanted), "ann")


def decide(root: Path, item: str, when: str, decision: Decision, reason: str | None = None) -> None:
    """Ben approves or revokes what is there of the item."""
    with at(root, when) as session:
        hashes = [state.receipt_hash for state in find_receipts(session, item)]
        act(session, draft_decisions(session, hashes, decision, reason), "ben")


def run(root: Path, when: str) -> EpochFolder:
    """Collect, and the epoch that is then worked on."""
    with at(root, when, "ann") as session:
        held = [one.held_back for one in collect(session).epochs if one.held_back]
        assert not held, held
        return session.folder("default", None)


def close(root: Path, when: str) -> dict[str, int]:
    """Ann and Ben sign, the epoch is finalized: credits by user's name."""
    with at(root, when, "ann") as session:
        folder = session.folder("default", None)
        sign_as(session, folder, "ann", "ben")
        paid = finalize(session, folder).statement.payouts
        names = {line.user_id: line.login or "" for line in session.node.bindings()}
        return {names[line.user_id]: line.amount_credits for line in paid}


def failures(root: Path) -> list[tuple[str, str]]:
    with at(root, "2026-03-01T00:00:00Z") as session:
        return [(finding.rule, finding.message) for finding in verify(session).all_findings]


def test_a_group_is_paid_by_approved_receipts_alone_and_anyone_can_check_it(root: Path) -> None:
    issue(root, "care.1", "2026-01-06", "@dora")
    issue(root, "talk.2", "2026-01-07", "@emil", points=10)
    issue(root, "late.3", "2026-01-08", "@fay")
    decide(root, "care.1", "2026-01-08", "approved")
    decide(root, "talk.2", "2026-01-09", "approved")
    folder = run(root, MONDAY)
    assert folder.state() == "review"
    events = [event for _, _, event in folder.events()]
    assert [(event.id.split(":")[1], event.quantity, event.event_type) for event in events] == [
        ("care.1", 5, "author"),
        ("talk.2", 10, "author"),
    ]
    assert failures(root) == []
    paid = close(root, "2026-01-13T02:00:00Z")
    assert paid["emil"] == pytest.approx(2 * paid["dora"], abs=1)
    assert failures(root) == []
    decide(root, "late.3", "2026-01-14", "approved")
    folder = run(root, "2026-01-20T01:00:00Z")
    assert {one.split(":")[1] for one in receipt_events(folder)} == {"late.3"}
    assert failures(root) == []


def test_a_receipt_that_is_revoked_before_review_never_becomes_an_event(root: Path) -> None:
    issue(root, "care.1", "2026-01-06", "@dora")
    decide(root, "care.1", "2026-01-07", "approved")
    decide(root, "care.1", "2026-01-08", "revoked", "was somebody else")
    assert list(run(root, MONDAY).events()) == []
    assert failures(root) == []


def test_a_receipt_revoked_during_review_is_left_out_by_policy_and_the_pin_stays(root: Path) -> None:
    issue(root, "care.1", "2026-01-06", "@dora")
    issue(root, "talk.2", "2026-01-06", "@emil")
    decide(root, "care.1", "2026-01-07", "approved")
    decide(root, "talk.2", "2026-01-07", "approved")
    folder = run(root, MONDAY)
    decide(root, "care.1", "2026-01-13T02:00:00Z", "revoked", "was somebody else")
    (line,) = folder.curation()
    assert (line.action, line.actor) == ("exclude", "policy")
    assert "was revoked: was somebody else" in (line.note or "")
    issue(root, "next.3", "2026-01-13T03:00:00Z", "@fay")
    decide(root, "next.3", "2026-01-13T03:30:00Z", "approved")
    with at(root, "2026-01-13T04:00:00Z", "ann") as session:
        curate(session, folder, "note", next(iter(receipt_events(folder))), note="looked at")
        statement = folder.statement()
        assert statement is not None
        assert statement.receipts.size == 4
    assert failures(root) == []
    assert set(close(root, "2026-01-13T05:00:00Z")) == {"emil"}
    assert failures(root) == []


def test_after_finalize_only_an_amendment_helps_and_the_key_is_used_up(root: Path) -> None:
    issue(root, "care.1", "2026-01-06", "@dora")
    decide(root, "care.1", "2026-01-07", "approved")
    run(root, MONDAY)
    close(root, "2026-01-13T02:00:00Z")
    with at(root, "2026-01-14T00:00:00Z") as session:
        (state,) = find_receipts(session, "care.1")
        drafts = draft_decisions(session, [state.receipt_hash], "revoked", "invented")
        told = follow_up(session, take(session, drafts, [signature(drafts[0].text, "ben")]))
    assert ["amendment" in line for line in told] == [True]
    assert failures(root) == []
    with pytest.raises(LedgerError, match="is an event of epoch default/1 already"):
        issue(root, "care.1", "2026-01-15", "@dora")


def test_the_same_work_twice_is_left_out_where_the_approvers_say_so(tmp_path: Path) -> None:
    rows = "id,time,event_type,account,login,evidence,title\na1,2026-01-06T09:00:00Z,community,dora,dora,https://example.org/pull/7,x\n"
    for covers, expected in ((False, []), (True, ["file:work:a1"])):
        root = receipt_node(tmp_path / str(covers), "covers: true\n" if covers else "", rows)
        issue(root, "care.1", "2026-01-06", "@dora", link="https://example.org/pull/7/")
        decide(root, "care.1", "2026-01-07", "approved")
        folder = run(root, MONDAY)
        assert [line.event_id for line in folder.curation() if line.action == "exclude"] == expected
        with at(root, "2026-01-13T02:00:00Z") as session:
            told = [line for line in remarks(session, folder, as_stated(session, folder)) if "same work" in line[1]]
            assert [name for name, _ in told] == ([] if covers else ["file:work:a1"])
        assert failures(root) == []


def spoil(root: Path, path: str, change: Callable[[bytes], bytes]) -> None:
    file = root / path
    before = file.read_bytes()
    file.write_bytes(change(before))
    assert file.read_bytes() != before


@pytest.mark.parametrize(
    ("path", "change", "rule"),
    [
        ("data/receipts.jsonl", lambda b: b.replace(b'"act":"approved"', b'"act":"issued"'), "RECEIPT_SIGNED"),
        ("data/receipts.jsonl", lambda b: b"".join(b.splitlines(True)[:2]), "LATEST_EVENT_WINS"),
        ("data/receipts.jsonl", lambda b: b"", "RECEIPT_SIGNED"),
        (
            "data/receipts.jsonl",
            lambda b: b.replace(b'"evidence":""', b'"evidence":"x"', 1),
            "RECEIPT_SIGNED",
        ),
        ("data/epochs/default/0001/activity.jsonl", lambda b: b"".join(b.splitlines(True)[1:]), "LATEST_EVENT_WINS"),
        (
            "data/epochs/default/0001/activity.jsonl",
            lambda b: b.replace(b'"quantity":5', b'"quantity":50'),
            "RECEIPT_SIGNED",
        ),
        ("data/epochs/default/0001/activity.jsonl", lambda b: b.replace(b"care.1", b"care.9"), "RECEIPT_SIGNED"),
        (
            "data/epochs/default/0001/activity.jsonl",
            lambda b: b.replace(b'"source":"receipt"', b'"source":"receipts"'),
            "RECEIPT_SIGNED",
        ),
    ],
)
def test_verify_names_what_was_done_to_receipts_or_their_events(
    root: Path, path: str, change: Callable[[bytes], bytes], rule: str
) -> None:
    issue(root, "care.1", "2026-01-06", "@dora")
    issue(root, "talk.2", "2026-01-06", "@emil")
    decide(root, "care.1", "2026-01-07", "approved")
    decide(root, "talk.2", "2026-01-07", "approved")
    run(root, MONDAY)
    assert failures(root) == []
    spoil(root, path, change)
    assert rule in {found for found, _ in failures(root)}


def test_an_event_nobody_vouched_for_is_seen_although_everything_else_is_right(root: Path) -> None:
    from ledger.core.sealing import Provenance, seal
    from ledger.core.values import EventId

    issue(root, "care.1", "2026-01-06", "@dora")
    decide(root, "care.1", "2026-01-07", "approved")
    with at(root, "2026-01-08", "ann") as session:
        collect(session)
        user = str(session.node.bindings()[0].user_id)
        folder = session.folder("default", 1)
    when = Timestamp(parse_time("2026-01-08"))
    provenance = Provenance(folder.node_id, "default", "receipt", "1", when, when)
    id_ = EventId(f"receipt:made.up:{user}:author")
    metadata = {"receipt_hash": "ab" * 32, "work_points": 5}
    line = seal(id_, "https://example.org", when, "author", metadata, None, user, "receipt", provenance, 5).line
    (root / folder.path("activity.jsonl")).write_bytes(line + b"\n")
    assert {rule for rule, _ in failures(root)} == {"RECEIPT_SIGNED"}


def test_a_run_killed_between_the_events_and_the_step_to_review_is_completed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue(root, "care.1", "2026-01-06", "@dora")
    issue(root, "talk.2", "2026-01-06", "@emil")
    decide(root, "care.1", "2026-01-07", "approved")
    decide(root, "talk.2", "2026-01-07", "approved")
    with monkeypatch.context() as patch:
        patch.setattr("ledger.flows.review.apply_policy", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(root, MONDAY)
    decide(root, "care.1", "2026-01-13T02:00:00Z", "revoked", "was somebody else")
    folder = run(root, "2026-01-13T03:00:00Z")
    assert folder.state() == "review"
    assert len(receipt_events(folder)) == 2
    assert [line.action for line in folder.curation()] == ["exclude"]
    assert failures(root) == []


def test_events_of_receipts_carry_what_was_signed(root: Path) -> None:
    issue(root, "care.1", "2026-01-06", "@dora")
    decide(root, "care.1", "2026-01-07", "approved")
    folder = run(root, MONDAY)
    (raw,) = folder.read("activity.jsonl").splitlines()
    event = json.loads(raw)
    with at(root, MONDAY) as session:
        (state,) = find_receipts(session, "care.1")
    assert event["metadata"] == {"receipt_hash": state.receipt_hash, "work_points": 5}
    assert (event["producer"], event["platform_user_id"]) == ("receipt", state.receipt.user_id)
    assert event["event_time"] == state.receipt.issued_at


def test_a_field_of_that_name_in_another_events_metadata_is_no_receipts_event(tmp_path: Path) -> None:
    """Somebody who can name a column could else keep a receipt from becoming an event, or make verify fail."""
    head = "id,time,event_type,account,login,evidence,title"
    row = "a1,2026-01-06T09:00:00Z,community,dora,dora,https://example.org/1,x"
    root = receipt_node(tmp_path / "node", rows=f"{head}\n{row}\n")
    issue(root, "care.1", "2026-01-06", "@dora")
    decide(root, "care.1", "2026-01-07", "approved")
    with at(root, "2026-01-12T00:00:00Z", "ann") as session:
        collect(session)
        folder = session.folder("default", None)
    (event,) = [event for _, _, event in folder.events()]
    with at(root, "2026-01-08") as session:
        (wanted,) = [state.event_id for state in find_receipts(session, "care.1")]
    fields = event.fields()
    fields["metadata"] = {**fields["metadata"], "id": wanted}
    fields["payload_hash"] = payload_hash({name: fields[name] for name in PAYLOAD_FIELDS})
    (root / folder.path("activity.jsonl")).write_bytes(encode(fields) + b"\n")
    assert receipt_events(folder) == frozenset()
    assert receipt_events(run(root, MONDAY)) == {wanted}
    assert failures(root) == []
