// From events, bindings and decisions to units (specification, section 4, rules 1 and 2). All units are milli-units.
import { accountKey } from "./identities.js";
import { Refusal } from "./errors.js";
import { boundedSum, MAX_AMOUNT, unitsOf } from "./payout.js";

/** The decision that stands per event: the latest line of each action group wins; null clears a weight or a user. */
export function foldCuration(curation) {
  const decisions = new Map();
  for (const line of curation) {
    let decision = decisions.get(line.event_id);
    if (!decision) decisions.set(line.event_id, (decision = { included: true, by: null, weight: null, user: null }));
    if (line.action === "include" || line.action === "exclude") {
      decision.included = line.action === "include";
      decision.by = line.actor;
    }
    if (line.action === "weight") decision.weight = line.weight_override_milli;
    if (line.action === "resolve") decision.user = line.user_id;
  }
  return decisions;
}

/** How many of its kind an event is. */
export const manyOf = ({ quantity }) => (quantity === "1" ? 1n : BigInt(quantity));

/** Milli-units of an event: quantity × weight; Refusal that names the line past 2^63-1. */
export function eventUnits({ quantity, path, line }, weight) {
  const units = BigInt(quantity) * BigInt(weight);
  if (units > MAX_AMOUNT)
    throw new Refusal(`${quantity} × ${weight} milli-units is ${units}, more than 2^63-1`, { rule: "ALL_MATH_BIGINT", path, line });
  return units;
}

/** What `work` gives for two texts, asked once for each pair: a log has many lines of few kinds and accounts. */
function oncePerPair(work) {
  const known = new Map();
  return (one, two) => {
    let of = known.get(one);
    if (of === undefined) known.set(one, (of = new Map()));
    let found = of.get(two);
    if (found === undefined) of.set(two, (found = work(one, two)));
    return found;
  };
}

/** Milli-units of all events at these weights, whatever was decided about them. */
export function policyUnits(outcomes, weights) {
  const many = new Map();
  for (const { event, kind } of outcomes) many.set(kind, (many.get(kind) ?? 0n) + manyOf(event));
  return [...many].reduce((total, [kind, count]) => total + (Object.hasOwn(weights, kind) ? count * BigInt(weights[kind]) : 0n), 0n);
}

/**
 * What each event came to, in log order.
 * @param {object[]} events  as `ActivityLog` gives them (log.js)
 * @param {Record<string, number>} weights  `source:event_type` to milli-units
 */
export function eventOutcomes(weights, events, accounts, decisions) {
  const undecided = { included: true, by: null, weight: null, user: null };
  const kindOf = oncePerPair((source, type) => {
    const kind = `${source}:${type}`;
    const weight = Object.hasOwn(weights, kind) ? weights[kind] : null;
    return { kind, weight, each: BigInt(weight ?? 0) };
  });
  const userOf = oncePerPair((source, account) => (source === "receipt" ? account : (accounts.get(accountKey(source, account)) ?? null)));
  return events.map((event) => {
    const decision = decisions.get(event.id) ?? undecided;
    const { kind, weight, each } = kindOf(event.source, event.event_type);
    return {
      event,
      kind,
      user: decision.user ?? userOf(event.source, event.platform_user_id),
      included: decision.included,
      includedBy: decision.by,
      units: decision.weight === null && event.quantity === "1" ? each : eventUnits(event, decision.weight ?? weight ?? 0),
      weightSource: decision.weight !== null ? "decision" : weight !== null ? "policy" : "none",
    };
  });
}

function grouped(items, keyOf) {
  const groups = new Map();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

const units = (outcomes) => outcomes.map((outcome) => outcome.units);

/**
 * Sum the outcomes per user and apply the overrides; Refusal when a total leaves 64 bits.
 * `place`: the fields that every record of the epoch carries.
 */
export function evaluate(place, outcomes, overrides) {
  const counted = outcomes.filter((outcome) => outcome.included && outcome.user !== null);
  const loose = outcomes.filter((outcome) => outcome.included && outcome.user === null);
  const last = new Map(overrides.map((line) => [line.user_id, line]));
  const standing = new Map([...last].filter(([, line]) => line.final_units !== null));
  const perUser = grouped(counted, (outcome) => outcome.user);

  const allocations = [...new Set([...perUser.keys(), ...standing.keys()])].sort().map((user) => ({
    ...place,
    activity_count: perUser.get(user)?.length ?? 0,
    final_units: standing.get(user)?.final_units ?? null,
    override_reason: standing.get(user)?.reason ?? null,
    proposed_units: String(boundedSum(units(perUser.get(user) ?? []), "a user's units")),
    user_id: user,
  }));
  boundedSum(allocations.map(unitsOf), "units");

  const accounts = grouped(loose, ({ event }) => accountKey(event.source, event.platform_user_id));
  const unresolved = [...accounts.keys()].sort().map((key) => {
    const events = accounts.get(key);
    const { source, platform_user_id: account } = events[0].event;
    return { source, account, login: events.at(-1).event.platform_login, count: events.length, units: boundedSum(units(events), "an account's units") };
  });
  for (const events of grouped(counted, (outcome) => outcome.kind).values()) boundedSum(units(events), "units");
  return { activityCount: outcomes.length, allocations, unresolved, unresolvedCount: loose.length };
}
