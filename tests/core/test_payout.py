"""Allocation and payout arithmetic: exact, order-free, monotone, bounded, and equal to a second implementation."""

from __future__ import annotations

import csv
import hashlib
from fractions import Fraction
from math import floor
from pathlib import Path
from random import Random

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from ledger.core.errors import InputError
from ledger.core.payout import PayoutTable, allocation_set_hash, bounded_sum, held_credits, payout_table, share_text
from ledger.core.pool import pool_total
from ledger.core.values import MAX_AMOUNT, Credits, UserId
from tests.core.samples import record, user

AMOUNTS = st.one_of(st.integers(0, 12), st.integers(0, 10**6), st.integers(0, MAX_AMOUNT))
USERS = st.integers(1, 40).map(lambda number: UserId(user(number)))
UNITS = st.dictionaries(USERS, AMOUNTS, max_size=12).filter(lambda units: sum(units.values()) <= MAX_AMOUNT)


def users(**units: int) -> dict[UserId, int]:
    """u1=…, u2=… as a table of users."""
    return {UserId(user(int(name[1:]))): amount for name, amount in units.items()}


def paid(table: PayoutTable) -> dict[str, int]:
    return {row.user_id: row.amount_credits for row in table.payouts}


def by_fractions(units: dict[UserId, int], pool: int) -> tuple[dict[str, int], int]:
    """The same split, thought out again: exact shares as fractions, and one credit at a time to whoever lacks most."""
    total = sum(units.values())
    if total == 0:
        return dict.fromkeys(units, 0), pool
    exact = {name: Fraction(amount, total) * pool for name, amount in units.items()}
    given_out: dict[str, int] = {name: floor(share) for name, share in exact.items()}
    lacking = {name: exact[name] - given_out[name] for name in exact}
    while sum(given_out.values()) < pool:
        most = max(lacking.values())
        winner = min(name for name, lack in lacking.items() if lack == most)
        given_out[winner] += 1
        del lacking[winner]
    return given_out, 0


@given(UNITS, AMOUNTS)
def test_amounts_and_the_undistributed_rest_are_exactly_the_pool(units: dict[UserId, int], pool: int) -> None:
    table = payout_table(units, pool)
    assert sum(paid(table).values()) + table.undistributed == pool
    assert table.undistributed == (0 if any(units.values()) else pool)
    assert all(0 <= amount <= MAX_AMOUNT for amount in paid(table).values())


@given(UNITS, AMOUNTS)
def test_the_split_agrees_with_an_independent_one_on_fractions(units: dict[UserId, int], pool: int) -> None:
    table = payout_table(units, pool)
    assert (paid(table), table.undistributed) == by_fractions(units, pool)


@given(UNITS, AMOUNTS, st.randoms(use_true_random=False))
def test_the_order_of_input_does_not_matter(units: dict[UserId, int], pool: int, dice: Random) -> None:
    shuffled = list(units.items())
    dice.shuffle(shuffled)
    assert payout_table(dict(shuffled), pool) == payout_table(units, pool)
    names = [row.user_id for row in payout_table(units, pool).payouts]
    assert names == sorted(units)


@given(UNITS, AMOUNTS)
def test_every_amount_differs_from_the_exact_proportion_by_less_than_one(units: dict[UserId, int], pool: int) -> None:
    total = sum(units.values())
    assume(total > 0)
    for name, amount in paid(payout_table(units, pool)).items():
        assert abs(amount - Fraction(units[UserId(name)] * pool, total)) < 1


@given(UNITS, USERS, AMOUNTS, AMOUNTS)
@example(users(u1=1, u2=1, u3=1), UserId(user(3)), 1, 1)
def test_nobody_loses_when_only_his_own_units_grow(units: dict[UserId, int], who: UserId, more: int, pool: int) -> None:
    """Largest remainder keeps this; the proof, for a user whose floor stays (else his payout rises anyway).

    All other exact shares shrink. Say k floors of others fall in sum: k more credits are left over, and at most k
    users are new ahead of him in the order of remainders (whose floor stayed has a smaller remainder than before, his
    own is larger; ties stay). So if his place was within the credits left over, it still is.
    """
    grown = {**units, who: units.get(who, 0) + more}
    assume(sum(grown.values()) <= MAX_AMOUNT)
    assert paid(payout_table(grown, pool))[who] >= paid(payout_table(units, pool)).get(who, 0)


@given(UNITS, AMOUNTS)
def test_more_units_never_earn_less_than_fewer_in_the_same_epoch(units: dict[UserId, int], pool: int) -> None:
    table = payout_table(units, pool).payouts
    for one in table:
        for other in table:
            if one.total_units > other.total_units:
                assert one.amount_credits >= other.amount_credits


def test_a_larger_pool_can_cost_a_user_one_credit() -> None:
    """The Alabama paradox, which largest remainder has: known, and never more than the one credit proved below."""
    units = users(u1=6, u2=6, u3=2)
    assert paid(payout_table(units, 10)) == {user(1): 4, user(2): 4, user(3): 2}
    assert paid(payout_table(units, 11)) == {user(1): 5, user(2): 5, user(3): 1}


@given(UNITS, AMOUNTS, AMOUNTS)
def test_a_larger_pool_never_costs_a_user_more_than_one_credit(units: dict[UserId, int], pool: int, more: int) -> None:
    assume(pool + more <= MAX_AMOUNT)
    before, after = paid(payout_table(units, pool)), paid(payout_table(units, pool + more))
    assert all(after[name] >= before[name] - 1 for name in before)


def test_a_tie_goes_to_the_smaller_user_id() -> None:
    assert paid(payout_table(users(u9=1, u3=1, u5=1), 5)) == {user(3): 2, user(5): 2, user(9): 1}


def test_a_user_without_units_has_a_line_with_nothing() -> None:
    table = payout_table(users(u1=0, u2=5), 7)
    assert [(row.amount_credits, row.share, row.total_units) for row in table.payouts] == [
        (0, "0.000000", 0),
        (7, "1.000000", 5),
    ]


def test_without_any_units_the_whole_pool_stays_undistributed() -> None:
    assert payout_table({}, 10) == PayoutTable((), (), Credits(10))
    table = payout_table(users(u1=0), 10)
    assert (table.undistributed, table.payouts[0].amount_credits, table.payouts[0].share) == (10, 0, "0.000000")


@pytest.mark.parametrize(
    ("units", "total", "share"),
    [
        (1, 3, "0.333333"),
        (2, 3, "0.666666"),  # rounding would say 0.666667
        (1, 1, "1.000000"),
        (999_999_999, 1_000_000_000, "0.999999"),  # rounding would say 1.000000
        (1, MAX_AMOUNT, "0.000000"),
        (MAX_AMOUNT, MAX_AMOUNT, "1.000000"),
        (0, 0, "0.000000"),
    ],
)
def test_a_share_is_cut_and_not_rounded(units: int, total: int, share: str) -> None:
    assert share_text(units, total) == share


@given(UNITS)
def test_shares_are_at_most_a_millionth_below_the_exact_ones(units: dict[UserId, int]) -> None:
    total = sum(units.values())
    for row in payout_table(units, 1).payouts:
        assert 0 <= (Fraction(row.total_units, total) if total else 0) - Fraction(row.share) < Fraction(1, 10**6)


def test_the_largest_amounts_there_are_come_through_exactly() -> None:
    assert paid(payout_table(users(u1=MAX_AMOUNT), MAX_AMOUNT)) == {user(1): MAX_AMOUNT}
    half = MAX_AMOUNT // 2
    table = payout_table(users(u1=half, u2=MAX_AMOUNT - half), MAX_AMOUNT)
    assert paid(table) == {user(1): half, user(2): MAX_AMOUNT - half}


def test_a_total_past_64_bits_is_an_error_and_no_wrap() -> None:
    assert bounded_sum([MAX_AMOUNT - 1, 1], "units") == MAX_AMOUNT
    for call in (
        lambda: bounded_sum([MAX_AMOUNT, 1], "units"),
        lambda: payout_table(users(u1=MAX_AMOUNT, u2=1), 1),
        lambda: pool_total([record("pool", amount_credits=str(MAX_AMOUNT)), record("pool", amount_credits="1")]),
    ):
        with pytest.raises(InputError, match=r"more than 2\^63-1") as caught:
            call()
        assert caught.value.rule == "ALL_MATH_BIGINT"


def test_the_pool_is_the_sum_of_its_components() -> None:
    assert pool_total([]) == 0
    assert pool_total([record("pool", amount_credits=amount) for amount in ("1", "20", "300")]) == 321


def test_the_allocation_hash_is_over_user_and_units_lines_without_a_last_line_end() -> None:
    units = users(u2=0, u1=7)
    text = f"{user(1)}:7\n{user(2)}:0"
    assert allocation_set_hash(units) == hashlib.sha256(text.encode()).hexdigest()
    held = f"{text}\ngit:a:1\ngithub:9:3"
    accounts = {("github", "9"): 3, ("git", "a"): 1}
    assert allocation_set_hash(units, accounts) == hashlib.sha256(held.encode()).hexdigest()
    assert allocation_set_hash({}) == hashlib.sha256(b"").hexdigest()


ACCOUNTS = st.dictionaries(st.tuples(st.sampled_from(["git", "github"]), st.sampled_from("abcd")), AMOUNTS, max_size=4)


@given(UNITS, st.dictionaries(USERS, st.integers(0, 10**6), max_size=4), ACCOUNTS, AMOUNTS)
def test_awards_shares_held_and_undistributed_are_exactly_the_pool(
    units: dict[UserId, int], awards: dict[UserId, int], accounts: dict[tuple[str, str], int], pool: int
) -> None:
    assume(sum(units.values()) + sum(accounts.values()) <= MAX_AMOUNT and sum(awards.values()) <= pool)
    table = payout_table(units, pool, awards=awards, accounts=accounts)
    alone = {(row.source, row.platform_user_id): row.amount_credits for row in table.held}
    assert held_credits(units, pool, awards=awards, accounts=accounts) == alone
    held = sum(alone.values())
    assert sum(paid(table).values()) + held + table.undistributed == pool
    assert all(row.amount_credits == row.award_credits + row.share_credits for row in table.payouts)
    assert {row.user_id: row.award_credits for row in table.payouts if row.award_credits} == {
        user: amount for user, amount in awards.items() if amount
    }
    assert [row.key for row in table.held] == sorted(f"{source}:{account}" for source, account in accounts)


@given(UNITS, ACCOUNTS, AMOUNTS)
def test_an_account_whose_share_is_held_gets_what_a_user_with_its_units_would_get(
    units: dict[UserId, int], accounts: dict[tuple[str, str], int], pool: int
) -> None:
    assume(sum(units.values()) + sum(accounts.values()) <= MAX_AMOUNT)
    held = payout_table(units, pool, accounts=accounts)
    keys = sorted(accounts, key=":".join)
    claimed = {UserId(f"ffffffff-0000-4000-8000-{n:012d}"): accounts[key] for n, key in enumerate(keys)}
    bound = payout_table({**units, **claimed}, pool)
    assert [row.amount_credits for row in (*held.payouts, *held.held)] == list(paid(bound).values())


def test_a_tie_goes_to_a_user_before_an_account() -> None:
    table = payout_table(users(u9=1), 1, accounts={("a", "a"): 1})
    assert (paid(table), [row.amount_credits for row in table.held]) == ({user(9): 1}, [0])


def test_more_awards_than_pool_is_refused() -> None:
    with pytest.raises(InputError, match="awards come to 11 credits, more than the pool of 10"):
        payout_table(users(u1=1), 10, awards=users(u1=5, u2=6))


def test_a_public_payout_of_26_people_gives_each_the_exact_share_and_keeps_that_of_those_who_cannot_be_paid_yet() -> (
    None
):
    """5,000.000000 of a token with 6 decimals, August 2026; names replaced. Seven of the 26 had no wallet."""
    with (Path(__file__).parent / "payout_of_26.csv").open(encoding="utf-8", newline="") as file:
        people = list(csv.DictReader(file))
    pool = 5_000_000_000
    bound = {UserId(row["id"]): int(row["weight"]) for row in people if row["has_wallet"] == "yes"}
    loose = {("list", row["id"]): int(row["weight"]) for row in people if row["has_wallet"] == "no"}
    assert (len(people), len(loose), sum(bound.values()) + sum(loose.values())) == (26, 7, 18_013_500)
    table = payout_table({UserId(user(n)): units for n, units in enumerate(bound.values())}, pool, accounts=loose)
    got = dict(zip(bound, (row.amount_credits for row in table.payouts), strict=True))
    got |= {UserId(row.platform_user_id): row.amount_credits for row in table.held}
    assert table.undistributed == 0
    more = {row["id"] for row in people if got[UserId(row["id"])] == int(row["floor_minor"]) + 1}
    assert all(got[UserId(row["id"])] - int(row["floor_minor"]) in (0, 1) for row in people)
    largest = sorted(people, key=lambda row: -int(row["remainder"]))
    assert len(more) == pool - sum(int(row["floor_minor"]) for row in people)
    assert {int(row["remainder"]) for row in people if row["id"] in more} == {
        int(row["remainder"]) for row in largest[: len(more)]
    }
    assert sum(row.amount_credits for row in table.held) == sum(
        got[UserId(row["id"])] for row in people if row["has_wallet"] == "no"
    )
