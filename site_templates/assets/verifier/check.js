// One epoch recomputed from its published files: a verdict for each invariant, with everything that speaks against it.
//
// Findings have the shape and words of `ledger verify --json`, so that the two implementations can be held together.
import { scanPart } from "./activity.js";
import { amendedPath, checkVersion, Version } from "./amendments.js";
import { hashOf } from "./bytes.js";
import { lineSpans } from "./canonical.js";
import { derive } from "./derive.js";
import { Refusal } from "./errors.js";
import { EpochFiles } from "./files.js";
import { IDENTITIES, RECEIPTS, verdicts } from "./invariants.js";
import { folderOf, isKnown, isShard, shardNames } from "./load.js";
import { ActivityLog, cutParts } from "./log.js";
import { loggedFindings } from "./logged.js";
import { poolFindings } from "./poolcheck.js";
import * as records from "./records.js";
import { decisionFindings, lateEvents, readSteps } from "./steps.js";
import { storedFindings } from "./stored.js";
import { vouchedFindings } from "./vouched.js";
import { isAligned } from "./windows.js";

async function run(check, scanParts) {
  nameFindings(check);
  const { transitions, pin, statement } = readSteps(check);
  const epoch = check.attempt(() => readEpoch(check));
  const shards = epoch && check.attempt(() => shardsOf(check));
  const log = shards && (await scan(check, epoch, shards, scanParts));
  const derived = log && check.attempt(() => derive(check, epoch, log, statement, pin));
  lateEvents(check, log, transitions);
  decisionFindings(check, derived, transitions);
  poolFindings(check, epoch, derived);
  check.attempt(() => check.log(records.Cursor, "cursors.jsonl"));
  check.attempt(() => check.log(records.Collection, "collection.jsonl"));
  check.attempt(() => check.log(records.Objection, "objections.jsonl"));
  const { chain, signers, witnesses } = storedFindings(check, derived, transitions, pin, statement);
  neighbourFindings(check, epoch);
  check.attempt(() => vouchedFindings(check, epoch, log, statement, transitions));
  const versions = recheckVersions(check, epoch, log);
  if (chain) check.attempt(() => loggedFindings(check, chain, transitions, versions));
  return { epoch, log, derived, statement, pin, chain, signers, witnesses, versions };
}

/** The amendments, each rechecked after the version before it. */
function recheckVersions(check, epoch, log) {
  const found = [];
  let before = check;
  for (const version of [...check.loaded.amendments.keys()].sort((one, two) => one - two)) {
    if (version !== before.version + 1) {
      check.add("AMENDMENT_CHAIN", `version ${before.version + 1} is missing before it`, `${check.folder}/amendments/${String(version).padStart(2, "0")}`);
      break;
    }
    before = new Version(check, before, version);
    const { signers, transitions } = checkVersion(before, epoch, log);
    check.findings.push(...before.findings);
    Object.assign(check.unseen, before.unseen);
    found.push({ check: before, signers, transitions });
  }
  return found;
}

/** Names that no command writes, files that are listed but missing, and line ends that a checkout altered. */
function nameFindings(check) {
  for (const name of check.loaded.missing) check.add("WRITES_VIA_WORKFLOW", "is listed in epochs.json but not published", name);
  for (const [name, data] of check.loaded.files) {
    if (!isKnown(name)) check.add("WRITES_VIA_WORKFLOW", "is no file of a node (lower-case ASCII names, the files of the specification only)", name);
    else if (!isShard(name) && data.some((byte, index) => byte === 13 && data[index + 1] === 10))
      check.add("WRITES_VIA_WORKFLOW", "your checkout altered line endings (core.autocrlf, or a .gitattributes deeper down)", name);
  }
  if (check.loaded.settings === null) check.add("SCOPE_VALIDATED", "epochs of a scope that is not configured", `data/epochs/${check.loaded.scopeId}`);
}

function readEpoch(check) {
  if (!check.loaded.files.has("epoch.json")) throw new Refusal("epoch.json is missing").at(check.path("epoch.json"));
  return check.single(records.Epoch, "epoch.json");
}

function shardsOf(check) {
  try {
    return shardNames(check.loaded.files).map((name) => ({ name, path: check.path(name), data: check.data(name) }));
  } catch (error) {
    if (error instanceof Refusal) error.path = check.path(error.path);
    throw error;
  }
}

async function scan(check, epoch, shards, scanParts) {
  const parts = cutParts(shards);
  const log = new ActivityLog();
  let done = 0;
  await scanParts(parts, { node_id: check.loaded.nodeId, scope_id: check.loaded.scopeId, period_end: epoch.period_end }, (part, scanned) => {
    log.add(part, scanned);
    check.progress({ stage: "checking events", done: (done += 1), total: parts.length });
  });
  return log.whole();
}

/** ONE_ACTIVE_EPOCH and EPOCH_WINDOW_UNIQUE, as far as the published neighbours show them. */
function neighbourFindings(check, epoch) {
  const { siblings, settings, epochId, scopeId, nodeId, previousEpoch } = check.loaded;
  const states = siblings.map((one) => (one.number === epochId ? check.state : one.state));
  for (const [index, state] of states.entries()) {
    const left = states.length - index - 1;
    if (state === "finalized" || state === "unreadable" || left === 0) continue;
    if (settings?.overlap && left === 1 && state === "review" && states.at(-1) === "open") continue;
    check.add("ONE_ACTIVE_EPOCH", "an earlier epoch is not finalized, though another came after it", `${folderOf(scopeId, siblings[index].number)}/transitions.jsonl`, null, "finalized", state);
  }
  const { calendar } = check.loaded;
  if (epoch && !(isAligned(epoch) && ["anchor", "length", "unit"].every((name) => calendar === null || calendar[name] === epoch[name])))
    check.add("EPOCH_WINDOW_UNIQUE", `window ${epoch.period_start}..${epoch.period_end} is not aligned to the anchor, or not as long as it says`, "epoch.json", 1);
  if (epochId === 1 || !epoch) return;
  if (previousEpoch === null) {
    check.add("EPOCH_WINDOW_UNIQUE", `epoch ${epochId - 1} is missing before it`, check.folder);
    return;
  }
  const path = `${folderOf(scopeId, epochId - 1)}/epoch.json`;
  const before = check.attempt(() => records.readSingle(records.Epoch, previousEpoch, path, { node_id: nodeId, scope_id: scopeId, epoch_id: epochId - 1 }));
  if (before && before.period_end !== epoch.period_start)
    check.add("EPOCH_WINDOW_UNIQUE", "the window does not follow the one before", "epoch.json", 1, before.period_end, epoch.period_start);
}

/** The line that a finding is about, cut to what a page can show; null when it is about no line. */
function excerpt(loaded, { path, line }) {
  if (line === null) return null;
  const [kind, scope] = [path.split("/")[1], loaded.scopeId];
  const shared = {
    [IDENTITIES]: loaded.identities,
    [RECEIPTS]: loaded.receipts,
    [`data/log/${scope}.jsonl`]: loaded.log,
    [`data/approvers/${scope}.jsonl`]: loaded.approvers,
    [`data/approvers/${scope}.signatures.jsonl`]: loaded.approverSignatures,
  };
  const amended = amendedPath(path);
  const files = amended ? (loaded.amendments.get(amended.version) ?? new Map()) : loaded.files;
  const data = kind === "epochs" ? files.get(path.slice(path.lastIndexOf("/") + 1)) : shared[path];
  const span = data && [...lineSpans(data)][line - 1];
  return span ? new TextDecoder().decode(data.subarray(span[0], Math.min(span[1], span[0] + 2000))) : null;
}

const scanHere = (parts, epoch, each) => parts.forEach((part) => each(part, scanPart(part, epoch)));

/**
 * Recompute one loaded epoch.
 * @param scanParts  how the parts of the activity log are scanned, in order: `(parts, epoch, each)`; the worker spreads them over several workers
 * @returns {Promise<{report: object, found: object}>} `report` is plain data for a page; `found` holds records and outcomes.
 */
export async function checkEpoch(loaded, progress = () => {}, scanParts = scanHere) {
  const check = new EpochFiles(loaded, progress);
  const found = await run(check, scanParts);
  for (const finding of check.findings) finding.text = excerpt(loaded, finding);
  const checks = verdicts(check.state, check.findings, check.unseen);
  const report = {
    schema: "recheck/1",
    node_id: loaded.nodeId,
    scope_id: loaded.scopeId,
    epoch_id: loaded.epochId,
    state: check.state,
    statement_hash: found.statement && hashOf(check.data("statement.json")),
    ok: checks.every(({ verdict }) => verdict !== "fail"),
    events: found.log?.count ?? 0,
    amendments: found.versions.map(({ check: one, signers }) => ({ version: one.version, state: one.state, statement_hash: one.statement && hashOf(one.data("statement.json")), signers })),
    witnesses: found.witnesses.map(({ signer_wallet, tool, tool_version }) => ({ signer_wallet, tool, tool_version })),
    checks,
  };
  return { report, found };
}
