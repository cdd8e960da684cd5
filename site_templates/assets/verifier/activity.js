// The activity log: every line's form, place and payload hash, and the Merkle root over all lines.
import { concat, hex, isHex, passingBytes } from "./bytes.js";
import { isTorn, lineSpans } from "./canonical.js";
import { Refusal } from "./errors.js";
import { readEvent } from "./event.js";
import { leafHash, rootOfHashes } from "./merkle.js";
import { sha256 } from "./sha256.js";

const MOST_FINDINGS = 100;
const PART = 1 << 21; // bytes of a part, at least: small enough that progress is seen, large enough to be worth a message
const NULL = "\0"; // stands for null in a column; no stored text holds a control character, nor a line end
const STORED = ["event_time", "event_type", "id", "ingested_at", "platform_login", "platform_user_id", "source"];
const COLUMNS = ["line", "quantity", "title", "length", "channel", "thread", "reverts", "empty", ...STORED];

const OF_RECEIPT = /^receipt:/;

const textIn = (value) => (typeof value === "string" || typeof value === "number" ? String(value) : "");

const digest = new Uint8Array(32);

/** The payload's hash; the next call writes over it. */
const payloadHash = (payload) => sha256(passingBytes(payload), digest);

/** Tells everything that is wrong with one event of an epoch's log, as `tell(rule, message, expected, actual)`. */
function judgeEvent({ event, payload }, epoch, tell) {
  if (event.node_id !== epoch.node_id) tell("NODE_SCOPED", "record of another node", epoch.node_id, event.node_id);
  if (event.scope_id !== epoch.scope_id) tell("SCOPE_SCOPED", "record of another scope", epoch.scope_id, event.scope_id);
  if (event.event_time >= epoch.period_end)
    tell("EPOCH_WINDOW_UNIQUE", "the event belongs to a later window", `before ${epoch.period_end}`, event.event_time);
  const right = payloadHash(payload);
  if (!isHex(right, event.payload_hash)) tell("PROVENANCE_REQUIRED", "wrong payload hash", hex(right), event.payload_hash);
}

/**
 * Cut a log into parts of whole lines that can be scanned apart.
 * @param {{name: string, path: string, data: Uint8Array}[]} shards  in order
 * @returns {{name: string, path: string, data: Uint8Array, line: number, torn: boolean}[]}  `line`: lines before the part
 */
export function cutParts(shards) {
  const parts = [];
  for (const { name, path, data } of shards) {
    for (let begin = 0, line = 0, end = 0; begin < data.length; begin = end) {
      const near = data.indexOf(10, Math.min(begin + PART, data.length) - 1);
      end = near === -1 ? data.length : near + 1;
      const part = { name, path, data: data.subarray(begin, end), line, torn: end === data.length && isTorn(data) };
      parts.push(part);
      for (let at = part.data.indexOf(10); at !== -1; at = part.data.indexOf(10, at + 1)) line += 1;
    }
  }
  return parts;
}

/** A column as one text, its values apart by line ends; one value where all are the same. */
function asText(values) {
  return values.length > 1 && values.every((value) => value === values[0]) ? String(values[0]) : values.join("\n");
}

/** The values of such a text, `count` of them. */
function valuesOf(text, count) {
  return count > 1 && !text.includes("\n") ? Array(count).fill(text) : text.split("\n");
}

/**
 * Every line of a part: its leaf hash, its record, and what is wrong with it.
 * @returns `leaves`: 32 bytes a line; `columns`: the events by field, each a text, since it crosses from one worker to
 *   another at once that way; `receipts`: what else is asked of events that are, or pretend to be, of receipts; `readable`:
 *   whether every line is a record
 */
export function scanPart({ path, data, line: before, torn }, epoch) {
  const findings = [];
  const spans = [...lineSpans(data)];
  const leaves = new Uint8Array(32 * spans.length);
  const columns = Object.fromEntries(COLUMNS.map((name) => [name, []]));
  const receipts = [];
  let readable = true;
  let line = before;
  const tell = (rule, message, expected = null, actual = null) => {
    if (findings.length <= MOST_FINDINGS) findings.push({ rule, message, path, line, expected, actual });
  };
  for (const [begin, end] of spans) {
    const raw = data.subarray(begin, end);
    leafHash(raw, leaves, 32 * (line - before));
    line += 1;
    try {
      if (torn && end === data.length) throw new Refusal("last line has no line end (torn write?)");
      const found = readEvent(raw);
      judgeEvent(found, epoch, tell);
      const { event } = found;
      columns.line.push(line);
      columns.quantity.push(event.quantity);
      if (event.source === "receipt" || OF_RECEIPT.test(event.id)) {
        const { id, source, producer, metadata, payload_hash: stated } = event;
        receipts.push({ path, line, id, source, producer, receipt: metadata.receipt_hash, payload: hex(payloadHash(found.payload)), stated });
      }
      const { title, length, channel_id, parent_id, reverts, empty } = event.metadata;
      columns.title.push(textIn(title));
      columns.length.push(typeof length === "number" ? length : "");
      columns.channel.push(textIn(channel_id));
      columns.thread.push(textIn(parent_id));
      columns.reverts.push(typeof reverts === "string" ? reverts : "");
      columns.empty.push(empty === true ? "1" : "");
      for (const name of STORED) columns[name].push(event[name] ?? NULL);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      readable = false;
      tell("PROVENANCE_REQUIRED", error.message);
    }
  }
  for (const name of COLUMNS) columns[name] = asText(columns[name]);
  return { findings, readable, leaves, columns, receipts };
}

/**
 * The whole log from its scanned parts, in order.
 * @returns findings; `readable`; `events` in short form; `receipts` (see above); `count` of lines; `root` in hex
 */
export function mergeParts(parts, scanned) {
  const findings = [];
  const repeated = [];
  const events = [];
  const firsts = new Map();
  for (const [index, { name, path }] of parts.entries()) {
    const part = scanned[index];
    findings.push(...part.findings);
    if (part.columns.line === "") continue;
    const lines = part.columns.line.split("\n");
    const [quantity, title, length, channel, thread, reverts, empty, event_time, event_type, id, ingested_at, login, platform_user_id, source] =
      COLUMNS.slice(1).map((column) => valuesOf(part.columns[column], lines.length));
    for (let row = 0; row < lines.length; row += 1) {
      const event = {
        shard: name, path, line: Number(lines[row]), quantity: quantity[row], title: title[row], length: length[row],
        channel: channel[row], thread: thread[row], reverts: reverts[row], empty: empty[row], event_time: event_time[row],
        event_type: event_type[row], id: id[row], ingested_at: ingested_at[row],
        platform_login: login[row] === NULL ? null : login[row], platform_user_id: platform_user_id[row], source: source[row],
      };
      const first = firsts.get(event.id);
      if (first === undefined) firsts.set(event.id, event);
      else repeated.push(finding("ACTIVITY_IDEMPOTENT", `event ${event.id} is in the log twice; first at ${first.path}:${first.line}`, path, event.line));
      events.push(event);
    }
  }
  const told = findings.slice(0, MOST_FINDINGS);
  if (findings.length > MOST_FINDINGS) told.push(finding(told.at(-1).rule, "more lines are wrong; these are the first", told.at(-1).path, null));
  const readable = scanned.every((part) => part.readable);
  const leaves = concat(scanned.map((part) => part.leaves));
  return { findings: [...told, ...repeated.slice(0, MOST_FINDINGS)], readable, events, receipts: scanned.flatMap((part) => part.receipts), count: leaves.length / 32, root: hex(rootOfHashes(leaves)) };
}

const finding = (rule, message, path, line) => ({ rule, message, path, line, expected: null, actual: null });
