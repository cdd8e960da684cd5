// The figures of an epoch and the statement that they give, from its inputs alone.
import { hashOf, sha256Hex } from "./bytes.js";
import { lineSpans } from "./canonical.js";
import { Refusal } from "./errors.js";
import { evaluate, eventOutcomes, foldCuration } from "./evaluate.js";
import { namesOf, resolveAccounts } from "./identities.js";
import { RECEIPTS } from "./invariants.js";
import { folderOf } from "./load.js";
import { awardCredits, standingComponents } from "./pool.js";
import { poolFacts, projectedComponents } from "./poolcheck.js";
import * as records from "./records.js";
import { buildStatement } from "./statement.js";
import { logPin } from "./statementlog.js";

/** The epoch's figures and its statement, from the inputs alone. */
export function derive(check, epoch, log, statement, pin) {
  if (statement === null && check.has("statement.json")) check.single(records.Statement, "statement.json");
  const bindings = check.bindings(statement?.identities.size ?? null);
  const unreadable = log.findings.find((finding) => finding.rule === "PROVENANCE_REQUIRED" && finding.message !== "wrong payload hash");
  if (!log.readable) throw new Refusal(unreadable.message, unreadable);
  check.progress({ stage: "computing units and payouts", done: 1, total: 1 });
  const curation = check.decided(records.Curation, "curation.jsonl");
  const overrides = check.decided(records.Override, "overrides.jsonl");
  const outcomes = eventOutcomes(epoch.weight_config, log.events, resolveAccounts(bindings.lines), foldCuration(curation));
  const evaluation = evaluate(check.place, outcomes, overrides);
  const pool = check.poolLines();
  const awards = awardCredits(check.awardLines());
  const facts = poolFacts(check, epoch, outcomes, bindings.lines);
  const projected = check.state === "open" && check.version === 1 ? projectedComponents(check, epoch, facts, pool) : [];
  const built = buildStatement({
    epoch,
    pin: pin ?? check.pin() ?? provisionalPin(check),
    evaluation,
    activityRoot: log.root,
    pool: [...standingComponents(pool).map((line) => BigInt(line.amount_credits)), ...projected.map((each) => each.amount)],
    awards,
    hashes: Object.fromEntries(["awards", "collection", "curation", "cursors", "overrides", "pool"].map((name) => [`${name}_hash`, hashOf(check.joined(`${name}.jsonl`))])
      .concat([["epoch_hash", hashOf(check.data("epoch.json"))]])),
    pins: { identities: bindings.pin, log: pinnedLog(check, statement?.log.size ?? null), receipts: pinnedReceipts(check, statement?.receipts.size ?? null) },
    previousHash: previousHash(check),
    version: check.version,
    superseded: check.superseded(),
  });
  return { bindings: bindings.lines, names: namesOf(bindings.lines), curation, overrides, outcomes, evaluation, pool, awards, facts, projected, statement: built };
}

/** What review would pin if it came now: the set that counts, else the one proposed, else the scope's settings. */
function provisionalPin(check) {
  const [proposed, settings] = [check.chain().toPin, check.loaded.settings ?? {}];
  if (proposed !== null) return check.pinTo(proposed);
  const { approvers = [], issuers = [], covers = false, self_approve = false, threshold = 1 } = settings;
  return check.pinTo({ approvers, issuers, covers, self_approve, threshold, seq: check.chain().sets.length + 1 });
}

/** The prefix of the statement log that the statement pins. */
function pinnedLog(check, size) {
  const path = check.scoped("log");
  const lines = check.logLines();
  const own = lines.findIndex((line) => line.ref === check.path("statement.json"));
  const before = own === -1 ? lines.length : own;
  if (size !== null && size > before) throw new Refusal(`log has ${before} lines before this epoch's, ${size} are pinned`, { rule: "STATEMENT_LOGGED" }).at(path);
  return logPin(lines.slice(0, size ?? before));
}

/** How much of the receipts log the statement pins. */
function pinnedReceipts(check, size) {
  const data = check.loaded.receipts;
  const ends = [...lineSpans(data)].map(([, end]) => end).filter((end) => end < data.length);
  if (size !== null && size > ends.length) throw new Refusal(`log has ${ends.length} lines, ${size} are pinned`).at(RECEIPTS);
  const count = size ?? ends.length;
  return { sha256: sha256Hex(data.subarray(0, count ? ends[count - 1] + 1 : 0)), size: count };
}

function previousHash(check) {
  const { previousStatement: data, epochId, scopeId, nodeId } = check.loaded;
  if (epochId === 1 || data === null) return null;
  const path = `${folderOf(scopeId, epochId - 1)}/statement.json`;
  records.readSingle(records.Statement, data, path, { node_id: nodeId, scope_id: scopeId, epoch_id: epochId - 1 });
  return hashOf(data);
}
