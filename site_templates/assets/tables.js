// Tables that sort, filter and grow: a page holds the first rows, the others come from the site's own API when somebody
// asks for them. Everything from a file becomes text nodes; addresses become links only when their shape is harmless.
"use strict";

const STEP = 200; // rows that a table shows at once, and more with each press of its button
const MOST_SHARDS = 5;
const HARMLESS = /^https?:\/\/[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?(?:[/?#][!#-;=?-_a-~]*)?$/;
const LETTER = /[\p{L}\p{N}]/u;
const STATES = { open: "open", review: "in review, not signed off", finalized: "finalized" };
const collator = new Intl.Collator("en");
const answers = new Map();

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

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

/** What a cell says, without the pictures in it: a name is sorted and found by itself. */
function textOf(cell) {
  const copy = cell.cloneNode(true);
  copy.querySelectorAll("[aria-hidden]").forEach((picture) => picture.remove());
  return copy.textContent.trim();
}

const fetchedJson = async (url) => JSON.parse(await fetched(url));

const NUMBER = /^\d+(\.\d+)?$/;
const compare = (a, b) => (NUMBER.test(a) && NUMBER.test(b) ? Number(a) - Number(b) : collator.compare(a, b));

/** Milli-units as the pages write them: 8000 is 8.000. */
function unitsText(milli) {
  const digits = String(milli).padStart(4, "0");
  return `${digits.slice(0, -3)}.${digits.slice(-3)}`;
}

const badge = (state) => element("span", { class: `badge ${state}` }, STATES[state]);
const link = (href, ...children) => element("a", { href }, ...children);

/** A name as the pages show it: turned by no mark of its own, and cut where it has no end. */
function short(text) {
  const points = [...text];
  return points.length > 80 ? element("bdi", { title: points.slice(0, 400).join("") }, `${points.slice(0, 80).join("")}…`) : element("bdi", {}, text);
}

/** The picture that `initials` and `hue` of the site's builder make of a name. */
function avatar(name, user) {
  const words = [...name].slice(0, 64).join("").split(/[\s._-]+/u).map((word) => [...word].filter((one) => LETTER.test(one))).filter((word) => word.length);
  const letters = words.length > 1 ? words[0][0] + words[1][0] : (words[0] ?? []).slice(0, 2).join("");
  return element("span", { class: `avatar hue${parseInt(user.slice(0, 8), 16) % 8}`, "aria-hidden": "true" }, [...letters.toUpperCase()].slice(0, 2).join("") || "?");
}

/** The columns of a table by its data-kind, as the templates write them. */
const COLUMNS = {
  people: ["name", "activity_count", "units", "share", "amount_credits"],
  people_paid: ["name", "activity_count", "units", "share", "amount_credits", "account"],
  epochs: ["epoch", "period_start", "state", "activity_count", "units", "share", "amount_credits", "why"],
};

/** What a column shows of a row of the API; `top` leads to the site's top. */
const FIELDS = {
  account: (row, top) => link(`${top}contributors/${row.user_id}/#account`, "their account"),
  activity_count: (row) => String(row.activity_count),
  amount_credits: (row) => (row.user_id ? link(`#why-${row.user_id}`, element("strong", {}, row.amount_credits)) : row.amount_credits),
  epoch: (row, top) => link(`${top}epochs/${row.scope_id}/${row.epoch_id}/`, `${row.scope_id} ${row.epoch_id}`),
  name: (row, top) => element("a", { class: "who", href: `${top}contributors/${row.user_id}/` }, avatar(row.name, row.user_id), short(row.name)),
  period_start: (row) => row.period_start.slice(0, 10),
  share: (row) => row.share ?? "",
  state: (row) => badge(row.state),
  units: (row) => unitsText(row.units),
  why: (row, top, id) => link(`${top}epochs/${row.scope_id}/${row.epoch_id}/#why-${id}`, "events and sum"),
};

/** Each cell of a table that narrow screens show line by line says which column it belongs to. */
function label(table, row) {
  if (!table.classList.contains("stack")) return row;
  const heads = table.tHead?.rows[0].cells ?? [];
  [...row.cells].forEach((cell, column) => { if (cell.colSpan === 1) cell.dataset.label = heads[column].textContent; });
  return row;
}

/** One table: its rows as text to sort and filter by, each with a way to its <tr>. */
class Table {
  constructor(table) {
    this.table = table;
    this.body = table.tBodies[0];
    this.rows = [...this.body.rows].map((row) => ({ keys: [...row.cells].map(textOf), row }));
    this.total = Number(table.dataset.total ?? this.rows.length);
    this.limit = Math.max(STEP, this.rows.length);
    this.wanted = "";
    this.sorted = null;
    this.complete = !table.dataset.rows || this.total <= this.rows.length;
    this.frame = table.parentElement;
    if (table.classList.contains("sortable") && this.total > 1) this.makeSortable();
    if (table.classList.contains("filter") && this.total > 8) this.makeFilter();
    if (!this.complete || this.rows.length > STEP) this.makeMore();
  }

  makeSortable() {
    [...this.table.tHead.rows[0].cells].forEach((cell, column) => {
      const button = element("button", { type: "button", title: "Sort by this" }, ...cell.childNodes);
      cell.append(button);
      button.addEventListener("click", () => this.act(() => {
        const down = cell.getAttribute("aria-sort") !== "descending";
        for (const other of this.table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        cell.setAttribute("aria-sort", down ? "descending" : "ascending");
        this.sorted = { column, sign: down ? -1 : 1 };
      }));
    });
  }

  makeFilter() {
    const field = element("input", { type: "search", class: "find", placeholder: "Find a row…", "aria-label": "Show only rows that contain" });
    this.frame.before(field);
    field.addEventListener("input", () => this.act(() => { this.wanted = field.value.toLowerCase(); }));
  }

  makeMore() {
    this.status = element("p", { class: "quiet", role: "status", tabindex: "-1" });
    this.more = element("button", { type: "button", class: "md-button" });
    this.frame.after(this.status);
    this.more.addEventListener("click", () => this.act(() => { this.limit += STEP; }));
    this.tell(this.rows.length, this.total);
  }

  tell(shown, of) {
    if (!this.status) return;
    this.status.textContent = `${shown} of ${of} rows are shown.`;
    this.more.textContent = `Show ${Math.min(STEP, of - shown)} more`;
    if (shown < of) {
      this.status.after(this.more);
    } else {
      if (document.activeElement === this.more) this.status.focus(); // the reader's place is not lost with the button
      this.more.remove();
    }
  }

  /** Change what is shown, over all rows there are and not only over those that the page came with. */
  async act(change) {
    change();
    try {
      if (!this.complete) await this.load();
    } catch (error) {
      this.status.textContent = `The other rows could not be loaded: ${error.message}`;
      return;
    }
    this.show();
  }

  async load() {
    this.loading ??= fetchedJson(new URL(this.table.dataset.rows, location.href).href);
    const answer = await this.loading.finally(() => { this.loading = undefined; });
    if (this.complete) return;
    const top = this.table.dataset.rows.replace(/api\/v1\/ledger\/.*$/, "");
    const list = answer.allocations
      ? answer.allocations.toSorted((a, b) => Number(BigInt(b.amount_credits) - BigInt(a.amount_credits)) || Number(BigInt(b.units) - BigInt(a.units)))
      : answer.epochs.toSorted((a, b) => collator.compare(b.period_start, a.period_start) || collator.compare(b.scope_id, a.scope_id) || b.epoch_id - a.epoch_id);
    const heads = [...this.table.tHead.rows[0].cells];
    this.rows = list.map((one) => {
      const cells = COLUMNS[this.table.dataset.kind].map((field) => FIELDS[field](one, top, answer.user_id));
      const keys = cells.map((cell) => (cell instanceof Node ? textOf(cell) : cell));
      const make = () => {
        const id = one.user_id ? { id: `user-${one.user_id}` } : {};
        return element("tr", id, ...cells.map((cell, column) => element("td", heads[column].className ? { class: heads[column].className } : {}, cell)));
      };
      return { keys, make };
    });
    this.total = this.rows.length;
    this.complete = true;
  }

  show() {
    let rows = this.wanted ? this.rows.filter((one) => one.keys.some((key) => key.toLowerCase().includes(this.wanted))) : this.rows;
    if (this.sorted) {
      const { column, sign } = this.sorted;
      rows = rows.toSorted((a, b) => sign * compare(a.keys[column], b.keys[column]));
    }
    if (rows.length > this.limit && !this.more) this.makeMore();
    this.body.replaceChildren(...rows.slice(0, this.limit).map((one) => (one.row ??= label(this.table, one.make()))));
    this.tell(Math.min(rows.length, this.limit), rows.length);
  }
}

const titled = (title) => (typeof title === "string" && title ? [element("br"), element("span", { class: "quiet" }, short(title))] : []);

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
      element("td", {}, HARMLESS.test(event.artifact_url)
        ? element("a", { href: event.artifact_url, rel: "noopener nofollow ugc" }, event.id)
        : element("span", { class: "id" }, event.id), ...titled(event.metadata.title)),
      element("td", {}, event.event_type),
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
    const view = new Table(table);
    view.rows = rows;
    view.total = rows.length;
    view.limit = STEP;
    if (rows.length > 1) view.makeSortable();
    view.show();
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
    element("summary", {}, `${row.name}: ${row.amount_credits} credits from ${row.activity_count} events`),
    element("p", { class: "sum" }, `${why}${unitsText(row.units)} units are a share of ${row.share ?? "0"} (cut): ${row.amount_credits} credits.`),
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
document.querySelectorAll("table.sortable, table.filter").forEach((table) => { if (table.tHead && table.tBodies[0]) new Table(table); });
document.querySelectorAll("details").forEach((details) => { if (details.querySelector("[data-events]")) watch(details); });
openTarget();
addEventListener("hashchange", openTarget);
