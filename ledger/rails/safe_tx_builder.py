"""Safe Transaction Builder: a batch as JSON, for the Safe app of this name (safe-global/safe-wallet-monorepo).

`createdAt` is the plan's time, so that the same plan gives the same bytes. `meta.checksum` is left out unless asked for
with `--option checksum=yes`: without it old and new versions of the app agree; with it, the rule is that of 2026-01-22
(the key is always removed before hashing).
"""

from __future__ import annotations

import json
from typing import Any

from ledger.core.distribution import PlanLine
from ledger.core.keccak import keccak
from ledger.core.money import chain_of, token_of
from ledger.core.values import to_milliseconds
from ledger.rails.port import Order, in_parts, is_token

LIMIT = 400
_TRANSFER = {
    "inputs": [
        {"internalType": "address", "name": "to", "type": "address"},
        {"internalType": "uint256", "name": "value", "type": "uint256"},
    ],
    "name": "transfer",
    "payable": False,
}


class SafeTransactionBuilder:
    """`safe-batch.json`, in numbered parts past 400 transfers."""

    kind = "safe_tx_builder"
    needs = ()
    takes = ("checksum", "safe")

    def accepts(self, asset: str) -> bool:
        """ERC-20 tokens and a chain's own coin."""
        return is_token(asset)

    def files(self, order: Order) -> dict[str, bytes]:
        """One batch for each 400 lines."""
        parts = in_parts("safe-batch", "json", len(order.lines), LIMIT)
        return {name: self._batch(order, order.lines[part]) for name, part in parts}

    def _batch(self, order: Order, lines: Any) -> bytes:
        plan, token = order.plan, token_of(order.plan.asset)
        batch: dict[str, Any] = {
            "version": "1.0",
            "chainId": str(chain_of(plan.asset)),
            "createdAt": to_milliseconds(plan.at),
            "meta": {
                "name": f"Distribution {plan.distribution} of {plan.scope_id}",
                "description": f"Plan {plan.plan_hash}",
                "txBuilderVersion": "1.17.0",
                "createdFromSafeAddress": order.option("safe", ""),
                "createdFromOwnerAddress": "",
            },
            "transactions": [_transaction(line, token) for line in lines],
        }
        if order.option("checksum", "no") == "yes":
            batch["meta"]["checksum"] = checksum(batch)
        return json.dumps(batch, indent=2, ensure_ascii=False).encode() + b"\n"


def _transaction(line: PlanLine, token: str | None) -> dict[str, Any]:
    if token is None:
        return {"to": line.destination, "value": str(line.amount_minor), "data": None}
    return {
        "to": token,
        "value": "0",
        "data": None,
        "contractMethod": _TRANSFER,
        "contractInputsValues": {"to": line.destination, "value": str(line.amount_minor)},
    }


def checksum(batch: dict[str, Any]) -> str:
    """The app's checksum over a batch: Keccak-256 of its own serialization, with `name` null and no `checksum`."""
    meta = {key: value for key, value in batch["meta"].items() if key != "checksum"}
    return "0x" + keccak(_serialized({**batch, "meta": {**meta, "name": None}}).encode()).hex()


def _serialized(value: Any) -> str:
    """As the app does it: sorted keys as a list, then each value with a comma behind it."""
    if isinstance(value, list):
        return "[" + ",".join(_serialized(item) for item in value) + "]"
    if isinstance(value, dict):
        keys = sorted(value)
        head = json.dumps(keys, separators=(",", ":"), ensure_ascii=False)
        return "{" + head + "".join(_serialized(value[key]) + "," for key in keys) + "}"
    return json.dumps(value, ensure_ascii=False)
