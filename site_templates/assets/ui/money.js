// The check of a scope's money: <div data-money data-scope data-base>. Reads files of this site alone and sends nothing.
import { checkMoney } from "../verifier/money.js";
import { button, counted, make, outside, table } from "./dom.js";
import { readingView, readPage } from "./reading.js";

const WORDS = {
  DISTRIBUTION_BALANCED: "each plan is signed, covers the published statements, and pays at its rate, split exactly",
  PAID_ONCE: "no line is more than was owed after the plans before it, and nothing shows two payments",
  SETTLEMENT_APPEND_ONLY: "settlements follow each other, and none comes before its plan stood",
  BALANCE_CONSERVED: "the account book is what the files give, and its sum is that of the statements",
};
const BADGE = { pass: "finalized", fail: "bad", "not looked at": "open" };

function attach(element) {
  const base = new URL(element.dataset.base, document.baseURI);
  const said = make("p", { role: "status", "aria-live": "polite" });
  const result = make("div", { class: "ledger-result" });
  const read = async (path) => {
    const answer = await fetch(new URL(path, base), { cache: "no-store", credentials: "omit", redirect: "error" });
    if (!answer.ok) throw new Error(`${path} could not be fetched (status ${answer.status})`);
    return new Uint8Array(await answer.arrayBuffer());
  };
  element.append(button("Check the money in this browser", async () => {
    said.className = "notice";
    said.textContent = "Reading plans, statements and settlements …";
    result.replaceChildren();
    try {
      const found = await checkMoney(read, element.dataset.scope);
      const seen = readPage(element.closest("section") ?? element.closest(".ledger"), found.figures);
      const ok = found.ok && seen.wrong.length === 0;
      said.className = `notice ${ok ? "good" : "bad"}`;
      said.textContent = !found.ok ? "What is published does not follow from its own records."
        : ok ? `${found.plans} distributions were checked, ${found.standing} of them stand. Nothing speaks against them.`
          : `The records hold, and ${counted(seen.wrong.length, "figure")} on this page ${seen.wrong.length === 1 ? "is" : "are"} WRONG; see below.`;
      result.replaceChildren(readingView(seen, { findings: [], unseen: [] }, base), table("What was checked, and its verdict", [["Verdict"], ["What"]], found.checks.map(({ rule, verdict, note, findings }) => [
        make("span", { class: `badge ${BADGE[verdict]}` }, verdict),
        make("div", {}, make("code", {}, rule), ` ${WORDS[rule]}`, note ? make("span", { class: "quiet" }, ` (${note})`) : null, ...findings.slice(0, 20).map((text) => make("p", { class: "bad" }, outside(text)))),
      ])));
      element.dataset.verdict = ok ? "pass" : "fail";
    } catch (error) {
      said.className = "notice bad";
      said.textContent = `The check could not be made: ${error.message}`;
      element.dataset.verdict = "error";
    }
  }), said, result);
}

document.querySelectorAll("[data-money]").forEach(attach);
