// Vouching: <div data-vouch data-base data-issue> composes a receipt, <div data-decide data-hash data-base> approves or revokes one.
//
// The text is built here from what is chosen and from the published log, a wallet signs it, and the page gives the line
// that brings the signature on record. Rights are looked up to warn early; the ledger decides. Sends nothing.
import { Chain } from "../verifier/approvers.js";
import { bytesOf, sha256Hex } from "../verifier/bytes.js";
import { oddNames } from "./marks.js";
import { knownUsers, namesOf } from "../verifier/identities.js";
import * as records from "../verifier/records.js";
import { statesBy } from "../verifier/receipts.js";
import { checksummed, decisionText, hexOfText, normalizeSignature, receiptText, recoverSigner } from "../verifier/signatures.js";
import { button, copyable, make } from "./dom.js";
import { discoverWallets, walletError } from "./wallet.js";

const HTTPS = /^https:\/\/[A-Za-z0-9.-]+(?::[0-9]{1,5})?\/[!#-;=?-_a-~]*$/;
const sorted = (value) => (value && typeof value === "object" ? Object.fromEntries(Object.keys(value).sort().map((key) => [key, value[key]])) : value);

/** The published files that a text rests on, read as strictly as the recheck reads them. */
class Published {
  constructor(base) { this.base = new URL(base, document.baseURI); }

  async read(name) {
    const answer = await fetch(new URL(name, this.base), { cache: "no-store", credentials: "omit", redirect: "error" });
    if (answer.status === 404) return new Uint8Array(0);
    if (!answer.ok) throw new Error(`${name} could not be fetched (status ${answer.status})`);
    return new Uint8Array(await answer.arrayBuffer());
  }

  async load() {
    const scopes = JSON.parse(new TextDecoder().decode(await this.read("scopes.json")));
    this.nodeId = scopes.node_id;
    this.scopes = scopes.scopes.map((one) => one.scope_id);
    const place = { node_id: this.nodeId };
    this.bindings = records.readLog(records.Binding, await this.read("identities.jsonl"), "identities.jsonl", place);
    this.acts = records.readLog(records.ReceiptAct, await this.read("receipts.jsonl"), "receipts.jsonl", place);
    return this;
  }

  /** The approver set of a scope that counts now; null where none does. */
  async rights(scope) {
    const paths = [`approvers/${scope}.jsonl`, `approvers/${scope}.signatures.jsonl`];
    const [sets, signatures] = await Promise.all(paths.map((path) => this.read(path)));
    const place = { node_id: this.nodeId, scope_id: scope };
    const chain = new Chain(records.readLog(records.ApproverSet, sets, paths[0], place), records.readLog(records.ApproverSignature, signatures, paths[1], place), paths);
    return chain.counting.at(-1) ?? null;
  }
}

/** A text with its wallets, a field for a signature made elsewhere, and the line that comes of it. */
class Signing {
  /** @param {() => {text: string, offer: object, right: string, rights: object|null}} compose  null while something is missing */
  constructor(compose) {
    this.compose = compose;
    this.shown = make("div");
    this.said = make("p", { role: "status", "aria-live": "polite" });
    this.answer = make("div");
    const wallets = make("div", { class: "ledger-wallets" });
    const none = make("p", { class: "quiet" }, "No wallet was found in this browser. Sign the text elsewhere and paste the signature below.");
    discoverWallets((wallet) => {
      none.remove();
      wallets.append(button(`Sign with ${wallet.name}`, () => this.sign(wallet)));
    });
    const id = `ledger-vouch-signature-${Math.random().toString(36).slice(2, 8)}`;
    this.field = make("textarea", { id, rows: "3", spellcheck: "false", autocomplete: "off" });
    this.element = make("div", {}, this.shown, wallets, none,
      make("p", {}, make("label", { for: id }, "Or a signature that was made elsewhere:")), this.field,
      make("p", {}, button("Check the signature", () => this.give(this.field.value))), this.said, this.answer);
  }

  tell(text, kind = "notice") {
    this.said.className = kind;
    this.said.textContent = text;
  }

  show() {
    const made = this.compose();
    this.answer.replaceChildren();
    this.tell("");
    this.shown.replaceChildren(made.fault ? make("p", { class: "quiet" }, made.fault) : copyable(made.text, "Copy the text", null));
  }

  async sign({ name, provider }) {
    const made = this.compose();
    if (made.fault) return this.tell(made.fault, "notice bad");
    this.tell(`Waiting for ${name} …`);
    try {
      const accounts = (await provider.request({ method: "eth_requestAccounts" })).filter((one) => /^0x[0-9a-fA-F]{40}$/.test(one)).map(checksummed);
      const account = accounts.find((one) => mayAct(made, one)) ?? accounts[0];
      if (account === undefined) return this.tell("No account is connected. Choose one in the wallet and ask again.", "notice bad");
      this.give(String(await provider.request({ method: "personal_sign", params: [hexOfText(made.text), account] })));
    } catch (error) {
      this.tell(walletError(error), "notice bad");
    }
    return undefined;
  }

  give(text) {
    const made = this.compose();
    this.answer.replaceChildren();
    if (made.fault) return this.tell(made.fault, "notice bad");
    let signature;
    let signer;
    try {
      signature = normalizeSignature(text);
      signer = recoverSigner(made.text, signature);
    } catch (error) {
      return this.tell(`This is no signature: ${error.message}.`, "notice bad");
    }
    if (!mayAct(made, signer))
      return this.tell(`The signature recovers to ${signer}, who may not do this by the approver set that counts now: either another key signed, or another text was signed.`, "notice bad");
    this.tell(`Signed by ${signer}, who has the right. Post the line below, or run the command.`, "notice good");
    const line = JSON.stringify(sorted({ ...made.offer, signature }));
    this.answer.replaceChildren(
      copyable(`/receipt ${line}`, "Copy the line", "ledger-receipt-line"),
      ...(made.issue ? [make("p", {}, make("a", { href: made.issue, rel: "noopener noreferrer" }, "Open an issue for it"))] : []),
      make("p", { class: "quiet" }, "On a machine with the ledger: save the part in braces as signed.jsonl and run ", make("code", {}, "ledger receipt add signed.jsonl"), "."));
    return undefined;
  }
}

const personOf = (set, wallet) => set?.issuers.find((one) => one.wallets.includes(wallet)) ?? null;

/** Whether a wallet may do what is composed: it has the right, and where four eyes are asked, it is another's. */
function mayAct({ rights, right, issuer }, wallet) {
  const person = personOf(rights, wallet);
  if (!person?.[right]) return false;
  return rights.self_approve || !issuer || (wallet !== issuer && personOf(rights, issuer)?.id !== person.id);
}

async function attachVouch(element) {
  const [found, odd] = await Promise.all([new Published(element.dataset.base).load(), oddNames(new URL(element.dataset.base, document.baseURI))]);
  const { issue } = element.dataset;
  const names = namesOf(found.bindings);
  const rights = new Map();
  const change = () => signing.show();
  const choose = (id, options) => make("select", { id, change }, ...options.map(([value, text]) => make("option", { value }, text)));
  const field = (id, value = "") => make("input", { id, type: "text", value, spellcheck: "false", autocomplete: "off", input: change });
  const fields = {
    scope: choose("ledger-vouch-scope", found.scopes.map((one) => [one, one])),
    item: field("ledger-vouch-item"),
    points: field("ledger-vouch-points", "1"),
    who: choose("ledger-vouch-who", [...knownUsers(found.bindings)].map((user) => [user, odd?.[user] ? `${names.get(user)} (${odd[user][0]})` : names.get(user)])),
    role: field("ledger-vouch-role", "author"),
    estimate: field("ledger-vouch-estimate", "1"),
    artifact: field("ledger-vouch-artifact"),
  };
  const told = { scope: "Scope", item: "Work item", points: "Points of the whole item", who: "Who did it", role: "Role", estimate: "This person's points", artifact: "Where it can be seen" };
  const at = new Date().toISOString();
  const compose = () => {
    const receipt = {
      artifact_url: fields.artifact.value.trim(), estimate: Number(fields.estimate.value), issued_at: at, role: fields.role.value.trim(), scope_id: fields.scope.value,
      user_id: fields.who.value, work_item_id: fields.item.value.trim(), work_points: Number(fields.points.value),
    };
    if (!receipt.work_item_id || !receipt.artifact_url) return { fault: "Name the work item, and where the work can be seen." };
    if (receipt.estimate > receipt.work_points) return { fault: "One person's points are at most those of the whole item." };
    const text = receiptText(found.nodeId, receipt);
    const line = { act: "issued", approvers_seq: 1, at, evidence: "", node_id: found.nodeId, number: 0, reason: null, receipt, receipt_hash: sha256Hex(bytesOf(text)), seq: 1, signature: `0x${"0".repeat(130)}`, signer_wallet: `0x${"0".repeat(40)}` };
    try {
      records.read(records.ReceiptAct, line);
    } catch (error) {
      return { fault: `${error.message}.` };
    }
    return { text, offer: { receipt: sorted(receipt) }, right: "can_issue", rights: rights.get(receipt.scope_id) ?? null, issue: issue && HTTPS.test(issue) ? issue : null };
  };
  const signing = new Signing(compose);
  for (const scope of found.scopes) rights.set(scope, await found.rights(scope));
  element.append(...Object.entries(fields).map(([name, input]) => make("p", {}, make("label", { for: input.id }, `${told[name]}: `), input)), signing.element);
  signing.show();
}

async function attachDecide(element) {
  const found = await new Published(element.dataset.base).load();
  const state = statesBy(found.acts, null, null).get(element.dataset.hash);
  if (state === undefined) throw new Error("this receipt is not in the published log");
  const rights = await found.rights(state.receipt.scope_id);
  const options = [["approved", "approve it"], ["revoked", "revoke it"]].filter(([one]) => one !== state.acts.at(-1).act);
  const change = () => signing.show();
  const decision = make("select", { id: "ledger-decide", change }, ...options.map(([value, text]) => make("option", { value }, text)));
  const reason = make("input", { id: "ledger-decide-reason", type: "text", autocomplete: "off", input: change });
  const compose = () => {
    const revoked = decision.value === "revoked";
    const act = { receipt_hash: state.hash, act: decision.value, number: state.acts.length, reason: revoked ? reason.value.trim() : null };
    if (revoked && !act.reason) return { fault: "A revocation needs a reason; it stands in the text that is signed." };
    const offer = { decision: act.act, number: act.number, receipt_hash: act.receipt_hash, ...(revoked ? { reason: act.reason } : {}) };
    return { text: decisionText(found.nodeId, state.receipt.scope_id, act), offer, right: "can_approve", rights, issuer: revoked ? null : state.acts[0].signer_wallet };
  };
  const signing = new Signing(compose);
  element.append(
    make("p", {}, make("label", { for: "ledger-decide" }, "I "), decision),
    make("p", {}, make("label", { for: "ledger-decide-reason" }, "Reason (to revoke): "), reason),
    signing.element);
  signing.show();
}

for (const [attach, selector] of [[attachVouch, "[data-vouch]"], [attachDecide, "[data-decide]"]])
  document.querySelectorAll(selector).forEach((element) =>
    attach(element).then(() => { element.dataset.ready = ""; }, (error) => element.append(make("p", { class: "notice bad" }, `Signing is not offered here: ${error.message}`))));
