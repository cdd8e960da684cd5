// Merkle tree hash of RFC 9162, section 2.1, over SHA-256.
import { EMPTY, sha256 } from "./bytes.js";

/** HASH(0x00 || leaf). */
export function leafHash(leaf) {
  const input = new Uint8Array(leaf.length + 1);
  input.set(leaf, 1);
  return sha256(input);
}

/** The root over leaf hashes, in order: neighbours pair level by level, an odd last one is carried upwards. */
export function rootOfHashes(leaves) {
  if (leaves.length === 0) return sha256(EMPTY);
  const pair = new Uint8Array(65);
  pair[0] = 1;
  let level = leaves;
  while (level.length > 1) {
    const above = [];
    for (let index = 0; index + 1 < level.length; index += 2) {
      pair.set(level[index], 1);
      pair.set(level[index + 1], 33);
      above.push(sha256(pair));
    }
    if (level.length % 2) above.push(level.at(-1));
    level = above;
  }
  return level[0];
}
