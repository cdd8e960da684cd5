// A person's word about his payouts: <div data-instruct data-node data-user data-number data-scopes data-wallets>.
//
// Builds the text of specification section 11 from what is chosen, lets a wallet sign it, checks the signature here, and
// gives the command that puts it on record. Sends nothing.
import { checksummed, hexOfText, normalizeSignature, recoverSigner } from "../verifier/signatures.js";
import { button, copyable, make } from "./dom.js";
import { discoverWallets, walletError } from "./wallet.js";

const KINDS = {
  decline: "decline it (all, or up to an amount)",
  gift: "give it away (all, or up to an amount)",
  hold: "keep it on the book until I say otherwise",
  carry_below: "pay me only from an amount on",
  pay_to: "pay me to another wallet or way",
  clear: "end what I asked for before",
};
const AMOUNT = { decline: "optional", gift: "optional", carry_below: "needed" };
const TO = { gift: "pool, or a user's id", pay_to: "rail and destination, such as safe_csv:0x…" };
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** What is wrong with a wish, in words; null when it can be signed. */
function fault(wish, user) {
  if (wish.amount === null && AMOUNT[wish.kind] === "needed") return "Say from which amount on, in credits.";
  if (wish.amount !== null && !/^(0|[1-9][0-9]{0,18})$/.test(wish.amount)) return "The amount is a whole number of credits.";
  if (!/^[1-9][0-9]{0,8}$/.test(wish.from)) return "The epoch is a number from 1 on.";
  if (wish.kind === "gift" && wish.to !== "pool" && (!UUID.test(wish.to) || wish.to === user)) return "A gift goes to `pool` or to another user's id.";
  if (wish.kind === "pay_to" && !/^[a-z][a-z0-9_]*:[!-&(-~]{1,150}$/.test(wish.to)) return "Name the rail and the destination: safe_csv:0x….";
  return null;
}

/** The exact text that a wish is signed as: nine lines, no line end after the last. */
export function instructionText({ node, user, number }, { scope, kind, amount, from, to }) {
  return ["Ledger Payout Instruction", `Node: ${node}`, `Scope: ${scope}`, `User: ${user}`, `Number: ${number}`,
    `Instruction: ${kind}`, `Amount: ${amount ?? "none"}`, `From Epoch: ${from}`, `To: ${to ?? "none"}`].join("\n");
}

class InstructPage {
  constructor(element) {
    this.element = element;
    const { node, user, number, scopes, wallets } = element.dataset;
    this.place = { node, user, number };
    this.wallets = wallets.split(" ");
    const choose = (id, options) => make("select", { id, change: () => this.build() }, ...options.map(([value, text]) => make("option", { value }, text)));
    const field = (id, value = "") => make("input", { id, type: "text", value, spellcheck: "false", autocomplete: "off", input: () => this.build() });
    this.scope = choose("ledger-wish-scope", scopes.split(" ").map((one) => [one, one]));
    this.kind = choose("ledger-wish-kind", Object.entries(KINDS));
    this.amount = field("ledger-wish-amount");
    this.from = field("ledger-wish-from", "1");
    this.to = field("ledger-wish-to");
    this.labels = [
      ["In which scope", this.scope, () => true],
      ["With what I am owed", this.kind, () => true],
      ["Credits", this.amount, (kind) => kind in AMOUNT],
      ["To", this.to, (kind) => kind in TO],
      ["From epoch", this.from, (kind) => kind !== "clear"],
    ].map(([text, input, shown]) => ({ shown, row: make("p", {}, make("label", { for: input.id }, `${text}: `), input) }));
    this.text = make("div");
    this.buttons = make("div", { class: "ledger-wallets" });
    this.none = make("p", { class: "quiet" }, "No wallet was found in this browser. Sign the text elsewhere and paste the signature below.");
    this.pasted = make("textarea", { id: "ledger-wish-signature", rows: "3", spellcheck: "false", autocomplete: "off" });
    this.said = make("p", { role: "status", "aria-live": "assertive" });
    this.answer = make("div", { class: "ledger-answer" });
  }

  show() {
    this.element.append(
      ...this.labels.map(({ row }) => row), this.text, this.buttons, this.none,
      make("p", {}, make("label", { for: "ledger-wish-signature" }, "Or check a signature that was made elsewhere:")), this.pasted,
      make("p", {}, button("Check the signature", () => this.judge(this.pasted.value))), this.said, this.answer);
    discoverWallets((wallet) => {
      this.none.remove();
      this.buttons.append(button(`Sign with ${wallet.name}`, () => this.signWith(wallet)));
    });
    this.build();
    this.element.dataset.ready = "";
  }

  /** What is chosen now, and its text; null where something is missing. */
  build() {
    const kind = this.kind.value;
    for (const { row, shown } of this.labels) row.hidden = !shown(kind);
    this.to.placeholder = TO[kind] ?? "";
    this.wish = {
      scope: this.scope.value, kind, from: kind === "clear" ? "1" : this.from.value.trim(),
      amount: kind in AMOUNT && this.amount.value.trim() ? this.amount.value.trim() : null,
      to: kind in TO ? this.to.value.trim() : null,
    };
    const wrong = fault(this.wish, this.place.user);
    this.signed = wrong === null ? instructionText(this.place, this.wish) : null;
    this.text.replaceChildren(wrong === null ? copyable(this.signed, "Copy the text", "ledger-wish-text") : make("p", { class: "notice" }, wrong));
    this.answer.replaceChildren();
    this.tell("", "");
  }

  tell(text, kind) {
    this.said.className = kind;
    this.said.textContent = text;
  }

  async signWith({ name, provider }) {
    const text = this.signed;
    if (text === null) return;
    this.tell(`Waiting for ${name} …`, "notice");
    try {
      const accounts = (await provider.request({ method: "eth_requestAccounts" })).filter((one) => /^0x[0-9a-fA-F]{40}$/.test(one)).map(checksummed);
      const account = accounts.find((one) => this.wallets.includes(one));
      if (account === undefined) {
        this.tell("The connected account is none of this person's proved wallets. Choose another in the wallet and ask again.", "notice bad");
        return;
      }
      this.judge(String(await provider.request({ method: "personal_sign", params: [hexOfText(text), account] })));
    } catch (error) {
      this.tell(walletError(error), "notice bad");
    }
  }

  /** Recover who signed the text as it is chosen now; only a proved wallet of the person's gets a command. */
  judge(given) {
    this.answer.replaceChildren();
    if (this.signed === null) return;
    let signature;
    let signer;
    try {
      signature = normalizeSignature(given);
      signer = recoverSigner(this.signed, signature);
    } catch (error) {
      this.tell(`This is no signature: ${error.message}.`, "notice bad");
      return;
    }
    if (!this.wallets.includes(signer)) {
      this.tell(`The signature recovers to ${signer}, which is none of this person's proved wallets: another key signed, or another text.`, "notice bad");
      return;
    }
    const { scope, kind, amount, from, to } = this.wish;
    const words = ["ledger instruct", this.place.user, kind, `--scope ${scope}`, amount === null ? "" : `--amount ${amount}`,
      to === null ? "" : `--to '${to}'`, from === "1" ? "" : `--from-epoch ${from}`, `--signature ${signature}`];
    this.tell(`Signed by ${signer}. Hand the line below to whoever keeps the ledger; it counts from the next distribution on.`, "notice good");
    this.answer.replaceChildren(copyable(words.filter(Boolean).join(" "), "Copy the line", "ledger-wish-line"));
  }
}

document.querySelectorAll("[data-instruct]").forEach((element) => new InstructPage(element).show());
