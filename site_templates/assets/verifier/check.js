// One epoch recomputed from its published files: a verdict for each invariant, with everything that speaks against it.
//
// Findings have the shape and words of `ledger verify --json`, so that the two implementations can be held together.
import { cutParts, mergeParts, scanPart } from "./activity.js";
import { amendedPath, versionOf } from "./amendments.js";
import { Chain, personOf, pinFindings, setHash } from "./approvers.js";
import { bytesOf, concat, EMPTY, sameBytes, sha256Hex } from "./bytes.js";
import { canonicalText, lineSpans } from "./canonical.js";
import { Refusal } from "./errors.js";
import { evaluate, eventOutcomes, foldCuration, policyUnits } from "./evaluate.js";
import { knownUsers, namesOf, resolveAccounts } from "./identities.js";
import { IDENTITIES, INVARIANTS, RECEIPTS, RULE_OF_FILE, STATEMENT_RULES, verdicts } from "./invariants.js";
import { folderOf, isKnown, isLater, isShard, shardNames } from "./load.js";
import { applyRule, awardCredits, BY_HAND, componentId, lapsedCredits, readKpi, rulesOf, standingComponents } from "./pool.js";
import * as records from "./records.js";
import { eventFindings, eventsBy, foldFindings, missingFindings, statesBy } from "./receipts.js";
import { attestedText, recoverSigner, signedText } from "./signatures.js";
import { buildStatement, fileBytes } from "./statement.js";
import { finalSets, logFindings, logPin, setRef } from "./statementlog.js";
import { isAligned } from "./windows.js";

const STEPS = [[null, "open"], ["open", "review"], ["review", "review"], ["review", "finalized"]].map(String);

const shown = (value) => (value !== null && typeof value === "object" ? canonicalText(value) : value === null ? "null" : String(value));

/** An input of a pool rule that the site does not publish: the rule is not looked at, which is said. */
class Unseen extends Refusal {
  constructor() { super("an input is not published here"); }
}

/** Collects findings for one loaded epoch (see load.js). */
class Check {
  constructor(loaded, progress, scanParts) {
    this.loaded = loaded;
    this.scanParts = scanParts;
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

  async run() {
    this.fileNames();
    const { transitions, pin, statement } = this.begin();
    const epoch = this.attempt(() => this.epoch());
    const shards = epoch && this.attempt(() => this.shards());
    const log = shards && (await this.scan(epoch, shards));
    const derived = log && this.attempt(() => this.derive(epoch, log, statement, pin));
    this.activity(log, transitions);
    this.decisions(derived, transitions);
    this.pool(epoch, derived);
    this.attempt(() => this.log(records.Cursor, "cursors.jsonl"));
    this.attempt(() => this.log(records.Collection, "collection.jsonl"));
    this.attempt(() => this.log(records.Objection, "objections.jsonl"));
    const { chain, signers, witnesses } = this.end(derived, transitions, pin, statement);
    this.neighbours(epoch);
    this.attempt(() => this.vouched(epoch, log, statement, transitions));
    const versions = this.versions(epoch, log);
    if (chain) this.attempt(() => this.logged(chain, transitions, versions));
    return { epoch, log, derived, statement, pin, chain, signers, witnesses, versions };
  }

  /** Steps and pin, and the statement as it is stored. */
  begin() {
    const transitions = this.attempt(() => this.log(records.Transition, "transitions.jsonl"), []);
    this.state = this.attempt(() => this.stateOf(this.log(records.Transition, "transitions.jsonl"))) ?? "unreadable";
    this.transitions(transitions);
    const pin = this.attempt(() => this.pin());
    this.statement = this.has("statement.json") ? this.attempt(() => this.single(records.Statement, "statement.json")) : null;
    return { transitions, pin, statement: this.statement };
  }

  /** What was stored against what the records give, and who signed it. */
  end(derived, transitions, pin, statement) {
    if (this.state === "review" || this.state === "finalized") this.derivedFiles(derived, statement);
    if (this.state === "finalized") this.finalized(transitions, statement);
    else if (this.has("sha256sums.txt"))
      this.add("EPOCH_FINALIZE_IDEMPOTENT", "the step to finalized is missing: finalize was cut off (run it again), or the log was cut", "transitions.jsonl");
    const chain = this.attempt(() => this.chain());
    if (chain) for (const [message, line, expected, actual] of pinFindings(transitions, chain)) this.add("APPROVERS_CHAINED", message, "transitions.jsonl", line, expected, actual);
    const signers = statement && pin ? this.signatures(statement, pin) : [];
    const witnesses = this.attestations(this.state === "finalized" ? statement : null);
    return { transitions, chain, signers, witnesses };
  }

  /** The amendments, each rechecked after the version before it. */
  versions(epoch, log) {
    const found = [];
    let before = this;
    for (const version of [...this.loaded.amendments.keys()].sort((one, two) => one - two)) {
      if (version !== before.version + 1) {
        this.add("AMENDMENT_CHAIN", `version ${before.version + 1} is missing before it`, `${this.folder}/amendments/${String(version).padStart(2, "0")}`);
        break;
      }
      before = new Version(this, before, version);
      const { signers, transitions } = before.run(epoch, log);
      this.findings.push(...before.findings);
      Object.assign(this.unseen, before.unseen);
      found.push({ check: before, signers, transitions });
    }
    return found;
  }

  /** Names that no command writes, files that are listed but missing, and line ends that a checkout altered. */
  fileNames() {
    for (const name of this.loaded.missing) this.add("WRITES_VIA_WORKFLOW", "is listed in epochs.json but not published", name);
    for (const [name, data] of this.loaded.files) {
      if (!isKnown(name)) this.add("WRITES_VIA_WORKFLOW", "is no file of a node (lower-case ASCII names, the files of the specification only)", name);
      else if (!isShard(name) && data.some((byte, index) => byte === 13 && data[index + 1] === 10))
        this.add("WRITES_VIA_WORKFLOW", "your checkout altered line endings (core.autocrlf, or a .gitattributes deeper down)", name);
    }
    if (this.loaded.settings === null) this.add("SCOPE_VALIDATED", "epochs of a scope that is not configured", `data/epochs/${this.loaded.scopeId}`);
  }

  stateOf(transitions) {
    let state = null;
    for (const [index, step] of transitions.entries()) {
      if (step.from !== state || !STEPS.includes(String([step.from, step.to])))
        throw new Refusal(`step from ${step.from ?? "None"} to ${step.to} cannot follow ${state ?? "None"}`, { rule: "EPOCH_THREE_PHASE" }).at(this.path("transitions.jsonl"), index + 1);
      state = step.to;
    }
    if (state === null) throw new Refusal("no transition at all", { rule: "EPOCH_THREE_PHASE" }).at(this.path("transitions.jsonl"), 1);
    return state;
  }

  transitions(steps) {
    const closing = steps.flatMap((step, index) => (step.to === "finalized" ? [index + 1] : []));
    if (closing.length > 1) this.differ("ADMIN_FINALIZES_ONCE", "closed more than once", "transitions.jsonl", 1, closing.length, closing.at(-1));
    for (let index = 1; index < steps.length; index += 1)
      if (steps[index].at < steps[index - 1].at)
        this.differ("EPOCH_THREE_PHASE", "step lies before the one before it", "transitions.jsonl", steps[index - 1].at, steps[index].at, index + 1);
  }

  /** The approver sets of the scope and which of them count. */
  chain() {
    if (this.known === undefined) {
      const { nodeId, scopeId, approvers, approverSignatures } = this.loaded;
      const [place, paths] = [{ node_id: nodeId, scope_id: scopeId }, [this.scoped("approvers"), this.scoped("approvers", ".signatures.jsonl")]];
      const sets = records.readLog(records.ApproverSet, approvers, paths[0], place);
      this.known = new Chain(sets, records.readLog(records.ApproverSignature, approverSignatures, paths[1], place), paths);
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

  epoch() {
    if (!this.loaded.files.has("epoch.json")) throw new Refusal("epoch.json is missing").at(this.path("epoch.json"));
    return this.single(records.Epoch, "epoch.json");
  }

  shards() {
    try {
      return shardNames(this.loaded.files).map((name) => ({ name, path: this.path(name), data: this.data(name) }));
    } catch (error) {
      if (error instanceof Refusal) error.path = this.path(error.path);
      throw error;
    }
  }

  async scan(epoch, shards) {
    const parts = cutParts(shards);
    let done = 0;
    const beat = () => this.progress({ stage: "checking events", done: (done += 1), total: parts.length });
    return mergeParts(parts, await this.scanParts(parts, { node_id: this.loaded.nodeId, scope_id: this.loaded.scopeId, period_end: epoch.period_end }, beat));
  }

  /** The bindings that count: the first `size` lines (null: all), their hash and their records. */
  bindings(size) {
    const data = this.loaded.identities;
    const lines = records.readLog(records.Binding, data, IDENTITIES, { node_id: this.loaded.nodeId }, size ?? Infinity);
    if (size !== null && lines.length < size) throw new Refusal(`log has ${lines.length} lines, ${size} are pinned`).at(IDENTITIES);
    const end = lines.length ? [...lineSpans(data)][lines.length - 1][1] + 1 : 0;
    return { lines, pin: { sha256: sha256Hex(data.subarray(0, end)), size: lines.length } };
  }

  /** The epoch's figures and its statement, from the inputs alone. */
  derive(epoch, log, statement, pin) {
    if (statement === null && this.has("statement.json")) this.single(records.Statement, "statement.json");
    const bindings = this.bindings(statement?.identities.size ?? null);
    const unreadable = log.findings.find((finding) => finding.rule === "PROVENANCE_REQUIRED" && finding.message !== "wrong payload hash");
    if (!log.readable) throw new Refusal(unreadable.message, unreadable);
    this.progress({ stage: "computing units and payouts", done: 1, total: 1 });
    const curation = this.decided(records.Curation, "curation.jsonl");
    const overrides = this.decided(records.Override, "overrides.jsonl");
    const outcomes = eventOutcomes(epoch.weight_config, log.events, resolveAccounts(bindings.lines), foldCuration(curation));
    const evaluation = evaluate(this.place, outcomes, overrides);
    const pool = this.poolLines();
    const awards = awardCredits(this.awardLines());
    const facts = this.facts(epoch, outcomes, bindings.lines);
    const projected = this.state === "open" && this.version === 1 ? this.projected(epoch, facts, pool) : [];
    const built = buildStatement({
      epoch,
      pin: pin ?? this.pin() ?? this.provisionalPin(),
      evaluation,
      activityRoot: log.root,
      pool: [...standingComponents(pool).map((line) => BigInt(line.amount_credits)), ...projected.map((each) => each.amount)],
      awards,
      hashes: Object.fromEntries(["awards", "collection", "curation", "cursors", "overrides", "pool"].map((name) => [`${name}_hash`, sha256Hex(this.joined(`${name}.jsonl`))])
        .concat([["epoch_hash", sha256Hex(this.data("epoch.json"))]])),
      pins: { identities: bindings.pin, log: this.logPin(statement?.log.size ?? null), receipts: this.receiptsPin(statement?.receipts.size ?? null) },
      previousHash: this.previousHash(),
      version: this.version,
      superseded: this.superseded(),
    });
    return { bindings: bindings.lines, names: namesOf(bindings.lines), curation, overrides, outcomes, evaluation, pool, awards, facts, projected, statement: built };
  }

  /** What review would pin if it came now: the set that counts, else the one proposed, else the scope's settings. */
  provisionalPin() {
    const [proposed, settings] = [this.chain().toPin, this.loaded.settings ?? {}];
    if (proposed !== null) return this.pinTo(proposed);
    const { approvers = [], issuers = [], covers = false, self_approve = false, threshold = 1 } = settings;
    return this.pinTo({ approvers, issuers, covers, self_approve, threshold, seq: this.chain().sets.length + 1 });
  }

  /** The prefix of the statement log that the statement pins. */
  logPin(size) {
    const path = this.scoped("log");
    const lines = this.logLines();
    const own = lines.findIndex((line) => line.ref === this.path("statement.json"));
    const before = own === -1 ? lines.length : own;
    if (size !== null && size > before) throw new Refusal(`log has ${before} lines before this epoch's, ${size} are pinned`, { rule: "STATEMENT_LOGGED" }).at(path);
    return logPin(lines.slice(0, size ?? before));
  }

  logLines() {
    return records.readLog(records.LogLine, this.loaded.log, this.scoped("log"), { node_id: this.loaded.nodeId, scope_id: this.loaded.scopeId });
  }

  /** Log and files held to each other, as far as they are here. */
  logged(chain, steps, versions) {
    this.findings.push(...chain.findings);
    const { scopeId, epochId, siblings, previousStatement } = this.loaded;
    const closed = siblings.filter((one) => (one.number === epochId ? this.state : one.state) === "finalized");
    const statements = closed.map(({ number }) => {
      const data = number === epochId ? this.data("statement.json") : number === epochId - 1 ? previousStatement : null;
      const pinned = number === epochId ? (steps.findLast((step) => step.approvers_seq)?.approvers_seq ?? null) : null;
      return { kind: "statement", ref: `${folderOf(scopeId, number)}/statement.json`, hash: data && sha256Hex(data), pinned: pinned && setRef(scopeId, pinned) };
    });
    const final = [...finalSets(scopeId, chain), ...statements, ...this.amended(versions)];
    for (const [message, path, line, expected, actual] of logFindings(this.scoped("log"), this.logLines(), final))
      this.add("STATEMENT_LOGGED", message, path, line, expected, actual);
  }

  /** Amendments that are final: this epoch's by hash, others by the published list. */
  amended(versions) {
    const { scopeId, epochId, siblings } = this.loaded;
    const mine = versions.filter(({ check }) => check.state === "finalized").map(({ check, transitions }) => {
      const pinned = transitions.findLast((step) => step.approvers_seq)?.approvers_seq ?? null;
      return { kind: "amendment", ref: check.path("statement.json"), hash: sha256Hex(check.data("statement.json")), pinned: pinned && setRef(scopeId, pinned) };
    });
    const others = siblings.filter(({ number }) => number !== epochId).flatMap(({ number, amended }) =>
      amended.map((version) => ({ kind: "amendment", ref: `${folderOf(scopeId, number)}/amendments/${String(version).padStart(2, "0")}/statement.json`, hash: null, pinned: null })));
    return [...mine, ...others];
  }

  /** How much of the receipts log the statement pins. */
  receiptsPin(size) {
    const data = this.loaded.receipts;
    const ends = [...lineSpans(data)].map(([, end]) => end).filter((end) => end < data.length);
    if (size !== null && size > ends.length) throw new Refusal(`log has ${ends.length} lines, ${size} are pinned`).at(RECEIPTS);
    const count = size ?? ends.length;
    return { sha256: sha256Hex(data.subarray(0, count ? ends[count - 1] + 1 : 0)), size: count };
  }

  /** The log of receipts as far as it is pinned, line by line, and the epoch's events held to it. */
  vouched(epoch, log, statement, steps) {
    const { nodeId, scopeId, receipts } = this.loaded;
    const size = statement?.receipts.size ?? null;
    const acts = this.attempt(() => records.readLog(records.ReceiptAct, receipts, RECEIPTS, { node_id: nodeId }), []);
    if (acts.length) {
      this.progress({ stage: "checking receipts", done: 0, total: acts.length });
      for (const [line, rule, message, expected, actual] of foldFindings(nodeId, acts.slice(0, size ?? acts.length), this.chains(), this.bindings(null).lines))
        this.add(rule, message, RECEIPTS, line, expected, actual);
    }
    if (!epoch || !log) return;
    const closed = steps.find((step) => step.to === "review")?.at ?? null;
    const states = statesBy(acts, size, closed);
    const decided = new Set(this.attempt(() => this.log(records.Curation, "curation.jsonl"), []).filter(({ action }) => action === "include" || action === "exclude").map((line) => line.event_id));
    for (const [path, line, rule, message, expected, actual] of eventFindings(log.receipts, states, scopeId, decided)) this.add(rule, message, path, line, expected, actual);
    if (closed === null) return;
    const there = new Set([...log.receipts.map((event) => event.id), ...this.vouchedBefore(acts)]);
    for (const [rule, message, expected, actual] of missingFindings(states, scopeId, epoch.period_end, there)) this.add(rule, message, "activity.jsonl", null, expected, actual);
  }

  /** Receipts that stood approved when an epoch before this one was closed: events of it, or of an earlier one. */
  vouchedBefore(acts) {
    const { closed, nodeId, scopeId } = this.loaded;
    if (!acts.length) return [];
    return eventsBy(acts, scopeId, [...closed].flatMap(([number, [epoch, steps, statement]]) => {
      if (!epoch || !steps) return [];
      const [place, folder] = [{ node_id: nodeId, scope_id: scopeId, epoch_id: number }, folderOf(scopeId, number)];
      const before = records.readLog(records.Transition, steps, `${folder}/transitions.jsonl`, place).find((step) => step.to === "review")?.at;
      if (before === undefined) return [];
      const end = records.readSingle(records.Epoch, epoch, `${folder}/epoch.json`, place).period_end;
      const size = statement && records.readSingle(records.Statement, statement, `${folder}/statement.json`, place).receipts.size;
      return [{ size, before, end }];
    }));
  }

  /** The approver sets of every scope: a receipt's rights are those of its own. */
  chains() {
    return new Map([...this.loaded.chains].map(([scope, { sets, signatures }]) => {
      if (scope === this.loaded.scopeId) return [scope, this.chain()];
      const [place, paths] = [{ node_id: this.loaded.nodeId, scope_id: scope }, [`data/approvers/${scope}.jsonl`, `data/approvers/${scope}.signatures.jsonl`]];
      return [scope, new Chain(records.readLog(records.ApproverSet, sets, paths[0], place), records.readLog(records.ApproverSignature, signatures, paths[1], place), paths)];
    }));
  }

  previousHash() {
    const { previousStatement: data, epochId, scopeId, nodeId } = this.loaded;
    if (epochId === 1 || data === null) return null;
    const path = `${folderOf(scopeId, epochId - 1)}/statement.json`;
    records.readSingle(records.Statement, data, path, { node_id: nodeId, scope_id: scopeId, epoch_id: epochId - 1 });
    return sha256Hex(data);
  }

  activity(log, steps) {
    if (!log) return;
    for (const { rule, message, path, line, expected, actual } of log.findings) this.add(rule, message, path, line, expected, actual);
    const closed = steps.find((step) => step.to === "review")?.at;
    if (closed === undefined) return;
    for (const event of log.events.filter((one) => one.ingested_at > closed).slice(0, 100))
      this.add("INGESTION_CLOSED_ON_REVIEW", "event after review began", event.path, event.line, closed, event.ingested_at);
  }

  decisions(derived, steps) {
    const closed = steps.find((step) => step.to === "finalized")?.at;
    const curation = this.attempt(() => this.log(records.Curation, "curation.jsonl"), []);
    const overrides = this.attempt(() => this.log(records.Override, "overrides.jsonl"), []);
    const awards = this.attempt(() => this.ownAwards(), []);
    for (const [name, lines] of [["curation.jsonl", curation], ["overrides.jsonl", overrides], ["awards.jsonl", awards]])
      for (const line of lines)
        if (closed !== undefined && line.at > closed) this.add("CURATION_FREEZE_ON_FINALIZE", "decision after finalize", name, line.seq, `at most ${closed}`, line.at);
    if (!derived) return;
    const users = knownUsers(derived.bindings);
    const named = [["curation.jsonl", curation], ["overrides.jsonl", overrides], ["awards.jsonl", awards]]
      .flatMap(([name, lines]) => lines.filter((line) => line.user_id !== null).map((line) => [name, line]));
    for (const [name, line] of named)
      if (!users.has(line.user_id))
        this.add("IDENTITY_BEST_EFFORT", "names a user that the bindings log does not know", name, line.seq, "a user of the bindings log", line.user_id);
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

  /** What pool rules compute from; asked for one by one, since most rules need little. */
  facts(epoch, outcomes, bindings) {
    const { scopeId, epochId, nodeId, previousStatement, earlier, kpi } = this.loaded;
    const place = (number) => ({ node_id: nodeId, scope_id: scopeId, epoch_id: number });
    const single = (type, name, number, data) => {
      const path = `${folderOf(scopeId, number)}/${name}`;
      if (data === null && name === "epoch.json") throw new Refusal("epoch.json is missing").at(path);
      return data === null ? null : records.readSingle(type, data, path, place(number));
    };
    return {
      windows: epoch.windows,
      units: policyUnits(outcomes, epoch.weight_config),
      carried: () => {
        const before = single(records.Statement, "statement.json", epochId - 1, epochId > 1 ? previousStatement : null);
        const all = [...earlier].sort(([a], [b]) => a - b).map(([number, files]) => ({
          number,
          epoch: single(records.Epoch, "epoch.json", number, files.epoch),
          statement: single(records.Statement, "statement.json", number, files.statement),
        }));
        return { before: before && { statement: before, hash: sha256Hex(previousStatement) }, lapsed: lapsedCredits(epochId, all, bindings) };
      },
      reading: (rule) => {
        const data = kpi.get(rule.file) ?? null;
        if (data !== null) return readKpi(data, rule, epoch.period_start.slice(0, 10));
        this.unseen.POOL_REPRODUCIBLE = `${rule.file} is not published here; \`ledger verify\` reads it from the repository`;
        throw new Unseen();
      },
    };
  }

  /** What the rules would add if an open epoch closed now; one whose input is not there yet adds nothing. */
  projected(epoch, facts, lines) {
    const recorded = new Set(lines.map((line) => line.component_id));
    return rulesOf(epoch).flatMap((rule) => {
      try {
        return [applyRule(rule, facts)].filter((each) => !recorded.has(each.component));
      } catch (error) {
        if (error instanceof Refusal) return [];
        throw error;
      }
    });
  }

  /** Ids are right, and whatever names a rule is what the pinned rule gives. */
  pool(epoch, derived) {
    const lines = this.attempt(() => this.poolLines(), []);
    const standing = standingComponents(lines);
    if (epoch)
      for (const line of lines.filter((one) => one.action === "record")) {
        const { nodeId, scopeId, epochId } = this.loaded;
        this.differ("POOL_REPRODUCIBLE", "component's id", "pool.jsonl", componentId(nodeId, scopeId, epochId, line.component_id), line.id, line.seq);
      }
    if (this.state === "finalized" && !standing.some((line) => line.component_id === "base_issuance"))
      this.differ("POOL_REQUIRES_BASE", "component missing", "pool.jsonl", "base_issuance", "none", null);
    if (derived && this.state !== "open") this.attempt(() => this.ruled(epoch, derived, lines, standing));
  }

  ruled(epoch, derived, lines, standing) {
    const due = [];
    const unseen = new Set();
    for (const rule of rulesOf(epoch)) {
      try {
        due.push(applyRule(rule, derived.facts));
      } catch (error) {
        if (!(error instanceof Unseen)) throw error;
        unseen.add(rule.rule);
      }
    }
    for (const line of standing) {
      const { component_id: component, algorithm_version: name, seq } = line;
      if (name === BY_HAND || unseen.has(name)) continue;
      const rule = due.find((each) => each.component === component && each.rule === name);
      const wanted = rule ? { amount_credits: String(rule.amount), inputs: rule.inputs } : "no such rule";
      const found = { amount_credits: line.amount_credits, inputs: line.inputs };
      this.differ("POOL_REPRODUCIBLE", `${component} is not what the pinned rule ${name} gives`, "pool.jsonl", wanted, found, seq);
    }
    const decided = new Set(lines.map((line) => line.component_id));
    for (const each of due.filter((one) => !decided.has(one.component)))
      this.differ("POOL_REPRODUCIBLE", `the pinned rule ${each.rule} gave nothing`, "pool.jsonl", `${each.component} of ${each.amount} credits`, "none", null);
  }

  /** The stored statement and allocations against what the stored records give, field by field and byte by byte. */
  derivedFiles(derived, stored) {
    if (!derived) {
      this.add("PAYOUT_DETERMINISTIC", "cannot be recomputed (see above)", "statement.json");
      return;
    }
    const wanted = derived.statement;
    if (!stored) this.differ("PAYOUT_DETERMINISTIC", "statement", "statement.json", "a statement", "none", null);
    else {
      for (const [name, [rule, path]] of Object.entries(STATEMENT_RULES)) {
        if (shown(wanted[name]) === shown(stored[name])) continue;
        const own = path === "statement.json";
        this.add(rule, own ? `statement.${name}` : `is not what statement.${name} pins`, path, own ? 1 : null, shown(stored[name]), shown(wanted[name]));
      }
      for (const name of Object.keys(wanted).sort())
        if (!(name in STATEMENT_RULES) && name !== "payouts" && name !== "held") this.differ("PAYOUT_DETERMINISTIC", `statement.${name}`, "statement.json", wanted[name], stored[name]);
      for (const [index, due] of wanted.payouts.entries())
        if (index < stored.payouts.length) this.differ("PAYOUT_DETERMINISTIC", `payout of ${due.user_id}`, "statement.json", due, stored.payouts[index]);
      for (const [index, due] of wanted.held.entries())
        if (index < stored.held.length) this.differ("PAYOUT_DETERMINISTIC", `held for ${due.source}:${due.platform_user_id}`, "statement.json", due, stored.held[index]);
    }
    this.sameFile("allocations.jsonl", concat(derived.evaluation.allocations.map(fileBytes)));
    this.sameFile("statement.json", fileBytes(wanted));
  }

  sameFile(name, wanted) {
    const stored = this.data(name);
    if (sameBytes(stored, wanted)) return;
    const [due, found] = [wanted, stored].map((data) => [...lineSpans(data)].map(([begin, end]) => sha256Hex(data.subarray(begin, end))));
    const shared = Math.min(due.length, found.length);
    const at = due.slice(0, shared).findIndex((line, index) => line !== found[index]);
    this.differ("PAYOUT_DETERMINISTIC", `${name} is not what the records give`, name, sha256Hex(wanted), sha256Hex(stored), (at === -1 ? shared : at) + 1);
  }

  finalized(steps, statement) {
    const rule = "EPOCH_FINALIZE_IDEMPOTENT";
    const pinned = steps.find((step) => step.statement_hash)?.statement_hash ?? null;
    this.differ(rule, "statement hash that was closed", "statement.json", pinned, statement && sha256Hex(this.data("statement.json")));
    const list = "sha256sums.txt";
    if (!this.has(list)) {
      this.differ(rule, "file", list, "a file", "none", null);
      return;
    }
    const covered = this.names().filter((name) => this.isKnown(name) && !isShard(name) && !isLater(name) && name !== list).sort();
    const now = new Map(covered.map((name) => [name, sha256Hex(this.data(name))]));
    const found = covered.map((name) => `${now.get(name)}  ${name}\n`).join("");
    const stored = new TextDecoder("utf-8", { ignoreBOM: true }).decode(this.data(list));
    const lines = stored.split("\n").filter((line) => line.includes("  "));
    const then = new Map(lines.map((line) => [line.slice(line.indexOf("  ") + 2), line.slice(0, line.indexOf("  "))]));
    for (const name of new Set([...now.keys(), ...then.keys()])) {
      const known = this.isKnown(name) ? name : list;
      this.differ(rule, `${known} changed after finalize`, known, then.get(name) ?? "no file", now.get(name) ?? "no file", null);
    }
    this.differ(rule, "list of checksums", list, sha256Hex(bytesOf(found)), sha256Hex(this.data(list)), null);
  }

  /** Recovers every signer of this statement; gives the approvers among them. */
  signatures(statement, pin) {
    this.differ("APPROVERS_PINNED_AT_REVIEW", "approver set", "statement.json", pin.approver_set_hash, statement.approver_set_hash);
    const hash = sha256Hex(this.data("statement.json"));
    const text = signedText(statement, hash);
    const signers = new Set();
    const people = new Set();
    for (const [index, line] of this.attempt(() => this.log(records.Signature, "signatures.jsonl"), []).entries()) {
      if (line.statement_hash !== hash) continue; // over an older draft: kept on record, counts for nothing
      this.signature(index + 1, line, text, pin);
      const person = personOf(pin.set, line.signer_wallet);
      if (people.has(person)) this.differ("APPROVERS_PER_SCOPE", `${person} counted twice`, "signatures.jsonl", 1, 2, index + 1);
      if (person === null) continue;
      people.add(person);
      signers.add(line.signer_wallet);
    }
    if (this.state === "finalized" && people.size < pin.threshold)
      this.differ("APPROVERS_PER_SCOPE", "approvers who signed", "signatures.jsonl", pin.threshold, people.size, null);
    return [...signers];
  }

  /** Who really signed `text`, or why nobody can be told. */
  signerOf(text, { signature }) {
    try {
      return recoverSigner(text, signature);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return error.message;
    }
  }

  signature(number, line, text, pin) {
    const signer = this.signerOf(text, line);
    if (signer !== line.signer_wallet)
      this.add("SIGNATURE_SCOPE_BOUND", "signature is not by its signer over this statement", "signatures.jsonl", number, line.signer_wallet, signer);
    if (!pin.approvers.includes(line.signer_wallet))
      this.add("APPROVERS_PINNED_AT_REVIEW", "signer was not pinned", "signatures.jsonl", number, pin.approvers.join(","), line.signer_wallet);
  }

  /** Recovers everyone who attested the finalized statement; gives the lines that hold. */
  attestations(statement) {
    const [rule, name] = ["ATTESTATION_VALID", "attestations.jsonl"];
    const hash = statement && sha256Hex(this.data("statement.json"));
    const seen = new Set();
    return this.attempt(() => this.log(records.Attestation, name), []).filter((line, index) => {
      const wrong = (message, expected = null, actual = null) => this.add(rule, message, name, index + 1, expected, actual);
      if (!statement) return wrong("attests an epoch that is not finalized");
      if (line.statement_hash !== hash) return wrong("attests another statement", hash, line.statement_hash);
      const signer = this.signerOf(attestedText(statement, hash, line), line);
      if (signer !== line.signer_wallet) return wrong("attestation is not by its signer over this statement", line.signer_wallet, signer);
      const key = [line.signer_wallet, line.tool, line.tool_version].join();
      if (seen.has(key)) return wrong("this wallet attested the epoch with this tool and version before", "once", line.signer_wallet);
      return seen.add(key);
    });
  }

  /** ONE_ACTIVE_EPOCH and EPOCH_WINDOW_UNIQUE, as far as the published neighbours show them. */
  neighbours(epoch) {
    const { siblings, settings, epochId, scopeId, nodeId, previousEpoch } = this.loaded;
    const states = siblings.map((one) => (one.number === epochId ? this.state : one.state));
    for (const [index, state] of states.entries()) {
      const left = states.length - index - 1;
      if (state === "finalized" || state === "unreadable" || left === 0) continue;
      if (settings?.overlap && left === 1 && state === "review" && states.at(-1) === "open") continue;
      this.add("ONE_ACTIVE_EPOCH", "an earlier epoch is not finalized, though another came after it", `${folderOf(scopeId, siblings[index].number)}/transitions.jsonl`, null, "finalized", state);
    }
    const { calendar } = this.loaded;
    if (epoch && !(isAligned(epoch) && ["anchor", "length", "unit"].every((name) => calendar === null || calendar[name] === epoch[name])))
      this.add("EPOCH_WINDOW_UNIQUE", `window ${epoch.period_start}..${epoch.period_end} is not aligned to the anchor, or not as long as it says`, "epoch.json", 1);
    if (epochId === 1 || !epoch) return;
    if (previousEpoch === null) {
      this.add("EPOCH_WINDOW_UNIQUE", `epoch ${epochId - 1} is missing before it`, this.folder);
      return;
    }
    const path = `${folderOf(scopeId, epochId - 1)}/epoch.json`;
    const before = this.attempt(() => records.readSingle(records.Epoch, previousEpoch, path, { node_id: nodeId, scope_id: scopeId, epoch_id: epochId - 1 }));
    if (before && before.period_end !== epoch.period_start)
      this.add("EPOCH_WINDOW_UNIQUE", "the window does not follow the one before", "epoch.json", 1, before.period_end, epoch.period_start);
  }
}

const Version = versionOf(Check);

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

const scanHere = (parts, epoch, beat) => parts.map((part) => (beat(), scanPart(part, epoch)));

/**
 * Recompute one loaded epoch.
 * @param scanParts  how the parts of the activity log are scanned; the worker spreads them over several workers
 * @returns {Promise<{report: object, found: object}>} `report` is plain data for a page; `found` holds records and outcomes.
 */
export async function checkEpoch(loaded, progress = () => {}, scanParts = scanHere) {
  const check = new Check(loaded, progress, scanParts);
  const found = await check.run();
  for (const finding of check.findings) finding.text = excerpt(loaded, finding);
  const checks = verdicts(check.state, check.findings, check.unseen);
  const report = {
    schema: "recheck/1",
    node_id: loaded.nodeId,
    scope_id: loaded.scopeId,
    epoch_id: loaded.epochId,
    state: check.state,
    statement_hash: found.statement && sha256Hex(check.data("statement.json")),
    ok: checks.every(({ verdict }) => verdict !== "fail"),
    events: found.log?.count ?? 0,
    amendments: found.versions.map(({ check: one, signers }) => ({ version: one.version, state: one.state, statement_hash: one.statement && sha256Hex(one.data("statement.json")), signers })),
    witnesses: found.witnesses.map(({ signer_wallet, tool, tool_version }) => ({ signer_wallet, tool, tool_version })),
    checks,
  };
  return { report, found };
}
