// A scope's account book held to its record, and what the pages of money must show of it (specification, section 11).
import { accountKey, namesOf, resolveAccounts } from "./identities.js";
import { day, number, short } from "./words.js";

const GIVEN_UP = "abandoned";
export const add = (table, key, value) => table.set(key, (table.get(key) ?? 0n) + value);

/** What became of each line by a time: settled is for good, failed or given up is owed again. */
export function became(plan, settled, until) {
  const states = new Map(plan.lines.map((line) => [line.reference, "allocated"]));
  for (const entry of settled) {
    if (until !== null && entry.at > until) continue;
    for (const reference of entry.reference === null ? states.keys() : [entry.reference])
      if (states.has(reference) && states.get(reference) !== "settled") states.set(reference, entry.state);
  }
  return states;
}

export const returned = (state) => state === "failed" || state === "abandoned";

/** A held share of an epoch. */
const shareKey = (epoch, line) => `${epoch} ${accountKey(line.source, line.platform_user_id)}`;

/**
 * Each held share of the versions named: its credits, whose it is by the first bindings (null: nobody's), and whether it fell back.
 *
 * `claims`: who took a share before, by `shareKey`: binding the account to somebody else later moves nothing.
 */
function* heldShares(statements, covers, bindings, claims) {
  const bound = resolveAccounts(bindings);
  for (const { epoch_id: epoch, version } of covers) {
    const { value = null, hold = null } = statements.get(`${epoch}/${version}`) ?? {};
    const ended = hold === null ? null : (statements.get(`${epoch + hold}/1`)?.value.identities.size ?? null);
    for (const line of value?.held ?? []) {
      const key = accountKey(line.source, line.platform_user_id);
      const came = (one) => one.action === "bind" && accountKey(one.provider, one.external_id) === key;
      const taken = claims.get(shareKey(epoch, line)) ?? null;
      const lapsed = taken === null && ended !== null && !bindings.slice(0, ended).some(came);
      yield { credits: BigInt(line.amount_credits), user: taken ?? (lapsed ? null : (bound.get(key) ?? null)), lapsed };
    }
  }
}

/** Amounts by user of the versions named, and held shares for whoever they are. */
export function earned(statements, covers, bindings, claims = new Map()) {
  const found = new Map();
  for (const { epoch_id: epoch, version } of covers)
    for (const line of statements.get(`${epoch}/${version}`)?.value.payouts ?? []) add(found, line.user_id, BigInt(line.amount_credits));
  for (const { credits, user } of heldShares(statements, covers, bindings, claims)) if (user !== null) add(found, user, credits);
  return found;
}

/** Whether a plan was given up before anything of it settled: then it is as if it had never stood. */
const undone = ({ plan, settled }) => settled.some(({ state }) => state === GIVEN_UP) && ![...became(plan, settled, null).values()].includes("settled");

/** Who took which held share: whoever held its account when the first plan that stands paid him, or left him out by his own word. */
function claimsOf(stood, statements, bindings) {
  const claims = new Map();
  const covered = new Map();
  for (const each of stood) {
    for (const { epoch_id: epoch, version } of each.plan.covers) covered.set(epoch, version);
    if (undone(each)) continue;
    const bound = resolveAccounts(bindings.slice(0, each.plan.identities.size));
    const takers = new Set([...each.plan.lines, ...each.plan.left_out.filter(({ reason }) => reason === "declined")].map((line) => line.user_id));
    for (const [epoch, version] of covered) for (const line of statements.get(`${epoch}/${version}`)?.value.held ?? []) {
      const user = bound.get(accountKey(line.source, line.platform_user_id));
      if (takers.has(user) && !claims.has(shareKey(epoch, line))) claims.set(shareKey(epoch, line), user);
    }
  }
  return claims;
}

/** What was declined or let go, by person. Gifts are apart: only `ledger verify` replays them. */
function movedBy(stood, waivers) {
  const moved = new Map();
  for (const each of stood.filter((one) => !undone(one))) for (const { reason, user_id: user, amount_credits: credits } of each.plan.left_out) if (reason === "declined") add(moved, user, -BigInt(credits));
  for (const line of waivers) add(moved, line.user_id, BigInt(line.amount_credits));
  return moved;
}

/** Hold the published book to the record, row by row; gives the figures `{rows, sets}` that the pages of the scope must show. */
export function bookFigures({ bindings, book, instructions, openings, plans, scope, statements, waivers }, stood, tell) {
  const wrong = (text) => tell("BALANCE_CONSERVED", text);
  const last = new Map();
  for (const { epoch, value } of statements.values()) if ((last.get(epoch)?.version ?? 0) < value.version) last.set(epoch, { epoch_id: epoch, version: value.version });
  const [inForce, claims] = [[...last.values()], claimsOf(stood, statements, bindings)];
  const [allocated, paid, mine] = [new Map(), new Map(), earned(statements, inForce, bindings, claims)];
  for (const line of openings) add(mine, line.user_id, BigInt(line.balance_credits));
  for (const { plan, settled } of stood) {
    const states = became(plan, settled, null);
    for (const line of plan.lines) {
      const state = states.get(line.reference);
      if (!returned(state)) add(state === "settled" ? paid : allocated, line.user_id, BigInt(line.amount_credits));
    }
  }
  const names = namesOf(bindings);
  const called = (user) => short(names.get(user) ?? user.slice(0, 8));
  const rows = Object.create(null);
  if (book !== null) bookRows();
  for (const each of plans) planRows(each, stood.includes(each), scope, called, rows);
  return { rows, sets: { book: book === null ? [] : book.people.map(({ user_id: user }) => `${scope}-book-${user}`) } };

  function bookRows() {
    const gifts = instructions.filter(({ instruction }) => instruction === "gift");
    const gave = new Set(gifts.flatMap(({ user_id: giver, to }) => [giver, to]));
    const moved = movedBy(stood, waivers);
    const there = new Set(book.people.map(({ user_id: user }) => user));
    if (there.size !== book.people.length) wrong("somebody stands in the book twice");
    for (const [user, credits] of mine) if (credits !== 0n && !there.has(user)) wrong(`${user}: is not in the book, the record gives him ${credits}`);
    let sum = BigInt(book.to_pool) + BigInt(book.declined) - BigInt(book.waived);
    let owed = 0n;
    for (const one of book.people) {
      const user = one.user_id;
      const due = { earned: mine.get(user) ?? 0n, allocated: allocated.get(user) ?? 0n, paid: paid.get(user) ?? 0n };
      due.moved = gave.has(user) ? BigInt(one.moved) : (moved.get(user) ?? 0n);
      due.outstanding = due.earned + due.moved - due.allocated - due.paid;
      for (const [name, value] of Object.entries(due)) if (BigInt(one[name]) !== value) wrong(`${user}: ${name} ${one[name]}, the record gives ${value}`);
      const name = names.get(user) ?? user.slice(0, 8);
      if (one.name !== name) wrong(`${user}: is called ${one.name}, the record gives ${name}`);
      if (due.outstanding > 0n) owed += due.outstanding;
      sum += BigInt(one.outstanding) + BigInt(one.allocated) + BigInt(one.paid);
      rows[`${scope}-book-${user}`] = { person: called(user), ...Object.fromEntries(Object.entries(due).map(([field, value]) => [field, number(value)])) };
    }
    const waiting = [...heldShares(statements, inForce, bindings, claims)].reduce((all, { credits, user, lapsed }) => (user === null && !lapsed ? all + credits : all), 0n);
    if (BigInt(book.waiting) !== waiting) wrong(`${book.waiting} credits wait for accounts that nobody has bound, the record gives ${waiting}`);
    const came = total(mine);
    if (sum !== came) wrong(`the book holds ${sum} credits, statements and openings gave ${came}`);
    const people = [...paid.values()].filter((credits) => credits > 0n).length;
    rows[`${scope}-sums`] = { earned: number(came), paid: number(total(paid)), people: number(people), allocated: number(total(allocated)), outstanding: number(owed), held: number(waiting) };
  }
}

const total = (table) => [...table.values()].reduce((sum, one) => sum + one, 0n);

/** Minor units as people read them: 123456 of an asset with 2 decimals is `1,234.56`. */
function amount(minor, decimals) {
  const digits = String(minor).padStart(decimals + 1, "0");
  const whole = number(digits.slice(0, digits.length - decimals));
  return decimals ? `${whole}.${digits.slice(-decimals)}` : whole;
}

/** How a settlement was seen, in the words of the page. */
function seenBy({ evidence }) {
  const ref = String(evidence.transaction || evidence.ref || evidence.note || "");
  return { evm_log: `transaction ${ref}, block ${evidence.block_number}`, bank_ref: `bank reference ${ref}`, provider_ref: `provider's reference ${ref}`,
    recipient_ack: "acknowledged by the person", hand: `by hand: ${ref}` }[evidence.kind] ?? evidence.kind;
}

/** The settlement that counts for each line that has one: a settled line stays settled. */
function entriesOf(plan, settled) {
  const found = new Map();
  for (const entry of settled) {
    if (entry.state === GIVEN_UP) continue;
    for (const reference of entry.reference === null ? plan.lines.map((line) => line.reference) : [entry.reference])
      if (found.get(reference)?.state !== "settled") found.set(reference, entry);
  }
  return found;
}

/** A distribution's lines and sums. */
function planRows({ plan, settled }, stands, scope, called, rows) {
  const givenUp = settled.some(({ state }) => state === GIVEN_UP);
  const entries = entriesOf(plan, settled);
  const waits = givenUp ? GIVEN_UP : stands ? "allocated" : "draft";
  let open = 0n;
  for (const line of plan.lines) {
    const entry = entries.get(line.reference);
    const state = entry?.state ?? waits;
    if (state !== "settled") open += BigInt(line.amount_minor);
    rows[`l${line.reference}`] = {
      person: called(line.user_id), amount: amount(line.amount_minor, plan.decimals), credits: number(line.amount_credits),
      state: state === "settled" ? `paid on ${day(entry.at)}` : state === "submitted" ? `submitted on ${day(entry.at)}` : state,
      seen: entry ? `${short(seenBy(entry))} recorded by ${short(entry.actor)}` : "",
    };
  }
  const sums = { total: amount(plan.total_minor, plan.decimals), open: amount(givenUp ? 0n : open, plan.decimals), people: number(plan.lines.length) };
  rows[`${scope}-${plan.distribution}`] = sums;
}
