// The log of receipts as far as the epoch pins it, and the epoch's events held to it.
import { Chain } from "./approvers.js";
import { RECEIPTS } from "./invariants.js";
import { folderOf } from "./load.js";
import * as records from "./records.js";
import { eventFindings, eventsBy, foldFindings, missingFindings, statesBy } from "./receipts.js";

/** The log of receipts as far as it is pinned, line by line, and the epoch's events held to it. */
export function vouchedFindings(check, epoch, log, statement, steps) {
  const { nodeId, scopeId, receipts } = check.loaded;
  const size = statement?.receipts.size ?? null;
  const acts = check.attempt(() => records.readLog(records.ReceiptAct, receipts, RECEIPTS, { node_id: nodeId }), []);
  if (acts.length) {
    check.progress({ stage: "checking receipts", done: 0, total: acts.length });
    for (const [line, rule, message, expected, actual] of foldFindings(nodeId, acts.slice(0, size ?? acts.length), chains(check), check.bindings(null).lines))
      check.add(rule, message, RECEIPTS, line, expected, actual);
  }
  if (!epoch || !log) return;
  const closed = steps.find((step) => step.to === "review")?.at ?? null;
  const states = statesBy(acts, size, closed);
  const decided = new Set(check.attempt(() => check.log(records.Curation, "curation.jsonl"), []).filter(({ action }) => action === "include" || action === "exclude").map((line) => line.event_id));
  for (const [path, line, rule, message, expected, actual] of eventFindings(log.receipts, states, scopeId, decided)) check.add(rule, message, path, line, expected, actual);
  if (closed === null) return;
  const there = new Set([...log.receipts.map((event) => event.id), ...vouchedBefore(check, acts)]);
  for (const [rule, message, expected, actual] of missingFindings(states, scopeId, epoch.period_end, there)) check.add(rule, message, "activity.jsonl", null, expected, actual);
}

/** Receipts that stood approved when an epoch before this one was closed: events of it, or of an earlier one. */
function vouchedBefore(check, acts) {
  const { closed, nodeId, scopeId } = check.loaded;
  if (!acts.length) return [];
  return eventsBy(acts, scopeId, [...closed].flatMap(([number, [epoch, steps, statement]]) => {
    if (!epoch || !steps) return [];
    const [place, folder] = [{ node_id: nodeId, scope_id: scopeId, epoch_id: number }, folderOf(scopeId, number)];
    const before = records.readLog(records.Transition, steps, `${folder}/transitions.jsonl`, place).find((step) => step.to === "review")?.at;
    if (before === undefined) return [];
    const end = records.readSingle(records.Epoch, epoch, `${folder}/epoch.json`, place).period_end;
    const size = statement && records.readSingle(records.Statement, statement, `${folder}/statement.json`, place).receipts.size;
    return [{ size, before, end }];
  }));
}

/** The approver sets of every scope: a receipt's rights are those of its own. */
function chains(check) {
  return new Map([...check.loaded.chains].map(([scope, { sets, signatures }]) => {
    if (scope === check.loaded.scopeId) return [scope, check.chain()];
    const [place, paths] = [{ node_id: check.loaded.nodeId, scope_id: scope }, [`data/approvers/${scope}.jsonl`, `data/approvers/${scope}.signatures.jsonl`]];
    return [scope, new Chain(records.readLog(records.ApproverSet, sets, paths[0], place), records.readLog(records.ApproverSignature, signatures, paths[1], place), paths)];
  }));
}
