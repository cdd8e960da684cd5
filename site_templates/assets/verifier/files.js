// The files of one epoch as the check reads them: typed records by name, and every finding said once.
//
// A later version of the epoch reads the same way and has some files of its own (amendments.js).
import { Chain, setHash } from "./approvers.js";
import { EMPTY, once, sha256Hex } from "./bytes.js";
import { canonicalText, lineSpans } from "./canonical.js";
import { Refusal } from "./errors.js";
import { IDENTITIES, INVARIANTS, RULE_OF_FILE } from "./invariants.js";
import { folderOf, isKnown, isShard } from "./load.js";
import { awardCredits, standingComponents } from "./pool.js";
import * as records from "./records.js";

/** A value in the words of a finding. */
export const shown = (value) => (value !== null && typeof value === "object" ? canonicalText(value) : value === null ? "null" : String(value));

/** One loaded epoch (see load.js) with what was found against it so far. */
export class EpochFiles {
  constructor(loaded, progress) {
    this.loaded = loaded;
    this.progress = progress;
    this.folder = folderOf(loaded.scopeId, loaded.epochId);
    this.place = { node_id: loaded.nodeId, scope_id: loaded.scopeId, epoch_id: loaded.epochId };
    this.findings = [];
    this.unseen = {};
    this.told = new Set();
    this.state = "unreadable";
    this.version = 1;
  }

  /** Where a log of the scope lies inside the node. */
  scoped(folder, ending = ".jsonl") { return `data/${folder}/${this.loaded.scopeId}${ending}`; }

  path(name) { return name.includes("/") ? name : `${this.folder}/${name}`; }

  has(name) { return this.loaded.files.has(name); }

  data(name) { return this.loaded.files.get(name) ?? EMPTY; }

  names() { return [...this.loaded.files.keys()]; }

  isKnown(name) { return isKnown(name); }

  /** The bytes that a hash of the statement is over. */
  joined(name) { return this.data(name); }

  /** All decisions that count. */
  decided(type, name) { return this.log(type, name); }

  /** The statement that this version supersedes. */
  superseded() { return null; }

  add(rule, message, path, line = null, expected = null, actual = null) {
    const finding = { rule, message, path: this.path(path), line, expected, actual };
    const text = JSON.stringify(finding);
    if (!this.told.has(text)) this.findings.push(finding);
    this.told.add(text);
  }

  differ(rule, message, name, expected, actual, line = 1) {
    if (shown(expected) !== shown(actual)) this.add(rule, message, name, line, shown(expected), shown(actual));
  }

  /** What `work` gives; a refusal becomes a finding under the invariant that it names or its file stands for. */
  attempt(work, otherwise = null) {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const path = error.path ?? this.folder;
      const name = path.slice(path.lastIndexOf("/") + 1);
      const rule = error.rule in INVARIANTS ? error.rule : (RULE_OF_FILE[name] ?? (isShard(name) ? "PROVENANCE_REQUIRED" : "WRITES_VIA_WORKFLOW"));
      this.findings.some((known) => known.rule === rule && known.message === error.message && known.path === path && known.line === error.line)
        || this.add(rule, error.message, path, error.line);
      return otherwise;
    }
  }

  log(type, name) {
    return records.readLog(type, this.data(name), this.path(name), this.place);
  }

  single(type, name) {
    return records.readSingle(type, this.data(name), this.path(name), this.place);
  }

  /** The approver sets of the scope and which of them count. */
  chain() {
    if (this.known === undefined) {
      const { nodeId, scopeId, approvers, approverSignatures } = this.loaded;
      const [place, paths] = [{ node_id: nodeId, scope_id: scopeId }, [this.scoped("approvers"), this.scoped("approvers", ".signatures.jsonl")]];
      const made = () => {
        const sets = records.readLog(records.ApproverSet, approvers, paths[0], place);
        return { approvers, chain: new Chain(sets, records.readLog(records.ApproverSignature, approverSignatures, paths[1], place), paths) };
      };
      const found = once(approverSignatures, paths[1], made);
      this.known = (found.approvers === approvers ? found : made()).chain;
    }
    return this.known;
  }

  /** Whose signatures count, by the last step to review; null before it. */
  pin() {
    const steps = this.log(records.Transition, "transitions.jsonl");
    const index = steps.findLastIndex((step) => step.to === "review");
    if (index === -1) return null;
    const [step, chain] = [steps[index], this.chain()];
    if (!chain.holds(step))
      throw new Refusal(`pins approver set ${step.approvers_seq}, which the scope's chain does not hold like this`, { rule: "APPROVERS_CHAINED" }).at(this.path("transitions.jsonl"), index + 1);
    return this.pinTo(chain.get(step.approvers_seq), step.gaps);
  }

  pinTo(set, gaps = []) {
    return { set, approvers: set.approvers.flatMap((person) => person.wallets).sort(), approver_set_hash: setHash(set), approvers_seq: set.seq, threshold: set.threshold, gaps };
  }

  /** The bindings that count: the first `size` lines (null: all), their hash and their records. */
  bindings(size) {
    return once(this.loaded.identities, size, () => this.readBindings(size));
  }

  readBindings(size) {
    const data = this.loaded.identities;
    const lines = records.readLog(records.Binding, data, IDENTITIES, { node_id: this.loaded.nodeId }, size ?? Infinity);
    if (size !== null && lines.length < size) throw new Refusal(`log has ${lines.length} lines, ${size} are pinned`).at(IDENTITIES);
    const end = lines.length ? [...lineSpans(data)][lines.length - 1][1] + 1 : 0;
    return { lines, pin: { sha256: sha256Hex(data.subarray(0, end)), size: lines.length } };
  }

  awardLines() {
    const lines = this.log(records.Award, "awards.jsonl");
    awardCredits(lines, this.path("awards.jsonl"));
    return lines;
  }

  ownAwards() { return this.awardLines(); }

  poolLines() {
    const lines = this.log(records.PoolComponent, "pool.jsonl");
    standingComponents(lines, this.path("pool.jsonl"));
    return lines;
  }

  logLines() {
    const { log, nodeId, scopeId } = this.loaded;
    return once(log, scopeId, () => records.readLog(records.LogLine, log, this.scoped("log"), { node_id: nodeId, scope_id: scopeId }));
  }
}
