// Payout arithmetic in BigInt: floor, then the credits left over one each to the largest remainders.
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

const byText = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/**
 * Split `pool` credits over users by their milli-units; ties go to the smaller user id.
 * @param {Map<string, bigint>} units  @param {bigint} pool
 */
export function payoutTable(units, pool) {
  const users = [...units.keys()].sort();
  const total = boundedSum(units.values(), "units");
  const paid = new Map(users.map((user) => [user, total === 0n ? 0n : (units.get(user) * pool) / total]));
  let left = pool;
  for (const amount of paid.values()) left -= amount;
  if (total !== 0n) {
    const rest = new Map(users.map((user) => [user, (units.get(user) * pool) % total]));
    const order = [...users].sort((a, b) => (rest.get(b) > rest.get(a) ? 1 : rest.get(b) < rest.get(a) ? -1 : byText(a, b)));
    for (const user of order.slice(0, Number(left))) paid.set(user, paid.get(user) + 1n);
    left = 0n;
  }
  const payouts = users.map((user) => ({
    amount_credits: String(paid.get(user)),
    share: shareText(units.get(user), total),
    total_units: String(units.get(user)),
    user_id: user,
  }));
  return { payouts, undistributed: left };
}

/** SHA-256 of `<user_id>:<units>` lines sorted by user id, joined by \n, without a last one. */
export function allocationSetHash(allocations) {
  return sha256Hex(bytesOf(allocations.map((row) => `${row.user_id}:${unitsOf(row)}`).sort().join("\n")));
}

/** `final_units` where set, else `proposed_units` (milli-units). */
export const unitsOf = (row) => BigInt(row.final_units ?? row.proposed_units);
