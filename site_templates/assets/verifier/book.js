// A scope's account book held to its record, and what the pages of money must show of it (specification, section 11).
import { accountKey, claimedSince, namesOf, resolveAccounts } from "./identities.js";
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

/** Whether a plan was given up before anything of it settled: then it is as if it had never stood. */
const undone = ({ plan, settled }) => settled.some(({ state }) => state === GIVEN_UP) && ![...became(plan, settled, null).values()].includes("settled");

/** A held share of an epoch. */
const shareKey = (epoch, line) => `${epoch} ${accountKey(line.source, line.platform_user_id)}`;

/** The gifts that stand after some instructions of a scope: each person's last one behind his last `clear`. */
function standingGifts(instructions) {
  const found = new Map();
  for (const line of instructions) {
    if (line.instruction === "clear") found.delete(line.user_id);
    else if (line.instruction === "gift") found.set(line.user_id, line);
  }
  return found.values();
}

/** The shares that a scope's epochs held back for accounts: whose they are, who took them, which fell back to the pool. */
export class Held {
  #claims = new Map(); // who took a share, by `shareKey`: binding the account to somebody else later moves nothing
  #covered = new Map(); // the version of each epoch that the plans so far cover
  #came = new Map(); // the accounts that somebody came for between two places of the bindings
  #given = new Map(); // what each gift has moved so far, by its `seq`
  #moved = new Map(); // what was given, got as a gift or declined so far, by person

  constructor({ statements, bindings, instructions }) {
    Object.assign(this, { statements, bindings, instructions });
  }

  /** Whether nobody came for a share until its time ended, in an epoch that is covered. Ask it last: it goes through bindings. */
  #lapsed(epoch, line, covered) {
    const { hold } = this.statements.get(`${epoch}/${covered.get(epoch)}`);
    if (hold === null || !covered.has(epoch + hold)) return false;
    const [since, until] = [epoch, epoch + hold].map((one) => this.statements.get(`${one}/1`)?.value.identities.size ?? 0);
    const key = `${since} ${until}`;
    if (!this.#came.has(key)) this.#came.set(key, claimedSince(this.bindings.slice(0, until), since));
    return !this.#came.get(key).has(accountKey(line.source, line.platform_user_id));
  }

  /** Each share of the versions covered: its credits, whose it is by the first `size` bindings (null: nobody's), whether it fell back. */
  *shares(covers, size) {
    const bound = resolveAccounts(this.bindings.slice(0, size));
    const covered = new Map(covers.map(({ epoch_id: epoch, version }) => [epoch, version]));
    for (const [epoch, version] of covered) for (const line of this.statements.get(`${epoch}/${version}`)?.value.held ?? []) {
      const taken = this.#claims.get(shareKey(epoch, line)) ?? null;
      const lapsed = taken === null && this.#lapsed(epoch, line, covered);
      const user = taken ?? (lapsed ? null : (bound.get(accountKey(line.source, line.platform_user_id)) ?? null));
      yield { credits: BigInt(line.amount_credits), user, lapsed };
    }
  }

  /** Amounts by user of the versions covered, and held shares for whoever they are by the first `size` bindings. */
  earned(covers, size) {
    const found = new Map();
    for (const { epoch_id: epoch, version } of covers)
      for (const line of this.statements.get(`${epoch}/${version}`)?.value.payouts ?? []) add(found, line.user_id, BigInt(line.amount_credits));
    for (const { credits, user } of this.shares(covers, size)) if (user !== null) add(found, user, credits);
    return found;
  }

  /**
   * A plan stands, the next in their order: a share is from now on his who holds its account, if the plan pays him, or he declined
   * or gave something away in it. `balance`: what everybody was owed before it, but for gifts and what was declined.
   */
  stand(each, balance) {
    const { covers, identities, left_out: left, lines } = each.plan;
    for (const { epoch_id: epoch, version } of covers) this.#covered.set(epoch, version);
    if (undone(each)) return;
    const declined = left.filter(({ reason }) => reason === "declined");
    const takers = new Set([...lines, ...declined].map((line) => line.user_id).concat(this.#give(each.plan, balance)));
    for (const line of declined) add(this.#moved, line.user_id, -BigInt(line.amount_credits));
    const bound = resolveAccounts(this.bindings.slice(0, identities.size));
    for (const [epoch, version] of this.#covered) for (const line of this.statements.get(`${epoch}/${version}`)?.value.held ?? []) {
      const [key, user] = [shareKey(epoch, line), bound.get(accountKey(line.source, line.platform_user_id))];
      if (takers.has(user) && !this.#claims.has(key) && !this.#lapsed(epoch, line, this.#covered)) this.#claims.set(key, user);
    }
  }

  /** Move what people give away when a plan stands, out of what each had before any gift arrived; who gave something. */
  #give({ covers, instructions }, balance) {
    const last = covers.reduce((most, { epoch_id: epoch }) => Math.max(most, epoch), 1);
    const gifts = [];
    for (const { seq, user_id: user, to, amount_credits: limit, from_epoch: from } of standingGifts(this.instructions.filter((line) => line.seq <= instructions.size))) {
      const has = (balance.get(user) ?? 0n) + (this.#moved.get(user) ?? 0n);
      const may = limit === null ? has : BigInt(limit) - (this.#given.get(seq) ?? 0n);
      if (from <= last && has > 0n && may > 0n) gifts.push({ seq, user, to, credits: may < has ? may : has });
    }
    for (const { seq, user, to, credits } of gifts) {
      add(this.#given, seq, credits);
      add(this.#moved, user, -credits);
      if (to !== "pool") add(this.#moved, to, credits);
    }
    return gifts.map(({ user }) => user);
  }
}

/** What was declined or let go, by person. Gifts are apart: only `ledger verify` replays them. */
function movedBy(stood, waivers) {
  const moved = new Map();
  for (const each of stood.filter((one) => !undone(one))) for (const { reason, user_id: user, amount_credits: credits } of each.plan.left_out) if (reason === "declined") add(moved, user, -BigInt(credits));
  for (const line of waivers) add(moved, line.user_id, BigInt(line.amount_credits));
  return moved;
}

/** Hold the published book to the record, row by row; gives the figures `{rows, sets}` that the pages of the scope must show. `held`: after all plans. */
export function bookFigures({ bindings, book, held, instructions, openings, plans, scope, statements, waivers }, stood, tell) {
  const wrong = (text) => tell("BALANCE_CONSERVED", text);
  const last = new Map();
  for (const { epoch, value } of statements.values()) if ((last.get(epoch)?.version ?? 0) < value.version) last.set(epoch, { epoch_id: epoch, version: value.version });
  const inForce = [...last.values()];
  const [allocated, paid, mine] = [new Map(), new Map(), held.earned(inForce, bindings.length)];
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
    const waiting = [...held.shares(inForce, bindings.length)].reduce((all, { credits, user, lapsed }) => (user === null && !lapsed ? all + credits : all), 0n);
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
