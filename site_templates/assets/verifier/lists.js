// The two long lists of the site, `epochs/list.json` and `contributors/list.json` at its top, from which its tables are filled:
// held to what all epochs give. Whether an epoch recomputes there is the builder's own word, which its verify.json is held to.
const TOP = "../../../"; // from the API to the site's top
const EPOCHS = ["epoch", "from", "to", "state", "events", "people", "pool", "allocated", "held", "late", "unbound"];
const MOST_SCOPES = 4; // whose credits have a column, the first ones
const sum = (lines) => String(lines.reduce((total, line) => total + BigInt(line.amount_credits), 0n));
const lists = (value) => (Array.isArray(value) && value.every(Array.isArray) ? value : []);
const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/** One of them; null, and told, where there is none: the site's tables have nothing else to be filled from. */
async function list(out, path) {
  const [before, stated] = [out.findings.length, await out.json(path, TOP + path)];
  if (stated === null && out.findings.length === before) out.tell(path, "the whole", "a list", undefined);
  return stated;
}

/** What the list has of an epoch that was recomputed, but for its number. */
export function rowOfEpoch({ statement: s, outcomes }, state) {
  const late = outcomes.filter(({ event }) => event.event_time < s.period_start).length;
  return [s.period_start.slice(0, 10), s.period_end.slice(0, 10), state, s.activity_count, s.payouts.length, s.pool_total_credits, sum(s.payouts), sum(s.held), late, s.unresolved_count];
}

/** Rows against those that are due, each by its key and column by column; then their order. */
function rowsFindings(out, path, columns, due, stated, called) {
  const [wanted, found] = [due, stated].map((rows) => new Map(rows.map((row) => [row[0], row])));
  const before = out.findings.length;
  for (const key of new Set([...wanted.keys(), ...found.keys()])) {
    const [right, seen] = [wanted.get(key), found.get(key)];
    if (!right || !seen) out.tell(path, called(key), right ? "a row" : "none", seen ? "a row" : "none");
    else right.forEach((value, index) => out.same(path, `${called(key)}, ${columns[index]}`, value, seen[index]));
  }
  if (out.findings.length === before) out.same(path, "the order", due.map(([key]) => key), stated.map(([key]) => key));
}

/** `epochs`: of each epoch its scope, its number and `rowOfEpoch`, null where that is not known. */
export async function epochListFindings(out, epochs) {
  const path = "epochs/list.json";
  const stated = await list(out, path);
  if (stated === null) return;
  out.same(path, "columns", [...EPOCHS, "recomputes"], stated.columns);
  const scopes = new Map();
  for (const [scope, number, row] of epochs) scopes.set(scope, [...(scopes.get(scope) ?? []), row ? [number, ...row] : [number]]);
  for (const scope of new Set([...scopes.keys(), ...Object.keys(stated.scopes ?? {})])) {
    const due = (scopes.get(scope) ?? []).sort((a, b) => b[0] - a[0]);
    rowsFindings(out, path, EPOCHS, due, lists(stated.scopes?.[scope]), (number) => `epoch ${scope}/${number}`);
  }
}

/** `people`: by user, his `name`, his `entries` and `seals`, and `scopes`, a Map: what the finalized epochs of each scope give him. */
export async function peopleListFindings(out, people) {
  const path = "contributors/list.json";
  const stated = await list(out, path);
  if (stated === null) return;
  const scopes = ((await out.json("scopes.json"))?.scopes ?? []).slice(0, MOST_SCOPES).map((one) => one.scope_id);
  const columns = ["user_id", "name", "epochs", "events", ...scopes.map((scope) => `credits:${scope}`)];
  out.same(path, "columns", columns, stated.columns);
  const due = [...people].map(([user, { name, entries, seals, scopes: credits }]) =>
    [user, name, entries.length, seals.reduce((all, seal) => all + seal.count, 0), ...scopes.map((scope) => credits.get(scope) ?? "0")]);
  due.sort((a, b) => {
    const more = scopes.map((_, index) => compare(BigInt(b[4 + index]), BigInt(a[4 + index]))).find((one) => one);
    return more || b[3] - a[3] || compare(a[0], b[0]);
  });
  rowsFindings(out, path, columns, due, lists(stated.rows), (user) => `user ${user} (${people.get(user)?.name ?? "not known"})`);
}
