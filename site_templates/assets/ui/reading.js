// The page in front of the reader against what the recheck computed: every figure and name that carries `data-figure`, or
// stands in a table with `data-fields`. What is right gets a small mark, what is wrong is named and marked where it stands.
import { counted, make, outside } from "./dom.js";

const MOST_ROWS = 100; // rows of a table that a page shows at once
const SKIPPED = "[aria-hidden], .tag, .ledger-mark, button, script, noscript";
const squeezed = (text) => text.replace(/\s+/g, " ").trim();

/** What an element says: without pictures and tools, and without figures of their own in it. */
function textOf(element) {
  let text = "";
  for (const node of element.childNodes) {
    if (node.nodeType === Node.TEXT_NODE) text += node.data;
    else if (node.nodeName === "BR") text += " ";
    else if (node.nodeType !== Node.ELEMENT_NODE || node.matches(SKIPPED) || node.dataset.figure) continue;
    else text += node.matches("details.whole") ? unfolded(node) : textOf(node);
  }
  return text;
}

/** A long text that is folded: the whole of it, where the part that is seen is its beginning. */
function unfolded(details) {
  const [seen, whole] = [...details.children].map((child) => child.textContent);
  return whole.startsWith(seen.replace(/…$/, "")) ? whole : seen;
}

/** Each figure of the page: its element, the row it stands in, its field, and where that is in words. */
function* figuresOf(page) {
  for (const element of page.querySelectorAll("[data-figure]")) {
    const row = element.closest("tr[id], [data-row]");
    yield { element, row: row?.id ?? "", field: element.dataset.figure };
  }
  for (const table of page.querySelectorAll("table[data-fields]")) {
    const fields = table.dataset.fields.split(" ");
    for (const row of table.tBodies[0].rows)
      for (const [index, cell] of [...row.cells].entries())
        if ((fields[index] ?? "") !== "-") yield { element: cell, row: row.id, field: fields[index] ?? "a cell too many" };
  }
}

const inWords = (row, field) => `${field.replace(/[-_]/g, " ")}${row ? ` of ${row.replace(/^(user|why|kind|event|check)-/, "")}` : ""}`;

function mark(element, right, due) {
  element.classList.remove("proved", "wrong");
  element.querySelector(":scope > .ledger-mark")?.remove();
  element.classList.add(right ? "proved" : "wrong");
  if (!right) element.append(make("span", { class: "ledger-mark" }, due === null ? " ← the records give nothing like it" : ` ← recomputed: ${due}`));
}

/** Rows that the records give and a table leaves out without having more of them to show. */
function missing(page, sets) {
  const found = [];
  for (const table of page.querySelectorAll("table[data-fields][data-of]")) {
    const due = sets[table.dataset.of] ?? [];
    const rows = [...table.tBodies[0].rows];
    const stated = table.dataset.total === undefined ? null : Number(table.dataset.total);
    if (stated !== null && stated !== due.length) found.push({ where: `number of rows of “${table.caption.textContent}”`, due: String(due.length), seen: String(stated), element: table });
    const narrowed = [...page.querySelectorAll("input.find")].some((field) => field.value !== "");
    if (narrowed || rows.length >= Math.min(due.length, MOST_ROWS)) continue;
    const there = new Set(rows.map((row) => row.id));
    for (const id of due.filter((one) => !there.has(one)).slice(0, 5)) found.push({ where: `row ${id} of “${table.caption.textContent}”`, due: "a row", seen: "none", element: table });
  }
  return found;
}

/** Hold the page against `{rows, sets}` (verifier/figures.js): how many figures were looked at, and each that is wrong. */
export function readPage(page, { rows, sets }) {
  const wrong = [];
  let looked = 0;
  for (const { element, row, field } of figuresOf(page)) {
    const due = rows[row]?.[field];
    if (due === null) continue;
    const seen = squeezed(textOf(element));
    const right = [due ?? []].flat().some((one) => squeezed(one) === seen);
    looked += 1;
    mark(element, right, due === undefined ? null : [due].flat()[0]);
    if (!right) wrong.push({ where: inWords(row, field), seen, due: due === undefined ? "nothing" : [due].flat()[0], element });
  }
  return { looked, wrong: [...wrong, ...missing(page, sets)] };
}

/** The figures that are wrong, each with a way to it; and the published lists that are. */
export function readingView({ looked, wrong }, published, base) {
  const lines = [
    ...wrong.map(({ where, seen, due, element }) => {
      const go = make("button", { type: "button", class: "ledger-go", click: () => show(element) }, where);
      return make("li", {}, go, ": the page says ", outside(seen || "nothing", { class: "bad" }), ", the records give ", outside(due), ".");
    }),
    ...published.findings.map(({ path, what, expected, actual }) =>
      make("li", {}, make("a", { href: new URL(path, base).href }, path), ", ", outside(what), ": it says ", outside(actual.slice(0, 300), { class: "bad" }), ", the records give ", outside(expected.slice(0, 300)), ".")),
  ];
  if (lines.length) return make("div", { class: "ledger-reading" }, make("h3", {}, `Wrong here: ${counted(lines.length, "place")}`), make("ul", {}, ...lines));
  return make("p", { class: "quiet" }, looked ? `${counted(looked, "figure")} and names on this page were read and compared; each that was proved carries a small ✓. ` : "",
    published.unseen.length ? `Not published here, so not compared: ${published.unseen.slice(0, 5).join(", ")}.` : "");
}

/** Lead the reader to a place of the page, whatever it is folded into. */
function show(element) {
  for (let fold = element.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  element.scrollIntoView({ block: "center" });
  element.setAttribute("tabindex", "-1");
  element.focus({ preventScroll: true });
}
