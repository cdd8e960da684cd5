// What is kept of the events of a part of the log, field by field, whether a line was read or only walked (plainline.js).
import { bytesOf, EMPTY, textOf } from "./bytes.js";
import { Column } from "./columns.js";
import * as walked from "./plainline.js";
import { ActivityEvent } from "./records.js";

export const NULL = "\0"; // stands for null; no stored text holds a control character
const OF_METADATA = { title: "title", length: "length", channel_id: "channel", parent_id: "thread", reverts: "reverts", empty: "empty" };
const STORED = ["artifact_url", "event_time", "event_type", "id", "ingested_at", "platform_login", "platform_user_id", "source"];
const JUDGED = ["producer", "retrieved_at"]; // of these nothing is told behind the scan
export const COLUMNS = ["quantity", ...Object.values(OF_METADATA), ...STORED];

const columns = Object.fromEntries([...COLUMNS, ...JUDGED].map((name) => [name, new Column()]));
const wanted = Object.entries(OF_METADATA).map(([key, name]) => ({ name, key: bytesOf(key), column: columns[name] }));
const texts = [...STORED, ...JUDGED].filter((name) => name !== "platform_login").map((name) => ({ name, column: columns[name], field: walked.fieldOf(name) }));
const [LOGIN, QUANTITY] = ["platform_login", "quantity"].map(walked.fieldOf);
const CHECKED = new Map(ActivityEvent.fields.filter(([name]) => name !== "artifact_url" && texts.some((one) => one.name === name)).map(([name, check]) => [name, check]));

const [QUOTE, MINUS, ZERO, NINE, TRUE] = [..."\"-09t"].map((mark) => mark.charCodeAt(0));
const textIn = (value) => (typeof value === "string" || typeof value === "number" ? String(value) : "");

/** What is kept of a metadata's value, by its name. */
const KEPT = {
  title: (value) => (typeof value === "string" ? value : NULL), channel: textIn, thread: textIn,
  length: (value) => (typeof value === "number" ? String(value) : ""),
  reverts: (value) => (typeof value === "string" ? value : ""),
  empty: (value) => (value === true ? "1" : ""),
};

/** Begin a part. */
export function clearColumns() {
  for (const column of Object.values(columns)) column.clear();
}

/** Keep an event that was read. */
export function keepRead(event) {
  for (const [key, name] of Object.entries(OF_METADATA)) columns[name].put(KEPT[name](event.metadata[key]));
  for (const name of [...STORED, ...JUDGED]) columns[name].put(event[name] ?? NULL);
  columns.quantity.put(String(event.quantity));
}

const NOTHING = bytesOf(NULL);
const keepNothing = ({ name, column }) => (name === "title" ? column.copy(NOTHING, 0, NOTHING.length) : column.copy(EMPTY, 0, 0));

/** As `KEPT`, of a value that lies in the line. */
function keepMetadata(data, one, from, to) {
  const { name, column } = one;
  const first = data[from];
  const isNumber = first === MINUS || (first >= ZERO && first <= NINE);
  if (name === "empty" && first === TRUE) column.put("1");
  else if (name === "empty") keepNothing(one);
  else if (first === QUOTE && name !== "length") column.copy(data, from + 1, to - 1, true);
  else if (isNumber && name !== "reverts" && name !== "title") column.copy(data, from, to);
  else keepNothing(one);
}

/** Keep the event of the line that was walked last. */
export function keepWalked(data) {
  for (const one of wanted) {
    let at = 0;
    const { metadata } = walked;
    while (at < metadata.length && !(metadata[at + 1] - metadata[at] === one.key.length && walked.bytesAt(data, metadata[at], one.key))) at += 4;
    if (at === metadata.length) keepNothing(one);
    else keepMetadata(data, one, metadata[at + 2], metadata[at + 3]);
  }
  for (const { column, field } of texts) column.copy(data, walked.textStart(field), walked.textEnd(field), true);
  columns.quantity.copy(data, walked.valueStart(QUANTITY), walked.valueEnd(QUANTITY));
  if (data[walked.valueStart(LOGIN)] === QUOTE) columns.platform_login.copy(data, walked.textStart(LOGIN), walked.textEnd(LOGIN), true);
  else columns.platform_login.copy(NOTHING, 0, NOTHING.length);
}

/**
 * The columns, each the bytes of a text (columns.js). `end`: of the epoch, where lines were walked, whose values are judged here; then
 * null where one is not what its field may hold, or lies behind the epoch: who reads the lines tells what is wrong.
 */
export function keptColumns(end = null) {
  const found = {};
  for (const [name, column] of Object.entries(columns)) {
    const bytes = column.bytes();
    if (end !== null && CHECKED.has(name) && !textOf(bytes).split("\n").every((value) => CHECKED.get(name)(value) === null && (name !== "event_time" || value < end))) return null;
    if (!JUDGED.includes(name)) found[name] = bytes;
  }
  return found;
}
