// The recheck button: <div data-recheck data-scope data-epoch data-base>. See README.md for the contract.
import { placeOf, Verifier } from "./client.js";
import { button, counted, make, Progress } from "./dom.js";
import { readingView, readPage } from "./reading.js";
import { summary, verdictTable } from "./verdicts.js";

export function attachRecheck(element) {
  const place = placeOf(element);
  const progress = new Progress();
  const result = make("div", { class: "ledger-result" });
  const start = button("Recheck in this browser", async () => {
    if (start.getAttribute("aria-disabled") === "true") return;
    start.setAttribute("aria-disabled", "true"); // not `disabled`: keyboard focus stays where it is
    result.replaceChildren();
    const verifier = new Verifier();
    const began = performance.now();
    try {
      const { report, published, figures } = await verifier.ask("recheck", { ...place, read: true }, (stage) => progress.show(stage));
      const read = figures ? readPage(element.closest(".ledger"), figures) : { looked: 0, wrong: [] };
      const wrong = read.wrong.length + published.findings.length;
      const ok = report.ok && wrong === 0;
      const page = wrong ? ` ${read.wrong.length ? `${counted(read.wrong.length, "figure")} on this page ${read.wrong.length === 1 ? "is" : "are"} WRONG` : "The page is right, but a published list is WRONG"}; see below.` : "";
      progress.say(`${summary(report)}${page} It took ${((performance.now() - began) / 1000).toFixed(1)} seconds.`, `notice ${ok ? "good" : "bad"}`);
      const table = verdictTable(report, place.base);
      result.replaceChildren(readingView(read, published, place.base), report.ok ? make("details", {}, make("summary", {}, "Every rule and its verdict"), table) : table);
      element.dataset.verdict = ok ? "pass" : "fail";
      element.dispatchEvent(new CustomEvent("ledger-report", { detail: { ...report, published, read: { looked: read.looked, wrong: read.wrong.map(({ where, seen, due }) => ({ where, seen, due })) } }, bubbles: true }));
    } catch (error) {
      progress.say(`The check could not be made: ${error.message}`, "notice bad");
      element.dataset.verdict = "error";
    }
    verifier.end();
    start.removeAttribute("aria-disabled");
  });
  element.append(start, progress.element, result);
}

document.querySelectorAll("[data-recheck]").forEach(attachRecheck);
