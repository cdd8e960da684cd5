// Proving a wallet: <div data-prove data-node>. The text comes from the ledger's answer to a claim.
//
// Only a proof of this ledger is offered to a wallet, never any other text that somebody asks to be signed; what the
// wallet gives is checked here before it is shown. Sends nothing.
import { checksummed, hexOfText, normalizeSignature, recoverSigner } from "../verifier/signatures.js";
import { button, copyable, make } from "./dom.js";
import { discoverWallets, walletError } from "./wallet.js";

/** The wallet that a proof is about; what is wrong with the text is thrown in words. */
export function walletOfProof(text, node) {
  const lines = text.split("\n");
  const account = /^Account: wallet:(0x[0-9a-fA-F]{40})$/.exec(lines[3] ?? "");
  if (lines.length !== 5 || lines[0] !== "Contribution Ledger Identity Proof" || !/^User: [0-9a-f-]{36}$/.test(lines[2]) || account === null || !/^Nonce: (0|[1-9][0-9]{0,8})$/.test(lines[4]))
    throw new Error("This is not the text of the answer: five lines, of which the first is “Contribution Ledger Identity Proof” and the fourth names your wallet.");
  if (lines[1] !== `Node: ${node}`) throw new Error("This is the text of another ledger. Sign it on that ledger's site.");
  return account[1];
}

class ProvePage {
  constructor(element) {
    this.node = element.dataset.node;
    this.text = make("textarea", { id: "ledger-proof", rows: "5", spellcheck: "false", autocomplete: "off" });
    this.said = make("p", { role: "status", "aria-live": "assertive" });
    this.answer = make("div");
    const none = make("p", { class: "quiet" }, "No wallet was found in this browser. Any wallet that signs a text (personal_sign) will do.");
    const wallets = make("div", { class: "ledger-wallets" });
    element.append(make("p", {}, make("label", { for: "ledger-proof" }, "The text from the answer to your issue:")), this.text, wallets, none, this.said, this.answer);
    discoverWallets((wallet) => {
      none.remove();
      wallets.append(button(`Sign with ${wallet.name}`, () => this.sign(wallet)));
    });
  }

  tell(text, kind) {
    this.said.className = kind;
    this.said.textContent = text;
  }

  async sign({ name, provider }) {
    this.answer.replaceChildren();
    const text = this.text.value.replaceAll("\r\n", "\n").trim();
    let wanted;
    try {
      wanted = walletOfProof(text, this.node);
    } catch (error) {
      this.tell(error.message, "notice bad");
      return;
    }
    this.tell(`Waiting for ${name} …`, "notice");
    try {
      const accounts = (await provider.request({ method: "eth_requestAccounts" })).filter((one) => /^0x[0-9a-fA-F]{40}$/.test(one)).map(checksummed);
      const account = accounts.find((one) => one === checksummed(wanted));
      if (account === undefined) {
        this.tell(`The text is about ${wanted}; the wallet offers ${accounts.join(", ") || "no account"}. Choose that account in the wallet and ask again.`, "notice bad");
        return;
      }
      const signature = normalizeSignature(String(await provider.request({ method: "personal_sign", params: [hexOfText(text), account] })));
      if (recoverSigner(text, signature) !== account) {
        this.tell("The wallet signed something else, or with another key. Ask again.", "notice bad");
        return;
      }
      this.tell("Signed. Edit your issue, put this into the field Signature, and save: the answer follows within the hour.", "notice good");
      this.answer.append(copyable(signature, "Copy the signature", "ledger-proof-signature"));
    } catch (error) {
      this.tell(walletError(error), "notice bad");
    }
  }
}

document.querySelectorAll("[data-prove]").forEach((element) => new ProvePage(element));
