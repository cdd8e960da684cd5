// The lists that are published beside the records, held against what the records give: allocations.json, outcomes.json,
// verify.json, the epoch's own entry in epochs.json, what the contributors' files say of this epoch, and marks of names.
//
// `read(path)`: as in load.js. Each finding names the file, what in it is wrong, and both values. A list that is not
// published is no finding but in `unseen`: then nothing was believed because of it.
import { canonicalText } from "./canonical.js";
import { hashOf, once, sha256Hex } from "./bytes.js";
import { oddNameFindings } from "./everyone.js";
import { shownNames } from "./figures.js";
import { epochOfPerson, orderOf, personLines } from "./personevents.js";
import { fileBytes } from "./statement.js";

const MOST_PEOPLE = 60; // contributors' own files that are fetched for one epoch
const MOST_FINDINGS = 50;

/** A value in words; what no record can hold (a fraction) as JSON writes it. */
function shown(value) {
  if (value === undefined || typeof value === "string") return value ?? "none";
  try {
    return canonicalText(value);
  } catch {
    return JSON.stringify(value);
  }
}
const sum = (lines) => String(lines.reduce((total, line) => total + BigInt(line.amount_credits), 0n));

/** What is told of each person in one epoch. */
export function peopleRows({ derived, versions }) {
  const corrected = versions.findLast(({ check }) => check.state === "finalized")?.check.statement ?? null;
  const now = corrected && new Map(corrected.payouts.map((line) => [line.user_id, line.amount_credits]));
  const payouts = new Map(derived.statement.payouts.map((line) => [line.user_id, line]));
  const rows = new Map(derived.evaluation.allocations.map((row) => [row.user_id, row]));
  return [...new Set([...payouts.keys(), ...rows.keys()])].sort().map((user) => {
    const [row, payout] = [rows.get(user), payouts.get(user)];
    const proposed = row?.proposed_units ?? "0";
    return {
      activity_count: row?.activity_count ?? 0, amount_credits: payout?.amount_credits ?? "0", award_credits: payout?.award_credits ?? "0",
      corrected_credits: now && (now.get(user) ?? "0"), final_units: row?.final_units ?? null, override_reason: row?.override_reason ?? null,
      proposed_units: proposed, share: payout?.share ?? null, share_credits: payout?.share_credits ?? "0", units: row?.final_units ?? proposed, user_id: user,
    };
  });
}

/** What a person's own file has of one epoch. `row`: of `peopleRows`; `epoch`: which it is. */
export function entryOfPerson({ user_id: _, ...row }, { scope_id, epoch_id, period_start, state }) {
  return { ...row, epoch_id, period_start, scope_id, state };
}

export class Published {
  constructor(read) {
    this.read = read;
    this.findings = [];
    this.unseen = [];
  }

  /** A file's JSON, null where it is not published or, which is told, holds none; `place`: where it is read, if not by its name. */
  async json(path, place = path) {
    const data = await this.read(place);
    if (data === null) {
      this.unseen.push(path);
      return null;
    }
    try {
      const value = once(data, "json", () => JSON.parse(new TextDecoder().decode(data)));
      if (value === null) this.tell(path, "the whole", "an object", value);
      return value;
    } catch {
      this.tell(path, "is no JSON", "JSON", "something else");
      return null;
    }
  }

  tell(path, what, expected, actual) {
    if (this.findings.length < MOST_FINDINGS) this.findings.push({ path, what, expected: shown(expected), actual: shown(actual) });
  }

  /** Field by field; lists of objects are told apart by `key`, so that one changed row is named. */
  same(path, what, expected, actual, key = null) {
    if (JSON.stringify(expected) === JSON.stringify(actual) || shown(expected) === shown(actual)) return;
    const plain = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
    if (plain(expected) && plain(actual)) {
      for (const name of new Set([...Object.keys(expected), ...Object.keys(actual)])) this.same(path, what ? `${what}, ${name}` : name, expected[name], actual[name], key);
    } else if (key && Array.isArray(expected) && Array.isArray(actual) && [...expected, ...actual].every(plain)) {
      const [due, found] = [expected, actual].map((rows) => new Map(rows.map((row) => [key(row), row])));
      const before = this.findings.length;
      for (const name of new Set([...due.keys(), ...found.keys()])) this.same(path, `${what}, ${name}`, due.get(name), found.get(name), null);
      if (this.findings.length === before) this.tell(path, what, expected, actual); // the order, or a row twice
    } else this.tell(path, what || "the whole", expected, actual);
  }
}

/** The lists that are about an epoch, in the order in which `publishedFindings` takes them. */
export function listsOf(scopeId, epochId) {
  return [...["allocations", "outcomes", "verify"].map((name) => `epochs/${scopeId}/${epochId}/${name}.json`), "epochs.json", "contributors/index.json"];
}

/**
 * `people`: contributors' own files that are read at most.
 * @returns {Promise<{findings: {path: string, what: string, expected: string, actual: string}[], unseen: string[]}>}
 */
export async function publishedFindings(read, loaded, report, found, people = MOST_PEOPLE) {
  const out = new Published(read);
  const { scopeId, epochId } = loaded;
  const { derived, versions } = found;
  const s = derived.statement;
  const place = `epochs/${scopeId}/${epochId}`;
  const names = shownNames(loaded, derived.names);
  const bare = peopleRows(found);

  const [allocations, outcomes, verdicts, index, everyone] = await Promise.all(listsOf(scopeId, epochId).map((path) => out.json(path)));
  if (allocations !== null) {
    const called = (user) => names.then.get(user) ?? user.slice(0, 8);
    const rows = bare.map(({ override_reason, proposed_units, share, share_credits, units, user_id, ...row }) =>
      ({ ...row, name: called(user_id), override_reason, proposed_units, share, share_credits, units, user_id })); // in the order in which they are written
    const held = s.held.map((line) => ({ ...line }));
    const projected = derived.projected.map((each) => ({ amount_credits: String(each.amount), component_id: each.component, inputs: each.inputs, rule: each.rule }));
    const path = `${place}/allocations.json`;
    out.same(path, "allocations", rows, allocations.allocations, (row) => `user ${row.user_id} (${names.called(row.user_id ?? "")})`);
    out.same(path, "held", held, allocations.held, (row) => `${row.source}:${row.platform_user_id}`);
    out.same(path, "projected", projected, allocations.projected, (row) => row.component_id);
    out.same(path, "state", report.state, allocations.state);
  }

  const shards = [...new Set(derived.outcomes.map(({ event }) => event.shard))];
  if (outcomes !== null) {
    const [users, unresolved] = [{}, []];
    for (const { event, user, units, weightSource, included } of derived.outcomes) {
      const row = [shards.indexOf(event.shard), event.line, Number(units), weightSource, included, event.event_time < s.period_start];
      if (user === null) unresolved.push(row);
      else (Object.hasOwn(users, user) ? users[user] : (users[user] = [])).push(row);
    }
    const path = `${place}/outcomes.json`;
    const files = shards.length ? shards.map((name) => `${place}/${name}`) : [`${place}/activity.jsonl`];
    out.same(path, "activity_files", files, outcomes.activity_files);
    out.same(path, "columns", ["file", "line", "milli_units", "weight_source", "included", "late"], outcomes.columns);
    out.same(path, "events of accounts without a user", unresolved, outcomes.unresolved);
    for (const user of new Set([...Object.keys(users), ...Object.keys(outcomes.users ?? {})])) out.same(path, `events of user ${user} (${names.called(user)})`, users[user], outcomes.users?.[user]);
  }

  if (verdicts !== null && Array.isArray(verdicts.checks)) {
    const path = `${place}/verify.json`;
    out.same(path, "state", report.state, verdicts.state);
    out.same(path, "statement_hash", report.state === "open" ? null : report.statement_hash, verdicts.statement_hash);
    const stated = new Map(verdicts.checks.map((check) => [check.invariant, check.verdict]));
    for (const { invariant, verdict } of report.checks)
      if (verdict !== "not applicable" && verdict !== "not looked at") out.same(path, invariant, verdict, stated.get(invariant));
  }

  const epochs = index?.epochs ?? [];
  const entry = epochs.find((one) => one.scope_id === scopeId && one.epoch_id === epochId);
  if (entry && "pool_total_credits" in entry) {
    const due = {
      activity_count: s.activity_count, awards_total_credits: s.awards_total_credits, held_credits: sum(s.held), period_end: s.period_end, period_start: s.period_start,
      pool_total_credits: s.pool_total_credits, state: report.state, statement_hash: report.state === "open" ? null : sha256Hex(fileBytes(s)), undistributed_credits: s.undistributed_credits,
      amendments: versions.map(({ check }) => ({ state: check.state, statement_hash: check.statement && hashOf(check.data("statement.json")), version: check.version })),
    };
    for (const [name, value] of Object.entries(due)) out.same("epochs.json", `epoch ${scopeId}/${epochId}, ${name}`, value, entry[name]);
  }

  if (everyone !== null) {
    const listed = new Map((Array.isArray(everyone.contributors) ? everyone.contributors : []).map((one) => [one.user_id, one]));
    for (const { user_id: user } of bare) out.same("contributors/index.json", `name of user ${user}`, names.now.get(user) ?? user.slice(0, 8), listed.get(user)?.name);
    const [lines, order] = people ? [personLines(loaded, derived), orderOf(epochs)] : [];
    if (people) await oddNameFindings(out, names.now);
    await Promise.all(bare.slice(0, people).map(async (row) => {
      const path = `contributors/${row.user_id}.json`;
      const about = await out.json(path);
      if (about === null) return;
      const mine = (Array.isArray(about.epochs) ? about.epochs : []).find((one) => one.scope_id === scopeId && one.epoch_id === epochId);
      const user = row.user_id;
      out.same(path, "name", names.now.get(user) ?? user.slice(0, 8), about.name);
      out.same(path, `epoch ${scopeId}/${epochId}`, entryOfPerson(row, { scope_id: scopeId, epoch_id: epochId, period_start: s.period_start, state: report.state }), mine);
      await epochOfPerson(out, user, about, lines.get(user) ?? [], `${epochId},${scopeId}`, order);
    }));
  }
  return { findings: out.findings, unseen: [...new Set(out.unseen)].sort() };
}
