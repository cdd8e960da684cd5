"""The columns of the tables under `data/`, in words: what the data package and the data page say of them."""

from __future__ import annotations

from collections.abc import Mapping

from ledger.compute.export import Column

EPOCH = (
    Column("scope_id", "VARCHAR", "the scope's id"),
    Column("epoch_id", "BIGINT", "1, 2, 3 … within the scope"),
    Column("state", "VARCHAR", "open, review or finalized; only finalized figures cannot change any more"),
)
USER = Column("user_id", "VARCHAR", "the person, as in people")
NAME = Column("name", "VARCHAR", "what the person is called now")
TABLES: Mapping[str, tuple[str, tuple[Column, ...]]] = {
    "epochs": (
        "One row for every epoch: its window, its pool and what became of it, by the first version of its statement",
        (
            *EPOCH,
            Column("period_start", "TIMESTAMP", "the window's first moment, UTC"),
            Column("period_end", "TIMESTAMP", "the first moment after the window, UTC"),
            Column("event_count", "BIGINT", "events of the log"),
            Column("people", "BIGINT", "people with a payout line"),
            Column("pool_credits", "BIGINT", "credits in the pool; of an open epoch: if it closed now"),
            Column("awards_credits", "BIGINT", "of these, awards"),
            Column("allocated_credits", "BIGINT", "credits that people get"),
            Column("held_credits", "BIGINT", "credits held for accounts that nobody had bound"),
            Column("undistributed_credits", "BIGINT", "credits that nobody gets"),
            Column("statement_hash", "VARCHAR", "SHA-256 of the statement; empty while the epoch is open"),
        ),
    ),
    "payouts": (
        "Who gets what: one row for every person in every epoch",
        (
            *EPOCH,
            USER,
            NAME,
            Column("milli_units", "BIGINT", "units times 1,000"),
            Column("share", "DECIMAL(7,6)", "part of all units, cut to six decimals"),
            Column("share_credits", "BIGINT", "credits by share"),
            Column("award_credits", "BIGINT", "credits by award"),
            Column("amount_credits", "BIGINT", "both together, by the first version of the statement"),
            Column("in_force_credits", "BIGINT", "by the version in force, where the epoch was corrected"),
        ),
    ),
    "allocations": (
        "What people's events came to, before the pool is split: one row for every person in every epoch",
        (
            *EPOCH,
            USER,
            NAME,
            Column("event_count", "BIGINT", "events of this person that count"),
            Column("proposed_milli_units", "BIGINT", "by weights and decisions on events"),
            Column(
                "final_milli_units", "BIGINT", "as set by a decision on the person's units; empty where there is none"
            ),
            Column("override_reason", "VARCHAR", "why it was set"),
        ),
    ),
    "events": (
        "Everything that was recorded, with what each event came to",
        (
            *EPOCH,
            Column("event_id", "VARCHAR", "the event"),
            Column("event_time", "TIMESTAMP", "when it happened, UTC"),
            Column("source", "VARCHAR", "where it was read"),
            Column("event_type", "VARCHAR", "what kind of act it is"),
            Column("title", "VARCHAR", "its title, where the source stores one"),
            Column("artifact_url", "VARCHAR", "its address"),
            Column("platform_user_id", "VARCHAR", "the account at the source"),
            Column("platform_login", "VARCHAR", "what the account was called there"),
            Column("user_id", "VARCHAR", "the person; empty where nobody has bound the account"),
            Column("quantity", "BIGINT", "how many of its kind; 1 for a single act"),
            Column("included", "BOOLEAN", "whether it counts"),
            Column("milli_units", "BIGINT", "what it came to: units times 1,000"),
            Column("weight_source", "VARCHAR", "policy, decision or none"),
            Column("late", "BOOLEAN", "whether its time lies before the window"),
            Column("file", "VARCHAR", "the file of the epoch's raw log"),
            Column("line", "BIGINT", "the line in it, from 1"),
        ),
    ),
    "people": (
        "Everyone whom a binding or a payout names",
        (
            USER,
            NAME,
            Column("accounts", "VARCHAR", "accounts bound now, as source:account, apart by a space"),
            Column("epoch_count", "BIGINT", "epochs with a payout line"),
            Column("event_count", "BIGINT", "events of all epochs"),
        ),
    ),
    "decisions": (
        "What people and written rules decided",
        (
            *EPOCH,
            Column("kind", "VARCHAR", "event: on an event; units: on a person's units"),
            Column("number", "BIGINT", "place in its log"),
            Column("decided_at", "TIMESTAMP", "when, UTC"),
            Column("actor", "VARCHAR", "who"),
            Column("action", "VARCHAR", "include, exclude, weight, resolve, note or override"),
            Column("event_id", "VARCHAR", "on which event"),
            Column("user_id", "VARCHAR", "about whom"),
            Column("milli_units", "BIGINT", "weight or units that were set, times 1,000"),
            Column("reason", "VARCHAR", "why"),
            Column("evidence", "VARCHAR", "where it was agreed"),
        ),
    ),
    "signatures": (
        "Who signed which statement",
        (
            *EPOCH,
            Column("statement_hash", "VARCHAR", "what was signed"),
            Column("current", "BOOLEAN", "whether that is the statement as it stands"),
            Column("signer", "VARCHAR", "the approver; empty where the wallet is none of the pinned ones"),
            Column("signer_wallet", "VARCHAR", "the wallet"),
            Column("signed_at", "TIMESTAMP", "when, by the signer's word, UTC"),
            Column("signature", "VARCHAR", "the signature (EIP-191)"),
        ),
    ),
}

FRICTIONLESS: Mapping[str, str] = {
    "BIGINT": "integer",
    "BOOLEAN": "boolean",
    "DECIMAL(7,6)": "number",
    "TIMESTAMP": "datetime",
    "VARCHAR": "string",
}
"""The type of a column in a data package (https://datapackage.org/standard/table-schema/)."""
