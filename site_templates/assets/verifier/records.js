// Every record of a node's files: which fields it has, what they may hold, and what must fit together.
//
// A record type lists its fields in the order in which they are judged; `read` tells the first thing that is wrong.
import { bytesOf, sha256Hex } from "./bytes.js";
import { decode, encode, isTorn, readObjects } from "./canonical.js";
import { Refusal } from "./errors.js";
import { flatValue, is, isWritten, META_KEY, nullable, oneOf, WEIGHT_KEY } from "./values.js";

/** A complaint about the field `name`: a complaint that begins with a dot is about something inside it. */
const under = (name, wrong) => `.${name}${wrong.startsWith(".") ? "" : ": "}${wrong}`;

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/** A check of an object whose keys are free, but for their pattern. */
function table(pattern, check) {
  const regex = new RegExp(pattern);
  return (value) => {
    if (!isObject(value)) return "Input should be a valid dictionary";
    for (const key in value) {
      if (!regex.test(key)) return `.${key}.[key]: String should match pattern '${pattern}'`;
      const wrong = check(value[key]);
      if (wrong !== null) return under(key, wrong);
    }
    return null;
  };
}

/** A check of a list, item by item. */
const list = (check) => (value) => {
  if (!Array.isArray(value)) return "Input should be a valid tuple";
  for (const [index, item] of value.entries()) {
    const wrong = check(item);
    if (wrong !== null) return under(index, wrong);
  }
  return null;
};

/** A type of object: exactly these fields `[name, check, optional]`, and `whole` for what must fit together. */
const type = (fields, whole = () => null) => ({ fields, names: new Set(fields.map(([name]) => name)), whole });

/** What is wrong with `value` as an object of this type, or null. */
function judge({ fields, names, whole }, value) {
  for (const [name, check, optional] of fields) {
    if (!(name in value)) {
      if (!optional) return under(name, "missing field");
    } else {
      const wrong = check(value[name]);
      if (wrong !== null) return under(name, wrong);
    }
  }
  for (const name in value) if (!names.has(name)) return under(name, "unknown field");
  return whole(value);
}

/** A check of an object inside a record. */
function inner(name, fields, whole) {
  const shape = type(fields, whole);
  return (value) => (isObject(value) ? judge(shape, value) : `Input should be a valid dictionary or instance of ${name}`);
}

const FLAT = table(META_KEY, flatValue);
const NODE = [["node_id", is.uuid]];
const EPOCH = [...NODE, ["epoch_id", is.number], ["scope_id", is.scope]];
const LOG = [...EPOCH, ["seq", is.number]];
const STATE = oneOf("open", "review", "finalized");
const ALGORITHM = oneOf("weight-sum-v0");

export const Epoch = type(
  [
    ...NODE, ["algorithm", ALGORITHM], ["epoch_id", is.number], ["opened_at", is.time], ["period_end", is.time],
    ["period_start", is.time], ["schema", oneOf("epoch/1")], ["scope_id", is.scope],
    ["weight_config", table(WEIGHT_KEY, is.weight)], ["weight_config_hash", is.hash], ["weight_policy", is.text],
  ],
  (epoch) => {
    if (epoch.period_start >= epoch.period_end) return "period_start is not before period_end";
    const right = epoch.weight_config_hash === sha256Hex(encode(epoch.weight_config));
    return right ? null : "weight_config_hash is not the hash of weight_config";
  },
);

export const ActivityEvent = type([
  ...NODE, ["artifact_url", is.text], ["event_time", is.time], ["event_type", is.type], ["id", is.event],
  ["ingested_at", is.time], ["metadata", FLAT], ["payload_hash", is.hash], ["platform_login", nullable(is.text)],
  ["platform_user_id", is.account], ["producer", is.name], ["producer_version", is.text], ["retrieved_at", is.time],
  ["scope_id", is.scope], ["source", is.name],
]);

export const Binding = type([
  ...NODE, ["action", oneOf("bind", "unbind")], ["actor", is.reason], ["at", is.time], ["evidence", is.text],
  ["external_id", is.account], ["login", nullable(is.text)], ["provider", is.name], ["seq", is.number], ["user_id", is.uuid],
]);

export const Curation = type(
  [
    ...LOG, ["action", oneOf("include", "exclude", "weight", "resolve", "note")], ["actor", is.reason], ["at", is.time],
    ["event_id", is.event], ["evidence", nullable(is.text)], ["note", nullable(is.reason)],
    ["user_id", nullable(is.uuid)], ["weight_override_milli", nullable(is.weight)],
  ],
  (line) => {
    if ((line.user_id !== null) !== (line.action === "resolve")) return "user_id goes with resolve, and only with it";
    if (line.weight_override_milli !== null && line.action !== "weight") return "weight_override_milli goes with weight only";
    return line.note === null && line.action !== "resolve" ? "a reason (note) is required" : null;
  },
);

export const Override = type([
  ...LOG, ["actor", is.reason], ["at", is.time], ["evidence", nullable(is.text)], ["final_units", nullable(is.amount)],
  ["reason", is.reason], ["user_id", is.uuid],
]);

export const Objection = type(
  [
    ...LOG, ["action", oneOf("raised", "answered")], ["actor", is.reason], ["at", is.time], ["evidence", is.text],
    ["issue", is.number], ["note", nullable(is.reason)], ["person", nullable(is.uuid)],
  ],
  (line) => ((line.note !== null) !== (line.action === "answered") ? "note goes with answered, and only with it" : null),
);

export const PoolComponent = type(
  [
    ...EPOCH, ["algorithm_version", is.text], ["amount_credits", is.amount],
    ["component_id", oneOf("base_issuance", "kpi_bonus_v0", "top_up")], ["computed_at", is.time],
    ["evidence_ref", nullable(is.text)], ["id", is.uuid], ["inputs", FLAT],
  ],
  (line) => (line.component_id === "top_up" && !isWritten(line.evidence_ref ?? "") ? "top_up needs evidence_ref" : null),
);

const PINS = ["approver_set_hash", "approvers", "gaps", "threshold"];
export const Transition = type(
  [
    ...EPOCH, ["actor", is.reason], ["at", is.time], ["from", nullable(STATE)], ["to", STATE],
    ["approver_set_hash", nullable(is.hash), true], ["approvers", nullable(list(is.wallet)), true],
    ["gaps", nullable(list(is.text)), true], ["threshold", nullable(is.number), true],
    ["statement_hash", nullable(is.hash), true],
  ],
  (step) => {
    if ([...PINS, "statement_hash"].some((name) => step[name] === null)) return "a field that does not belong to the step is left out, not null";
    if (PINS.some((name) => name in step !== (step.to === "review"))) return "approvers, approver_set_hash, threshold and gaps go with review, all of them";
    if ("statement_hash" in step !== (step.to === "finalized")) return "statement_hash goes with finalized, and only with it";
    if (!step.approvers) return null;
    if ([...new Set(step.approvers)].sort().join() !== step.approvers.join()) return "approvers are not sorted and unique";
    if (step.approver_set_hash !== approverSetHash(step.approvers)) return "approver_set_hash is not the hash of approvers";
    return step.threshold > step.approvers.length ? `threshold ${step.threshold} is larger than the ${step.approvers.length} approvers` : null;
  },
);

const Interval = inner("Interval", [["from", is.time], ["to", is.time]], ({ from, to }) => (from >= to ? "from is not before to" : null));

export const Cursor = type(
  [
    ...LOG, ["at", is.time], ["covered", list(Interval)], ["source", is.name], ["state", nullable(FLAT)],
    ["stream", is.reason],
  ],
  ({ covered }) =>
    covered.some((interval, index) => index > 0 && covered[index - 1].to >= interval.from) ? "covered intervals are not sorted and apart" : null,
);

export const Collection = type([
  ...LOG, ["at", is.time], ["counts", FLAT], ["covered_from", is.time], ["covered_to", is.time],
  ["errors", list(is.text)], ["events_seen", is.count], ["events_stated", nullable(is.count)], ["gaps", list(is.text)],
  ["source", is.name], ["stream", is.reason],
]);

const Payout = inner("Payout", [["amount_credits", is.amount], ["share", is.share], ["total_units", is.amount], ["user_id", is.uuid]]);

export const Statement = type([
  ...EPOCH, ["activity_count", is.count], ["activity_root", is.hash], ["algorithm", ALGORITHM],
  ["allocation_set_hash", is.hash], ["approver_set_hash", is.hash], ["curation_hash", is.hash], ["gaps", list(is.text)],
  ["identities", inner("IdentitiesPin", [["sha256", is.hash], ["size", is.count]])], ["overrides_hash", is.hash], ["payouts", list(Payout)],
  ["period_end", is.time], ["period_start", is.time], ["pool_hash", is.hash], ["pool_total_credits", is.amount],
  ["previous_statement_hash", nullable(is.hash)], ["schema", oneOf("statement/1")], ["statement_id", is.uuid],
  ["supersedes_statement_id", nullable(is.uuid)], ["threshold", is.number], ["undistributed_credits", is.amount],
  ["unresolved_count", is.count], ["version", is.number], ["weight_config_hash", is.hash],
]);

export const Signature = type([
  ...EPOCH, ["evidence", is.text], ["signature", is.signature], ["signed_at", is.time], ["signer_wallet", is.wallet],
  ["statement_hash", is.hash],
]);

export const Attestation = type([
  ...EPOCH, ["attested_at", is.time], ["evidence", is.text], ["signature", is.signature], ["signer_wallet", is.wallet],
  ["statement_hash", is.hash], ["tool", is.name], ["tool_version", is.version],
]);

/** SHA-256 of the lower-cased, sorted addresses joined by `,`. */
export const approverSetHash = (approvers) => sha256Hex(bytesOf(approvers.map((one) => one.toLowerCase()).sort().join(",")));

/** The decoded object as a record of this type; Refusal names the first field that is wrong. */
export function read(recordType, value) {
  const wrong = recordType.names.has("schema") && !("schema" in value) ? ".schema: missing field" : judge(recordType, value);
  if (wrong !== null) throw new Refusal(wrong.startsWith(".") ? wrong.slice(1) : `record: ${wrong}`);
  return value;
}

/**
 * Refusal unless the record belongs to this node, scope and epoch (NODE_SCOPED, SCOPE_SCOPED).
 * @param {{node_id: string, scope_id?: string, epoch_id?: number}} place
 */
export function checkPlace(record, place) {
  if (record.node_id !== place.node_id) throw new Refusal(`record of another node (${record.node_id})`, { rule: "NODE_SCOPED" });
  if ("scope_id" in place && record.scope_id !== place.scope_id) throw new Refusal(`record of another scope (${record.scope_id})`, { rule: "SCOPE_SCOPED" });
  if ("epoch_id" in place && record.epoch_id !== place.epoch_id) throw new Refusal(`record of another epoch (${record.epoch_id})`, { rule: "SCOPE_SCOPED" });
  return record;
}

/** All records of a log; `limit` stops after so many lines. */
export function readLog(recordType, data, path, place, limit = Infinity) {
  const found = [];
  for (const [number, value] of readObjects(data, path)) {
    if (number > limit) break;
    try {
      const record = checkPlace(read(recordType, value), place);
      if (recordType.names.has("seq") && record.seq !== number) throw new Refusal(`seq is ${record.seq}, expected ${number}`);
      found.push(record);
    } catch (error) {
      throw error instanceof Refusal ? error.at(path, number) : error;
    }
  }
  return found;
}

/** The one record of a `.json` file. */
export function readSingle(recordType, data, path, place) {
  try {
    if (isTorn(data) || data.length === 0) throw new Refusal("file has no line end (torn write?)");
    return checkPlace(read(recordType, decode(data.subarray(0, data.length - 1))), place);
  } catch (error) {
    throw error instanceof Refusal ? error.at(path, 1) : error;
  }
}
