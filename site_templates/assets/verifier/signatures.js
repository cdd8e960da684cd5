// The text that approvers sign, and who signed it (EIP-191 personal_sign, EIP-55 addresses, EIP-2 low s).
import { keccak_256, secp256k1 } from "../vendor/noble.js";
import { bytesOf, fromHex, hex } from "./bytes.js";
import { Refusal } from "./errors.js";

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** The exact text: seven lines, no line end after the last. */
export function signedText(statement, statementHash) {
  return [
    "Cogni Payout Statement",
    `Node: ${statement.node_id}`,
    `Scope: ${statement.scope_id}`,
    `Epoch: ${statement.epoch_id}`,
    `Allocation Hash: ${statement.allocation_set_hash}`,
    `Pool Total: ${statement.pool_total_credits}`,
    `Statement Hash: ${statementHash}`,
  ].join("\n");
}

/** What people sign over an approver set: seven lines, no line end after the last. */
export function setText(line, hash) {
  return [
    "Ledger Approver Set",
    `Node: ${line.node_id}`,
    `Scope: ${line.scope_id}`,
    `Version: ${line.seq}`,
    `Threshold: ${line.threshold}`,
    `Set Hash: ${hash}`,
    `Previous: ${line.previous ?? "none"}`,
  ].join("\n");
}

/** What a witness signs: eight lines, no line end after the last. Tool and version come from a record that was read. */
export function attestedText(statement, statementHash, { tool, tool_version }) {
  return [
    "Ledger Epoch Attestation",
    "I recomputed this epoch and got the same bytes.",
    `Node: ${statement.node_id}`,
    `Scope: ${statement.scope_id}`,
    `Epoch: ${statement.epoch_id}`,
    `Statement Hash: ${statementHash}`,
    `Tool: ${tool}`,
    `Tool Version: ${tool_version}`,
  ].join("\n");
}

/** What a wallet's personal_sign takes: the text's UTF-8 bytes in hex. */
export const hexOfText = (text) => `0x${hex(bytesOf(text))}`;

/** `address` with its EIP-55 checksum. */
export function checksummed(address) {
  const digits = address.slice(2).toLowerCase();
  const hash = hex(keccak_256(bytesOf(digits)));
  return `0x${[...digits].map((digit, index) => (hash[index] >= "8" ? digit.toUpperCase() : digit)).join("")}`;
}

/** The one accepted form: 0x, 130 lowercase hex digits, v 27 or 28 (0/1 is put right), s in the lower half. */
export function normalizeSignature(signature) {
  const text = signature.trim();
  if (!/^0x[0-9a-fA-F]{130}$/.test(text)) throw new Refusal(`a signature is 0x and 130 hex digits (65 bytes), not ${text.length} characters`);
  const body = text.slice(2, 130).toLowerCase();
  let v = Number.parseInt(text.slice(130), 16);
  if (v === 0 || v === 1) v += 27;
  if (v !== 27 && v !== 28) throw new Refusal(`the signature's last byte v is ${v}; it must be 27 or 28`);
  const [r, s] = [BigInt(`0x${body.slice(0, 64)}`), BigInt(`0x${body.slice(64)}`)];
  if (r === 0n || r >= ORDER || s === 0n || s > ORDER / 2n)
    throw new Refusal("the signature's r or s is out of range (s must lie in the lower half, EIP-2)");
  return `0x${body}${v.toString(16)}`;
}

/** The checksummed address whose key signed `text` by personal_sign; `signature` in its stored form. */
export function recoverSigner(text, signature) {
  if (normalizeSignature(signature) !== signature) throw new Refusal("the signature is not in its stored form (lowercase, v 27 or 28)");
  const message = bytesOf(text);
  const digest = keccak_256(Uint8Array.of(...bytesOf(`\x19Ethereum Signed Message:\n${message.length}`), ...message));
  const raw = fromHex(signature.slice(2));
  try {
    const recovered = Uint8Array.of(raw[64] - 27, ...raw.subarray(0, 64));
    const key = secp256k1.recoverPublicKey(recovered, digest, { prehash: false });
    const point = secp256k1.Point.fromBytes(key).toBytes(false);
    return checksummed(`0x${hex(keccak_256(point.subarray(1)).subarray(12))}`);
  } catch {
    throw new Refusal("no signer can be recovered from the signature (BadSignature)");
  }
}
