// The activity log as a whole: cut into parts that are scanned apart (activity.js), then its events, and the Merkle root over all lines.
import { MOST_FINDINGS } from "./activity.js";
import { hex, textOf } from "./bytes.js";
import { isTorn } from "./canonical.js";
import { valuesOf } from "./columns.js";
import { COLUMNS, NULL } from "./eventcolumns.js";
import { Tree } from "./merkle.js";

export const PART = 1 << 21; // bytes of a part, at least: small enough that progress is seen, large enough to be worth a message

/** Where the part that begins at `begin` ends, whatever follows; -1 where that is not here yet, or the log ends before. */
export function partEnd(data, begin) {
  const last = begin + PART - 1;
  return last < data.length ? data.indexOf(10, last) + 1 || -1 : -1;
}

/**
 * Cut a log into parts of whole lines.
 * @param {{name: string, path: string, data: Uint8Array}[]} shards  in order
 * @returns {{name: string, path: string, data: Uint8Array, torn: boolean}[]}  `torn`: its last line has no end
 */
export function cutParts(shards) {
  const parts = [];
  for (const { name, path, data } of shards) {
    for (let begin = 0, end = 0; begin < data.length; begin = end) {
      end = partEnd(data, begin);
      if (end === -1) end = data.length;
      parts.push({ name, path, data: data.subarray(begin, end), torn: end === data.length && isTorn(data) });
    }
  }
  return parts;
}

/** The events of a part by field; the values of a field are made when the first of them is asked for. */
class Rows {
  #values = {};

  constructor(shard, path, columns, count) {
    Object.assign(this, { shard, path, columns, count });
  }

  of(field) { return (this.#values[field] ??= valuesOf(textOf(this.columns[field]), this.count)); }
}

/** An event in short form: what every sum asks for, and the row of its part that has the rest. */
class Event {
  constructor(rows, row, line, id, source, event_type, platform_user_id, quantity) {
    this.rows = rows;
    this.row = row;
    this.line = line;
    this.id = id;
    this.source = source;
    this.event_type = event_type;
    this.platform_user_id = platform_user_id;
    this.quantity = quantity;
  }

  get shard() { return this.rows.shard; }

  get path() { return this.rows.path; }

  #orNull(field) {
    const value = this.rows.of(field)[this.row];
    return value === NULL ? null : value;
  }

  get platform_login() { return this.#orNull("platform_login"); }

  /** The text that its source gave it as a title; null where it gave none. */
  get stored_title() { return this.#orNull("title"); }

  get title() { return this.stored_title ?? ""; }
}
const HOT = ["id", "source", "event_type", "platform_user_id", "quantity"];
for (const field of COLUMNS)
  if (!HOT.includes(field) && !(field in Event.prototype)) Object.defineProperty(Event.prototype, field, { get() { return this.rows.of(field)[this.row]; } });

/** The log as it grows by its scanned parts, which come in order. */
export class ActivityLog {
  #findings = [];
  #ids = new Set();
  #tree = new Tree();
  #path = null;
  #before = 0;

  constructor() {
    Object.assign(this, { events: [], receipts: [], readable: true });
  }

  add({ name, path }, { findings, readable, leaves, lines, columns, receipts }) {
    if (path !== this.#path) [this.#path, this.#before] = [path, 0];
    const before = this.#before;
    this.#before += leaves.length / 32;
    this.#tree.add(leaves);
    this.readable &&= readable;
    for (const one of findings) this.#findings.push({ ...one, path, line: one.line + before });
    for (const one of receipts) this.receipts.push({ ...one, path, line: one.line + before });
    const rows = new Rows(name, path, columns, lines.length);
    const [ids, sources, types, accounts, quantities] = HOT.map((field) => rows.of(field));
    for (let row = 0; row < lines.length; row += 1) {
      this.#ids.add(ids[row]);
      this.events.push(new Event(rows, row, lines[row] + before, ids[row], sources[row], types[row], accounts[row], quantities[row]));
    }
  }

  /** @returns findings; `readable`; `events` in short form; `receipts` (activity.js); `count` of lines; `root` in hex */
  whole() {
    const told = this.#findings.slice(0, MOST_FINDINGS);
    if (this.#findings.length > MOST_FINDINGS) told.push(finding(told.at(-1).rule, "more lines are wrong; these are the first", told.at(-1).path, null));
    const { readable, events, receipts } = this;
    const repeated = this.#ids.size === events.length ? [] : repeatedIn(events);
    return { findings: [...told, ...repeated.slice(0, MOST_FINDINGS)], readable, events, receipts, count: this.#tree.size, root: hex(this.#tree.root()) };
  }
}

/** A finding for each event whose id an earlier one has. */
function repeatedIn(events) {
  const firsts = new Map();
  const found = [];
  for (const { id, path, line } of events) {
    const first = firsts.get(id);
    if (first === undefined) firsts.set(id, { path, line });
    else found.push(finding("ACTIVITY_IDEMPOTENT", `event ${id} is in the log twice; first at ${first.path}:${first.line}`, path, line));
  }
  return found;
}

const finding = (rule, message, path, line) => ({ rule, message, path, line, expected: null, actual: null });
