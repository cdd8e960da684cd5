// Merkle tree hash of RFC 9162, section 2.1, over SHA-256. Hashes lie one after the other, 32 bytes each.
import { EMPTY, passingRoom } from "./bytes.js";
import { sha256 } from "./sha256.js";

const pair = new Uint8Array(65).fill(1, 0, 1); // 0x01, and two hashes
const [LEFT, RIGHT] = [1, 33];

/** HASH(0x00 || leaf), written to `out` at `at`; gives `out`. */
export function leafHash(leaf, out = new Uint8Array(32), at = 0) {
  const bytes = passingRoom(leaf.length + 1);
  bytes[0] = 0;
  bytes.set(leaf, 1);
  return sha256(bytes, out, at, leaf.length + 1);
}

/** A tree that grows at its end. Kept are the roots of whole subtrees: one of 2^level leaves where `size` has that bit. */
export class Tree {
  #roots = new Uint8Array(32 * 32);
  size = 0;

  /** Leaf hashes, in order. */
  add(leaves) {
    for (let at = 0; at < leaves.length; at += 32) {
      copy(leaves, at, pair, RIGHT);
      let level = 0;
      for (; (this.size >>> level) & 1; level += 1) this.#join(level);
      copy(pair, RIGHT, this.#roots, 32 * level);
      this.size += 1;
    }
    return this;
  }

  /** The root over all: the smaller subtrees are carried upwards to the larger ones before them. */
  root() {
    if (this.size === 0) return sha256(EMPTY);
    let level = 31 - Math.clz32(this.size & -this.size);
    copy(this.#roots, 32 * level, pair, RIGHT);
    for (level += 1; this.size >>> level > 0 && level < 32; level += 1) if ((this.size >>> level) & 1) this.#join(level);
    return pair.slice(RIGHT);
  }

  /** Puts a kept root before what stands at the right, and the hash of both there. */
  #join(level) {
    copy(this.#roots, 32 * level, pair, LEFT);
    sha256(pair, pair, RIGHT);
  }
}

function copy(from, at, to, there) {
  for (let index = 0; index < 32; index += 1) to[there + index] = from[at + index];
}

export const rootOfHashes = (leaves) => new Tree().add(leaves).root();
