"""A real EVM chain on loopback (anvil) and a real ERC-20 on it; other people's tools come by `npm ci` into a cache.

`tests/npm/package-lock.json` pins them by hash. Without npm the tests that need them are left out, and with CI set they
fail: `.ci/run` installs npm where it is missing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ledger.chain.rpc import ChainError, JsonRpc
from tests.servers.npm import installed

PAYER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
SOURCE = """// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;
contract Coin {
    uint8 public constant decimals = 6;
    mapping(address => uint256) public balanceOf;
    event Transfer(address indexed from, address indexed to, uint256 value);
    constructor() { balanceOf[msg.sender] = type(uint128).max; }
    function transfer(address to, uint256 value) public returns (bool) {
        require(balanceOf[msg.sender] >= value, "too little");
        balanceOf[msg.sender] -= value; balanceOf[to] += value;
        emit Transfer(msg.sender, to, value);
        return true;
    }
    function batch(address[] calldata to, uint256[] calldata value) external {
        for (uint256 i = 0; i < to.length; i++) { transfer(to[i], value[i]); }
    }
}
"""


def npm_tools() -> Path:
    """The folder `node_modules` with the pinned tools, installed once a lock file."""
    if shutil.which("npm") is None:
        if os.environ.get("CI"):
            pytest.fail("npm is missing; .ci/run installs it")
        pytest.skip("needs npm (Debian: apt-get install npm)")
    return installed()


def node(script: str, *arguments: str) -> str:
    """What a script of Node prints, with the pinned tools in reach."""
    environment = {**os.environ, "NODE_PATH": str(npm_tools())}
    command = ["node", "-e", script, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def coin_bytecode() -> str:
    """The creation code of `SOURCE`, compiled by npm's solc and kept beside the tools."""
    digest = hashlib.sha256(SOURCE.encode()).hexdigest()[:16]
    kept = npm_tools().parent / f"coin-{digest}.hex"
    if not kept.is_file():
        script = """
const input = {language: 'Solidity', sources: {'c.sol': {content: process.argv[1]}},
  settings: {evmVersion: 'paris', outputSelection: {'*': {'*': ['evm.bytecode.object']}}}};
const out = JSON.parse(require('solc').compile(JSON.stringify(input)));
if (!out.contracts) { console.error(JSON.stringify(out.errors)); process.exit(1); }
console.log(out.contracts['c.sol'].Coin.evm.bytecode.object);"""
        code = node(script, SOURCE).strip()
        temporary = kept.with_suffix(f".{os.getpid()}")
        temporary.write_text(code)
        temporary.rename(kept)
    return "0x" + kept.read_text()


@dataclass
class Evm:
    """A running chain; `coin` is the token's contract once it was deployed."""

    url: str
    rpc: JsonRpc
    coin: str = ""

    def send(self, data: str, to: str | None = None, gas: int = 30_000_000) -> dict[str, Any]:
        """Send a transaction of the payer and give its receipt, succeeded or reverted."""
        call = {"from": PAYER, "data": data, "gas": hex(gas), **({"to": to} if to else {})}
        tx = self.rpc.call("eth_sendTransaction", call)
        for _ in range(400):
            if (found := self.receipt(tx)) is not None:
                return found
            time.sleep(0.01)  # until the block that was just made can be read
        raise AssertionError("the chain made no block")

    def receipt(self, tx: str) -> dict[str, Any] | None:
        """The receipt of a mined transaction."""
        found: dict[str, Any] | None = self.rpc.call("eth_getTransactionReceipt", tx)
        return found

    def deploy(self) -> str:
        """Put the coin on the chain; its checksummed address."""
        from ledger.core.values import checksummed

        self.coin = checksummed(self.send(coin_bytecode())["contractAddress"])
        return self.coin

    def pay(self, people: list[tuple[str, int]], gas: int = 30_000_000) -> dict[str, Any]:
        """One transaction that pays all of them in the coin."""
        words = [64, 96 + 32 * len(people)]
        body = [len(people), *(int(to, 16) for to, _ in people), len(people), *(amount for _, amount in people)]
        data = "".join(f"{word:064x}" for word in [*words, *body])
        return self.send("0x" + _selector("batch(address[],uint256[])") + data, self.coin, gas)

    def mine(self, blocks: int) -> None:
        """Bury what lies there under so many blocks."""
        self.rpc.call("anvil_mine", hex(blocks))


def _selector(signature: str) -> str:
    from eth_utils.crypto import keccak

    return keccak(signature.encode())[:4].hex()


@contextmanager
def chain() -> Iterator[Evm]:
    """A fresh chain on a free port of loopback, ended with the test."""
    binary = next(npm_tools().glob("@foundry-rs/anvil-*/bin/anvil"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    limits = ["--gas-limit", "1000000000", "--slots-in-an-epoch", "1000000"]
    command = [str(binary), "--port", str(port), "--silent", *limits]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        rpc = JsonRpc(url, timeout=60)
        for _ in range(200):
            with suppress(ChainError):
                rpc.chain_id()
                break
            time.sleep(0.05)  # until the process listens; nothing is measured by it
        yield Evm(url, rpc)
    finally:
        process.terminate()
        process.wait(10)
