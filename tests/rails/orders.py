"""Orders for the rails' tests: a plan over given amounts and destinations, as the planner would write it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledger.core.canonical import sha256_hex
from ledger.core.distribution import Plan, reference_of
from ledger.rails.port import Order
from tests.core.samples import NODE, user

TOKEN = "eip155:1/erc20:0x6B175474E89094C44Da98b954EedeAC495271d0F"
WALLETS = [
    "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
    "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
]


def order(
    amounts: list[int],
    *,
    rail: str = "csv",
    asset: str = TOKEN,
    decimals: int = 18,
    places: list[str] | None = None,
    payees: Mapping[str, Mapping[str, str]] | None = None,
    names: Mapping[str, str] | None = None,
    **options: str,
) -> Order:
    """An order with one line an amount (minor units); person 1, 2, 3 … in this order."""
    if places is None:
        places = [*WALLETS, *("0x" + f"{number:02x}" * 20 for number in range(4, 100))]
        if asset.startswith("iso4217"):
            places = [f"payee:{user(number)}" for number in range(1, len(amounts) + 1)]
    lines = [
        {
            "amount_credits": str(min(amount, 10**18)), "amount_minor": str(amount), "destination": places[number - 1],
            "reference": reference_of(NODE, "default", 3, user(number)), "user_id": user(number),
        }
        for number, amount in enumerate(amounts, start=1)
    ]  # fmt: skip
    empty = {"sha256": sha256_hex(b""), "size": 0}
    value: dict[str, Any] = {
        "asset": asset, "at": "2026-03-02T10:00:00.000Z", "covers": [], "decimals": decimals, "distribution": 3,
        "identities": empty, "instructions": empty, "left_out": [], "lines": lines, "minimum_minor": "0",
        "node_id": NODE, "on_decline": "return", "rail": rail,
        "rate": {"at": "2026-03-02T10:00:00.000Z", "denominator": "1", "numerator": "1", "source": "agreed"},
        "schema": "distribution/1", "scope_id": "default", "total_minor": str(sum(amounts)),
    }  # fmt: skip
    plan = Plan.read(value)
    return Order(plan, plan.lines, payees or {}, options, names or {})
