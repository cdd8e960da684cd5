// Sort tables by a click on a heading, and filter those that ask for it. Works on what is there; fetches nothing.
"use strict";

const number = (text) => (/^[\d.]+$/.test(text) ? Number(text) : null);

function compare(a, b) {
  const [x, y] = [number(a), number(b)];
  return x !== null && y !== null ? x - y : a.localeCompare(b);
}

function makeSortable(table) {
  const body = table.tBodies[0];
  [...table.tHead.rows[0].cells].forEach((cell, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...cell.childNodes);
    button.title = "sort";
    cell.append(button);
    button.addEventListener("click", () => {
      const down = cell.getAttribute("aria-sort") !== "descending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].sort((one, two) =>
        compare(one.cells[column].textContent.trim(), two.cells[column].textContent.trim()));
      body.append(...(down ? rows.reverse() : rows));
    });
  });
}

function makeFilter(table) {
  const field = document.createElement("input");
  field.type = "search";
  field.className = "find";
  field.placeholder = "Find a name…";
  field.setAttribute("aria-label", "Show only rows that contain");
  table.parentElement.before(field);
  field.addEventListener("input", () => {
    const wanted = field.value.toLowerCase();
    for (const row of table.tBodies[0].rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
}

function openTarget() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) target.open = true;
}

document.querySelectorAll("table.sortable").forEach((table) => { if (table.tHead && table.tBodies[0].rows.length > 1) makeSortable(table); });
document.querySelectorAll("table.filter").forEach((table) => { if (table.tBodies[0].rows.length > 8) makeFilter(table); });
openTarget();
addEventListener("hashchange", openTarget);
