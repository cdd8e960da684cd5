// The text that approvers sign, and who signed it (EIP-191 personal_sign, EIP-55 addresses, EIP-2 low s).
import { keccak_256, secp256k1 } from "../vendor/noble.js";
import { bytesOf, concat, fromHex, hex } from "./bytes.js";
import { Refusal } from "./errors.js";

const { Point } = secp256k1;
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** The exact text, no line end after the last: seven lines, or nine over an amendment. */
export function signedText(statement, statementHash) {
  const amended = statement.version > 1;
  return [
    amended ? "Ledger Statement Amendment" : "Cogni Payout Statement",
    `Node: ${statement.node_id}`,
    `Scope: ${statement.scope_id}`,
    `Epoch: ${statement.epoch_id}`,
    `Allocation Hash: ${statement.allocation_set_hash}`,
    `Pool Total: ${statement.pool_total_credits}`,
    `Statement Hash: ${statementHash}`,
    ...(amended ? [`Version: ${statement.version}`, `Supersedes: ${statement.supersedes_statement_hash}`] : []),
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

/** What who issues a receipt signs: nine lines, no line end after the last. */
export function receiptText(nodeId, receipt) {
  return [
    "Ledger Work Receipt",
    `Node: ${nodeId}`,
    `Scope: ${receipt.scope_id}`,
    `Work Item: ${receipt.work_item_id}`,
    `Subject: ${receipt.user_id}`,
    `Role: ${receipt.role}`,
    `Estimate: ${receipt.estimate} of ${receipt.work_points}`,
    `Artifact: ${receipt.artifact_url}`,
    `Issued At: ${receipt.issued_at}`,
  ].join("\n");
}

/** What who approves or revokes a receipt signs: seven lines, no line end after the last. */
export function decisionText(nodeId, scopeId, { receipt_hash: hash, act, number, reason }) {
  return [
    "Ledger Receipt Decision",
    `Node: ${nodeId}`,
    `Scope: ${scopeId}`,
    `Receipt Hash: ${hash}`,
    `Decision: ${act}`,
    `Number: ${number}`,
    `Reason: ${reason ?? "none"}`,
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

const addressOf = (point) => checksummed(`0x${hex(keccak_256(point.toBytes(false).subarray(1)).subarray(12))}`);

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

/** What a wallet really signs: Keccak-256 of the text behind its EIP-191 prefix. */
function digestOf(text) {
  const message = bytesOf(text);
  return keccak_256(concat([bytesOf(`\x19Ethereum Signed Message:\n${message.length}`), message]));
}

/** The checksummed address whose key signed `text` by personal_sign; `signature` in its stored form. */
export function recoverSigner(text, signature) {
  if (normalizeSignature(signature) !== signature) throw new Refusal("the signature is not in its stored form (lowercase, v 27 or 28)");
  const digest = digestOf(text);
  const raw = fromHex(signature.slice(2));
  try {
    const recovered = Uint8Array.of(raw[64] - 27, ...raw.subarray(0, 64));
    return addressOf(Point.fromBytes(secp256k1.recoverPublicKey(recovered, digest, { prehash: false })));
  } catch {
    throw new Refusal("no signer can be recovered from the signature (BadSignature)");
  }
}

const MANY = 8; // signatures of one wallet from which on a table of its key's multiples is worth its making

/**
 * Recovers the signers of a long log of few wallets. A key that was recovered once is kept, and what follows is compared
 * with it: that the point R of the signature is (h·G + r·P)/s says the same as that P is recovered from it, and takes a
 * fraction of the time since the multiples of G and P are at hand.
 */
export class Signers {
  #keys = new Map();

  /** The checksummed address whose key signed `text`, where `likely` is whose it should be. */
  recover(text, signature, likely) {
    const key = this.#keys.get(likely);
    if (key !== undefined && this.#isBy(key, text, signature)) return likely;
    const signer = recoverSigner(text, signature);
    if (key === undefined) {
      const raw = fromHex(signature.slice(2));
      const bytes = secp256k1.recoverPublicKey(Uint8Array.of(raw[64] - 27, ...raw.subarray(0, 64)), digestOf(text), { prehash: false });
      this.#keys.set(signer, { point: Point.fromBytes(bytes), used: 0 });
    }
    return signer;
  }

  #isBy(key, text, signature) {
    if (normalizeSignature(signature) !== signature) return false;
    if ((key.used += 1) === MANY) key.point.precompute(6, false);
    const [r, s] = [BigInt(`0x${signature.slice(2, 66)}`), BigInt(`0x${signature.slice(66, 130)}`)];
    const inverse = Point.Fn.inv(s);
    const [one, two] = [BigInt(`0x${hex(digestOf(text))}`) % ORDER, r].map((factor) => Point.Fn.mul(factor, inverse));
    if (one === 0n) return false;
    const sum = Point.BASE.multiplyUnsafe(one).add(key.point.multiplyUnsafe(two));
    if (sum.is0()) return false;
    const { x, y } = sum.toAffine();
    return x === r && Number(y & 1n) === Number(`0x${signature.slice(130)}`) - 27;
  }
}
