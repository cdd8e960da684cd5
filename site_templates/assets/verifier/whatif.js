// What if: the same rules over the same records with other weights, other inclusions or a cap. Never an official figure.
import { Refusal } from "./errors.js";
import { evaluate } from "./evaluate.js";
import { payoutTable, unitsOf } from "./payout.js";

/** The epoch in memory, ready to be tried; `summary` is plain data for a page. */
export function prepare(report, { epoch, derived }) {
  const { outcomes, overrides, names, statement } = derived;
  const kinds = new Map(Object.keys(epoch.weight_config).map((kind) => [kind, 0]));
  for (const { kind } of outcomes) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  const weightOf = (kind) => (Object.hasOwn(epoch.weight_config, kind) ? epoch.weight_config[kind] : null);
  return {
    outcomes,
    overrides,
    names,
    pool: BigInt(statement.pool_total_credits),
    weights: epoch.weight_config,
    place: { node_id: epoch.node_id, scope_id: epoch.scope_id, epoch_id: epoch.epoch_id },
    official: new Map(statement.payouts.map((line) => [line.user_id, BigInt(line.amount_credits)])),
    summary: {
      ok: report.ok,
      state: report.state,
      algorithm: epoch.algorithm,
      weight_policy: epoch.weight_policy,
      events: outcomes.length,
      kinds: [...kinds].sort(([a], [b]) => (a < b ? -1 : 1)).map(([kind, count]) => ({ kind, count, weight: weightOf(kind) })),
    },
  };
}

/** The weights in force in a trial: the epoch's own, with those changed that the trial names. */
function weightsOf(epochWeights, changed) {
  for (const [kind, weight] of Object.entries(changed))
    if (!Number.isSafeInteger(weight) || weight < 0) throw new Refusal(`the weight of ${kind} is not a whole number from 0 to 2^53-1`);
  return { ...epochWeights, ...changed };
}

/**
 * The payout table of a trial.
 * @param {{weights: Record<string, number>, included: Record<string, boolean>, cap: number|null}} change
 *   `cap`: at most so many included events count for a person, the first in the order of the log
 */
export function trial({ outcomes, overrides, names, pool, weights, place, official }, change) {
  if (change.cap !== null && (!Number.isSafeInteger(change.cap) || change.cap < 0)) throw new Refusal("the cap is not a whole number");
  const now = weightsOf(weights, change.weights);
  const counts = new Map();
  const tried = outcomes.map((outcome) => {
    let included = Object.hasOwn(change.included, outcome.event.id) ? change.included[outcome.event.id] : outcome.included;
    if (included && outcome.user !== null && change.cap !== null) {
      const count = counts.get(outcome.user) ?? 0;
      counts.set(outcome.user, count + 1);
      included = count < change.cap;
    }
    const units = outcome.weightSource === "decision" ? outcome.units : BigInt(Object.hasOwn(now, outcome.kind) ? now[outcome.kind] : 0);
    return { ...outcome, included, units };
  });
  const evaluation = evaluate(place, tried, overrides);
  const table = payoutTable(new Map(evaluation.allocations.map((row) => [row.user_id, unitsOf(row)])), pool);
  const paid = new Map(table.payouts.map((line) => [line.user_id, line]));
  const decided = new Set(evaluation.allocations.filter((row) => row.final_units !== null).map((row) => row.user_id));
  const rows = [...new Set([...paid.keys(), ...official.keys()])].sort().map((user) => {
    const [credits, before] = [BigInt(paid.get(user)?.amount_credits ?? 0), official.get(user) ?? 0n];
    return {
      user_id: user,
      name: names.get(user) ?? user.slice(0, 8),
      units: paid.get(user)?.total_units ?? "0",
      share: paid.get(user)?.share ?? "0.000000",
      credits: String(credits),
      official: String(before),
      difference: String(credits - before),
      decided: decided.has(user),
    };
  });
  return { rows, undistributed: String(table.undistributed), unresolved: evaluation.unresolvedCount, weights: now };
}

/** The first `limit` events that hold `query` in id, kind, title, login or person's name, in log order. */
export function findEvents({ outcomes, names }, query, limit) {
  const wanted = query.trim().toLowerCase();
  const found = [];
  for (const { event, kind, user, included } of outcomes) {
    const name = user === null ? null : (names.get(user) ?? user.slice(0, 8));
    if (`${event.id}\n${kind}\n${event.title}\n${event.platform_login ?? ""}\n${name ?? ""}`.toLowerCase().includes(wanted))
      found.push({ id: event.id, kind, title: event.title, name, included, path: event.path, line: event.line });
    if (found.length === limit) break;
  }
  return found;
}

const INERT_KEY = /^[a-z][a-z0-9_-]{0,62}:[a-z][a-z0-9_]*$/;

/** A weight file for a pull request: `algorithm` and the weights, sorted. */
export function weightFile(algorithm, weights) {
  const lines = Object.keys(weights).filter((kind) => INERT_KEY.test(kind)).sort().map((kind) => `  ${kind}: ${weights[kind]}\n`);
  return `algorithm: ${algorithm}\nweights:${lines.length ? "\n" : " {}\n"}${lines.join("")}`;
}
