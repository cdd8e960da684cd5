"""What somebody may change in a finalized epoch's files: one small act each, on the folder of golden default/1."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ledger.core.attest import attested_text
from ledger.core.canonical import decode, encode, sha256_hex
from ledger.core.records import Attestation, Statement, payload_hash
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
        path = folder / name if "/" not in name else folder.parents[3] / name
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
    def forge(record: dict[str, Any]) -> None:
        record["approvers"] = record["approvers"][:2]
        record["approver_set_hash"] = sha256_hex(",".join(sorted(a.lower() for a in record["approvers"])).encode())

    line("transitions.jsonl", 2, forge)(folder)


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
