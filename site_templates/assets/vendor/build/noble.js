// What the verifier needs of the noble libraries, and nothing else.
export { secp256k1 } from "@noble/curves/secp256k1.js";
export { sha1 } from "@noble/hashes/legacy.js";
export { sha256 } from "@noble/hashes/sha2.js";
export { keccak_256 } from "@noble/hashes/sha3.js";
