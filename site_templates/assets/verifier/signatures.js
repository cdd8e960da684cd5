// The text that approvers sign, and who signed it (EIP-191 personal_sign, EIP-55 addresses, EIP-2 low s).
import { keccak_256, secp256k1 } from "../vendor/noble.js";
import { bytesOf, concat, fromHex, hex } from "./bytes.js";
import { Refusal } from "./errors.js";
import { areByTheirKeys } from "./manysigners.js";

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

const STORED = /^0x[0-9a-f]{128}1[bc]$/;
const partsOf = (signature) => ({ r: BigInt(signature.slice(0, 66)), s: BigInt(`0x${signature.slice(66, 130)}`), odd: signature.endsWith("1c") });
const isInRange = (r, s) => r > 0n && r < ORDER && s > 0n && s <= ORDER / 2n;

/** What a text is that is no signature, where that shows, and what to do about it. */
function malformed(text) {
  if (!/^0x(?:[0-9a-fA-F]{128}|[0-9a-fA-F]{131,})$/.test(text)) return `, not ${text.length} characters`;
  const found = `: this has ${text.length - 2}`;
  return text.length === 130
    ? `${found}, a compact one (EIP-2098). Have the wallet give the 65 bytes of personal_sign`
    : `${found}, as contract wallets answer (Safe, smart accounts). No key signs for those: sign with a wallet that holds one`;
}

/** The one accepted form: 0x, 130 lowercase hex digits, v 27 or 28 (0/1 is put right), s in the lower half. */
export function normalizeSignature(signature) {
  const text = signature.trim();
  if (!/^0x[0-9a-fA-F]{130}$/.test(text)) throw new Refusal(`a signature is 0x and 130 hex digits (65 bytes)${malformed(text)}`);
  const body = text.slice(2, 130).toLowerCase();
  let v = Number.parseInt(text.slice(130), 16);
  if (v === 0 || v === 1) v += 27;
  if (v !== 27 && v !== 28) throw new Refusal(`the signature's last byte v is ${v}; it must be 27 or 28`);
  const { r, s } = partsOf(`0x${body}1b`);
  if (!isInRange(r, s))
    throw new Refusal("the signature's r or s is out of range (s must lie in the lower half, EIP-2)");
  return `0x${body}${v.toString(16)}`;
}

/** What a wallet really signs: Keccak-256 of the text behind its EIP-191 prefix. */
function digestOf(text) {
  const message = bytesOf(text);
  return keccak_256(concat([bytesOf(`\x19Ethereum Signed Message:\n${message.length}`), message]));
}

/** The key that made `signature` over a digest; throws where there is none. */
function recoverKey(digest, signature) {
  const raw = fromHex(signature.slice(2));
  return Point.fromBytes(secp256k1.recoverPublicKey(Uint8Array.of(raw[64] - 27, ...raw.subarray(0, 64)), digest, { prehash: false }));
}

/** The checksummed address whose key signed `text` by personal_sign; `signature` in its stored form. */
export function recoverSigner(text, signature) {
  if (normalizeSignature(signature) !== signature) throw new Refusal("the signature is not in its stored form (lowercase, v 27 or 28)");
  const digest = digestOf(text);
  try {
    return addressOf(recoverKey(digest, signature));
  } catch {
    throw new Refusal("no signer can be recovered from the signature (BadSignature)");
  }
}

const MANY = 24; // signatures of one wallet from which on tables of its key's multiples are worth their making
const TRIES = 8; // signatures from which a wallet's key is sought: more that are not its own are not worth it

/** The key of a wallet, from one of the signatures that should be its own; null where none of the first is. */
function keyOf(wallet, signed) {
  for (const { text, signature } of signed.slice(0, TRIES)) {
    try {
      const key = recoverKey(digestOf(text), signature);
      if (addressOf(key) === wallet) return key;
    } catch {
      // told by whoever asks for this one's signer
    }
  }
  return null;
}

/**
 * The signers of a long log of few wallets: all those that are as `signed` says are confirmed at once, at the beginning.
 * @param signed  `{ text, signature, likely }`: what a signature should be over, and whose it should be
 */
export class Signers {
  #known = new Map();

  constructor(signed) {
    const wallets = new Map();
    for (const one of signed) {
      if (!STORED.test(one.signature)) continue;
      if (!wallets.has(one.likely)) wallets.set(one.likely, []);
      wallets.get(one.likely).push(one);
    }
    const many = [...wallets].filter(([, own]) => own.length >= MANY).flatMap(([wallet, own]) => {
      const key = keyOf(wallet, own);
      return key === null ? [] : own.map((one) => ({ ...one, key }));
    }).map((one) => ({ ...one, ...partsOf(one.signature), digest: BigInt(`0x${hex(digestOf(one.text))}`) })).filter(({ r, s }) => isInRange(r, s));
    if (!many.length) return;
    for (const [index, right] of areByTheirKeys(many).entries()) if (right) this.#known.set(nameOf(many[index]), many[index].likely);
  }

  /** How many were confirmed at the beginning. */
  get confirmed() { return this.#known.size; }

  /** The checksummed address whose key signed `text`. */
  recover(text, signature) {
    return this.#known.get(nameOf({ text, signature })) ?? recoverSigner(text, signature);
  }
}

const nameOf = ({ text, signature }) => `${signature}\n${text}`;
