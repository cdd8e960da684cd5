// Every record of a node's files: which fields it has, what they may hold, and what must fit together.
//
// A record type lists its fields in the order in which they are judged; `read` tells the first thing that is wrong.
import { bytesOf, once, sha256Hex } from "./bytes.js";
import { decode, encode, isTorn, readObjects } from "./canonical.js";
import { Refusal } from "./errors.js";
import { receiptText } from "./signatures.js";
import { flatValue, formOf, is, isWritten, META_KEY, nullable, oneOf, WEIGHT_KEY } from "./values.js";

/** A complaint about the field `name`: a complaint that begins with a dot is about something inside it. */
const under = (name, wrong) => `.${name}${wrong.startsWith(".") ? "" : ": "}${wrong}`;

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/** A check of an object whose keys are free, but for their pattern. */
function table(pattern, check) {
  const regex = new RegExp(pattern);
  return (value) => {
    if (!isObject(value)) return "must hold keys and values";
    for (const key in value) {
      if (!regex.test(key)) return `.${key}.[key]: must be ${formOf(pattern)}`;
      const wrong = check(value[key]);
      if (wrong !== null) return under(key, wrong);
    }
    return null;
  };
}

/** A check of a list, item by item. */
const list = (check) => (value) => {
  if (!Array.isArray(value)) return "must be a list, such as [one, two]";
  for (const [index, item] of value.entries()) {
    const wrong = check(item);
    if (wrong !== null) return under(index, wrong);
  }
  return null;
};

/** A check of a list that is not empty. */
const some = (check) => (value) =>
  list(check)(value) ?? (value.length === 0 ? "must have at least 1 entries" : null);

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
function inner(fields, whole) {
  const shape = type(fields, whole);
  return (value) => (isObject(value) ? judge(shape, value) : "must hold keys and values");
}

const FLAT = table(META_KEY, flatValue);
const NODE = [["node_id", is.uuid]];
const EPOCH = [...NODE, ["epoch_id", is.number], ["scope_id", is.scope]];
const LOG = [...EPOCH, ["seq", is.number]];
const STATE = oneOf("open", "review", "finalized");
const ALGORITHM = oneOf("weight-sum-v1");

const POOL_RULE = (value) => FLAT(value) ?? (typeof value.rule === "string" ? null : "a pool rule names its rule");
const UNRESOLVED = oneOf("hold", "share");

export const Epoch = type(
  [
    ...NODE, ["algorithm", ALGORITHM], ["anchor", is.time], ["epoch_id", is.number], ["hold_epochs", nullable(is.number)],
    ["length", is.length], ["opened_at", is.time], ["period_end", is.time], ["period_start", is.time],
    ["pool_rules", list(POOL_RULE)], ["schema", oneOf("epoch/2")], ["scope_id", is.scope], ["unit", oneOf("days", "months")],
    ["unresolved", UNRESOLVED], ["weight_config", table(WEIGHT_KEY, is.weight)], ["weight_config_hash", is.hash],
    ["weight_policy", is.text], ["windows", is.number],
  ],
  (epoch) => {
    if (epoch.period_start >= epoch.period_end) return "period_start is not before period_end";
    if (epoch.hold_epochs !== null && epoch.unresolved !== "hold") return "hold_epochs goes with unresolved: hold";
    const right = epoch.weight_config_hash === sha256Hex(encode(epoch.weight_config));
    return right ? null : "weight_config_hash is not the hash of weight_config";
  },
);

export const ActivityEvent = type([
  ...NODE, ["artifact_url", is.text], ["event_time", is.time], ["event_type", is.type], ["id", is.event],
  ["ingested_at", is.time], ["metadata", FLAT], ["payload_hash", is.hash], ["platform_login", nullable(is.text)],
  ["platform_user_id", is.account], ["producer", is.name], ["producer_version", is.text], ["quantity", is.quantity],
  ["retrieved_at", is.time], ["scope_id", is.scope], ["source", is.name],
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
    if (line.user_id !== null && line.action !== "resolve") return "user_id goes with resolve, and only with it";
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

export const AmendmentReason = type([
  ...EPOCH, ["actor", is.reason], ["at", is.time], ["evidence", is.text],
  ["kind", oneOf("error", "late_evidence", "fraud", "revoked_receipt", "redaction")], ["reason", is.reason],
  ["schema", oneOf("amendment/1")],
]);

const RECORDED = ["algorithm_version", "amount_credits", "computed_at", "id", "inputs"];
export const PoolComponent = type(
  [
    ...LOG, ["action", oneOf("record", "withdraw")], ["actor", is.reason], ["algorithm_version", nullable(is.text)],
    ["amount_credits", nullable(is.amount)], ["component_id", oneOf("base_issuance", "carry_over", "kpi_bonus_v0", "top_up")],
    ["computed_at", nullable(is.time)], ["evidence_ref", nullable(is.text)], ["id", nullable(is.uuid)],
    ["inputs", nullable(FLAT)], ["reason", nullable(is.reason)],
  ],
  (line) => {
    const back = line.action === "withdraw";
    if (RECORDED.some((name) => (line[name] === null) !== back)) return "algorithm_version, amount_credits, computed_at, id and inputs go with record";
    if ((line.reason !== null) !== back) return "a reason goes with withdraw, and only with it";
    if (back && line.evidence_ref !== null) return "evidence_ref goes with record only";
    return !back && line.component_id === "top_up" && !isWritten(line.evidence_ref ?? "") ? "top_up needs evidence_ref" : null;
  },
);

export const Award = type(
  [
    ...LOG, ["action", oneOf("award", "cancel")], ["actor", is.reason], ["amount_credits", nullable(is.amount)], ["at", is.time],
    ["award", is.award], ["evidence", nullable(is.text)], ["reason", is.reason], ["user_id", nullable(is.uuid)],
  ],
  (line) => {
    const fits = [line.amount_credits, line.user_id].every((each) => (each !== null) === (line.action === "award"));
    return fits ? null : "amount_credits and user_id go with award, both of them";
  },
);

const PINS = ["approver_set_hash", "approvers_seq", "gaps", "threshold"];
export const Transition = type(
  [
    ...EPOCH, ["actor", is.reason], ["at", is.time], ["from", nullable(STATE)], ["to", STATE],
    ["approver_set_hash", nullable(is.hash), true], ["approvers_seq", nullable(is.number), true],
    ["gaps", nullable(list(is.text)), true], ["threshold", nullable(is.number), true],
    ["statement_hash", nullable(is.hash), true],
  ],
  (step) => {
    if ([...PINS, "statement_hash"].some((name) => step[name] === null)) return "a field that does not belong to the step is left out, not null";
    if (PINS.some((name) => name in step !== (step.to === "review"))) return "approvers_seq, approver_set_hash, threshold and gaps go with review, all of them";
    return "statement_hash" in step !== (step.to === "finalized") ? "statement_hash goes with finalized, and only with it" : null;
  },
);

const Interval = inner([["from", is.time], ["to", is.time]], ({ from, to }) => (from >= to ? "from is not before to" : null));

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

const Payout = inner([
  ["amount_credits", is.amount], ["award_credits", is.amount], ["share", is.share], ["share_credits", is.amount],
  ["total_units", is.amount], ["user_id", is.uuid],
]);
const Held = inner([
  ["amount_credits", is.amount], ["platform_user_id", is.account], ["share", is.share], ["source", is.name],
  ["total_units", is.amount],
]);
const PrefixPin = inner([["sha256", is.hash], ["size", is.count]]);
const LogPin = inner([["root", is.hash], ["size", is.count]]);

export const Statement = type([
  ...EPOCH, ["activity_count", is.count], ["activity_root", is.hash], ["algorithm", ALGORITHM],
  ["allocation_set_hash", is.hash], ["approver_set_hash", is.hash], ["approvers_seq", is.number], ["awards_hash", is.hash],
  ["awards_total_credits", is.amount], ["collection_hash", is.hash], ["curation_hash", is.hash], ["cursors_hash", is.hash],
  ["epoch_hash", is.hash], ["gaps", list(is.text)], ["held", list(Held)], ["identities", PrefixPin], ["log", LogPin],
  ["overrides_hash", is.hash], ["payouts", list(Payout)], ["period_end", is.time], ["period_start", is.time],
  ["pool_hash", is.hash], ["pool_total_credits", is.amount], ["previous_statement_hash", nullable(is.hash)],
  ["receipts", PrefixPin], ["schema", oneOf("statement/2")], ["statement_id", is.uuid],
  ["supersedes_statement_hash", nullable(is.hash)], ["supersedes_statement_id", nullable(is.uuid)], ["threshold", is.number],
  ["undistributed_credits", is.amount], ["unresolved", UNRESOLVED], ["unresolved_count", is.count], ["version", is.number],
  ["weight_config_hash", is.hash],
]);

export const Signature = type([
  ...EPOCH, ["evidence", is.text], ["signature", is.signature], ["signed_at", is.time], ["signer_wallet", is.wallet],
  ["statement_hash", is.hash],
]);

export const Attestation = type([
  ...EPOCH, ["attested_at", is.time], ["evidence", is.text], ["signature", is.signature], ["signer_wallet", is.wallet],
  ["statement_hash", is.hash], ["tool", is.name], ["tool_version", is.version],
]);

const inOrder = (items) => items.every((item, index) => index === 0 || items[index - 1] < item);
const walletsFit = ({ id, wallets }) => (inOrder(wallets) ? null : `wallets of ${id} are not sorted and unique`);
const MEMBER = [["id", is.person], ["wallets", some(is.wallet)]];
const Member = inner(MEMBER, walletsFit);
const IssuerRights = inner([...MEMBER, ["can_approve", is.truth], ["can_close_epoch", is.truth], ["can_issue", is.truth]], walletsFit);

export const ApproverSet = type(
  [
    ...NODE, ["approvers", some(Member)], ["at", is.time], ["covers", is.truth], ["issuers", list(IssuerRights)],
    ["previous", nullable(is.hash)], ["reason", is.reason], ["scope_id", is.scope], ["self_approve", is.truth],
    ["seq", is.number], ["threshold", is.number],
  ],
  (line) => {
    const holders = new Map();
    for (const name of ["approvers", "issuers"]) {
      if (!inOrder(line[name].map((person) => person.id))) return `${name} are not sorted by id and unique`;
      for (const { id, wallets } of line[name])
        for (const wallet of wallets) {
          if ((holders.get(wallet) ?? id) !== id) return `wallet ${wallet} stands under ${holders.get(wallet)} and under ${id}`;
          holders.set(wallet, id);
        }
    }
    return line.threshold > line.approvers.length ? `threshold ${line.threshold} is larger than the ${line.approvers.length} approvers` : null;
  },
);

export const ApproverSignature = type([
  ...NODE, ["approvers_seq", is.number], ["evidence", is.text], ["scope_id", is.scope], ["seq", is.number],
  ["signature", is.signature], ["signed_at", is.time], ["signer_wallet", is.wallet],
]);

const Receipt = inner([
  ["artifact_url", is.shown], ["estimate", is.quantity], ["issued_at", is.time], ["role", is.type], ["scope_id", is.scope],
  ["user_id", is.uuid], ["work_item_id", is.workItem], ["work_points", is.quantity],
]);

export const ReceiptAct = type(
  [
    ...NODE, ["act", oneOf("issued", "approved", "revoked")], ["approvers_seq", is.number], ["at", is.time], ["evidence", is.text],
    ["number", is.count], ["reason", nullable(is.shown)], ["receipt", nullable(Receipt)], ["receipt_hash", is.hash],
    ["seq", is.number], ["signature", is.signature], ["signer_wallet", is.wallet],
  ],
  (line) => {
    const issued = line.act === "issued";
    if ((line.receipt !== null) !== issued) return "receipt goes with issued, and only with it";
    if ((line.number === 0) !== issued) return "number is 0 for issued, and counts from 1 for what follows";
    if ((line.reason !== null) !== (line.act === "revoked")) return "reason goes with revoked, and only with it";
    const right = !issued || line.receipt_hash === sha256Hex(bytesOf(receiptText(line.node_id, line.receipt)));
    return right ? null : "receipt_hash is not the hash of the receipt's text";
  },
);

export const LogLine = type([
  ...NODE, ["hash", is.hash], ["kind", oneOf("approvers", "statement", "amendment", "distribution", "opening", "redaction")],
  ["ref", is.reason], ["scope_id", is.scope], ["seq", is.number],
]);

const atLeastOne = (value) => is.amount(value) ?? (value === "0" ? "must be at least 1" : null);
const inside = (value) =>
  is.text(value) ?? (value.includes("\\") || value.split("/").some((part) => ["", ".", ".."].includes(part)) ? "must be a path inside the node, such as weights/default.yaml" : null);
const RULES = {
  "fixed-v1": type([["rule", is.text], ["amount_credits", is.amount]]),
  "activity-scaled-v1": type([["rule", is.text], ["amount_credits", is.amount], ["full_at_units", atLeastOne]]),
  "carry-over-v1": type([["rule", is.text], ["cap_credits", is.amount]]),
  "kpi-linear-v1": type([
    ["rule", is.text], ["cap_credits", is.amount], ["column", is.text], ["denominator", atLeastOne], ["file", inside],
    ["key", is.text], ["numerator", is.amount],
  ]),
};

/** A pinned pool rule, held to its form; Refusal names the first field that is wrong. */
export function poolRule(value) {
  const known = Object.hasOwn(RULES, value.rule);
  const wrong = known ? judge(RULES[value.rule], value) : "has a form that is not allowed here";
  if (wrong === null) return value;
  throw new Refusal(`pool rule: ${known ? value.rule : ""}${wrong}`, { rule: "POOL_REPRODUCIBLE" });
}

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
  if (limit === 0) return found;
  for (const [number, value] of readObjects(data, path)) {
    try {
      const record = checkPlace(read(recordType, value), place);
      if (recordType.names.has("seq") && record.seq !== number) throw new Refusal(`seq is ${record.seq}, expected ${number}`);
      found.push(record);
    } catch (error) {
      throw error instanceof Refusal ? error.at(path, number) : error;
    }
    if (number === limit) break; // what lies behind is not looked at, whatever it is
  }
  return found;
}

/** The one record of a `.json` file. The same bytes are read once: those of an epoch are looked at for the epoch after it, too. */
export function readSingle(recordType, data, path, place) {
  try {
    if (isTorn(data) || data.length === 0) throw new Refusal("file has no line end (torn write?)");
    return checkPlace(once(data, recordType, () => read(recordType, decode(data.subarray(0, data.length - 1), Infinity))), place);
  } catch (error) {
    throw error instanceof Refusal ? error.at(path, 1) : error;
  }
}
