// The statement, built anew from what it was computed from (specification, section 5).
import { bytesOf, nameUuid } from "./bytes.js";
import { canonicalText } from "./canonical.js";
import { allocationSetHash, boundedSum, payoutTable, unitsOf } from "./payout.js";

const VERSION = 1;

/**
 * @param {{epoch: object, pin: object, evaluation: object, activityRoot: string, pool: object[], curationHash: string,
 *   overridesHash: string, poolHash: string, identities: {sha256: string, size: number}, previousHash: string|null}} inputs
 * @returns the statement's fields; amounts as text
 */
export function buildStatement({ epoch, pin, evaluation, activityRoot, pool, curationHash, overridesHash, poolHash, identities, previousHash }) {
  const total = boundedSum(pool.map((component) => BigInt(component.amount_credits)), "pool credits");
  const units = new Map(evaluation.allocations.map((row) => [row.user_id, unitsOf(row)]));
  const { payouts, undistributed } = payoutTable(units, total);
  return {
    node_id: epoch.node_id,
    scope_id: epoch.scope_id,
    epoch_id: epoch.epoch_id,
    activity_count: evaluation.activityCount,
    activity_root: activityRoot,
    algorithm: "weight-sum-v0",
    allocation_set_hash: allocationSetHash(evaluation.allocations),
    approver_set_hash: pin.approver_set_hash,
    curation_hash: curationHash,
    gaps: pin.gaps,
    identities,
    overrides_hash: overridesHash,
    payouts,
    period_end: epoch.period_end,
    period_start: epoch.period_start,
    pool_hash: poolHash,
    pool_total_credits: String(total),
    previous_statement_hash: previousHash,
    schema: "statement/1",
    statement_id: nameUuid(epoch.node_id, `${epoch.scope_id}/${epoch.epoch_id}/${VERSION}`),
    supersedes_statement_id: null,
    threshold: pin.threshold,
    undistributed_credits: String(undistributed),
    unresolved_count: evaluation.unresolvedCount,
    version: VERSION,
    weight_config_hash: epoch.weight_config_hash,
  };
}

/** The bytes of a `.json` file, or of one line of a `.jsonl` file. */
export const fileBytes = (record) => bytesOf(`${canonicalText(record)}\n`);
