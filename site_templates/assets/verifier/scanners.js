// Workers beside that scan the parts of a log (scanner.js), as many as there are cores.
import { scanPart } from "./activity.js";
import { isShard } from "./load.js";
import { PART } from "./log.js";

const MOST = 8;
const PACKED = 16; // times that a host may make a log smaller on its way

export class Scanners {
  #helpers = [];

  /** A file of which so many bytes are on their way: the helpers for a long log begin to load before it is here. */
  expect(path, bytes) {
    if (bytes > PART / PACKED && isShard(path.slice(path.lastIndexOf("/") + 1))) this.#start(MOST);
  }

  #start(most) {
    const count = Math.min(most, MOST, navigator.hardwareConcurrency ?? 1);
    while (count > 1 && this.#helpers.length < count) this.#helpers.push(new Worker(new URL("scanner.js", import.meta.url), { type: "module" }));
  }

  /** Scan the parts, each to `each(part, scanned)`, in order; a short log, or where there is one core, right here. */
  async scan(parts, epoch, each) {
    this.#start(parts.length);
    if (this.#helpers.length < 2) {
      for (const part of parts) each(part, scanPart(part, epoch));
      return;
    }
    const scanned = [];
    let [next, given] = [0, 0];
    await Promise.all(this.#helpers.map(async (helper) => {
      while (next < parts.length) {
        const index = next++;
        scanned[index] = await asked(helper, parts[index], epoch);
        for (; scanned[given]; given += 1) {
          each(parts[given], scanned[given]);
          scanned[given] = null;
        }
      }
    }));
  }

  end() {
    for (const helper of this.#helpers.splice(0)) helper.terminate();
  }
}

function asked(helper, part, epoch) {
  return new Promise((resolve, reject) => {
    helper.onmessage = ({ data }) => ("error" in data ? reject(new Error(data.error)) : resolve(data.result));
    helper.onerror = () => reject(new Error("a worker of the check could not run"));
    const data = part.data.slice();
    helper.postMessage({ part: { ...part, data }, epoch }, [data.buffer]);
  });
}
