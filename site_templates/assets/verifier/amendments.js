// Later versions of a finalized epoch (specification, section 12): decisions go on where the version before ended, events,
// weights and pool are the epoch's. Each is rechecked as the epoch was, and may give away nothing that was taken back.
import { concat, EMPTY, hashOf } from "./bytes.js";
import { derive } from "./derive.js";
import { EpochFiles } from "./files.js";
import { accountKey, claimedSince } from "./identities.js";
import { awardCredits, standingComponents } from "./pool.js";
import * as records from "./records.js";
import { decisionFindings, readSteps } from "./steps.js";
import { storedFindings } from "./stored.js";

const DECISIONS = ["curation.jsonl", "overrides.jsonl", "awards.jsonl"];
const FILES = [...DECISIONS, "reason.json", "transitions.jsonl", "allocations.jsonl", "statement.json", "signatures.jsonl", "sha256sums.txt", "attestations.jsonl"];
const PATH = /\/amendments\/([0-9]{2})\/([^/]+)$/;
const RULE = "AMENDMENT_CHAIN";

/** The amendment of an epoch and the file in it that `path` names; null for any other path. */
export function amendedPath(path) {
  const match = PATH.exec(path);
  return match && { version: Number(match[1]), name: match[2] };
}

/** The files of one version of the epoch `base`. `before`: those of the version before it. */
export class Version extends EpochFiles {
  constructor(base, before, version) {
    super(base.loaded, base.progress);
    Object.assign(this, { base, before, version });
    this.files = base.loaded.amendments.get(version);
    this.own = `${base.folder}/amendments/${String(version).padStart(2, "0")}`;
  }

  path(name) { return FILES.includes(name) ? `${this.own}/${name}` : this.base.path(name); }

  has(name) { return this.files.has(name); }

  data(name) { return FILES.includes(name) ? (this.files.get(name) ?? EMPTY) : this.base.data(name); }

  names() { return [...this.files.keys()]; }

  isKnown(name) { return FILES.includes(name); }

  /** A log of decisions with those of the versions before it, of which the hash is taken. */
  joined(name) { return DECISIONS.includes(name) ? concat([this.before.joined(name), this.data(name)]) : this.data(name); }

  decided(type, name) { return [...this.before.decided(type, name), ...this.log(type, name)]; }

  awardLines() {
    const lines = this.decided(records.Award, "awards.jsonl");
    awardCredits(lines, this.path("awards.jsonl"));
    return lines;
  }

  ownAwards() { return this.log(records.Award, "awards.jsonl"); }

  superseded() { return this.before.statement && { ...this.before.statement, hash: hashOf(this.before.data("statement.json")) }; }
}

/** Rechecks one version as its epoch was, and that it gives away nothing that was taken back. */
export function checkVersion(version, epoch, log) {
  const { transitions, pin, statement } = readSteps(version);
  const derived = log && epoch && version.attempt(() => derive(version, epoch, log, statement, pin));
  decisionFindings(version, derived, transitions);
  follows(version, epoch, statement);
  return storedFindings(version, derived, transitions, pin, statement);
}

/** It says why, follows a finalized version, and gives nothing away that was taken back. */
function follows(version, epoch, statement) {
  if (!version.has("reason.json")) version.differ(RULE, "file", "reason.json", "a file", "none", null);
  else version.attempt(() => version.single(records.AmendmentReason, "reason.json"));
  if (version.before.state !== "finalized") version.differ(RULE, "the version before it is not finalized", "transitions.jsonl", "finalized", version.before.state, null);
  if (epoch && statement && version.state !== "open") version.attempt(() => once(version, epoch, statement));
}

function once(version, epoch, statement) {
  const { epochId } = version.loaded;
  const first = version.base.statement;
  if (!first) return;
  const carried = carriedBy(version, epochId + 1);
  if (carried) {
    const [left, cap] = [BigInt(carried.inputs.undistributed_credits), BigInt(carried.inputs.cap_credits)];
    const taken = left < cap ? left : cap;
    if (BigInt(statement.undistributed_credits) < taken)
      version.add(RULE, `${statement.undistributed_credits} credits would stay undistributed, but epoch ${epochId + 1} has carried ${taken} of them over`, "statement.json", 1);
  }
  if (epoch.hold_epochs === null || !carriedBy(version, epochId + epoch.hold_epochs)) return;
  const lapsing = epochId + epoch.hold_epochs;
  const drafted = later(version, "statement.json", lapsing, (data, path, place) => records.readSingle(records.Statement, data, path, place));
  if (!drafted) return;
  const claimed = claimedSince(version.bindings(drafted.identities.size).lines, first.identities.size);
  const now = new Set(statement.held.map((line) => accountKey(line.source, line.platform_user_id)));
  for (const line of first.held) {
    const key = accountKey(line.source, line.platform_user_id);
    if (line.amount_credits !== "0" && !claimed.has(key) && !now.has(key))
      version.add(RULE, `what was held for ${line.source}:${line.platform_user_id} has lapsed into the pool of epoch ${lapsing}, so it can no longer be given to anyone here`, "statement.json", 1);
  }
}

/** The component by which a later epoch took over what this one left; null where none stands. */
function carriedBy(version, number) {
  const lines = later(version, "pool.jsonl", number, (data, path, place) => records.readLog(records.PoolComponent, data, path, place));
  return lines && (standingComponents(lines).find((line) => line.algorithm_version === "carry-over-v1") ?? null);
}

function later(version, name, number, read) {
  const data = version.loaded.following.get(number)?.[name] ?? null;
  const { nodeId, scopeId } = version.loaded;
  return data && read(data, `data/epochs/${scopeId}/${String(number).padStart(4, "0")}/${name}`, { node_id: nodeId, scope_id: scopeId, epoch_id: number });
}
