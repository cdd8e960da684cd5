"""A generated node as it looks after years: every epoch reviewed, signed by a throw-away wallet and finalized.

The files are those that `ledger review`, `sign` and `finalize` write, from the same function (`derive`), without their
locks and last looks, so that ten years take a minute; a test has `ledger verify` agree.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from eth_account import Account
from eth_account.messages import encode_defunct

from benchmarks.generate import ANCHOR, NODE, SCOPE, write_epoch, write_identities
from ledger.compute.derive import derive
from ledger.compute.engine import Engine
from ledger.core.lifecycle import pin_to
from ledger.core.records.approvers import set_text
from ledger.core.records.epoch import Transition
from ledger.core.records.statement import Signature, Statement
from ledger.core.signing import normalize_signature, signed_text
from ledger.core.statementlog import to_log
from ledger.core.values import ScopeId, parse_time
from ledger.flows.approvers import propose, sign_set
from ledger.flows.checksums import checksums
from ledger.flows.session import open_session
from ledger.flows.start import NodePlan, init_node
from ledger.store.append import append_records
from ledger.store.epochfolder import EpochFolder
from ledger.store.final import final_statement
from ledger.store.layout import CHECKSUMS, log_path
from ledger.store.node import Node, load_node

KEY = "0x" + "42" * 32
"""The approver's key: known to everybody, worth nothing."""
MANY = 1_000_000
"""From so many events on, logs are written by as many processes as there are cores."""


def write_finished(root: Path, *, events: int, users: int, epochs: int, reviewed: int = 0) -> Node:
    """A node of `epochs` epochs of `events` events each: finalized, but the last `reviewed`, which nobody signed."""
    approver = Account.from_key(KEY)
    start = parse_time(f"{ANCHOR:%Y-%m-%d}")
    init_node(root, NodePlan(name="Benchmark", start=start, node_id=NODE, approvers=[("curator", approver.address)]))
    write_identities(root, users)
    session = open_session(root, start)
    proposed = propose(session, SCOPE)
    assert proposed is not None
    sign_set(session, SCOPE, _signed(set_text(proposed)))
    session.close()
    _write_epochs(root, events, users, epochs)
    node = load_node(root)
    with Engine(root) as engine:
        for number in range(1, epochs + 1):
            folder = node.epoch(SCOPE, number)
            statement = _review(engine, node, folder)
            if number <= epochs - reviewed:
                _close(node, folder, statement)
    return node


def _write_epochs(root: Path, events: int, users: int, epochs: int) -> None:
    """The epochs as they are before review; none needs another."""
    if events * epochs < MANY:
        for number in range(1, epochs + 1):
            _write_epoch(number, root, events, users)
        return
    with ProcessPoolExecutor() as pool:
        list(pool.map(partial(_write_epoch, root=root, events=events, users=users), range(1, epochs + 1)))


def _write_epoch(number: int, root: Path, events: int, users: int) -> None:
    write_epoch(root, events=events, users=users, epoch_id=number)


def _review(engine: Engine, node: Node, folder: EpochFolder) -> Statement:
    end = folder.epoch().period_end
    line = folder.chain().current
    assert line is not None
    pin = pin_to(line)
    pinned = {"approver_set_hash": pin.approver_set_hash, "approvers_seq": line.seq, "threshold": pin.threshold}
    _step(folder, {"from": "open", "to": "review", "gaps": [], **pinned}, end)
    derived = derive(engine, node, folder)
    for name, data in derived.files.items():
        _write(folder, name, data)
    return derived.statement


def _close(node: Node, folder: EpochFolder, statement: Statement) -> None:
    end = folder.epoch().period_end
    signature = {
        **folder.place,
        "evidence": "https://example.org/review",
        "signature": _signed(signed_text(statement)),
        "signed_at": end,
        "signer_wallet": Account.from_key(KEY).address,
        "statement_hash": statement.statement_hash,
    }
    _write(folder, "signatures.jsonl", Signature.read(signature).encode() + b"\n")
    _step(folder, {"from": "review", "to": "finalized", "statement_hash": statement.statement_hash}, end)
    _write(folder, CHECKSUMS, checksums(folder).encode())
    final = final_statement(folder)
    assert final is not None
    append_records(node.root, log_path(SCOPE), to_log(folder.log(), [final], node.node_id, ScopeId(SCOPE)))


def _signed(text: str) -> str:
    signed = Account.sign_message(encode_defunct(text=text), KEY)
    return normalize_signature("0x" + signed.signature.hex().removeprefix("0x"))


def _step(folder: EpochFolder, step: dict[str, object], at: str) -> None:
    line = Transition.read({**folder.place, "actor": "ledger", "at": at, **step}).encode() + b"\n"
    _write(folder, "transitions.jsonl", folder.read("transitions.jsonl") + line)


def _write(folder: EpochFolder, name: str, data: bytes) -> None:
    (folder.root / folder.path(name)).write_bytes(data)
