// The tables of a page (`table.js`), and the rows that it did not come with: they are loaded from the site's own files
// when somebody asks for them. All text from a file becomes text nodes; addresses become links only when harmless.
"use strict";

const MOST_SHARDS = 5;
const HARMLESS = /^https?:\/\/[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?(?:[/?#][!#-;=?-_a-~]*)?$/;
const LETTER = /[\p{L}\p{N}]/u;
const answers = new Map();

/** The text of a file, fetched once. */
function fetched(url) {
  if (!answers.has(url)) {
    answers.set(url, fetch(url, { credentials: "omit", redirect: "error" }).then((answer) => {
      if (!answer.ok) throw new Error(`${url} is answered with status ${answer.status}`);
      return answer.text();
    }));
    answers.get(url).catch(() => answers.delete(url)); // asked again, it may come
  }
  return answers.get(url);
}

const fetchedJson = async (url) => JSON.parse(await fetched(url));

/** Milli-units as the pages write them: 8000 is 8.000. */
function unitsText(milli) {
  const digits = String(milli).padStart(4, "0");
  return `${counted(digits.slice(0, -3))}.${digits.slice(-3)}`;
}

/** A share in percent, cut after two digits. */
function shareText(share) {
  const [whole, part] = (share ?? "0.000000").split(".");
  return `${Number(whole + part.slice(0, 2))}.${part.slice(2, 4)} %`;
}

const link = (href, ...children) => element("a", { href }, ...children);

/** A name as the pages show it: turned by no mark of its own, and cut where it has no end. */
function short(text) {
  const points = [...text];
  const cut = points.length > 24 ? { class: "cut", title: points.slice(0, 400).join("") } : {};
  return element("bdi", cut, points.length > 80 ? `${points.slice(0, 80).join("")}…` : text);
}

/** The picture that `initials` and `hue` of the site's builder make of a name. */
function avatar(name, user) {
  const words = [...name].slice(0, 64).join("").split(/[\s._-]+/u).map((word) => [...word].filter((one) => LETTER.test(one))).filter((word) => word.length);
  const letters = words.length > 1 ? words[0][0] + words[1][0] : (words[0] ?? []).slice(0, 2).join("");
  return element("span", { class: `avatar hue${parseInt(user.slice(0, 8), 16) % 8}`, "aria-hidden": "true" }, [...letters.toUpperCase()].slice(0, 2).join("") || "?");
}

/** The mark of a name that is not what it looks like, as the builder writes it. */
const marked = (user, odd) => (Object.hasOwn(odd, user) ? [" ", element("span", { class: "tag", title: odd[user][1] }, odd[user][0])] : []);

const byCredits = (a, b) => Number(BigInt(b.amount_credits) - BigInt(a.amount_credits)) || Number(BigInt(b.units) - BigInt(a.units));
const PAYOUTS = ["name", "activity_count", "units", "share", "amount_credits"];

/** Tables by their data-kind: the rows in what their file answers, in the page's order, and the columns of the template. */
const KINDS = {
  contributors: { rows: ({ rows }) => rows.map(([user_id, name, ...figures]) => ({ user_id, name, figures })), columns: ({ columns }) => ["name", ...columns.slice(2).map((_, index) => index)] },
  people: { rows: ({ allocations }) => allocations.toSorted(byCredits), columns: () => PAYOUTS },
  people_paid: { rows: ({ allocations }) => allocations.toSorted(byCredits), columns: () => [...PAYOUTS, "account"] },
};

/** What a column says of a row. */
const TEXTS = {
  account: () => "their account",
  name: ({ name, user_id: user }, odd) => [name, ...(Object.hasOwn(odd, user) ? [odd[user][0]] : [])].join(" "),
  activity_count: (row) => counted(row.activity_count),
  amount_credits: (row) => counted(row.amount_credits),
  share: (row) => shareText(row.share),
  units: (row) => unitsText(row.units),
};

/** How a column shows it, where that is more than its text; `top` leads to the site's top. */
const SHOWN = {
  account: (row, top) => [link(`${top}contributors/${row.user_id}/#account`, "their account")],
  amount_credits: (row) => [link(`#why-${row.user_id}`, element("strong", {}, counted(row.amount_credits)))],
  name: (row, top, odd) => [element("a", { class: "who", href: `${top}contributors/${row.user_id}/` }, avatar(row.name, row.user_id), short(row.name)), ...marked(row.user_id, odd)],
};

/** All rows of a table whose page came with the first ones only; no cell is made before it is shown. */
async function rowsFromFile(table) {
  const { rows: path, kind, top = path.replace(/api\/v1\/ledger\/.*$/, "") } = table.dataset;
  const [answer, odd] = await Promise.all([path, `${top}api/v1/ledger/odd-names.json`].map((file) => fetchedJson(new URL(file, location.href).href)));
  const classes = [...table.tHead.rows[0].cells].map((head) => (head.className ? { class: head.className } : {}));
  const columns = KINDS[kind].columns(answer);
  return KINDS[kind].rows(answer).map((row) => {
    const keys = columns.map((name) => TEXTS[name]?.(row, odd) ?? (typeof name === "number" ? counted(row.figures[name]) : String(row[name])));
    const cells = () => columns.map((name, column) => element("td", classes[column], ...(SHOWN[name]?.(row, top, odd) ?? [keys[column]])));
    return { keys, make: () => element("tr", { id: `user-${row.user_id}` }, ...cells()) };
  });
}

/** An event as the pages name it: by its title, with its id below, or by its id. */
function titled(address, title, id) {
  const named = typeof title === "string" && title !== "";
  const name = named ? short(title) : element("span", { class: "id" }, id);
  const shown = HARMLESS.test(address) ? element("a", { href: address, rel: "noopener nofollow ugc" }, name) : name;
  return named ? [shown, element("br"), element("span", { class: "quiet id" }, id)] : [shown];
}

/** The events behind one user's units, from the rows of outcomes.json and the lines of the raw log that they name. */
async function eventRows(base, outcomesPath, user) {
  const outcomes = await fetchedJson(new URL(base + outcomesPath, location.href).href);
  const mine = outcomes.users[user] ?? [];
  const needed = [...new Set(mine.map(([file]) => file))];
  if (needed.length > MOST_SHARDS) throw new Error(`they lie in ${needed.length} large files; see the raw files below`);
  const logs = new Map();
  for (const file of needed) {
    const path = outcomes.activity_files[file];
    logs.set(file, { path, lines: (await fetched(new URL(base + path, location.href).href)).split("\n") });
  }
  return mine.map(([file, line, units, source, included, late]) => {
    const { path, lines } = logs.get(file);
    const event = JSON.parse(lines[line - 1]);
    const name = path.slice(path.lastIndexOf("/") + 1);
    const parts = event.quantity > 1 ? `${event.quantity} × ${unitsText(units / event.quantity)} = ` : "";
    const worth = included ? `${parts}${unitsText(units)}` : "excluded";
    const keys = [`${event.id} ${event.metadata.title ?? ""}`, event.event_type, event.event_time, worth, `${name}, line ${line}`];
    const make = () => element(
      "tr",
      included ? {} : { class: "out" },
      element("td", {}, ...titled(event.artifact_url, event.metadata.title, event.id)),
      element("td", { title: `${event.source}:${event.event_type}` }, event.event_type.replaceAll("_", " ")),
      element("td", {}, event.event_time.slice(0, 16).replace("T", " "), ...(late ? [" ", element("span", { class: "badge late" }, "late")] : [])),
      element("td", { class: "num" }, worth, ...(source === "decision" ? [" ", element("span", { class: "quiet" }, "by decision")] : [])),
      element("td", {}, link(base + path, name), `, line ${line}`),
    );
    return { keys, make };
  });
}

/** Put the events in place of the note that stands for them. */
async function loadEvents(note) {
  const { base, outcomes, events: user } = note.dataset;
  if (note.dataset.loading) return;
  note.dataset.loading = "yes";
  note.setAttribute("role", "status");
  note.textContent = "Loading the events…";
  try {
    const rows = await eventRows(base, outcomes, user);
    const heads = ["Event", "Kind", "When", "Units", "Stored at"].map((text) => element("th", text === "Units" ? { class: "num" } : {}, text));
    const table = element("table", { class: "plain sortable stack" }, element("thead", {}, element("tr", {}, ...heads)), element("tbody"));
    note.before(element("div", { class: "scroll", tabindex: "0" }, table));
    table.dataset.total = rows.length;
    const view = new Table(table, document.querySelectorAll("table.sortable").length - 1, async () => rows);
    await view.complete(true);
    if (rows.length > 1) view.show();
    else table.tBodies[0].append(...rows.map((one) => label(table, one.make())));
    note.textContent = rows.length ? "" : "No events of their own in this epoch.";
  } catch (error) {
    delete note.dataset.loading;
    note.textContent = `The events could not be loaded: ${error.message}`;
  }
}

/** Somebody's sum on an epoch's page that holds only the first people's: made when a link asks for it. */
async function makeWhy(user) {
  const table = document.querySelector("table[data-loads='why-']");
  const place = document.getElementById("why");
  if (!table || !place) return null;
  const answer = await fetchedJson(new URL(table.dataset.rows, location.href).href);
  const row = answer.allocations.find((one) => one.user_id === user);
  if (!row) return null;
  const base = table.dataset.rows.replace(/epochs\/.*$/, "");
  const outcomes = `${table.dataset.rows.slice(base.length).replace(/[^/]*$/, "")}outcomes.json`;
  const note = element("p", { "data-events": user, "data-base": base, "data-outcomes": outcomes });
  const why = row.override_reason === null ? "" : `Proposed ${unitsText(row.proposed_units)} units; set by decision (“${row.override_reason}”). `;
  const made = element(
    "details",
    { id: `why-${user}` },
    element("summary", {}, `${[...row.name].slice(0, 80).join("")}: ${counted(row.amount_credits)} credits from ${counted(row.activity_count)} events`),
    element("p", { class: "sum" }, `${why}${unitsText(row.units)} units are a share of ${row.share ?? "0"} (cut): ${counted(row.amount_credits)} credits.`),
    note,
  );
  place.after(made);
  watch(made);
  return made;
}

function watch(details) {
  details.addEventListener("toggle", () => {
    const note = details.open && details.querySelector("[data-events]");
    if (note) loadEvents(note);
  });
}

async function openTarget() {
  const id = location.hash && decodeURIComponent(location.hash.slice(1));
  if (!id) return;
  const user = /^why-([0-9a-f-]{36})$/.exec(id)?.[1];
  const target = document.getElementById(id) ?? (user ? await makeWhy(user).catch(() => null) : null);
  if (!(target instanceof HTMLDetailsElement)) return;
  target.open = true;
  if (user) target.scrollIntoView();
}

document.querySelectorAll("table.stack").forEach((table) => { for (const row of table.tBodies[0]?.rows ?? []) label(table, row); });
document.querySelectorAll("table.sortable").forEach((table, number) => {
  const { rows, kind } = table.dataset;
  const load = rows && (kind in KINDS ? () => rowsFromFile(table) : globalThis.PERSON_ROWS?.[kind](table));
  if (table.tHead && table.tBodies[0]) new Table(table, number, load);
});
document.querySelectorAll("details").forEach((details) => { if (details.querySelector("[data-events]")) watch(details); });
openTarget();
addEventListener("hashchange", openTarget);
