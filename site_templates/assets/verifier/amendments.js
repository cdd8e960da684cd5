// Later versions of a finalized epoch (specification, section 12): decisions go on where the version before ended, events,
// weights and pool are the epoch's. Each is rechecked as the epoch was, and may give away nothing that was taken back.
import { concat, EMPTY, sha256Hex } from "./bytes.js";
import { awardCredits, standingComponents } from "./pool.js";
import { accountKey, claimedSince } from "./identities.js";
import * as records from "./records.js";

const DECISIONS = ["curation.jsonl", "overrides.jsonl", "awards.jsonl"];
const FILES = [...DECISIONS, "reason.json", "transitions.jsonl", "allocations.jsonl", "statement.json", "signatures.jsonl", "sha256sums.txt", "attestations.jsonl"];
const PATH = /\/amendments\/([0-9]{2})\/([^/]+)$/;
const RULE = "AMENDMENT_CHAIN";

/** The amendment of an epoch and the file in it that `path` names; null for any other path. */
export function amendedPath(path) {
  const match = PATH.exec(path);
  return match && { version: Number(match[1]), name: match[2] };
}

/** The check of one version, made of `Check`, the one of an epoch. `before`: the check of the version before it. */
export const versionOf = (Check) => class Version extends Check {
  constructor(base, before, version) {
    super(base.loaded, base.progress, base.scanParts);
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

  superseded() { return this.before.statement && { ...this.before.statement, hash: sha256Hex(this.before.data("statement.json")) }; }

  run(epoch, log) {
    const { transitions, pin, statement } = this.begin();
    const derived = log && epoch && this.attempt(() => this.derive(epoch, log, statement, pin));
    this.decisions(derived, transitions);
    this.follows(epoch, statement);
    return this.end(derived, transitions, pin, statement);
  }

  /** It says why, follows a finalized version, and gives nothing away that was taken back. */
  follows(epoch, statement) {
    if (!this.has("reason.json")) this.differ(RULE, "file", "reason.json", "a file", "none", null);
    else this.attempt(() => this.single(records.AmendmentReason, "reason.json"));
    if (this.before.state !== "finalized") this.differ(RULE, "the version before it is not finalized", "transitions.jsonl", "finalized", this.before.state, null);
    if (epoch && statement && this.state !== "open") this.attempt(() => this.once(epoch, statement));
  }

  once(epoch, statement) {
    const { epochId } = this.loaded;
    const first = this.base.statement;
    if (!first) return;
    const carried = this.carriedBy(epochId + 1);
    if (carried) {
      const [left, cap] = [BigInt(carried.inputs.undistributed_credits), BigInt(carried.inputs.cap_credits)];
      const taken = left < cap ? left : cap;
      if (BigInt(statement.undistributed_credits) < taken)
        this.add(RULE, `${statement.undistributed_credits} credits would stay undistributed, but epoch ${epochId + 1} has carried ${taken} of them over`, "statement.json", 1);
    }
    if (epoch.hold_epochs === null || !this.carriedBy(epochId + epoch.hold_epochs)) return;
    const lapsing = epochId + epoch.hold_epochs;
    const drafted = this.later("statement.json", lapsing, (data, path, place) => records.readSingle(records.Statement, data, path, place));
    if (!drafted) return;
    const claimed = claimedSince(this.bindings(drafted.identities.size).lines, first.identities.size);
    const now = new Set(statement.held.map((line) => accountKey(line.source, line.platform_user_id)));
    for (const line of first.held) {
      const key = accountKey(line.source, line.platform_user_id);
      if (line.amount_credits !== "0" && !claimed.has(key) && !now.has(key))
        this.add(RULE, `what was held for ${line.source}:${line.platform_user_id} has lapsed into the pool of epoch ${lapsing}, so it can no longer be given to anyone here`, "statement.json", 1);
    }
  }

  /** The component by which a later epoch took over what this one left; null where none stands. */
  carriedBy(number) {
    const lines = this.later("pool.jsonl", number, (data, path, place) => records.readLog(records.PoolComponent, data, path, place));
    return lines && (standingComponents(lines).find((line) => line.algorithm_version === "carry-over-v1") ?? null);
  }

  later(name, number, read) {
    const data = this.loaded.following.get(number)?.[name] ?? null;
    const { nodeId, scopeId } = this.loaded;
    return data && read(data, `data/epochs/${scopeId}/${String(number).padStart(4, "0")}/${name}`, { node_id: nodeId, scope_id: scopeId, epoch_id: number });
  }
};
