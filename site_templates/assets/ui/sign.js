// The approvers' page: <div data-sign data-scope data-epoch data-base data-review>. See README.md for the contract.
//
// Recomputes before it offers anything; what is shown and signed comes from that, never from the page. Sends nothing.
import { checksummed, hexOfText, normalizeSignature, recoverSigner } from "../verifier/signatures.js";
import { placeOf, Verifier } from "./client.js";
import { button, copyable, counted, make, outside, Progress, table, unitsText } from "./dom.js";
import { discoverWallets, walletError } from "./wallet.js";
import { summary, verdictTable } from "./verdicts.js";

const REVIEW = /^https:\/\/[A-Za-z0-9.-]+(?::[0-9]{1,5})?\/[!#-;=?-_a-~]*$/;
const time = (text) => `${text.slice(0, 10)} ${text.slice(11, 16)} UTC`;

/** The statement in words and figures. */
function statementView({ statement, names, approvers, signers }) {
  const s = statement;
  const words = [
    `From ${time(s.period_start)} up to ${time(s.period_end)}, ${counted(s.activity_count, "event")} ${s.activity_count === 1 ? "was" : "were"} recorded in epoch ${s.epoch_id} of ${s.scope_id}.`,
    `${s.payouts.length === 1 ? "1 person shares" : `${s.payouts.length} people share`} a pool of ${counted(s.pool_total_credits, "credit")}; undistributed: ${counted(s.undistributed_credits, "credit")}.`,
    s.unresolved_count ? `${counted(s.unresolved_count, "event")} of accounts that nobody has bound: they pay nobody.` : "Every event that counts belongs to someone.",
    s.gaps.length ? `Known to be missing: ${s.gaps.join("; ")}.` : "No source is known to be incomplete.",
    `${s.threshold} of the approvers pinned at review must sign. Signed so far: ${counted(signers.length, "wallet")}.`,
  ];
  return make("section", {},
    make("h3", {}, "What you would sign"),
    ...words.map((text) => make("p", {}, outside(text))),
    table("Payouts that you would sign", [["Who"], ["Units", "num"], ["Share", "num"], ["Credits", "num"]],
      s.payouts.map((line) => [outside(names[line.user_id] ?? line.user_id, { title: line.user_id }), unitsText(line.total_units), line.share, line.amount_credits])),
    make("p", {}, "Pinned approvers: ", ...approvers.flatMap((wallet, index) => [index ? ", " : "", make("span", { class: "id" }, wallet, signers.includes(wallet) ? " (has signed)" : "")]), "."));
}

class SignPage {
  constructor(element, found) {
    this.element = element;
    this.found = found;
    this.text = found.text;
    this.said = make("p", { role: "status", "aria-live": "assertive" });
    this.answer = make("div", { class: "ledger-answer" });
    this.account = null;
  }

  show() {
    const review = this.found.report.state === "review";
    const closed = this.found.report.state === "open" ? "The epoch is still open: there is nothing to sign yet." : "This epoch is finalized: there is nothing left to sign. A signature can still be checked.";
    this.element.append(
      statementView(this.found),
      ...(this.text === null ? [make("p", { class: "notice" }, closed)] : [
        make("h3", {}, "The exact text"),
        copyable(this.text, "Copy the text", null),
        make("h3", {}, "Sign"),
        ...(review ? this.walletPart() : [make("p", { class: "notice" }, closed)]),
        ...this.pastePart(),
        this.said,
        this.answer,
      ]));
  }

  /** One button a wallet, as they are found. */
  walletPart() {
    const wallets = make("div", { class: "ledger-wallets" });
    const none = make("p", { class: "quiet" }, "No wallet was found in this browser. Sign the text elsewhere and paste the signature below.");
    discoverWallets((wallet) => {
      none.remove();
      wallets.append(button(`Sign with ${wallet.name}`, () => this.signWith(wallet)));
      this.watch(wallet.provider);
    });
    return [make("p", {}, "The wallet will show the text above. Nothing is sent anywhere: you paste the result into the review yourself."), wallets, none];
  }

  watch(provider) {
    provider.on?.("accountsChanged", (accounts) => {
      if (this.account === null || accounts.some((one) => String(one).toLowerCase() === this.account.toLowerCase())) return;
      this.account = null;
      this.answer.replaceChildren();
      this.tell("The wallet's account changed; ask again to sign with the new one.", "notice");
    });
    provider.on?.("chainChanged", () => this.tell("The wallet's network changed. The text names no network, so this makes no difference.", "notice"));
  }

  tell(text, kind) {
    this.said.className = kind;
    this.said.textContent = text;
  }

  async signWith({ name, provider }) {
    this.answer.replaceChildren();
    this.tell(`Waiting for ${name} …`, "notice");
    try {
      const accounts = (await provider.request({ method: "eth_requestAccounts" })).filter((one) => /^0x[0-9a-fA-F]{40}$/.test(one)).map(checksummed);
      const account = accounts.find((one) => this.found.approvers.includes(one));
      if (account === undefined) {
        this.tell(`${accounts.length ? `The connected account ${accounts.join(", ")} is` : "No account is connected that is"} none of the approvers pinned for this epoch. Choose another account in the wallet and ask again.`, "notice bad");
        return;
      }
      this.account = account;
      const signature = await provider.request({ method: "personal_sign", params: [hexOfText(this.text), account] });
      if (this.account !== account) {
        this.tell("The wallet's account changed while it signed. Nothing is taken from that; ask again with the account that you mean.", "notice bad");
        return;
      }
      this.judge(String(signature), account);
    } catch (error) {
      this.tell(walletError(error), "notice bad");
    }
  }

  pastePart() {
    const field = make("textarea", { id: "ledger-signature", rows: "3", spellcheck: "false", autocomplete: "off" });
    return [
      make("p", {}, make("label", { for: "ledger-signature" }, "Or check a signature that was made elsewhere (a hardware wallet, ", make("code", {}, "cast wallet sign"), "):")),
      field,
      make("p", {}, button("Check the signature", () => this.judge(field.value, null))),
    ];
  }

  /** Recover the signer of the rebuilt text; only a pinned approver gets a line to paste. */
  judge(text, expected) {
    this.answer.replaceChildren();
    let signature;
    let signer;
    try {
      signature = normalizeSignature(text.replace(/^\s*\/sign\s+/, ""));
      signer = recoverSigner(this.text, signature);
    } catch (error) {
      this.tell(`This is no signature: ${error.message}.`, "notice bad");
      return;
    }
    if (!this.found.approvers.includes(signer)) {
      this.tell(`The signature recovers to ${signer}, which is none of the pinned approvers: either another key signed, or another text was signed (an older statement, another epoch, a changed line end).`, "notice bad");
      return;
    }
    const other = expected !== null && signer !== expected ? ` (not ${expected}, which was asked)` : "";
    if (this.found.left.includes(signer)) {
      this.tell(`Signed by ${signer}, who was pinned for this epoch but has since left the scope's approvers: finalize will not count it.`, "notice bad");
      return;
    }
    const again = this.found.signers.includes(signer) ? " This wallet's signature is already on record." : "";
    this.tell(`Signed by ${signer}${other}, a pinned approver.${again} Paste the line below into the review.`, "notice good");
    const { review } = this.element.dataset;
    const link = review && REVIEW.test(review) ? make("p", {}, make("a", { href: review, rel: "noopener noreferrer" }, "Open the review")) : null;
    this.answer.replaceChildren(copyable(`/sign ${signature}`, "Copy the line", "ledger-sign-line"), link ?? make("p", { class: "quiet" }, "Paste it as a comment or review on the epoch's pull request, or run ", make("code", {}, `ledger sign --signature ${signature}`), "."));
  }
}

export async function attachSign(element) {
  const progress = new Progress();
  element.append(progress.element);
  const place = placeOf(element);
  const verifier = new Verifier();
  try {
    const found = await verifier.ask("recheck", place, (stage) => progress.show(stage));
    progress.say(summary(found.report), `notice ${found.report.ok ? "good" : "bad"}`);
    if (found.report.ok) new SignPage(element, found).show();
    else element.append(make("p", { class: "notice bad" }, "Signing is not offered, because the statement does not follow from its records."), verdictTable(found.report, place.base));
    element.dataset.verdict = found.report.ok ? "pass" : "fail";
  } catch (error) {
    progress.say(`The statement could not be rechecked, so signing is not offered: ${error.message}`, "notice bad");
    element.dataset.verdict = "error";
  }
  verifier.end();
}

document.querySelectorAll("[data-sign]").forEach(attachSign);
