"""Settling against a real chain: what is there, what was reverted or reorganised away, and nodes that lie or hang."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ledger.chain.rpc import ChainError, JsonRpc
from ledger.core.errors import DifferenceError, InputError, LedgerError, StateError
from ledger.core.settling import status
from ledger.flows.paying.accounts import page
from ledger.flows.paying.chains import check_token
from ledger.flows.paying.export import export
from ledger.flows.paying.plan import PlanWish, latest
from ledger.flows.paying.settle import by_transaction
from ledger.flows.session import Session
from ledger.flows.verify import verify
from ledger.rails.registry import rail
from tests.nodes import at, digest
from tests.paying.world import owed_node, prove_wallet, signed_plan
from tests.rails.orders import order
from tests.servers.evm import Evm, chain, node

NEXT = "2026-01-13T00:00:00Z"


@pytest.fixture(scope="module")
def evm() -> Iterator[Evm]:
    with chain() as running:
        running.deploy()
        yield running


@pytest.fixture(scope="module")
def planned(evm: Evm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node with a signed plan that pays two people in the coin."""
    root = owed_node(tmp_path_factory.mktemp("planned") / "node")
    with at(root, NEXT, "ann") as session:
        prove_wallet(session, "alice", "ann")
        prove_wallet(session, "bob", "eve")
        signed_plan(session, PlanWish("safe_csv", f"eip155:31337/erc20:{evm.coin}", "0.5", "agreed", decimals=6))
    return root


@pytest.fixture
def root(planned: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(planned, tmp_path / "node"))


def lines_of(session: Session) -> list[tuple[str, int]]:
    return [(line.destination, int(line.amount_minor)) for line in latest(session, "default", None).plan.lines]


def settle(session: Session, tx: str, rpc: JsonRpc, depth: int | None = 1) -> Any:
    return by_transaction(session, "default", None, tx, rpc, depth)


def test_one_transaction_settles_each_line_by_a_log_of_its_own(evm: Evm, root: Path) -> None:
    with at(root, NEXT, "ann") as session:
        tx = evm.pay(lines_of(session))["transactionHash"]
        with pytest.raises(StateError, match="1 blocks deep"):
            settle(session, tx, evm.rpc, None)
        evm.mine(11)
        done = settle(session, tx, evm.rpc, None)
        assert done.open == ()
        assert [entry.evidence["log_index"] for entry in done.added] == [0, 1]
        assert {entry.evidence["checked"] for entry in done.added} == {"rpc"}
        assert settle(session, tx, evm.rpc, None).added == ()
        assert status(latest(session, "default", None)).state == "settled"
        assert sum(row.paid for row in page(session, "default").rows) > 0
        assert verify(session).all_findings == []


def test_without_a_chains_node_a_transaction_is_submitted_and_nobody_is_paid(evm: Evm, root: Path) -> None:
    with at(root, NEXT, "ann") as session:
        tx = evm.pay(lines_of(session))["transactionHash"]
        by_transaction(session, "default", None, tx, None)
        assert status(latest(session, "default", None)).state == "submitted"
        assert {row.paid for row in page(session, "default").rows} == {0}
        assert settle(session, tx, evm.rpc).open == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lines: [(to, amount - 1) for to, amount in lines], "pays no open line"),
        (lambda lines: [("0x" + "77" * 20, amount) for _, amount in lines], "pays no open line"),
    ],
)
def test_another_amount_or_recipient_settles_nothing(
    evm: Evm, root: Path, change: Callable[[Any], Any], words: str
) -> None:
    with at(root, NEXT, "ann") as session:
        tx = evm.pay(change(lines_of(session)))["transactionHash"]
        before = digest(root)
        with pytest.raises(DifferenceError, match=words):
            settle(session, tx, evm.rpc)
        assert digest(root) == before


def test_what_one_transaction_leaves_out_another_settles(evm: Evm, root: Path) -> None:
    with at(root, NEXT, "ann") as session:
        first, second = lines_of(session)
        one = evm.pay([first])["transactionHash"]
        assert len(settle(session, one, evm.rpc).open) == 1
        two = evm.pay([first, second])["transactionHash"]
        assert [entry.evidence["log_index"] for entry in settle(session, two, evm.rpc).added] == [1]


def test_a_reverted_transaction_pays_nobody_and_frees_the_lines_it_was_to_pay(evm: Evm, root: Path) -> None:
    with at(root, NEXT, "ann") as session:
        tx = evm.pay([*lines_of(session), ("0x" + "11" * 20, 2**200)])["transactionHash"]
        assert evm.receipt(tx)["status"] == "0x0"
        with pytest.raises(DifferenceError, match="reverted"):
            settle(session, tx, evm.rpc)
        by_transaction(session, "default", None, tx, None)
        assert {entry.state for entry in settle(session, tx, evm.rpc).added} == {"failed"}
        assert {row.allocated for row in page(session, "default").rows} == {0}
        again = evm.pay(lines_of(session))["transactionHash"]
        assert settle(session, again, evm.rpc).open == ()
        assert verify(session).all_findings == []


def test_a_transaction_that_a_reorganisation_took_is_not_there(evm: Evm, root: Path) -> None:
    with at(root, NEXT, "ann") as session:
        evm.mine(3)
        tx = evm.pay(lines_of(session))["transactionHash"]
        evm.rpc.call("anvil_reorg", 1, [])
        if evm.receipt(tx) is not None:
            evm.rpc.call("anvil_rollback", 1)
        before = digest(root)
        with pytest.raises(StateError, match="in no block"):
            settle(session, tx, evm.rpc)
        assert digest(root) == before


class Liar:
    """A node that passes a real one's answers on, bent."""

    def __init__(self, upstream: JsonRpc, bend: Callable[[str, Any], Any]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer: Any = {"jsonrpc": "2.0", "id": asked["id"]}
                answer["result"] = bend(asked["method"], upstream.call(asked["method"], *asked["params"]))
                raw = answer["result"] if isinstance(answer["result"], bytes) else json.dumps(answer).encode()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.rpc = JsonRpc(f"http://127.0.0.1:{self.server.server_port}")


def bent(method: str, change: Callable[[Any], Any]) -> Callable[[str, Any], Any]:
    return lambda asked, result: change(result) if asked == method else result


RECEIPT = "eth_getTransactionReceipt"
LIES: list[tuple[str, Callable[[Any], Any], str]] = [
    ("eth_chainId", lambda _: "0x1", "node of chain 1"),
    ("eth_chainId", lambda _: "31337", "no number"),
    ("eth_chainId", lambda _: b"<html>", "no JSON-RPC answer"),
    (RECEIPT, lambda r: {**r, "transactionHash": "0x" + "ab" * 32}, "another transaction's receipt"),
    (RECEIPT, lambda r: {**r, "blockHash": "0x" + "ab" * 32}, "in no block"),
    (RECEIPT, lambda r: {**r, "logs": [{**log, "removed": True} for log in r["logs"]]}, "log of another block"),
    (RECEIPT, lambda r: {**r, "logs": [r["logs"][0], r["logs"][0]]}, "one log twice"),
    (RECEIPT, lambda r: {**r, "logs": None}, "no logs"),
    (RECEIPT, lambda _: [], "another transaction's receipt"),
    ("eth_getBlockByNumber", lambda r: {**r, "hash": "0x" + "cd" * 32}, "in no block"),
    ("eth_getTransactionByHash", lambda r: {**r, "hash": "0x" + "cd" * 32}, "another transaction"),
    ("eth_blockNumber", lambda _: "0x0", "0 blocks deep"),
]


def test_a_node_that_lies_is_caught_or_settles_nothing(evm: Evm, root: Path) -> None:
    with at(root, NEXT, "ann") as session:
        tx = evm.pay(lines_of(session))["transactionHash"]
        before = digest(root)
        for method, change, words in LIES:
            liar = Liar(evm.rpc, bent(method, change))
            with pytest.raises(LedgerError, match=words):
                settle(session, tx, liar.rpc)
            liar.server.shutdown()
        assert digest(root) == before
        assert settle(session, tx, Liar(evm.rpc, bent("", lambda r: r)).rpc).open == ()


def test_a_node_that_hangs_or_is_not_there_is_told_without_its_address(evm: Evm) -> None:
    hanging = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)  # listens, and never answers
    for url in (f"http://127.0.0.1:{hanging.server_port}/SECRET", "http://127.0.0.1:1/SECRET"):
        with pytest.raises(ChainError, match="did not answer") as found:
            JsonRpc(url, timeout=0.2).chain_id()
        assert "SECRET" not in str(found.value) + found.value.hint
    hanging.server_close()


def test_wrong_decimals_are_found_where_the_contract_can_be_asked(evm: Evm, root: Path) -> None:
    with at(root, NEXT, "ann") as session:
        session.environ = {"LEDGER_RPC_URL": evm.url}
        asset = f"eip155:31337/erc20:{evm.coin}"
        check_token(session, asset, 6)
        with pytest.raises(InputError, match="states 6 decimals"):
            check_token(session, asset, 18)
        with pytest.raises(ChainError, match="states no decimals"):
            check_token(session, "eip155:31337/erc20:0x1111111111111111111111111111111111111111", 18)


def test_a_wallet_that_cannot_receive_is_told_before_a_payment_file_is_written(
    evm: Evm, root: Path, tmp_path: Path
) -> None:
    refuses, out = "0x" + "99" * 20, tmp_path / "out"
    with at(root, NEXT, "ann") as session:
        session.environ = {"LEDGER_RPC_URL": evm.url}
        assert len(export(session, "default", None, out).files) == 1
        assert evm.rpc.receives(None, lines_of(session)[0][0])
        evm.rpc.call("anvil_setCode", refuses, "0x60006000fd")  # whatever it is called with, it reverts
        assert (evm.rpc.receives(None, refuses), evm.rpc.receives(refuses, evm.coin)) == (False, False)
        code = evm.rpc.call("eth_getCode", evm.coin, "latest")
        evm.rpc.call("anvil_setCode", evm.coin, "0x60006000fd")
        (file,) = out.iterdir()
        file.unlink()
        with pytest.raises(InputError, match="2 wallets cannot receive"):
            export(session, "default", None, out)
        with pytest.raises(StateError, match="no line is left"):
            export(session, "default", None, out, skip_missing=True)
        evm.rpc.call("anvil_setCode", evm.coin, code)
        assert list(out.iterdir()) == []


def test_every_transfer_of_a_large_transaction_is_read_in_order(evm: Evm) -> None:
    people = [("0x" + f"{number:040x}", number) for number in range(1, 401)]
    mined = evm.rpc.transaction(evm.pay(people)["transactionHash"])
    assert mined is not None
    assert [(log.receiver.lower(), log.amount) for log in mined.transfers] == people


def test_openzeppelins_own_package_takes_our_tree_and_our_proofs() -> None:
    files = rail("merkle_oz").files(order([5, 7 * 10**18, 10**37]))
    script = """
const {StandardMerkleTree, SimpleMerkleTree} = require('@openzeppelin/merkle-tree');
const tree = StandardMerkleTree.load(JSON.parse(process.argv[1])), mine = JSON.parse(process.argv[2]);
tree.validate();
const fresh = StandardMerkleTree.of([...tree.entries()].map(([, v]) => v), ['address', 'uint256']);
for (const [to, claim] of Object.entries(mine.claims))
  if (!StandardMerkleTree.verify(mine.root, ['address', 'uint256'], [to, claim.amount], claim.proof)) throw to;
console.log(fresh.root === mine.root && JSON.stringify(fresh.dump()) === JSON.stringify(tree.dump()));"""
    both = [files[name].decode() for name in ("merkle-tree.json", "merkle-proofs.json")]
    assert node(script, *both).strip() == "true"
