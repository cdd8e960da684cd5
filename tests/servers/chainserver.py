"""A chain's node on loopback whose chain is made by the test: blocks with times, transfers in them, a final block."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ledger.chain.rpc import TRANSFER
from tests.servers.jsonserver import JsonServer


def digest(text: str) -> str:
    return "0x" + hashlib.sha256(text.encode()).hexdigest()


@dataclass
class FakeChain:
    """Blocks every `step` seconds from `begin` on; `final` is the last final block, `most` the blocks of a question."""

    begin: int
    step: int = 3600
    chain_id: int = 8453
    head: int = 0
    final: int = 0
    most: int = 10_000
    logs: list[dict[str, Any]] = field(default_factory=list)
    fork: str = ""

    def transfer(self, block: int, token: str, sender: str, to: str, amount: int) -> str:
        """Puts a transfer into a block; its transaction."""
        transaction = digest(f"tx {len(self.logs)}")
        word = "0x" + "0" * 24
        self.logs.append(
            {
                "address": token.lower(), "topics": [TRANSFER, word + sender[2:].lower(), word + to[2:].lower()],
                "data": f"0x{amount:064x}", "blockNumber": hex(block), "blockHash": self.hash(block),
                "transactionHash": transaction, "logIndex": hex(len(self.logs)), "removed": False,
            }
        )  # fmt: skip
        return transaction

    def hash(self, block: int) -> str:
        return digest(f"block {block}{self.fork}")

    def answer(self, body: Mapping[str, Any]) -> Any:
        """The result of one call."""
        method, params = body["method"], body["params"]
        if method == "eth_chainId":
            return hex(self.chain_id)
        if method == "eth_getBlockByNumber":
            number = self.final if params[0] == "finalized" else int(params[0], 16)
            if number > self.head:
                return None
            return {"number": hex(number), "hash": self.hash(number), "timestamp": hex(self.begin + number * self.step)}
        asked = params[0]
        first, last = int(asked["fromBlock"], 16), int(asked["toBlock"], 16)
        if last - first >= self.most:
            return None  # how a refusal is told below
        return [
            log
            for log in self.logs
            if log["address"] == asked["address"].lower()
            and first <= int(log["blockNumber"], 16) <= last
            and log["topics"][2] in asked["topics"][2]
        ]


def serve(chain: FakeChain) -> JsonServer:
    """The chain's node; faults match `eth_…`."""

    def handle(_path: str, _headers: Mapping[str, str], body: Any) -> tuple[int, Any]:
        result = chain.answer(body)
        if result is None and body["method"] == "eth_getLogs":
            return 200, {"jsonrpc": "2.0", "id": body["id"], "error": {"code": -32005, "message": "too many blocks"}}
        return 200, {"jsonrpc": "2.0", "id": body["id"], "result": result}

    return JsonServer(handle, lambda: chain.begin + chain.head * chain.step, lambda _path, body: str(body["method"]))
