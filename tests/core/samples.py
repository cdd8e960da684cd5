"""One valid object of every record of the specification's section 4, as it stands in a file, and small builders."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from ledger.core.canonical import encode
from ledger.core.records.activity import ActivityEvent, Collection, Cursor, payload_hash
from ledger.core.records.approvers import ApproverSet, ApproverSignature
from ledger.core.records.decisions import Award, Binding, Curation, Override, PoolComponent
from ledger.core.records.epoch import Epoch, Transition
from ledger.core.records.record import Record
from ledger.core.records.statement import Allocation, Attestation, Signature, Statement
from ledger.core.statementlog import LogLine

NODE = "6f9a1c52-27c2-4f0c-9f0e-5a1c2d3e4f50"
TIME = "2026-01-06T10:20:30.123Z"
START = "2026-01-05T00:00:00.000Z"
END = "2026-01-12T00:00:00.000Z"
WALLET = "0x5ce9454909639D2D17A3F753ce7d93fa0b9aB12E"
OTHER_WALLET = "0xa79F6f349C853F9Ea0B29636779ae3Cb4E3BA729"
THIRD_WALLET = "0xABaBaBaBABabABabAbAbABAbABabababaBaBABaB"
EMPTY = hashlib.sha256(b"").hexdigest()
SOME_HASH = hashlib.sha256(b"some").hexdigest()
WEIGHTS = {"git:commit_authored": 1000, "github:pr_merged": 8000}


def user(number: int) -> str:
    """The number-th user id in text order."""
    return str(uuid.UUID(int=number))


def uuid5(name: str) -> str:
    """UUIDv5 under the sample node."""
    return str(uuid.uuid5(uuid.UUID(NODE), name))


ISSUER: dict[str, Any] = {
    "can_approve": True,
    "can_close_epoch": False,
    "can_issue": True,
    "id": "ben",
    "wallets": [THIRD_WALLET],
}
_EPOCH = {"node_id": NODE, "scope_id": "default", "epoch_id": 1}

_EVENT_PAYLOAD: dict[str, Any] = {
    "artifact_url": "https://github.com/acme/widgets/pull/42",
    "event_time": TIME,
    "event_type": "pr_merged",
    "id": "github:pr:acme/widgets:42",
    "metadata": {"additions": 7, "draft": False, "merged_by": None, "title": "Ünïcode – fine"},
    "platform_user_id": "1001",
    "quantity": 1,
    "source": "github",
}

_TO_REVIEW: dict[str, Any] = {
    **_EPOCH,
    "actor": "ana",
    "approver_set_hash": SOME_HASH,
    "approvers_seq": 1,
    "at": END,
    "from": "open",
    "gaps": ["github: failed"],
    "threshold": 2,
    "to": "review",
}

RECORDS: dict[str, tuple[type[Record], dict[str, Any]]] = {
    "epoch": (
        Epoch,
        {
            **_EPOCH,
            "algorithm": "weight-sum-v1",
            "anchor": START,
            "hold_epochs": None,
            "length": 7,
            "opened_at": TIME,
            "period_end": END,
            "period_start": START,
            "pool_rules": [{"amount_credits": "10000", "rule": "fixed-v1"}],
            "schema": "epoch/2",
            "unit": "days",
            "unresolved": "share",
            "weight_config": WEIGHTS,
            "weight_config_hash": hashlib.sha256(encode(WEIGHTS)).hexdigest(),
            "weight_policy": "weights/default.yaml",
            "windows": 1,
        },
    ),
    "event": (
        ActivityEvent,
        {
            **_EVENT_PAYLOAD,
            "ingested_at": TIME,
            "node_id": NODE,
            "payload_hash": payload_hash(_EVENT_PAYLOAD),
            "platform_login": "octocat",
            "producer": "github",
            "producer_version": "1.0.0",
            "retrieved_at": TIME,
            "scope_id": "default",
        },
    ),
    "binding": (
        Binding,
        {
            "action": "bind",
            "actor": "ana",
            "at": TIME,
            "evidence": "https://example.org/binding",
            "external_id": "1001",
            "login": "octocat",
            "node_id": NODE,
            "provider": "github",
            "seq": 1,
            "user_id": user(1),
        },
    ),
    "curation": (
        Curation,
        {
            **_EPOCH,
            "action": "weight",
            "actor": "ana",
            "at": TIME,
            "event_id": "github:pr:acme/widgets:42",
            "evidence": None,
            "note": "larger than it looks",
            "seq": 1,
            "user_id": None,
            "weight_override_milli": 2**53 - 1,
        },
    ),
    "resolve": (
        Curation,
        {
            **_EPOCH,
            "action": "resolve",
            "actor": "ana",
            "at": TIME,
            "event_id": "github:pr:acme/widgets:42",
            "evidence": "https://example.org/who",
            "note": None,
            "seq": 2,
            "user_id": user(1),
            "weight_override_milli": None,
        },
    ),
    "override": (
        Override,
        {
            **_EPOCH,
            "actor": "ana",
            "at": TIME,
            "evidence": None,
            "final_units": "9223372036854775807",
            "reason": "design work outside the repositories",
            "seq": 1,
            "user_id": user(1),
        },
    ),
    "pool": (
        PoolComponent,
        {
            **_EPOCH,
            "action": "record",
            "actor": "ana",
            "algorithm_version": "by-hand-v1",
            "amount_credits": "10000",
            "component_id": "top_up",
            "computed_at": TIME,
            "evidence_ref": "https://example.org/vote/7",
            "id": uuid5("default/1/top_up"),
            "inputs": {"per_week": 10000},
            "reason": None,
            "seq": 1,
        },
    ),
    "withdrawal": (
        PoolComponent,
        {
            **_EPOCH,
            "action": "withdraw",
            "actor": "ana",
            "algorithm_version": None,
            "amount_credits": None,
            "component_id": "top_up",
            "computed_at": None,
            "evidence_ref": None,
            "id": None,
            "inputs": None,
            "reason": "a zero too many",
            "seq": 2,
        },
    ),
    "award": (
        Award,
        {
            **_EPOCH,
            "action": "award",
            "actor": "ana",
            "amount_credits": "500",
            "at": TIME,
            "award": "host-june",
            "evidence": None,
            "reason": "hosted the assembly",
            "seq": 1,
            "user_id": user(1),
        },
    ),
    "cancel": (
        Award,
        {
            **_EPOCH,
            "action": "cancel",
            "actor": "ana",
            "amount_credits": None,
            "at": TIME,
            "award": "host-june",
            "evidence": None,
            "reason": "was paid by the city",
            "seq": 2,
            "user_id": None,
        },
    ),
    "opening": (Transition, {**_EPOCH, "actor": "ledger", "at": START, "from": None, "to": "open"}),
    "review": (Transition, _TO_REVIEW),
    "finalize": (
        Transition,
        {**_EPOCH, "actor": "ana", "at": END, "from": "review", "statement_hash": SOME_HASH, "to": "finalized"},
    ),
    "cursor": (
        Cursor,
        {
            **_EPOCH,
            "at": TIME,
            "covered": [{"from": START, "to": TIME}],
            "seq": 1,
            "source": "github",
            "state": None,
            "stream": "acme/widgets",
        },
    ),
    "collection": (
        Collection,
        {
            **_EPOCH,
            "at": TIME,
            "counts": {"bots": 3},
            "covered_from": START,
            "covered_to": TIME,
            "errors": [],
            "events_seen": 4,
            "events_stated": None,
            "gaps": [],
            "seq": 1,
            "source": "github",
            "stream": "acme/widgets",
        },
    ),
    "allocation": (
        Allocation,
        {
            **_EPOCH,
            "activity_count": 1,
            "final_units": None,
            "override_reason": None,
            "proposed_units": "8000",
            "user_id": user(1),
        },
    ),
    "statement": (
        Statement,
        {
            **_EPOCH,
            "activity_count": 1,
            "activity_root": SOME_HASH,
            "algorithm": "weight-sum-v1",
            "allocation_set_hash": SOME_HASH,
            "approver_set_hash": SOME_HASH,
            "approvers_seq": 1,
            "awards_hash": EMPTY,
            "awards_total_credits": "0",
            "collection_hash": EMPTY,
            "curation_hash": EMPTY,
            "cursors_hash": EMPTY,
            "epoch_hash": SOME_HASH,
            "gaps": [],
            "held": [
                {
                    "amount_credits": "0",
                    "platform_user_id": "7",
                    "share": "0.000000",
                    "source": "github",
                    "total_units": "0",
                }
            ],
            "identities": {"sha256": SOME_HASH, "size": 1},
            "log": {"root": SOME_HASH, "size": 1},
            "overrides_hash": EMPTY,
            "payouts": [
                {
                    "amount_credits": "10000",
                    "award_credits": "0",
                    "share": "1.000000",
                    "share_credits": "10000",
                    "total_units": "8000",
                    "user_id": user(1),
                },
            ],
            "period_end": END,
            "period_start": START,
            "pool_hash": SOME_HASH,
            "pool_total_credits": "10000",
            "previous_statement_hash": None,
            "receipts": {"sha256": EMPTY, "size": 0},
            "schema": "statement/2",
            "statement_id": uuid5("default/1/1"),
            "supersedes_statement_hash": None,
            "supersedes_statement_id": None,
            "threshold": 2,
            "undistributed_credits": "0",
            "unresolved": "hold",
            "unresolved_count": 0,
            "version": 1,
            "weight_config_hash": SOME_HASH,
        },
    ),
    "signature": (
        Signature,
        {
            **_EPOCH,
            "evidence": "https://example.org/review/9",
            "signature": "0x" + "1" * 128 + "1b",
            "signed_at": TIME,
            "signer_wallet": WALLET,
            "statement_hash": SOME_HASH,
        },
    ),
    "set": (
        ApproverSet,
        {
            "approvers": [
                {"id": "ana", "wallets": sorted([WALLET, OTHER_WALLET])},
                {"id": "ben", "wallets": [THIRD_WALLET]},
            ],
            "at": TIME,
            "covers": False,
            "issuers": [ISSUER],
            "node_id": NODE,
            "previous": None,
            "reason": "the scope's file names them",
            "scope_id": "default",
            "self_approve": False,
            "seq": 1,
            "threshold": 2,
        },
    ),
    "set signature": (
        ApproverSignature,
        {
            "approvers_seq": 1,
            "evidence": "",
            "node_id": NODE,
            "scope_id": "default",
            "seq": 1,
            "signature": "0x" + "1" * 128 + "1b",
            "signed_at": TIME,
            "signer_wallet": WALLET,
        },
    ),
    "log": (
        LogLine,
        {
            "hash": SOME_HASH,
            "kind": "statement",
            "node_id": NODE,
            "ref": "data/epochs/default/0001/statement.json",
            "scope_id": "default",
            "seq": 1,
        },
    ),
    "attestation": (
        Attestation,
        {
            **_EPOCH,
            "attested_at": TIME,
            "evidence": "",
            "signature": "0x" + "1" * 128 + "1b",
            "signer_wallet": WALLET,
            "statement_hash": SOME_HASH,
            "tool": "ledger",
            "tool_version": "0.1.0",
        },
    ),
}
"""Name to model and object. Transitions and decisions appear once per shape that they can take."""


def record(name: str, **changes: Any) -> Any:
    """The sample record `name` with some fields as a file would give them changed."""
    model, fields = RECORDS[name]
    return model.read({**fields, **changes})
