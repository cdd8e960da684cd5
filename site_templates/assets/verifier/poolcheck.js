// The components of an epoch's pool held to the rules that it pins.
import { sha256Hex } from "./bytes.js";
import { Refusal } from "./errors.js";
import { policyUnits } from "./evaluate.js";
import { folderOf } from "./load.js";
import { applyRule, BY_HAND, componentId, lapsedCredits, readKpi, rulesOf, standingComponents } from "./pool.js";
import * as records from "./records.js";

/** An input of a pool rule that the site does not publish: the rule is not looked at, which is said. */
class Unseen extends Refusal {
  constructor() { super("an input is not published here"); }
}

/** What pool rules compute from; asked for one by one, since most rules need little. */
export function poolFacts(check, epoch, outcomes, bindings) {
  const { scopeId, epochId, nodeId, previousStatement, earlier, kpi } = check.loaded;
  const place = (number) => ({ node_id: nodeId, scope_id: scopeId, epoch_id: number });
  const single = (type, name, number, data) => {
    const path = `${folderOf(scopeId, number)}/${name}`;
    if (data === null && name === "epoch.json") throw new Refusal("epoch.json is missing").at(path);
    return data === null ? null : records.readSingle(type, data, path, place(number));
  };
  return {
    windows: epoch.windows,
    units: policyUnits(outcomes, epoch.weight_config),
    carried: () => {
      const before = single(records.Statement, "statement.json", epochId - 1, epochId > 1 ? previousStatement : null);
      const all = [...earlier].sort(([a], [b]) => a - b).map(([number, files]) => ({
        number,
        epoch: single(records.Epoch, "epoch.json", number, files.epoch),
        statement: single(records.Statement, "statement.json", number, files.statement),
      }));
      return { before: before && { statement: before, hash: sha256Hex(previousStatement) }, lapsed: lapsedCredits(epochId, all, bindings) };
    },
    reading: (rule) => {
      const data = kpi.get(rule.file) ?? null;
      if (data !== null) return readKpi(data, rule, epoch.period_start.slice(0, 10));
      check.unseen.POOL_REPRODUCIBLE = `${rule.file} is not published here; \`ledger verify\` reads it from the repository`;
      throw new Unseen();
    },
  };
}

/** What the rules would add if an open epoch closed now; one whose input is not there yet adds nothing. */
export function projectedComponents(check, epoch, facts, lines) {
  const recorded = new Set(lines.map((line) => line.component_id));
  return rulesOf(epoch).flatMap((rule) => {
    try {
      return [applyRule(rule, facts)].filter((each) => !recorded.has(each.component));
    } catch (error) {
      if (error instanceof Refusal) return [];
      throw error;
    }
  });
}

/** Ids are right, and whatever names a rule is what the pinned rule gives. */
export function poolFindings(check, epoch, derived) {
  const lines = check.attempt(() => check.poolLines(), []);
  const standing = standingComponents(lines);
  if (epoch)
    for (const line of lines.filter((one) => one.action === "record")) {
      const { nodeId, scopeId, epochId } = check.loaded;
      check.differ("POOL_REPRODUCIBLE", "component's id", "pool.jsonl", componentId(nodeId, scopeId, epochId, line.component_id), line.id, line.seq);
    }
  if (check.state === "finalized" && !standing.some((line) => line.component_id === "base_issuance"))
    check.differ("POOL_REQUIRES_BASE", "component missing", "pool.jsonl", "base_issuance", "none", null);
  if (derived && check.state !== "open") check.attempt(() => ruleFindings(check, epoch, derived, lines, standing));
}

function ruleFindings(check, epoch, derived, lines, standing) {
  const due = [];
  const unseen = new Set();
  for (const rule of rulesOf(epoch)) {
    try {
      due.push(applyRule(rule, derived.facts));
    } catch (error) {
      if (!(error instanceof Unseen)) throw error;
      unseen.add(rule.rule);
    }
  }
  for (const line of standing) {
    const { component_id: component, algorithm_version: name, seq } = line;
    if (name === BY_HAND || unseen.has(name)) continue;
    const rule = due.find((each) => each.component === component && each.rule === name);
    const wanted = rule ? { amount_credits: String(rule.amount), inputs: rule.inputs } : "no such rule";
    const found = { amount_credits: line.amount_credits, inputs: line.inputs };
    check.differ("POOL_REPRODUCIBLE", `${component} is not what the pinned rule ${name} gives`, "pool.jsonl", wanted, found, seq);
  }
  const decided = new Set(lines.map((line) => line.component_id));
  for (const each of due.filter((one) => !decided.has(one.component)))
    check.differ("POOL_REPRODUCIBLE", `the pinned rule ${each.rule} gave nothing`, "pool.jsonl", `${each.component} of ${each.amount} credits`, "none", null);
}
