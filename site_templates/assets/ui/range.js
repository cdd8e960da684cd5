// A range of the list of epochs that charts, totals and the list itself obey, kept in the address; and the list as a
// plain table that sorts, pages and downloads. What is drawn for the whole time is what the builder drew (`timeline.py`).
/* global Table, remember, downloadCsv, textOf */
import { make } from "./dom.js";

const MOST_BARS = 110;
const FEW = 8;
const MOST_TICKS = 6;
const STEPS = [1, 2, 3, 6, 12, 24, 36, 60, 120, 240, 600, 1200];
const WHOLE = 100_000;
const GROUPS = [["month", 1], ["quarter", 3], ["year", 12]];
const CHARTS = [["Credits allocated", "allocated"], ["Events recorded", "events"]];
const HEADS = { epoch: "Epoch", from: "From", to: "To", state: "State", events: "Events", people: "People", pool: "Pool", allocated: "Allocated", held: "Held", late: "Late", unbound: "Unbound", recomputes: "Recomputes" };
const TEXTS = ["from", "to", "state", "recomputes"];
const DAY = 86_400_000;
const DATE = /^\d{4}-\d{2}-\d{2}$/;

const dayOf = (text) => Date.parse(`${text}T00:00:00Z`) / DAY;
const dateOf = (day) => new Date(day * DAY).toISOString().slice(0, 10);
const monthOf = (text) => Number(text.slice(0, 4)) * 12 + Number(text.slice(5, 7)) - 1;
const firstDay = (month) => `${String(Math.floor(month / 12)).padStart(4, "0")}-${String((month % 12) + 1).padStart(2, "0")}-01`;
const percent = (part) => `${Math.floor(part / 1000)}.${String(part % 1000).padStart(3, "0")}%`;
const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ",");
const counted = (number, one, many) => `${grouped(number)} ${Number(number) === 1 ? one : many}`;

function svg(name, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** The least of 2, 4, 6, 8, 10, 20, 40, … that is no less than `most`. */
function roundTop(most) {
  let power = 1n;
  while (most > 10n * power) power *= 10n;
  return [2n, 4n, 6n, 8n, 10n].find((step) => step * power >= most) * power;
}

function joined(spans, months) {
  const found = new Map();
  for (const span of spans) {
    const number = Math.floor(monthOf(span.start) / months);
    const start = firstDay(number * months);
    const name = months === 12 ? start.slice(0, 4) : months === 1 ? start.slice(0, 7) : `${start.slice(0, 4)}, quarter ${(number % 4) + 1}`;
    const one = found.get(number) ?? { start, end: firstDay((number + 1) * months), value: 0n, final: true, name };
    found.set(number, { ...one, value: one.value + span.value, final: one.final && span.final });
  }
  return [...found.values()];
}

/** A chart as the builder draws it; null when there is nothing to compare. */
export function drawn(label, spans) {
  if (spans.length < 2 || !spans.some((span) => span.value > 0n)) return null;
  let [by, bars] = ["epoch", spans];
  for (const [name, months] of GROUPS) {
    if (bars.length <= MOST_BARS) break;
    [by, bars] = [name, joined(spans, months)];
  }
  const first = dayOf(bars[0].start);
  const last = Math.max(...bars.map((span) => dayOf(span.end)));
  const place = (text) => Math.floor(((dayOf(text) - first) * WHOLE) / Math.max(last - first, 1));
  const top = roundTop(bars.reduce((most, span) => (span.value > most ? span.value : most), 0n));
  const marks = bars.filter((span) => span.value > 0n).map((span) => {
    const [x, end] = [place(span.start), place(span.end)];
    const height = Number((span.value * 100n) / top) || 1;
    const y = Math.floor(((100 - height) * 6) / 5);
    return svg("rect", { ...(span.final ? {} : { class: "provisional" }), x: percent(x), y, width: percent(Math.max(Math.floor(((end - x) * 4) / 5), 1)), height: 120 - y },
      svg("title", {}, `${span.name}: ${grouped(span.value)}`));
  });
  const [begin, end] = [monthOf(dateOf(first)), monthOf(dateOf(last))];
  const step = STEPS.find((one) => Math.floor((end - begin) / one) < MOST_TICKS) ?? STEPS.at(-1);
  const ticks = [];
  const tick = (x, anchor, text) => ticks.push(svg("text", { x: percent(x), y: 137, "text-anchor": anchor }, text));
  if (end - begin < 2) { // no two months begin in between
    tick(0, "start", dateOf(first));
    tick(WHOLE, "end", dateOf(last));
  } else for (let month = Math.ceil(begin / step) * step; month <= end; month += step) {
    const x = place(firstDay(month));
    if (x < 0 || x > WHOLE) continue;
    tick(x, x < 5000 ? "start" : x > 95_000 ? "end" : "middle", firstDay(month).slice(0, step >= 12 ? 4 : 7));
  }
  const total = spans.reduce((sum, span) => sum + span.value, 0n);
  const said = `${label} per ${by}, from ${bars[0].start} to ${dateOf(last)}: ${grouped(total)} in all`;
  return make("figure", { class: `chart timeline${bars.length <= FEW ? " few" : ""}` },
    make("figcaption", {}, `${label} `, make("span", { class: "quiet" }, `per ${by}${bars.every((span) => span.final) ? "" : "; pale: may still change"}`)),
    make("div", { class: "plot" },
      make("div", { class: "y", "aria-hidden": "true" }, ...[top, top / 2n, 0n].map((value) => make("span", {}, grouped(value)))),
      svg("svg", { width: "100%", height: 140, role: "img", "aria-label": said }, svg("path", { class: "grid", d: "M0 .5H9999M0 60H9999M0 119.5H9999" }), ...marks, ...ticks)));
}

class Ranged {
  constructor(place) {
    this.place = place;
    this.sections = [...document.querySelectorAll("[data-scope]")].filter((one) => one.querySelector("[data-years]"));
    if (!this.sections.length) return;
    const years = [...new Set([...document.querySelectorAll(".year > summary > strong")].map((one) => one.textContent))];
    const option = (value, text) => make("option", { value }, text);
    this.year = make("select", {}, option("", "All years"), ...years.map((year) => option(year, year)));
    this.quarter = make("select", {}, option("", "Whole year"), ...[1, 2, 3, 4].map((one) => option(one, `Quarter ${one}`)));
    this.from = make("input", { type: "date" });
    this.to = make("input", { type: "date" });
    this.view = make("button", { type: "button", class: "plainbutton" }, "Show as one table");
    this.clear = make("button", { type: "button", class: "plainbutton", hidden: true }, "All of it");
    this.said = make("span", { role: "status", class: "quiet" });
    const field = (text, input) => make("label", {}, text, input);
    place.append(make("div", { class: "ranges", role: "group", "aria-label": "Range of time" },
      field("Year", this.year), field("Quarter", this.quarter), field("From", this.from), field("Up to", this.to), this.view, this.clear, this.said));
    for (const one of [this.year, this.quarter]) one.addEventListener("change", () => this.pick());
    for (const one of [this.from, this.to]) one.addEventListener("change", () => { this.year.value = this.quarter.value = ""; this.apply(); });
    this.clear.addEventListener("click", () => { this.from.value = this.to.value = this.year.value = this.quarter.value = ""; this.apply(); this.year.focus(); });
    this.view.addEventListener("click", () => { this.asTable = !this.asTable; this.apply(); });
    const wanted = new URLSearchParams(location.search);
    for (const name of ["from", "to"]) if (DATE.test(wanted.get(name) ?? "")) this[name].value = wanted.get(name);
    this.asTable = wanted.get("view") === "table";
    if (this.from.value || this.to.value || this.asTable) this.apply();
  }

  /** A year or a quarter of it as two dates; `to` is the last day. */
  pick() {
    if (!this.year.value) this.quarter.value = "";
    this.quarter.disabled = !this.year.value;
    const [first, months] = this.quarter.value ? [(Number(this.quarter.value) - 1) * 3, 3] : [0, 12];
    const month = Number(this.year.value) * 12 + first;
    this.from.value = this.year.value && firstDay(month);
    this.to.value = this.year.value && dateOf(dayOf(firstDay(month + months)) - 1);
    this.apply();
  }

  /** Whether a window lies in the range: it belongs to the day on which it begins. */
  has(start) {
    return !(this.from.value && start < this.from.value) && !(this.to.value && start > this.to.value);
  }

  async apply() {
    const part = Boolean(this.from.value || this.to.value);
    this.clear.hidden = !part;
    this.view.textContent = this.asTable ? "Show by year" : "Show as one table";
    remember({ from: this.from.value, to: this.to.value, view: this.asTable ? "table" : null });
    try {
      this.loading ??= fetch(new URL(this.place.dataset.list, location.href), { credentials: "omit" }).then((answer) => {
        if (!answer.ok) throw new Error(`status ${answer.status}`);
        return answer.json();
      });
      this.data = await this.loading;
    } catch (error) {
      this.loading = undefined;
      this.said.textContent = `The list could not be loaded: ${error.message}`;
      return;
    }
    let found = 0;
    this.sections.forEach((section, number) => { found += this.show(section, number, part); });
    this.said.textContent = part ? `${counted(found, "epoch begins", "epochs begin")} in this range.` : "";
  }

  show(section, number, part) {
    const { columns } = this.data;
    const rows = this.data.scopes[section.dataset.scope]
      .map((row) => Object.fromEntries(columns.map((name, column) => [name, row[column]])))
      .filter((row) => this.has(row.from));
    const sum = (name) => rows.reduce((all, row) => all + BigInt(row[name]), 0n);
    const sums = [counted(rows.length, "epoch", "epochs"), counted(sum("events"), "event", "events"), counted(sum("allocated"), "credit", "credits")];
    section.querySelector("[data-sums]").replaceChildren(make("span", { class: "sums" }, sums.join(" · ")), " allocated");
    const oldest = rows.toReversed();
    const charts = CHARTS.map(([label, name]) => drawn(label, oldest.map((row) => ({ start: row.from, end: row.to, value: BigInt(row[name]), final: row.state === "finalized", name: `epoch ${row.epoch}, ${row.from}` }))));
    section.querySelector("[data-charts]").replaceChildren(...charts.filter(Boolean));
    for (const line of section.querySelectorAll("tr[data-from]")) line.hidden = !(this.has(line.dataset.from) || (line.querySelector("td[colspan]") && this.touches(line.dataset)));
    for (const fold of [...section.querySelectorAll("details")].toReversed()) {
      fold.hidden = !fold.querySelector("tr[data-from]:not([hidden])");
      if (part && this.from.value && this.to.value && dayOf(this.to.value) - dayOf(this.from.value) < 100 && !fold.hidden) fold.open = true;
    }
    section.querySelector("[data-years]").hidden = this.asTable;
    section.querySelector("[data-flat]")?.remove();
    if (this.asTable) section.append(this.flat(section, number, rows));
    return rows.length;
  }

  /** A joined row of quiet weeks stays while any of them lies in the range. */
  touches({ from, to }) {
    return !(this.from.value && to <= this.from.value) && !(this.to.value && from > this.to.value);
  }

  flat(section, number, rows) {
    if (!rows.length) return make("p", { class: "quiet", "data-flat": true }, "No epoch begins in this range.");
    const { columns } = this.data;
    const kind = (name) => (TEXTS.includes(name) ? null : "num");
    const cell = (row, name) => make("td", { class: kind(name) }, name === "epoch"
      ? make("a", { href: `${section.dataset.scope}/${row.epoch}/` }, String(row.epoch))
      : TEXTS.includes(name) ? String(row[name] ?? "not checked") : grouped(row[name]));
    const head = make("tr", {}, ...columns.map((name) => make("th", { scope: "col", class: kind(name) }, HEADS[name] ?? name)));
    const table = make("table", { class: "sortable stack dense", "data-total": rows.length }, make("caption", {}, `Epochs of ${section.dataset.scope}`), make("thead", {}, head), make("tbody"));
    const box = make("div", { "data-flat": true }, make("div", { class: "scroll", tabindex: "0" }, table));
    const all = rows.map((row) => ({
      keys: columns.map((name) => String(row[name] ?? "not checked")),
      make: () => make("tr", {}, ...columns.map((name) => cell(row, name))),
    }));
    const view = new Table(table, number, async () => all);
    view.rows = all;
    view.loadAll = null;
    view.show();
    return box;
  }
}

for (const place of document.querySelectorAll("[data-range]")) new Ranged(place);
