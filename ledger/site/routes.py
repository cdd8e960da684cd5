"""Every route of the static API and the schema of what it answers; a test holds each published file to its route."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.core.records.activity import ActivityEvent, Collection, Cursor
from ledger.core.records.approvers import ApproverSet, ApproverSignature
from ledger.core.records.decisions import Award, Binding, Curation, Objection, Override, PoolComponent
from ledger.core.records.epoch import Transition
from ledger.core.records.record import Record
from ledger.core.records.statement import Allocation, Attestation, Signature
from ledger.core.shapes import (
    AMOUNT,
    COUNT,
    HASH,
    NUMBER,
    SCOPE,
    STATE,
    TEXT,
    TIME,
    USER,
    Schema,
    array,
    mapping,
    obj,
    or_null,
    pattern,
)
from ledger.core.statementlog import LogLine
from ledger.core.values import NUMBER_PATTERN, SCOPE_PATTERN, UUID_PATTERN
from ledger.site.answers import (
    ABOUT_USER,
    ACCOUNT,
    BOOK,
    EPOCH_ENTRY,
    FLAT,
    HEAD,
    OUTCOME,
    POLICY,
    REPORT,
    SCOPE_SETTINGS,
    SHARE_FIELDS,
    THEIR_EVENT,
    WEIGHTS,
    reference,
)


@dataclass(frozen=True)
class Served:
    """One route: its path under the API's root, what it is, its media type and the schema of the file or of a line."""

    path: str
    summary: str
    media: str
    schema: Schema


def _json(path: str, summary: str, schema: Schema) -> Served:
    return Served(path, summary, "application/json", schema)


def _lines(path: str, summary: str, record: type[Record]) -> Served:
    return Served(path, summary, "application/jsonl", reference(record.__name__))


def _text(path: str, summary: str, pattern: str) -> Served:
    return Served(path, summary, "text/plain", {"pattern": pattern, "type": "string"})


EPOCH = "epochs/{scope_id}/{epoch_id}"
LOGS: dict[str, tuple[type[Record], str]] = {
    "cursors.jsonl": (Cursor, "What each source stream has covered."),
    "collection.jsonl": (Collection, "What each run saw."),
    "curation.jsonl": (Curation, "Decisions on events."),
    "overrides.jsonl": (Override, "Decisions on final units."),
    "awards.jsonl": (Award, "Credits for one person, taken out of the pool before it is split."),
    "pool.jsonl": (PoolComponent, "Parts of the epoch's credit budget."),
    "objections.jsonl": (Objection, "Questions about the epoch and their answers."),
    "transitions.jsonl": (Transition, "The epoch's steps, with what review pinned."),
    "allocations.jsonl": (Allocation, "Units by user, as stored from review on."),
    "signatures.jsonl": (Signature, "Signatures by the approvers' wallets."),
    "attestations.jsonl": (Attestation, "Who recomputed the statement and got the same bytes."),
}
"""Stored logs of an epoch by name: the record of a line and what it is about."""
BADGES = {
    "allocated": "credits of the scope's finalized epochs",
    "last-epoch": "the scope's newest epoch and its state",
    "verified": "how many epochs recomputed when the site was built",
    "witnesses": "wallets that attested an epoch of the scope",
}
ROUTES: tuple[Served, ...] = (
    _json("openapi.json", "This description.", {"required": ["openapi"], "type": "object"}),
    _json(
        "index.json",
        "Every file of the site but this one, with size and SHA-256.",
        obj(**HEAD, files=array(obj(path=TEXT, sha256=HASH, size=COUNT))),
    ),
    _json("epochs.json", "All epochs, oldest first within a scope.", obj(**HEAD, epochs=array(EPOCH_ENTRY))),
    _json(
        "scopes.json",
        "Settings of the node and of its scopes as they are now.",
        obj(**HEAD, epoch=reference("EpochSettings"), scopes=array(SCOPE_SETTINGS)),
    ),
    _lines("identities.jsonl", "The bindings log: which account belongs to which user.", Binding),
    Served("receipts.jsonl", "The receipts log.", "application/jsonl", {"type": "object"}),
    _json(
        "receipts.json",
        "How each receipt stands, and what its event counted.",
        obj(
            receipts=array(
                obj(
                    epoch_id=or_null(COUNT),
                    receipt={"type": "object"},
                    receipt_hash=HASH,
                    status={"enum": ["approved", "proposed", "revoked"]},
                    units=or_null(TEXT),
                )
            ),
            schema={"const": "receipts-standing/1"},
        ),
    ),
    _lines("approvers/{scope_id}.jsonl", "Who signs for the scope: a chain of approver sets.", ApproverSet),
    _lines("approvers/{scope_id}.signatures.jsonl", "The signatures that chain the sets.", ApproverSignature),
    _json(
        "paid.json",
        "What was earned, allocated and paid, and the files behind it.",
        {"required": ["scopes"], "type": "object"},
    ),
    *(
        Served(
            f"badges/{{scope_id}}/{name}.svg",
            f"A badge: {about}.",
            "image/svg+xml",
            {"pattern": "^<svg ", "type": "string"},
        )
        for name, about in BADGES.items()
    ),
    *(
        _json(
            f"badges/{{scope_id}}/{name}.json",
            f"For shields.io: {about}.",
            {"required": ["schemaVersion"], "type": "object"},
        )
        for name, about in BADGES.items()
    ),
    Served(
        "badges/{scope_id}.svg",
        "How much of what was earned was paid.",
        "image/svg+xml",
        {"pattern": "^<svg ", "type": "string"},
    ),
    *(
        Served(f"{name}", about, "application/jsonl", {"type": "object"})
        for name, about in (
            ("instructions.jsonl", "What people want done with what they are owed."),
            ("waivers.jsonl", "Negative balances that approvers let go."),
            ("opening/{scope_id}.jsonl", "Opening balances of a scope."),
            ("opening/{scope_id}.signatures.jsonl", "Signatures over them."),
            ("opening/{scope_id}.{system}.jsonl", "History of an older system."),
            ("distributions/{scope_id}/{distribution}/signatures.jsonl", "Approvers' signatures over a plan."),
            ("distributions/{scope_id}/{distribution}/settlements.jsonl", "What became of a plan's lines."),
        )
    ),
    _json(
        "opening/{scope_id}.{system}.json", "An older system's record by its hash, and the rate.", {"type": "object"}
    ),
    _json(
        "distributions/{scope_id}/{distribution}/plan.json",
        "A plan as stored.",
        {"required": ["lines"], "type": "object"},
    ),
    *(
        _json(f"distributions/{{scope_id}}/{{distribution}}/{name}", about, {"required": [must], "type": "object"})
        for name, about, must in (
            ("merkle-tree.json", "The tree that people claim from (standard-v1).", "tree"),
            ("merkle-proofs.json", "Its root, and every address's proof.", "root"),
            ("claims/{user_id}.json", "One person's proof.", "proof"),
        )
    ),
    _json("book/{scope_id}.json", "The account book: who earned, was paid and is owed what.", BOOK),
    _json("accounts/{user_id}/{account}.json", "A person's statement of account for a year.", ACCOUNT),
    *(
        _text(f"accounts/{{user_id}}/{{account}}.{form}", f"The same for bookkeepers: {form}.", "")
        for form in ("csv", "beancount", "hledger")
    ),
    _lines("log/{scope_id}.jsonl", "The statement log: everything final of the scope, in order.", LogLine),
    _text("files/{hash}", "A reviewed file that a pool rule reads, under the SHA-256 of its path in the node.", ""),
    _json(
        "kinds.json",
        "What kinds of events are called where people read, by `source:event_type`; words only.",
        {"additionalProperties": {"type": "string"}, "type": "object"},
    ),
    _json(
        "odd-names.json",
        "Names that are not what they look like, by user: a mark, and what it says in full.",
        mapping({"items": False, "minItems": 2, "prefixItems": [TEXT, TEXT], "type": "array"}, UUID_PATTERN),
    ),
    _json(
        "contributors/index.json",
        "Everyone whom a binding or an allocation names.",
        obj(contributors=array(obj(**ABOUT_USER, epoch_count=COUNT)), node_id=USER),
    ),
    _json(
        "contributors/{user_id}.json",
        "One contributor over all epochs, with the lines of the bindings log.",
        obj(
            **ABOUT_USER,
            bindings=array(reference("Binding")),
            epochs=array(obj(**SHARE_FIELDS, epoch_id=NUMBER, period_start=TIME, scope_id=SCOPE, state=STATE)),
            event_count=COUNT,
            event_files=array(obj(event_count=COUNT, path=TEXT)),
            node_id=USER,
        ),
    ),
    *(
        Served(
            f"contributors/{{user_id}}/{name}.jsonl",
            f"{about}, each with what it came to.",
            "application/jsonl",
            THEIR_EVENT,
        )
        for name, about in (
            ("events", "Everything that a person did, epoch by epoch, the oldest first"),
            ("events-{shard}", "More events of a person: a file ends at half a megabyte"),
        )
    ),
    _json(
        "weights/index.json",
        "What each scope's policy is now, and which weights each epoch pinned.",
        obj(node_id=USER, scopes=array(POLICY)),
    ),
    _json("weights/{hash}.json", "A weight table, under the SHA-256 of its canonical form.", WEIGHTS),
    _text(
        "checkpoints/{scope_id}.txt", "Origin, size and root of the scope's statements.", r"^[^\n]+\n[0-9]+\n.{44}\n$"
    ),
    _text("checkpoints/{scope_id}.statements.txt", "The hashes under the checkpoint.", r"^([0-9a-f]{64}\n)*$"),
    _text("proofs/{scope_id}/{epoch_id}.txt", "Leaf hashes of the activity log, in order.", r"^([0-9a-f]{64}\n)*$"),
    _json(f"{EPOCH}/epoch.json", "The epoch's window and pinned weights, as stored.", reference("Epoch")),
    _lines(f"{EPOCH}/activity.jsonl", "The events, as stored.", ActivityEvent),
    _lines(f"{EPOCH}/activity-{{shard}}.jsonl", "More events: the log goes on past 40 MB.", ActivityEvent),
    *(_lines(f"{EPOCH}/{name}", f"{about} As stored.", record) for name, (record, about) in LOGS.items()),
    _json(f"{EPOCH}/statement.json", "The statement; null while the epoch is open.", or_null(reference("Statement"))),
    _text(f"{EPOCH}/sha256sums.txt", "For sha256sum -c, once finalized.", r"^([0-9a-f]{64}  [a-z0-9._-]+\n)*$"),
    _json(
        f"{EPOCH}/allocations.json",
        "Everyone's part of the epoch, what is held, and what the pool's rules would add to an open one.",
        obj(
            allocations=array(obj(**SHARE_FIELDS, name=TEXT, user_id=USER)),
            held=array(reference("Held")),
            projected=array(obj(amount_credits=AMOUNT, component_id=TEXT, inputs=FLAT, rule=TEXT)),
            state=STATE,
        ),
    ),
    _json(
        f"{EPOCH}/outcomes.json",
        "What each event came to, by user, as places in the raw log.",
        obj(
            activity_files=array(TEXT),
            columns=array(TEXT),
            unresolved=array(OUTCOME),
            users=mapping(array(OUTCOME), UUID_PATTERN),
        ),
    ),
    _json(
        f"{EPOCH}/verify.json",
        "Verdicts of `ledger verify` when the site was built; empty when it did not run.",
        {"anyOf": [REPORT, obj()]},
    ),
)
AMENDMENT = f"{EPOCH}/amendments/{{version}}"
AMENDMENT_LOGS = ("curation", "overrides", "awards", "transitions", "allocations", "signatures", "attestations")
ROUTES += (
    _json(f"{AMENDMENT}/reason.json", "Why the epoch is corrected.", reference("AmendmentReason")),
    _json(f"{AMENDMENT}/statement.json", "The statement of this version.", reference("Statement")),
    _text(f"{AMENDMENT}/sha256sums.txt", "For sha256sum -c, once finalized.", r"^([0-9a-f]{64}  [a-z0-9._-]+\n)*$"),
    *(
        _lines(f"{AMENDMENT}/{name}.jsonl", f"{LOGS[f'{name}.jsonl'][1]} Of this version.", LOGS[f"{name}.jsonl"][0])
        for name in AMENDMENT_LOGS
    ),
)
PARAMETERS = {
    "account": pattern(f"{SCOPE_PATTERN[:-1]}-[0-9]{{4}}$", "The scope's id and the year."),
    "distribution": pattern("^(?!0000$)[0-9]{4,9}$", "0001, 0002 … within the scope."),
    "epoch_id": pattern(NUMBER_PATTERN, "1, 2, 3 … within the scope."),
    "hash": HASH,
    "scope_id": SCOPE,
    "version": pattern("^(0[2-9]|[1-9][0-9])$", "02, 03, …: the first correction of an epoch is its second version."),
    "system": pattern(
        "^(all-contributors|csv|opencollective|sourcecred)(-(?!000[01])[0-9]{4})?$", "The older system; further files."
    ),
    "shard": pattern("^(?!000[01])[0-9]{4}$", "0002, 0003, …"),
    "user_id": USER,
}
