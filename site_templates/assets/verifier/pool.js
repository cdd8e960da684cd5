// The credit budget: which components and awards stand, and what the pinned rules give (specification, section 4, rule 4).
import { sha256Hex, textOf } from "./bytes.js";
import { rowsOf } from "./csv.js";
import { Refusal } from "./errors.js";
import { accountKey, claimedSince } from "./identities.js";
import { boundedSum, MAX_AMOUNT } from "./payout.js";
import { poolRule } from "./records.js";
import { nameUuid } from "./uuid.js";

/** `algorithm_version` of a component that a person recorded. */
export const BY_HAND = "by-hand-v1";

const refusal = (message, place = {}) => new Refusal(message, { rule: "POOL_REPRODUCIBLE", ...place });

/** The components that stand, in the order of their lines; Refusal when one is recorded while it stands, or the reverse. */
export function standingComponents(lines, path) {
  const standing = new Map();
  for (const line of lines) {
    const { action, component_id: name, seq } = line;
    const wrong = (message) => new Refusal(message, { rule: "POOL_UNIQUE_PER_TYPE", path, line: seq });
    if (action === "record" && standing.has(name)) throw wrong(`${name} is recorded twice`);
    if (action === "withdraw" && !standing.has(name)) throw wrong(`${name} is withdrawn, but does not stand`);
    if (action === "record") standing.set(name, line);
    else standing.delete(name);
  }
  return [...standing.values()];
}

/** Credits by user over the awards that stand; Refusal when a name is awarded while it stands, or the reverse. */
export function awardCredits(lines, path) {
  const standing = new Map();
  for (const line of lines) {
    if ((line.action === "award") === standing.has(line.award)) {
      const what = line.action === "award" ? "stands already" : "does not stand, so it cannot be cancelled";
      throw refusal(`award ${line.award} ${what}`, { path, line: line.seq });
    }
    if (line.action === "award") standing.set(line.award, line);
    else standing.delete(line.award);
  }
  const credits = new Map();
  for (const { user_id: user, amount_credits: amount } of standing.values())
    credits.set(user, boundedSum([credits.get(user) ?? 0n, BigInt(amount)], "a user's awards"));
  return credits;
}

/** The id of a component. */
export const componentId = (nodeId, scopeId, epochId, name) => nameUuid(nodeId, `${scopeId}/${epochId}/${name}`);

const least = (a, b) => (a < b ? a : b);

/** What each rule gives: its component, credits, and the inputs that the component's line must hold. */
const RULES = {
  "fixed-v1": {
    component: "base_issuance",
    compute: ({ amount_credits }, { windows }) => [BigInt(amount_credits) * BigInt(windows), { amount_credits, windows }],
  },
  "activity-scaled-v1": {
    component: "base_issuance",
    compute: ({ amount_credits, full_at_units }, { units }) => {
      const full = BigInt(full_at_units);
      return [(BigInt(amount_credits) * least(units, full)) / full, { amount_credits, full_at_units, units: String(units) }];
    },
  },
  "carry-over-v1": {
    component: "carry_over",
    compute: ({ cap_credits }, facts) => {
      const { before, lapsed } = facts.carried();
      const undistributed = before?.statement.undistributed_credits ?? "0";
      const inputs = { cap_credits, lapsed_credits: String(lapsed), statement_hash: before?.hash ?? null, undistributed_credits: undistributed };
      return [least(BigInt(cap_credits), BigInt(undistributed)) + lapsed, inputs];
    },
  },
  "kpi-linear-v1": {
    component: "kpi_bonus_v0",
    compute: (rule, facts) => {
      const { cap_credits, column, denominator, file, key, numerator } = rule;
      const reading = facts.reading(rule);
      if (reading === null) throw refusal(`no row for this epoch with a whole number under '${column}'`, { path: file });
      const credits = (BigInt(reading.value) * BigInt(numerator)) / BigInt(denominator);
      return [least(BigInt(cap_credits), credits), { cap_credits, column, denominator, file, key, numerator, ...reading }];
    },
  },
};

/** The pinned rules, each held to its form. */
export const rulesOf = (epoch) => epoch.pool_rules.map(poolRule);

/** What one pinned rule gives; Refusal when an input is missing or the credits leave 64 bits. */
export function applyRule(rule, facts) {
  const { component, compute } = RULES[rule.rule];
  const [amount, inputs] = compute(rule, facts);
  if (amount > MAX_AMOUNT) throw new Refusal(`${component} comes to ${amount}, more than 2^63-1`, { rule: "ALL_MATH_BIGINT" });
  return { component, rule: rule.rule, amount, inputs };
}

/** Credits that earlier epochs hold for accounts which nobody ever came for until their time ends in epoch `now`. */
export function lapsedCredits(now, earlier, bindings) {
  let total = 0n;
  for (const { number, epoch, statement } of earlier) {
    if (epoch.hold_epochs !== now - number || !statement) continue;
    const claimed = claimedSince(bindings, statement.identities.size);
    for (const line of statement.held)
      if (!claimed.has(accountKey(line.source, line.platform_user_id))) total += BigInt(line.amount_credits);
  }
  return total;
}

/**
 * The whole number under `column` in the row whose `key` is `period`: its line, the hash of the file through it, and its
 * value; null when there is no such row.
 */
export function readKpi(data, { file: path, key, column }, period) {
  const wrong = (message, line = null) => new Refusal(message, { path, line });
  let rows;
  try {
    rows = rowsOf(textOf(data));
  } catch (error) {
    if (error instanceof Refusal || error instanceof TypeError) throw wrong(`is no CSV in UTF-8: ${error.message}`);
    throw error;
  }
  const header = rows[0]?.cells ?? [];
  for (const name of [key, column]) {
    const count = header.filter((cell) => cell === name).length;
    if (count !== 1) throw wrong(`the header names '${name}' ${count} times`, 1);
  }
  let found = null;
  for (const { cells, line, end } of rows.slice(1)) {
    if (cells[header.indexOf(key)] !== period) continue;
    const text = cells[header.indexOf(column)] ?? "";
    if (!/^(0|[1-9][0-9]{0,18})$/.test(text)) throw wrong(`'${text.slice(0, 40)}' is no whole number`, line);
    if (found !== null) throw wrong(`${period} stands twice; first in line ${found.line}`, line);
    found = { line, sha256: sha256Hex(data.subarray(0, end)), value: text };
  }
  return found;
}
