// The verifier in a module worker, so that the page never freezes. Reads published files of the page's own origin only.
//
// In:  {id, act, base, scope, epoch, …}; act is "recheck", "recheckOne" (many times, then "everyone") or "prepare" (then "try" and "events"), see ACTS.
// Out: {id, progress: {stage, done, total}} while it works, then {id, result} or {id, error}.
import { progress as progressOf, setHash } from "./approvers.js";
import { checkEpoch } from "./check.js";
import { Refusal } from "./errors.js";
import { pageFigures, shownNames } from "./figures.js";
import { oddNameFindings, personFindings } from "./everyone.js";
import { namesOf } from "./identities.js";
import { IDENTITIES } from "./invariants.js";
import { epochListFindings, peopleListFindings, rowOfEpoch } from "./lists.js";
import { loadEpoch } from "./load.js";
import { personLines, sealOf } from "./personevents.js";
import { Published, entryOfPerson, listsOf, peopleRows, publishedFindings } from "./published.js";
import { Binding, readLog } from "./records.js";
import { Scanners, whole } from "./scanners.js";
import { setText, signedText } from "./signatures.js";
import { findEvents, prepare, trial } from "./whatif.js";

const ENTRY = ["activity_count", "amount_credits", "award_credits", "corrected_credits", "final_units", "override_reason", "proposed_units", "share", "share_credits", "units"];
const BEAT = 80; // milliseconds between two reports of progress, at least

let prepared = null;

/** `take`: how the bytes are taken from the answer for a path. */
function reader(base, take = (_, answer) => whole(answer)) {
  const root = new URL(base);
  if (root.origin !== self.location.origin) throw new Refusal("the files lie on another site");
  return async (path) => {
    const answer = await fetch(new URL(path, root), { cache: "no-store", credentials: "omit", redirect: "error" });
    if (answer.status === 404) return null;
    if (!answer.ok) throw new Refusal(`${path} could not be fetched (status ${answer.status})`);
    return take(path, answer);
  };
}

const shared = new Map(); // files that every epoch needs, fetched once while one worker rechecks many
const NEXT = /^epochs\/.*\/(?:epoch|statement)\.json$/; // what the epoch after it looks at too
const before = new Map(); // the last few of them

/** As `reader`, but what is no epoch's own is fetched once, and what the next epoch looks at is kept for it. */
function sharing(base) {
  const read = reader(base);
  return (path) => {
    const kept = path.startsWith("epochs/") ? before : shared;
    if (kept === before && !NEXT.test(path)) return read(path);
    const key = `${base} ${path}`;
    if (!kept.has(key)) kept.set(key, read(path));
    if (before.size > 16) before.delete(before.keys().next().value);
    return kept.get(key);
  };
}

/** Asks for some files now, to be here when they are read; what goes wrong is told to who reads. */
function early(base, paths) {
  const read = reader(base);
  const coming = new Map(paths.map((path) => [path, read(path)]));
  for (const one of coming.values()) one.catch(() => {});
  return (path) => coming.get(path) ?? read(path);
}

/** `lists`: whether the published lists are read afterwards, which come while the log is scanned then. */
async function check({ base, scope, epoch }, progress, lists = false) {
  const scanners = new Scanners();
  try {
    const loaded = await loadEpoch(reader(base, (path, answer) => scanners.take(path, answer)), scope, epoch, progress);
    const read = lists ? early(base, ["kinds.json", ...listsOf(loaded.scopeId, loaded.epochId)]) : null;
    return { read, ...(await checkEpoch(loaded, progress, (...log) => scanners.scan(...log))), loaded, settings: loaded.settings ?? {} };
  } finally {
    scanners.end();
  }
}

/** What the page and the published lists have to say, where the epoch could be recomputed at all. */
async function reading({ read, loaded, report, found }, progress) {
  if (!found.derived) return { published: { findings: [], unseen: [] }, figures: null };
  progress({ stage: "reading the page", done: 0, total: 1 });
  const kinds = await read("kinds.json").then((data) => (data === null ? {} : JSON.parse(new TextDecoder().decode(data)))).catch(() => ({}));
  return { published: await publishedFindings(read, loaded, report, found), figures: pageFigures(loaded, report, found, kinds) };
}

const ACTS = {
  async recheck(asked, progress) {
    const checked = await check(asked, progress, asked.read);
    const { report, found } = checked;
    return { report, ...(asked.read ? await reading(checked, progress) : {}), ...(report.ok && found.derived ? forSigning(checked) : {}) };
  },
  /** One of many: its verdict in short, with what its lists say, and each person's credits in force and entry, as text to be small. */
  async recheckOne({ base, scope, epoch }, progress) {
    const read = sharing(base);
    const loaded = await loadEpoch(read, scope, epoch, progress);
    const { report, found } = await checkEpoch(loaded, progress);
    const { findings } = found.derived ? await publishedFindings(read, loaded, report, found, 0) : { findings: [] };
    const failed = report.checks.filter(({ verdict }) => verdict === "fail").map(({ invariant, findings: [one] }) => `${invariant} (${one.path}: ${one.message})`);
    const wrong = [...failed, ...findings.map(({ path, what }) => `${path}, ${what}`)].slice(0, 10);
    const text = (row) => JSON.stringify(ENTRY.map((name) => row[name]));
    const rows = found.derived ? peopleRows(found).map((row) => [row.user_id, row.corrected_credits ?? row.amount_credits, text(row)]) : [];
    const seals = found.derived && [...personLines(loaded, found.derived)].map(([user, lines]) => [user, sealOf(lines)]);
    return { ok: wrong.length === 0, state: report.state, events: report.events, hash: report.statement_hash, wrong, rows, seals, listed: found.derived && rowOfEpoch(found.derived, report.state), period_start: found.derived?.statement.period_start };
  },
  /**
   * After all of them: what is published of everybody, held to what the epochs gave; each place that differs, in words.
   * `people`: by user, his `credits`, his `entries` (the epoch, and the text that `recheckOne` gave), `seals` and `scopes`
   * (his credits in each); null where an epoch could not be recomputed, so that nobody's are known. `epochs`: as `epochListFindings` takes them.
   */
  async everyone({ base, people, epochs }) {
    const out = new Published(sharing(base));
    const node = (await out.json("epochs.json"))?.node_id;
    const data = await out.read("identities.jsonl");
    const bindings = data ? readLog(Binding, data, IDENTITIES, { node_id: node }) : [];
    const names = namesOf(bindings);
    if (data) await oddNameFindings(out, names);
    await epochListFindings(out, epochs);
    if (people !== null) {
      const all = everybody(people, names, bindings);
      await peopleListFindings(out, all);
      await personFindings(out, all);
    }
    return out.findings.map(({ path, what, expected, actual }) => `${path}, ${what}: it says ${actual}, the epochs give ${expected}`);
  },
  async prepare(asked, progress) {
    const { report, found, loaded, settings } = await check(asked, progress);
    if (!found.derived) throw new Refusal("this epoch cannot be recomputed; recheck it to see why");
    prepared = prepare(report, { ...found, derived: { ...found.derived, names: shownNames(loaded, found.derived.names).shown } }, settings.spam ?? []);
    return prepared.summary;
  },
  async try({ change }) { return trial(prepared, change); },
  async events({ query, limit }) { return findEvents(prepared, query, limit); },
};

/** Of each user that the epochs or the bindings name, what is due in his own file. */
function everybody(people, names, bindings) {
  const found = new Map([...new Set([...names.keys(), ...people.keys()])].map((user) => {
    const { credits = "0", entries = [], seals = [], scopes = new Map() } = people.get(user) ?? {};
    const unpacked = entries.map(([epoch, text]) => entryOfPerson(Object.fromEntries(JSON.parse(text).map((value, index) => [ENTRY[index], value])), epoch));
    return [user, { name: names.get(user) ?? user.slice(0, 8), credits, entries: unpacked, bindings: [], seals, scopes }];
  }));
  for (const line of bindings) found.get(line.user_id).bindings.push(line);
  return found;
}

/** The approver set that waits for signatures, where one does and the scope's file still names it; else null. */
function setForSigning(chain, { approvers = [], issuers = [], covers, self_approve, threshold }) {
  const line = chain.sets.at(-1);
  if (line === undefined || chain.counts(line.seq)) return null;
  const inOrder = approvers.map(({ id, wallets }) => ({ id, wallets: [...wallets].sort() })).sort((a, b) => (a.id < b.id ? -1 : 1));
  const named = setHash({ approvers: inOrder, issuers, covers: covers ?? false, self_approve: self_approve ?? false });
  if (named !== setHash(line) || threshold !== line.threshold) return null;
  const [authority, signed] = [chain.authority(line), [...chain.wallets(line.seq)]];
  const may = [...new Set([line, authority].flatMap((set) => set?.approvers.flatMap((person) => person.wallets) ?? []))];
  const { by, threshold: needed, unproved } = progressOf(line, authority, chain.wallets(line.seq));
  return { seq: line.seq, text: setText(line, named), approvers: line.approvers, own: line.threshold, by, needed, unproved, may, signed };
}

/** What the signing page shows and needs: figures and text from the recomputed statement, never from the page. */
function forSigning({ report, found: { derived, statement, pin, chain, signers }, loaded, settings }) {
  const before = loaded.previousStatement && JSON.parse(new TextDecoder().decode(loaded.previousStatement));
  return {
    before: before && Object.fromEntries(before.payouts.map((line) => [line.user_id, line.amount_credits])),
    set: setForSigning(chain, settings),
    people: Object.fromEntries((pin?.set.approvers ?? []).flatMap(({ id, wallets }) => wallets.map((wallet) => [wallet, id]))),
    statement: derived.statement,
    names: Object.fromEntries(shownNames(loaded, derived.names).shown),
    text: statement && signedText(statement, report.statement_hash),
    approvers: pin?.approvers ?? [],
    signers,
  };
}

self.addEventListener("message", async ({ data }) => {
  let last = 0;
  const progress = (stage) => {
    const now = performance.now();
    if (now - last < BEAT && stage.done !== 0) return;
    last = now;
    self.postMessage({ id: data.id, progress: stage });
  };
  try {
    self.postMessage({ id: data.id, result: await ACTS[data.act](data, progress) });
  } catch (error) {
    const place = error instanceof Refusal && error.path ? `${error.path}${error.line ? `:${error.line}` : ""}: ` : "";
    self.postMessage({ id: data.id, error: `${place}${error.message}` });
  }
});
