// Workers beside that scan the parts of a log (scanner.js), as many as there are cores; those of a long log while it comes.
import { scanPart } from "./activity.js";
import { isTorn } from "./canonical.js";
import { isShard } from "./load.js";
import { PART, partEnd } from "./log.js";

const MOST = 8;
const PACKED = 16; // times that a host may make a log smaller on its way

/** The bytes of an answer, when all are here. */
export const whole = async (answer) => new Uint8Array(await answer.arrayBuffer());

export class Scanners {
  #helpers = [];
  #free = [];
  #due = []; // parts that wait for a helper
  #given = new Map(); // by helper, the part that it was given last
  #broken = false;
  #epochs = new Map(); // by folder, what its epoch.json says of the epoch, as text
  #ahead = new Map(); // by the buffer of a log, and where a part begins in it: its end, the epoch it was scanned for, what came of it

  /** The bytes of a file that is on its way. Of a long log the parts are scanned as they come, for an epoch as its file says. */
  async take(path, answer) {
    const [, folder, name] = /^(.*\/)?([^/]*)$/.exec(path);
    if (name === "epoch.json") return this.#remember(folder, await whole(answer));
    const bytes = Number(answer.headers.get("content-length"));
    if (!(bytes > PART / PACKED && isShard(name))) return whole(answer);
    this.#start(MOST);
    if (this.#helpers.length < 2) return whole(answer);
    const parts = new Map();
    let [data, begin] = [new Uint8Array(0), 0];
    const scan = (end, epoch) => {
      const from = begin;
      const part = { bytes: () => data.slice(from, end), torn: end === data.length && isTorn(data) };
      parts.set(from, { end, epoch, result: this.#ask(part, epoch) });
      begin = end;
    };
    for await (data of growing(answer.body.getReader(), bytes)) {
      const epoch = this.#epochs.get(folder);
      for (let end = epoch ? partEnd(data, begin) : -1; end !== -1; end = partEnd(data, begin)) scan(end, epoch);
    }
    if (begin > 0 && begin < data.length) scan(data.length, this.#epochs.get(folder));
    this.#ahead.set(data.buffer, parts);
    return data;
  }

  /** What `scan` will ask for, if this is the epoch's file and right: whatever else it asks for is scanned then. */
  #remember(folder, data) {
    try {
      const { node_id, scope_id, period_end } = JSON.parse(new TextDecoder().decode(data));
      this.#epochs.set(folder, JSON.stringify({ node_id, scope_id, period_end }));
    } catch {} // no JSON: the check tells it
    return data;
  }

  #start(most) {
    const count = Math.min(most, MOST, navigator.hardwareConcurrency ?? 1);
    while (count > 1 && this.#helpers.length < count) {
      const helper = new Worker(new URL("scanner.js", import.meta.url), { type: "module" });
      helper.onmessage = ({ data }) => this.#answered(helper, data);
      helper.onerror = () => this.#fail();
      this.#helpers.push(helper);
      this.#free.push(helper);
    }
  }

  /** Scan the parts, each to `each(part, scanned)`, in order; a short log, or where there is one core, right here. */
  async scan(parts, epoch, each) {
    this.#start(parts.length);
    if (this.#helpers.length < 2) {
      for (const part of parts) each(part, scanPart(part, epoch));
      return;
    }
    const { node_id, scope_id, period_end } = epoch;
    const wanted = JSON.stringify({ node_id, scope_id, period_end });
    const results = parts.map((part) => this.#known(part, wanted) ?? this.#ask({ bytes: () => part.data.slice(), torn: part.torn }, wanted));
    for (const [index, part] of parts.entries()) {
      each(part, await results[index]);
      results[index] = null;
    }
  }

  /** What came of exactly this part for exactly this epoch, where it was scanned already, or is about to be. */
  #known({ data: { buffer, byteOffset, byteLength } }, epoch) {
    const parts = this.#ahead.get(buffer);
    const found = parts?.get(byteOffset);
    parts?.delete(byteOffset); // asked for once; what came of it is let go with the part
    return found && found.end === byteOffset + byteLength && found.epoch === epoch ? found.result : null;
  }

  /** Have a part scanned by the first helper that is free. */
  #ask(part, epoch) {
    const result = new Promise((resolve, reject) => this.#due.push({ part, epoch, resolve, reject }));
    result.catch(() => {}); // told to who waits for it
    this.#next();
    return result;
  }

  #next() {
    while (!this.#broken && this.#free.length && this.#due.length) this.#give(this.#free.pop(), this.#due.shift());
    if (this.#broken) for (const { reject } of this.#due.splice(0)) reject(new Error("a worker of the check could not run"));
  }

  #give(helper, task) {
    this.#given.set(helper, task);
    try {
      const data = task.part.bytes();
      helper.postMessage({ part: { data, torn: task.part.torn }, epoch: JSON.parse(task.epoch) }, [data.buffer]);
    } catch (error) { // no room for a copy
      task.reject(error);
      this.#free.push(helper);
    }
  }

  #answered(helper, { result, error }) {
    const { resolve, reject } = this.#given.get(helper);
    if (error === undefined) resolve(result);
    else reject(new Error(error));
    this.#free.push(helper);
    this.#next();
  }

  /** One that cannot run answers nothing, now or later: all that wait are told. */
  #fail() {
    this.#broken = true;
    this.#due.push(...this.#given.values());
    this.#next();
  }

  end() {
    for (const helper of this.#helpers.splice(0)) helper.terminate();
  }
}

/** The bytes of a stream so far, each time that some came, in room for `expected` of them, or in more where more came. */
async function* growing(stream, expected) {
  let room = new Uint8Array(expected);
  let size = 0;
  for (let { done, value } = await stream.read(); !done; { done, value } = await stream.read()) {
    if (size + value.length > room.length) {
      const before = room;
      room = new Uint8Array(2 * (size + value.length));
      room.set(before);
    }
    room.set(value, size);
    size += value.length;
    yield room.subarray(0, size);
  }
}
