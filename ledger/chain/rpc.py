"""A thin JSON-RPC client for EVM chains: ask, check the shape of the answer, and say in words what went wrong.

The node that answers is not trusted further than its answers agree with each other: chain id, block hash, receipt.
Standard library only; the address (`LEDGER_RPC_URL`) may hold a key and is never printed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from ledger.core.canonical import foreign_json
from ledger.core.errors import ConfigError, LedgerError
from ledger.core.values import Address, checksummed

TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
"""keccak256("Transfer(address,address,uint256)"), the first topic of an ERC-20 transfer's log."""
_SENDER = "0x00000000000000000000000000000000000A11CE"
"""Whoever: a dry call gives this address a balance for its own length."""
TIMEOUT = 20
MAX_ANSWER = 64_000_000
_HASH = re.compile(r"0x[0-9a-f]{64}", re.IGNORECASE)
_QUANTITY = re.compile(r"0x(0|[1-9a-f][0-9a-f]{0,63})", re.IGNORECASE)


class ChainError(LedgerError):
    """The chain's node could not be asked, or said something that cannot be true."""


class Reverted(ChainError):
    """A contract that was called refused."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """One ERC-20 transfer in a transaction's logs; `amount` in minor units."""

    token: Address
    sender: Address
    receiver: Address
    amount: int
    log_index: int


@dataclass(frozen=True, slots=True)
class Block:
    """A block of the chain; `time` in seconds since 1970."""

    number: int
    hash: str
    time: int


@dataclass(frozen=True, slots=True)
class Logged:
    """A transfer with the transaction and block that it stands in."""

    transfer: Transfer
    transaction: str
    block_number: int
    block_hash: str


@dataclass(frozen=True, slots=True)
class Transaction:
    """A mined transaction: whether it succeeded, where it lies, how deep, and what it transferred."""

    hash: str
    succeeded: bool
    block_number: int
    block_hash: str
    confirmations: int
    finalized: bool
    transfers: tuple[Transfer, ...]
    to: Address | None
    value: int


class Chain(Protocol):
    """What settling asks of a chain."""

    def chain_id(self) -> int:
        """The EIP-155 number of the chain."""
        ...

    def transaction(self, tx_hash: str) -> Transaction | None:
        """A mined transaction; None while the node knows none of this hash in a block."""
        ...

    def decimals(self, token: str) -> int:
        """The decimals that a token's contract states."""
        ...

    def receives(self, token: str | None, to: str) -> bool:
        """Whether the address takes a token (None: the chain's own coin), by a dry call that moves nothing."""
        ...


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """A node's address is where it was said to be: its key goes nowhere else."""


class JsonRpc:
    """A chain's node over HTTP."""

    def __init__(self, url: str, timeout: float = TIMEOUT) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise ConfigError("LEDGER_RPC_URL is no http(s) address", hint="For example https://rpc.example.org/KEY.")
        self._url, self._timeout, self._count = url, timeout, 0

    def call(self, method: str, *params: Any) -> Any:
        """The result of one call; ChainError for anything else than a well-formed answer to it."""
        self._count += 1
        body = json.dumps({"jsonrpc": "2.0", "id": self._count, "method": method, "params": params}).encode()
        request = Request(self._url, body, {"Content-Type": "application/json"})  # noqa: S310 - scheme checked
        try:
            with build_opener(_NoRedirect).open(request, timeout=self._timeout) as answer:
                raw = answer.read(MAX_ANSWER + 1)
        except HTTPError as error:
            raise self._error(method, f"answered with HTTP {error.code}") from None
        except (URLError, TimeoutError, HTTPException, OSError) as error:
            reason = getattr(error, "reason", error)
            raise self._error(method, f"did not answer ({type(reason).__name__})") from None
        try:
            found = foreign_json(raw) if len(raw) <= MAX_ANSWER else None
        except ValueError:
            found = None
        if not isinstance(found, dict) or found.get("id") != self._count:
            raise self._error(method, "gave no JSON-RPC answer to the question")
        if "error" in found or "result" not in found:
            told = found.get("error")
            code = told.get("code") if isinstance(told, dict) else None
            if method == "eth_call" and isinstance(told, dict) and (code == 3 or "revert" in str(told.get("message"))):
                raise Reverted("the contract refused the call")
            raise self._error(method, f"refused (code {code if isinstance(code, int) else 'unknown'})")
        return found["result"]

    @staticmethod
    def _error(method: str, what: str) -> ChainError:
        return ChainError(
            f"the chain's node {what} to {method}",
            hint="Check LEDGER_RPC_URL, or try another node; nothing was written.",
        )

    def _quantity(self, method: str, value: Any) -> int:
        if not isinstance(value, str) or _QUANTITY.fullmatch(value) is None:
            raise self._error(method, "gave no number where one belongs")
        return int(value, 16)

    def _hash(self, method: str, value: Any) -> str:
        if not isinstance(value, str) or _HASH.fullmatch(value) is None:
            raise self._error(method, "gave no hash where one belongs")
        return value.lower()

    def chain_id(self) -> int:
        """The EIP-155 number of the chain."""
        return self._quantity("eth_chainId", self.call("eth_chainId"))

    def transaction(self, tx_hash: str) -> Transaction | None:
        """A mined transaction with its depth, after the block at its height was found to be the receipt's own."""
        name = "eth_getTransactionReceipt"
        receipt = self.call(name, tx_hash)
        if receipt is None:
            return None
        if not isinstance(receipt, dict) or self._hash(name, receipt.get("transactionHash")) != tx_hash.lower():
            raise self._error(name, "gave another transaction's receipt")
        number = self._quantity(name, receipt.get("blockNumber"))
        block_hash = self._hash(name, receipt.get("blockHash"))
        block = self.call("eth_getBlockByNumber", hex(number), False)
        if not isinstance(block, dict) or self._hash("eth_getBlockByNumber", block.get("hash")) != block_hash:
            return None  # its block is not on the chain any more: a reorganisation took it
        head = self._quantity("eth_blockNumber", self.call("eth_blockNumber"))
        sent = self.call("eth_getTransactionByHash", tx_hash)
        if not isinstance(sent, dict) or self._hash("eth_getTransactionByHash", sent.get("hash")) != tx_hash.lower():
            raise self._error("eth_getTransactionByHash", "gave another transaction")
        return Transaction(
            hash=tx_hash.lower(),
            succeeded=self._quantity(name, receipt.get("status")) == 1,
            block_number=number,
            block_hash=block_hash,
            confirmations=max(0, head - number + 1),
            finalized=self._is_final(number),
            transfers=tuple(self._transfers(receipt, block_hash)),
            to=self._address(name, sent["to"]) if sent.get("to") else None,
            value=self._quantity("eth_getTransactionByHash", sent.get("value")),
        )

    def _is_final(self, number: int) -> bool:
        """Whether the chain calls the block final; a node that knows no such tag says no."""
        try:
            block = self.call("eth_getBlockByNumber", "finalized", False)
        except ChainError:
            return False
        return isinstance(block, dict) and number <= self._quantity("eth_getBlockByNumber", block.get("number"))

    def block(self, which: int | str) -> Block:
        """A block by number or tag (`finalized`); ChainError where the node has none such."""
        name = "eth_getBlockByNumber"
        found = self.call(name, hex(which) if isinstance(which, int) else which, False)
        if not isinstance(found, dict):
            raise self._error(name, f"knows no block {which}")
        number = self._quantity(name, found.get("number"))
        if isinstance(which, int) and number != which:
            raise self._error(name, "gave another block")
        return Block(number, self._hash(name, found.get("hash")), self._quantity(name, found.get("timestamp")))

    def received(self, token: str, receivers: Sequence[str], first: int, last: int) -> list[Logged]:
        """The transfers of a token to any of the addresses in blocks `first` to `last`, in order; ChainError else."""
        name = "eth_getLogs"
        to = ["0x" + receiver[2:].lower().rjust(64, "0") for receiver in receivers]
        asked = {"address": token, "fromBlock": hex(first), "toBlock": hex(last), "topics": [TRANSFER, None, to]}
        logs = self.call(name, asked)
        if not isinstance(logs, list) or not all(isinstance(log, dict) for log in logs):
            raise self._error(name, "gave no logs")
        found = []
        for log in logs:
            number, block_hash = self._quantity(name, log.get("blockNumber")), self._hash(name, log.get("blockHash"))
            transaction = self._hash(name, log.get("transactionHash"))
            if not first <= number <= last:
                raise self._error(name, "gave a log of another block")
            for transfer in self._transfers({"logs": [log]}, block_hash):
                if transfer.token.lower() != token.lower() or transfer.receiver not in receivers:
                    raise self._error(name, "gave a log that was not asked for")
                found.append(Logged(transfer, transaction, number, block_hash))
        places = [(each.block_number, each.transfer.log_index) for each in found]
        if len(set(places)) != len(places):
            raise self._error(name, "gave one log twice")
        return sorted(found, key=lambda each: (each.block_number, each.transfer.log_index))

    def _transfers(self, receipt: dict[str, Any], block_hash: str) -> list[Transfer]:
        name, found = "eth_getTransactionReceipt", []
        logs = receipt.get("logs")
        if not isinstance(logs, list):
            raise self._error(name, "gave no logs")
        for log in logs:
            topics = log.get("topics") if isinstance(log, dict) else None
            if not isinstance(topics, list):
                raise self._error(name, "gave a log without topics")
            if log.get("removed") is True or self._hash(name, log.get("blockHash")) != block_hash:
                raise self._error(name, "gave a log of another block")
            data = log.get("data")
            if len(topics) != 3 or str(topics[0]).lower() != TRANSFER or not isinstance(data, str):
                continue
            if _HASH.fullmatch(data) is None:
                continue  # not one whole uint256: some other event of the same name
            found.append(
                Transfer(
                    token=self._address(name, log.get("address")),
                    sender=self._topic_address(name, topics[1]),
                    receiver=self._topic_address(name, topics[2]),
                    amount=int(data, 16),
                    log_index=self._quantity(name, log.get("logIndex")),
                )
            )
        if len({each.log_index for each in found}) != len(found):
            raise self._error(name, "gave one log twice")
        return found

    def _topic_address(self, name: str, topic: Any) -> Address:
        found = self._hash(name, topic)
        if not found.startswith("0x" + "0" * 24):
            raise self._error(name, "gave no address where one belongs")
        return self._address(name, "0x" + found[26:])

    def _address(self, name: str, value: Any) -> Address:
        try:
            return checksummed(str(value).lower())
        except ValueError:
            raise self._error(name, "gave no address where one belongs") from None

    def decimals(self, token: str) -> int:
        """The decimals that a token's contract states (ERC-20 `decimals()`); ChainError where it states none."""
        found = self.call("eth_call", {"to": token, "data": "0x313ce567"}, "latest")
        if not isinstance(found, str) or _HASH.fullmatch(found) is None or int(found, 16) > 36:
            raise ChainError(f"{token} states no decimals", hint="Is it the token's contract, on this chain?")
        return int(found, 16)

    def receives(self, token: str | None, to: str) -> bool:
        """Whether an address takes what is sent to it, as far as a call that changes nothing can tell.

        The coin: one unit to the address, whose contract may refuse it. A token: a transfer of nothing, which a token
        refuses whose contract bars the address. Who sends it does not matter to either.
        """
        if token is None:
            sender = {"balance": "0xde0b6b3a7640000"}
            call: tuple[Any, ...] = ({"from": _SENDER, "to": to, "value": "0x1"}, "latest", {_SENDER: sender})
        else:
            data = "0xa9059cbb" + to[2:].lower().rjust(64, "0") + "0" * 64
            call = ({"from": to, "to": token, "data": data}, "latest")
        try:
            found = self.call("eth_call", *call)
        except Reverted:
            return False
        if not isinstance(found, str) or re.fullmatch("0x[0-9a-fA-F]*", found) is None:
            raise self._error("eth_call", "gave no bytes where they belong")
        return token is None or found == "0x" or int(found, 16) != 0
