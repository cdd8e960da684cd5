// The statement, built anew from what it was computed from (specification, section 4).
import { bytesOf } from "./bytes.js";
import { canonicalText } from "./canonical.js";
import { standsForAnybody } from "./identities.js";
import { allocationSetHash, boundedSum, payoutTable, unitsOf } from "./payout.js";
import { nameUuid } from "./uuid.js";

/** Accounts without a user for whom a share can wait. */
const unclaimed = (evaluation) => evaluation.unresolved.filter(({ source, account }) => !standsForAnybody(source, account));

/** Who gets what of `pool` credits; unclaimed shares are held or left out as the epoch pins it. */
export function split(unresolved, evaluation, pool, awards) {
  const units = new Map(evaluation.allocations.map((row) => [row.user_id, unitsOf(row)]));
  return payoutTable(units, pool, awards, unresolved === "hold" ? unclaimed(evaluation) : []);
}

/**
 * @param {{epoch: object, pin: {approver_set_hash: string, approvers_seq: number, gaps: string[], threshold: number},
 *   evaluation: object, activityRoot: string, pool: bigint[], awards: Map<string, bigint>, hashes: Record<string, string>,
 *   pins: {identities: object, log: object, receipts: object}, previousHash: string|null, version: number,
 *   superseded: object|null}} inputs
 *   `pool`: credits of the components; `hashes`: by field, of the files' bytes
 * @returns the statement's fields; amounts as text
 */
export function buildStatement({ epoch, pin, evaluation, activityRoot, pool, awards, hashes, pins, previousHash, version = 1, superseded = null }) {
  const total = boundedSum(pool, "pool credits");
  const { payouts, held, undistributed } = split(epoch.unresolved, evaluation, total, awards);
  return {
    ...hashes,
    ...pins,
    node_id: epoch.node_id,
    scope_id: epoch.scope_id,
    epoch_id: epoch.epoch_id,
    activity_count: evaluation.activityCount,
    activity_root: activityRoot,
    algorithm: "weight-sum-v1",
    allocation_set_hash: allocationSetHash(evaluation.allocations, held),
    approver_set_hash: pin.approver_set_hash,
    approvers_seq: pin.approvers_seq,
    awards_total_credits: String(payouts.reduce((sum, line) => sum + BigInt(line.award_credits), 0n)),
    gaps: pin.gaps,
    held,
    payouts,
    period_end: epoch.period_end,
    period_start: epoch.period_start,
    pool_total_credits: String(total),
    previous_statement_hash: previousHash,
    schema: "statement/2",
    statement_id: nameUuid(epoch.node_id, `${epoch.scope_id}/${epoch.epoch_id}/${version}`),
    supersedes_statement_hash: superseded?.hash ?? null,
    supersedes_statement_id: superseded?.statement_id ?? null,
    threshold: pin.threshold,
    undistributed_credits: String(undistributed),
    unresolved: epoch.unresolved,
    unresolved_count: evaluation.unresolvedCount,
    version,
    weight_config_hash: epoch.weight_config_hash,
  };
}

/** The bytes of a `.json` file, or of one line of a `.jsonl` file. */
export const fileBytes = (record) => bytesOf(`${canonicalText(record)}\n`);
