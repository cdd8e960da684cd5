// A scope's anti-spam rules: which events its written policy leaves out of an epoch. Their own decisions are on record.

/** The actor of decisions that the rules make. */
export const POLICY_ACTOR = "policy";

/** A thread counts with the channel that it hangs from. */
const channelOf = (event) => event.thread || event.channel;

function leavesOut(rule, number, event, counted) {
  if (rule.least_length !== null && event.length !== "" && Number(event.length) < rule.least_length) return true;
  if (rule.channels.length && !rule.channels.includes(channelOf(event)) && !rule.channels.includes(event.channel)) return true;
  if (rule.most_per_day === null) return false;
  const key = [number, event.platform_user_id, channelOf(event), event.event_time.slice(0, 10)].join("\n");
  const count = counted.get(key) ?? 0;
  if (count < rule.most_per_day) counted.set(key, count + 1);
  return count >= rule.most_per_day;
}

/**
 * The ids that the rules leave out, taken by time and id; a cap counts only events that no other rule left out.
 * @param {{source: string, event_types: string[], most_per_day: number|null, least_length: number|null, channels: string[]}[]} rules
 * @param {object[]} events  as `mergeParts` gives them
 */
export function policyExclusions(rules, events) {
  const counted = new Map();
  const order = (a, b) => (a.event_time < b.event_time ? -1 : a.event_time > b.event_time ? 1 : a.id < b.id ? -1 : 1);
  const applies = (rule, event) => rule.source === event.source && (!rule.event_types.length || rule.event_types.includes(event.event_type));
  const left = [...events].sort(order).filter((event) => rules.some((rule, number) => applies(rule, event) && leavesOut(rule, number, event, counted)));
  return new Set(left.map((event) => event.id));
}
