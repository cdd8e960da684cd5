// The statement log of a scope: everything that became final, in order (specification, section 5).
import { bytesOf, concat, hex, sha256Hex } from "./bytes.js";
import { encode } from "./canonical.js";
import { leafHash, rootOfHashes } from "./merkle.js";

/** Size and RFC 9162 root of a prefix; a leaf is the 64 hex digits of a line's `hash`. */
export const logPin = (lines) => ({ root: hex(rootOfHashes(concat(lines.map((line) => leafHash(bytesOf(line.hash)))))), size: lines.length });

const LOOKED_AT = ["approvers", "statement", "amendment"];

/** How the log names an approver set. */
export const setRef = (scope, seq) => `data/approvers/${scope}.jsonl:${seq}`;

/** The sets that count, as something final. */
export const finalSets = (scope, chain) =>
  chain.counting.map((line) => ({ kind: "approvers", ref: setRef(scope, line.seq), hash: sha256Hex(encode(line)), pinned: null }));

/**
 * What speaks against the lines about approver sets, statements and amendments: `[message, path, line, expected, found]`. `final`: what is final by the files, in the order of
 * each kind; a `hash` or `pinned` of null was not looked at.
 */
export function* logFindings(path, lines, final) {
  const keyOf = ({ kind, ref }) => `${kind} ${ref}`;
  const there = new Map(final.map((one, place) => [keyOf(one), { place, one }]));
  const [last, seen] = [new Map(), new Set()];
  for (const line of lines) {
    if (!LOOKED_AT.includes(line.kind)) continue; // no file of these kinds is looked at here
    const key = keyOf(line);
    const found = there.get(key);
    if (found === undefined) {
      yield ["names what is not final here", path, line.seq, null, key];
      continue;
    }
    const { place, one } = found;
    if (one.hash !== null && one.hash !== line.hash) yield [`is not the hash of ${line.ref}`, path, line.seq, one.hash, line.hash];
    if (seen.has(key)) yield ["names this a second time", path, line.seq, "once", line.ref];
    else if (line.kind !== "amendment" && place < (last.get(line.kind) ?? 0)) yield ["stands after what followed it", path, line.seq, null, line.ref];
    if (one.pinned !== null && !seen.has(`approvers ${one.pinned}`))
      yield ["stands before the approver set that signed it", path, line.seq, one.pinned, line.ref];
    last.set(line.kind, Math.max(place, last.get(line.kind) ?? 0));
    seen.add(key);
  }
  for (const one of final) if (!seen.has(keyOf(one))) yield ["is final and stands in no line of the statement log", one.ref, null, path, "no line"];
}
