// Every figure and name that an epoch's page shows, as the raw files give it: to be held against the page itself.
//
// `rows` has, by the id of a row or a sum of the page ("" is the page as a whole), the text of each field; where more than
// one text is right, a list of them; null where nothing here can tell. `sets` has, for each table, the ids of all rows that it stands for.
import { manyOf } from "./evaluate.js";
import { namesOf } from "./identities.js";
import { IDENTITIES } from "./invariants.js";
import { BY_HAND, standingComponents } from "./pool.js";
import * as records from "./records.js";
import { personOf } from "./approvers.js";
import { once, sha256Hex } from "./bytes.js";
import { POLICY_ACTOR } from "./spam.js";
import { fileBytes, split } from "./statement.js";
import { day, inputsWords, kindWords, number, share, short, STATES, units } from "./words.js";

const MOST_EVENTS = 1000; // events of an epoch whose page has a row for each
const WHERE = { open: "opened", review: "put into review", finalized: "finalized" };
const DID = { exclude: "left out", include: "counted again:", weight: "weighed", resolve: "counted", note: "remarked on" };

const shardNumber = (name) => (name === "activity.jsonl" ? 1 : Number(name.slice(9, 13)));
const anchorOf = ({ shard, line }) => `event-${shardNumber(shard)}-${line}`;
const sum = (values) => values.reduce((total, value) => total + BigInt(value), 0n);
const joined = (...parts) => parts.filter(Boolean).join(" ");

/** Who is called what on an epoch's page: as its own bindings say, and as all bindings say where that differs. */
export function shownNames(loaded, then) {
  let now = then;
  try {
    now = once(loaded.identities, "names", () => namesOf(records.readLog(records.Binding, loaded.identities, IDENTITIES, { node_id: loaded.nodeId })));
  } catch { /* a line that the statement does not pin cannot be read: told elsewhere, and nobody was renamed */ }
  const shown = new Map(now);
  for (const [user, name] of then) if (now.get(user) !== name) shown.set(user, now.has(user) ? `${name}, now ${now.get(user)}` : name);
  return { now, shown, then, called: (user) => shown.get(user) ?? user.slice(0, 8) };
}

class Figures {
  constructor(loaded, report, found, kinds) {
    Object.assign(this, { loaded, report, found, kinds });
    this.names = shownNames(loaded, found.derived.names);
    this.rows = {};
    this.sets = {};
    this.eventsOf = new Map();
    for (const outcome of found.derived.outcomes) {
      if (outcome.user === null) continue;
      if (!this.eventsOf.has(outcome.user)) this.eventsOf.set(outcome.user, []);
      this.eventsOf.get(outcome.user).push(outcome);
    }
  }

  /** The records of a log; none where the check already says that they cannot be read. */
  log(type, name) {
    const data = this.loaded.files.get(name);
    try {
      return data ? records.readLog(type, data, name, { node_id: this.loaded.nodeId, scope_id: this.loaded.scopeId, epoch_id: this.loaded.epochId }) : [];
    } catch {
      return [];
    }
  }

  put(set, id, fields) {
    this.rows[id] = { ...this.rows[id], ...fields };
    if (set !== null) (this.sets[set] ??= []).push(id);
  }

  name(user) { return this.names.shown.has(user) ? short(this.names.called(user)) : user; }

  /** An event as a link or a name: its title, then its id. */
  titled({ id, title }) {
    const plain = [id, short(id)];
    if (title === "") return plain;
    return [`${short(title)} ${id}`];
  }

  all() {
    this.whole();
    this.people();
    this.events();
    this.kindsTable();
    this.accounts();
    this.decisions();
    this.poolTables();
    this.gathered();
    this.signed();
    this.hashes();
    this.versions();
    return { rows: this.rows, sets: this.sets };
  }

  get statement() { return this.found.derived.statement; }

  whole() {
    const s = this.statement;
    const { curation, overrides } = this.found.derived;
    const byRule = curation.filter(({ actor }) => actor === POLICY_ACTOR).length;
    const total = sum([...s.payouts, ...s.held].map((line) => line.total_units));
    this.total = total;
    const held = number(sum(s.held.map((line) => line.amount_credits)));
    const set = this.found.pin?.set;
    const signed = set ? new Set(this.found.signers.map((wallet) => personOf(set, wallet))).size : 0;
    const inForce = Math.max(1, ...this.found.versions.filter(({ check }) => check.state === "finalized").map(({ check }) => check.version));
    const recomputes = this.report.ok ? "yes" : "no";
    this.put(null, "", {
      state: STATES[this.report.state], start: day(s.period_start), end: day(s.period_end), events: number(s.activity_count),
      windows: String(this.found.epoch.windows), people: number(s.payouts.length), pool: number(s.pool_total_credits), units: units(total), awards: number(s.awards_total_credits),
      held, undistributed: number(s.undistributed_credits), unresolved: number(s.unresolved_count), signed: String(signed), threshold: String(s.threshold),
      by_people: number(curation.length + overrides.length - byRule), by_rule: number(byRule), in_force: String(inForce), recomputes, hold_epochs: String(this.found.epoch.hold_epochs),
    });
  }

  people() {
    const s = this.statement;
    const { evaluation, outcomes } = this.found.derived;
    const allocations = new Map(evaluation.allocations.map((row) => [row.user_id, row]));
    const shared = BigInt(s.pool_total_credits) - BigInt(s.awards_total_credits);
    for (const payout of s.payouts) {
      const { user_id: user } = payout;
      const row = allocations.get(user);
      const own = this.eventsOf.get(user) ?? [];
      const excluded = own.filter(({ included }) => !included).length;
      const [count, called] = [number(row?.activity_count ?? 0), [short(this.names.called(user)), short(this.names.then.get(user) ?? user.slice(0, 8))]];
      const common = { events: count, units: units(payout.total_units), credits: number(payout.amount_credits) };
      this.put("people", `user-${user}`, {
        name: called, ...common, share: share(payout.share),
        ...(row && row.override_reason !== null ? { override: "set by decision" } : {}), ...(excluded ? { excluded: `${number(excluded)} left out` } : {}),
      });
      this.put(null, `why-${user}`, {
        name: called, ...common, ...this.terms(own), proposed: units(row?.proposed_units ?? 0), total: units(this.total), part: payout.share, shared: number(shared),
        whole: number((BigInt(payout.total_units) * shared) / (this.total || 1n)), share_credits: number(payout.share_credits), award: number(payout.award_credits),
        ...(row && row.override_reason !== null ? { reason: row.override_reason } : {}),
      });
    }
    const paid = new Set(s.payouts.map((payout) => payout.user_id));
    for (const [user, own] of this.eventsOf) if (!paid.has(user)) this.put(null, `why-${user}`, { name: short(this.names.called(user)), events: number(own.length) });
    for (const user of new Set([...paid, ...this.eventsOf.keys()])) if (outcomes.length <= MOST_EVENTS) this.sets[user] = (this.eventsOf.get(user) ?? []).map(({ event }) => anchorOf(event));
  }

  /** The parts of a sum: so much of a kind at so much each, the largest first. */
  terms(own) {
    const kinds = new Map();
    const found = [];
    for (const { event, kind, units: worth, included, weightSource } of own) {
      if (!included) continue;
      const quantity = manyOf(event);
      const [each, decided] = [quantity === 1n ? worth : worth / quantity, weightSource === "decision"]; // weights of none and of zero are one part
      if (!kinds.has(kind)) kinds.set(kind, [new Map(), new Map()]);
      const parts = kinds.get(kind)[Number(decided)];
      let part = parts.get(each);
      if (part === undefined) {
        parts.set(each, (part = { kind, each, decided, quantity: 0n, events: 0 }));
        found.push(part);
      }
      part.quantity += quantity;
      part.events += 1;
    }
    const order = (a, b) => (a.kind < b.kind ? -1 : a.kind > b.kind ? 1 : a.each < b.each ? -1 : a.each > b.each ? 1 : Number(a.decided) - Number(b.decided));
    const sorted = found.sort(order).sort((a, b) => { const [one, two] = [a.each * a.quantity, b.each * b.quantity]; return one > two ? -1 : one < two ? 1 : 0; });
    return Object.fromEntries(sorted.map(({ kind, each, decided, quantity, events }, index) => [
      `term-${index + 1}`,
      joined(`${number(quantity)} × ${kindWords(kind, this.kinds)}`, String(quantity) === String(events) ? "" : `(${number(events)} ${events === 1 ? "event" : "events"})`,
        `at ${units(each)}`, decided ? "by decision" : "", `= ${units(each * quantity)}`),
    ]));
  }

  events() {
    const start = this.statement.period_start;
    const late = this.found.derived.outcomes.filter(({ event }) => event.event_time < start);
    this.put(null, "", { late: number(late.length) });
    for (const { event } of late) this.put(null, `late-${anchorOf(event)}`, { event: [...this.titled(event), event.id, short(event.id)], at: day(event.event_time) });
    if (this.found.derived.outcomes.length > MOST_EVENTS) return;
    this.sets.nobody = [];
    for (const { event, kind, user, included, units: worth, weightSource } of this.found.derived.outcomes) {
      const many = BigInt(event.quantity) > 1n ? `${number(event.quantity)} × ${units(BigInt(worth) / BigInt(event.quantity))} = ` : "";
      this.put(user === null ? "nobody" : null, anchorOf(event), {
        event: this.titled(event), kind: kindWords(kind, this.kinds), when: `${day(event.event_time)}${event.event_time < start ? " late" : ""}`,
        units: `${included ? `${many}${units(worth)}` : "excluded"}${{ decision: " by decision", none: " no weight" }[weightSource] ?? ""}`,
      });
    }
  }

  kindsTable() {
    const found = new Map();
    for (const { event, kind, user, included, units: worth } of this.found.derived.outcomes) {
      if (!found.has(kind)) found.set(kind, { events: 0, quantity: 0n, counted: 0, units: 0n });
      const total = found.get(kind);
      total.events += 1;
      total.quantity += manyOf(event);
      if (!included || user === null) continue;
      total.counted += 1;
      total.units += worth;
    }
    const weights = this.found.epoch.weight_config;
    for (const [kind, total] of found)
      this.put("kinds", `kind-${kind}`, {
        kind: `${kindWords(kind, this.kinds)} ${kind}`, events: number(total.events), quantity: number(total.quantity), counted: number(total.counted),
        each: Object.hasOwn(weights, kind) ? units(weights[kind]) : "no weight", units: units(total.units),
      });
  }

  accounts() {
    const { derived } = this.found;
    const owed = new Map(split("hold", derived.evaluation, BigInt(this.statement.pool_total_credits), derived.awards).held.map((line) => [`${line.source}\n${line.platform_user_id}`, line.amount_credits]));
    const sorted = [...derived.evaluation.unresolved].sort((a, b) => (a.units > b.units ? -1 : a.units < b.units ? 1 : 0));
    for (const [index, one] of sorted.entries()) {
      const credits = owed.get(`${one.source}\n${one.account}`);
      this.put("accounts", `account-${index + 1}`, {
        source: one.source, account: one.account, login: short(one.login ?? ""), events: number(one.count), units: units(one.units), credits: credits === undefined ? "nobody’s" : number(credits),
      });
    }
    const known = new Map(derived.evaluation.unresolved.map((one) => [`${one.source}\n${one.account}`, one]));
    const key = (line) => `${line.source}:${line.platform_user_id}`;
    const held = [...this.statement.held].sort((a, b) => (BigInt(a.amount_credits) > BigInt(b.amount_credits) ? -1 : BigInt(a.amount_credits) < BigInt(b.amount_credits) ? 1 : key(a) < key(b) ? -1 : 1));
    for (const [index, line] of held.entries()) {
      const account = known.get(`${line.source}\n${line.platform_user_id}`);
      this.put("held", `held-${index + 1}`, {
        source: line.source, account: line.platform_user_id, login: short(account?.login ?? ""), events: number(account?.count ?? 0), units: units(line.total_units),
        share: share(line.share), credits: number(line.amount_credits), last: String(this.loaded.epochId + this.found.epoch.hold_epochs),
      });
    }
  }

  decisions() {
    const { curation, overrides, outcomes } = this.found.derived;
    const decided = new Set(curation.map((line) => line.event_id));
    const titles = new Map(outcomes.filter(({ event }) => decided.has(event.id)).map(({ event }) => [event.id, event.title]));
    for (const line of overrides)
      this.put("decisions", `decision-overrides-${line.seq}`, {
        when: day(line.at), who: short(line.actor), what: `units of ${this.name(line.user_id)} ${line.final_units === null ? "back to the proposal" : `set to ${units(line.final_units)}`}`,
        why: joined(line.reason, line.evidence),
      });
    for (const line of curation) {
      const after = joined(
        line.action === "weight" ? (line.weight_override_milli === null ? "by the policy again" : `at ${units(line.weight_override_milli)} units`) : "",
        line.user_id ? `for ${this.name(line.user_id)}` : "");
      const named = [line.event_id, short(line.event_id), ...(titles.get(line.event_id) ? [short(titles.get(line.event_id))] : [])];
      this.put("decisions", `decision-curation-${line.seq}`, {
        when: day(line.at), who: line.actor === POLICY_ACTOR ? "the written rules" : short(line.actor),
        what: named.map((event) => joined(DID[line.action], event, after)), why: joined(line.note ?? "", line.evidence),
      });
    }
    for (const line of this.log(records.Objection, "objections.jsonl")) {
      const about = line.person ? ` about ${short(this.names.shown.get(line.person) ?? line.person)}` : "";
      this.put("questions", `question-${line.seq}`, {
        when: day(line.at), who: short(line.actor), where: line.evidence,
        what: line.action === "raised" ? `asked question ${line.issue}${about}` : `answered question ${line.issue}: ${line.note}`,
      });
    }
  }

  poolTables() {
    const { pool, projected } = this.found.derived;
    const standing = new Set(standingComponents(pool).map((line) => line.seq));
    for (const line of pool) {
      const how = line.action === "withdraw" ? `withdrawn: ${line.reason ?? ""}`
        : joined(line.algorithm_version === BY_HAND ? `recorded by hand${inputsWords(line.inputs)}` : `by the pinned rule ${line.algorithm_version}${inputsWords(line.inputs)}`, line.evidence_ref, standing.has(line.seq) ? "" : "no longer counts");
      this.put("pool", `pool-${line.seq}`, {
        component: line.component_id, credits: line.action === "withdraw" ? "–" : number(line.amount_credits), how,
        who: line.action === "withdraw" ? short(line.actor) : `${short(line.actor)}, ${day(line.computed_at)}`,
      });
    }
    for (const [index, each] of projected.entries())
      this.put(null, "", { [`projected-${index + 1}`]: `${each.component} of ${number(each.amount)} credits by ${each.rule}${inputsWords(each.inputs)}` });
    const awards = this.log(records.Award, "awards.jsonl");
    const last = new Map(awards.map((line) => [line.award, line.seq]));
    for (const line of awards) {
      const stands = line.user_id !== null && last.get(line.award) === line.seq;
      this.put("awards", `award-${line.seq}`, {
        award: line.award, for: line.user_id ? this.name(line.user_id) : "cancelled", credits: line.amount_credits === null ? "–" : number(line.amount_credits),
        why: joined(line.reason, line.evidence, line.user_id && !stands ? "no longer counts" : ""), who: `${short(line.actor)}, ${day(line.at)}`,
      });
    }
  }

  gathered() {
    for (const [index, line] of this.log(records.Collection, "collection.jsonl").slice(-300).entries())
      this.put("runs", `run-${index + 1}`, {
        stream: `${line.source}: ${short(line.stream)}`, from: day(line.covered_from), to: day(line.covered_to), seen: number(line.events_seen),
        stated: line.events_stated === null ? "–" : number(line.events_stated), gaps: [...line.gaps, ...line.errors].join(" ") || "none",
      });
    for (const [index, gap] of this.statement.gaps.entries()) this.put(null, "", { [`gap-${index + 1}`]: gap });
    for (const [index, step] of this.log(records.Transition, "transitions.jsonl").entries())
      this.put(null, "", { [`step-${index + 1}`]: `${day(step.at)}: ${step.from === step.to ? "approvers pinned anew" : WHERE[step.to]} by ${short(step.actor)}` });
  }

  signed() {
    const { pin } = this.found;
    const hash = this.hash;
    for (const [index, wallet] of (pin?.approvers ?? []).entries()) this.put(null, "", { [`approver-${index + 1}`]: `${personOf(pin.set, wallet)}: ${wallet}` });
    for (const [index, line] of this.log(records.Signature, "signatures.jsonl").entries())
      this.put("signatures", `signature-${index + 1}`, {
        who: (pin && personOf(pin.set, line.signer_wallet)) ?? "nobody of the pinned approvers", wallet: line.signer_wallet, when: day(line.signed_at),
        over: line.statement_hash === hash ? "this statement" : "an older draft: does not count", evidence: line.evidence,
      });
    for (const [index, line] of this.log(records.Attestation, "attestations.jsonl").entries())
      this.put("witnesses", `witness-${index + 1}`, {
        wallet: line.signer_wallet, when: day(line.attested_at), with: `${line.tool} ${line.tool_version}`,
        got: line.statement_hash === hash ? "these very bytes" : "another statement: does not hold", evidence: line.evidence,
      });
    for (const { invariant, verdict } of this.report.checks)
      this.put(null, `check-${invariant}`, { verdict: verdict === "not applicable" || verdict === "not looked at" ? null : verdict });
  }

  get hash() { return sha256Hex(fileBytes(this.statement)); }

  hashes() {
    const s = this.statement;
    const hashes = ["activity_root", "allocation_set_hash", "curation_hash", "overrides_hash", "awards_hash", "pool_hash", "weight_config_hash", "epoch_hash", "collection_hash", "cursors_hash", "approver_set_hash"];
    this.put(null, "", {
      "hash-statement": this.hash, "hash-previous": s.previous_statement_hash ?? "none", ...Object.fromEntries(hashes.map((name) => [`hash-${name}`, s[name]])),
      approvers_seq: String(s.approvers_seq), "hash-identities": s.identities.sha256, identities: number(s.identities.size), "hash-log": s.log.root, log: number(s.log.size),
    });
  }

  versions() {
    const credits = ({ payouts, held }) => new Map([...payouts.map((line) => [line.user_id, line]), ...held.map((line) => [`held for ${line.source}:${line.platform_user_id}`, line])].map(([key, line]) => [key, BigInt(line.amount_credits)]));
    let before = this.found.statement;
    for (const { check } of this.found.versions) {
      if (!check.statement || !before) break;
      this.put(null, "", { [`version-${check.version}-hash`]: sha256Hex(check.data("statement.json")) });
      const [old, now] = [credits(before), credits(check.statement)];
      const moved = [...new Set([...old.keys(), ...now.keys()])].sort().filter((key) => (old.get(key) ?? 0n) !== (now.get(key) ?? 0n));
      for (const [index, key] of moved.entries()) {
        const [was, is] = [old.get(key) ?? 0n, now.get(key) ?? 0n];
        this.put(`changes-${check.version}`, `change-${check.version}-${index + 1}`, {
          name: short(this.names.shown.get(key) ?? key), before: number(was), after: number(is), difference: `${is >= was ? "+" : ""}${is - was}`,
        });
      }
      before = check.statement;
    }
  }
}

/** What the page of a rechecked epoch must show. `kinds`: the published names of kinds. */
export const pageFigures = (loaded, report, found, kinds) => new Figures(loaded, report, found, kinds).all();
