// What is stored held to what the records give: statement, allocations, checksums, signatures and attestations.
import { personOf, pinFindings } from "./approvers.js";
import { bytesOf, concat, hashOf, sameBytes, sha256Hex } from "./bytes.js";
import { lineSpans } from "./canonical.js";
import { Refusal } from "./errors.js";
import { shown } from "./files.js";
import { STATEMENT_RULES } from "./invariants.js";
import { isLater, isShard } from "./load.js";
import * as records from "./records.js";
import { attestedText, recoverSigner, signedText } from "./signatures.js";
import { fileBytes } from "./statement.js";

/** What was stored against what the records give, and who signed it. */
export function storedFindings(check, derived, transitions, pin, statement) {
  if (check.state === "review" || check.state === "finalized") derivedFiles(check, derived, statement);
  if (check.state === "finalized") closedFindings(check, transitions, statement);
  else if (check.has("sha256sums.txt"))
    check.add("EPOCH_FINALIZE_IDEMPOTENT", "the step to finalized is missing: finalize was cut off (run it again), or the log was cut", "transitions.jsonl");
  const chain = check.attempt(() => check.chain());
  if (chain) for (const [message, line, expected, actual] of pinFindings(transitions, chain)) check.add("APPROVERS_CHAINED", message, "transitions.jsonl", line, expected, actual);
  const signers = statement && pin ? signatures(check, statement, pin) : [];
  const witnesses = attestations(check, check.state === "finalized" ? statement : null);
  return { transitions, chain, signers, witnesses };
}

/** The stored statement and allocations against what the stored records give, field by field and byte by byte. */
function derivedFiles(check, derived, stored) {
  if (!derived) {
    check.add("PAYOUT_DETERMINISTIC", "cannot be recomputed (see above)", "statement.json");
    return;
  }
  const wanted = derived.statement;
  if (!stored) check.differ("PAYOUT_DETERMINISTIC", "statement", "statement.json", "a statement", "none", null);
  else {
    for (const [name, [rule, path]] of Object.entries(STATEMENT_RULES)) {
      if (shown(wanted[name]) === shown(stored[name])) continue;
      const own = path === "statement.json";
      check.add(rule, own ? `statement.${name}` : `is not what statement.${name} pins`, path, own ? 1 : null, shown(stored[name]), shown(wanted[name]));
    }
    for (const name of Object.keys(wanted).sort())
      if (!(name in STATEMENT_RULES) && name !== "payouts" && name !== "held") check.differ("PAYOUT_DETERMINISTIC", `statement.${name}`, "statement.json", wanted[name], stored[name]);
    for (const [index, due] of wanted.payouts.entries())
      if (index < stored.payouts.length) check.differ("PAYOUT_DETERMINISTIC", `payout of ${due.user_id}`, "statement.json", due, stored.payouts[index]);
    for (const [index, due] of wanted.held.entries())
      if (index < stored.held.length) check.differ("PAYOUT_DETERMINISTIC", `held for ${due.source}:${due.platform_user_id}`, "statement.json", due, stored.held[index]);
  }
  sameFile(check, "allocations.jsonl", concat(derived.evaluation.allocations.map(fileBytes)));
  sameFile(check, "statement.json", fileBytes(wanted));
}

function sameFile(check, name, wanted) {
  const stored = check.data(name);
  if (sameBytes(stored, wanted)) return;
  const [due, found] = [wanted, stored].map((data) => [...lineSpans(data)].map(([begin, end]) => sha256Hex(data.subarray(begin, end))));
  const shared = Math.min(due.length, found.length);
  const at = due.slice(0, shared).findIndex((line, index) => line !== found[index]);
  check.differ("PAYOUT_DETERMINISTIC", `${name} is not what the records give`, name, sha256Hex(wanted), sha256Hex(stored), (at === -1 ? shared : at) + 1);
}

function closedFindings(check, steps, statement) {
  const rule = "EPOCH_FINALIZE_IDEMPOTENT";
  const pinned = steps.find((step) => step.statement_hash)?.statement_hash ?? null;
  check.differ(rule, "statement hash that was closed", "statement.json", pinned, statement && hashOf(check.data("statement.json")));
  const list = "sha256sums.txt";
  if (!check.has(list)) {
    check.differ(rule, "file", list, "a file", "none", null);
    return;
  }
  const covered = check.names().filter((name) => check.isKnown(name) && !isShard(name) && !isLater(name) && name !== list).sort();
  const now = new Map(covered.map((name) => [name, hashOf(check.data(name))]));
  const found = covered.map((name) => `${now.get(name)}  ${name}\n`).join("");
  const stored = new TextDecoder("utf-8", { ignoreBOM: true }).decode(check.data(list));
  const lines = stored.split("\n").filter((line) => line.includes("  "));
  const then = new Map(lines.map((line) => [line.slice(line.indexOf("  ") + 2), line.slice(0, line.indexOf("  "))]));
  for (const name of new Set([...now.keys(), ...then.keys()])) {
    const known = check.isKnown(name) ? name : list;
    check.differ(rule, `${known} changed after finalize`, known, then.get(name) ?? "no file", now.get(name) ?? "no file", null);
  }
  check.differ(rule, "list of checksums", list, sha256Hex(bytesOf(found)), hashOf(check.data(list)), null);
}

/** Recovers every signer of this statement; gives the approvers among them. */
function signatures(check, statement, pin) {
  check.differ("APPROVERS_PINNED_AT_REVIEW", "approver set", "statement.json", pin.approver_set_hash, statement.approver_set_hash);
  const hash = hashOf(check.data("statement.json"));
  const text = signedText(statement, hash);
  const signers = new Set();
  const people = new Set();
  for (const [index, line] of check.attempt(() => check.log(records.Signature, "signatures.jsonl"), []).entries()) {
    if (line.statement_hash !== hash) continue; // over an older draft: kept on record, counts for nothing
    signatureFindings(check, index + 1, line, text, pin);
    const person = personOf(pin.set, line.signer_wallet);
    if (people.has(person)) check.differ("APPROVERS_PER_SCOPE", `${person} counted twice`, "signatures.jsonl", 1, 2, index + 1);
    if (person === null) continue;
    people.add(person);
    signers.add(line.signer_wallet);
  }
  if (check.state === "finalized" && people.size < pin.threshold)
    check.differ("APPROVERS_PER_SCOPE", "approvers who signed", "signatures.jsonl", pin.threshold, people.size, null);
  return [...signers];
}

/** Who really signed `text`, or why nobody can be told. */
function signerOf(text, { signature }) {
  try {
    return recoverSigner(text, signature);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return error.message;
  }
}

function signatureFindings(check, number, line, text, pin) {
  const signer = signerOf(text, line);
  if (signer !== line.signer_wallet)
    check.add("SIGNATURE_SCOPE_BOUND", "signature is not by its signer over this statement", "signatures.jsonl", number, line.signer_wallet, signer);
  if (!pin.approvers.includes(line.signer_wallet))
    check.add("APPROVERS_PINNED_AT_REVIEW", "signer was not pinned", "signatures.jsonl", number, pin.approvers.join(","), line.signer_wallet);
}

/** Recovers everyone who attested the finalized statement; gives the lines that hold. */
function attestations(check, statement) {
  const [rule, name] = ["ATTESTATION_VALID", "attestations.jsonl"];
  const hash = statement && hashOf(check.data("statement.json"));
  const seen = new Set();
  return check.attempt(() => check.log(records.Attestation, name), []).filter((line, index) => {
    const wrong = (message, expected = null, actual = null) => check.add(rule, message, name, index + 1, expected, actual);
    if (!statement) return wrong("attests an epoch that is not finalized");
    if (line.statement_hash !== hash) return wrong("attests another statement", hash, line.statement_hash);
    const signer = signerOf(attestedText(statement, hash, line), line);
    if (signer !== line.signer_wallet) return wrong("attestation is not by its signer over this statement", line.signer_wallet, signer);
    const key = [line.signer_wallet, line.tool, line.tool_version].join();
    if (seen.has(key)) return wrong("this wallet attested the epoch with this tool and version before", "once", line.signer_wallet);
    return seen.add(key);
  });
}
