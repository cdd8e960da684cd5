// Who signs for a scope: a chain of approver sets, each signed by the one before it (specification, section 5).
import { sha256Hex } from "./bytes.js";
import { encode } from "./canonical.js";
import { Refusal } from "./errors.js";
import { recoverSigner, setText } from "./signatures.js";

const RULE = "APPROVERS_CHAINED";

/** SHA-256 of the people and their rights in canonical form. */
export const setHash = ({ approvers, covers, issuers, self_approve }) => sha256Hex(encode({ approvers, covers, issuers, self_approve }));

/** The id of the approver who holds `wallet` in a set, or null. */
export const personOf = (line, wallet) => line.approvers.find((person) => person.wallets.includes(wallet))?.id ?? null;

/** People of the set `deciding` who signed `line`, and the ids in `line` whose new wallet has not signed. */
export function progress(line, deciding, wallets) {
  if (deciding === null) return { by: [], threshold: line.threshold, unproved: line.approvers.map((person) => person.id) };
  const by = [...new Set([...wallets].map((wallet) => personOf(deciding, wallet)).filter((person) => person !== null))].sort();
  const unproved = deciding === line ? [] : line.approvers.filter((person) => {
    const before = deciding.approvers.find((one) => one.id === person.id)?.wallets;
    return before ? !person.wallets.every((wallet) => before.includes(wallet) || wallets.has(wallet)) : !person.wallets.some((wallet) => wallets.has(wallet));
  }).map((person) => person.id);
  return { by, threshold: deciding.threshold, unproved };
}

/** The sets of a scope, since when each counts (null: it does not), and what speaks against the two logs. */
export class Chain {
  /** @param {object[]} sets  @param {object[]} signatures  records, in order  @param {[string, string]} paths  of the two logs */
  constructor(sets, signatures, paths) {
    this.sets = sets;
    this.since = sets.map(() => null);
    this.signers = new Map();
    this.findings = [];
    const broken = this.#lines(paths[0]);
    let [current, last] = [0, ""];
    for (const [index, line] of signatures.entries()) {
      const problem = this.#problem(line, last);
      if (line.signed_at > last) last = line.signed_at;
      if (problem !== null) {
        const [message, expected = null, actual = null] = problem;
        this.findings.push({ rule: RULE, message, path: paths[1], line: index + 1, expected, actual });
        continue;
      }
      this.wallets(line.approvers_seq).add(line.signer_wallet);
      for (const one of sets.slice(current)) {
        if (broken.has(one.seq)) continue;
        const { by, threshold, unproved } = progress(one, this.authority(one), this.wallets(one.seq));
        if (by.length >= threshold && unproved.length === 0) {
          this.since[one.seq - 1] = line.signed_at;
          current = one.seq;
        }
      }
    }
  }

  /** Each line names the one before it, or none, and does not lie before it in time. */
  #lines(path) {
    const broken = new Set();
    for (const [index, line] of this.sets.entries()) {
      const before = index > 0 ? this.sets[index - 1] : null;
      const wanted = before && sha256Hex(encode(before));
      const tell = (message, expected, actual) => {
        broken.add(index + 1);
        this.findings.push({ rule: RULE, message, path, line: index + 1, expected, actual });
      };
      if (line.previous !== null && line.previous !== wanted) tell("names another line before it", wanted ?? "none", line.previous);
      else if (before !== null && line.at < before.at) tell("lies before the set before it", before.at, line.at);
    }
    return broken;
  }

  /** What speaks against a signature: message, expected, found; null for one that is good. */
  #problem(line, last) {
    const over = this.get(line.approvers_seq);
    if (over === null) return [`signs set ${line.approvers_seq}, which is not there`];
    const earliest = last > over.at ? last : over.at;
    if (line.signed_at < earliest) return ["lies before the set, or before the signature before it", earliest, line.signed_at];
    let signer;
    try {
      signer = recoverSigner(setText(over, setHash(over)), line.signature);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      signer = error.message;
    }
    if (signer !== line.signer_wallet) return ["signature is not by its signer over this set", line.signer_wallet, signer];
    if (this.wallets(over.seq).has(signer)) return ["signer counted twice", null, signer];
    return this.maySign(over, signer) ? null : ["signer is neither of this set nor of the one that decides about it", null, signer];
  }

  wallets(seq) {
    if (!this.signers.has(seq)) this.signers.set(seq, new Set());
    return this.signers.get(seq);
  }

  get(seq) { return this.sets[seq - 1] ?? null; }

  counts(seq) { return (this.since[seq - 1] ?? null) !== null; }

  get counting() { return this.sets.filter((line) => this.counts(line.seq)); }

  /** Whose threshold decides about a line: its own for a root, else the last set that counts before it. */
  authority(line) {
    return line.previous === null ? line : (this.counting.findLast((one) => one.seq < line.seq) ?? null);
  }

  maySign(line, wallet) {
    const deciding = this.authority(line);
    return personOf(line, wallet) !== null || (deciding !== null && personOf(deciding, wallet) !== null);
  }

  /** What a step to review pins now: the last set that counts, else the last line that begins a root. */
  get toPin() { return this.counting.at(-1) ?? this.sets.findLast((line) => line.previous === null) ?? null; }

  /** Whether a step to review at `at` may have pinned this set; what happens in one millisecond has no order. */
  mayPin(seq, at) {
    const line = this.get(seq);
    if (line === null || line.at > at) return false;
    if (this.since.slice(seq).some((since) => since !== null && since < at)) return false;
    const since = this.since[seq - 1];
    if (since !== null && since <= at) return true;
    const earlier = this.since.slice(0, seq - 1).some((one) => one !== null && one < at);
    const roots = this.sets.slice(seq).some((other) => other.previous === null && other.at < at);
    return line.previous === null && !earlier && !roots;
  }

  /** The last set that counts at a time. */
  countedAt(at) { return this.sets.findLast((_, index) => this.since[index] !== null && this.since[index] <= at) ?? null; }

  /** Whether the chain holds the set that a step pins, as it pins it. */
  holds(step) {
    const line = this.get(step.approvers_seq);
    return line !== null && setHash(line) === step.approver_set_hash && line.threshold === step.threshold;
  }
}

/** What speaks against the approver sets that the steps pin: `[message, line, expected, found]`. */
export function* pinFindings(steps, chain) {
  let last = 0;
  for (const [index, step] of steps.entries()) {
    if (step.approvers_seq !== undefined) {
      last = step.approvers_seq;
      if (!chain.holds(step)) yield ["pins an approver set that the scope's chain does not hold like this", index + 1, null, `set ${last}`];
      else if (!chain.mayPin(last, step.at)) {
        const wanted = chain.countedAt(step.at);
        const told = wanted ? `set ${wanted.seq}` : "the last root that was proposed";
        yield ["pins an approver set that was not the one to pin then", index + 1, told, `set ${last}`];
      }
    }
    if (step.to === "finalized" && last && !chain.counts(last))
      yield ["the approver set that the epoch was closed with does not count", index + 1, "a set that counts", `set ${last}`];
  }
}
