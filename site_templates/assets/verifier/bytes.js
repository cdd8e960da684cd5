// Bytes, text and hashes.
import { sha256 } from "./sha256.js";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

const kept = new WeakMap();

/** What `work` makes of these bytes, once: a worker that rechecks many epochs reads the logs that they share from the same ones. */
export function once(data, key, work) {
  if (!kept.has(data)) kept.set(data, new Map());
  const found = kept.get(data);
  if (!found.has(key)) found.set(key, work());
  return found.get(key);
}

export const EMPTY = new Uint8Array(0);

/** The text of UTF-8 bytes; TypeError when they are none. A byte order mark is kept, not swallowed. */
export const textOf = (bytes) => decoder.decode(bytes);

export const bytesOf = (text) => encoder.encode(text);

let room = new Uint8Array(4096);

/** `size` bytes or more for what is read at once, the same ones each time: whoever asks next writes over them. */
export function passingRoom(size) {
  if (room.length < size) room = new Uint8Array(2 * size);
  return room;
}

/** As `bytesOf`, in such bytes. */
export function passingBytes(text) {
  const bytes = passingRoom(text.length * 3);
  return bytes.subarray(0, encoder.encodeInto(text, bytes).written);
}

export function hex(bytes) {
  let text = "";
  for (const byte of bytes) text += HEX[byte];
  return text;
}

export function fromHex(text) {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

const [HIGH, LOW] = [0, 1].map((place) => Uint8Array.from(HEX, (pair) => pair.charCodeAt(place)));

/** Whether bytes are what lower-case hex digits say that lie in `data` between two places; no text is made of them. */
export function isHex(bytes, data, from, to) {
  if (to - from !== bytes.length * 2) return false;
  for (let index = 0, at = from; at < to; index += 1, at += 2) if (data[at] !== HIGH[bytes[index]] || data[at + 1] !== LOW[bytes[index]]) return false;
  return true;
}

export const sha256Hex = (bytes) => hex(sha256(bytes));

/** The same, of bytes that more than one rule asks about, hashed once. */
export const hashOf = (bytes) => once(bytes, "sha256", () => sha256Hex(bytes));

export function sameBytes(a, b) {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** The parts one after the other. */
export function concat(parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
