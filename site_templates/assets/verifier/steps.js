// The steps of an epoch, and what may not come after them: events after review, decisions after finalize.
import { Refusal } from "./errors.js";
import { knownUsers } from "./identities.js";
import * as records from "./records.js";

const STEPS = [[null, "open"], ["open", "review"], ["review", "review"], ["review", "finalized"]].map(String);

/** Steps and pin, and the statement as it is stored. */
export function readSteps(check) {
  const transitions = check.attempt(() => check.log(records.Transition, "transitions.jsonl"), []);
  check.state = check.attempt(() => stateOf(check, check.log(records.Transition, "transitions.jsonl"))) ?? "unreadable";
  inOrder(check, transitions);
  const pin = check.attempt(() => check.pin());
  check.statement = check.has("statement.json") ? check.attempt(() => check.single(records.Statement, "statement.json")) : null;
  return { transitions, pin, statement: check.statement };
}

function stateOf(check, transitions) {
  let state = null;
  for (const [index, step] of transitions.entries()) {
    if (step.from !== state || !STEPS.includes(String([step.from, step.to])))
      throw new Refusal(`step from ${step.from ?? "None"} to ${step.to} cannot follow ${state ?? "None"}`, { rule: "EPOCH_THREE_PHASE" }).at(check.path("transitions.jsonl"), index + 1);
    state = step.to;
  }
  if (state === null) throw new Refusal("no transition at all", { rule: "EPOCH_THREE_PHASE" }).at(check.path("transitions.jsonl"), 1);
  return state;
}

function inOrder(check, steps) {
  const closing = steps.flatMap((step, index) => (step.to === "finalized" ? [index + 1] : []));
  if (closing.length > 1) check.differ("ADMIN_FINALIZES_ONCE", "closed more than once", "transitions.jsonl", 1, closing.length, closing.at(-1));
  for (let index = 1; index < steps.length; index += 1)
    if (steps[index].at < steps[index - 1].at)
      check.differ("EPOCH_THREE_PHASE", "step lies before the one before it", "transitions.jsonl", steps[index - 1].at, steps[index].at, index + 1);
}

/** What the scan of the log found, and events that came after review began. */
export function lateEvents(check, log, steps) {
  if (!log) return;
  for (const { rule, message, path, line, expected, actual } of log.findings) check.add(rule, message, path, line, expected, actual);
  const closed = steps.find((step) => step.to === "review")?.at;
  if (closed === undefined) return;
  for (const event of log.events.filter((one) => one.ingested_at > closed).slice(0, 100))
    check.add("INGESTION_CLOSED_ON_REVIEW", "event after review began", event.path, event.line, closed, event.ingested_at);
}

/** Decisions that came too late, or name nobody that the node knows. */
export function decisionFindings(check, derived, steps) {
  const closed = steps.find((step) => step.to === "finalized")?.at;
  const curation = check.attempt(() => check.log(records.Curation, "curation.jsonl"), []);
  const overrides = check.attempt(() => check.log(records.Override, "overrides.jsonl"), []);
  const awards = check.attempt(() => check.ownAwards(), []);
  for (const [name, lines] of [["curation.jsonl", curation], ["overrides.jsonl", overrides], ["awards.jsonl", awards]])
    for (const line of lines)
      if (closed !== undefined && line.at > closed) check.add("CURATION_FREEZE_ON_FINALIZE", "decision after finalize", name, line.seq, `at most ${closed}`, line.at);
  if (!derived) return;
  const users = knownUsers(derived.bindings);
  const named = [["curation.jsonl", curation], ["overrides.jsonl", overrides], ["awards.jsonl", awards]]
    .flatMap(([name, lines]) => lines.filter((line) => line.user_id !== null).map((line) => [name, line]));
  for (const [name, line] of named)
    if (!users.has(line.user_id))
      check.add("IDENTITY_BEST_EFFORT", "names a user that the bindings log does not know", name, line.seq, "a user of the bindings log", line.user_id);
}
