"""JSON Schemas of the static API's derived files. Those of stored records are made from the models that read them."""

from __future__ import annotations

from ledger.core.invariants import INVARIANTS
from ledger.core.records.epoch import STATES
from ledger.core.shapes import (
    AMOUNT,
    BOOLEAN,
    COUNT,
    HASH,
    NUMBER,
    SCOPE,
    SHARE,
    SIGNED,
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
from ledger.core.values import ADDRESS_PATTERN, META_KEY_PATTERN, NAME_PATTERN


def reference(name: str) -> Schema:
    """A component of the description, by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


HEAD: dict[str, Schema] = {"commit": or_null(TEXT), "node_id": USER}
WEIGHTS = mapping({"maximum": 2**53 - 1, "minimum": 0, "type": "integer"}, NAME_PATTERN[:-1] + ":")
SHARE_FIELDS: dict[str, Schema] = {
    "activity_count": COUNT,
    "amount_credits": AMOUNT,
    "award_credits": AMOUNT,
    "corrected_credits": or_null(AMOUNT),
    "final_units": or_null(AMOUNT),
    "override_reason": or_null(TEXT),
    "proposed_units": AMOUNT,
    "share": or_null(SHARE),
    "share_credits": AMOUNT,
    "units": AMOUNT,
}
OUTCOME: Schema = {
    "description": "An event by its place in the raw log; columns are named in `columns`.",
    "items": False,
    "prefixItems": [
        {"description": "Index into activity_files.", **COUNT},
        {"description": "Line from 1.", "minimum": 1, "type": "integer"},
        {"description": "Milli-units that it is worth.", **COUNT},
        {"description": "Where the weight is from.", "enum": ["policy", "decision", "none"]},
        {"description": "Whether it counts.", **BOOLEAN},
        {"description": "Whether its time lies before the window.", **BOOLEAN},
    ],
    "minItems": 6,
    "type": "array",
}
THEIR_EVENT = obj(
    artifact_url=TEXT,
    epoch_id=NUMBER,
    event_time=TIME,
    event_type=TEXT,
    file=TEXT,
    id=TEXT,
    included=BOOLEAN,
    late=BOOLEAN,
    line={"minimum": 1, "type": "integer"},
    milli_units=AMOUNT,
    quantity=COUNT,
    scope_id=SCOPE,
    source=TEXT,
    title=or_null(TEXT),
    weight_source=OUTCOME["prefixItems"][3],
)
FINDING = obj(
    rule=TEXT,
    message=TEXT,
    path=TEXT,
    line=or_null({"type": "integer"}),
    expected=or_null(TEXT),
    actual=or_null(TEXT),
)
REPORT = obj(
    scope_id=SCOPE,
    epoch_id=NUMBER,
    state={"enum": [*STATES, "unreadable"]},
    statement_hash=or_null(HASH),
    checks=array(
        obj(
            invariant={"enum": sorted(INVARIANTS)},
            verdict={"enum": ["pass", "fail", "not yet"]},
            findings=array(FINDING),
        )
    ),
    version=NUMBER,
)
WALLETS = array(pattern(ADDRESS_PATTERN, "An address with its EIP-55 checksum."))
PERSON = obj(id=TEXT, wallets=WALLETS)
ISSUER = obj(can_approve=BOOLEAN, can_close_epoch=BOOLEAN, can_issue=BOOLEAN, id=TEXT, wallets=WALLETS)
FLAT = mapping({"type": ["string", "integer", "boolean", "null"]}, META_KEY_PATTERN)
SCOPE_SETTINGS = obj(
    approvers=array(PERSON),
    base_issuance=or_null(AMOUNT),
    catch_up={"enum": ["each", "join"]},
    covers=BOOLEAN,
    curators=array(TEXT),
    hold_epochs=or_null(NUMBER),
    issuers=array(ISSUER),
    merge={"enum": ["auto", "manual"]},
    name=TEXT,
    objection_hours=COUNT,
    outlier_percent=COUNT,
    overlap=BOOLEAN,
    pool_rules=array(FLAT),
    routing=array(reference("Route")),
    scope_id=SCOPE,
    self_approve=BOOLEAN,
    sources=array(obj(name=TEXT, source=TEXT)),
    spam=array(reference("SpamRule")),
    start=or_null(TIME),
    threshold=NUMBER,
    unresolved={"enum": ["share", "hold"]},
    weight_policy=TEXT,
    weights=WEIGHTS,
)
EPOCH_ENTRY = obj(
    activity_count=COUNT,
    activity_files=array(TEXT),
    amendments=array(obj(state=STATE, statement_hash=or_null(HASH), version=NUMBER)),
    awards_total_credits=AMOUNT,
    epoch_id=NUMBER,
    files=array(TEXT),
    held_credits=AMOUNT,
    period_end=TIME,
    period_start=TIME,
    pool_total_credits=AMOUNT,
    scope_id=SCOPE,
    state=STATE,
    statement_hash=or_null(HASH),
    undistributed_credits=AMOUNT,
)
PINNED = obj(epoch_id=NUMBER, period_start=TIME, weight_config_hash=HASH, weight_policy=TEXT)
POLICY = obj(
    algorithm=TEXT,
    epochs=array(PINNED),
    file_sha256=HASH,
    scope_id=SCOPE,
    weight_config_hash=HASH,
    weight_policy=TEXT,
)
ABOUT_USER: dict[str, Schema] = {"final_credits": AMOUNT, "name": TEXT, "user_id": USER}
BOOK = obj(
    declined=SIGNED,
    people=array(
        obj(allocated=SIGNED, earned=SIGNED, moved=SIGNED, name=TEXT, outstanding=SIGNED, paid=SIGNED, user_id=USER)
    ),
    schema={"const": "book/1"},
    scope_id=SCOPE,
    to_pool=SIGNED,
    until=or_null(TIME),
    waived=SIGNED,
    waiting=SIGNED,
)
ACCOUNT = obj(
    closing_credits=SIGNED,
    items=array(
        obj(
            amount=TEXT, asset=TEXT, at=TIME, balance=SIGNED, credits=SIGNED, evidence=TEXT, hash=TEXT, reference=TEXT,
            source=TEXT, what=TEXT,
        )
    ),
    name=TEXT,
    opening_credits=SIGNED,
    schema={"const": "account-year/1"},
    scope_id=SCOPE,
    user_id=USER,
    year={"type": "integer"},
)  # fmt: skip
