// The verdicts of a recheck as a table, each difference with its place, its offending line and a link to the raw file.
import { INVARIANTS } from "../verifier/invariants.js";
import { publishedPath } from "../verifier/load.js";
import { counted, make, outside, table } from "./dom.js";

const BADGE = { pass: "finalized", fail: "bad", "not yet": "open", "not applicable": "open", "not looked at": "open" };

function difference(finding, base) {
  const published = publishedPath(finding.path);
  const place = `${finding.path}${finding.line === null ? "" : `:${finding.line}`}`;
  const lines = [["expected", finding.expected], ["found", finding.actual], ["the line", finding.text]].filter(([, text]) => text !== null);
  return make("div", { class: "ledger-finding" },
    make("p", { class: "bad" }, published ? make("a", { href: new URL(published, base).href }, place) : outside(place), ": ", outside(finding.message)),
    make("dl", {}, ...lines.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, make("code", {}, text))])));
}

/** The verdicts, those that fail first. */
export function verdictTable(report, base) {
  const order = (check) => (check.verdict === "fail" ? 0 : 1);
  const rows = [...report.checks].sort((a, b) => order(a) - order(b)).map((check) => [
    make("span", { class: `badge ${BADGE[check.verdict]}` }, check.verdict),
    make("div", {}, make("code", {}, check.invariant), ` ${INVARIANTS[check.invariant]}`, check.note ? make("span", { class: "quiet" }, ` (${check.note})`) : null,
      ...check.findings.map((finding) => difference(finding, base))),
  ]);
  return table("Every invariant and its verdict", [["Verdict"], ["Invariant"]], rows);
}

/** One sentence for a report. */
export function summary(report) {
  const count = (verdict) => report.checks.filter((check) => check.verdict === verdict).length;
  const later = count("not yet") ? `, ${count("not yet")} cannot hold yet (the epoch is ${report.state === "review" ? "in review" : report.state})` : "";
  const unseen = count("not looked at") ? `, ${count("not looked at")} could not be looked at` : "";
  const told = `${counted(report.events, "event")} ${report.events === 1 ? "was" : "were"} recomputed in this browser: ${count("pass")} invariants hold${later}${unseen}`;
  return report.ok ? `${told}. Nothing differs.` : `${told}, ${count("fail")} FAIL. What is published does not follow from its own records.`;
}
