// A scope's anti-spam rules: which events its written policy leaves out of an epoch. Their own decisions are on record.

/** The actor of decisions that the rules make. */
export const POLICY_ACTOR = "policy";

/** A thread counts with the channel that it hangs from. */
const channelOf = (event) => event.thread || event.channel;

/** The commit behind an event of git's, also a co-author's. */
const commitOf = (event) => (event.source === "git" ? (event.id.split("#")[0].split(":")[2] ?? "") : "");

const isRevert = (event) => commitOf(event) !== "" && event.reverts !== "";

/**
 * Commits that another one undoes and that nothing brought back. A revert that is itself undone undoes nothing; the last
 * one of a commit counts, so the newest are judged first.
 */
function undoneIn(ordered) {
  const reverts = new Map();
  for (const event of ordered.filter(isRevert)) reverts.set(commitOf(event), event.reverts.split(/\s+/u).filter(Boolean));
  const found = new Set();
  for (const [commit, undoes] of [...reverts].reverse())
    if (!found.has(commit)) for (const other of undoes) found.add(other);
  return found;
}

function leavesOut(rule, number, event, counted, undone) {
  if (rule.empty && event.empty === "1") return true;
  if (rule.reverts && (isRevert(event) || undone.has(commitOf(event)))) return true;
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
 * @param {{source: string, event_types: string[], most_per_day: number|null, least_length: number|null, channels: string[],
 *   reverts: boolean, empty: boolean}[]} rules
 * @param {object[]} events  as `ActivityLog` gives them (log.js)
 */
export function policyExclusions(rules, events) {
  const counted = new Map();
  const order = (a, b) => (a.event_time < b.event_time ? -1 : a.event_time > b.event_time ? 1 : a.id < b.id ? -1 : 1);
  const applies = (rule, event) => rule.source === event.source && (!rule.event_types.length || rule.event_types.includes(event.event_type));
  const ordered = [...events].sort(order);
  const undone = undoneIn(ordered);
  const left = ordered.filter((event) => rules.some((rule, number) => applies(rule, event) && leavesOut(rule, number, event, counted, undone)));
  return new Set(left.map((event) => event.id));
}
