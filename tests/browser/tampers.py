"""What somebody may change in a finalized epoch's files: one small act each, on the folder of golden default/1."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ledger.core.attest import attested_text
from ledger.core.canonical import decode, encode
from ledger.core.records.activity import payload_hash
from ledger.core.records.approvers import ApproverSet
from ledger.core.records.statement import Attestation, Statement
from ledger.core.signing import CURVE_ORDER
from ledger.core.values import checksummed, parse_time
from ledger.flows.checksums import checksums
from tests.nodes import WALLETS, at, signature

Tamper = Callable[[Path], None]
HOSTILE = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>"
STRANGER = "0x84415AA5e058cE4c95436455D405C4bDC70E01fc"
STRANGE = "00000000-0000-4000-8000-000000000000"


def replace(name: str, old: str, new: str, count: int = 1) -> Tamper:
    def act(folder: Path) -> None:
        path = folder.parents[3] / name if name.startswith("data/") else folder / name
        data = path.read_bytes()
        assert old.encode() in data
        path.write_bytes(data.replace(old.encode(), new.encode(), count))

    return act


def line(name: str, number: int, change: Callable[[dict[str, Any]], object] | None = None, **fields: object) -> Tamper:
    """Change one record and write it canonically, as a careful forger would."""

    def act(folder: Path) -> None:
        lines = (folder / name).read_bytes().split(b"\n")
        record = json.loads(lines[number - 1])
        record.update(fields)
        if change is not None:
            change(record)
        lines[number - 1] = encode(record)
        (folder / name).write_bytes(b"\n".join(lines))

    return act


def payload(folder: Path) -> None:
    def forge(record: dict[str, Any]) -> None:
        record["metadata"]["title"] = HOSTILE
        record["payload_hash"] = payload_hash(record)

    line("activity.jsonl", 2, forge)(folder)


def high_s(record: dict[str, Any]) -> None:
    raw = bytes.fromhex(record["signature"][2:])
    s = CURVE_ORDER - int.from_bytes(raw[32:64])
    record["signature"] = "0x" + (raw[:32] + s.to_bytes(32) + bytes([55 - raw[64]])).hex()


def v_zero(record: dict[str, Any]) -> None:
    record["signature"] = record["signature"][:-2] + "00"


def small_letters(record: dict[str, Any]) -> None:
    record["signer_wallet"] = record["signer_wallet"].lower()


def unfinished(folder: Path) -> None:
    lines = (folder / "transitions.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "transitions.jsonl").write_bytes(b"".join(lines[:2]))


def by_stranger(record: dict[str, Any]) -> None:
    record["signature"] = signature("another text", "eve")


def other_epochs(folder: Path) -> None:
    """The signature of the same person over the epoch after."""
    other = json.loads((folder.parent / "0002/signatures.jsonl").read_bytes().split(b"\n")[0])
    line("signatures.jsonl", 1, lambda record: record.update(signature=other["signature"]))(folder)


def resealed(folder: Path) -> None:
    """A forger who also writes the checksums anew."""
    replace("pool.jsonl", '"amount_credits":"10000"', '"amount_credits":"99999"')(folder)
    root = folder.parents[3]
    with at(root, "2026-02-01") as session:
        (folder / "sha256sums.txt").write_text(checksums(session.node.epoch("default", 1)), "utf-8")


def repinned(folder: Path) -> None:
    """The set without its second person, with hashes that fit: whoever signed it signed another one."""

    def forge(record: dict[str, Any]) -> None:
        record.update(approvers=record["approvers"][:1], threshold=1)

    sets = "../../../approvers/default.jsonl"
    line(sets, 1, forge)(folder)
    record = decode((folder / sets).read_bytes().split(b"\n")[0])
    hashed = ApproverSet.read(record).set_hash
    line("transitions.jsonl", 2, approver_set_hash=hashed, threshold=1)(folder)


def added(name: str, **fields: object) -> Tamper:
    """One more line of a log, as far as it goes for `fields`; the numbers are right."""

    def act(folder: Path) -> None:
        path = folder / name
        data = path.read_bytes() if path.exists() else b""
        place = json.loads((folder / "overrides.jsonl").read_bytes().split(b"\n")[0])
        record = {key: place[key] for key in ("node_id", "scope_id", "epoch_id")} | {"seq": data.count(b"\n") + 1}
        path.write_bytes(data + encode({**record, "actor": "ann", "at": "2026-01-13T01:00:00.000Z", **fields}) + b"\n")

    return act


def torn(folder: Path) -> None:
    (folder / "activity.jsonl").write_bytes((folder / "activity.jsonl").read_bytes()[:-1])


def twice(folder: Path) -> None:
    data = (folder / "activity.jsonl").read_bytes()
    (folder / "activity.jsonl").write_bytes(data + data.split(b"\n")[0] + b"\n")


def duplicate_key(folder: Path) -> None:
    replace("activity.jsonl", '"event_type":', '"event_time":"x","event_type":')(folder)


def attested(times: int = 1, **fields: object) -> Tamper:
    """A witness' attestations, as they should be but for `fields`."""

    def act(folder: Path) -> None:
        statement = Statement.read(decode((folder / "statement.json").read_bytes()[:-1]))
        right = Attestation(
            node_id=statement.node_id,
            scope_id=statement.scope_id,
            epoch_id=statement.epoch_id,
            attested_at=parse_time("2026-02-01"),
            evidence="",
            signature=signature(attested_text(statement, "ledger", "0.1.0"), "eve"),
            signer_wallet=checksummed(WALLETS["eve"]),
            statement_hash=statement.statement_hash,
            tool="ledger",
            tool_version="0.1.0",
        )
        data = encode({**right.fields(), **fields}) + b"\n"
        (folder / "attestations.jsonl").write_bytes(data * times)

    return act


def attested_unfinished(folder: Path) -> None:
    attested()(folder)
    unfinished(folder)


TAMPERS: dict[str, Tamper] = {
    "an activity line": payload,
    "a payload hash": line("activity.jsonl", 1, payload_hash="0" * 64),
    "a payload without its hash": line("activity.jsonl", 3, lambda record: record["metadata"].update(title="x")),
    "an event of another node": line("activity.jsonl", 1, node_id=STRANGE),
    "an event of another scope": line("activity.jsonl", 1, scope_id="design"),
    "an event taken in late": line("activity.jsonl", 1, ingested_at="2026-03-01T00:00:00.000Z"),
    "an event of a later window": line("activity.jsonl", 1, event_time="2026-03-01T00:00:00.000Z"),
    "an event twice": twice,
    "a duplicate key": duplicate_key,
    "a torn last line": torn,
    "a shard behind a gap": lambda folder: (folder / "activity-0003.jsonl").write_bytes(b"{}\n"),
    "an empty shard": lambda folder: (folder / "activity-0002.jsonl").write_bytes(b""),
    "a fraction": replace("epoch.json", '"file:design":4000', '"file:design":4000.5'),
    "a weight": replace("epoch.json", '"file:design":4000', '"file:design":4001'),
    "a decision": line("curation.jsonl", 1, lambda record: record.update(note=HOSTILE)),
    "a decision after the end": line("curation.jsonl", 1, at="2026-03-01T00:00:00.000Z"),
    "a decision without a reason": line("curation.jsonl", 1, note=None),
    "a reason of white space": line("curation.jsonl", 1, note="\u0085\u2003"),
    "a reason of a mark without width": line("curation.jsonl", 1, note="\ufeff"),
    "an override": replace("overrides.jsonl", '"final_units":"', '"final_units":"9'),
    "an override's amount as a number": line("overrides.jsonl", 1, final_units=7),
    "the pool": replace("pool.jsonl", '"amount_credits":"10000"', '"amount_credits":"10001"'),
    "the pool and the checksums": resealed,
    "a pool past 64 bits": replace("pool.jsonl", '"amount_credits":"10000"', '"amount_credits":"9223372036854775808"'),
    "a pool component's id": line("pool.jsonl", 1, id=STRANGE),
    "the bindings": replace("data/identities.jsonl", "people/alice", "people/alyce"),
    "fewer bindings than pinned": lambda folder: (folder.parents[3] / "data/identities.jsonl").write_bytes(b""),
    "a byte of the statement": replace("statement.json", '"undistributed_credits":"0"', '"undistributed_credits":"1"'),
    "a payout": replace("statement.json", '"amount_credits":"4444"', '"amount_credits":"4445"'),
    "a statement that is not canonical": replace("statement.json", '"gaps":[]', '"gaps": []'),
    "a signature by a stranger": line("signatures.jsonl", 1, by_stranger),
    "a signature with a high s": line("signatures.jsonl", 1, high_s),
    "a signature of another epoch": other_epochs,
    "a signature with v 0": line("signatures.jsonl", 1, v_zero),
    "a signer who was not pinned": line("signatures.jsonl", 1, signer_wallet=STRANGER),
    "an address without its checksum": line("signatures.jsonl", 1, small_letters),
    "all signatures": lambda folder: (folder / "signatures.jsonl").write_bytes(b""),
    "the pinned approvers": repinned,
    "an approver set": replace("data/approvers/default.jsonl", '"threshold":2', '"threshold":1'),
    "an approver set that names another before it": line("../../../approvers/default.jsonl", 1, previous="0" * 64),
    "an approver set without people": line("../../../approvers/default.jsonl", 1, approvers=[]),
    "no approver set": lambda folder: (folder.parents[2] / "approvers/default.jsonl").write_bytes(b""),
    "a signature over the set by a stranger": line("../../../approvers/default.signatures.jsonl", 1, by_stranger),
    "a signature over the set of another": line(
        "../../../approvers/default.signatures.jsonl", 1, signer_wallet=STRANGER
    ),
    "no signature over the set": lambda folder: (folder.parents[2] / "approvers/default.signatures.jsonl").write_bytes(
        b""
    ),
    "a hash of the statement log": line("../../../log/default.jsonl", 2, hash="0" * 64),
    "a line of the statement log": replace("data/log/default.jsonl", "0001/statement.json", "0009/statement.json"),
    "the order of the statement log": line("../../../log/default.jsonl", 1, seq=2),
    "a quantity": line("activity.jsonl", 1, quantity=2),
    "a quantity of none": line("activity.jsonl", 1, quantity=0),
    "a quantity as text": line("activity.jsonl", 1, quantity="1"),
    "an award": added(
        "awards.jsonl",
        action="award",
        amount_credits="5",
        award="a",
        evidence=None,
        reason="x",
        user_id=STRANGE,
    ),
    "an award larger than the pool": added(
        "awards.jsonl",
        action="award",
        amount_credits="10001",
        award="a",
        evidence=None,
        reason="x",
        user_id=STRANGE,
    ),
    "an award that is cancelled and was none": added(
        "awards.jsonl",
        action="cancel",
        amount_credits=None,
        award="a",
        evidence=None,
        reason="x",
        user_id=None,
    ),
    "a rule": replace("epoch.json", '"amount_credits":"10000"', '"amount_credits":"9000"'),
    "a rule that there is none of": replace("epoch.json", '"rule":"fixed-v1"', '"rule":"fixed-v9"'),
    "a rule without its amount": replace("epoch.json", '"amount_credits":"10000",', ""),
    "a component by another rule": line("pool.jsonl", 1, algorithm_version="activity-scaled-v1"),
    "a component's inputs": line("pool.jsonl", 1, inputs={"amount_credits": "10000", "windows": 2}),
    "a component that is withdrawn": added("pool.jsonl", action="withdraw"),
    "windows": replace("epoch.json", '"windows":1', '"windows":2'),
    "the threshold": line("transitions.jsonl", 2, threshold=1),
    "a step back": line("transitions.jsonl", 3, to="open"),
    "the last step": unfinished,
    "the allocations": replace("allocations.jsonl", '"proposed_units":"', '"proposed_units":"1'),
    "the cursors": replace("cursors.jsonl", '"stream":"work"', '"stream":" "'),
    "the collection": replace("collection.jsonl", '"events_seen":5', '"events_seen":6'),
    "the checksums": replace("sha256sums.txt", "  pool.jsonl", "  tool.jsonl"),
    "two lines of the checksums made one": replace("sha256sums.txt", "  pool.jsonl\n", "  pool.jsonl"),
    "an attestation by another": attested(signer_wallet=STRANGER),
    "an attestation of another tool": attested(tool_version="0.2.0"),
    "an attestation of another statement": attested(statement_hash="0" * 64),
    "an attestation of another epoch": attested(epoch_id=2),
    "an attestation twice": attested(times=2),
    "an attestation with a line brought in": attested(tool_version="0.1.0\nTool: x"),
    "an attestation with an odd version": attested(tool_version="0 1"),
    "an attestation without its tool": attested(tool=None),
    "an attestation before the end": attested_unfinished,
    "no checksums": lambda folder: (folder / "sha256sums.txt").unlink(),
}
"""What somebody may have changed in the golden epoch default/1."""

HELD_TAMPERS: dict[str, Tamper] = {
    "a held amount": replace("statement.json", '"amount_credits":"611","platform', '"amount_credits":"612","platform'),
    "what is held": line("statement.json", 1, held=[]),
    "what lapsed": line("pool.jsonl", 2, amount_credits="555"),
    "the rule for what lapsed": line("pool.jsonl", 2, lambda record: record["inputs"].update(lapsed_credits="0")),
    "no more than shares": replace("epoch.json", '"unresolved":"hold"', '"unresolved":"share"'),
    "shares that are not held": replace("epoch.json", '"hold_epochs":1,"length":7,', '"hold_epochs":null,"length":7,'),
    "a binding": replace("data/identities.jsonl", '"external_id":"grace"', '"external_id":"heidi"'),
    "how long the epoch before holds": replace("../0001/epoch.json", '"hold_epochs":1', '"hold_epochs":2'),
    "what the epoch before held": replace("../0001/statement.json", '"amount_credits":"222"', '"amount_credits":"221"'),
}
"""What somebody may have changed in the golden epoch guild/2, or in what it rests on."""
