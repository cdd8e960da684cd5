// The approvers' page: <div data-sign data-scope data-epoch data-base data-review>. See README.md for the contract.
//
// Recomputes before it offers anything; what is shown and signed comes from that, never from the page. Sends nothing.
import { checksummed, hexOfText, normalizeSignature, recoverSigner } from "../verifier/signatures.js";
import { placeOf, Verifier } from "./client.js";
import { number, share, short, units } from "../verifier/words.js";
import { markOf, oddNames } from "./marks.js";
import { button, copyable, counted, make, named, outside, Progress, table } from "./dom.js";
import { discoverWallets, walletError } from "./wallet.js";
import { Others } from "./next.js";
import { summary, verdictTable } from "./verdicts.js";

const REVIEW = /^https:\/\/[A-Za-z0-9.-]+(?::[0-9]{1,5})?\/[!#-;=?-_a-~]*$/;
const time = (text) => `${text.slice(0, 10)} ${text.slice(11, 16)} UTC`;

const heldCredits = ({ held }) => String(held.reduce((sum, line) => sum + BigInt(line.amount_credits), 0n));

/** The approver set that waits, in words. */
function setView({ seq, text, approvers, own, by, needed, unproved }) {
  return [
    make("h3", {}, `First: approver set ${seq}`),
    make("p", {}, `It names ${approvers.length === 1 ? "one person" : `${approvers.length} people`}, of whom ${own} must sign, and does not count yet: ${by.length} of ${needed} who decide about it have signed`,
      unproved.length ? `; with a new wallet, and not signed yet: ${unproved.join(", ")}.` : ".", " No epoch is closed before it counts. Its text is signed in the same visit."),
    make("ul", {}, ...approvers.map(({ id, wallets }) => make("li", {}, `${id}: `, ...wallets.flatMap((wallet, index) => [index ? ", " : "", make("span", { class: "id" }, wallet)])))),
    copyable(text, "Copy the set's text", null),
  ];
}

/** A payee's credits against the last epoch of the scope; null where there was none. */
function changed(credits, before) {
  if (before === undefined) return "new";
  const more = BigInt(credits) - BigInt(before);
  return more === 0n ? "same" : `${more > 0n ? "+" : "−"}${number(more > 0n ? more : -more)}`;
}

/** Who gets what, the largest part first, with what is unusual about it; and who is missing since the last epoch. */
function payeesView({ statement, names, before, odd }) {
  const called = (user) => make("span", {}, named(names[user] ?? user, { title: user }), " ", markOf(odd, user));
  const compared = before === null ? [] : [["Since last epoch", "num"]];
  const sorted = [...statement.payouts].sort((a, b) => (BigInt(a.amount_credits) < BigInt(b.amount_credits) ? 1 : BigInt(a.amount_credits) > BigInt(b.amount_credits) ? -1 : a.user_id < b.user_id ? -1 : 1));
  const rows = [
    ...sorted.map((line) => [called(line.user_id), share(line.share), number(line.amount_credits), ...(before === null ? [] : [changed(line.amount_credits, before[line.user_id])]), line.award_credits === "0" ? units(line.total_units) : `${units(line.total_units)}, award ${number(line.award_credits)}`]),
    ...statement.held.map((line) => [make("span", {}, "held for ", named(`${line.source}:${line.platform_user_id}`)), share(line.share), number(line.amount_credits), ...(before === null ? [] : [""]), units(line.total_units)]),
  ];
  const gone = before === null ? [] : Object.keys(before).filter((user) => before[user] !== "0" && !sorted.some((line) => line.user_id === user));
  return [
    table("What you would sign", [["Who"], ["Share", "num"], ["Credits", "num"], ...compared, ["Units", "num"]], rows),
    odd === null ? make("p", { class: "quiet" }, "Whether a name looks like another's could not be looked up here.") : null,
    gone.length ? make("p", {}, "With credits in the last epoch and without any in this one: ", ...gone.slice(0, 20).flatMap((user, index) => [index ? ", " : "", called(user)]), gone.length > 20 ? ` and ${gone.length - 20} more.` : ".") : null,
  ];
}

/** The statement in words and figures. */
function statementView(found) {
  const { statement: s, approvers, people, signers } = found;
  const words = [
    `From ${time(s.period_start)} up to ${time(s.period_end)}, ${counted(number(s.activity_count), "event")} ${s.activity_count === 1 ? "was" : "were"} recorded in epoch ${s.epoch_id} of ${s.scope_id}.`,
    `${s.payouts.length === 1 ? "1 person shares" : `${number(s.payouts.length)} people share`} a pool of ${counted(number(s.pool_total_credits), "credit")}; undistributed: ${counted(number(s.undistributed_credits), "credit")}.`
      + (s.awards_total_credits === "0" ? "" : ` Awards, taken out first: ${counted(number(s.awards_total_credits), "credit")}.`),
    s.unresolved_count ? `${counted(number(s.unresolved_count), "event")} of accounts that nobody has bound: ${s.unresolved === "hold" ? `${counted(number(heldCredits(s)), "credit")} are held for them` : "nothing is allocated for them"}.` : "Every event that counts belongs to someone.",
    s.gaps.length ? `Known to be missing: ${s.gaps.join("; ")}.` : "No source is known to be incomplete.",
    `${s.threshold} of the approvers pinned at review must sign. Signed so far: ${[...new Set(signers.map((wallet) => people[wallet]))].sort().join(", ") || "nobody"}.`,
  ];
  return make("section", {},
    make("h3", {}, "What you would sign"),
    ...words.map((text) => make("p", {}, outside(text))),
    ...payeesView(found),
    make("p", {}, "Pinned approvers: ", ...approvers.flatMap((wallet, index) => [index ? ", " : "", outside(short(people[wallet] ?? "")), " ", make("span", { class: "id" }, wallet, signers.includes(wallet) ? " (has signed)" : "")]), "."));
}

class SignPage {
  constructor(element, found, others) {
    this.element = element;
    this.others = others;
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
        ...(review && this.found.set ? setView(this.found.set) : []),
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
    // In its place before anybody is asked: wallets answer at once, later, or never.
    const none = make("p", { class: "quiet" }, "No wallet was found in this browser. Sign the text elsewhere and paste the signature below.");
    const part = make("div", {}, wallets, none);
    discoverWallets((wallet) => {
      none.remove();
      wallets.append(button(`Sign with ${wallet.name}`, () => this.signWith(wallet)));
      this.watch(wallet.provider);
    });
    return [make("p", {}, "The wallet will show the text above. Nothing is sent anywhere: you paste the result into the review yourself."), part];
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
      const { approvers, set } = this.found;
      const account = accounts.find((one) => approvers.includes(one) || set?.may.includes(one));
      if (account === undefined) {
        this.tell(`${accounts.length ? `The connected account ${accounts.join(", ")} is` : "No account is connected that is"} none of the approvers pinned for this epoch. Choose another account in the wallet and ask again.`, "notice bad");
        return;
      }
      this.account = account;
      const texts = [set?.may.includes(account) && !set.signed.includes(account) ? set.text : null, approvers.includes(account) ? this.text : null];
      const results = [];
      for (const text of texts.filter((one) => one !== null)) {
        const signature = await provider.request({ method: "personal_sign", params: [hexOfText(text), account] });
        if (this.account !== account) {
          this.tell("The wallet's account changed while it signed. Nothing is taken from that; ask again with the account that you mean.", "notice bad");
          return;
        }
        results.push(this.judge(String(signature), account));
      }
      if (results.length) this.give(results);
      else this.tell(`${account} has signed approver set ${set.seq} already, and is none of the approvers pinned for this epoch.`, "notice");
    } catch (error) {
      this.tell(walletError(error), "notice bad");
    }
  }

  pastePart() {
    const field = make("textarea", { id: "ledger-signature", rows: "3", spellcheck: "false", autocomplete: "off" });
    return [
      make("p", {}, make("label", { for: "ledger-signature" }, "Or check a signature that was made elsewhere (a hardware wallet, ", make("code", {}, "cast wallet sign"), "):")),
      field,
      make("p", {}, button("Check the signature", () => this.give([this.judge(field.value, null)]))),
    ];
  }

  /** Recover the signer over the rebuilt texts; only somebody whose word counts gets a line to paste. */
  judge(text, expected) {
    const bad = (words) => ({ words, line: null });
    const { approvers, people, set, signers } = this.found;
    let signature;
    let signer;
    let ofSet;
    try {
      signature = normalizeSignature(text.replace(/^\s*\/sign\s+/, ""));
      signer = recoverSigner(this.text, signature);
      ofSet = set && !approvers.includes(signer) ? recoverSigner(set.text, signature) : null;
    } catch (error) {
      return bad(`This is no signature: ${error.message}.`);
    }
    const line = `/sign ${signature}`;
    const other = (one) => (expected !== null && one !== expected ? ` (not ${expected}, which was asked)` : "");
    if (ofSet !== null && set.may.includes(ofSet)) return { words: `Approver set ${set.seq} is signed by ${ofSet}${other(ofSet)}.${set.signed.includes(ofSet) ? " This wallet's signature is already on record." : ""}`, line };
    if (!approvers.includes(signer))
      return bad(`The signature recovers to ${signer}, which is none of the pinned approvers: either another key signed, or another text was signed (an older statement, another epoch, a changed line end).`);
    const again = signers.includes(signer) ? " This wallet's signature is already on record."
      : signers.some((one) => people[one] === people[signer]) ? ` ${people[signer]} has signed with another wallet already; a person counts once.` : "";
    return { words: `Signed by ${signer}${other(signer)}, a pinned approver.${again}`, line };
  }

  /** Say what was judged, and give the lines that count. */
  give(results) {
    this.answer.replaceChildren();
    const lines = results.flatMap(({ line }) => line ?? []);
    const words = results.map((one) => one.words).join(" ");
    const paste = lines.length ? ` Paste the ${lines.length === 1 ? "line" : "lines"} below into the review.` : "";
    this.tell(`${words}${paste}`, results.every(({ line }) => line !== null) ? "notice good" : "notice bad");
    if (!lines.length) return;
    const { review } = this.element.dataset;
    const link = review && REVIEW.test(review) ? make("p", {}, make("a", { href: review, rel: "noopener noreferrer" }, "Open the review")) : null;
    this.answer.replaceChildren(copyable(lines.join("\n"), lines.length === 1 ? "Copy the line" : "Copy the lines", "ledger-sign-line"), link ?? make("p", { class: "quiet" }, "Paste it as a comment or review on the epoch's pull request, or run ", make("code", {}, lines.map((line) => `ledger sign --signature ${line.slice(6)}`).join("; ")), "."), this.others.view());
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
    const others = new Others(place);
    found.odd = await oddNames(place.base);
    await others.look().catch(() => {}); // asked again by its button
    if (found.report.ok) new SignPage(element, found, others).show();
    else element.append(make("p", { class: "notice bad" }, "Signing is not offered, because the statement does not follow from its records."), verdictTable(found.report, place.base));
    element.dataset.verdict = found.report.ok ? "pass" : "fail";
  } catch (error) {
    progress.say(`The statement could not be rechecked, so signing is not offered: ${error.message}`, "notice bad");
    element.dataset.verdict = "error";
  }
  verifier.end();
}

document.querySelectorAll("[data-sign]").forEach(attachSign);
