// The named invariants (specification, section 7): what each promises, when it cannot hold yet, and how far a check of
// published files reaches. What only the repository's history or code can show is said, never counted as passed.

export const INVARIANTS = {
  ACTIVITY_APPEND_ONLY: "the activity log only ever grows at its end",
  ACTIVITY_IDEMPOTENT: "an event is in the node once, however often it was collected",
  POOL_IMMUTABLE: "a recorded pool component never changes",
  POOL_REPRODUCIBLE: "the pool's total is the sum of its recorded components",
  POOL_UNIQUE_PER_TYPE: "a pool component is recorded at most once per epoch",
  POOL_REQUIRES_BASE: "no epoch is finalized without base issuance",
  IDENTITY_BEST_EFFORT: "events without a known person stay, are shown, and pay nobody until resolved",
  ADMIN_FINALIZES_ONCE: "one act closes the epoch",
  APPROVERS_PER_SCOPE: "enough of the scope's approvers signed",
  APPROVERS_PINNED_AT_REVIEW: "only approvers pinned at review count",
  APPROVERS_CHAINED: "every approver set is signed by the one before it, and the pinned one counts",
  SIGNATURE_SCOPE_BOUND: "each signature is over exactly this node, scope, epoch and statement",
  EPOCH_THREE_PHASE: "open, review, finalized; never back",
  INGESTION_CLOSED_ON_REVIEW: "no activity entered after review began",
  CURATION_FREEZE_ON_FINALIZE: "no decision was made after finalize",
  WEIGHTS_INTEGER_ONLY: "weights are whole numbers, pinned when the epoch opened",
  ALL_MATH_BIGINT: "every amount is a whole number within 64 bits",
  PAYOUT_DETERMINISTIC: "the stored statement and allocations are what the stored inputs give, byte for byte",
  EPOCH_FINALIZE_IDEMPOTENT: "the finalized statement is the one that was closed",
  AMENDMENT_CHAIN: "an amendment follows the version before it, one at a time, and pays nothing twice",
  ONE_ACTIVE_EPOCH: "at most one epoch of the scope is not finalized",
  EPOCH_WINDOW_UNIQUE: "a window exists once per scope, aligned to the anchor",
  NODE_SCOPED: "every record carries this node",
  SCOPE_SCOPED: "every record carries its scope and epoch",
  SCOPE_VALIDATED: "the scope is configured",
  PROVENANCE_REQUIRED: "every event carries producer, version, retrieval time and the right payload hash",
  CURSOR_STATE_PERSISTED: "what was covered is on record and well formed",
  ADAPTERS_NOT_IN_CORE: "the rules import no client, no clock, no disk",
  WRITES_VIA_WORKFLOW: "every file is one that a command writes; nothing else lies under data/",
  ADDRESS_CHECKSUMMED: "every address is written with its EIP-55 checksum",
  STATEMENT_LOGGED: "what is final stands in the statement log, once and in order",
  RECEIPT_SIGNED: "every act on a receipt is signed by its signer, and events are what receipts say",
  ISSUER_AUTHORIZED: "who vouches has the right by the approver set that counted then, and nobody approves his own",
  IDEMPOTENT_RECEIPTS: "of a work item, person and role at most one receipt stands",
  LATEST_EVENT_WINS: "the latest act on a receipt decides, and an old signature is no new act",
  RECEIPT_ROLE_BUDGET: "nobody gets points of a role that the work item does not have",
  SIGNATURE_DOMAIN_BOUND: "a signature counts for this node, this scope and this kind of act alone",
  ATTESTATION_VALID: "each attestation is by its signer, once, over the finalized statement as it stands",
};

/** The invariant that a file which cannot be read breaks, where the refusal names none. */
export const RULE_OF_FILE = {
  "epoch.json": "WEIGHTS_INTEGER_ONLY",
  "curation.jsonl": "CURATION_FREEZE_ON_FINALIZE",
  "overrides.jsonl": "CURATION_FREEZE_ON_FINALIZE",
  "awards.jsonl": "CURATION_FREEZE_ON_FINALIZE",
  "objections.jsonl": "CURATION_FREEZE_ON_FINALIZE",
  "pool.jsonl": "POOL_IMMUTABLE",
  "transitions.jsonl": "EPOCH_THREE_PHASE",
  "signatures.jsonl": "SIGNATURE_SCOPE_BOUND",
  "cursors.jsonl": "CURSOR_STATE_PERSISTED",
  "collection.jsonl": "CURSOR_STATE_PERSISTED",
  "allocations.jsonl": "PAYOUT_DETERMINISTIC",
  "statement.json": "PAYOUT_DETERMINISTIC",
  "identities.jsonl": "IDENTITY_BEST_EFFORT",
  "receipts.jsonl": "RECEIPT_SIGNED",
  "attestations.jsonl": "ATTESTATION_VALID",
  "reason.json": "AMENDMENT_CHAIN",
};

export const IDENTITIES = "data/identities.jsonl";
export const RECEIPTS = "data/receipts.jsonl";

/** Which invariant a field of the statement stands for, and which file differs then; others: PAYOUT_DETERMINISTIC. */
export const STATEMENT_RULES = {
  activity_root: ["ACTIVITY_APPEND_ONLY", "activity.jsonl"],
  activity_count: ["ACTIVITY_APPEND_ONLY", "activity.jsonl"],
  curation_hash: ["CURATION_FREEZE_ON_FINALIZE", "curation.jsonl"],
  overrides_hash: ["CURATION_FREEZE_ON_FINALIZE", "overrides.jsonl"],
  awards_hash: ["CURATION_FREEZE_ON_FINALIZE", "awards.jsonl"],
  collection_hash: ["CURSOR_STATE_PERSISTED", "collection.jsonl"],
  cursors_hash: ["CURSOR_STATE_PERSISTED", "cursors.jsonl"],
  epoch_hash: ["WEIGHTS_INTEGER_ONLY", "epoch.json"],
  pool_hash: ["POOL_IMMUTABLE", "pool.jsonl"],
  pool_total_credits: ["POOL_REPRODUCIBLE", "statement.json"],
  identities: ["IDENTITY_BEST_EFFORT", IDENTITIES],
  receipts: ["RECEIPT_SIGNED", RECEIPTS],
  unresolved_count: ["IDENTITY_BEST_EFFORT", "statement.json"],
  approver_set_hash: ["APPROVERS_PINNED_AT_REVIEW", "statement.json"],
  approvers_seq: ["APPROVERS_PINNED_AT_REVIEW", "statement.json"],
  threshold: ["APPROVERS_PINNED_AT_REVIEW", "statement.json"],
  log: ["STATEMENT_LOGGED", "statement.json"],
  weight_config_hash: ["WEIGHTS_INTEGER_ONLY", "epoch.json"],
};

const NOT_IN_REVIEW = ["ADMIN_FINALIZES_ONCE", "APPROVERS_CHAINED", "APPROVERS_PER_SCOPE", "ATTESTATION_VALID", "CURATION_FREEZE_ON_FINALIZE", "EPOCH_FINALIZE_IDEMPOTENT", "POOL_REQUIRES_BASE"];
const NOT_YET = {
  open: [...NOT_IN_REVIEW, "APPROVERS_PINNED_AT_REVIEW", "INGESTION_CLOSED_ON_REVIEW", "PAYOUT_DETERMINISTIC", "SIGNATURE_SCOPE_BOUND", "STATEMENT_LOGGED"],
  review: NOT_IN_REVIEW,
};

const NOT_HERE = { ADAPTERS_NOT_IN_CORE: "about the ledger's code, not its data: its own tests check it" };

const REACH = {
  AMENDMENT_CHAIN: "every version of this epoch is recomputed like the first; against later epochs it is checked that nothing is paid twice",
  ACTIVITY_APPEND_ONLY: "the log is the one that the statement pins; that it only grew is shown by git (`ledger guard`)",
  ACTIVITY_IDEMPOTENT: "within this epoch; `ledger verify` looks across all of them",
  LATEST_EVENT_WINS: "a receipt that was approved before an earlier review is taken to be an event of an earlier epoch; `ledger verify` looks it up",
  ONE_ACTIVE_EPOCH: "by the published list of epochs",
  POOL_IMMUTABLE: "the pool is the one that the statement pins; that no line changed is shown by git (`ledger guard`)",
  STATEMENT_LOGGED: "this epoch's line, the one before and the approver sets by hash, other statements by name; `ledger verify` has all",
  WRITES_VIA_WORKFLOW: "names and line ends; modes and links are seen by git (`ledger guard`)",
};

/** One verdict for each invariant, in the specification's order. `unseen`: by invariant, the input that is not published. */
export function verdicts(state, findings, unseen = {}) {
  return Object.keys(INVARIANTS).map((invariant) => {
    const against = findings.filter((finding) => finding.rule === invariant);
    const waiting = NOT_YET[state]?.includes(invariant);
    const verdict = against.length ? "fail" : invariant in NOT_HERE ? "not applicable" : invariant in unseen ? "not looked at" : waiting ? "not yet" : "pass";
    return { invariant, verdict, findings: against, note: unseen[invariant] ?? NOT_HERE[invariant] ?? REACH[invariant] ?? null };
  });
}
