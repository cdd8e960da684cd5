"""The named invariants (specification, section 7): the same name in code, tests, `ledger verify` and on the site."""

from __future__ import annotations

INVARIANTS: dict[str, str] = {
    "ACTIVITY_APPEND_ONLY": "the activity log only ever grows at its end",
    "ACTIVITY_IDEMPOTENT": "an event is in the node once, however often it was collected",
    "POOL_IMMUTABLE": "a recorded pool component never changes",
    "POOL_REPRODUCIBLE": "the pool's total is the sum of its recorded components",
    "POOL_UNIQUE_PER_TYPE": "a pool component is recorded at most once per epoch",
    "POOL_REQUIRES_BASE": "no epoch is finalized without base issuance",
    "IDENTITY_BEST_EFFORT": "events without a known person stay, are shown, and pay nobody until resolved",
    "ADMIN_FINALIZES_ONCE": "one act closes the epoch",
    "APPROVERS_PER_SCOPE": "enough of the scope's approvers signed",
    "APPROVERS_PINNED_AT_REVIEW": "only approvers pinned at review count",
    "APPROVERS_CHAINED": "every approver set is signed by the one before it, and the pinned one counts",
    "SIGNATURE_SCOPE_BOUND": "each signature is over exactly this node, scope, epoch and statement",
    "EPOCH_THREE_PHASE": "open, review, finalized; never back",
    "INGESTION_CLOSED_ON_REVIEW": "no activity entered after review began",
    "CURATION_FREEZE_ON_FINALIZE": "no decision was made after finalize",
    "WEIGHTS_INTEGER_ONLY": "weights are whole numbers, pinned when the epoch opened",
    "ALL_MATH_BIGINT": "every amount is a whole number within 64 bits",
    "PAYOUT_DETERMINISTIC": "the stored statement and allocations are what the stored inputs give, byte for byte",
    "EPOCH_FINALIZE_IDEMPOTENT": "the finalized statement is the one that was closed",
    "AMENDMENT_CHAIN": "an amendment follows the version before it, one at a time, and pays nothing twice",
    "ONE_ACTIVE_EPOCH": "at most one epoch of the scope is not finalized",
    "EPOCH_WINDOW_UNIQUE": "a window exists once per scope, aligned to the anchor",
    "NODE_SCOPED": "every record carries this node",
    "SCOPE_SCOPED": "every record carries its scope and epoch",
    "SCOPE_VALIDATED": "the scope is configured",
    "PROVENANCE_REQUIRED": "every event carries producer, version, retrieval time and the right payload hash",
    "CURSOR_STATE_PERSISTED": "what was covered is on record and well formed",
    "ADAPTERS_NOT_IN_CORE": "the rules import no client, no clock, no disk",
    "WRITES_VIA_WORKFLOW": "every file is one that a command writes; nothing else lies under data/",
    "ADDRESS_CHECKSUMMED": "every address is written with its EIP-55 checksum",
    "STATEMENT_LOGGED": "what is final stands in the statement log, once and in order",
    "RECEIPT_SIGNED": "every act on a receipt is signed by its signer, and events are what receipts say",
    "ISSUER_AUTHORIZED": "who vouches has the right by the approver set that counted then, and nobody approves his own",
    "IDEMPOTENT_RECEIPTS": "of a work item, person and role at most one receipt stands",
    "LATEST_EVENT_WINS": "the latest act on a receipt decides, and an old signature is no new act",
    "RECEIPT_ROLE_BUDGET": "nobody gets points of a role that the work item does not have",
    "SIGNATURE_DOMAIN_BOUND": "a signature counts for this node, this scope and this kind of act alone",
    "ATTESTATION_VALID": "each attestation is by its signer, once, over the finalized statement as it stands",
}
"""Name to what it promises, in words for everyone."""

SCOPE_INVARIANTS: dict[str, str] = {
    "BALANCE_CONSERVED": "balances, payments and what was given up are what the statements in force gave",
    "DISTRIBUTION_BALANCED": "every plan is what the record before it gives, to the last unit",
    "PAID_ONCE": "no plan pays more than was owed, and nothing settles two lines",
    "DESTINATION_BOUND": "money goes where its owner proved before the plan that it is his",
    "SETTLEMENT_APPEND_ONLY": "what became of a payment is on record once, in order, and stays",
    "BANK_DATA_STAYS_OUT": "no bank details and no mail addresses enter the record of payments",
}
"""The same for a scope's payments as a whole, which no single epoch can break."""
