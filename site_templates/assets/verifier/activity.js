// A part of the activity log: every line's form, place, payload hash and leaf hash. What all parts come to: log.js.
import { bytesOf, hex, isHex, passingBytes, passingRoom } from "./bytes.js";
import { LINE_BYTES, lineEnds } from "./canonical.js";
import { Refusal } from "./errors.js";
import { readEvent } from "./event.js";
import { clearColumns, keepRead, keepWalked, keptColumns } from "./eventcolumns.js";
import { leafHash } from "./merkle.js";
import { bytesAt, copyPayload, fieldOf, isText, textEnd, textStart, walkLine } from "./plainline.js";
import { sha256 } from "./sha256.js";
import { is } from "./values.js";

export const MOST_FINDINGS = 100;
const [NODE, SCOPE, SOURCE, ID, HASH] = ["node_id", "scope_id", "source", "id", "payload_hash"].map(fieldOf);
const [OF_RECEIPT, RECEIPT_ID] = ["receipt", "receipt:"].map(bytesOf);

const digest = new Uint8Array(32);

/** The payload's hash; the next call writes over it. */
const payloadHash = (payload) => sha256(passingBytes(payload), digest);

/** Tells everything that is wrong with one event of an epoch's log, as `tell(rule, message, expected, actual)`. */
function judgeEvent({ event, payload }, epoch, tell) {
  if (event.node_id !== epoch.node_id) tell("NODE_SCOPED", "record of another node", epoch.node_id, event.node_id);
  if (event.scope_id !== epoch.scope_id) tell("SCOPE_SCOPED", "record of another scope", epoch.scope_id, event.scope_id);
  if (event.event_time >= epoch.period_end)
    tell("EPOCH_WINDOW_UNIQUE", "the event belongs to a later window", `before ${epoch.period_end}`, event.event_time);
  const right = hex(payloadHash(payload));
  if (right !== event.payload_hash) tell("PROVENANCE_REQUIRED", "wrong payload hash", right, event.payload_hash);
}

/** Keeps the event of a line of the common look; false, and nothing is kept, where there is more to say about a line. */
function walkEvent(data, begin, end, { node, scope }) {
  if (end - begin > LINE_BYTES || !walkLine(data, begin, end)) return false;
  if (!isText(data, NODE, node) || !isText(data, SCOPE, scope) || isText(data, SOURCE, OF_RECEIPT) || bytesAt(data, textStart(ID), RECEIPT_ID)) return false;
  const room = passingRoom(end - begin);
  sha256(room, digest, 0, copyPayload(data, room));
  if (!isHex(digest, data, textStart(HASH), textEnd(HASH))) return false;
  keepWalked(data);
  return true;
}

/** Every line of a part; see `scanPart`. `walking`: lines of the common look are walked; null where those are not right. */
export function scanLines({ data, torn }, epoch, walking) {
  const findings = [];
  const ends = lineEnds(data);
  const leaves = new Uint8Array(32 * ends.length);
  const lines = [];
  const receipts = [];
  const due = { node: bytesOf(String(epoch.node_id)), scope: bytesOf(String(epoch.scope_id)) };
  let [line, begin] = [0, 0];
  const tell = (rule, message, expected = null, actual = null) => {
    if (findings.length <= MOST_FINDINGS) findings.push({ rule, message, line, expected, actual });
  };
  clearColumns();
  for (const end of ends) {
    const raw = data.subarray(begin, end);
    leafHash(raw, leaves, 32 * line);
    line += 1;
    try {
      if (torn && end === data.length) throw new Refusal("last line has no line end (torn write?)");
      if (!(walking && walkEvent(data, begin, end, due))) {
        const found = readEvent(raw);
        judgeEvent(found, epoch, tell);
        const { id, source, producer, metadata, payload_hash: stated } = found.event;
        if (source === "receipt" || id.startsWith("receipt:"))
          receipts.push({ line, id, source, producer, receipt: metadata.receipt_hash, payload: hex(payloadHash(found.payload)), stated });
        keepRead(found.event);
      }
      lines.push(line);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      tell("PROVENANCE_REQUIRED", error.message);
    }
    begin = end + 1;
  }
  const columns = keptColumns(walking ? epoch.period_end : null);
  return columns && { findings, readable: lines.length === ends.length, leaves, lines: Uint32Array.from(lines), columns, receipts };
}

/**
 * Every line of a part: its leaf hash, its record, and what is wrong with it. Lines are numbered within the part, from 1.
 * @returns `leaves`: 32 bytes a line; `lines`: the numbers of those that are events; `columns`: these events by field, as
 *   texts (columns.js); `receipts`: what else is asked of events that are, or pretend to be, of receipts; `readable`:
 *   whether every line is a record
 */
export function scanPart(part, epoch) {
  const known = is.uuid(epoch.node_id) === null && is.scope(epoch.scope_id) === null;
  return (known && scanLines(part, epoch, true)) || scanLines(part, epoch, false);
}
