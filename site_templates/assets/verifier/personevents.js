// Everything that a person did, in files of his own (`contributors/USER/events.jsonl`, `events-0002.jsonl`, …): each line
// what the records give of one event, epoch by epoch. Held to the records for one epoch, or for all of them together.
import { bytesOf, concat, sha256Hex } from "./bytes.js";
import { lineSpans } from "./canonical.js";

const MOST_LINES = 5; // that are named of one person's files

const byTime = (a, b) => (a.event_time < b.event_time ? -1 : a.event_time > b.event_time ? 1 : a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line);

/** The lines that one epoch gives to each user's files, in their order: user → texts without line ends. */
export function personLines({ scopeId, epochId }, { outcomes, statement }) {
  const found = new Map();
  for (const { event, user, units, included, weightSource } of outcomes) {
    if (user === null) continue;
    if (!found.has(user)) found.set(user, []);
    found.get(user).push({
      artifact_url: event.artifact_url, epoch_id: epochId, event_time: event.event_time, event_type: event.event_type, file: event.shard, id: event.id, included,
      late: event.event_time < statement.period_start, line: event.line, milli_units: String(units), quantity: Number(event.quantity), scope_id: scopeId,
      source: event.source, title: event.stored_title, weight_source: weightSource,
    });
  }
  return new Map([...found].map(([user, lines]) => [user, lines.sort(byTime).map((line) => JSON.stringify(line))]));
}

/** How many lines, how many bytes and which hash these lines are of a user's files: enough to know them by. */
export function sealOf(lines) {
  const data = bytesOf(lines.map((line) => `${line}\n`).join(""));
  return { count: lines.length, size: data.length, hash: sha256Hex(data) };
}

/** The place of each epoch `N,scope` in everybody's files, by the published list: as its window begins, then by scope. */
export function orderOf(epochs) {
  const before = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  const sorted = [...epochs].sort((a, b) => before(a.period_start, b.period_start) || before(a.scope_id, b.scope_id) || a.epoch_id - b.epoch_id);
  return new Map(sorted.map((one, index) => [`${one.epoch_id},${one.scope_id}`, index]));
}

const fileOf = (user, index) => `contributors/${user}/events${index ? `-${String(index + 1).padStart(4, "0")}` : ""}.jsonl`;

/** The files that a person's own file lists; none, and told, where they are not named as such files are. */
function filesOf(out, user, about) {
  const [path, listed] = [`contributors/${user}.json`, Array.isArray(about.event_files) ? about.event_files : []];
  const right = listed.every((one, index) => one?.path === fileOf(user, index));
  if (!right) out.tell(path, "event_files", "files named one after the other", about.event_files);
  out.same(path, "event_count", listed.reduce((sum, one) => sum + one.event_count, 0), about.event_count);
  return right ? listed : [];
}

/** One of a person's files; null where it is listed and not there, which is told. */
async function readListed(out, { path, event_count: stated }) {
  const data = await out.read(path);
  if (data === null) out.tell(path, "the file", "a file", "none");
  else {
    const count = [...lineSpans(data)].length;
    if (count !== stated) out.tell(path, "event_count that is listed", count, stated);
  }
  return data;
}

/** The scope and epoch of a line, as written; an empty text where it is of no such form. */
const epochOf = (line) => /"epoch_id":([0-9]+),.*"scope_id":"([a-z0-9-]+)"/.exec(line)?.slice(1).join() ?? "";

/**
 * One epoch: what it gives to a person's files, and what they have of it. Files follow the epochs' windows, so of many only
 * those are read in which the epoch may lie. `order`: the place of each epoch `N,scope` among all, as published.
 */
export async function epochOfPerson(out, user, about, due, mine, order) {
  const listed = filesOf(out, user, about);
  const place = (text) => order.get(epochOf(text)) ?? -1;
  const texts = new Map();
  const linesOf = async (index) => {
    if (!texts.has(index)) {
      const data = await readListed(out, listed[index]);
      texts.set(index, data === null ? [] : new TextDecoder().decode(data).split("\n").slice(0, -1));
    }
    return texts.get(index);
  };
  let [low, high] = [0, listed.length];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (place((await linesOf(middle))[0] ?? "") < order.get(mine)) low = middle;
    else high = middle;
  }
  const found = [];
  for (let index = low; index < listed.length; index += 1) {
    const lines = await linesOf(index);
    for (const line of lines) if (epochOf(line) === mine) found.push([listed[index].path, line]);
    if (place(lines.at(-1) ?? "") > order.get(mine)) break;
  }
  const path = found[0]?.[0] ?? listed[Math.min(low, listed.length - 1)]?.path ?? `contributors/${user}.json`;
  tellLines(out, found, due, path, mine);
}

function tellLines(out, found, due, path, mine) {
  const told = mine.split(",").reverse().join("/");
  let wrong = 0;
  for (let index = 0; index < Math.max(found.length, due.length) && wrong < MOST_LINES; index += 1) {
    const [where, line] = found[index] ?? [path, "none"];
    if (line === (due[index] ?? "none")) continue;
    out.tell(where, `line ${index + 1} of epoch ${told}`, due[index] ?? "none", line);
    wrong += 1;
    if (found.length !== due.length) return; // all behind it is moved
  }
}

/**
 * All epochs: a person's files held to what the epochs give of him, one file after the other until that is read, and what his own
 * file lists of them held to these.
 * @param seals  those of his epochs (`sealOf`), with `place` in words, in the order of the files
 * @param about  his own file; null where it is not published
 */
export async function allOfPerson(out, user, seals, about) {
  const due = seals.reduce((sum, { size }) => sum + size, 0);
  const files = [];
  for (let read = 0; read < due;) {
    const path = fileOf(user, files.length);
    const data = await out.read(path);
    if (data === null || data.length === 0) {
      if (files.length || about?.event_files?.length) out.tell(path, "the file", "a file", "none");
      else out.unseen.push(path); // not published: nothing is believed because of it
      return;
    }
    files.push({ path, data });
    read += data.length;
  }
  const all = concat(files.map(({ data }) => data));
  const pathAt = (at) => {
    let end = 0;
    return files.find(({ data }) => (end += data.length) > at)?.path ?? files.at(-1).path;
  };
  let at = 0;
  for (const { place, count, size, hash } of seals) {
    if (sha256Hex(all.subarray(at, at + size)) !== hash) {
      out.tell(pathAt(at), `lines of epoch ${place}`, `${count} with the hash ${hash}`, "others");
      return; // what lies behind may only be moved
    }
    at += size;
  }
  if (at < all.length) out.tell(pathAt(at), "lines behind the last", "none", `${all.length - at} bytes more`);
  if (about === null) return;
  const listed = files.map(({ path, data }) => ({ event_count: [...lineSpans(data)].length, path }));
  out.same(`contributors/${user}.json`, "event_files", listed, about.event_files ?? null);
  out.same(`contributors/${user}.json`, "event_count", listed.reduce((sum, one) => sum + one.event_count, 0), about.event_count);
}
