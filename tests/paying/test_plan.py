"""From balances to a plan that stands, payment files, settlements, and back when it was wrong."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.core.errors import DifferenceError, InputError, LedgerError, SignatureError, StateError
from ledger.core.evaluate import Finding
from ledger.core.settling import status
from ledger.flows.paying.accounts import account, page
from ledger.flows.paying.check import money_findings
from ledger.flows.paying.export import export, read_payees
from ledger.flows.paying.instruct import Wish, draft, instruct
from ledger.flows.paying.opening import sign_openings, waive, write_openings
from ledger.flows.paying.plan import PlanWish, abandon, latest, parse_rate, plan, sign_plan, statuses
from ledger.flows.paying.settle import acknowledge, by_bank, by_hand
from ledger.flows.session import Session
from ledger.flows.verify import verify
from tests.flows.test_crash import killed_at
from tests.nodes import at, digest, signature
from tests.paying.world import EURO, close_epoch, owed_node, prove_wallet, signed_plan, user_of

NEXT = "2026-01-13T00:00:00Z"
LATER = "2026-01-14T00:00:00Z"
HAND = {"kind": "hand", "note": "seen"}


@pytest.fixture(scope="module")
def owed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return owed_node(tmp_path_factory.mktemp("owed") / "node")


@pytest.fixture
def root(owed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(owed, tmp_path / "node"))


def rules(root: Path) -> set[str]:
    with at(root, LATER) as session:
        return {finding.rule for finding in verify(session).all_findings}


def test_a_plan_stands_once_enough_people_signed_and_verifies(root: Path) -> None:
    with at(root, NEXT, "ann") as session:
        prepared = plan(session, "default", EURO)
        assert (prepared.plan.total_minor, prepared.added) == (10_000, True)
        again = plan(session, "default", EURO)
        assert (again.plan, again.added) == (prepared.plan, False)
        text = prepared.plan.signed_text
        one = sign_plan(session, "default", None, signature(text, "ann"))
        assert (one.people, status(latest(session, "default", 1)).state) == (("ann",), "draft")
        assert not sign_plan(session, "default", None, signature(text, "ann")).added
        with pytest.raises(SignatureError, match="no approver"):
            sign_plan(session, "default", None, signature(text, "eve"))
        sign_plan(session, "default", None, signature(text, "ben"))
        assert status(latest(session, "default", 1)).state == "signed"
        assert {row.outstanding for row in page(session, "default").rows} == {0}
        assert sum(row.paid for row in page(session, "default").rows) == 0
        assert sum(row.allocated for row in page(session, "default").rows) == 10_000
    assert rules(root) == set()


def test_an_unsigned_plan_blocks_the_next_and_pays_nobody(root: Path) -> None:
    with at(root, NEXT, "ann") as session:
        plan(session, "default", EURO)
        with pytest.raises(StateError, match="is a draft"):
            plan(session, "default", PlanWish("csv", "EUR", "0.02", "another rate"))
        with pytest.raises(StateError, match="not signed by enough"):
            by_hand(session, "default", None, state="settled", evidence=HAND)
        with pytest.raises(StateError, match="not signed yet"):
            export(session, "default", None, root.parent / "out")
        abandon(session, "default", None, "wrong rate")
        second = plan(session, "default", PlanWish("csv", "EUR", "0.02", "another rate"))
        assert (second.plan.distribution, second.plan.total_minor) == (2, 20_000)
    assert rules(root) == set()


def test_an_end_cut_off_settlements_is_found_where_a_later_plan_rests_on_it(root: Path) -> None:
    """And only there: what nothing later rests on is held by git's history alone (docs/security.md)."""
    with at(root, NEXT, "ann") as session:
        plan(session, "default", EURO)
        abandon(session, "default", None, "wrong rate")
        second = signed_plan(session, PlanWish("csv", "EUR", "0.02", "another rate")).plan
    with at(root, "2026-01-13T01:00:00Z", "ann") as session:
        by_hand(session, "default", None, references=[second.lines[0].reference], state="failed", evidence=HAND)
    with at(root, "2026-01-13T02:00:00Z", "ann") as session:
        signed_plan(session)
        by_hand(session, "default", None, state="settled", evidence=HAND)
    assert rules(root) == set()
    logs = [root / f"data/distributions/default/{number:04d}/settlements.jsonl" for number in (1, 2, 3)]
    wanted = ["SETTLEMENT_APPEND_ONLY", "PAID_ONCE", None]
    for log, rule in zip(logs, wanted, strict=True):
        kept = log.read_bytes()
        log.unlink()
        assert (rule in rules(root)) if rule else rules(root) == set()
        log.write_bytes(b"")
        assert (rule in rules(root)) if rule else rules(root) == set()
        log.write_bytes(kept)


def test_a_plan_that_stood_is_given_up_only_by_the_threshold(root: Path) -> None:
    with at(root, NEXT, "ann") as session:
        stood = signed_plan(session).plan
        with pytest.raises(InputError, match="nobody to pay"):
            plan(session, "default", EURO)
        text = stood.abandoned_text("wrong")
        with pytest.raises(SignatureError, match="1 of 2"):
            abandon(session, "default", None, "wrong", [signature(text, "ann")])
        both = [signature(text, "ann"), signature(text, "ben")]
        assert abandon(session, "default", None, "wrong", both)[1]
        assert not abandon(session, "default", None, "wrong", both)[1]
        with pytest.raises(StateError, match="abandoned"):
            by_hand(session, "default", None, state="settled", evidence=HAND)
        assert {row.allocated for row in page(session, "default").rows} == {0}
        assert plan(session, "default", EURO).plan.total_minor == 10_000
    assert rules(root) == set()


def test_a_plan_on_which_a_later_one_rests_is_not_given_up(root: Path) -> None:
    with at(root, NEXT, "ann") as session:
        first = signed_plan(session).plan
        by_hand(session, "default", None, references=[first.lines[0].reference], state="failed", evidence=HAND)
    with at(root, "2026-01-13T01:00:00Z", "ann") as session:
        signed_plan(session)
    with at(root, "2026-01-13T02:00:00Z", "ann") as session:
        text = first.abandoned_text("wrong")
        with pytest.raises(StateError, match="distribution 2 was prepared since"):
            abandon(session, "default", 1, "wrong", [signature(text, "ann"), signature(text, "ben")])
        by_hand(session, "default", 1, references=[first.lines[1].reference], state="failed", evidence=HAND)
    assert rules(root) == set()


def test_lines_settle_once_fail_and_are_owed_again(root: Path) -> None:
    with at(root, NEXT, "ann") as session:
        stood = signed_plan(session).plan
        a, b, c = (line.reference for line in stood.lines)
        by_hand(session, "default", None, state="settled", references=[a], evidence={"kind": "bank_ref", "ref": "R1"})
        again = by_hand(
            session, "default", None, state="settled", references=[a], evidence={"kind": "bank_ref", "ref": "R1"}
        )
        assert (again.added, again.open) == ((), (b, c))
        with pytest.raises(StateError, match="settled already"):
            by_hand(session, "default", None, state="settled", references=[a], evidence=HAND)
        with pytest.raises(StateError, match="settled another line"):
            by_hand(
                session, "default", None, state="settled", references=[b], evidence={"kind": "bank_ref", "ref": "R1"}
            )
        by_hand(session, "default", None, state="failed", references=[b], evidence=HAND)
    with at(root, LATER, "ann") as session:
        second = plan(session, "default", EURO).plan
        assert [line.user_id for line in second.lines] == [stood.by_reference[b].user_id]
        assert [each.state for each in statuses(session, "default")] == ["partly settled", "draft"]
    assert rules(root) == set()


def test_the_next_epoch_is_paid_by_the_next_plan_alone(root: Path) -> None:
    with at(root, NEXT, "ann") as session:
        signed_plan(session)
    close_epoch(root, 2, pool=300)
    with at(root, "2026-01-20T00:00:00Z", "ann") as session:
        assert plan(session, "default", EURO).plan.total_minor == 300
        before = page(session, "default", "2026-01-13T12:00:00.000Z")
        assert sum(row.earned for row in before.rows) == 10_000
    assert rules(root) == set()


CAMT = """<?xml version="1.0"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt>
{entries}</Stmt></BkToCstmrStmt></Document>"""
ENTRY = """<Ntry><Amt Ccy="{ccy}">{amount}</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>{sts}</Cd></Sts>
<BookgDt><Dt>2026-01-13</Dt></BookgDt><AcctSvcrRef>{ref}</AcctSvcrRef><NtryDtls><TxDtls><Refs><EndToEndId>{line}</EndToEndId></Refs></TxDtls>
</NtryDtls></Ntry>"""


def camt(lines: list[tuple[str, str, str]], ccy: str = "EUR", sts: str = "BOOK") -> bytes:
    entries = [ENTRY.format(line=line, amount=amount, ref=ref, ccy=ccy, sts=sts) for line, amount, ref in lines]
    return CAMT.format(entries="".join(entries)).encode()


def test_a_wrong_payment_that_was_put_right_by_hand_no_longer_keeps_the_others_of_its_file_out(root: Path) -> None:
    with at(root, NEXT, "ann") as session:
        told: list[str] = []
        session.tell = told.append  # type: ignore[method-assign]
        stood = signed_plan(session).plan
        amounts = {line.reference: f"{line.amount_minor // 100}.{line.amount_minor % 100:02d}" for line in stood.lines}
        (a, _), (b, y), (c, z) = amounts.items()
        data = camt([(a, "99.99", "B1"), (b, y, "B2"), (b, y, "B3")])
        with pytest.raises(DifferenceError, match="the bank paid"):
            by_bank(session, "default", None, data, "bank.xml")
        by_hand(session, "default", None, references=[a], state="settled", evidence=HAND)
        told.clear()
        assert [entry.reference for entry in by_bank(session, "default", None, data, "bank.xml").added] == [b]
        assert [text.split("(")[1][:2] for text in told] == ["B1", "B3"]
        told.clear()
        assert by_bank(session, "default", None, camt([(b, y, "B2"), (b, y, "B9")]), "next.xml").added == ()
        assert [text.split("(")[1][:2] for text in told] == ["B9"]
        told.clear()
        for rows in (f"{c},{z}\n", f"x,1\n{c},{z}\n"):  # a table without references of the bank, fetched twice
            by_bank(session, "default", None, f"reference,amount\n{rows}".encode(), "bank.csv")
        assert told == []
    assert rules(root) == set()


def test_a_second_payment_is_told_however_the_first_was_recorded_and_the_same_entry_twice_is_none(root: Path) -> None:
    with at(root, NEXT, "ann") as session:
        told: list[str] = []
        session.tell = told.append  # type: ignore[method-assign]
        stood = signed_plan(session).plan
        amounts = {line.reference: f"{line.amount_minor // 100}.{line.amount_minor % 100:02d}" for line in stood.lines}
        (a, x), (b, y), (c, z) = amounts.items()

        def too(data: bytes) -> list[str]:
            told.clear()
            by_bank(session, "default", None, data, "bank")
            return [text.split("(")[1].split(")")[0] for text in told]

        assert too(f"reference,amount\n{c},{z}\n".encode()) == []
        assert too(camt([(c, z, "B1"), (c, z, "B9")])) == ["B9"]
        by_hand(session, "default", None, references=[a], state="settled", evidence=HAND)
        assert too(camt([(a, x, "B1")])) == []
        assert too(camt([(a, x, "B1"), (a, x, "B2"), (a, x, "B3")])) == ["B2", "B3"]
        assert too(camt([(b, y, "B7"), (b, y, "B7")])) == []
        assert too(camt([(b, y, "B8"), (b, y, "B7")])) == ["B8"]
        assert too(camt([(b, y, ""), (b, y, "")])) == [f"2026-01-13/{b}"] * 2  # by no name they are not the same
        assert too(camt([(a, x, ""), (a, x, "")])) == [f"2026-01-13/{a}"]
        assert too(camt([(b, y, "B7"), (b, "0.01", "B7")])) == ["B7"]
    assert rules(root) == set()


def test_a_bank_statement_settles_exactly_the_lines_that_it_names(root: Path) -> None:
    with at(root, NEXT, "ann") as session:
        stood = signed_plan(session).plan
        amounts = {line.reference: f"{line.amount_minor // 100}.{line.amount_minor % 100:02d}" for line in stood.lines}
        (a, x), (b, y), (c, z) = amounts.items()
        with pytest.raises(DifferenceError, match="the bank paid"):
            by_bank(session, "default", None, camt([(a, x, "B1"), (b, "0.01", "B2")]), "bank.xml")
        with pytest.raises(DifferenceError, match="USD"):
            by_bank(session, "default", None, camt([(a, x, "B1")], ccy="USD"), "bank.xml")
        assert by_bank(session, "default", None, camt([(a, x, "B1")], sts="PDNG"), "bank.xml").added == ()
        first = by_bank(session, "default", None, camt([(a, x, "B1"), ("OTHER", "1.00", "B7")]), "bank.xml")
        assert [entry.reference for entry in first.added] == [a]
        whole = camt([(a, x, "B1"), (b, y, "B2")])
        assert [entry.reference for entry in by_bank(session, "default", None, whole, "bank.xml").added] == [b]
        assert by_bank(session, "default", None, whole, "bank.xml").added == ()
        table = f"reference,amount\n{c},{z}\n".encode()
        assert by_bank(session, "default", None, table, "bank.csv").open == ()
        assert {row.paid for row in page(session, "default").rows} == {line.amount_credits for line in stood.lines}
    assert rules(root) == set()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]><Document/>", "document type"),
        (b"<Document xmlns='urn:other'/>", r"no camt\.053"),
        (b"<Document", "no XML"),
        (b"a,b\n1,2\n", "no columns"),
        (b"\xff\xfe", "UTF-8"),
    ],
)
def test_a_file_that_is_no_bank_statement_settles_nothing(root: Path, data: bytes, words: str) -> None:
    with at(root, NEXT, "ann") as session:
        signed_plan(session)
        before = digest(root)
        with pytest.raises(InputError, match=words):
            by_bank(session, "default", None, data, "bank")
    assert digest(root) == before


def test_bank_details_go_from_the_operators_file_into_the_payment_file_and_nowhere_else(root: Path) -> None:
    iban, out = "DE89370400440532013000", root.parent / "out"
    with at(root, NEXT, "ann") as session:
        stood = signed_plan(session, PlanWish("sepa", "EUR", "0.01", "agreed")).plan
        payees = root.parent / "payees.csv"
        payees.write_text("user_id,name,iban\n" + "".join(f"{line.user_id},A B,{iban}\n" for line in stood.lines[:2]))
        options = {"debtor_name": "Acme", "debtor_iban": iban}
        with pytest.raises(InputError, match="lacks name, iban for 1 people"):
            export(session, "default", None, out, payees=payees, options=options)
        with pytest.raises(InputError, match="inside the node"):
            export(session, "default", None, root / "out", payees=payees, options=options)
        result = export(session, "default", None, out, payees=payees, options=options, skip_missing=True)
        assert (result.lines, len(result.missing)) == (2, 1)
        assert iban in result.files[0].read_text()
        assert result.files[0].stat().st_mode & 0o077 == 0
        for note in (f"paid to {iban}", "sent to a.person@example.org"):
            with pytest.raises(InputError, match="operator's own files"):
                by_hand(session, "default", None, state="settled", evidence={"kind": "hand", "note": note})
    assert not any(iban.encode() in path.read_bytes() for path in root.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"user_id,name,iban\n" + b"x" * 200_000, "is no CSV: field larger"),
        (b'user_id,name,iban\n"open,a,b\n', "is no CSV: unexpected end of data"),
        (b"\xff\xfeu\0", "cannot be read"),
        (b"name;iban\n", "has no column user_id"),
    ],
)
def test_a_payees_file_that_cannot_be_read_is_named_and_nothing_written(root: Path, data: bytes, words: str) -> None:
    payees = root.parent / "payees.csv"
    payees.write_bytes(data)
    with pytest.raises(InputError, match=words) as caught:
        read_payees(payees)
    assert caught.value.path == str(payees)


def test_a_payees_file_with_semicolons_is_read_like_one_with_commas(root: Path) -> None:
    payees = root.parent / "payees.csv"
    payees.write_text("user_id;name;iban\nA;B, C;D\n", "utf-8")
    assert read_payees(payees) == {"a": {"user_id": "A", "name": "B, C", "iban": "D"}}


def test_a_template_that_is_no_text_is_named(root: Path) -> None:
    template = root.parent / "template.csv"
    template.write_bytes(b"\xff\xfea")
    with at(root, NEXT, "ann") as session:
        signed_plan(session)
        with pytest.raises(InputError, match="no text in UTF-8"):
            export(session, "default", None, root.parent / "out", template=template)


def test_what_says_nothing_to_the_rail_is_refused_and_not_passed_over(root: Path) -> None:
    template, out = root.parent / "template.csv", root.parent / "out"
    template.write_text("name,amount,targetCurrency\n", "utf-8")
    with at(root, NEXT, "ann") as session:
        signed_plan(session, PlanWish("paypal", "EUR", "0.01", "agreed"))
        with pytest.raises(InputError, match="the rail paypal takes no --template") as caught:
            export(session, "default", None, out, template=template)
        assert caught.value.hint == "It takes: --option decimal=…, --option note=…."
        with pytest.raises(InputError, match="takes no --option nota"):
            export(session, "default", None, out, options={"note": "a", "nota": "b"})
    assert not out.exists()


def test_a_person_acknowledges_his_own_line_with_a_proved_wallet(root: Path) -> None:
    with at(root, NEXT, "ann") as session:
        prove_wallet(session, "alice", "eve")
        stood = signed_plan(session).plan
        mine = next(line for line in stood.lines if line.user_id == user_of(session, "alice"))
        other = next(line for line in stood.lines if line.user_id != mine.user_id)
        with pytest.raises(InputError, match="no proved wallet"):
            acknowledge(session, "default", None, other.reference, signature(stood.received_text(other), "eve"))
        done = acknowledge(session, "default", None, mine.reference, signature(stood.received_text(mine), "eve"))
        assert [entry.evidence["kind"] for entry in done.added] == ["recipient_ack"]
    assert rules(root) == set()


def test_instructions_are_a_persons_own_word_and_cannot_be_replayed(root: Path) -> None:
    with at(root, NEXT, "ann") as session:
        prove_wallet(session, "alice", "eve")
        wish = Wish(user_of(session, "alice"), "gift", 100, user_of(session, "bob"))
        signed = signature(draft(session, "default", wish).signed_text, "eve")
        assert instruct(session, "default", wish, signature=signed).added
        assert not instruct(session, "default", wish, signature=signed).added
        with pytest.raises(SignatureError, match="no proved wallet"):
            instruct(session, "default", Wish(wish.user_id, "decline"), signature=signed)
        with pytest.raises(SignatureError, match="no proved wallet"):
            bobs = Wish(user_of(session, "bob"), "decline")
            instruct(session, "default", bobs, signature=signature(draft(session, "default", bobs).signed_text, "eve"))
        with pytest.raises(InputError, match="pay_to names"):
            draft(session, "default", Wish(wish.user_id, "pay_to", None, "somewhere"))
        amounts = {line.user_id: line.amount_credits for line in signed_plan(session).plan.lines}
        whole = {row.user_id: row.earned for row in page(session, "default").rows}
        assert amounts[wish.user_id] == whole[wish.user_id] - 100
        assert amounts[user_of(session, "bob")] == whole[user_of(session, "bob")] + 100
        told = account(session, "default", "alice").postings
        assert [(line.kind, line.credits) for line, _ in told][1:2] == [("gift", -100)]
    assert rules(root) == set()


def test_opening_balances_count_once_signed_and_a_waiver_lets_only_what_is_negative_go(root: Path) -> None:
    with at(root, NEXT, "ann") as session:
        user = user_of(session, "carol")
        opened = write_openings(session, "default", f"user_id,balance\n{user},77\n".encode(), "b.csv")
        assert sum(row.earned for row in page(session, "default").rows) == 10_000
        for person in ("ann", "ben"):
            sign_openings(session, "default", signature(opened.text, person))
        assert sum(row.earned for row in page(session, "default").rows) == 10_077
        assert sum(line.amount_credits for line in signed_plan(session).plan.lines) == 10_077
        with pytest.raises(StateError, match="nothing of 5"):
            waive(session, "default", user, 5, "why")
        with pytest.raises(StateError, match="written once"):
            write_openings(session, "default", f"user_id,balance\n{user},78\n".encode(), "b.csv")
        for same in (f"User_ID;Balance;\r\n{user} ; 77;\r\n;;\r\n", f"user_id,balance\n{user},77\n,\n"):
            assert write_openings(session, "default", same.encode(), "b.csv").total == 77
        with pytest.raises(InputError, match="balance: missing"):
            write_openings(session, "default", f"user_id,balance\n{user},\n".encode(), "b.csv")
    assert rules(root) == set()
    path = root / "data/opening/default.signatures.jsonl"
    path.write_bytes(re.sub(rb'"opening_hash":"[0-9a-f]{64}"', b'"opening_hash":"%b"' % (b"0" * 64), path.read_bytes()))
    assert rules(root) == {"SIGNATURE_SCOPE_BOUND"}


def test_a_token_goes_only_to_wallets_that_proved_themselves(root: Path) -> None:
    token = "eip155:1/erc20:0x6B175474E89094C44Da98b954EedeAC495271d0F"
    with at(root, NEXT, "ann") as session:
        with pytest.raises(InputError, match="nobody to pay"):
            plan(session, "default", PlanWish("safe_csv", token, "1", "agreed"))
        wallet = prove_wallet(session, "alice", "eve")
        found = plan(session, "default", PlanWish("safe_csv", token, "1", "agreed")).plan
        assert [(line.destination, line.amount_minor) for line in found.lines] == [
            (wallet, found.lines[0].amount_credits * 10**18)
        ]
        assert {left.reason for left in found.left_out} == {"no_destination"}


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (PlanWish("sepa", "USD", "1", "x"), "does not pay"),
        (PlanWish("csv", "XXX", "1", "x"), "no asset"),
        (PlanWish("csv", "EUR", "1e3", "x"), "rate"),
        (PlanWish("csv", "EUR", "1", "x", decimals=3), "has 2 decimals"),
        (PlanWish("csv", "EUR", "1", " "), "rate"),
        (PlanWish("csv", "EUR", "1", "x", minimum="0.001"), "at most 2 decimals"),
        (PlanWish("safe_csv", "eip155:1/erc20:0x6B175474E89094C44Da98b954EedeAC495271d0f", "1", "x"), "checksum"),
        (PlanWish("safe_csv", "eip155:1/erc20:0x0000000000000000000000000000000000000000", "1", "x"), "zero address"),
        (PlanWish("safe_csv", "eip155:1/erc20:0x1111111111111111111111111111111111111111", "1", "x"), "not known"),
        (PlanWish("cheque", "EUR", "1", "x"), "no rail"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_and_nothing_written(root: Path, wish: PlanWish, words: str) -> None:
    before = digest(root)
    with at(root, NEXT, "ann") as session, pytest.raises(LedgerError, match=words):
        plan(session, "default", wish)
    assert digest(root) == before


def test_a_rate_is_a_fraction_and_never_rounded() -> None:
    assert parse_rate("0.155", 2) == (15500, 1000)
    assert parse_rate("1/3", 18) == (10**18, 3)


STEPS: dict[str, Callable[[Session], Any]] = {
    "plan": lambda s: plan(s, "default", EURO),
    "sign": lambda s: sign_plan(s, "default", None, signature(latest(s, "default", None).plan.signed_text, "ann")),
    "complete": lambda s: sign_plan(s, "default", None, signature(latest(s, "default", None).plan.signed_text, "ben")),
    "settle": lambda s: by_hand(s, "default", None, state="settled", evidence=HAND),
}  # fmt: skip


def test_a_killed_command_is_completed_by_the_next_run(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with at(root, NEXT, "ann") as session:
        prove_wallet(session, "alice", "eve")
        wish = Wish(user_of(session, "alice"), "hold")
        signed = signature(draft(session, "default", wish).signed_text, "eve")
    steps = {**STEPS, "instruct": lambda s: instruct(s, "default", wish, signature=signed)}
    for name, step in steps.items():
        undisturbed = shutil.copytree(root, root.parent / f"undisturbed-{name}")

        def act(where: Path, step: Callable[[Session], Any] = step) -> None:
            with at(where, NEXT, "ann") as session:
                step(session)

        act(undisturbed)
        wanted = digest(undisturbed)
        for call in ("replace", "after replace", "fsync"):
            for kill in range(1, 9):
                where = Path(shutil.copytree(root, root.parent / "killed"))
                killed = killed_at(monkeypatch, call, kill, lambda where=where: act(where))  # type: ignore[misc]
                if killed:
                    act(where)
                assert digest(where) == wanted, (name, call, kill)
                shutil.rmtree(where)
                if not killed:
                    assert kill > 1, f"{name} writes nothing"
                    break
        root = Path(undisturbed)
    assert rules(root) == set()


def test_what_was_tampered_with_is_found(root: Path) -> None:
    with at(root, NEXT, "ann") as session:
        signed_plan(session)
        by_hand(session, "default", None, state="settled", evidence=HAND)
    folder = root / "data/distributions/default/0001"

    def found_in(root: Path) -> list[Finding]:
        with at(root, LATER) as session:
            return list(money_findings(session.node, ["default"]))

    own_word = {"plan.json": (), "signatures.jsonl": ("signed_at",), "settlements.jsonl": ("actor", "at", "note")}
    for name in own_word:  # who recorded it, when, and what he noted beside it
        path, data = folder / name, (folder / name).read_bytes()
        for at_byte in range(0, len(data), max(1, len(data) // 12)):
            mark = data[at_byte : at_byte + 1]
            if not mark.isalnum():
                continue
            other = b"3" if mark != b"3" else b"4"
            path.write_bytes(data[:at_byte] + other + data[at_byte + 1 :])
            field = re.findall(rb'"([a-z_]+)":', data[:at_byte])[-1:]
            free = field and field[0].decode() in own_word[name]
            assert free or found_in(root), (name, at_byte, data[max(0, at_byte - 30) : at_byte + 5])
        path.write_bytes(data)
    assert found_in(root) == []
    (folder / "settlements.jsonl").write_bytes((folder / "settlements.jsonl").read_bytes() * 2)
    assert found_in(root)
