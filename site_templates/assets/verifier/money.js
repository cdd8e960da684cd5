// A scope's money, checked from published files: plans, who signed them, what each pays, what became of it, the book
// (specification, section 11). Gifts move credits by rules that only `ledger verify` replays; whoever gets one is told.
import { Chain, personOf } from "./approvers.js";
import { add, became, bookFigures, Held, returned } from "./book.js";
import { bytesOf, sha256Hex } from "./bytes.js";
import { decode, readObjects } from "./canonical.js";
import { ApproverSet, ApproverSignature, Binding, readLog } from "./records.js";
import { recoverSigner } from "./signatures.js";

const MOST = 100_000_000;
const folder = (number) => String(number).padStart(4, "0");
const descending = (a, b) => (b > a ? 1 : b < a ? -1 : 0);

/** The text that approvers sign so that a plan stands. */
export const planText = (plan, hash) => ["Ledger Distribution", `Node: ${plan.node_id}`, `Scope: ${plan.scope_id}`, `Distribution: ${plan.distribution}`,
  `Asset: ${plan.asset}`, `Total: ${plan.total_minor}`, `Plan Hash: ${hash}`].join("\n");

/** `total` over the lines by their credits, largest remainder, ties to the smaller user. */
export function splitMinor(total, lines) {
  const credits = lines.map((line) => BigInt(line.amount_credits));
  const whole = credits.reduce((sum, one) => sum + one, 0n);
  if (whole === 0n) return credits.map(() => 0n);
  const shares = credits.map((one) => (one * total) / whole);
  const left = shares.reduce((sum, one) => sum - one, total);
  const order = [...lines.keys()].sort((a, b) => descending((credits[a] * total) % whole, (credits[b] * total) % whole) || (lines[a].user_id < lines[b].user_id ? -1 : 1));
  for (const index of order.slice(0, Number(left))) shares[index] += 1n;
  return shares;
}

/** Everything that is read of a scope. `read(path)` gives bytes of the API, or null for what is not there. */
async function load(read, scope) {
  const index = JSON.parse(new TextDecoder().decode(await read("index.json")));
  const there = new Set(index.files.map(({ path }) => path.replace(/^api\/v1\/ledger\//, "")));
  const get = async (path) => (there.has(path) ? await read(path) : null);
  const log = async (path) => { const data = await get(path); return data === null ? [] : [...readObjects(data, path)].map(([, value]) => value); };
  const { epochs, node_id: nodeId } = JSON.parse(new TextDecoder().decode(await read("epochs.json")));
  const place = { node_id: nodeId, scope_id: scope };
  const paths = [`approvers/${scope}.jsonl`, `approvers/${scope}.signatures.jsonl`];
  const [sets, signatures] = await Promise.all(paths.map(get));
  const none = new Uint8Array(0);
  const chain = new Chain(readLog(ApproverSet, sets ?? none, paths[0], place), readLog(ApproverSignature, signatures ?? none, paths[1], place), paths);
  const statements = new Map();
  for (const { epoch_id: epoch, scope_id: id, state, files } of epochs) {
    if (id !== scope || state !== "finalized") continue;
    for (const path of files.filter((one) => one.endsWith("/statement.json"))) {
      const data = await get(path);
      if (data === null) continue;
      const value = decode(data.subarray(0, -1), MOST);
      const terms = value.held.length ? await get(`epochs/${scope}/${epoch}/epoch.json`) : null;
      statements.set(`${epoch}/${value.version}`, { epoch, value, hash: sha256Hex(data), hold: terms === null ? null : decode(terms.subarray(0, -1)).hold_epochs });
    }
  }
  const plans = [];
  for (let number = 1; there.has(`distributions/${scope}/${folder(number)}/plan.json`); number += 1) {
    const base = `distributions/${scope}/${folder(number)}`;
    const data = await get(`${base}/plan.json`);
    plans.push({ base, plan: decode(data.subarray(0, -1), MOST), hash: sha256Hex(data), signed: await log(`${base}/signatures.jsonl`), settled: await log(`${base}/settlements.jsonl`) });
  }
  const bindings = readLog(Binding, (await get("identities.jsonl")) ?? none, "identities.jsonl", { node_id: nodeId });
  const [openings, opened] = [await get(`opening/${scope}.jsonl`), await log(`opening/${scope}.signatures.jsonl`)];
  const book = await get(`book/${scope}.json`);
  return {
    nodeId, chain, statements, plans, bindings, opened, openings,
    openingLines: openings === null ? [] : [...readObjects(openings, "opening")].map(([, value]) => value),
    instructions: (await log("instructions.jsonl")).filter((line) => line.scope_id === scope),
    waivers: (await log("waivers.jsonl")).filter((line) => line.scope_id === scope),
    book: book === null ? null : decode(book.subarray(0, -1), MOST),
  };
}

/** Since when a plan stands: the signature with which enough people of the set that counts then had signed. */
function standsAt({ plan, hash, signed }, chain, tell) {
  const people = new Map();
  for (const line of signed) {
    const set = chain.countedAt(line.signed_at);
    let signer = null;
    try {
      signer = recoverSigner(planText(plan, hash), line.signature);
    } catch {}
    if (signer !== line.signer_wallet || line.plan_hash !== hash) tell("DISTRIBUTION_BALANCED", `distribution ${plan.distribution}: signature ${line.seq} is not by its signer over this plan`);
    else people.set(signer, line.signed_at);
    const ids = set === null ? [] : [...new Set([...people.keys()].map((wallet) => personOf(set, wallet)).filter((id) => id !== null))];
    if (set !== null && ids.length >= set.threshold) return line.signed_at;
  }
  return null;
}

/** What speaks against the sums and conversions of one plan. */
function planFindings({ plan }, nodeId, statements, tell) {
  const n = plan.distribution;
  const rule = "DISTRIBUTION_BALANCED";
  for (const { epoch_id: epoch, version, statement_hash: hash } of plan.covers)
    if (statements.get(`${epoch}/${version}`)?.hash !== hash) tell(rule, `distribution ${n} covers another statement of epoch ${epoch} than the one that is published`);
  const declined = plan.on_decline === "redistribute" ? plan.left_out.filter(({ reason }) => reason === "declined") : [];
  const credits = [...plan.lines, ...declined].reduce((sum, line) => sum + BigInt(line.amount_credits), 0n);
  const total = (credits * BigInt(plan.rate.numerator)) / BigInt(plan.rate.denominator);
  if (total !== BigInt(plan.total_minor)) tell(rule, `distribution ${n} gives ${plan.total_minor} at its rate, which is ${total}`);
  for (const [index, share] of splitMinor(total, plan.lines).entries()) {
    const line = plan.lines[index];
    if (share !== BigInt(line.amount_minor)) tell(rule, `distribution ${n}: ${line.user_id} gets ${line.amount_minor} where the split gives ${share}`);
    if (line.reference !== `${n}-${sha256Hex(bytesOf(`${nodeId}/${plan.scope_id}/${n}/${line.user_id}`)).slice(0, 16)}`) tell(rule, `distribution ${n}: ${line.reference} is not the reference of ${line.user_id}`);
  }
}

/** Check a scope's money. `{ok, checks: [{rule, verdict, note, findings}], figures, plans, standing}`; `figures`: what pages must show. */
export async function checkMoney(read, scope) {
  const found = await load(read, scope);
  const told = new Map(["DISTRIBUTION_BALANCED", "PAID_ONCE", "SETTLEMENT_APPEND_ONLY", "BALANCE_CONSERVED"].map((rule) => [rule, []]));
  const tell = (rule, message) => told.get(rule).push(message);
  const { chain, statements, plans, instructions, waivers, nodeId } = found;
  const receivers = new Set(instructions.filter(({ instruction, to }) => instruction === "gift" && to !== "pool").map(({ to }) => to));
  const set = chain.counting.at(-1) ?? null;
  const openedBy = new Set(found.opened.filter(({ opening_hash: hash }) => found.openings && hash === sha256Hex(found.openings)).map(({ signer_wallet: wallet }) => set && personOf(set, wallet)).filter(Boolean));
  const openings = set !== null && openedBy.size >= set.threshold ? found.openingLines : [];
  const [used, stood, held] = [new Map(), [], new Held(found)];
  for (const each of plans) {
    const { plan, settled, base } = each;
    planFindings(each, nodeId, statements, tell);
    each.since = standsAt(each, chain, tell);
    const balance = held.earned(plan.covers, plan.identities.size);
    for (const line of openings) add(balance, line.user_id, BigInt(line.balance_credits));
    for (const line of waivers) if (line.at <= plan.at) add(balance, line.user_id, BigInt(line.amount_credits));
    for (const before of stood) {
      const states = became(before.plan, before.settled, plan.at);
      for (const line of before.plan.lines) if (!returned(states.get(line.reference))) add(balance, line.user_id, -BigInt(line.amount_credits));
    }
    for (const line of plan.lines)
      if (!receivers.has(line.user_id) && BigInt(line.amount_credits) > (balance.get(line.user_id) ?? 0n))
        tell("PAID_ONCE", `distribution ${plan.distribution} pays ${line.user_id} ${line.amount_credits} credits, ${balance.get(line.user_id) ?? 0n} were owed`);
    let last = "";
    const over = new Set();
    for (const [index, entry] of settled.entries()) {
      if (entry.seq !== index + 1 || entry.at < last || (entry.state !== "abandoned" && (each.since === null || entry.at < each.since)))
        tell("SETTLEMENT_APPEND_ONLY", `${base}/settlements.jsonl:${index + 1} does not follow what is before it`);
      last = entry.at;
      if (entry.reference !== null && over.has(entry.reference)) tell("PAID_ONCE", `line ${entry.reference} was settled before settlement ${entry.seq}`);
      if (entry.state === "settled" && entry.reference !== null) over.add(entry.reference);
      const { kind, chain_id: id, transaction, log_index: log, ref } = entry.evidence;
      const key = kind === "evm_log" ? `${id} ${transaction} ${log}` : ["bank_ref", "provider_ref"].includes(kind) ? `${kind} ${ref}` : null;
      if (key === null || returned(entry.state)) continue;
      const here = `${base} ${entry.reference}`;
      if (used.has(key) && used.get(key) !== here) tell("PAID_ONCE", `${key} shows two payments`);
      used.set(key, here);
    }
    if (each.since === null) continue;
    held.stand(each, balance);
    stood.push(each);
  }
  const figures = bookFigures({ ...found, held, scope, openings }, stood, tell);
  const note = receivers.size ? `${receivers.size} ${receivers.size === 1 ? "person receives" : "people receive"} gifts, which only ledger verify replays` : null;
  const checks = [...told].map(([rule, findings]) => ({ rule, verdict: findings.length ? "fail" : rule === "BALANCE_CONSERVED" && found.book === null ? "not looked at" : "pass", note: rule === "PAID_ONCE" ? note : null, findings }));
  return { ok: checks.every(({ verdict }) => verdict !== "fail"), checks, figures, plans: plans.length, standing: stood.length };
}
