// Rows of a CSV text as RFC 4180 has them: commas, quotes that are doubled inside quotes; any line end.
import { bytesOf } from "./bytes.js";
import { Refusal } from "./errors.js";

/** @returns {{cells: string[], line: number, end: number}[]} `line`: the row's last line, from 1; `end`: the byte after it */
export function rowsOf(text) {
  const rows = [];
  let [cells, cell, quoted, closed, begun] = [[], "", false, false, false];
  let [line, from, end] = [1, 0, 0];
  const finish = (next) => {
    if (begun) cells.push(cell);
    end += bytesOf(text.slice(from, next)).length;
    rows.push({ cells, line, end });
    [cells, cell, closed, begun] = [[], "", false, false];
    from = next;
  };
  for (let at = 0; at < text.length; at += 1) {
    const mark = text[at];
    const ends = mark === "\n" || (mark === "\r" && text[at + 1] !== "\n");
    if (quoted) {
      if (mark === '"') [quoted, closed] = [false, true];
      else {
        cell += mark;
        if (ends) line += 1;
      }
    } else if (closed && mark === '"') {
      cell += '"';
      [quoted, closed] = [true, false];
    } else if (ends || (mark === "\r" && text[at + 1] === "\n")) {
      if (!ends) at += 1;
      finish(at + 1);
      line += 1;
    } else if (mark === ",") {
      cells.push(cell);
      [cell, closed, begun] = ["", false, true];
    } else if (closed) throw new Refusal("',' expected after '\"'");
    else if (mark === '"' && cell === "") [quoted, begun] = [true, true];
    else {
      cell += mark;
      begun = true;
    }
  }
  if (quoted) throw new Refusal("unexpected end of data");
  if (from < text.length) finish(text.length);
  return rows;
}
