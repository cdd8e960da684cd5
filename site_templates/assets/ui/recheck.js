// The recheck button: <div data-recheck data-scope data-epoch data-base>. See README.md for the contract.
import { placeOf, Verifier } from "./client.js";
import { button, make, Progress } from "./dom.js";
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
      const { report } = await verifier.ask("recheck", place, (stage) => progress.show(stage));
      progress.say(`${summary(report)} It took ${((performance.now() - began) / 1000).toFixed(1)} seconds.`, `notice ${report.ok ? "good" : "bad"}`);
      result.replaceChildren(verdictTable(report, place.base));
      element.dataset.verdict = report.ok ? "pass" : "fail";
      element.dispatchEvent(new CustomEvent("ledger-report", { detail: report, bubbles: true }));
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
