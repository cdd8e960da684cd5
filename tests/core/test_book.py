"""Planning, settling and the account book: one function each, held to what must be true of any record."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.book import build_book, conserved, prepare_plan
from ledger.core.canonical import sha256_hex
from ledger.core.distribution import Cover, Plan, Rate, Settlement
from ledger.core.instructions import Instruction
from ledger.core.planning import BookInputs, HeldShare, PlanOnRecord, Stated, Terms, split_minor
from ledger.core.proof import Challenge
from ledger.core.records.decisions import Binding
from ledger.core.records.statement import PrefixPin
from ledger.core.settling import Approvers, book_findings, repeated_evidence
from ledger.core.values import Timestamp, UserId
from tests.core.samples import NODE, user

PIN = PrefixPin(sha256=sha256_hex(b""), size=0)  # type: ignore[arg-type]
KEYS = {f"w{n}": "0x" + f"{n:02x}" * 32 for n in range(1, 6)}
WALLETS = {name: str(Account.from_key(key).address) for name, key in KEYS.items()}
APPROVERS = Approvers({WALLETS["w1"]: "ann"}, 1)


def day(number: int) -> Timestamp:
    return Timestamp(f"2026-03-{number:02d}T00:00:00.000Z")


def stated(epoch: int, amounts: dict[int, int], version: int = 1, at: int = 1, **more: Any) -> Stated:
    return Stated(
        epoch, version, sha256_hex(f"{epoch}/{version}".encode()), day(at), f"data/epochs/default/{epoch:04d}",
        {UserId(user(n)): amount for n, amount in amounts.items()}, **more,
    )  # fmt: skip


def binding(
    seq: int, number: int, provider: str = "file", account: str = "x", at: int = 1, evidence: str = ""
) -> Binding:
    return Binding.model_validate({
        "action": "bind", "actor": "ann", "at": day(at), "evidence": evidence, "external_id": account, "login": None,
        "node_id": NODE, "provider": provider, "seq": seq, "user_id": user(number),
    })  # fmt: skip


def sign(text: str, name: str) -> str:
    return "0x" + Account.sign_message(encode_defunct(text=text), KEYS[name]).signature.hex().removeprefix("0x")


def proved(seq: int, number: int, name: str, at: int = 1) -> Binding:
    text = Challenge(NODE, UserId(user(number)), ("wallet", WALLETS[name]), 0).text
    return binding(seq, number, "wallet", WALLETS[name], at, f"proof nonce=0 eip191:{sign(text, name)}")


def wish(seq: int, number: int, kind: str, count: int = 1, at: int = 1, **more: Any) -> Instruction:
    return Instruction.model_validate({
        "amount_credits": None, "at": day(at), "from_epoch": 1, "instruction": kind, "node_id": NODE, "number": count,
        "proof": {"kind": "post", "event": "file:work:1"}, "scope_id": "default", "seq": seq, "to": None,
        "user_id": user(number), **more,
    })  # fmt: skip


def inputs(**more: Any) -> BookInputs:
    return BookInputs(NODE, "default", **more)  # type: ignore[arg-type]


def terms(book: BookInputs, number: int = 1, at: int = 10, **more: Any) -> Terms:
    in_force = {each.epoch_id: each for each in book.statements}
    covers = tuple(
        Cover(epoch_id=each.epoch_id, statement_hash=each.statement_hash, version=each.version)  # type: ignore[arg-type]
        for each in in_force.values()
    )
    given: dict[str, Any] = {
        "distribution": number, "at": day(at), "asset": "iso4217:EUR", "decimals": 2, "rail": "csv",
        "rate": Rate(at=day(1), denominator=1, numerator=1, source="agreed"), "minimum_minor": 0,  # type: ignore[arg-type]
        "on_decline": "return", "covers": covers,
        "identities": PrefixPin(sha256=PIN.sha256, size=len(book.bindings)),
        "instructions": PrefixPin(sha256=PIN.sha256, size=len(book.instructions)),
    }  # fmt: skip
    return Terms(**{**given, **more})


def rate(numerator: int, denominator: int) -> Rate:
    return Rate(at=day(1), denominator=denominator, numerator=numerator, source="agreed")  # type: ignore[arg-type]


def standing(plan: Plan, at: int = 11, *settlements: Settlement) -> PlanOnRecord:
    path = f"data/distributions/default/{plan.distribution:04d}/plan.json"
    return PlanOnRecord(plan, path, day(at), settlements)


def settled(
    plan: Plan, seq: int, state: str, reference: str | None = None, at: int = 12, **evidence: Any
) -> Settlement:
    given = {"reason": "no", "signatures": (sign(plan.abandoned_text("no"), "w1"),)} if state == "abandoned" else {}
    return Settlement.model_validate({
        "actor": "ann", "at": day(at), "distribution": plan.distribution, "node_id": NODE, "scope_id": "default",
        "evidence": {} if given else evidence or {"kind": "hand", "note": "seen"}, "reference": reference,
        "seq": seq, "state": state, **given,
    })  # fmt: skip


def findings(book: BookInputs) -> list[str]:
    return [found.rule for found in book_findings(book, build_book(book), lambda _: APPROVERS)]


def paid(plan: Plan) -> dict[str, tuple[int, int]]:
    return {line.user_id: (line.amount_credits, line.amount_minor) for line in plan.lines}


def left(plan: Plan) -> dict[str, tuple[str, int]]:
    return {line.user_id: (line.reason, line.amount_credits) for line in plan.left_out}


def test_a_rate_is_applied_to_the_sum_and_split_by_largest_remainder() -> None:
    book = inputs(statements=[stated(1, {1: 4444, 2: 1482, 3: 1111, 4: 2963})])
    plan = prepare_plan(book, terms(book, rate=rate(1550, 10000)))
    assert plan.total_minor == 1550
    assert [line.amount_minor for line in plan.lines] == [689, 230, 172, 459]


def test_a_second_plan_pays_only_what_came_since() -> None:
    first = inputs(statements=[stated(1, {1: 10, 2: 20})])
    one = prepare_plan(first, terms(first))
    later = inputs(statements=[*first.statements, stated(2, {1: 5}, at=12)], plans=[standing(one)])
    two = prepare_plan(later, terms(later, 2, 13))
    assert paid(two) == {user(1): (5, 5)}
    assert findings(replace(later, plans=[standing(one), standing(two, 14)])) == []


def test_what_an_amendment_takes_back_is_offset_by_what_follows() -> None:
    first = inputs(statements=[stated(1, {1: 10, 2: 20})])
    one = standing(prepare_plan(first, terms(first)))
    amended = [*first.statements, stated(1, {1: 22, 2: 8}, version=2, at=12)]
    book = build_book(inputs(statements=amended, plans=[one]))
    assert book.balances == {user(1): 12, user(2): -12}
    more = inputs(statements=[*amended, stated(2, {2: 15}, at=13)], plans=[one])
    assert paid(prepare_plan(more, terms(more, 2, 14))) == {user(1): (12, 12), user(2): (3, 3)}


def test_a_held_share_whose_plan_was_given_up_is_earned_once() -> None:
    held = (HeldShare("file", "x", 7),)
    book = inputs(statements=[stated(1, {1: 10}, held=held)], bindings=[binding(1, 2)])
    one = prepare_plan(book, terms(book))
    given_up = replace(book, plans=[standing(one, 11, settled(one, 1, "abandoned"))])
    found = build_book(given_up)
    assert (found.earned, found.balances) == ({user(1): 10, user(2): 7}, {user(1): 10, user(2): 7})
    assert findings(given_up) == []
    again = prepare_plan(given_up, terms(given_up, 2, 14))
    assert paid(again) == {user(1): (10, 10), user(2): (7, 7)}
    twice = build_book(replace(given_up, plans=[*given_up.plans, standing(again, 15)]))
    assert (twice.earned, twice.balances) == ({user(1): 10, user(2): 7}, {user(1): 0, user(2): 0})


def test_a_held_share_is_claimed_once_by_the_first_plan_that_pays_it() -> None:
    held = (HeldShare("file", "x", 7),)
    book = inputs(statements=[stated(1, {1: 10}, held=held)], bindings=[binding(1, 2)])
    one = prepare_plan(book, terms(book))
    assert paid(one) == {user(1): (10, 10), user(2): (7, 7)}
    moved = replace(book, bindings=[binding(1, 2), binding(2, 3, at=12)], plans=[standing(one)])
    assert build_book(moved).balances == {user(1): 0, user(2): 0}
    assert findings(moved) == []
    unpaid = replace(book, bindings=[binding(1, 2), binding(2, 3, at=12)])
    assert build_book(unpaid).balances == {user(1): 10, user(3): 7}


def test_a_held_share_that_nobody_claimed_in_time_lapses() -> None:
    share = (HeldShare("file", "x", 7),)
    one = stated(1, {1: 10}, held=share, hold_epochs=1)
    later = inputs(statements=[one, stated(2, {1: 7}, at=2, hold_epochs=1)], bindings=[binding(1, 2, at=3)])
    assert build_book(later).balances == {user(1): 17}
    in_time = replace(later, statements=[one, stated(2, {1: 7}, at=2, hold_epochs=1, identities_size=1)])
    assert build_book(in_time).balances == {user(1): 17, user(2): 7}


def test_a_claimed_share_that_a_correction_gives_to_its_person_is_not_paid_twice() -> None:
    first = inputs(statements=[stated(1, {1: 10}, held=(HeldShare("file", "x", 7),))], bindings=[binding(1, 2)])
    one = standing(prepare_plan(first, terms(first)))
    late = inputs(statements=[*first.statements, stated(1, {1: 10, 2: 7}, version=2, at=12)], bindings=first.bindings,
                  plans=[one])  # fmt: skip
    assert build_book(late).balances == {user(1): 0, user(2): 0}
    assert findings(late) == []


def test_without_a_proved_wallet_a_token_waits() -> None:
    book = inputs(
        statements=[stated(1, {1: 10, 2: 20, 3: 30})],
        bindings=[proved(1, 1, "w1"), binding(2, 2, "wallet", WALLETS["w2"], evidence="said so")],
    )
    plan = prepare_plan(book, terms(book, asset="eip155:1/slip44:60", decimals=18, rail="safe_csv"))
    assert [line.destination for line in plan.lines] == [WALLETS["w1"]]
    assert left(plan) == {user(2): ("no_destination", 20), user(3): ("no_destination", 30)}


def test_people_decline_hold_carry_and_choose() -> None:
    people = [
        wish(1, 1, "decline"), wish(2, 2, "hold"), wish(3, 3, "carry_below", amount_credits="40"),
        wish(4, 4, "pay_to", to=f"safe_csv:{WALLETS['w4']}"), wish(5, 5, "gift", to=user(6), amount_credits="20"),
    ]  # fmt: skip
    book = inputs(statements=[stated(1, dict.fromkeys(range(1, 6), 30))], instructions=people)
    plan = prepare_plan(book, terms(book))
    assert paid(plan) == {user(5): (10, 10), user(6): (20, 20)}
    assert left(plan) == {
        user(1): ("declined", 30), user(2): ("held", 30), user(3): ("on_request", 30), user(4): ("on_request", 30),
    }  # fmt: skip
    after = replace(book, plans=[standing(plan)])
    assert build_book(after).balances == dict(zip(map(user, range(1, 7)), [0, 30, 30, 30, 0, 0], strict=True))
    assert findings(after) == []


def test_a_gift_with_an_amount_is_given_once() -> None:
    gift = [wish(1, 1, "gift", to="pool", amount_credits="6")]
    first = inputs(statements=[stated(1, {1: 10})], instructions=gift)
    one = standing(prepare_plan(first, terms(first)))
    later = inputs(statements=[*first.statements, stated(2, {1: 10}, at=12)], instructions=gift, plans=[one])
    assert paid(prepare_plan(later, terms(later, 2, 13))) == {user(1): (10, 10)}
    assert build_book(later).to_pool == 6


@pytest.mark.parametrize(("on_decline", "minor"), [("return", 200), ("redistribute", 300)])
def test_what_is_declined_returns_or_makes_the_others_shares_grow(on_decline: str, minor: int) -> None:
    book = inputs(statements=[stated(1, {1: 100, 2: 100, 3: 100})], instructions=[wish(1, 1, "decline")])
    plan = prepare_plan(book, terms(book, on_decline=on_decline))
    assert plan.total_minor == minor
    assert paid(plan) == {user(2): (100, minor // 2), user(3): (100, minor // 2)}
    assert findings(replace(book, plans=[standing(plan)])) == []


def test_a_failed_line_is_outstanding_again_and_a_settled_one_stays() -> None:
    book = inputs(statements=[stated(1, {1: 10, 2: 20})])
    plan = prepare_plan(book, terms(book))
    a, b = (line.reference for line in plan.lines)
    log = (settled(plan, 1, "failed", a), settled(plan, 2, "settled", b, ref="R1", kind="bank_ref"))
    after = replace(book, plans=[standing(plan, 11, *log)])
    found = build_book(after)
    assert found.balances == {user(1): 10, user(2): 0}
    assert (found.settled, found.allocated) == ({user(2): 20}, {user(1): 0, user(2): 0})
    assert findings(after) == []
    assert paid(prepare_plan(after, terms(after, 2, 13))) == {user(1): (10, 10)}


def test_an_abandoned_plan_is_as_if_it_had_never_stood() -> None:
    book = inputs(
        statements=[stated(1, {1: 10, 2: 20, 3: 4}, held=(HeldShare("file", "x", 7),))],
        bindings=[binding(1, 4)],
        instructions=[wish(1, 1, "gift", to=user(2)), wish(2, 3, "decline")],
    )
    plan = prepare_plan(book, terms(book))
    after = replace(book, plans=[standing(plan, 11, settled(plan, 1, "abandoned"))])
    assert build_book(after).balances == {user(1): 10, user(2): 20, user(3): 4, user(4): 7}
    assert findings(after) == []
    assert paid(prepare_plan(after, terms(after, 2, 13))) == paid(plan)


@pytest.mark.parametrize(
    ("log", "rule"),
    [
        (["settled:a", "settled:a"], "PAID_ONCE"),
        (["abandoned", "settled:a"], "SETTLEMENT_APPEND_ONLY"),
        (["submitted:a", "abandoned"], "PAID_ONCE"),
        (["settled:none"], "SETTLEMENT_APPEND_ONLY"),
        (["settled:a:R", "settled:b:R"], "PAID_ONCE"),
    ],
)
def test_settlements_that_may_not_follow_each_other_are_found(log: list[str], rule: str) -> None:
    book = inputs(statements=[stated(1, {1: 10, 2: 20})])
    plan = prepare_plan(book, terms(book))
    names = {"a": plan.lines[0].reference, "b": plan.lines[1].reference, "none": "1-" + "0" * 16}
    entries = []
    for seq, text in enumerate(log, start=1):
        state, _, rest = text.partition(":")
        line, _, ref = rest.partition(":")
        entries.append(settled(plan, seq, state, names.get(line), **({"kind": "bank_ref", "ref": ref} if ref else {})))
    assert rule in findings(replace(book, plans=[standing(plan, 11, *entries)]))


def test_one_piece_of_evidence_settles_lines_of_one_plan_only() -> None:
    book = inputs(statements=[stated(1, {1: 10})])
    one = prepare_plan(book, terms(book))
    other = prepare_plan(replace(book, scope_id="design"), terms(book))  # type: ignore[arg-type]
    both = [
        PlanOnRecord(plan, f"data/distributions/{plan.scope_id}/0001/plan.json", day(11),
                     (settled(plan, 1, "settled", ref="R", kind="bank_ref"),))
        for plan in (one, other)
    ]  # fmt: skip
    assert [found.rule for found in repeated_evidence(both)] == ["PAID_ONCE"]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda line: {"amount_credits": line.amount_credits + 1}, "PAID_ONCE"),
        (lambda line: {"destination": "github:7"}, "DESTINATION_BOUND"),
        (lambda line: {"amount_credits": line.amount_credits - 1}, "DISTRIBUTION_BALANCED"),
    ],
)
def test_a_plan_that_pays_other_than_what_is_owed_is_found(change: Any, rule: str) -> None:
    book = inputs(statements=[stated(1, {1: 10, 2: 20})])
    plan = prepare_plan(book, terms(book))
    line = plan.lines[0]
    lines = (line.model_copy(update=change(line)), *plan.lines[1:])
    bent = Plan.model_validate({**dict(plan), "lines": lines}, by_name=True)
    assert rule in findings(replace(book, plans=[standing(bent)]))


AMOUNTS = st.dictionaries(st.integers(1, 6), st.integers(0, 10**18), max_size=6)


@given(st.lists(st.tuples(AMOUNTS, st.integers(0, 3), st.booleans()), min_size=1, max_size=5), st.data())
def test_any_run_of_statements_amendments_and_payments_conserves(rounds: Any, data: st.DataObject) -> None:
    statements: list[Stated] = []
    plans: list[PlanOnRecord] = []
    wishes = [
        wish(1, 1, "gift", to=user(2), amount_credits="1000"),
        wish(2, 3, "decline"),
        wish(3, 4, "gift", to="pool"),
    ]
    bindings = [binding(1, 5)]
    time = 1
    for number, (amounts, fate, amend) in enumerate(rounds, start=1):
        held = (HeldShare("file", "x", data.draw(st.integers(0, 99))),)
        statements.append(stated(number, amounts, at=time, held=held))
        if amend and number > 1:
            other = data.draw(AMOUNTS)
            corrected = data.draw(st.sampled_from([(), (HeldShare("file", "x", 50),)]))
            statements.append(stated(number - 1, other, version=2, at=time, held=corrected))
        book = inputs(statements=sorted(statements, key=lambda s: (s.epoch_id, s.version)), bindings=bindings,
                      instructions=wishes, plans=plans)  # fmt: skip
        plan = prepare_plan(
            book, terms(book, number, time + 1, on_decline=data.draw(st.sampled_from(["return", "redistribute"])))
        )
        log = [settled(plan, 1, "failed", line.reference, time + 3) for line in plan.lines[:1] if fate == 1]
        log += [settled(plan, 1, "settled", None, time + 3)] if fate == 2 and plan.lines else []
        log += [settled(plan, 1, "abandoned", None, time + 3)] if fate == 3 else []
        plans = [*plans, standing(plan, time + 2, *log)]
        book = replace(book, plans=plans)
        found = build_book(book)
        here, came = conserved(book, found)
        assert here == came
        assert findings(book) == []
        assert all(amount >= 0 for amount in found.allocated.values())
        time += 5


@given(st.dictionaries(st.integers(1, 50).map(user), st.integers(1, 2**63 - 1), min_size=1), st.integers(0, 10**38 - 1))
def test_a_split_is_exact_and_within_one_unit_of_each_exact_share(credits: dict[UserId, int], total: int) -> None:
    found = split_minor(total, credits)
    whole = sum(credits.values())
    assert sum(found.values()) == total
    assert all(0 <= found[one] - credits[one] * total // whole <= 1 for one in credits)


def test_a_public_payout_of_26_people_is_exact_and_who_has_no_wallet_waits() -> None:
    """August 2026, 5,000.000000 USDC over weights of 18,013,500 in sum; 7 people had no wallet."""
    case = json.loads((Path(__file__).with_name("payout-26.json")).read_text())
    people = dict(enumerate(case["people"], start=1))
    amounts = split_minor(int(case["pool_minor"]), {UserId(user(n)): one["weight"] for n, one in people.items()})
    by_number = {n: amounts[UserId(user(n))] for n in people}
    assert all(0 <= by_number[n] - int(one["floor_minor"]) <= 1 for n, one in people.items())
    assert sum(by_number[n] - int(one["floor_minor"]) for n, one in people.items()) == 8
    names = {n: f"c{n}" for n, one in people.items() if one["has_wallet"]}
    KEYS.update({name: "0x" + f"{n + 64:02x}" * 32 for n, name in names.items()})
    WALLETS.update({name: str(Account.from_key(KEYS[name]).address) for name in names.values()})
    bindings = [proved(seq, n, name) for seq, (n, name) in enumerate(names.items(), start=1)]
    book = inputs(statements=[stated(1, by_number)], bindings=bindings)
    token = "eip155:1/erc20:0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
    plan = prepare_plan(book, terms(book, asset=token, decimals=6, rail="safe_csv"))
    assert {line.user_id: line.amount_minor for line in plan.lines} == {user(n): by_number[n] for n in names}
    assert {line.reason for line in plan.left_out} == {"no_destination"}
    assert len(plan.left_out) == 7
    late = next(n for n in people if n not in names)
    later = replace(book, bindings=[*bindings, proved(len(bindings) + 1, late, "w1", at=12)], plans=[standing(plan)])
    again = prepare_plan(later, terms(later, 2, 13, asset=token, decimals=6, rail="safe_csv"))
    assert {line.user_id: line.amount_minor for line in again.lines} == {user(late): by_number[late]}


def test_three_years_of_a_project_that_split_donations_by_points() -> None:
    """As a documentation project did it by hand: points are credits, the year's money less bank fees makes the rate.

    Year one: two of four decline and the others' shares grow. Year two: the largest gives points away, a new rate, and
    one who declined comes back. Nobody's points are lost, and each year's money is spent to the last yen.
    """
    yen = {"asset": "iso4217:JPY", "decimals": 0}
    first = inputs(
        statements=[stated(1, {1: 500, 2: 300, 3: 150, 4: 50})],
        instructions=[wish(1, 3, "decline"), wish(2, 4, "decline")],
    )
    money = 100_000 - 660
    one = prepare_plan(first, terms(first, on_decline="redistribute", rate=rate(money, 1000), **yen))
    assert (one.total_minor, paid(one)) == (money, {user(1): (500, 62088), user(2): (300, 37252)})
    second = inputs(
        statements=[*first.statements, stated(2, {1: 700, 2: 100, 3: 100, 4: 100}, at=12)],
        instructions=[
            *first.instructions,
            wish(3, 1, "gift", to=user(2), amount_credits="300"),
            wish(4, 3, "clear", 2),
        ],
        plans=[standing(one)],
    )
    two = prepare_plan(second, terms(second, 2, 13, on_decline="redistribute", rate=rate(50_000, 1000), **yen))
    assert two.total_minor == 50_000
    assert paid(two) == {user(1): (400, 22222), user(2): (400, 22222), user(3): (100, 5556)}
    assert findings(replace(second, plans=[standing(one), standing(two, 14)])) == []


def test_a_public_year_of_a_project_that_splits_donations_by_points_comes_out_as_it_printed_it() -> None:
    """December 2025: 3,359.41 USD over 18 people by points, four of whom declined; shares in per mille."""
    points = [22, 22, 20, 19, 16, 13, 12, 8, 6, 5, 3, 3, 3, 3, 3, 2, 2, 2]
    declined = {7, 9, 10, 13}
    printed = [159, 159, 145, 138, 116, 94, None, 58, None, None, 22, 22, None, 22, 22, 14, 14, 14]
    book = inputs(
        statements=[stated(1, dict(enumerate(points, start=1)))],
        instructions=[wish(seq, n, "decline") for seq, n in enumerate(sorted(declined), start=1)],
    )
    dollars = {"asset": "iso4217:USD", "rate": rate(335_941, sum(points)), "on_decline": "redistribute"}
    plan = prepare_plan(book, terms(book, **dollars))
    assert plan.total_minor == 335_941
    minor = {line.user_id: line.amount_minor for line in plan.lines}
    per_mille = [
        (minor[user(n)] * 2000 // plan.total_minor + 1) // 2 if user(n) in minor else None for n in range(1, 19)
    ]
    assert per_mille == printed
    assert {line.user_id for line in plan.left_out} == {user(n) for n in declined}
    assert prepare_plan(book, terms(book, **{**dollars, "on_decline": "return"})).total_minor == 335_941 * 138 // 164
