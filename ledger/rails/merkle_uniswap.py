"""Uniswap's merkle-distributor: one JSON file with root, total and each claim's index, amount and proof.

Leaf = keccak256(uint256 index ‖ address ‖ uint256 amount), indices in the order of the checksummed addresses as text;
leaves sorted, parent = keccak256 of the two sorted, an odd node goes up as it is. Amounts are hex of even length.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ledger.core.keccak import keccak
from ledger.rails.port import Order, is_token


def distributor(balances: Mapping[str, int]) -> dict[str, Any]:
    """The distributor's file for checksummed addresses and their amounts; at least one."""
    people = sorted(balances)
    leaves = [
        keccak(index.to_bytes(32, "big") + bytes.fromhex(address[2:]) + balances[address].to_bytes(32, "big"))
        for index, address in enumerate(people)
    ]
    layers = _layers(sorted(set(leaves)))
    return {
        "merkleRoot": "0x" + layers[-1][0].hex(),
        "tokenTotal": _hex(sum(balances.values())),
        "claims": {
            address: {
                "index": index,
                "amount": _hex(balances[address]),
                "proof": ["0x" + node.hex() for node in _proof(layers, leaves[index])],
            }
            for index, address in enumerate(people)
        },
    }


def _layers(leaves: list[bytes]) -> list[list[bytes]]:
    layers = [leaves]
    while len(layers[-1]) > 1:
        below = layers[-1]
        pairs = [below[at : at + 2] for at in range(0, len(below), 2)]
        layers.append([keccak(b"".join(sorted(pair))) if len(pair) == 2 else pair[0] for pair in pairs])
    return layers


def _proof(layers: Sequence[Sequence[bytes]], leaf: bytes) -> list[bytes]:
    at, found = layers[0].index(leaf), []
    for layer in layers[:-1]:
        beside = at + 1 if at % 2 == 0 else at - 1
        if beside < len(layer):
            found.append(layer[beside])
        at //= 2
    return found


def _hex(value: int) -> str:
    digits = f"{value:x}"
    return "0x" + digits.zfill(len(digits) + len(digits) % 2)


class UniswapMerkle:
    """`merkle-distributor.json`."""

    kind = "merkle_uniswap"
    needs = ()
    takes = ()

    def accepts(self, asset: str) -> bool:
        """Tokens on a chain."""
        return is_token(asset)

    def files(self, order: Order) -> dict[str, bytes]:
        """One file over all lines of the plan."""
        found = distributor({line.destination: line.amount_minor for line in order.plan.lines})
        return {"merkle-distributor.json": json.dumps(found, indent=1).encode() + b"\n"}
