// One line of the activity log by its bytes. Nearly every line has one look: its keys in order, nothing between, texts with
// no escape but \" and \\. Such a line is walked once, and no text, object or number is made of it.
//
// What this takes is a canonical line with every field of an event and no other. What the fields may hold is not judged
// here, but for metadata, which is walked through: flat, keys of the right form and in order, whole numbers. All that this
// does not take goes the long way (event.js), which says why; the tests hold the two together.
import { bytesOf } from "./bytes.js";
import { firstBadByte } from "./canonical.js";
import { ActivityEvent } from "./records.js";

const NAMES = [...ActivityEvent.names].sort();
const LEADS = NAMES.map((name, index) => bytesOf(`${index ? "," : "{"}"${name}":`));
const METADATA = NAMES.indexOf("metadata");
const LOGIN = NAMES.indexOf("platform_login");
const QUANTITY = NAMES.indexOf("quantity");
const DIGITS = 15; // of a number that is certainly within ±(2^53-1)
const WORDS = ["true", "false", "null"].map(bytesOf);
const [QUOTE, COMMA, MINUS, COLON, BACKSLASH, OPEN, CLOSE] = [..."\",-:\\{}"].map((mark) => mark.charCodeAt(0));

/** The place of a field among all. */
export const fieldOf = (name) => NAMES.indexOf(name);

/** Where the writing of each field of the line begins, with the mark before its name; last, the line's closing brace. */
const starts = new Int32Array(NAMES.length + 1);

/** Of each key of the line's metadata, four places: where it begins and ends, where its value begins and ends. */
export const metadata = [];

/** Where the value of a text field begins, behind its quote. */
export const textStart = (field) => starts[field] + LEADS[field].length + 1;

/** Where it ends, before its quote. */
export const textEnd = (field) => starts[field + 1] - 1;

/** Where a value of any kind begins, and where it ends. */
export const valueStart = (field) => starts[field] + LEADS[field].length;
export const valueEnd = (field) => starts[field + 1];

/** Whether the bytes at `at` are these. */
export function bytesAt(data, at, wanted) {
  for (let index = 0; index < wanted.length; index += 1) if (data[at + index] !== wanted[index]) return false;
  return true;
}

/** Whether the walked line's field is a text of exactly these bytes. */
export const isText = (data, field, wanted) => textEnd(field) - textStart(field) === wanted.length && bytesAt(data, textStart(field), wanted);

/** 0 for a byte that says nothing in a text: neither its end, nor an escape, nor a control character, nor a part of a longer one. */
const SPECIAL = Uint8Array.from({ length: 256 }, (_, byte) => Number(byte === QUOTE || byte === BACKSLASH || byte < 0x20 || byte > 0x7e));

/** The place behind the text whose quote is at `at`, or -1. A line end is a control character, so none is run over. */
function pastText(data, at) {
  if (data[at] !== QUOTE) return -1;
  let high = false;
  for (let next = at + 1; next < data.length; next += 1) {
    const byte = data[next];
    if (SPECIAL[byte] === 0) continue;
    if (byte === QUOTE) return high && firstBadByte(data, at + 1, next) !== null ? -1 : next + 1;
    if (byte < 0x20 || byte === 0x7f) return -1;
    if (byte === BACKSLASH) {
      next += 1;
      if (data[next] !== QUOTE && data[next] !== BACKSLASH) return -1;
    } else high = true;
  }
  return -1;
}

const isDigit = (byte) => byte >= 0x30 && byte <= 0x39;

/** The place behind the whole number at `at`, or -1; `least`: 1 where it must be positive. */
function pastNumber(data, at, least) {
  const first = least === 0 && data[at] === MINUS ? at + 1 : at;
  let next = first;
  while (isDigit(data[next])) next += 1;
  const zero = data[first] === 0x30;
  return next === first || next - first > DIGITS || (zero && (least === 1 || first > at || next > first + 1)) ? -1 : next;
}

function pastValue(data, at) {
  const byte = data[at];
  if (byte === QUOTE) return pastText(data, at);
  if (byte === MINUS || isDigit(byte)) return pastNumber(data, at, 0);
  const word = WORDS.find((one) => bytesAt(data, at, one));
  return word ? at + word.length : -1;
}

/** The place behind a key of metadata (a-z, 0-9 and _, beginning with a letter) that begins at `at`, or -1. */
function pastKey(data, at) {
  if (data[at] < 0x61 || data[at] > 0x7a) return -1;
  let next = at + 1;
  while ((data[next] >= 0x61 && data[next] <= 0x7a) || data[next] === 0x5f || isDigit(data[next])) next += 1;
  return next;
}

/** Whether the key that ends at `end` comes behind the one before it; both lie in the line, the quote behind each. */
function isBehind(data, at, end, before, beforeEnd) {
  for (let index = 0; at + index < end; index += 1) {
    if (before + index === beforeEnd) return true;
    const step = data[at + index] - data[before + index];
    if (step !== 0) return step > 0;
  }
  return false;
}

/** The place behind the metadata at `at`, or -1. */
function pastMetadata(data, at) {
  metadata.length = 0;
  if (data[at] !== OPEN) return -1;
  if (data[at + 1] === CLOSE) return at + 2;
  let [before, beforeEnd] = [at, at]; // no key yet: every key is behind an empty one
  for (let next = at; data[next] === (next === at ? OPEN : COMMA);) {
    const key = next + 2;
    if (data[next + 1] !== QUOTE) return -1;
    const end = pastKey(data, key);
    if (end === -1 || data[end] !== QUOTE || data[end + 1] !== COLON || !isBehind(data, key, end, before, beforeEnd)) return -1;
    [before, beforeEnd] = [key, end];
    next = pastValue(data, end + 2);
    if (next === -1) return -1;
    metadata.push(key, end, end + 2, next);
    if (data[next] === CLOSE) return next + 1;
  }
  return -1;
}

/** Walk the line from `begin` to its line end at `end`; false where it has another look. Then its places can be asked for. */
export function walkLine(data, begin, end) {
  let at = begin;
  for (let field = 0; field < NAMES.length; field += 1) {
    starts[field] = at;
    if (!bytesAt(data, at, LEADS[field])) return false;
    at += LEADS[field].length;
    if (field === METADATA) at = pastMetadata(data, at);
    else if (field === QUANTITY) at = pastNumber(data, at, 1);
    else if (field === LOGIN && data[at] !== QUOTE) at = bytesAt(data, at, WORDS[2]) ? at + 4 : -1;
    else at = pastText(data, at);
    if (at === -1) return false;
  }
  starts[NAMES.length] = at;
  return data[at] === CLOSE && at + 1 === end;
}

const PAYLOAD = [["artifact_url", "ingested_at"], ["metadata", "node_id"], ["platform_user_id", "producer"], ["quantity", "retrieved_at"], ["source"]]
  .map(([from, to]) => [fieldOf(from), to ? fieldOf(to) : NAMES.length]);

/** Writes the canonical payload of the walked line, eight of its fields, into `room`, which is as long as the line; gives its length. */
export function copyPayload(data, room) {
  let size = 0;
  for (const [first, last] of PAYLOAD) for (let at = starts[first], end = starts[last]; at < end; at += 1, size += 1) room[size] = data[at];
  room[size] = CLOSE;
  return size + 1;
}
