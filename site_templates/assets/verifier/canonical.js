// Canonical bytes (RFC 8785): one JSON object a line, and a reader that refuses everything else.
//
// Fast where a line is right: parse, write again, compare. Where they differ, a slow reader of our own says why.
import { bytesOf, textOf } from "./bytes.js";
import { Refusal } from "./errors.js";

const MAX_DEPTH = 32;
export const LINE_BYTES = 1_000_000; // the longest line that is read (specification, Bounds)
const PLAIN = /^[^\\\x00-\x1f\x7f]*(?:\\["\\][^\\\x00-\x1f\x7f]*)*$/;

/** The canonical text of a value: keys sorted (all of ours are ASCII), no spaces; whole numbers only. */
export function canonicalText(value) {
  if (sound(value)) return JSON.stringify(value); // nearly all: four times as fast
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const fields = Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonicalText(value[key])}`);
    return `{${fields.join(",")}}`;
  }
  if (typeof value === "number" && !Number.isSafeInteger(value)) throw new Refusal(`${value} is no whole number`);
  return JSON.stringify(value);
}

export const encode = (value) => bytesOf(canonicalText(value));

/** The object that a text is the canonical writing of; null for any other text. */
export function decodeText(text) {
  try {
    const value = JSON.parse(text);
    // Equality proves spacing, shortest escapes and numbers, and that no key stood twice; the walk proves the rest.
    return JSON.stringify(value) === text && isObject(value) && sound(value) && isPlain(text) ? value : null;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return null;
    throw error;
  }
}

/** The object of one canonical line (bytes without the line end) of at most `most` bytes; Refusal for anything else. */
export function decode(raw, most = LINE_BYTES) {
  if (raw.length > most) throw new Refusal(`line of ${raw.length} bytes; the longest that is read has ${most}`);
  let value = null;
  try {
    value = decodeText(textOf(raw));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  if (value === null) throw refusalOf(raw);
  return value;
}

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

const isPlain = (text) => (!text.includes("\\") && !text.includes("\x7f")) || PLAIN.test(text);

/** Whether keys are in order, numbers are whole and safe, and nothing nests too deeply, all the way down. */
function sound(value, level = 1) {
  if (typeof value === "number") return Number.isSafeInteger(value);
  if (value === null || typeof value !== "object") return value !== undefined;
  if (level > MAX_DEPTH) return false;
  let before = null;
  for (const key in value) {
    if (!Array.isArray(value) && before !== null && key <= before) return false;
    if (!sound(value[key], level + 1)) return false;
    before = key;
  }
  return true;
}

/** Why a line is refused, in words. */
function refusalOf(raw) {
  if (raw.length === 0) return new Refusal("blank line");
  if (raw[0] === 0xef && raw[1] === 0xbb && raw[2] === 0xbf) return new Refusal("starts with a byte order mark (BOM)");
  const bad = firstBadByte(raw);
  if (bad !== null) return new Refusal(`not UTF-8 (byte ${bad})`);
  const text = textOf(raw);
  if (depth(text) > MAX_DEPTH) return new Refusal("nested too deeply");
  try {
    if (!isObject(new Reader(text).whole())) return new Refusal("not a JSON object");
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  if (!PLAIN.test(text)) return new Refusal('control character, or an escape other than \\" and \\\\');
  return new Refusal("not in canonical form (RFC 8785: keys sorted, no spaces, shortest escapes)");
}

/** How deep brackets outside strings nest. */
function depth(text) {
  let [now, most] = [0, 0];
  for (const mark of text.replace(/"(?:[^"\\]|\\.)*"?/gs, "")) {
    if (mark === "{" || mark === "[") most = Math.max(most, (now += 1));
    if (mark === "}" || mark === "]") now -= 1;
  }
  return most;
}

/** Where the first sequence that is no UTF-8 begins (Unicode 15, table 3-7), between two places; null when there is none. */
export function firstBadByte(raw, begin = 0, end = raw.length) {
  for (let at = begin; at < end;) {
    const lead = raw[at];
    if (lead < 0x80) { at += 1; continue; }
    const length = lead >= 0xc2 && lead <= 0xdf ? 2 : lead >= 0xe0 && lead <= 0xef ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
    const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    if (length === 0 || at + length > end || raw[at + 1] < low || raw[at + 1] > high) return at;
    for (let next = at + 2; next < at + length; next += 1) if (raw[next] < 0x80 || raw[next] > 0xbf) return at;
    at += length;
  }
  return null;
}

/** A JSON reader (RFC 8259) that sees what JSON.parse forgets: duplicate keys and how a number was written. */
class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  whole() {
    const value = this.value();
    if (this.at < this.text.length) this.fail("Extra data");
    return value;
  }

  fail(message, at = this.at) {
    throw new Refusal(`not JSON: ${message} (column ${[...this.text.slice(0, at)].length + 1})`);
  }

  space() {
    while (" \t\n\r".includes(this.text[this.at] ?? "x")) this.at += 1;
  }

  value() {
    this.space();
    const mark = this.text[this.at];
    let value;
    if (mark === "{") value = this.object();
    else if (mark === "[") value = this.array();
    else if (mark === '"') value = this.string();
    else value = this.atom();
    this.space();
    return value;
  }

  object() {
    const found = new Map();
    let twice = null;
    this.at += 1;
    this.space();
    if (this.text[this.at] === "}") { this.at += 1; return {}; }
    for (;;) {
      this.space();
      if (this.text[this.at] !== '"') this.fail("Expecting property name enclosed in double quotes");
      const key = this.string();
      this.space();
      if (this.text[this.at] !== ":") this.fail("Expecting ':' delimiter");
      this.at += 1;
      if (found.has(key)) twice ??= key;
      found.set(key, this.value());
      const mark = this.text[this.at];
      if (mark !== "," && mark !== "}") this.fail("Expecting ',' delimiter");
      this.at += 1;
      if (mark === "}") break;
    }
    if (twice !== null) throw new Refusal(`duplicate key '${twice.slice(0, 40)}'`);
    return Object.fromEntries(found);
  }

  array() {
    const found = [];
    this.at += 1;
    this.space();
    if (this.text[this.at] === "]") { this.at += 1; return found; }
    for (;;) {
      found.push(this.value());
      const mark = this.text[this.at];
      if (mark !== "," && mark !== "]") this.fail("Expecting ',' delimiter");
      this.at += 1;
      if (mark === "]") return found;
    }
  }

  string() {
    const begin = this.at;
    for (this.at += 1; this.text[this.at] !== '"'; this.at += 1) {
      if (this.at >= this.text.length) this.fail("Unterminated string starting at", begin);
      if (this.text[this.at] < " ") this.fail("Invalid control character at");
      if (this.text[this.at] === "\\" && !/^\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/.test(this.text.slice(this.at, this.at + 6)))
        this.fail(this.at + 1 >= this.text.length ? "Unterminated string starting at" : "Invalid \\escape");
      if (this.text[this.at] === "\\") this.at += 1;
    }
    this.at += 1;
    return JSON.parse(this.text.slice(begin, this.at));
  }

  atom() {
    const rest = this.text.slice(this.at);
    const [word] = /^(?:true|false|null|NaN|-?Infinity|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)/.exec(rest) ?? [];
    if (word === undefined) this.fail("Expecting value");
    this.at += word.length;
    if (["true", "false", "null"].includes(word)) return JSON.parse(word);
    if (!/^-?[0-9]+$/.test(word)) throw new Refusal(`number ${word.slice(0, 40)} has a fraction, an exponent or no finite value`);
    if (!Number.isSafeInteger(Number(word))) throw new Refusal(`integer ${word.slice(0, 40)} lies outside ±(2^53-1)`);
    return Number(word);
  }
}

/** Where each line of a log ends, without its line end; split at the byte \n and nowhere else. */
export function lineEnds(data) {
  const ends = [];
  for (let begin = 0; begin < data.length; begin = ends.at(-1) + 1) {
    const end = data.indexOf(10, begin);
    ends.push(end === -1 ? data.length : end);
  }
  return ends;
}

/** Where each begins and ends. */
export function* lineSpans(data) {
  let begin = 0;
  for (const end of lineEnds(data)) {
    yield [begin, end];
    begin = end + 1;
  }
}

export const isTorn = (data) => data.length > 0 && data[data.length - 1] !== 10;

/** Each line's number (from 1) and object; Refusal names path and line, and a torn last line before all else. */
export function* readObjects(data, path) {
  const spans = [...lineSpans(data)];
  if (isTorn(data)) throw new Refusal("last line has no line end (torn write?)", { path, line: spans.length });
  for (const [index, [begin, end]] of spans.entries()) {
    try {
      yield [index + 1, decode(data.subarray(begin, end))];
    } catch (error) {
      throw error instanceof Refusal ? error.at(path, index + 1) : error;
    }
  }
}
