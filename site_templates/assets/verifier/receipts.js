// Receipts: the log of acts folded, the rules that each act must keep, and the events that approved ones become (specification, section 10).
import { bytesOf, sha256Hex } from "./bytes.js";
import { Refusal } from "./errors.js";
import { payloadOf } from "./event.js";
import { decisionText, receiptText, Signers } from "./signatures.js";

export const SOURCE = "receipt";
const [SIGNED, BOUND, AUTHORIZED] = ["RECEIPT_SIGNED", "SIGNATURE_DOMAIN_BOUND", "ISSUER_AUTHORIZED"];
const [IDEMPOTENT, LATEST, BUDGET] = ["IDEMPOTENT_RECEIPTS", "LATEST_EVENT_WINS", "RECEIPT_ROLE_BUDGET"];

/** Of a key at most one receipt stands. */
export const keyOf = ({ work_item_id, user_id, role }) => `${work_item_id}:${user_id}:${role}`;
export const eventId = (receipt) => `${SOURCE}:${keyOf(receipt)}`;

const statusOf = (state) => (state.acts.at(-1).act === "issued" ? "proposed" : state.acts.at(-1).act);
const stands = (state) => state.acts.at(-1).act !== "revoked";

/** The set of this number, if it is the last one that counts at `at`; what happens in a millisecond has no order. */
function inForce(chain, seq, at) {
  const since = chain.since[seq - 1] ?? null;
  const overtaken = chain.since.slice(seq).some((later) => later !== null && later < at);
  return since !== null && since <= at && !overtaken ? chain.sets[seq - 1] : null;
}

const issuerOf = (set, wallet) => set.issuers.find((person) => person.wallets.includes(wallet)) ?? null;

/** Whose a wallet was at a time, by the bindings log as it stood then. */
class Wallets {
  #lines = new Map();

  constructor(bindings) {
    for (const line of bindings) {
      if (line.provider !== "wallet") continue;
      if (!this.#lines.has(line.external_id)) this.#lines.set(line.external_id, []);
      this.#lines.get(line.external_id).push(line);
    }
  }

  owner(wallet, at) {
    const last = this.#lines.get(wallet)?.findLast((line) => line.at <= at);
    return last?.action === "bind" ? last.user_id : null;
  }
}

/** The log up to some line, as what stands by then. A problem is `[rule, message, expected, actual]`. */
class Book {
  states = new Map();
  lastAt = "";
  #standing = new Map();
  #taken = new Map();
  #items = new Map();

  constructor(nodeId, chains, wallets, signers) {
    Object.assign(this, { nodeId, chains, wallets, signers });
  }

  add(act) {
    if (act.at > this.lastAt) this.lastAt = act.at;
    const state = this.states.get(act.receipt_hash);
    if (act.receipt !== null) {
      if (state !== undefined) return;
      const fresh = { receipt: act.receipt, hash: act.receipt_hash, acts: [act] };
      this.states.set(act.receipt_hash, fresh);
      this.#take(fresh);
    } else if (state !== undefined) {
      const stood = stands(state);
      state.acts.push(act);
      if (stood && !stands(state)) this.#giveBack(state);
      else if (!stood && stands(state)) this.#take(state);
    }
  }

  #take({ receipt, hash }) {
    const { work_item_id: item, role } = receipt;
    this.#standing.set(keyOf(receipt), hash);
    this.#taken.set(`${item}:${role}`, (this.#taken.get(`${item}:${role}`) ?? 0n) + BigInt(receipt.estimate));
    if (!this.#items.has(item)) this.#items.set(item, new Map());
    this.#items.get(item).set(hash, receipt.work_points);
  }

  #giveBack({ receipt, hash }) {
    const { work_item_id: item, role } = receipt;
    if (this.#standing.get(keyOf(receipt)) === hash) this.#standing.delete(keyOf(receipt));
    this.#taken.set(`${item}:${role}`, this.#taken.get(`${item}:${role}`) - BigInt(receipt.estimate));
    this.#items.get(item).delete(hash);
  }

  /** The first thing that speaks against `act` as the next line; null for one that may follow. */
  problem(act) {
    const state = this.states.get(act.receipt_hash) ?? null;
    const receipt = act.receipt ?? state?.receipt ?? null;
    if (receipt === null) return [LATEST, "decides about a receipt that is not in the log", null, act.receipt_hash];
    if (act.node_id !== this.nodeId || !this.chains.has(receipt.scope_id))
      return [BOUND, "is signed for another node or scope", this.nodeId, `${act.node_id}/${receipt.scope_id}`];
    return this.#order(act, state) ?? this.#signature(act, receipt) ?? this.#rights(act, receipt, state) ?? this.#room(act, receipt, state);
  }

  /** Times run on, and acts on a receipt are numbered without a gap. */
  #order(act, state) {
    if (act.at < this.lastAt) return [LATEST, "lies before the act before it", `at least ${this.lastAt}`, act.at];
    if (act.receipt !== null) {
      if (act.receipt.issued_at > act.at) return [LATEST, "was recorded before it was issued", act.receipt.issued_at, act.at];
      return state === null ? null : [IDEMPOTENT, "this very receipt is in the log", null, act.receipt_hash];
    }
    return act.number === state.acts.length ? null : [LATEST, "is no new act on this receipt: acts are numbered 1, 2, 3 …", String(state.acts.length), String(act.number)];
  }

  #signature(act, receipt) {
    let signer;
    try {
      signer = this.signers.recover(textOf(this.nodeId, receipt.scope_id, act), act.signature);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      signer = error.message;
    }
    return signer === act.signer_wallet ? null : [SIGNED, "is not signed by its signer over this text", act.signer_wallet, signer];
  }

  /** The signer had the right by the set that counted then; nobody approves what he issued, or what is his. */
  #rights(act, receipt, state) {
    const chain = this.chains.get(receipt.scope_id);
    const rights = inForce(chain, act.approvers_seq, act.at);
    if (rights === null) {
      const now = chain.countedAt(act.at);
      return [AUTHORIZED, "names an approver set that was not the one that counted then", now ? `set ${now.seq}` : "no set counts yet", `set ${act.approvers_seq}`];
    }
    const person = issuerOf(rights, act.signer_wallet);
    if (!(act.act === "issued" ? person?.can_issue : person?.can_approve)) {
      const what = act.act === "issued" ? "issue receipts" : "approve or revoke receipts";
      return [AUTHORIZED, `is by someone who may not ${what} in scope ${receipt.scope_id}`, null, person?.id ?? act.signer_wallet];
    }
    if (act.act !== "approved" || rights.self_approve || state === null) return null;
    const [first] = state.acts;
    const before = inForce(chain, first.approvers_seq, first.at);
    const issuer = before && issuerOf(before, first.signer_wallet);
    const same = person.wallets.includes(first.signer_wallet) || issuer?.wallets.includes(act.signer_wallet) || issuer?.id === person.id;
    if (same) return [AUTHORIZED, "approves a receipt that the same person issued", "another person", person.id];
    const own = person.wallets.some((wallet) => this.wallets.owner(wallet, act.at) === receipt.user_id);
    return own ? [AUTHORIZED, "approves a receipt about the same person", "another person", person.id] : null;
  }

  /** What begins to stand is alone under its key, agrees on the item's points and fits into the role's budget. */
  #room(act, receipt, state) {
    if (act.act === "revoked" || (state !== null && stands(state))) return null;
    const { work_item_id: item, role, work_points: whole, estimate } = receipt;
    const other = this.#standing.get(keyOf(receipt));
    if (other !== undefined) return [IDEMPOTENT, `another receipt stands under ${keyOf(receipt)}; it must be revoked first`, "none", other];
    const [points] = this.#items.get(item)?.values() ?? [];
    if (points !== undefined && points !== whole)
      return [BUDGET, `the other receipts of ${item} say ${points} points for the whole item`, String(points), String(whole)];
    const left = BigInt(whole) - (this.#taken.get(`${item}:${role}`) ?? 0n);
    return BigInt(estimate) > left
      ? [BUDGET, `${item} has ${left} of ${whole} points left for role ${role}`, `at most ${left}`, String(estimate)] : null;
  }
}

const textOf = (nodeId, scopeId, act) => (act.receipt ? receiptText(nodeId, act.receipt) : decisionText(nodeId, scopeId, act));

/** What each act's signature must be over, and whose it should be; nothing for a decision about no receipt. */
function signedTexts(nodeId, acts) {
  const scopes = new Map();
  return acts.flatMap((act) => {
    if (act.receipt !== null && !scopes.has(act.receipt_hash)) scopes.set(act.receipt_hash, act.receipt.scope_id);
    const scopeId = scopes.get(act.receipt_hash);
    return scopeId === undefined ? [] : [{ text: textOf(nodeId, scopeId, act), signature: act.signature, likely: act.signer_wallet }];
  });
}

/** What speaks against the log, line by line: `[line, rule, message, expected, actual]`. What follows a bad line is judged all the same. */
export function* foldFindings(nodeId, acts, chains, bindings) {
  const book = new Book(nodeId, chains, new Wallets(bindings), new Signers(signedTexts(nodeId, acts)));
  for (const [index, act] of acts.entries()) {
    const found = book.problem(act);
    if (found !== null) yield [index + 1, ...found];
    book.add(act);
  }
}

/** Every receipt with its acts among the first `size` lines (null: all) that have a time before `before` (null: any). */
export function statesBy(acts, size, before) {
  const states = new Map();
  for (const act of acts.slice(0, size ?? acts.length)) {
    if (before !== null && act.at >= before) break;
    if (act.receipt === null) states.get(act.receipt_hash)?.acts.push(act);
    else if (!states.has(act.receipt_hash)) states.set(act.receipt_hash, { receipt: act.receipt, hash: act.receipt_hash, acts: [act] });
  }
  return states;
}

/**
 * The events of receipts that earlier epochs must hold: those that stood approved when one of them was closed.
 * @param closed  of each epoch how much of the log its statement pins (null: all), when it was closed, and the end of its window
 */
export function eventsBy(acts, scopeId, closed) {
  const found = closed.flatMap(({ size, before, end }) => [...statesBy(acts, size, before).values()]
    .filter((state) => statusOf(state) === "approved" && state.receipt.scope_id === scopeId && state.receipt.issued_at < end));
  return new Set(found.map(({ receipt }) => eventId(receipt)));
}

/** Whether some receipt of a log, in bytes as they come, was approved more than once. */
export function approvedAnew(data) {
  const approvals = new TextDecoder().decode(data).split("\n").filter((line) => line.startsWith('{"act":"approved"'));
  const hashes = approvals.map((line) => /"receipt_hash":"([0-9a-f]{64})"/.exec(line)?.[1]);
  return new Set(hashes).size < hashes.length;
}

function payloadHash(state) {
  const { receipt } = state;
  const metadata = { receipt_hash: state.hash, work_points: receipt.work_points };
  const [artifact_url, event_time, event_type, quantity] = [receipt.artifact_url, receipt.issued_at, receipt.role, receipt.estimate];
  return sha256Hex(bytesOf(payloadOf({ artifact_url, event_time, event_type, id: eventId(receipt), metadata, platform_user_id: receipt.user_id, quantity, source: SOURCE })));
}

/**
 * What speaks against events that are, or pretend to be, of receipts: `[path, line, rule, message, expected, actual]`.
 * @param events  those with the source or the id of a receipt's, as scanPart tells them (activity.js)
 * @param decided  ids of events about whose inclusion there is a decision
 */
export function* eventFindings(events, states, scopeId, decided) {
  for (const event of events) {
    const named = event.receipt === undefined || event.receipt === null ? "None" : String(event.receipt);
    const state = states.get(named);
    const place = [event.path, event.line];
    if (event.source !== SOURCE || event.producer !== SOURCE) yield [...place, SIGNED, "has the id of a receipt's event and another source or producer"];
    else if (state === undefined) yield [...place, SIGNED, "is an event of a receipt that was not in the log when the epoch went to review", null, named];
    else if (payloadHash(state) !== event.payload) yield [...place, SIGNED, "is not what its receipt says", payloadHash(state), event.stated];
    else if (scopeId !== state.receipt.scope_id) yield [...place, SIGNED, "is an event of another scope's receipt", state.receipt.scope_id, scopeId];
    else if (statusOf(state) !== "approved" && !decided.has(event.id))
      yield [...place, LATEST, "is an event of a receipt that does not stand, and no decision leaves it out", "approved", statusOf(state)];
  }
}

/** Receipts that were approved in time and are no events, neither here nor (`elsewhere`) in an epoch before. */
export function* missingFindings(states, scopeId, end, there) {
  const due = [...states.values()].filter((state) => statusOf(state) === "approved" && state.receipt.scope_id === scopeId && state.receipt.issued_at < end);
  for (const { receipt } of due)
    if (!there.has(eventId(receipt))) yield [LATEST, `receipt ${keyOf(receipt)} was approved before review and is no event of the epoch`, eventId(receipt), "none"];
}
