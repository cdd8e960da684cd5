// Elements from plain values: every text is set as text, never as markup, so that hostile records stay inert.
import { short } from "../verifier/words.js";

/** `make("p", {class: "quiet"}, "text", element, …)`; attributes that are null or false are left out. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

export const button = (text, click, attributes = {}) => make("button", { type: "button", class: "md-button", click, ...attributes }, text);

/** A text from outside, kept apart: marks in it that turn the direction of writing end where it ends. */
export const outside = (text, attributes = {}) => make("bdi", attributes, text);

/** A name from outside on one line: cut where it has no end, whole to whoever points at it or opens the person's page. */
export function named(text, attributes = {}) {
  const long = [...text].length > 24;
  return outside(short(text), { ...(long ? { class: "cut", title: text.slice(0, 400) } : {}), ...attributes });
}

/** `1 event`, `2 events`. */
export const counted = (count, word) => `${count} ${word}${Number(count) === 1 ? "" : "s"}`;

/** A table of ready cells; `columns` are `[heading, class]`. */
export function table(caption, columns, rows) {
  const head = make("tr", {}, ...columns.map(([heading, kind]) => make("th", { scope: "col", class: kind ?? null }, heading)));
  const body = rows.map((cells) => make("tr", {}, ...cells.map((cell, index) => make("td", { class: columns[index][1] ?? null, "data-label": columns[index][0] }, cell))));
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    make("table", { class: "plain stack" }, make("caption", { class: "quiet" }, caption), make("thead", {}, head), make("tbody", {}, ...body)));
}

/** The button that copies a block's text, and says when it is done. */
export function copyButton(field, label) {
  const said = make("span", { role: "status", class: "quiet" });
  const copy = button(label, async () => {
    try {
      await navigator.clipboard.writeText(field.textContent);
      said.textContent = " Copied.";
    } catch {
      getSelection().selectAllChildren(field);
      said.textContent = " Copying was refused: it is selected now, press Ctrl+C.";
    }
  });
  return [copy, said];
}

/** A text to copy with its button. */
export function copyable(text, label, id) {
  const field = make("pre", { id, tabindex: "0" }, make("code", {}, text));
  return make("div", { class: "ledger-copy" }, field, ...copyButton(field, label));
}

/** A place that tells how work goes on: a progress bar, and words that screen readers read out. */
export class Progress {
  constructor() {
    this.bar = make("progress", { hidden: true, "aria-label": "progress" });
    this.words = make("p", { role: "status", "aria-live": "polite" });
    this.element = make("div", { class: "ledger-progress" }, this.bar, this.words);
  }

  show({ stage, done, total }) {
    this.bar.hidden = false;
    this.bar.max = Math.max(total, 1);
    this.bar.value = done;
    if (!this.words.textContent.startsWith(stage.split(" ")[0])) this.words.textContent = `${stage} …`;
  }

  say(text, kind = "") {
    this.bar.hidden = true;
    this.words.className = kind;
    this.words.textContent = text;
  }
}
