// Payout arithmetic in BigInt: awards first, then the floor of each share, then the credits left over one each.
import { bytesOf, sha256Hex } from "./bytes.js";
import { Refusal } from "./errors.js";

export const MAX_AMOUNT = 2n ** 63n - 1n;

/** The exact sum; Refusal past 2^63-1, never a wrap. */
export function boundedSum(values, what) {
  let total = 0n;
  for (const value of values) total += value;
  if (total > MAX_AMOUNT) throw new Refusal(`the total of ${what} is ${total}, more than 2^63-1`, { rule: "ALL_MATH_BIGINT" });
  return total;
}

/** `units / total` cut (not rounded) to six decimals. */
export function shareText(units, total) {
  const millionths = total === 0n ? 0n : (units * 1_000_000n) / total;
  return `${millionths / 1_000_000n}.${String(millionths % 1_000_000n).padStart(6, "0")}`;
}

const descending = (a, b) => (b > a ? 1 : b < a ? -1 : 0);

/** Floors of all takers' shares of `rest`; what is left over goes one each to the largest remainders, ties to the first. */
function largestRemainder(owed, total, rest) {
  if (total === 0n) return owed.map(() => 0n);
  const shares = owed.map((units) => (units * rest) / total);
  const remainder = owed.map((units) => (units * rest) % total);
  const left = shares.reduce((sum, share) => sum - share, rest);
  const order = [...owed.keys()].sort((a, b) => descending(remainder[a], remainder[b]) || a - b);
  for (const taker of order.slice(0, Number(left))) shares[taker] += 1n;
  return shares;
}

/**
 * Split `pool` credits by milli-units (specification, section 4, rule 5). Ties go to the smaller key, users before accounts.
 * @param {Map<string, bigint>} units  by user  @param {bigint} pool
 * @param {Map<string, bigint>} awards  credits by user, paid before the split
 * @param {{source: string, account: string, units: bigint}[]} accounts  without a user, whose shares are held
 */
export function payoutTable(units, pool, awards = new Map(), accounts = []) {
  const awarded = boundedSum(awards.values(), "awards");
  if (awarded > pool) throw new Refusal(`awards come to ${awarded} credits, more than the pool of ${pool}`, { rule: "POOL_REPRODUCIBLE" });
  const keyed = new Map(accounts.map((one) => [`${one.source}:${one.account}`, one]));
  const [users, keys] = [[...units.keys()].sort(), [...keyed.keys()].sort()];
  const owed = [...users.map((user) => units.get(user)), ...keys.map((key) => keyed.get(key).units)];
  const total = boundedSum(owed, "units");
  const rest = pool - awarded;
  const shares = largestRemainder(owed, total, rest);
  const got = new Map(users.map((user, index) => [user, shares[index]]));
  const payouts = [...new Set([...users, ...awards.keys()])].sort().map((user) => {
    const [share, award, own] = [got.get(user) ?? 0n, awards.get(user) ?? 0n, units.get(user) ?? 0n];
    return {
      amount_credits: String(share + award),
      award_credits: String(award),
      share: shareText(own, total),
      share_credits: String(share),
      total_units: String(own),
      user_id: user,
    };
  });
  const held = keys.map((key, index) => {
    const { source, account, units: own } = keyed.get(key);
    return {
      amount_credits: String(shares[users.length + index]),
      platform_user_id: account,
      share: shareText(own, total),
      source,
      total_units: String(own),
    };
  });
  return { payouts, held, undistributed: shares.reduce((left, share) => left - share, rest) };
}

/** SHA-256 of `<user_id>:<units>` lines and then those of held accounts, each sorted by key, joined by \n, without a last one. */
export function allocationSetHash(allocations, held) {
  const users = allocations.map((row) => [row.user_id, unitsOf(row)]);
  const accounts = held.map((line) => [`${line.source}:${line.platform_user_id}`, line.total_units]);
  const byKey = ([a], [b]) => (a < b ? -1 : 1);
  return sha256Hex(bytesOf([...users.sort(byKey), ...accounts.sort(byKey)].map(([key, units]) => `${key}:${units}`).join("\n")));
}

/** `final_units` where set, else `proposed_units` (milli-units). */
export const unitsOf = (row) => BigInt(row.final_units ?? row.proposed_units);
