"""A generated node as it looks after years: every epoch reviewed, signed by a throw-away wallet and finalized.

The files are those that `ledger review`, `sign` and `finalize` write, from the same function (`derive`), without their
locks and last looks, so that ten years take a minute; a test has `ledger verify` agree.
"""

from __future__ import annotations

from pathlib import Path

from eth_account import Account
from eth_account.messages import encode_defunct

from benchmarks.generate import ANCHOR, NODE, SCOPE, write_epoch, write_identities
from ledger.compute.derive import derive, provisional_pin
from ledger.compute.engine import Engine
from ledger.core.records import Signature, Transition
from ledger.core.signing import normalize_signature, signed_text
from ledger.core.values import parse_time
from ledger.flows.checksums import checksums
from ledger.flows.start import NodePlan, init_node
from ledger.store.layout import CHECKSUMS
from ledger.store.node import EpochFolder, Node, load_node

KEY = "0x" + "42" * 32
"""The approver's key: known to everybody, worth nothing."""


def write_finished(root: Path, *, events: int, users: int, epochs: int) -> Node:
    """A node of `epochs` finalized epochs of `events` events each."""
    approver = Account.from_key(KEY)
    start = parse_time(f"{ANCHOR:%Y-%m-%d}")
    init_node(root, NodePlan(name="Benchmark", start=start, node_id=NODE, approvers=[("curator", approver.address)]))
    write_identities(root, users)
    node = load_node(root)
    with Engine(root) as engine:
        for number in range(1, epochs + 1):
            write_epoch(root, events=events, users=users, epoch_id=number)
            _finish(engine, node, node.epoch(SCOPE, number))
    return node


def _finish(engine: Engine, node: Node, folder: EpochFolder) -> None:
    end = folder.epoch().period_end
    pin = provisional_pin(folder.chain(), node.scope(folder.scope_id))
    review = {"from": "open", "to": "review", "approver_set_hash": pin.approver_set_hash, "threshold": pin.threshold}
    _step(folder, {**review, "approvers": list(pin.approvers), "gaps": []}, end)
    derived = derive(engine, node, folder)
    for name, data in derived.files.items():
        _write(folder, name, data)
    statement = derived.statement
    signed = Account.sign_message(encode_defunct(text=signed_text(statement)), KEY)
    signature = {
        **folder.place,
        "evidence": "https://example.org/review",
        "signature": normalize_signature("0x" + signed.signature.hex().removeprefix("0x")),
        "signed_at": end,
        "signer_wallet": pin.approvers[0],
        "statement_hash": statement.statement_hash,
    }
    _write(folder, "signatures.jsonl", Signature.read(signature).encode() + b"\n")
    _step(folder, {"from": "review", "to": "finalized", "statement_hash": statement.statement_hash}, end)
    _write(folder, CHECKSUMS, checksums(folder).encode())


def _step(folder: EpochFolder, step: dict[str, object], at: str) -> None:
    line = Transition.read({**folder.place, "actor": "ledger", "at": at, **step}).encode() + b"\n"
    _write(folder, "transitions.jsonl", folder.read("transitions.jsonl") + line)


def _write(folder: EpochFolder, name: str, data: bytes) -> None:
    (folder.root / folder.path(name)).write_bytes(data)
