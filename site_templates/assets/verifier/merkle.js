// Merkle tree hash of RFC 9162, section 2.1, over SHA-256. Hashes lie one after the other, 32 bytes each.
import { EMPTY, passingRoom } from "./bytes.js";
import { sha256 } from "./sha256.js";

const pair = new Uint8Array(65).fill(1, 0, 1);

/** HASH(0x00 || leaf), written to `out` at `at`; gives `out`. */
export function leafHash(leaf, out = new Uint8Array(32), at = 0) {
  const bytes = passingRoom(leaf.length + 1);
  bytes[0] = 0;
  bytes.set(leaf, 1);
  return sha256(bytes, out, at, leaf.length + 1);
}

/** The root over leaf hashes, in order: neighbours pair level by level, an odd last one is carried upwards. */
export function rootOfHashes(leaves) {
  if (leaves.length === 0) return sha256(EMPTY);
  const level = leaves.slice();
  for (let length = level.length; length > 32;) {
    let above = 0;
    for (let at = 0; at < length; at += 64, above += 32) {
      if (at + 32 === length) level.copyWithin(above, at, length);
      else {
        for (let index = 0; index < 64; index += 1) pair[index + 1] = level[at + index];
        sha256(pair, level, above);
      }
    }
    length = above;
  }
  return level.slice(0, 32);
}
