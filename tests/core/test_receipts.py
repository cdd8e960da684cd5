"""Receipts: what is signed, who may act, what stands, and that no order of acts breaks the budget of a role."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.approvers import Chain
from ledger.core.canonical import decode
from ledger.core.errors import FormatError
from ledger.core.receiptevents import due
from ledger.core.receiptlog import (
    AUTHORIZED,
    BOUND,
    BUDGET,
    IDEMPOTENT,
    LATEST,
    SIGNED,
    Wallets,
    fold,
)
from ledger.core.receipts import ReceiptAct, decision_text, event_payload, receipt_hash, receipt_text
from ledger.core.values import Timestamp
from tests.core.receipts import (
    CHAIN,
    CHAINS,
    ISSUERS,
    SOME_HASH,
    START,
    WALLETS,
    Log,
    approver_set,
    chain,
    moment,
    receipt,
    rights,
    rule,
    sign,
    wallet_of,
)
from tests.core.samples import NODE, user

TEXT = f"""Ledger Work Receipt
Node: {NODE}
Scope: default
Work Item: task.0054
Subject: {user(1)}
Role: author
Estimate: 5 of 5
Artifact: https://example.org/work/54
Issued At: 2026-01-05T00:00:00.000Z"""


def test_the_text_of_a_receipt_is_nine_lines_that_a_wallet_can_show_and_its_hash_is_the_receipts_name():
    assert receipt_text(NODE, receipt()) == TEXT
    assert receipt_hash(NODE, receipt()) == hashlib.sha256(TEXT.encode()).hexdigest()


def test_the_text_of_a_decision_names_the_receipt_the_decision_and_its_number():
    assert decision_text(NODE, "default", SOME_HASH, "approved", 1).split("\n") == [
        "Ledger Receipt Decision",
        f"Node: {NODE}",
        "Scope: default",
        f"Receipt Hash: {SOME_HASH}",
        "Decision: approved",
        "Number: 1",
        "Reason: none",
    ]
    assert decision_text(NODE, "default", SOME_HASH, "revoked", 2, "twice").endswith("Number: 2\nReason: twice")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"estimate": 0}, "estimate"),
        ({"work_points": 0}, "work_points"),
        ({"estimate": True}, "estimate"),
        ({"work_item_id": "two words"}, "work_item_id"),
        ({"work_item_id": "a:b"}, "work_item_id"),
        ({"role": "Author"}, "role"),
        ({"artifact_url": " "}, "artifact_url"),
        ({"artifact_url": "https://x\nRole: reviewer"}, "artifact_url"),
        ({"artifact_url": "https://x\u2028Role: reviewer"}, "U\\+2028"),
        ({"artifact_url": "https://x\u202eelor"}, "U\\+202E"),
        ({"user_id": "ann"}, "user_id"),
        ({"more": 1}, "unknown field"),
    ],
)
def test_a_receipt_that_could_be_read_in_two_ways_is_refused(changes: dict[str, Any], complaint: str):
    with pytest.raises(FormatError, match=complaint):
        receipt(**changes)


def test_an_act_is_read_from_exactly_its_own_canonical_line():
    log = Log(real=True)
    assert log.issue("ann", receipt()) is None
    assert log.approve("ben", receipt()) is None
    for act in log.acts:
        assert ReceiptAct.read(decode(act.encode())) == act
    value = log.acts[0].fields()
    for changes in (
        {"receipt": None},
        {"number": 1},
        {"reason": "x"},
        {"receipt_hash": SOME_HASH},
        {"act": "proposed"},
    ):
        with pytest.raises(FormatError):
            ReceiptAct.read({**value, **changes})
    with pytest.raises(FormatError, match="reason goes with revoked"):
        ReceiptAct.read({**log.acts[1].fields(), "act": "revoked"})


def test_issued_is_proposed_and_the_latest_act_decides_from_then_on():
    log, mine = Log(real=True), receipt()
    assert log.issue("ann", mine) is None
    state = log.book.states[receipt_hash(NODE, mine)]
    seen = [state.status]
    for number, act in enumerate((log.approve, log.revoke, log.approve, log.revoke), start=1):
        assert act("ben", mine, number) is None
        seen.append(state.status)
    assert seen == ["proposed", "approved", "revoked", "approved", "revoked"]


def test_a_signature_over_another_text_is_no_act():
    log, mine = Log(real=True), receipt()
    for field in (
        "estimate",
        "work_points",
        "role",
        "artifact_url",
        "work_item_id",
        "user_id",
        "issued_at",
        "scope_id",
    ):
        other = {"estimate": 4, "work_points": 6, "role": "reviewer", "artifact_url": "https://example.org/other"}
        other |= {"work_item_id": "task.0055", "user_id": user(2), "issued_at": moment(1), "scope_id": "design"}
        signed = sign("ann", receipt_text(NODE, receipt(**{field: other[field]})))
        assert rule(log.issue("ann", mine, signature=signed)) == SIGNED, field
    assert rule(log.issue("ann", mine, signature=sign("ben", receipt_text(NODE, mine)))) == SIGNED
    assert log.issue("ann", mine) is None
    name = receipt_hash(NODE, mine)
    for text in (
        receipt_text(NODE, mine),
        decision_text(NODE, "default", name, "revoked", 1),
        decision_text(NODE, "default", name, "approved", 2),
        decision_text(NODE, "design", name, "approved", 1),
        decision_text(NODE, "default", SOME_HASH, "approved", 1),
        decision_text(user(9), "default", name, "approved", 1),
    ):
        assert rule(log.approve("ben", mine, signature=sign("ben", text))) == SIGNED


def test_the_signature_over_an_older_approval_is_no_new_one():
    log, mine = Log(real=True), receipt()
    log.issue("ann", mine), log.approve("ben", mine)
    first = log.acts[-1].signature
    assert log.revoke("ben", mine, 2) is None
    assert rule(log.approve("ben", mine, 1, signature=first)) == LATEST
    assert rule(log.approve("ben", mine, 3, signature=first)) == SIGNED


def test_an_act_of_another_node_or_of_a_scope_without_approvers_counts_for_nothing():
    log = Log()
    assert rule(log.issue("ann", receipt(scope_id="design"))) == BOUND
    foreign = receipt()
    name = receipt_hash(user(9), foreign)
    assert rule(log.issue("ann", foreign, node_id=user(9), receipt_hash=name)) == BOUND


def test_only_who_has_the_right_by_the_set_that_counted_then_may_act():
    log, mine = Log(), receipt()
    assert rule(log.issue("eve", mine)) == AUTHORIZED
    assert log.issue("cat", mine) is None
    assert rule(log.approve("cat", mine)) == AUTHORIZED
    assert rule(log.revoke("cat", mine)) == AUTHORIZED
    assert rule(log.approve("eve", mine)) == AUTHORIZED
    for seq in (2, 999):
        assert rule(log.approve("ben", mine, approvers_seq=seq)) == AUTHORIZED
    assert log.approve("ben", mine) is None


def test_rights_end_when_a_later_set_counts_and_what_was_done_before_stands():
    changed = chain((approver_set(*ISSUERS), START), (approver_set(rights("cat"), seq=2), moment(2)))
    log, mine = Log({"default": changed}), receipt()
    assert log.issue("ann", mine) is None
    log.clock = 2
    assert rule(log.approve("ben", mine, approvers_seq=1)) == AUTHORIZED
    assert rule(log.approve("ben", mine, approvers_seq=2)) == AUTHORIZED
    assert log.approve("cat", mine, approvers_seq=2) is None
    assert fold(NODE, log.acts, log.chains, Wallets(), signatures_from=99).findings == ()


def test_a_set_that_does_not_count_gives_nobody_a_right():
    proposed = {"default": chain((approver_set(*ISSUERS), None))}
    assert rule(Log(proposed).issue("ann", receipt())) == AUTHORIZED


def test_nobody_approves_what_he_issued_also_with_another_wallet_of_his():
    two = rights("ann", wallets=(WALLETS["cat"],))
    log, mine = Log({"default": chain((approver_set(two, rights("ben")), START))}), receipt()
    assert log.issue("ann", mine) is None
    assert rule(log.approve("ann", mine)) == AUTHORIZED
    assert rule(log.approve("cat", mine)) == AUTHORIZED
    assert log.approve("ben", mine) is None
    assert log.revoke("ann", mine, 2) is None  # taking back is everybody's who may approve


def test_nobody_approves_what_is_about_him_by_the_bindings_of_that_time():
    mine = receipt()
    log = Log(bindings=[wallet_of("ben", user(1))])
    assert log.issue("ann", mine) is None
    assert rule(log.approve("ben", mine)) == AUTHORIZED
    later = Log(bindings=[wallet_of("ben", user(1), moment(9))])
    later.issue("ann", mine)
    assert later.approve("ben", mine) is None


def test_a_scope_may_allow_people_to_approve_their_own():
    log = Log({"default": chain((approver_set(*ISSUERS, self_approve=True), START))}, [wallet_of("ann", user(1))])
    assert log.issue("ann", receipt()) is None
    assert log.approve("ann", receipt()) is None


def test_of_a_key_one_receipt_stands_and_a_new_one_needs_the_first_revoked():
    log, first, second = Log(), receipt(), receipt(issued_at=moment(1))
    assert log.issue("ann", first) is None
    assert rule(log.issue("ann", first)) == IDEMPOTENT
    assert rule(log.issue("ann", second)) == IDEMPOTENT
    assert log.revoke("ben", first) is None
    assert log.issue("ann", second) is None
    assert rule(log.approve("ben", first, 2)) == IDEMPOTENT
    assert log.approve("ben", second) is None
    assert log.revoke("ben", second, 2) is None
    assert rule(log.issue("ann", first)) == IDEMPOTENT  # the very same words were signed before
    assert log.approve("ben", first, 2) is None


def test_people_in_one_role_share_its_points_and_nobody_gets_more_than_are_left():
    log = Log()
    three, two = receipt(role="reviewer", estimate=3), receipt(role="reviewer", estimate=2, user_id=user(2))
    one_more = receipt(role="reviewer", estimate=1, user_id=user(3))
    assert log.issue("ann", three) is None
    assert log.issue("ann", two) is None
    assert rule(log.issue("ann", one_more)) == BUDGET
    assert log.issue("ann", receipt(user_id=user(3))) is None  # another role has its own budget
    assert log.revoke("ben", two) is None
    assert log.issue("ann", one_more) is None
    assert rule(log.approve("ben", two, 2)) == BUDGET
    assert rule(log.issue("ann", receipt(estimate=6, work_points=5, work_item_id="other"))) == BUDGET


def test_all_receipts_of_an_item_agree_on_its_points_until_the_wrong_one_is_revoked():
    log, wrong = Log(), receipt(work_points=50)
    assert log.issue("ann", wrong) is None
    assert rule(log.issue("ann", receipt(role="reviewer"))) == BUDGET
    assert log.revoke("ben", wrong) is None
    assert log.issue("ann", receipt(role="reviewer")) is None


def test_a_decision_needs_its_receipt_and_time_runs_on():
    log = Log()
    assert rule(log.approve("ben", receipt())) == LATEST
    assert log.issue("ann", receipt()) is None
    assert rule(log.approve("ben", receipt(), at=START)) == LATEST
    assert rule(log.issue("ann", receipt(work_item_id="later", issued_at=moment(99)))) == LATEST


def test_a_log_is_judged_line_by_line_and_goes_on_after_a_bad_one():
    log = Log(real=True)
    log.issue("ann", receipt()), log.approve("ben", receipt())
    bad = log.acts[1].model_copy(update={"signer_wallet": WALLETS["cat"]})
    found = fold(NODE, [log.acts[0], bad], CHAINS, Wallets(), path="data/receipts.jsonl").findings
    assert [(one.rule, one.path, one.line) for one in found] == [(SIGNED, "data/receipts.jsonl", 2)]
    trusted = fold(NODE, log.acts, CHAINS, Wallets(), signatures_from=3)
    assert trusted.findings == ()


def test_approved_receipts_of_the_scope_and_time_become_events_once():
    log = Log({"default": CHAIN, "design": CHAIN})
    mine, proposed = receipt(), receipt(work_item_id="b")
    gone, late, there = (
        receipt(work_item_id="c"),
        receipt(work_item_id="d", issued_at=moment(5)),
        receipt(work_item_id="e"),
    )
    elsewhere = receipt(work_item_id="f", scope_id="design")
    log.clock = 10
    for one in (mine, proposed, gone, late, there, elsewhere):
        assert log.issue("ann", one) is None
    for one in (mine, gone, late, there, elsewhere):
        assert log.approve("ben", one) is None
    assert log.revoke("ben", gone, 2) is None
    states = log.book.states.values()
    assert [state.receipt for state in due(states, "default", moment(5), {there.event_id})] == [mine]
    assert [state.receipt for state in due(states, "default", moment(6), {there.event_id})] == [mine, late]
    payload = event_payload(receipt_hash(NODE, mine), mine)
    assert (payload["id"], payload["quantity"]) == (f"receipt:task.0054:{user(1)}:author", 5)


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["issue", "approve", "revoke"]),
        st.sampled_from(["ann", "ben", "cat"]),
        st.integers(0, 7),  # which receipt
        st.integers(0, 3),  # how far the number is off
    ),
    max_size=40,
)
CANDIDATES = [
    receipt(user_id=user(1 + n % 2), estimate=2 + n % 3, work_points=5 if n < 6 else 6, issued_at=moment(n // 4))
    for n in range(8)
]


@given(ACTS)
def test_whatever_people_try_no_role_gets_more_than_its_points_and_of_a_key_one_receipt_stands(acts: list[Any]):
    log = Log()
    log.clock = 10
    for act, who, which, off in acts:
        mine = CANDIDATES[which]
        if act == "issue":
            log.issue(who, mine)
        else:
            state = log.book.states.get(receipt_hash(NODE, mine))
            number = max((len(state.acts) if state else 1) - off, 1)
            (log.approve if act == "approve" else log.revoke)(who, mine, number)
    latest: dict[str, str] = {}
    issued: dict[str, Any] = {}
    numbers: Counter[str] = Counter()
    for line in log.acts:
        latest[line.receipt_hash] = line.act
        issued.setdefault(line.receipt_hash, line.receipt)
        assert line.number == numbers[line.receipt_hash]
        numbers[line.receipt_hash] += 1
    standing = [issued[name] for name, act in latest.items() if act != "revoked"]
    assert all(
        state.status == {"issued": "proposed"}.get(latest[name], latest[name])
        for name, state in log.book.states.items()
    )
    assert max(Counter(one.key for one in standing).values(), default=1) == 1
    for item, role in {(one.work_item_id, one.role) for one in standing}:
        together = [one for one in standing if (one.work_item_id, one.role) == (item, role)]
        assert sum(one.estimate for one in together) <= together[0].work_points
    assert len({one.work_points for one in standing}) <= 1
    assert fold(NODE, log.acts, CHAINS, Wallets(), signatures_from=99).findings == ()


def test_a_chain_that_is_not_there_yet_gives_no_rights_in_words():
    problem = Log({"default": Chain()}).issue("ann", receipt())
    assert problem is not None
    assert (problem.rule, problem.expected) == (AUTHORIZED, "no set counts yet")


def test_times_are_text_in_order():
    assert moment(1) < moment(60) < moment(3600)
    assert isinstance(START, str) and Timestamp(START) == moment(0)
