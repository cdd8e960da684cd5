// What if: the same rules over the same records with other weights, inclusions, caps or anti-spam rules. Never official.
import { Refusal } from "./errors.js";
import { evaluate, eventUnits, policyUnits } from "./evaluate.js";
import { applyRule, standingComponents } from "./pool.js";
import { POLICY_ACTOR, policyExclusions } from "./spam.js";
import { split } from "./statement.js";

/** The pool in credits, and how much of it a rule gave that other weights would change; `scaled` computes that part anew. */
function poolOf(epoch, { pool, projected, outcomes, statement }, facts) {
  const total = BigInt(statement.pool_total_credits);
  const name = "activity-scaled-v1";
  const given = [...standingComponents(pool).filter((line) => line.algorithm_version === name).map((line) => line.amount_credits), ...projected.filter((each) => each.rule === name).map((each) => each.amount)];
  const rule = given.length ? epoch.pool_rules.find((each) => each.rule === name) : undefined;
  if (rule === undefined) return { poolAt: () => total };
  return { poolAt: (weights) => total - BigInt(given.at(-1)) + applyRule(rule, { ...facts, units: policyUnits(outcomes, weights) }).amount };
}

/** The epoch in memory, ready to be tried; `summary` is plain data for a page; `spam`: the scope's anti-spam rules. */
export function prepare(report, { epoch, derived }, spam) {
  const { outcomes, overrides, names, awards, facts, statement } = derived;
  const kinds = new Map(Object.keys(epoch.weight_config).map((kind) => [kind, 0]));
  for (const { kind } of outcomes) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  const weightOf = (kind) => (Object.hasOwn(epoch.weight_config, kind) ? epoch.weight_config[kind] : null);
  return {
    outcomes,
    overrides,
    names,
    awards,
    unresolved: epoch.unresolved,
    ...poolOf(epoch, derived, facts),
    weights: epoch.weight_config,
    place: { node_id: epoch.node_id, scope_id: epoch.scope_id, epoch_id: epoch.epoch_id },
    official: new Map(statement.payouts.map((line) => [line.user_id, BigInt(line.amount_credits)])),
    summary: {
      ok: report.ok,
      state: report.state,
      algorithm: epoch.algorithm,
      weight_policy: epoch.weight_policy,
      spam,
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

/** Whether an event counts: by the trial's own word, else by a person's decision, else by the rules that are tried. */
function inclusion(outcomes, { included, spam }) {
  const left = spam && policyExclusions(spam, outcomes.map((outcome) => outcome.event));
  return ({ event, included: official, includedBy }) => {
    if (Object.hasOwn(included, event.id)) return included[event.id];
    return left && (includedBy === null || includedBy === POLICY_ACTOR) ? !left.has(event.id) : official;
  };
}

/**
 * The payout table of a trial.
 * @param {{weights: Record<string, number>, included: Record<string, boolean>, cap: number|null, spam: object[]|null}} change
 *   `cap`: at most so many included events count for a person, the first in the order of the log; `spam`: anti-spam rules
 *   in place of the scope's; null leaves what is on record
 */
export function trial({ outcomes, overrides, names, awards, unresolved, poolAt, weights, place, official }, change) {
  if (change.cap !== null && (!Number.isSafeInteger(change.cap) || change.cap < 0)) throw new Refusal("the cap is not a whole number");
  const now = weightsOf(weights, change.weights);
  const counts = new Map();
  const counting = inclusion(outcomes, change);
  const tried = outcomes.map((outcome) => {
    let included = counting(outcome);
    if (included && outcome.user !== null && change.cap !== null) {
      const count = counts.get(outcome.user) ?? 0;
      counts.set(outcome.user, count + 1);
      included = count < change.cap;
    }
    const units = outcome.weightSource === "decision" ? outcome.units : eventUnits(outcome.event, Object.hasOwn(now, outcome.kind) ? now[outcome.kind] : 0);
    return { ...outcome, included, units };
  });
  const evaluation = evaluate(place, tried, overrides);
  const table = split(unresolved, evaluation, poolAt(now), awards);
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
  return { rows, undistributed: String(table.undistributed), held: String(table.held.reduce((sum, line) => sum + BigInt(line.amount_credits), 0n)), unresolved: evaluation.unresolvedCount, weights: now };
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

/** Anti-spam rules for a scope's file; a JSON text is YAML too. */
export function spamFile(rules) {
  const written = rules.map((rule) => Object.entries(rule)
    .filter(([, value]) => value !== null && (!Array.isArray(value) || value.length))
    .map(([name, value], index) => `${index ? "    " : "  - "}${name}: ${JSON.stringify(value)}\n`).join(""));
  return `spam:\n${written.join("")}`;
}
