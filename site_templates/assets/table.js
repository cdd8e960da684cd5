// One table: sorted, found in, paged, kept in the address, and what is shown as a CSV file. A page holds the first rows;
// the others are loaded by whoever knows where they lie (`tables.js`) when somebody asks for them. No row is looked at
// before that, so that a long page is usable at once.
"use strict";

const PAGE = 100; // rows that a table shows at once
const collator = new Intl.Collator("en", { numeric: true });
const NUMBER = /^-?\d+(\.\d+)?( ?%)?$/;
const FORMULA = /^[=+\-@\t\r]/; // what a spreadsheet would compute

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** What a cell says, without the pictures in it: a name is sorted and found by itself. */
function textOf(cell) {
  let text = "";
  for (const node of cell.childNodes) {
    if (node.nodeType === Node.TEXT_NODE) text += node.data;
    else if (node.nodeName === "BR") text += " ";
    else if (node.nodeType === Node.ELEMENT_NODE && !node.hasAttribute("aria-hidden")) text += textOf(node);
  }
  return text.trim();
}

const counted = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ",");
const plain = (text) => text.replaceAll(",", "");
const isNumber = (text) => NUMBER.test(plain(text));
const valueOf = (text) => Number.parseFloat(plain(text));

/** Numbers by their value, texts as people sort them, and what is no number after all that are. */
function compare(a, b) {
  if (isNumber(a) !== isNumber(b)) return isNumber(a) ? 1 : -1;
  return isNumber(a) ? valueOf(a) - valueOf(b) : collator.compare(a, b);
}

/** A cell of a CSV file; one that a spreadsheet would take for a formula becomes text by an apostrophe. */
function csvCell(text) {
  const value = isNumber(text) ? plain(text) : FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

/** Give the reader a CSV file of rows of texts. */
function downloadCsv(name, rows) {
  const text = rows.map((row) => `${row.map(csvCell).join(",")}\r\n`).join("");
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  element("a", { href: address, download: `${name}.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** The page's address with other parameters; null takes one out. Where it may not change (file://), it stays. */
function remember(values) {
  const wanted = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(values)) {
    if (value) wanted.set(name, value);
    else wanted.delete(name);
  }
  const query = wanted.size ? `?${wanted}` : "";
  try {
    history.replaceState(history.state, "", `${location.pathname}${query}${location.hash}`);
  } catch { /* a page opened from a file */ }
}

/** Each cell of a table that narrow screens show line by line says which column it belongs to. */
function label(table, row) {
  if (!table.classList.contains("stack")) return row;
  const heads = (table.headings ??= [...(table.tHead?.rows[0].cells ?? [])].map((head) => textOf(head)));
  [...row.cells].forEach((cell, column) => { if (cell.colSpan === 1) cell.dataset.label = heads[column] ?? ""; });
  return row;
}

class Table {
  /**
   * `load`: gives the rows as `{keys, make}`, where the page came with the first ones only; told which are wanted (from,
   * up to) and how to say how far it is, it may leave others out. `number`: the table's place on the page.
   */
  constructor(table, number, load = null) {
    this.table = table;
    this.body = table.tBodies[0];
    this.heads = [...table.tHead.rows[0].cells];
    this.headings = this.heads.map(textOf);
    this.names = this.headings.map((text) => text.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, ""));
    this.suffix = number > 0 ? String(number + 1) : "";
    this.rows = [...this.body.rows].filter((row) => row.cells.length === this.heads.length).map((row) => ({ row }));
    this.total = Number(table.dataset.total ?? this.rows.length);
    this.loadAll = this.total > this.rows.length ? load : null;
    this.wanted = "";
    this.sorted = null;
    this.page = 1;
    this.frame = table.parentElement;
    table.classList.add("ready");
    if (this.total < 2) return;
    this.makeSortable();
    if (this.total > 8) this.makeFilter();
    this.makeFoot();
    this.restore();
  }

  makeSortable() {
    this.heads.forEach((cell, column) => {
      if (!this.headings[column]) return;
      const button = element("button", { type: "button", title: "Sort by this" }, ...cell.childNodes);
      cell.append(button);
      button.addEventListener("click", () => this.act(() => {
        const first = cell.classList.contains("num") ? -1 : 1; // the most of a number first, texts from A
        const sign = this.sorted?.column === column ? -this.sorted.sign : first;
        this.sortBy(column, sign);
        this.page = 1;
      }));
    });
  }

  sortBy(column, sign) {
    for (const other of this.heads) other.removeAttribute("aria-sort");
    this.heads[column].setAttribute("aria-sort", sign < 0 ? "descending" : "ascending");
    this.sorted = { column, sign };
  }

  makeFilter() {
    this.field = element("input", { type: "search", class: "find", placeholder: "Find a row…", "aria-label": "Show only rows that contain" });
    this.frame.before(this.field);
    this.field.addEventListener("input", () => this.act(() => {
      this.wanted = this.field.value.toLowerCase();
      this.page = 1;
    }));
  }

  makeFoot() {
    const button = (text, click, name) => {
      const made = element("button", { type: "button", class: "plainbutton", "aria-label": name }, text);
      made.addEventListener("click", click);
      return made;
    };
    this.status = element("p", { class: "quiet", role: "status", tabindex: "-1" });
    this.more = button("Show more rows", () => this.act(() => {}), "Show more rows");
    this.before = button("← Previous", () => this.act(() => { this.page -= 1; }), "Previous rows");
    this.after = button("Next →", () => this.act(() => { this.page += 1; }), "Next rows");
    const save = button("CSV", () => this.save(), "Download the rows that are found as CSV");
    this.foot = element("div", { class: "table-foot" }, this.status, this.before, this.after, this.more, save);
    this.frame.after(this.foot);
    this.tell(0, this.rows.length, this.total);
  }

  /** `of` rows are found; those from `start` up to `end` are shown. */
  tell(start, end, of) {
    if (!this.foot) return;
    const held = [this.before, this.after, this.more].find((one) => one === document.activeElement);
    const part = of > end - start;
    this.status.textContent = part ? `Rows ${counted(start + 1)} to ${counted(end)} of ${counted(of)}.` : of === 0 ? "No row is like that." : `${counted(of)} rows.`;
    this.status.hidden = !part && !this.field;
    this.more.hidden = !(this.loadAll && end < PAGE);
    this.before.hidden = !(start > 0);
    this.after.hidden = !(end < of) || !this.more.hidden;
    if (held?.hidden) this.status.focus(); // the reader's place is not lost with the button
  }

  /** What the address says of this table. */
  restore() {
    const said = new URLSearchParams(location.search);
    const [wanted, sort, page] = ["find", "sort", "page"].map((name) => said.get(name + this.suffix));
    const column = this.names.indexOf(sort?.replace(/^-/, ""));
    const number = /^[1-9][0-9]{0,5}$/.test(page ?? "") ? Number(page) : 1;
    if (!(wanted && this.field) && column < 0 && number === 1) return;
    this.act(() => {
      if (wanted && this.field) this.wanted = (this.field.value = wanted).toLowerCase();
      if (column >= 0) this.sortBy(column, sort.startsWith("-") ? -1 : 1);
      this.page = number;
    });
  }

  /** Change what is shown, over all rows there are and not only over those that the page came with. */
  async act(change) {
    change();
    if (!(await this.complete())) return;
    this.show();
    const sort = this.sorted && (this.sorted.sign < 0 ? "-" : "") + this.names[this.sorted.column];
    remember({ [`find${this.suffix}`]: this.wanted, [`sort${this.suffix}`]: sort, [`page${this.suffix}`]: this.page > 1 ? String(this.page) : null });
  }

  /** Which rows are wanted now: those of the page, or all where they are sorted or looked through. */
  range(all) {
    if (all || this.sorted || this.wanted) return [0, this.total];
    const from = (Math.min(this.page, Math.ceil(this.total / PAGE)) - 1) * PAGE;
    return [from, Math.min(from + PAGE, this.total)];
  }

  lacks([from, to]) {
    for (let place = from; place < to; place++) if (!this.rows[place]) return true;
    return false;
  }

  /** Whether the rows are there now that are wanted, or all; the reader may have asked for others meanwhile. */
  async complete(all = false) {
    while (this.loadAll && this.lacks(this.range(all))) {
      try {
        this.rows = await this.loadAll(...this.range(all), (text) => this.say(text));
        if (!this.rows.includes(undefined)) this.loadAll = null;
      } catch (error) {
        this.say(`The other rows could not be loaded: ${error.message}`);
        return false;
      }
    }
    return true;
  }

  say(text) {
    this.status.hidden = false;
    this.status.textContent = text;
  }

  found() {
    if (!this.wanted && !this.sorted) return this.rows;
    for (const one of this.rows) one.keys ??= [...one.row.cells].map(textOf);
    const rows = this.wanted ? this.rows.filter((one) => one.keys.some((key) => key.toLowerCase().includes(this.wanted))) : this.rows;
    if (!this.sorted) return rows;
    const { column, sign } = this.sorted;
    return rows.toSorted((a, b) => sign * compare(a.keys[column], b.keys[column]));
  }

  show() {
    const rows = this.found();
    this.page = Math.min(this.page, Math.max(1, Math.ceil(rows.length / PAGE)));
    const start = (this.page - 1) * PAGE;
    const shown = rows.slice(start, start + PAGE);
    this.body.replaceChildren(...shown.map((one) => (one.row ??= label(this.table, one.make()))));
    this.tell(start, start + shown.length, rows.length);
  }

  async save() {
    if (!(await this.complete(true))) return;
    this.show();
    const title = `${document.title} ${this.table.caption?.textContent ?? ""}`;
    const name = title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 80);
    downloadCsv(name || "table", [this.headings, ...this.found().map((one) => one.keys ?? [...one.row.cells].map(textOf))]);
  }
}
