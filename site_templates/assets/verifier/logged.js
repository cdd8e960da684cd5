// The statement log of the scope and the files that it names, held to each other as far as they are here.
import { hashOf } from "./bytes.js";
import { folderOf } from "./load.js";
import { finalSets, logFindings, setRef } from "./statementlog.js";

/** Log and files held to each other, as far as they are here. */
export function loggedFindings(check, chain, steps, versions) {
  check.findings.push(...chain.findings);
  const { scopeId, epochId, siblings, previousStatement } = check.loaded;
  const closed = siblings.filter((one) => (one.number === epochId ? check.state : one.state) === "finalized");
  const statements = closed.map(({ number }) => {
    const data = number === epochId ? check.data("statement.json") : number === epochId - 1 ? previousStatement : null;
    const pinned = number === epochId ? (steps.findLast((step) => step.approvers_seq)?.approvers_seq ?? null) : null;
    return { kind: "statement", ref: `${folderOf(scopeId, number)}/statement.json`, hash: data && hashOf(data), pinned: pinned && setRef(scopeId, pinned) };
  });
  const final = [...finalSets(scopeId, chain), ...statements, ...amended(check, versions)];
  for (const [message, path, line, expected, actual] of logFindings(check.scoped("log"), check.logLines(), final))
    check.add("STATEMENT_LOGGED", message, path, line, expected, actual);
}

/** Amendments that are final: this epoch's by hash, others by the published list. */
function amended(check, versions) {
  const { scopeId, epochId, siblings } = check.loaded;
  const mine = versions.filter(({ check }) => check.state === "finalized").map(({ check, transitions }) => {
    const pinned = transitions.findLast((step) => step.approvers_seq)?.approvers_seq ?? null;
    return { kind: "amendment", ref: check.path("statement.json"), hash: hashOf(check.data("statement.json")), pinned: pinned && setRef(scopeId, pinned) };
  });
  const others = siblings.filter(({ number }) => number !== epochId).flatMap(({ number, amended }) =>
    amended.map((version) => ({ kind: "amendment", ref: `${folderOf(scopeId, number)}/amendments/${String(version).padStart(2, "0")}/statement.json`, hash: null, pinned: null })));
  return [...mine, ...others];
}
