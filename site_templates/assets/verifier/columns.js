// Texts of many lines, gathered field by field as bytes: one text is made of a whole column, and none of each value.
import { passingBytes } from "./bytes.js";

const END = 10; // between two values: no stored text holds a line end
const BACKSLASH = 0x5c;

/** One field of many lines. While all values are the same, the first is kept and the others counted. */
export class Column {
  #bytes = new Uint8Array(1 << 18); // of a part of a log most fields have less: none of these grows then
  #size = 0;
  #count = 0;
  #first = -1; // bytes of the first value while all are like it; -1 from the first other one on

  clear() {
    this.#size = this.#count = 0;
    this.#first = -1;
  }

  /** A value whose bytes lie in a line; `escaped`: each backslash there stands before the mark that is meant. */
  copy(data, from, to, escaped = false) {
    if (this.#isFirst(data, from, to)) return;
    this.#room(to - from + 1);
    const bytes = this.#bytes;
    let size = this.#size;
    for (let at = from; at < to; at += 1) {
      if (escaped && data[at] === BACKSLASH) at += 1;
      bytes[size] = data[at];
      size += 1;
    }
    this.#ended(size);
  }

  /** A value that is a text already. */
  put(text) {
    const bytes = passingBytes(text);
    this.copy(bytes, 0, bytes.length);
  }

  /** The UTF-8 of all values as one text, which crosses from one worker to another as it is; one value where all are the same. */
  bytes() { return this.#bytes.slice(0, Math.max(0, this.#size - 1)); }

  /** Whether the bytes are once more the first value, which is counted then. A value with an escape never is. */
  #isFirst(data, from, to) {
    const [first, bytes] = [this.#first, this.#bytes];
    if (first === -1) return false;
    let at = to - from === first ? 0 : -1;
    while (at !== -1 && at < first) at = data[from + at] === bytes[at] && bytes[at] !== BACKSLASH ? at + 1 : -1;
    if (at === -1) this.#different();
    else this.#count += 1;
    return at !== -1;
  }

  /** Writes the first value as often as it was there. */
  #different() {
    if (this.#first === -1) return;
    const size = this.#first + 1;
    this.#room(size * (this.#count - 1));
    for (let count = 1; count < this.#count; count += 1) this.#bytes.copyWithin(count * size, 0, size);
    this.#size = size * this.#count;
    this.#first = -1;
  }

  #room(more) {
    if (this.#size + more <= this.#bytes.length) return;
    const larger = new Uint8Array(2 * (this.#size + more));
    larger.set(this.#bytes.subarray(0, this.#size));
    this.#bytes = larger;
  }

  #ended(size) {
    if (this.#count === 0) this.#first = size;
    this.#bytes[size] = END;
    this.#size = size + 1;
    this.#count += 1;
  }
}

/** The values of such a text, `count` of them. */
export function valuesOf(text, count) {
  return count > 1 && !text.includes("\n") ? Array(count).fill(text) : text.split("\n");
}
