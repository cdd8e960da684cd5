"""OpenZeppelin's StandardMerkleTree (`standard-v1`): the tree to publish, and each person's proof for his claim.

Leaf = keccak256(keccak256(abi.encode(address, uint256))), parent = keccak256 of the two sorted. In the array 0 is the
root, 2i+1 and 2i+2 are children; leaves stand at the end in falling order. `@openzeppelin/merkle-tree` loads the file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from ledger.core.keccak import keccak
from ledger.rails.port import Order, is_token


def leaf_of(address: str, amount: int) -> bytes:
    """The leaf of one claim: twice hashed, so that no inner node passes for one."""
    packed = bytes(12) + bytes.fromhex(address[2:]) + amount.to_bytes(32, "big")
    return keccak(keccak(packed))


def tree_of(leaves: Sequence[bytes], sort: bool = True) -> tuple[list[bytes], list[int]]:
    """The array of the tree, and where each leaf stands in it; at least one leaf."""
    order = sorted(range(len(leaves)), key=lambda at: leaves[at]) if sort else list(range(len(leaves)))
    size = 2 * len(leaves) - 1
    tree: list[bytes] = [b""] * size
    places = [0] * len(leaves)
    for rank, at in enumerate(order):
        places[at] = size - 1 - rank
        tree[size - 1 - rank] = leaves[at]
    for at in range(size - 1 - len(leaves), -1, -1):
        left, right = tree[2 * at + 1], tree[2 * at + 2]
        tree[at] = keccak(min(left, right) + max(left, right))
    return tree, places


def proof_of(tree: Sequence[bytes], place: int) -> list[bytes]:
    """The siblings from a leaf up to the root."""
    found = []
    while place > 0:
        found.append(tree[place + 1 if place % 2 else place - 1])
        place = (place - 1) // 2
    return found


class OpenZeppelinMerkle:
    """`merkle-tree.json` (the dump) and `merkle-proofs.json` (root and a proof for each address)."""

    kind = "merkle_oz"
    needs = ()
    takes = ()

    def accepts(self, asset: str) -> bool:
        """Tokens on a chain."""
        return is_token(asset)

    def files(self, order: Order) -> dict[str, bytes]:
        """Both files; the tree is over all lines of the plan, paid or not, since its root is published once."""
        lines = order.plan.lines
        tree, places = tree_of([leaf_of(line.destination, line.amount_minor) for line in lines])
        dump = {
            "format": "standard-v1",
            "leafEncoding": ["address", "uint256"],
            "tree": ["0x" + node.hex() for node in tree],
            "values": [
                {"value": [line.destination, str(line.amount_minor)], "treeIndex": place}
                for line, place in zip(lines, places, strict=True)
            ],
        }
        claims = {
            line.destination: {
                "amount": str(line.amount_minor),
                "proof": ["0x" + node.hex() for node in proof_of(tree, place)],
                "reference": line.reference,
            }
            for line, place in zip(lines, places, strict=True)
        }
        proofs = {
            "asset": order.plan.asset,
            "claims": claims,
            "root": dump["tree"][0],
            "total": str(order.plan.total_minor),
        }
        return {
            "merkle-tree.json": json.dumps(dump, indent=1).encode() + b"\n",
            "merkle-proofs.json": json.dumps(proofs, indent=1, sort_keys=True).encode() + b"\n",
        }
