// What is published about one epoch, fetched through `read(path)`: the bytes of a file under api/v1/ledger/, or null.
import { bytesOf, once, sha256Hex } from "./bytes.js";
import { isNumber, isScope } from "./values.js";
import { Refusal } from "./errors.js";
import { amendedPath } from "./amendments.js";
import { approvedAnew } from "./receipts.js";

const SHARD = /^activity(?:-(?!000[01])[0-9]{4})?\.jsonl$/;
const FILES = [
  "epoch.json", "activity.jsonl", "cursors.jsonl", "collection.jsonl", "curation.jsonl", "overrides.jsonl", "awards.jsonl", "objections.jsonl",
  "pool.jsonl", "transitions.jsonl", "allocations.jsonl", "statement.json", "signatures.jsonl", "sha256sums.txt",
];
const LATER = ["attestations.jsonl"];

export const isShard = (name) => SHARD.test(name);
/** Facts that come after finalize: known, append-only, covered by no hash of the epoch. */
export const isLater = (name) => LATER.includes(name);
export const isKnown = (name) => FILES.includes(name) || isShard(name) || isLater(name);

/** An epoch's folder inside the node, which is how findings name files. */
export const folderOf = (scope, epoch) => `data/epochs/${scope}/${String(epoch).padStart(4, "0")}`;

/** Where a file of the node is published, relative to the API's root; null when it is not. */
export function publishedPath(path) {
  if (/^data\/(?:[a-z]+\.jsonl|approvers\/[^/]+|log\/[^/]+)$/.test(path)) return path.slice("data/".length);
  const match = /^data\/epochs\/([^/]+)\/([0-9]+)\/((?:amendments\/[0-9]{2}\/)?[^/]+)$/.exec(path);
  return match ? `epochs/${match[1]}/${Number(match[2])}/${match[3]}` : null;
}

async function readJson(read, path) {
  const data = await read(path);
  if (data === null) throw new Refusal(`${path} is not published here`);
  try {
    return once(data, path, () => JSON.parse(new TextDecoder().decode(data)));
  } catch {
    throw new Refusal(`${path} is no JSON`);
  }
}

const texts = (value) => Array.isArray(value) && value.every((item) => typeof item === "string");
const each = (value, fits) => Array.isArray(value) && value.every((item) => item !== null && typeof item === "object" && fits(item));

/** The two lists by which the files are found; Refusal when one is not of the shape that is published. */
async function readLists(read) {
  const second = readJson(read, "scopes.json");
  second.catch(() => {}); // told where it is waited for, behind what is wrong with the first
  const [index, scopes] = [await readJson(read, "epochs.json"), await second];
  const epochFits = ({ scope_id, epoch_id, state, files }) => texts([scope_id, state]) && Number.isSafeInteger(epoch_id) && texts(files);
  const scopeFits = ({ scope_id, threshold, approvers }) =>
    texts([scope_id]) && Number.isSafeInteger(threshold) && each(approvers, ({ wallets }) => texts(wallets));
  if (!each(index?.epochs, epochFits)) throw new Refusal("epochs.json is no list of epochs");
  if (!each(scopes?.scopes, scopeFits)) throw new Refusal("scopes.json is no list of scopes");
  return [index, scopes];
}

const shardName = (number) => (number === 1 ? "activity.jsonl" : `activity-${String(number).padStart(4, "0")}.jsonl`);
const shardNumber = (name) => (name === shardName(1) ? 1 : Number(name.slice(9, 13)));

/** The files of an activity log among `files`, in order: all that match, without a gap, none empty; Refusal otherwise. */
export function shardNames(files) {
  const names = [...files.keys()].filter(isShard).sort((one, two) => shardNumber(one) - shardNumber(two));
  for (const [index, name] of names.entries()) {
    const rule = "ACTIVITY_APPEND_ONLY";
    if (name !== shardName(index + 1)) throw new Refusal(`${shardName(index + 1)} is missing before it`, { rule, path: name });
    if (files.get(name).length === 0) throw new Refusal("is empty", { rule, path: name });
  }
  return names;
}

/**
 * What the pinned pool rules compute from, besides the epoch itself: the epochs before (for what lapses) and reviewed files.
 * A form that is wrong is told by the check; here it only means that nothing more is fetched.
 */
async function readInputs(read, readOf, epoch, epochId) {
  const [earlier, kpi] = [new Map(), new Map()];
  let rules = [];
  try {
    rules = JSON.parse(new TextDecoder().decode(epoch)).pool_rules;
  } catch {}
  for (const rule of Array.isArray(rules) ? rules : []) {
    if (rule?.rule === "carry-over-v1")
      await Promise.all(Array.from({ length: epochId - 1 }, async (_, index) => {
        const data = await readOf(index + 1, "epoch.json");
        const lapses = data !== null && new TextDecoder().decode(data).includes(`"hold_epochs":${epochId - index - 1},`);
        earlier.set(index + 1, { epoch: data, statement: lapses ? await readOf(index + 1, "statement.json") : null });
      }));
    if (rule?.rule === "kpi-linear-v1" && typeof rule.file === "string") kpi.set(rule.file, await read(`files/${sha256Hex(bytesOf(rule.file))}`));
  }
  return { earlier, kpi };
}

/** The versions of an epoch that are final by the list: those with a list of checksums. */
const closedVersions = (files) => files.flatMap((path) => (amendedPath(path)?.name === "sha256sums.txt" ? [amendedPath(path).version] : []));

/** The files of each amendment, and those of later epochs from which one sees what was taken back. */
async function readAmendments(read, readOf, listed, missing, epoch, epochId) {
  const [amendments, following] = [new Map(), new Map()];
  for (const path of listed.filter(amendedPath)) {
    const { version, name } = amendedPath(path);
    const data = await read(path);
    if (data === null) missing.push(path.slice(path.indexOf("amendments/")));
    if (!amendments.has(version)) amendments.set(version, new Map());
    if (data !== null) amendments.get(version).set(name, data);
  }
  if (amendments.size) {
    const held = /"hold_epochs":([1-9][0-9]{0,2}),/.exec(epoch ? new TextDecoder().decode(epoch) : "");
    for (const number of new Set([epochId + 1, ...(held ? [epochId + Number(held[1])] : [])]))
      following.set(number, { "pool.jsonl": await readOf(number, "pool.jsonl"), "statement.json": await readOf(number, "statement.json") });
  }
  return { amendments, following };
}

/** How the epochs before ended, by number; of a receipt that was approved anew, the last one does not tell whether it is an event. */
async function readClosed(readOf, receipts, epochId) {
  const first = approvedAnew(receipts) ? 1 : Math.max(1, epochId - 1);
  const numbers = receipts.length ? Array.from({ length: epochId - first }, (_, index) => first + index) : [];
  const names = ["epoch.json", "transitions.jsonl", "statement.json"];
  return new Map(await Promise.all(numbers.map(async (number) => [number, await Promise.all(names.map((name) => readOf(number, name)))])));
}

/**
 * All that a check of one epoch needs. The lists are only a way to find the files: nothing is believed because of them.
 * @param {(path: string) => Promise<Uint8Array|null>} read
 * @param {(stage: {stage: string, done: number, total: number}) => void} progress
 */
export async function loadEpoch(read, scope, epochText, progress) {
  if (!isScope(scope) || !isNumber(String(epochText))) throw new Refusal(`there is no epoch ${scope}/${epochText}`);
  const epochId = Number(epochText);
  const [index, scopes] = await readLists(read);
  const siblings = index.epochs.filter((entry) => entry.scope_id === scope);
  const entry = siblings.find((one) => one.epoch_id === epochId);
  if (!entry) throw new Refusal(`epoch ${scope}/${epochId} is not in epochs.json`);
  const place = `epochs/${scope}/${epochId}/`;
  const names = entry.files.filter((path) => !amendedPath(path)).map((path) => path.slice(path.lastIndexOf("/") + 1));
  const files = new Map();
  const missing = [];
  const total = names.length;
  let done = 0;
  progress({ stage: "fetching files", done, total });
  const readOf = (number, name) => {
    const listed = siblings.find((one) => one.epoch_id === number)?.files.includes(`epochs/${scope}/${number}/${name}`);
    return listed ? read(`epochs/${scope}/${number}/${name}`) : null;
  };
  const shared = async (name) => (await read(name)) ?? new Uint8Array(0);
  const own = names.map(async (name) => {
    const data = /^[a-z0-9._-]+$/.test(name) ? await read(place + name) : null;
    progress({ stage: `fetched ${name}`, done: (done += 1), total });
    if (data === null) missing.push(name);
    else files.set(name, data);
  });
  const beside = ["receipts.jsonl", "identities.jsonl", `approvers/${scope}.jsonl`, `approvers/${scope}.signatures.jsonl`, `log/${scope}.jsonl`].map(shared);
  const before = ["epoch.json", "statement.json"].map((name) => readOf(epochId - 1, name));
  const [receipts, identities, approvers, approverSignatures, log, previousEpoch, previousStatement] = await Promise.all([...beside, ...before, ...own]);
  const chains = new Map();
  for (const { scope_id: other } of receipts.length ? scopes.scopes : [])
    if (isScope(other)) chains.set(other, { sets: await shared(`approvers/${other}.jsonl`), signatures: await shared(`approvers/${other}.signatures.jsonl`) });
  return {
    nodeId: String(index.node_id),
    scopeId: scope,
    epochId,
    files,
    missing,
    ...(await readAmendments(read, readOf, entry.files, missing, files.get("epoch.json"), epochId)),
    identities,
    receipts,
    chains,
    approvers,
    approverSignatures,
    log,
    previousEpoch,
    closed: await readClosed(readOf, receipts, epochId),
    previousStatement,
    ...(await readInputs(read, readOf, files.get("epoch.json"), epochId)),
    siblings: once(index, scope, () =>
      siblings.map(({ epoch_id: number, state, files: listed }) => ({ number, state, amended: closedVersions(listed) })).sort((a, b) => a.number - b.number)),
    calendar: scopes.epoch ?? null,
    settings: scopes.scopes.find((one) => one.scope_id === scope) ?? null,
  };
}
