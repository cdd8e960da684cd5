// Recheck everything: <div data-recheck-all data-base>. Every epoch on every core, with what each came to, kept for the
// session; then what the lists of contributors and of epochs say of all of them together.
import { Verifier } from "./client.js";
import { button, counted, make, outside, Progress, table } from "./dom.js";
import { orderOf } from "../verifier/personevents.js";
import { number } from "../verifier/words.js";

const MOST_WORKERS = 4;
const BLOCK = 8; // epochs that a worker takes at a time, one after the other: each looks at the one before it
const BEAT = 100; // milliseconds between two reports of progress, at least
const MOST_SHOWN = 200; // lines of the table; all that differ are shown
const keyOf = (base) => `ledger-recheck ${base}`;

/** What this session found before: `{at, epochs: {"scope/number": {ok, events, wrong, hash}}, lists}`; null where nothing. */
function kept(base) {
  try {
    return JSON.parse(sessionStorage.getItem(keyOf(base)));
  } catch {
    return null;
  }
}

function keep(base, found) {
  try {
    sessionStorage.setItem(keyOf(base), JSON.stringify(found));
  } catch { /* no room, or not allowed: it is shown all the same */ }
}

/** Give the epochs, some at a time, to whichever worker is free; `each(epoch, answer)` as they come. `stop.now` ends it. */
async function spread(epochs, base, each, stop) {
  let next = 0;
  const through = async (verifier) => {
    while (next < epochs.length) {
      const block = epochs.slice(next, next + BLOCK);
      next += BLOCK;
      for (const one of block) {
        if (stop.now) return;
        try {
          each(one, await verifier.ask("recheckOne", { base, scope: one.scope_id, epoch: String(one.epoch_id) }));
        } catch (error) {
          each(one, { ok: false, events: 0, wrong: [error.message], rows: [] });
        }
      }
    }
  };
  const cores = Math.max(1, Math.min(navigator.hardwareConcurrency || 1, MOST_WORKERS, epochs.length));
  await Promise.all(Array.from({ length: cores }, async () => {
    const verifier = new Verifier();
    await Promise.all([through(verifier), through(verifier)]); // one epoch is fetched while the other is computed
    verifier.end();
  }));
}

/**
 * What is published of everybody, beside the list of contributors in the API: the files of each and the site's list of them (not if
 * `people` is null), marks of names, and the site's list of epochs. `listed`: what each epoch has there.
 */
async function everyoneOf(base, epochs, people, listed) {
  const order = orderOf(epochs);
  for (const { seals } of people?.values() ?? []) seals.sort((a, b) => order.get(a.epoch) - order.get(b.epoch));
  const verifier = new Verifier();
  try {
    return await verifier.ask("everyone", { base, people, epochs: listed });
  } finally {
    verifier.end();
  }
}

const nobody = () => ({ credits: "0", entries: [], seals: [], scopes: new Map() });

/** The list of contributors against the sum of all epochs. */
async function listsOf(base, people) {
  const answer = await fetch(new URL("contributors/index.json", base), { cache: "no-store", credentials: "omit", redirect: "error" });
  if (answer.status === 404) return []; // not published: nothing is believed because of it
  if (!answer.ok) return [`contributors/index.json could not be read (status ${answer.status})`];
  const [wrong, missing] = [[], new Set([...people].filter(([, { entries }]) => entries.length).map(([user]) => user))];
  for (const { user_id: user, name, final_credits: credits, epoch_count: epochs } of (await answer.json()).contributors) {
    const due = people.get(user) ?? nobody();
    missing.delete(user);
    if (credits !== due.credits) wrong.push(`contributors/index.json, credits of ${name}: it says ${credits}, the epochs give ${due.credits}`);
    if (epochs !== due.entries.length) wrong.push(`contributors/index.json, epochs of ${name}: it says ${epochs}, there are ${due.entries.length}`);
  }
  for (const user of missing) wrong.push(`contributors/index.json: user ${user} is missing`);
  return wrong;
}

function view({ epochs, lists, at }, base) {
  const top = new URL("../../../", base);
  const all = Object.entries(epochs);
  const bad = all.filter(([, one]) => !one.ok);
  const wrong = [...lists.map((text) => make("li", {}, outside(text)))];
  const rows = [...bad, ...all.filter(([, one]) => one.ok)].slice(0, Math.max(MOST_SHOWN, bad.length)).map(([place, { ok, events, wrong: told }]) => [
    make("a", { href: new URL(`epochs/${place}/`, top).href }, place.replace("/", " ")), make("span", { class: `badge ${ok ? "finalized" : "bad"}` }, ok ? "holds" : "differs"),
    number(events), ok ? "" : outside(told.slice(0, 3).join("; ")),
  ]);
  return [
    lists.length ? make("ul", { class: "bad" }, ...wrong.slice(0, 50)) : "",
    make("details", bad.length ? { open: true } : {}, make("summary", {}, `Each epoch, as found at ${at.slice(11, 16)} UTC`),
      table("Every epoch and whether it holds", [["Epoch"], ["Verdict"], ["Events", "num"], ["What differs"]], rows),
      all.length > rows.length ? make("p", { class: "quiet" }, `The first ${rows.length} of ${all.length}.`) : ""),
  ];
}

function words({ epochs, lists }, total) {
  const all = Object.values(epochs);
  const bad = all.filter((one) => !one.ok).length;
  const events = all.reduce((sum, one) => sum + one.events, 0);
  const told = `${counted(number(all.length), "epoch")}${all.length < total ? ` of ${number(total)}` : ""} with ${counted(number(events), "event")} recomputed in this browser`;
  const about = (name) => lists.some((text) => text.startsWith(name));
  const listed = about("contributors/index.json") || about("contributors/list.json") ? "the list of contributors is WRONG" : about("epochs/list.json") ? "the list of epochs is WRONG" : "what is published of people is WRONG";
  const wrong = [bad ? `${counted(number(bad), "epoch")} DIFFER` : "", lists.length ? listed : ""].filter(Boolean).join(", and ");
  return wrong ? `${told}: ${wrong}.` : `${told}. Nothing differs.`;
}

export function attachRecheckAll(element) {
  const base = new URL(element.dataset.base, document.baseURI).href;
  const progress = new Progress();
  const result = make("div", { class: "ledger-result" });
  const finish = (found, total, more = "") => {
    const ok = found.lists.length === 0 && Object.values(found.epochs).every((one) => one.ok);
    progress.say(words(found, total) + more, `notice ${ok ? "good" : "bad"}`);
    result.replaceChildren(...view(found, base));
    element.dataset.verdict = ok ? "pass" : "fail";
  };
  const stop = { now: false };
  const stopping = button("Stop", () => { stop.now = true; });
  const start = button("Recheck everything in this browser", async () => {
    if (start.getAttribute("aria-disabled") === "true") return;
    start.setAttribute("aria-disabled", "true");
    delete element.dataset.verdict;
    result.replaceChildren();
    stop.now = false;
    const began = performance.now();
    const found = { at: new Date().toISOString(), epochs: {}, lists: [] };
    const [people, listed] = [new Map(), []];
    const person = (user) => people.get(user) ?? people.set(user, nobody()).get(user);
    try {
      const answer = await fetch(new URL("epochs.json", base), { cache: "no-store", credentials: "omit", redirect: "error" });
      if (!answer.ok) throw new Error(`epochs.json is answered with status ${answer.status}`);
      const { epochs } = await answer.json();
      start.after(stopping);
      let [done, shown, known] = [0, -BEAT, true];
      await spread(epochs, base, ({ scope_id, epoch_id }, { rows, seals = null, period_start, listed: row = null, ...one }) => {
        const [place, epoch] = [`${scope_id}/${epoch_id}`, { scope_id, epoch_id, period_start, state: one.state }];
        found.epochs[place] = one;
        listed.push([scope_id, epoch_id, row]);
        for (const [user, credits, text] of rows) {
          const mine = person(user);
          if (one.state === "finalized") {
            mine.credits = String(BigInt(mine.credits) + BigInt(credits));
            mine.scopes.set(scope_id, String(BigInt(mine.scopes.get(scope_id) ?? "0") + BigInt(credits)));
          }
          mine.entries.push([epoch, text]);
        }
        known &&= seals !== null;
        for (const [user, seal] of seals ?? []) person(user).seals.push({ ...seal, epoch: `${epoch_id},${scope_id}`, place });
        done += 1;
        if (performance.now() - shown < BEAT) return;
        shown = performance.now();
        progress.show({ stage: "rechecking", done, total: epochs.length });
        progress.words.textContent = `${done} of ${epochs.length} epochs …`;
      }, stop);
      if (!stop.now) {
        progress.words.textContent = "what is published of each person …";
        found.lists = [...(await listsOf(base, people)), ...(await everyoneOf(base, epochs, known ? people : null, listed))];
      }
      const order = new Map(epochs.map((one, index) => [`${one.scope_id}/${one.epoch_id}`, index]));
      found.epochs = Object.fromEntries(Object.entries(found.epochs).sort(([a], [b]) => order.get(a) - order.get(b)));
      keep(base, { ...found, total: epochs.length });
      finish(found, epochs.length, ` It took ${((performance.now() - began) / 1000).toFixed(1)} seconds.`);
    } catch (error) {
      progress.say(`The check could not be made: ${error.message}`, "notice bad");
      element.dataset.verdict = "error";
    }
    stopping.remove();
    start.removeAttribute("aria-disabled");
  });
  element.append(start, progress.element, result);
  const before = kept(base);
  if (before?.epochs && before.lists) finish(before, before.total, " That was earlier in this session.");
}

document.querySelectorAll("[data-recheck-all]").forEach(attachRecheckAll);
